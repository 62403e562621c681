"""Counting a source in turns: no old snapshot, three sessions at most, and tables that say when they were read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import sleep

import pytest

from daybreak.model.answers import Counts, Tables
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.crew import CountProgress
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import Scan
from daybreak.validate.counting import count_rows
from daybreak.validate.probes import list_tables
from daybreak.validate.turns import count_in_turns
from tests.fix_postgres import Server

_MOMENT = datetime(2024, 1, 15, 14, 30, tzinfo=UTC)
_BUDGET = ServerBounds(lock=timedelta(seconds=0.5))
_SHORT = timedelta(seconds=0.2)
_SLACK = 0.6
"""How much older than the limit a snapshot may look on a busy machine: no turn is longer, but its end is a request too."""


@dataclass
class _Seen:
    """What an onlooker saw of our sessions."""

    looks: int = 0
    sessions: int = 0
    oldest: float = 0.0
    snapshots: set[str] = field(default_factory=set)


_LOOK = """
SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)) FILTER (WHERE state <> 'idle'), 0)::float,
       array_remove(array_agg(backend_xmin::text), NULL)
FROM pg_stat_activity WHERE application_name = 'daybreak' AND datname = current_database()
"""


@contextmanager
def _onlooker(server: Server, database: str) -> Iterator[_Seen]:
    """Look at our sessions every few milliseconds for the length of the block, while transactions are spent."""
    seen, is_over = _Seen(), threading.Event()

    def look() -> None:
        with server.connection(database) as admin:
            while not is_over.is_set():
                admin.execute("INSERT INTO spent VALUES (1)")
                [(number, age, snapshots)] = admin.execute(_LOOK).fetchall()
                seen.looks += 1
                seen.sessions = max(seen.sessions, int(str(number)))
                seen.oldest = max(seen.oldest, float(str(age)))
                seen.snapshots |= set(snapshots or ())  # type: ignore[call-overload]
                sleep(0.01)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


_ROWS = (
    "SELECT n, md5(n::text) AS m, n / 7.0 AS part, jsonb_build_object('n', n) AS j FROM generate_series(1, {rows}) AS n"
)


@pytest.fixture
def place(server: Server, database: str) -> Reach:
    """A database with one table that takes longer than a turn, others that do not, and one that spends transactions."""
    sizes = {"huge": 900_000} | {f"t{number}": 30_000 + number for number in range(12)}
    server.run(
        database,
        "CREATE TABLE spent (n int)",
        *(f"CREATE UNLOGGED TABLE {name} AS {_ROWS.format(rows=rows)}" for name, rows in sizes.items()),
    )
    return Reach(server.address(database), server.master)


def _scans(place: Reach, *left_out: str) -> list[Scan]:
    tables = list_tables(place, timedelta(seconds=20))
    assert isinstance(tables, Tables)
    wanted = [table for table in tables.tables if table.is_counted and table.name not in left_out]
    return [Scan(table, "", _MOMENT, is_fingerprinted=True) for table in wanted]


def _counts(place: Reach, scans: list[Scan], limit: timedelta) -> tuple[Counts, list[CountProgress]]:
    steps: list[CountProgress] = []
    answer = count_in_turns(place, scans, replace(_BUDGET, snapshot=limit), steps.append)
    assert isinstance(answer, Counts)
    return answer, steps


@pytest.mark.sweep
def test_no_snapshot_gets_older_than_the_limit(server: Server, database: str, place: Reach) -> None:
    """A source that is read for hours cleans up behind it: each table has its own instant, and is what it is elsewhere."""
    scans = _scans(place, "spent")
    with _onlooker(server, database) as seen:
        answer, steps = _counts(place, scans, _SHORT)
    assert not answer.unread
    assert seen.looks > 10
    assert seen.sessions <= 3
    assert seen.oldest < _SHORT.total_seconds() + _SLACK
    assert len(seen.snapshots) > 2
    instants = {count.name: count.seen.instants for count in answer.counted if count.seen}
    assert len(instants["public.huge"]) > 1
    assert len({times for times in instants.values() if len(times) == 1}) > 0
    assert answer.taken == max(each for times in instants.values() for each in times)
    at_once = count_rows(place, scans, _BUDGET, lambda _step: None)
    assert isinstance(at_once, Counts)
    whole = {count.name: (count.rows, count.fingerprint) for count in at_once.counted}
    for count in answer.counted:
        rows, fingerprint = whole[count.name]
        assert count.rows == rows
        assert count.fingerprint == (fingerprint if len(instants[count.name]) == 1 else None)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].total >= steps[-1].done


def test_a_table_of_one_instant_is_marked_with_what_it_was_then(server: Server, database: str) -> None:
    """Which object, in which file, and before which transaction: a clone that came to be then shows exactly these rows."""
    server.run(database, "CREATE TABLE t AS SELECT n FROM generate_series(1, 100) AS n")
    place = Reach(server.address(database), server.master)
    scans = _scans(place)
    server.run(database, "VACUUM FULL t")
    answer, _ = _counts(place, scans, timedelta(minutes=10))
    with server.connection(database) as admin:
        [now] = admin.execute(
            "SELECT 't'::regclass::oid::bigint, pg_relation_filenode('t')::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        ).fetchall()
    [count] = answer.counted
    assert count.seen is not None
    assert (count.seen.oid, count.seen.file, count.seen.next_xid) == now
    assert count.seen.file != scans[0].table.file, "the table was written anew after it was listed"
    assert count.seen.instants == (answer.taken,)
    assert answer.next_xid == count.seen.next_xid


@pytest.mark.sweep
def test_a_locked_table_and_one_out_of_reach_are_named(server: Server, database: str) -> None:
    """They hold up no turn, and the others are counted."""
    server.run(
        database, "CREATE TABLE t AS SELECT 1 AS n", "CREATE TABLE held AS SELECT 1 AS n", "CREATE TABLE gone (n int)"
    )
    place = Reach(server.address(database), server.master)
    scans = _scans(place)
    server.run(database, "DROP TABLE gone")
    with server.connection(database) as other, other.transaction():
        other.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        short, _ = _counts(place, scans, timedelta(seconds=0.3))
        long, _ = _counts(place, scans, timedelta(seconds=30))
    for answer in (short, long):
        assert [count.name for count in answer.counted] == ["public.t"]
        assert {each.name for each in answer.unread} == {"public.held", "public.gone"}
    assert "cannot be read within" in next(each.why for each in short.unread if each.name == "public.held")
    assert "lock" in next(each.why for each in long.unread if each.name == "public.held")


def test_the_time_for_the_whole_count_ends_it(server: Server, database: str, place: Reach) -> None:
    """Also in the middle of a table: it is named, and nothing is left at work."""
    budget = ServerBounds(whole=timedelta(seconds=0.5), snapshot=timedelta(seconds=0.1))
    answer = count_in_turns(place, _scans(place, "spent"), budget, lambda _step: None)
    assert isinstance(answer, Counts)
    assert "public.huge" in {each.name for each in answer.unread}
    assert len(answer.unread) + len(answer.counted) == 13
    sleep(0.2)
    assert not server.backends()
