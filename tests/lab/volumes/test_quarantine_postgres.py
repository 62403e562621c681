"""Why a clone starts in quarantine: a restored subscriber that wakes up eats what production's subscriber should get."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from daybreak.lab.servers.template import ALONE
from daybreak.lab.volumes.volume import Volume
from tests.lab.volumes.fix_volumes import DATABASE, OWNER, Yard, answer, run

IN_THE_CLEAR = {"rds.force_ssl": "0"}
"""A server of an embedded build speaks no TLS to another one, so its publisher has to let it in without."""
QUARANTINE = {"max_logical_replication_workers": "0"}
CHANGES = 50


def until(is_so: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        threading.Event().wait(0.02)


def slot(publisher: Volume) -> Any:
    """How far the subscriber has confirmed what it took, as the publisher knows it."""
    rows = publisher.administer(
        "postgres", "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = 'orders'"
    )
    return rows[0][0]


def confirmed(publisher: Volume, position: object) -> bool:
    """Whether the publisher was told that everything up to the position need not be sent again."""
    query = f"select confirmed_flush_lsn >= '{position}' from pg_replication_slots where slot_name = 'orders'"
    return publisher.administer("postgres", query) == [(True,)]


def rows(volume: Volume) -> int:
    """How many orders a database holds."""
    return int(answer(volume, "select count(*) from orders"))


def pair(yard: Yard) -> tuple[Volume, Volume]:
    """A publisher, and production's subscriber that follows it."""
    publisher = yard.started(yard.create("publisher"), **{"rds.logical_replication": "1", **IN_THE_CLEAR})
    subscriber = yard.started(yard.create("subscriber"), **{"rds.logical_replication": "1"})
    for volume in (publisher, subscriber):
        run(volume, "create table orders (id integer primary key)")
    run(publisher, "create publication orders for table orders", "insert into orders select generate_series(1, 10)")
    at = publisher.listen
    assert at is not None
    secret = OWNER.password.replace("'", r"\'")
    source = f"host={at.host} port={at.port} dbname={DATABASE} user={OWNER.username} password='{secret}'"
    statement = "create subscription orders connection '{}' publication orders".format(source.replace("'", "''"))
    if yard.install.major >= 16:
        run(subscriber, statement)
    else:  # before 16 only a superuser may
        with subscriber._node.connect(DATABASE) as session:
            session.execute(statement.encode())
    until(lambda: rows(subscriber) == 10)
    run(publisher, "insert into orders values (11)")
    until(lambda: rows(subscriber) == 11)
    return publisher, subscriber


def settled_slot(publisher: Volume) -> Any:
    """The slot's position once nobody uses it any more."""
    query = "select active from pg_replication_slots where slot_name = 'orders'"
    until(lambda: publisher.administer("postgres", query) == [(False,)])
    return slot(publisher)


@pytest.mark.sample("newest-in quarantine")
@pytest.mark.parametrize("quarantined", [True, False], ids=["in quarantine", "at large"])
def test_a_clone_in_quarantine_takes_nothing_from_the_publisher(newest_yard: Yard, *, quarantined: bool) -> None:
    """Production's subscriber is down for an hour, a clone of it is restored: who gets the publisher's changes?

    In quarantine the clone gets none and the publisher's slot does not move. At large it gets all of them and moves the
    slot, so that production's subscriber never sees them: the second half shows that the first one could fail.
    """
    publisher, subscriber = pair(newest_yard)
    moment = subscriber.tick()
    subscriber.stop()
    before = settled_slot(publisher)
    run(publisher, f"insert into orders select generate_series(101, {100 + CHANGES})")
    written = publisher.administer("postgres", "select pg_current_wal_lsn()::text")[0][0]

    parameters = {"rds.logical_replication": "1", **(QUARANTINE if quarantined else {})}
    clone = newest_yard.restored(subscriber, "clone", moment, **parameters)
    if quarantined:
        threading.Event().wait(1.5)
        assert rows(clone) == 11
        assert slot(publisher) == before
    else:
        until(lambda: rows(clone) == 11 + CHANGES)
        until(lambda: confirmed(publisher, written))
    clone.stop()

    subscriber.start(subscriber.listen, {"rds.logical_replication": "1"})  # type: ignore[arg-type]
    run(publisher, "insert into orders values (999)")
    until(lambda: answer(subscriber, "select count(*) from orders where id = 999") == 1)
    assert rows(subscriber) == (12 + CHANGES if quarantined else 12), "what production's subscriber got in the end"


def test_no_restore_speaks_to_the_publisher_while_it_recovers(yard: Yard) -> None:
    """Quarantine begins before the first start: replaying the log and taking the base must be as silent."""
    publisher, subscriber = pair(yard)
    subscriber.stop()
    before = settled_slot(publisher)
    run(publisher, "insert into orders values (12)")
    publisher.apply({"rds.logical_replication": "1", "log_connections": "1"})
    clone = yard.keep(subscriber.restore(yard.place("clone"), None))
    assert not clone.running
    assert slot(publisher) == before
    assert "application_name=orders" not in publisher.log.read_text()
    assert ALONE["max_logical_replication_workers"] == "0", "a worker would seldom be fast enough to be seen here"
