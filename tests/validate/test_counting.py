"""Counting every table: one instant, every table named, and an end in time whatever happens."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

import pytest

from daybreak.model.answers import Counts, Silence, Tables
from daybreak.postgres.address import Address
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.login import Login
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import Scan
from daybreak.validate.counting import CountProgress, count_rows
from daybreak.validate.probes import list_tables
from tests.fix_postgres import HERE, Server, Wire

_MOMENT = datetime(2024, 1, 15, 14, 30, tzinfo=UTC)
_LIMIT = timedelta(seconds=2)
_CALM = ServerBounds(lock=timedelta(seconds=0.5), connections=2)
"""For tables that get counted, also on a busy machine."""

_QUICK = ServerBounds(whole=_LIMIT, lock=timedelta(seconds=0.5), connections=2)


def _place(server: Server, database: str) -> Reach:
    return Reach(server.address(database), server.master)


def _scans(place: Reach) -> list[Scan]:
    tables = list_tables(place, timedelta(seconds=20))
    assert isinstance(tables, Tables)
    return [Scan(table, "", _MOMENT) for table in tables.tables if table.is_counted]


def _counts(place: Reach, scans: list[Scan], budget: ServerBounds = _CALM) -> Counts:
    answer = count_rows(place, scans, budget, lambda step: None)
    assert isinstance(answer, Counts)
    return answer


@pytest.fixture
def place(server: Server, database: str) -> Reach:
    """A database with four tables of different sizes."""
    for number, rows in enumerate((10, 1000, 50, 20000)):
        server.run(database, f"CREATE TABLE t{number} AS SELECT n FROM generate_series(1, {rows}) AS n")
    return _place(server, database)


def test_every_row_is_counted_and_progress_is_told_in_bytes(place: Reach) -> None:
    """A person who waits wants to see how far it is; bytes tell it, tables do not."""
    steps: list[CountProgress] = []
    scans = _scans(place)
    answer = count_rows(place, scans, _CALM, steps.append)
    assert isinstance(answer, Counts)
    assert {count.name: count.rows for count in answer.counted} == {
        "public.t0": 10,
        "public.t1": 1000,
        "public.t2": 50,
        "public.t3": 20000,
    }
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == steps[-1].total == sum(scan.table.size for scan in scans)
    assert answer.unread == ()


def test_all_tables_are_seen_at_one_instant(server: Server, database: str) -> None:
    """Two tables that must agree are counted as they were together, while others write."""
    server.run(
        database,
        "CREATE TABLE a (n int)",
        "CREATE TABLE b (n int)",
        "CREATE TABLE c AS SELECT generate_series(1, 99999)",
    )
    is_over = threading.Event()

    def write() -> None:
        with server.connection(database) as connection:
            while not is_over.is_set():
                with connection.transaction():
                    connection.execute("INSERT INTO a VALUES (1)")
                    connection.execute("INSERT INTO b VALUES (1)")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        place = _place(server, database)
        scans = _scans(place)
        for _ in range(10):
            rows = {count.name: count.rows for count in _counts(place, scans).counted}
            assert rows["public.a"] == rows["public.b"]
    finally:
        is_over.set()
        writer.join()
    assert rows["public.a"] > 0


def test_a_table_locked_by_somebody_is_unread_and_the_others_are_counted(
    server: Server, database: str, place: Reach
) -> None:
    """A migration that hangs holds one table, not the verdict on all others."""
    scans = _scans(place)
    with server.connection(database) as other, other.transaction():
        other.execute("LOCK TABLE t1 IN ACCESS EXCLUSIVE MODE")
        answer = _counts(place, scans)
    assert [(each.name, each.is_damaged) for each in answer.unread] == [("public.t1", False)]
    assert "lock" in answer.unread[0].why
    assert len(answer.counted) == 3


def test_a_damaged_table_is_called_damaged(own_server: Server) -> None:
    """A page that cannot be read is the very thing a validation is there to find."""
    own_server.run(
        "postgres", "CREATE TABLE t AS SELECT n FROM generate_series(1, 20000) AS n", "CREATE TABLE whole (n int)"
    )
    place = _place(own_server, "postgres")
    scans = _scans(place)
    with own_server.connection("postgres") as admin:
        path = str(admin.execute("SELECT pg_relation_filepath('t')").fetchall()[0][0])
    own_server.restart()
    with (own_server.place / "data" / path).open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 8192)
    answer = _counts(place, scans)
    assert [(each.name, each.is_damaged) for each in answer.unread] == [("public.t", True)]
    assert [count.name for count in answer.counted] == ["public.whole"]


def test_a_table_the_login_may_not_read_is_unread(server: Server, database: str, place: Reach) -> None:
    """Not being allowed to look is not the same as nothing being there."""
    scans = _scans(place)
    login = Login(f"few_{database}", "correct horse")
    server.run(
        database,
        f"CREATE ROLE few_{database} LOGIN PASSWORD 'correct horse'",
        f"GRANT SELECT ON t0 TO few_{database}",
    )
    answer = _counts(Reach(place.address, login), scans)
    server.run(database, f"DROP OWNED BY few_{database}", f"DROP ROLE few_{database}")
    assert [count.name for count in answer.counted] == ["public.t0"]
    assert {each.name for each in answer.unread} == {"public.t1", "public.t2", "public.t3"}
    assert all("permission denied" in each.why for each in answer.unread)


@pytest.mark.sweep
def test_a_server_that_says_nothing_is_a_silence_in_time(place: Reach, black_hole: int) -> None:
    """A black hole costs the limit and no more."""
    hole = Reach(Address("127.0.0.1", black_hole, "postgres", HERE), Login("a", "b"))
    began = monotonic()
    answer = count_rows(hole, _scans(place), _QUICK, lambda step: None)
    assert isinstance(answer, Silence)
    assert monotonic() - began < _LIMIT.total_seconds() + 2


@pytest.mark.sweep
def test_a_line_cut_in_mid_count_leaves_unread_tables_in_time(
    server: Server, database: str, place: Reach, wire: Wire
) -> None:
    """Both ends believe in the connection; only our own clock ends it."""
    # Large enough to be under way still when the first of the others is told.
    server.run(database, "CREATE TABLE big AS SELECT n FROM generate_series(1, 4000000) AS n")
    far = Reach(Address("127.0.0.1", wire.port, database, HERE), server.master)
    began = monotonic()
    scans = _scans(place)
    answer = count_rows(far, scans, _QUICK, lambda step: wire.is_cut.set())
    assert monotonic() - began < _LIMIT.total_seconds() + 2
    assert isinstance(answer, Counts)
    assert answer.unread
    assert len(answer.counted) + len(answer.unread) == len(scans)


@pytest.mark.sweep
def test_a_server_stopped_in_mid_count_leaves_unread_tables_in_time(own_server: Server) -> None:
    """The server's kernel goes on acknowledging; the tables are unknown, never zero."""
    own_server.run(
        "postgres", "CREATE TABLE big AS SELECT n FROM generate_series(1, 4000000) AS n", "CREATE TABLE small (n int)"
    )
    place = _place(own_server, "postgres")
    scans = _scans(place)

    def stop() -> None:
        # Each session as soon as it is there: one that was stopped too late would have counted everything.
        while not is_over.is_set():
            for pid in own_server.backends():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
                    stopped.append(pid)
            sleep(0.005)

    is_over = threading.Event()
    stopped: list[int] = []
    stopper = threading.Thread(target=stop)
    stopper.start()
    began = monotonic()
    answer = count_rows(place, scans, _QUICK, lambda step: None)
    took = monotonic() - began
    is_over.set()
    stopper.join()
    for pid in stopped:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert took < _LIMIT.total_seconds() + 2
    assert isinstance(answer, Silence) or answer.unread


