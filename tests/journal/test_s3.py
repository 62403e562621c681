"""Runs in a bucket: the next event's number is the fence, whatever happens to requests and replies."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from daybreak.aws.objects import Objects
from daybreak.errors import Failed, Paused, Refused
from daybreak.journal.s3 import S3Store
from daybreak.journal.store import TakenOver
from daybreak.model.plan import StepId
from daybreak.model.run import StepSent
from tests.fix_journal import Ground, append_steps, attached, writers
from tests.fix_lab import eventually
from tests.fix_s3 import Effect, Way, s3_client
from tests.fix_worlds import plan


@pytest.fixture
def ground(bucket: str, s3_url: str) -> Ground:
    """A prefix of a bucket."""
    return Ground(f"s3://{bucket}/state", s3_url)


@pytest.fixture
def run(ground: Ground) -> str:
    """A run that was created."""
    made = plan()
    ground.store().create(made)
    return made.run


def through(way: Way, ground: Ground, *, attempts: int = 1, tries: int = 4) -> S3Store:
    """The same store over the way that goes wrong; ``attempts`` are botocore's own."""
    objects = Objects(
        s3_client(way.url, attempts=attempts), ground.where.split("/")[2], tries=tries, sleep=lambda _: None
    )
    return S3Store(objects, "state", name=ground.where)


def keys(ground: Ground) -> list[str]:
    """All keys of the bucket."""
    listing = s3_client(ground.url).list_objects_v2(Bucket=ground.where.split("/")[2])
    return [item["Key"] for item in listing["Contents"]]


def test_a_run_is_a_few_objects_with_speaking_names(ground: Ground, run: str) -> None:
    """A person with the AWS console finds what there is."""
    with attached(ground.store(), run):
        ground.store().ask(run, "abort", "bob@south", "")
    (released,) = (key for key in keys(ground) if "/released/" in key)
    folder = f"state/runs/{run}"
    names = ["begun.json", "events/00000000.json", "events/00000001.json", "inbox/abort.json", "plan.json"]
    assert keys(ground) == sorted([released, *(f"{folder}/{name}" for name in names)])


@pytest.mark.sample("500 after-1", "503-1", "dropped-3", "lost-1")
@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("effect", ["lost", "dropped", "500 after", "503"])
def test_an_event_is_stored_once_whatever_happened_to_its_request(
    ground: Ground, run: str, way: Way, effect: Effect, attempts: int
) -> None:
    """After a lost reply our own event stands in the way: it is ours, and the run goes on."""
    with attached(through(way, ground, attempts=attempts), run) as journal:
        for _ in range(3):
            way.effects.extend([effect])
            append_steps(journal, 1)
        way.effects.extend([effect, effect, "pass"])
        append_steps(journal, 1)
        assert not way.effects
        assert ground.store().events(run) == journal.events
        assert len(journal.events) == 6


def test_a_false_acknowledgement_leaves_no_hole(ground: Ground, run: str, way: Way) -> None:
    """Whatever says 200 on the way, the next event stands where the journal says it stands."""
    with attached(through(way, ground), run) as journal:
        way.effects.extend(["lied", "pass", "unproven", "page"])
        append_steps(journal, 3)
        assert not way.effects
        assert ground.store().events(run) == journal.events


def test_creating_a_run_survives_a_lost_reply(ground: Ground, way: Way) -> None:
    """The plan that is there already is the one we just put there."""
    way.effects.append("lost")
    made = plan()
    through(way, ground).create(made)
    assert ground.store().plan(made.run) == made


@pytest.mark.parametrize("effect", ["lost", "dropped", "500 after", "503"])
def test_an_endpoint_that_stays_away_pauses_the_run(ground: Ground, run: str, way: Way, effect: Effect) -> None:
    """No change leaves without a durable intent; when S3 is back the run goes on, and no event is there twice."""
    with attached(through(way, ground), run) as journal:
        way.effects.extend([effect] * 4)
        with pytest.raises(Paused):
            journal.append(StepSent(step=StepId("a"), request_id="first"))
        assert journal.append(StepSent(step=StepId("a"), request_id="second"))
        marks = [event.body.request_id for event in journal.events if isinstance(event.body, StepSent)]
        # What was stored although nobody could tell is kept: the next number was ours.
        assert marks == (["first", "second"] if effect in {"lost", "500 after"} else ["second"])
        assert ground.store().events(run) == journal.events


def test_a_lost_reply_to_somebody_elses_number_still_fences(ground: Ground, run: str, way: Way) -> None:
    """The event in the way is not ours, however often we tried."""
    first = attached(through(way, ground), run, "ada@north")
    second = attached(ground.store(), run, "bob@south", take_over=True)
    way.effects.extend(["dropped", "lost"])
    with pytest.raises(TakenOver, match="bob@south"):
        append_steps(first, 1)
    assert ground.store().events(run) == second.events
    first.close()
    second.close()


