"""The count of what was written: a client's change of any kind moves it, and what the server does by itself does not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta

import psycopg
import pytest

from daybreak.errors import DaybreakError
from daybreak.model.writes import WriteCount
from daybreak.postgres.login import Login
from daybreak.postgres.session import Limits, Session, open_session
from daybreak.postgres.writes import count_writes
from tests.fix_folders import new_folder
from tests.fix_lab import eventually
from tests.fix_postgres import PASSWORD, Server, started, stopped

ROWS = (
    "CREATE TABLE IF NOT EXISTS ledger (id bigint PRIMARY KEY, who text)",
    "INSERT INTO ledger SELECT n, 'new' FROM generate_series(5001, 5100) AS n",
    "DELETE FROM ledger WHERE id > 5000",
)
"""What changes rows, and leaves them as they were."""

LIMITS = Limits(statement=timedelta(seconds=10), whole=timedelta(seconds=60))
RESCUER = Login("rescuer", PASSWORD)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with a database of rows, and a role that may enter and own nothing."""
    running = started(new_folder("dbpg-"), "autovacuum=off")
    running.run("postgres", f"CREATE ROLE rescuer LOGIN CREATEROLE PASSWORD '{PASSWORD}'", "CREATE DATABASE shop")
    running.run("postgres", "CREATE ROLE clerk LOGIN")
    running.run(
        "shop",
        "CREATE SEQUENCE numbers",
        "CREATE TABLE ledger (id bigint PRIMARY KEY, who text)",
        "INSERT INTO ledger SELECT n, repeat('x', 5000) FROM generate_series(1, 100) AS n",
        "SELECT lo_create(4711)",
    )
    yield running
    stopped(running)


def opening(server: Server) -> Callable[[str | None], AbstractContextManager[Session]]:
    """What opens our session in a database."""
    return lambda name: open_session(server.address(name or "postgres"), RESCUER, LIMITS)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger VALUES (1000, 'new')",
        "UPDATE ledger SET who = 'other' WHERE id = 1",
        "DELETE FROM ledger WHERE id = 2",
        "TRUNCATE ledger",
        "ALTER TABLE ledger ADD COLUMN at timestamptz",
        "CREATE TABLE later (id int)",
        "DROP TABLE ledger",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1",
        "GRANT SELECT ON ledger TO PUBLIC",
        "SELECT lo_put(4711, 0, 'bytes')",
        "COMMENT ON TABLE ledger IS 'words'",
        "CREATE INDEX ON ledger (who)",
    ],
)
def test_what_a_client_writes_is_counted(server: Server, statement: str) -> None:
    """Each kind of change moves the count of its database alone; a drop may take counts away, which nobody can then know."""
    before = count_writes(opening(server))
    server.run("shop", "CREATE TABLE IF NOT EXISTS ledger (id bigint PRIMARY KEY, who text)", "SELECT 1")
    begun = count_writes(opening(server))
    server.run("shop", statement)
    words = count_writes(opening(server)).words_since(begun)
    assert " in shop" in words, (before, begun, words)
    assert "postgres" not in words


def test_what_the_server_does_by_itself_is_not(server: Server) -> None:
    """Statistics, clean-up, numbers of sequences, roles: none of them is a write of a client that could be left behind."""
    server.run("shop", "CREATE TABLE IF NOT EXISTS ledger (id bigint PRIMARY KEY, who text)")
    server.run("shop", "INSERT INTO ledger VALUES (2000, 'x'), (2001, 'y')", "DELETE FROM ledger WHERE id = 2000")
    before = count_writes(opening(server))
    server.run("shop", "ANALYZE", "VACUUM", "SELECT nextval('numbers')", "SELECT setval('numbers', 500)")
    server.run("postgres", "CREATE ROLE newcomer LOGIN", "ALTER ROLE newcomer NOLOGIN", "CHECKPOINT")
    assert count_writes(opening(server)).words_since(before) == ""


def test_what_is_not_committed_counts_too(server: Server) -> None:
    """A change that was taken back is counted: the count errs on the side of a person who is asked."""
    before = count_writes(opening(server))
    server.run("shop", "BEGIN; INSERT INTO ledger VALUES (3000, 'x'); ROLLBACK")
    assert count_writes(opening(server)).words_since(before) == "1 change of rows in shop"


def test_a_database_that_does_not_let_us_in_is_no_silence(server: Server) -> None:
    """What cannot be counted is an error, and never a zero; a database that came since is named."""
    before = count_writes(opening(server))
    server.run("postgres", "CREATE DATABASE later")
    assert "nobody knows how many changes of rows in later" in count_writes(opening(server)).words_since(before)
    server.run("postgres", "REVOKE CONNECT ON DATABASE later FROM PUBLIC")
    with pytest.raises(DaybreakError, match="later"):
        count_writes(opening(server))
    server.run("postgres", "DROP DATABASE later")


