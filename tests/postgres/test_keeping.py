"""Sessions that are kept at hand: asked again as if they were new, never in anybody's way, and none left at the end."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg import sql

from daybreak.errors import Bug, DaybreakError, Unreachable
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import Limits, Session
from tests.fix_postgres import SHORT, Server

_ONE = sql.SQL("SELECT 1")
_SLEEP = sql.SQL("SELECT pg_catalog.pg_sleep(30)")


def _place(server: Server, *, connections: int = 3) -> Reach:
    return Reach(server.address(), server.master, Meter(ServerBounds(connections=connections)))


def _is_there(server: Server, pid: int) -> bool:
    with server.connection("postgres") as other:
        return other.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone() != (0,)


def _pid_of_next(place: Reach) -> int:
    with place.session(SHORT) as session:
        assert session.ask(_ONE) == [(1,)]
        return session.pid


def test_who_asks_next_gets_the_session_that_was_left_and_at_the_end_none_is_there(server: Server) -> None:
    """A login costs both sides more than most questions."""
    place = _place(server)
    with place.meter.keep_sessions():
        pids = {_pid_of_next(place) for _ in range(3)}
        assert len(pids) == 1
        assert place.meter.used.connections == 1
        with place.session(SHORT) as first, place.session(SHORT) as second:
            assert len({first.pid, second.pid} - pids) == 1
            pids |= {first.pid, second.pid}
    assert [pid for pid in pids if _is_there(server, pid)] == []


def test_without_somebody_who_keeps_them_sessions_end_at_once(server: Server) -> None:
    """A session that nobody has to close would be one too many for somebody."""
    assert not _is_there(server, _pid_of_next(_place(server)))


def test_a_session_is_asked_again_as_if_it_were_new(server: Server) -> None:
    """An owner's question may set anything; nothing of it may change what a later question means."""
    place = _place(server)
    changed = sql.SQL(
        "SELECT set_config('search_path', 'elsewhere', false), set_config('default_transaction_read_only', 'off', false),"
        " set_config('work_mem', '1MB', false), pg_catalog.pg_advisory_lock(7)"
    )
    shown = sql.SQL(
        "SELECT current_setting('search_path'), current_setting('default_transaction_read_only'), current_setting('work_mem'),"
        " current_setting('statement_timeout'), (SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory')"
    )
    with place.session(SHORT) as session:
        [fresh] = session.ask(shown)
    with place.meter.keep_sessions():
        with place.session(replace(SHORT, statement=timedelta(seconds=9))) as session:
            session.begin()
            session.ask(changed)
            pid = session.pid
        with place.session(SHORT) as session:
            assert session.pid == pid
            assert session.ask(shown) == [fresh]
            assert session.left <= SHORT.whole


def test_nothing_reaches_a_session_any_more_that_was_left(server: Server) -> None:
    """Whoever gives work up cancels its sessions a moment later; by then they may be another's."""
    place = _place(server)
    with place.meter.keep_sessions():
        with place.session(SHORT) as first:
            pass
        with place.session(SHORT) as second:
            assert second.pid == first.pid
            first.cancel()
            first.hang_up()
            assert not first.is_open
            with pytest.raises(Bug, match="after it was left"):
                first.ask(_ONE)
            assert second.ask(_ONE) == [(1,)]


@pytest.mark.parametrize("trouble", ["cancelled", "failed", "timed out"])
def test_a_session_with_trouble_behind_it_is_kept_for_nobody(server: Server, trouble: str) -> None:
    """A cancel that comes late would end a question that nobody gave up."""
    place, short = _place(server), replace(SHORT, whole=timedelta(seconds=1))
    seen: list[Session] = []
    with place.meter.keep_sessions():
        with suppress(DaybreakError), place.session(short if trouble == "timed out" else SHORT) as session:
            seen.append(session)
            if trouble == "cancelled":
                session.cancel()
            else:
                session.ask(_SLEEP if trouble == "timed out" else sql.SQL("SELECT 1 / 0"))
        assert _pid_of_next(place) != seen[0].pid


def test_a_session_that_is_kept_makes_room_for_another_database(server: Server, database: str) -> None:
    """The bounds count it, so whoever waits would wait for nobody."""
    place = _place(server, connections=1)
    with place.meter.keep_sessions():
        here = _pid_of_next(place)
        there = _pid_of_next(place.within(database))
        assert not _is_there(server, here)
        further = place.connect_further(Limits())
        assert further is not None
        assert not _is_there(server, there)
        further.leave()
        assert place.meter.used.connections == 1


def test_a_session_that_is_kept_makes_room_where_the_server_lets_one_in(server: Server, database: str) -> None:
    """A role's limit counts it too; that the server is full would be our own doing."""
    server.run("postgres", "CREATE ROLE only_one LOGIN PASSWORD 'correct horse' CONNECTION LIMIT 1")
    place = replace(_place(server), login=Login("only_one", "correct horse"))
    try:
        with place.meter.keep_sessions():
            _pid_of_next(place)
            further = place.within(database).connect_further(SHORT)
            assert further is not None
            further.leave()
            _pid_of_next(place)
    finally:
        server.run("postgres", "DROP ROLE only_one")


def test_a_session_is_kept_for_its_own_login_alone(server: Server) -> None:
    """What a login may read is what its own session may read."""
    place = _place(server)
    with place.meter.keep_sessions():
        _pid_of_next(place)
        with pytest.raises(Unreachable, match="password"):
            replace(place, login=Login(server.master.username, "battery staple")).connect(SHORT)


def test_a_session_that_the_server_ended_meanwhile_is_no_answer(server: Server) -> None:
    """An administrator, or a limit on idle sessions, may end it: the next question gets a new one."""
    place = _place(server)
    with place.meter.keep_sessions():
        pid = _pid_of_next(place)
        server.run("postgres", f"SELECT pg_terminate_backend({pid}, 5000)")
        assert _pid_of_next(place) != pid
