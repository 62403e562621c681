"""A volume follows another one: what has arrived can be read and restored there, and nothing else is there when it is promoted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from daybreak.errors import Refused
from daybreak.lab.volumes.volume import Volume
from tests.fix_lab import eventually
from tests.lab.volumes.fix_volumes import Yard, answer, login, run

ROWS = "select count(*) from orders"
MANY = "insert into orders (note) select generate_series(1, 10)"


def pair(yard: Yard) -> tuple[Volume, Volume]:
    """A running leader with ten orders, and a running follower that has them."""
    leader = yard.started(yard.create("leader"))
    run(leader, "create table orders (id serial primary key, note text)", MANY)
    leader.tick()
    follower = yard.started(Volume.follow(leader, yard.place("follower")))
    eventually(lambda: has_orders(follower, 10))
    return leader, follower


def has_orders(follower: Volume, count: int) -> bool:
    """Whether that many of the leader's orders can be read; a follower that just started may not have the table yet."""
    return bool(answer(follower, "select to_regclass('orders') is not null")) and bool(answer(follower, ROWS) == count)


def ship(leader: Volume, follower: Volume, until: datetime | None = None) -> datetime:
    """Publish what there is, and send it."""
    limit = leader.tick()
    leader.send(follower, until or limit)
    return limit


def test_a_follower_reads_what_has_arrived_and_takes_no_write(each_yard: Yard) -> None:
    """It is a server of its own; a write is refused as Aurora's secondary refuses it."""
    leader, follower = pair(each_yard)
    run(leader, MANY)
    ship(leader, follower)
    eventually(lambda: bool(answer(follower, ROWS) == 20))
    with login(follower) as session, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        session.execute("delete from orders")
    for act in (
        follower.back_up,
        lambda: follower.set_master_password("x" * 10),
        lambda: follower.snapshot(each_yard.place("s")),
    ):
        with pytest.raises(Refused, match="follows another one"):
            act()


@pytest.mark.sweep
def test_a_follower_outlives_larger_settings_of_its_leader(yard: Yard) -> None:
    """PostgreSQL's standby stops to replay then, and Aurora's secondary does not."""
    leader, follower = pair(yard)
    leader.stop()
    yard.started(leader, max_connections="170")
    run(leader, MANY)
    ship(leader, follower)

    def has_kept_up() -> bool:
        follower.keep_up()
        return bool(answer(follower, ROWS) == 20)

    eventually(has_kept_up)


@pytest.mark.sweep
def test_a_follower_restores_to_any_moment_that_has_arrived(yard: Yard) -> None:
    """Its window ends where the log that it has ends, and its leader need not be there."""
    leader, follower = pair(yard)
    moment = ship(leader, follower)
    run(leader, "delete from orders")
    late = ship(leader, follower)
    assert follower.window[1] == late
    leader.retire(keep_backups=False)
    assert answer(yard.restored(follower, "then", moment), ROWS) == 10
    assert answer(yard.restored(follower, "now"), ROWS) == 0
    assert not yard.restored(follower, "free").follows


def test_what_has_not_arrived_is_lost_with_the_leader(yard: Yard) -> None:
    """A promotion that knew more than the follower would hide the loss that a lost region is."""
    leader, follower = pair(yard)
    before = ship(leader, follower)
    run(leader, MANY)
    ship(leader, follower, until=before)
    leader.stop(abruptly=True)
    assert follower.window[1] == before
    follower.promote()
    promoted = yard.started(follower)
    assert answer(promoted, ROWS) == 10
    run(promoted, MANY)
    assert promoted.tick() > before
    assert answer(yard.restored(promoted, "clone"), ROWS) == 20


@pytest.mark.sample("newest")
def test_a_leader_that_hands_over_loses_nothing(each_yard: Yard) -> None:
    """Not even what was committed after the last moment that it published, by a client that nobody asked to stop."""
    leader, follower = pair(each_yard)
    last: list[Any] = []

    def publish_and_write() -> None:
        real()
        last.append(answer(leader, "insert into orders (note) values ('late') returning id"))

    real, leader._publish_if_possible = leader._publish_if_possible, publish_and_write  # type: ignore[method-assign]
    leader.hand_over(follower)
    follower.promote()
    promoted = each_yard.started(follower)
    assert len(last) == 1
    assert answer(promoted, ROWS) == 11
    again = each_yard.started(Volume.follow(promoted, each_yard.place("back")))
    run(promoted, MANY)
    ship(promoted, again)
    eventually(lambda: bool(answer(again, ROWS) == 21))


@pytest.mark.sweep
def test_an_idle_leader_lets_its_follower_keep_up(yard: Yard) -> None:
    """Nothing committed is nothing behind; and no moment is promised whose log is still on its way."""
    leader, follower = pair(yard)
    ship(leader, follower)
    later = ship(leader, follower)
    assert follower.window[1] == later
    run(leader, MANY)
    ahead = leader.tick()
    leader.send(follower, later)
    assert follower.window[1] == later < ahead
    leader.send(follower, ahead - timedelta(microseconds=1))
    assert follower.window[1] < ahead


def test_a_follower_goes_on_after_its_process_died(yard: Yard) -> None:
    """Its role is on disk."""
    leader, follower = pair(yard)
    follower.stop(abruptly=True)
    run(leader, MANY)
    again = Volume.open(yard.place("follower"), yard.install)
    ship(leader, again)
    yard.started(again)
    assert again.follows
    eventually(lambda: has_orders(again, 20))
