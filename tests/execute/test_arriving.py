"""Clients arrive at a real server: how many are there, whether they write, for how long it holds, and what is measured of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from daybreak.errors import DaybreakError
from daybreak.execute.arriving import await_clients
from daybreak.execute.beside import CalledOff
from daybreak.execute.expecting import Expected
from daybreak.model.actions import AwaitClients
from daybreak.model.arrivals import Arrived
from daybreak.model.value import Span
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import Login
from daybreak.postgres.session import Limits, Session, open_session
from daybreak.postgres.writes import count_writes
from tests.fix_folders import new_folder
from tests.fix_lab import eventually
from tests.fix_postgres import PASSWORD, Server, started, stopped

LIMITS = Limits(statement=timedelta(seconds=10), whole=timedelta(seconds=60))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with an application, and a role of our own that sees who is inside."""
    running = started(new_folder("dbpg-"))
    running.run(
        "postgres",
        f"CREATE ROLE rescuer LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_monitor",
        f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'",
        "CREATE TABLE ledger (id int)",
        "GRANT ALL ON ledger TO app",
    )
    yield running
    stopped(running)


def opening(server: Server, limits: Limits = LIMITS) -> Callable[[str | None], AbstractContextManager[Session]]:
    """What opens our session in a database."""
    return lambda name: open_session(server.address(name or "postgres"), Login("rescuer", PASSWORD), limits)


def client(server: Server) -> psycopg.Connection[tuple[object, ...]]:
    """A client of the application."""
    return psycopg.connect(
        host=server.host, port=server.port, dbname="postgres", user="app", password=PASSWORD, autocommit=True
    )


class Watch:
    """A wait that goes on in a thread of its own."""

    def __init__(
        self,
        server: Server,
        *,
        wants_write: bool,
        sent_out: int,
        share: int = 100,
        hold: float = 0.5,
        limits: Limits = LIMITS,
    ) -> None:
        action = AwaitClients(
            cluster="c",
            database="postgres",
            login="env:X",
            wants_write=wants_write,
            share=share,
            hold=Span(seconds=hold),
        )
        self.leash, self.said, self.arrived = Leash(), list[str](), list[Arrived]()
        self.error: BaseException | None = None
        self._open_in = opening(server, limits)
        since = count_writes(opening(server))
        self._expected = Expected(sent_out, since, since.following)
        self._action = action
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        eventually(lambda: bool(self.said))

    def _run(self) -> None:
        try:
            self.arrived.append(
                await_clients(
                    self._action,
                    self._expected,
                    self._open_in,
                    lambda each: self.said.append(str(each)),
                    self.leash,
                )
            )
        except (CalledOff, DaybreakError) as error:
            self.error = error

    def end(self) -> None:
        """Wait until it is over."""
        self._thread.join(30)
        assert not self._thread.is_alive()


def test_clients_and_a_write_of_theirs_are_waited_for(server: Server) -> None:
    """Neither alone is enough; both must hold for the time that was asked for, and the first write is dated between two looks."""
    watch = Watch(server, wants_write=True, sent_out=2)
    assert watch.said[-1] == "0 of 2 clients, no write yet"
    with ExitStack() as stack:
        clients = [stack.enter_context(client(server)) for _ in range(2)]
        eventually(lambda: watch.said[-1] == "2 of 2 clients, no write yet")
        began = datetime.now(UTC)
        for number in range(30):  # a client at work is counted within about a second
            clients[0].execute("INSERT INTO ledger VALUES (%s)", (number,))
            time.sleep(0.1)
        watch.end()
    [arrived] = watch.arrived
    assert (arrived.clients, arrived.wanted) == (2, 2)
    assert "changes of rows in postgres" in arrived.writes
    assert arrived.held >= timedelta(seconds=0.5)
    assert arrived.first_write is not None
    assert arrived.first_write.after is not None
    assert (
        arrived.first_write.after <= began + timedelta(seconds=0.5) <= arrived.first_write.by + timedelta(seconds=0.5)
    )


@pytest.mark.sweep
def test_who_goes_away_meanwhile_begins_the_time_anew(server: Server) -> None:
    """It is held, and not summed up."""
    watch = Watch(server, wants_write=False, sent_out=1, hold=1.0)
    with client(server):
        eventually(lambda: "for" in watch.said[-1])
    eventually(lambda: watch.said[-1].startswith("0 of 1"))
    with client(server):
        came = time.monotonic()
        watch.end()
        assert time.monotonic() - came >= 0.9


@pytest.mark.sweep
def test_it_is_held_for_longer_than_a_session_lives(server: Server) -> None:
    """A session has a limit, and ``hold`` is 30 seconds unless someone sets another: the wait began anew for ever."""
    with client(server):
        brief = Limits(statement=timedelta(seconds=1), whole=timedelta(seconds=1))
        watch = Watch(server, wants_write=False, sent_out=1, hold=4.0, limits=brief)
        watch.end()
    assert watch.error is None
    assert len(watch.arrived) == 1


def test_a_share_of_the_clients_is_rounded_up_and_our_own_are_none(server: Server) -> None:
    """Half of three is two; our own sessions and those that count are nobody's clients."""
    watch = Watch(server, wants_write=False, sent_out=3, share=50)
    assert watch.said[-1].startswith("0 of 2 clients")
    with client(server), client(server):
        watch.end()


@pytest.mark.sweep
def test_upkeep_and_counters_that_begin_anew_are_no_write_of_a_client(server: Server) -> None:
    """Neither a definition nor a count that nobody can compare ends the wait for a write; rows that rise after it do."""
    server.run("postgres", "INSERT INTO ledger SELECT generate_series(1, 3)")
    watch = Watch(server, wants_write=True, sent_out=1, hold=0.1)
    with client(server) as someone:
        server.run("postgres", "VACUUM FULL ledger")
        eventually(lambda: "definitions in postgres" in watch.said[-1])
        server.run("postgres", "SELECT pg_stat_reset()")
        eventually(lambda: "counts anew" in watch.said[-1])
        assert watch.said[-1].startswith("1 of 1 clients, no write yet (")
        time.sleep(0.5)
        assert watch.arrived == []
        for number in range(30):
            someone.execute("INSERT INTO ledger SELECT generate_series(1, 50)")
            time.sleep(0.1 if number else 1.1)
        watch.end()
    assert watch.arrived[0].first_write is not None


def test_who_calls_it_off_waits_for_nobody(server: Server) -> None:
    """As when the budget has run out."""
    watch = Watch(server, wants_write=True, sent_out=1)
    watch.leash.is_called_off.set()
    watch.end()
    assert isinstance(watch.error, CalledOff)
