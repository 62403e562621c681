"""The shared look: what it costs while many wait, and that nobody is shown a world from before they asked."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from daybreak.aws.faults import AwsFault
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Category, Reply, Trouble
from daybreak.observe.look import Lookout
from daybreak.observe.poller import CALM_ROUNDS, LONG_CALM_ROUNDS, Poller, Round

PAGE = 100


class CountingDoor:
    """A region in which every cluster asked for exists, with a writer and a reader; counts calls by page."""

    region = "us-east-1"

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.status = "creating"
        self.trouble: Trouble | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.is_asked = threading.Event()

    def read(self, call: AwsCall) -> dict[str, Any]:
        raise AssertionError(call.operation)

    def change(self, call: AwsCall) -> Reply:
        raise AssertionError(call.operation)

    def pages(self, call: AwsCall, items: str) -> Iterator[dict[str, Any]]:
        names = call.params["Filters"][0]["Values"]
        status = self.status
        self.is_asked.set()
        self.gate.wait(10)
        if self.trouble:
            raise AwsFault(self.trouble)
        bodies: list[dict[str, Any]] = []
        for name in names:
            if items == "DBClusters":
                bodies.append({"DBClusterIdentifier": name, "Status": status})
            else:
                bodies += [
                    {
                        "DBInstanceIdentifier": f"{name}-{number}",
                        "DBClusterIdentifier": name,
                        "DBInstanceStatus": status,
                    }
                    for number in (1, 2)
                ]
        self.calls[call.operation] += max(1, -(-len(bodies) // PAGE))
        return iter(bodies)


class Watch:
    """A clock that a sleep moves, for as long as a test wants."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept.append(seconds)


def poller_of(door: CountingDoor, watch: Watch) -> Poller:
    """A poller that looks every fifteen seconds of virtual time."""
    return Poller(Lookout(door), 15.0, monotonic=watch.monotonic, sleep=watch.sleep)


@pytest.mark.parametrize(("followers", "clusters", "instances"), [(1, 1, 1), (10, 1, 1), (100, 1, 2)])
def test_calls_grow_with_pages_and_not_with_followers(followers: int, clusters: int, instances: int) -> None:
    """A hundred restores after a bad deployment must not throttle the account they are to be restored in."""
    door, rounds = CountingDoor(), 6
    poller = Poller(Lookout(door), 0.15, monotonic=time.monotonic, sleep=time.sleep)
    names = [f"clone-{number}" for number in range(followers)]
    seen: dict[str, list[Round]] = {name: [] for name in names}
    all_there = threading.Barrier(followers)

    def follow(name: str) -> None:
        poller.watch(name)
        all_there.wait()
        for _ in range(rounds):
            seen[name].append(poller.next_round({name}))
        poller.unwatch(name)

    threads = [threading.Thread(target=follow, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(name in one.clusters and f"{name}-2" in one.instances for name in names for one in seen[name])
    looks = max(one.number for each in seen.values() for one in each)
    # Each look is one for everybody; a follower that is late for one takes the next.
    assert rounds <= looks <= rounds * 3
    assert door.calls["DescribeDBClusters"] == looks * clusters
    assert door.calls["DescribeDBInstances"] <= looks * instances


def test_a_round_that_began_earlier_is_not_good_enough() -> None:
    """A clean-up that took another run's look for its own would find its cluster gone, because nobody had asked for it."""
    door, watch = CountingDoor(), Watch()
    poller = poller_of(door, watch)
    poller.watch("early")
    door.gate.clear()
    early: list[Round] = []
    first = threading.Thread(target=lambda: early.append(poller.next_round()))
    first.start()
    assert door.is_asked.wait(10)
    poller.watch("late")
    late: list[Round] = []
    second = threading.Thread(target=lambda: late.append(poller.next_round({"late"})))
    second.start()
    door.status = "deleting"
    door.gate.set()
    first.join(10)
    second.join(10)
    assert "late" not in early[0].clusters
    assert late[0].number > early[0].number
    assert late[0].clusters["late"].status == "deleting"
    assert "late-1" in late[0].instances


def test_a_finished_round_is_never_given_twice_to_one_who_asks_again() -> None:
    """Between two questions the caller may have changed the world."""
    door, watch = CountingDoor(), Watch()
    poller = poller_of(door, watch)
    poller.watch("clone")
    assert poller.next_round().clusters["clone"].status == "creating"
    door.status = "available"
    assert poller.next_round().clusters["clone"].status == "available"


def test_instances_are_looked_at_only_while_somebody_waits_for_one() -> None:
    """Most of a restore waits for storage, and there are no instances then."""
    door, watch = CountingDoor(), Watch()
    poller = poller_of(door, watch)
    poller.watch("clone")
    assert poller.next_round().instances == {}
    assert set(poller.next_round({"clone"}).instances) == {"clone-1", "clone-2"}
    poller.next_round()
    assert door.calls == {"DescribeDBClusters": 3, "DescribeDBInstances": 1}


def test_no_round_begins_before_the_interval_is_over_and_calm_stretches_it() -> None:
    """Hours in which nothing happens cost half; the first news brings the short interval back."""
    door, watch = CountingDoor(), Watch()
    poller = poller_of(door, watch)
    poller.watch("clone")
    for _ in range(CALM_ROUNDS + 3):
        poller.next_round()
    assert set(watch.slept[:CALM_ROUNDS]) == {15.0}
    assert watch.slept[-1] == 30.0
    for _ in range(LONG_CALM_ROUNDS):
        poller.next_round()
    assert watch.slept[-1] == 45.0
    door.status = "available"
    poller.next_round()
    poller.next_round()
    assert watch.slept[-1] == 15.0


def test_a_look_that_fails_fails_its_caller_and_the_next_one_looks_again() -> None:
    """One throttled look must neither end everybody's wait nor be repeated without a pause."""
    door, watch = CountingDoor(), Watch()
    poller = poller_of(door, watch)
    poller.watch("clone")
    door.trouble = Trouble(category=Category.THROTTLED, code="Throttling")
    with pytest.raises(AwsFault):
        poller.next_round()
    door.trouble = None
    assert "clone" in poller.next_round().clusters
    assert watch.slept == [15.0]


def test_who_no_longer_waits_is_no_longer_looked_at() -> None:
    """A process that carries out many runs must not ask for those that are over; twice watched is watched until twice left."""
    door, watch = CountingDoor(), Watch()
    poller = poller_of(door, watch)
    for name in ("one", "two", "two"):
        poller.watch(name)
    poller.unwatch("one")
    poller.unwatch("two")
    assert set(poller.next_round().clusters) == {"two"}