def test_two_who_attach_at_the_same_moment_are_told_apart(ground: Ground, run: str) -> None:
    """Both saw a free run; the second to store its attachment is refused, and nothing of it stays."""
    store = ground.store()
    store.events(run)
    seen: list[str] = []

    def now_and_then() -> str:
        if not seen:  # between our look and our first event, somebody else attaches
            seen.append("x")
            attached(ground.store(), run, "bob@south")
        return "n"

    from tests.fix_journal import ticking

    with pytest.raises(Refused, match="taken at the same moment by bob@south"):
        store.attach(run, who="ada@north", where="north", now=ticking(), nonce=now_and_then)
    assert {event.writer.partition(":")[0] for event in ground.store().events(run)} == {"bob@south"}


@pytest.mark.parametrize("number", [0, 2, 4])
def test_a_missing_or_changed_event_is_named(ground: Ground, run: str, number: int) -> None:
    """Somebody tidied up the bucket."""
    with attached(ground.store(), run) as journal:
        append_steps(journal, 4)
    name = f"runs/{run}/events/{number:08d}.json"
    data = ground.read(name)
    for changed in (data.replace(b"2024", b"2025", 1), data[:-1], data + data, b"", b"\0" * len(data)):
        ground.write(name, changed)
        with pytest.raises(Failed, match=f"event {number} of"):
            ground.store().events(run)
    s3_client(ground.url).delete_object(Bucket=ground.where.split("/")[2], Key=f"state/{name}")
    with pytest.raises(Failed, match=f"event {number} of"):
        ground.store().events(run)


def test_a_dead_process_of_this_machine_need_not_be_asked(ground: Ground, run: str) -> None:
    """``kill -9``, then ``resume`` on the same machine; from another one a person says so."""
    here = f"ada@{socket.gethostname()}"
    with writers(ground, run, here) as (writer,):
        assert writer.tell("attach") == 2
        with pytest.raises(Refused, match="held by"):
            attached(ground.store(), run, here)
        writer.process.send_signal(signal.SIGKILL)
        writer.process.wait()
        attached(ground.store(), run, here).close()
    assert os.getpid() > 0


def test_a_process_elsewhere_is_known_by_its_signs_of_life(ground: Ground, run: str) -> None:
    """Nobody can ask another machine's processes; a wait of forty minutes writes no event, and is not a death."""
    bucket = ground.where.split("/")[2]
    store = S3Store(Objects(s3_client(ground.url), bucket), "state", beat=timedelta(seconds=0.05))
    with attached(store, run):
        eventually(lambda: len([key for key in keys(ground) if "/alive/" in key]) >= 3)
        carrier = ground.store().carrier(run)
        assert carrier.is_there is None
        assert carrier.heard is not None
    after = [key for key in keys(ground) if "/alive/" in key]
    assert ground.store().carrier(run).is_there is False, "it was released"
    time.sleep(0.3)
    assert len([key for key in keys(ground) if "/alive/" in key]) <= len(after) + 1, (
        "a released run gives no more signs"
    )


def test_a_sign_of_life_that_is_not_stored_harms_nothing(ground: Ground, run: str, way: Way) -> None:
    """People are told less; the run goes on."""
    bucket = ground.where.split("/")[2]
    objects = Objects(s3_client(way.url), bucket, tries=1, sleep=lambda _: None)
    with attached(S3Store(objects, "state", beat=timedelta(seconds=0.05)), run) as journal:
        seen = len(way.seen)
        way.effects.extend(["503", "dropped", "503"])
        eventually(lambda: len(way.seen) > seen + 4 and not way.effects)
        append_steps(journal, 2)
    assert ground.store().events(run) == journal.events


def test_a_bucket_that_replaces_objects_is_refused(ground: Ground) -> None:
    """Some stores that speak S3 ignore If-None-Match; two processes could write one run there."""

    class Careless:
        """Keeps objects and replaces them."""

        def __init__(self) -> None:
            self.objects: dict[str, bytes] = {}

        def put_if_absent(self, key: str, body: bytes) -> bool:
            self.objects[key] = body
            return True

        def get(self, key: str) -> bytes | None:
            return self.objects.get(key)

        def keys(self, prefix: str) -> Iterator[str]:
            return iter(sorted(self.objects))

        def folders(self, prefix: str) -> Iterator[str]:
            return iter(())

        def newest(self, prefix: str) -> None:
            """Nothing is dated here."""

    with pytest.raises(Refused, match="If-None-Match"):
        S3Store(Careless()).create(plan())


def test_a_watcher_fetches_each_event_once(ground: Ground, run: str, way: Way) -> None:
    """Watching a run of an hour must not cost a request for each event at each look."""
    watcher = through(way, ground)
    with attached(ground.store(), run) as journal:
        append_steps(journal, 6)
        watcher.events(run)
        before = len(way.seen)
        append_steps(journal, 1)
        assert watcher.events(run) == journal.events
    assert len(way.seen) == before + 2, "one list and one event"
