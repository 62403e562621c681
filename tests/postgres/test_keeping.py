"""A session that was left is the next one's for a moment, as it was when it was opened, and on the next one's leash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg import sql

from daybreak.errors import Failed, Unreachable
from daybreak.postgres.keeping import SessionKeeper
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import Login, LoginReference
from daybreak.postgres.session import Limits
from tests.fix_lab import eventually
from tests.fix_postgres import Server

LIMITS = Limits()


@pytest.fixture
def keeper() -> Iterator[SessionKeeper]:
    """One that keeps longer than a test takes."""
    made = SessionKeeper(timedelta(minutes=10))
    yield made
    made.hang_up()


def lives(server: Server, pid: int) -> bool:
    """Whether a process of the server is there."""
    with server.connection("postgres") as connection:
        return bool(connection.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchall())


def test_the_next_one_has_the_same_server_process_and_nothing_of_the_one_before(
    server: Server, keeper: SessionKeeper
) -> None:
    """What somebody set, prepared or left open is gone."""
    address = server.address()
    with keeper.open(address, server.master, LIMITS) as first:
        first.order(sql.SQL("BEGIN"))
        first.order(sql.SQL("SET statement_timeout = 77"))
        pid = first.pid
    with keeper.open(address, server.master, replace(LIMITS, statement=timedelta(seconds=9))) as second:
        assert second.pid == pid
        assert not second.is_in_transaction
        assert second.ask(sql.SQL("SHOW statement_timeout")) == [("9s",)]
        with keeper.open(address, server.master, LIMITS) as beside:
            assert beside.pid != pid, "one session is nobody's but its taker's"
    with keeper.open(replace(address, database="template1"), server.master, LIMITS) as elsewhere:
        assert elsewhere.pid not in (pid, beside.pid)


def test_it_is_on_the_leash_of_whoever_took_it(server: Server, keeper: SessionKeeper) -> None:
    """The work before may be given up late: it reaches nobody else's session."""
    before, after = Leash(), Leash()
    with keeper.open(replace(server.address(), leash=before), server.master, LIMITS) as first:
        pid = first.pid
    with keeper.open(replace(server.address(), leash=after), server.master, LIMITS) as second:
        assert second.pid == pid
        before.hang_up()
        assert second.ask(sql.SQL("SELECT 1")) == [(1,)]
        after.call_off()
        with pytest.raises(Unreachable, match="called off"):
            second.ask(sql.SQL("SELECT 1"))


def test_what_ended_with_an_error_or_with_its_server_is_not_kept(server: Server, keeper: SessionKeeper) -> None:
    """Nobody knows what became of it."""
    address = server.address()
    with pytest.raises(Failed), keeper.open(address, server.master, LIMITS) as first:
        first.ask(sql.SQL("SELECT nothing"))
    with keeper.open(address, server.master, LIMITS) as second:
        assert second.pid != first.pid
    with server.connection("postgres") as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", [second.pid])
    eventually(lambda: not lives(server, second.pid))
    with keeper.open(address, server.master, LIMITS) as third:
        assert third.pid != second.pid
        assert third.ask(sql.SQL("SELECT 1")) == [(1,)]


def test_when_its_moment_is_over_it_ends_by_itself(server: Server, keeper: SessionKeeper) -> None:
    """A source does not keep processes for somebody who is done."""
    with SessionKeeper(timedelta(milliseconds=50)).open(server.address(), server.master, LIMITS) as brief:
        assert lives(server, brief.pid)
    eventually(lambda: not lives(server, brief.pid))
    with keeper.open(server.address(), server.master, LIMITS) as kept:
        pass
    assert lives(server, kept.pid)
    keeper.hang_up()
    eventually(lambda: not lives(server, kept.pid))


def test_a_login_is_read_where_a_session_is_opened_and_nowhere_else(server: Server, keeper: SessionKeeper) -> None:
    """To read it is a call to AWS, in the gap of a cutover; another reference is another login, whatever it holds."""
    read: list[str] = []

    def refer(words: str) -> LoginReference:
        def read_it() -> Login:
            read.append(words)
            return server.master

        return LoginReference(words, read_it)

    address = server.address()
    with keeper.open(address, refer("a"), LIMITS) as first:
        pid = first.pid
    with keeper.open(address, refer("a"), LIMITS) as second:
        assert second.pid == pid
    assert read == ["a"]
    with keeper.open(address, refer("b"), LIMITS) as other:
        assert other.pid != pid
    with keeper.open_anew(address, refer("a"), LIMITS):
        pass
    assert read == ["a", "b", "a"]