def test_counters_that_begin_anew_are_not_believed(server: Server) -> None:
    """After a reset nobody can say what was written before it."""
    before = count_writes(opening(server))
    server.run("shop", "SELECT pg_stat_reset()")
    server.run("shop", *ROWS)
    assert "counts anew" in count_writes(opening(server)).words_since(before)
    assert WriteCount(rows={}, definitions={}).words_since(WriteCount(rows={}, definitions={})) == ""


def test_the_counters_of_one_table_that_begin_anew_are_not_believed(server: Server) -> None:
    """As many rows again after the reset would come to the same sum."""
    server.run("shop", *ROWS)
    before = count_writes(opening(server))
    server.run("shop", "SELECT pg_stat_reset_single_table_counters('ledger'::regclass)", *ROWS)
    assert "counts anew" in count_writes(opening(server)).words_since(before)


def test_a_schema_of_the_applications_own_is_counted_whatever_its_name(server: Server) -> None:
    """What pg_cron keeps is known by the extension that it belongs to, and not by the name of its schema."""
    server.run("shop", "CREATE SCHEMA cron", "CREATE TABLE cron.shifts (i int)", "CREATE TABLE cron.job (i int)")
    # The extension's files are not here: only its entry is, and what ALTER EXTENSION makes of a table of its own.
    server.run(
        "shop",
        "SET allow_system_table_mods = on; INSERT INTO pg_extension VALUES (99999, 'pg_cron', 10, 'cron'::regnamespace, true, '1.4')",
        "ALTER EXTENSION pg_cron ADD TABLE cron.job",
    )
    before = count_writes(opening(server))
    server.run("shop", "INSERT INTO cron.job VALUES (1), (2)")
    assert count_writes(opening(server)).words_since(before) == ""
    server.run("shop", "INSERT INTO cron.shifts VALUES (1), (2)")
    assert count_writes(opening(server)).words_since(before) == "2 changes of rows in shop"
    server.run("shop", "ALTER EXTENSION pg_cron DROP TABLE cron.job", "DROP SCHEMA cron CASCADE")
    server.run("shop", "SET allow_system_table_mods = on; DELETE FROM pg_extension WHERE extname = 'pg_cron'")


@pytest.mark.parametrize(
    ("where", "switch", "back"),
    [
        ("shop", "ALTER DATABASE shop SET track_counts = off", "ALTER DATABASE shop RESET track_counts"),
        ("shop", "ALTER ROLE ALL SET Track_Counts = 'No'", "ALTER ROLE ALL RESET track_counts"),
        ("shop", "ALTER ROLE clerk SET track_counts = off", "ALTER ROLE clerk RESET track_counts"),
        (
            "shop",
            "ALTER ROLE clerk IN DATABASE shop SET track_counts = off",
            "ALTER ROLE clerk IN DATABASE shop RESET track_counts",
        ),
        ("shop", "GRANT SET ON PARAMETER track_counts TO clerk", "REVOKE SET ON PARAMETER track_counts FROM clerk"),
        (
            "shop",
            "CREATE FUNCTION quiet() RETURNS int LANGUAGE sql SET track_counts = off RETURN 1",
            "DROP FUNCTION quiet()",
        ),
        ("postgres", "ALTER SYSTEM SET track_counts = off", "ALTER SYSTEM RESET track_counts"),
    ],
)
def test_where_a_session_may_write_uncounted_nobody_knows(server: Server, where: str, switch: str, back: str) -> None:
    """Counting is switched off for a database, a role or both, by a function, by one who was granted it, or for the server."""
    before = count_writes(opening(server))
    assert before.uncounted == {}
    try:
        server.run(where, switch, "SELECT pg_reload_conf()")
        eventually(lambda: "shop" in count_writes(opening(server)).uncounted)
        off = count_writes(opening(server))
        server.run("shop", *ROWS)
        words = count_writes(opening(server)).words_since(off)
        assert "nobody knows how many changes in shop, since " in words
        assert "track_counts" in words
    finally:
        server.run(where, back, "SELECT pg_reload_conf()")
    eventually(lambda: count_writes(opening(server)).uncounted == {})
    # Against what was counted while it was off nobody knows either.
    assert "track_counts" in count_writes(opening(server)).words_since(off)


