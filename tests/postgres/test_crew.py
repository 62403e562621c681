"""Crews: the largest job first, one failure for one key, and nobody left working when nobody wants the answer."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from time import monotonic, sleep

import pytest
from psycopg import sql

from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.crew import Aside, CountProgress, Crew, Job, JobTrouble
from daybreak.postgres.leash import Leash
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import export_snapshot
from daybreak.postgres.session import Session
from tests.fix_postgres import Server

_BUDGET = ServerBounds(whole=timedelta(seconds=30), lock=timedelta(seconds=20), connections=2)


def _answer(session: Session, text: str) -> str:
    return str(session.ask(sql.SQL(text))[0][0])


def _worked(server: Server, jobs: list[Job[str]], hands: int = 1) -> list[tuple[str, str | JobTrouble]]:
    place, told = Reach(server.address(), server.master), list[tuple[str, str | JobTrouble]]()
    with place.session(_BUDGET.limits()) as leader:
        leader.begin()
        crew = Crew(place, _BUDGET.limits(), export_snapshot(leader), jobs)
        crew.work(hands, lambda job, result, took: told.append((job.name, result)))
    return told


def test_the_largest_is_done_first(server: Server) -> None:
    """What takes longest must not begin when all others have ended."""
    jobs = [Job(size, f"job {size}", size, partial(_answer, text="SELECT 1")) for size in (5, 90, 40)]
    assert [name for name, _ in _worked(server, jobs)] == ["job 90", "job 40", "job 5"]


def test_a_failure_ends_the_jobs_of_its_key_and_no_other(server: Server) -> None:
    """The parts of a table that cannot be read need not each wait for its lock; the next table is read all the same."""
    bad, good = partial(_answer, text="SELECT 1 / 0"), partial(_answer, text="SELECT 'done'")
    jobs = [Job(1, "first part", 9, bad), Job(1, "second part", 8, good), Job(2, "other", 7, good)]
    told = dict(_worked(server, jobs))
    assert told["other"] == "done"
    assert told["first part"] == told["second part"] == JobTrouble(f"{server.address()} said no: division by zero")


def test_work_aside_tells_its_progress_and_its_result_to_who_asks(server: Server) -> None:
    """On the asking thread, as everything that a person sees."""
    del server
    steps: list[CountProgress] = []

    def work(leash: Leash, progress: object) -> str:
        assert callable(progress)
        progress(CountProgress(1, 2))
        return "done"

    with Aside(work) as aside:
        assert aside.result(steps.append) == "done"
    assert steps == [CountProgress(1, 2)]


def test_work_aside_that_fails_fails_where_it_is_asked_for() -> None:
    """A bug in a thread must not end as silence."""

    def work(leash: Leash, progress: object) -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), Aside(work) as aside:
        aside.result(lambda step: None)


def test_work_aside_ends_on_the_server_when_it_is_given_up(server: Server) -> None:
    """Who presses Ctrl-C must not leave a query behind that runs for an hour."""
    place = Reach(server.address(), server.master)

    def work(leash: Leash, progress: object) -> str:
        with place.session(_BUDGET.limits()) as session, leash.hold(session):
            return _answer(session, "SELECT pg_sleep(25)")

    def give_up() -> None:
        with Aside(work):
            deadline = monotonic() + 5
            while not server.backends() and monotonic() < deadline:
                sleep(0.02)
            sleep(0.2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up()
    deadline = monotonic() + 3
    while server.backends() and monotonic() < deadline:
        sleep(0.05)
    assert server.backends() == []
