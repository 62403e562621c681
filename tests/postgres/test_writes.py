"""The count of what was written: a client's change of any kind moves it, and what the server does by itself does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from daybreak.errors import DaybreakError
from daybreak.model.writes import WriteCount
from daybreak.postgres.login import Login
from daybreak.postgres.session import Limits, Session, open_session
from daybreak.postgres.writes import count_writes
from tests.fix_folders import new_folder
from tests.fix_postgres import PASSWORD, Server, started, stopped

LIMITS = Limits(statement=timedelta(seconds=10), whole=timedelta(seconds=60))
RESCUER = Login("rescuer", PASSWORD)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with a database of rows, and a role that may enter and own nothing."""
    running = started(new_folder("dbpg-"), "autovacuum=off")
    running.run("postgres", f"CREATE ROLE rescuer LOGIN CREATEROLE PASSWORD '{PASSWORD}'", "CREATE DATABASE shop")
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
    assert "counts anew" in count_writes(opening(server)).words_since(before)
    assert WriteCount(rows={}, definitions={}).words_since(WriteCount(rows={}, definitions={})) == ""