def test_where_no_transaction_id_was_given_out_nothing_was_written(server: Server) -> None:
    """Then the counters need not say it; one that was open at the count may still write without another id."""
    before = count_writes(opening(server))
    server.run("shop", "SELECT pg_stat_reset()")
    assert before.is_quiet
    assert count_writes(opening(server)).words_since(before) == ""
    server.run("shop", *ROWS)
    with server.connection("shop") as older, server.connection("shop") as newer:
        older.execute("BEGIN; INSERT INTO ledger VALUES (7000, 'open')")
        newer.execute("INSERT INTO ledger VALUES (7001, 'younger')")
        newer.execute("DELETE FROM ledger WHERE id = 7001")
        time.sleep(1.1)
        begun = count_writes(opening(server))
        assert not begun.is_quiet
        older.execute("COMMIT")
    server.run("shop", "SELECT pg_stat_reset()")
    now = count_writes(opening(server))
    assert now.following == begun.following
    assert "counts anew" in now.words_since(begun)


def test_a_server_that_crashed_is_not_believed(server: Server) -> None:
    """Its counters begin at nothing again, and the same number of rows as before comes to the same count."""
    crash(server)
    server.run("shop", *ROWS)
    before = count_writes(opening(server))
    server.run("shop", *ROWS)
    crash(server)
    server.run("shop", *ROWS)
    assert count_writes(opening(server)).words_since(before) == (
        "nobody knows how many changes in postgres, whose server started or counts anew, "
        "nobody knows how many changes in shop, whose server started or counts anew"
    )


def crash(server: Server) -> None:
    """Kill the server, and start it again."""
    os.kill(server.pid, signal.SIGQUIT)
    server.restart()
    eventually(lambda: is_up(server))


def test_a_backend_that_crashed_takes_all_counters_with_it(server: Server) -> None:
    """The server goes on by itself then, and says that it started when it first did."""
    server.run("shop", *ROWS)
    before = count_writes(opening(server))
    with server.connection("shop") as victim:
        os.kill(victim.info.backend_pid, signal.SIGKILL)
    eventually(lambda: is_up(server))
    server.run("shop", *ROWS)
    now = count_writes(opening(server))
    assert "whose server started or counts anew" in now.words_since(before)
    started_at = [each.counted_from["shop"].split()[0] for each in (before, now)]
    assert started_at[0] == started_at[1]


def is_up(server: Server) -> bool:
    """Whether it lets somebody in."""
    try:
        server.run("shop", "SELECT 1")
    except psycopg.Error:
        return False
    return True


@pytest.mark.parametrize(
    "statement",
    [
        "VACUUM FULL ledger",
        "REINDEX TABLE CONCURRENTLY ledger",
        "REFRESH MATERIALIZED VIEW seen",
        "CREATE TEMP TABLE mine AS SELECT n FROM generate_series(1, 10) AS n",
        "ALTER TABLE ledger SET (fillfactor = 90)",
    ],
)
def test_upkeep_changes_definitions_and_no_rows(server: Server, statement: str) -> None:
    """It stops what a run does by itself, but is no sign of a client at work."""
    server.run("shop", ROWS[0], "CREATE MATERIALIZED VIEW IF NOT EXISTS seen AS SELECT 1 AS a")
    before = count_writes(opening(server))
    server.run("shop", statement)
    now = count_writes(opening(server))
    assert now.rows_since(before) == ""
    assert "of definitions in shop" in now.words_since(before)


def test_temporary_tables_that_a_crash_left_are_no_rows(server: Server) -> None:
    """The server drops them by itself, minutes later."""
    with server.connection("shop") as victim:
        victim.execute("CREATE TEMP TABLE mine AS SELECT n FROM generate_series(1, 10) AS n")
        victim.execute("CHECKPOINT")
        crash(server)
    before = count_writes(opening(server))
    with server.connection("shop") as cleaner:
        [[left]] = cleaner.execute("SELECT oid::regclass::text FROM pg_class WHERE relname = 'mine'").fetchall()
        cleaner.execute(f"DROP TABLE {left}".encode())
    now = count_writes(opening(server))
    assert now.rows_since(before) == ""
    assert "of definitions in shop" in now.words_since(before)


def test_a_count_of_an_earlier_release_is_read_and_compared_with_care() -> None:
    """A journal keeps it without what is known today, and it is written again as it was."""
    plain = {"rows": {"shop": 7}, "definitions": {"shop": 1}, "following": 9}
    earlier = WriteCount.model_validate(plain)
    assert earlier.plain() == plain
    now = earlier.model_copy(update={"counted_from": {"shop": "1 2 3"}})
    assert "counts anew" in now.words_since(earlier)