def test_a_server_with_few_connections_left_is_counted_with_those(own_server: Server) -> None:
    """A small clone may have three connections to give; that is slower, not unknown."""
    own_server.run("postgres", "CREATE TABLE t0 AS SELECT 1 AS n", "CREATE TABLE t1 AS SELECT 1 AS n")
    own_server.run("postgres", "CREATE ROLE few LOGIN SUPERUSER CONNECTION LIMIT 2 PASSWORD 'correct horse'")
    own_server.run("postgres", "ALTER ROLE few NOSUPERUSER", "GRANT pg_read_all_data TO few")
    place = Reach(own_server.address(), Login("few", "correct horse"))
    answer = _counts(place, _scans(place), ServerBounds(connections=4))
    assert {count.name for count in answer.counted} == {"public.t0", "public.t1"}


def test_a_count_that_is_interrupted_leaves_no_server_counting(server: Server, database: str) -> None:
    """Who presses Ctrl-C must not leave a scan of a terabyte behind."""
    server.run(
        database,
        "CREATE TABLE small AS SELECT 1 AS n",
        "CREATE TABLE held AS SELECT n FROM generate_series(1, 999) AS n",
    )
    place = _place(server, database)
    scans = _scans(place)

    def interrupt(step: CountProgress) -> None:
        raise KeyboardInterrupt

    with server.connection(database) as other, other.transaction():
        other.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(KeyboardInterrupt):
            count_rows(place, scans, ServerBounds(lock=timedelta(minutes=1), connections=2), interrupt)
        deadline = monotonic() + 3
        while server.backends() and monotonic() < deadline:
            sleep(0.05)
        assert server.backends() == []
