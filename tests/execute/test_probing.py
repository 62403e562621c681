"""A probe writes at real servers while the traffic moves from one to the other, and says between which bounds nobody could write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from daybreak.execute.entering import Applicant, OwnSessions
from daybreak.execute.probing import AGAIN, ENDED, EVERY, Probe, Probes, ProbeTally, Try
from daybreak.model.application import ApplicationWay
from daybreak.postgres.fencing import count_clients, end_sessions
from daybreak.postgres.leash import Leash
from daybreak.postgres.session import open_session
from daybreak.postgres.whereabouts import read_whereabouts
from daybreak.postgres.writes import count_writes
from tests.execute.test_arriving import LIMITS, opening
from tests.execute.test_arriving import server as server  # noqa: PLC0414 - a fixture that this module shares
from tests.execute.test_signs import ENVIRON, Shelf, login, way
from tests.fix_folders import new_folder
from tests.fix_lab import eventually
from tests.fix_postgres import HERE, PASSWORD, Server, started, stopped

WITHIN = timedelta(seconds=20)


@pytest.fixture(scope="module")
def clone() -> Iterator[Server]:
    """The other side, where the same application may log in."""
    running = started(new_folder("dbpg-"))
    running.run(
        "postgres",
        f"CREATE ROLE rescuer LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_monitor",
        f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'",
    )
    yield running
    stopped(running)


@pytest.fixture
def source(server: Server) -> Iterator[Server]:
    """The side that is closed, and open again after the test."""
    yield server
    server.run("postgres", "ALTER ROLE app LOGIN")


class Gap:
    """A probe between two servers, by a parameter that names one of them by its port."""

    def __init__(self, source: Server, clone: Server) -> None:
        self.source, self.clone, self.own = source, clone, OwnSessions()
        self.shelf = Shelf("127.0.0.1")
        self.now = source
        us = Applicant(lambda _: self.shelf, ENVIRON, HERE, open_session, self.own)

        def enter(leash: Leash) -> object:
            return us.enter(login(self.way), self.way, LIMITS, leash)

        self.probe = Probe(enter, mark(source), mark(clone), "the parameter")  # type: ignore[arg-type]
        self.probes = Probes()

    @property
    def way(self) -> ApplicationWay:
        """Where the place leads now: both servers are on this machine, and their ports tell them apart."""
        return way(self.now)

    def close_source(self) -> None:
        """Take LOGIN, and send everybody out."""
        self.source.run("postgres", "ALTER ROLE app NOLOGIN")
        with self.source.connection("postgres") as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")


def mark(server: Server) -> str:
    """What the server says of itself."""
    with open_session(server.address(), server.master, LIMITS) as session:
        return read_whereabouts(session).server


def test_the_gap_lies_between_its_bounds(source: Server, clone: Server) -> None:
    """By one clock: what the probe says holds what really happened, however slow anything is; and it changed no row."""
    gap = Gap(source, clone)
    before = count_writes(opening(clone))
    assert gap.probes.begin(gap.probe, Leash()).why == ""
    fencing = time.monotonic()
    gap.close_source()
    fenced = time.monotonic()
    time.sleep(1.0)
    moving = time.monotonic()
    gap.now = clone
    found = gap.probes.read(Leash())
    seen = time.monotonic()
    assert found.why == ""
    assert found.most.total_seconds() >= moving - fenced, "nobody could write for as long as that"
    assert found.most.total_seconds() <= seen - fencing + EVERY + found.round_trip.total_seconds() + 1
    assert found.least.total_seconds() <= seen - fencing
    assert found.least.total_seconds() >= 1.0 - 2 * AGAIN - found.round_trip.total_seconds() - 0.5
    assert found.writes >= 2
    after = count_writes(opening(clone))
    assert after.rows_since(before) == "", "no row was written"
    assert after.following > before.following, "and yet it took a write"


def test_the_probe_is_sent_out_like_everybody_and_counted_as_nobody(source: Server, clone: Server) -> None:
    """The fence's count of clients is what must come back at the other side."""
    gap = Gap(source, clone)
    assert gap.probes.begin(gap.probe, Leash()).why == ""
    source.run("postgres", "ALTER ROLE app NOLOGIN", "ALTER ROLE rescuer NOLOGIN")
    with open_session(source.address(), source.master, LIMITS) as session:
        assert count_clients(session) == 1
        emptied = end_sessions(session, WITHIN, apart=gap.own.at)
        source.run("postgres", "ALTER ROLE rescuer LOGIN")
    assert (emptied.clients, emptied.ended >= 1) == (0, True)
    gap.probes.end()


def test_what_never_arrives_is_no_measure(source: Server, clone: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it did not see, and why."""
    monkeypatch.setattr("daybreak.execute.probing._ARRIVING", 1.0)
    gap = Gap(source, clone)
    assert gap.probes.begin(gap.probe, Leash()).why == ""
    gap.close_source()
    found = gap.probes.read(Leash())
    assert found.why.startswith("the new side took no write of its: ")
    assert "not permitted to log in" in found.why


def test_where_the_old_side_takes_none_it_ends_at_once(
    source: Server, clone: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a person who resumed in the gap: nothing can be measured from there."""
    monkeypatch.setattr("daybreak.execute.probing._BEGINNING", 1.0)
    gap = Gap(source, clone)
    gap.close_source()
    assert "not permitted to log in" in gap.probes.begin(gap.probe, Leash()).why
    assert gap.probes.read(Leash()).why == ENDED


def test_it_dies_with_the_walk(source: Server, clone: Server) -> None:
    """Its session ends, and nothing of it is known to the next process."""
    gap = Gap(source, clone)
    assert gap.probes.begin(gap.probe, Leash()).why == ""
    gap.probes.end()
    with open_session(source.address(), source.master, LIMITS) as session:
        eventually(lambda: count_clients(session) == 0)
    assert Probes().read(Leash()).why == ENDED


# -- the tally alone


def test_the_bounds_are_what_was_seen() -> None:
    """From the last write that was taken, and from the first to the last that was not."""
    tally = ProbeTally()
    tally.note_taken(Try(10.0, 10.1), is_new=False)
    tally.note_refused(Try(10.2, 10.3), "no")
    tally.note_refused(Try(14.0, 14.2), "no")
    tally.note_taken(Try(14.5, 14.9), is_new=True)
    found = tally.measure("the place")
    assert found.least.total_seconds() == pytest.approx(3.7)
    assert found.most.total_seconds() == pytest.approx(4.9)
    assert found.round_trip.total_seconds() == pytest.approx(0.4)


def test_a_hiccup_before_the_fence_is_not_the_gap() -> None:
    """Where the old side takes writes again, the gap has not begun; and without a try that failed nobody says it was long."""
    tally = ProbeTally()
    tally.note_taken(Try(1.0, 1.1), is_new=False)
    tally.note_refused(Try(2.0, 2.1), "a hiccup")
    tally.note_taken(Try(9.0, 9.1), is_new=False)
    tally.note_taken(Try(9.2, 9.3), is_new=True)
    found = tally.measure("the place")
    assert (found.least, round(found.most.total_seconds(), 1)) == (timedelta(0), 0.3)
