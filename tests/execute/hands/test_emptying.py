"""A server that was just closed is looked at while AWS is asked, and nobody is sent out before it has answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from daybreak.errors import DaybreakError
from daybreak.model.actions import ChangeSql, EndSessions
from daybreak.model.plan import AwsCall
from daybreak.model.run import Event, StepDone
from daybreak.plan.fence import loss_of_entry
from tests.chaos.simulation import Simulation
from tests.fix_folders import new_folder
from tests.fix_hands import CLONE, LOGIN, Bench
from tests.fix_postgres import PASSWORD, Server, started, stopped

CLOSE, EMPTY = "04-change-sql", "05-end-sessions"
SLOW = 0.5
"""Seconds that AWS takes to answer: work beside would have sent out everybody long before."""


@pytest.fixture(scope="module")
def yard() -> Iterator[Server]:
    """A server of its own: every role of another test's would be a door."""
    running = started(new_folder("dbem-"))
    running.run("postgres", f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    yield running
    stopped(running)


@pytest.fixture
def guest(yard: Server) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who is inside."""
    yard.run("postgres", "ALTER ROLE guest LOGIN")
    where: dict[str, Any] = {"host": yard.host, "port": yard.port, "dbname": "postgres", "user": "guest"}
    with psycopg.connect(**where, password=PASSWORD, autocommit=True) as session:
        yield session


class Watched:
    """A run that closes the server and empties it; AWS answers slowly in between."""

    def __init__(self, bench: Bench, *, is_gone: bool) -> None:
        server: dict[str, Any] = {
            "cluster": CLONE,
            "database": "postgres",
            "login": LOGIN,
            "limit": timedelta(seconds=5),
        }
        close = ChangeSql.model_validate(server | {"change": loss_of_entry(["guest"])})
        self.simulation: Simulation = bench.simulation(close, EndSessions.model_validate(server))
        self.threads = list[bool]()
        """Of each look at AWS in between, whether work went on beside it."""
        aws, self._is_between = self.simulation.aws, False
        as_before = aws.told

        def told(call: AwsCall, answer: dict[str, Any]) -> dict[str, Any]:
            answer = as_before(call, answer)
            if not self._is_between or call.operation != "DescribeDBClusters":
                return answer
            time.sleep(SLOW)
            self.threads.append(any(each.name == "daybreak-beside" for each in threading.enumerate()))
            return {"DBClusters": []} if is_gone else answer

        aws.told = told
        self.simulation.on_told = self._hear

    def _hear(self, event: Event) -> None:
        if isinstance(event.body, StepDone):
            self._is_between = event.body.step == CLOSE


@pytest.fixture
def bench(yard: Server, tmp_path: Any) -> Bench:
    """A place for runs at that server."""
    return Bench(tmp_path, yard, "postgres", yard.port)


def test_it_is_looked_at_meanwhile_and_emptied_after_the_answer(bench: Bench, guest: psycopg.Connection[Any]) -> None:
    """One look at AWS, with the session made ready beside it."""
    watched = Watched(bench, is_gone=False)
    ended = watched.simulation.live()
    assert "mark" in ended.step(EMPTY).result
    assert watched.threads == [True]
    with pytest.raises(psycopg.OperationalError):
        guest.execute("SELECT 1")


def test_nobody_is_sent_out_of_a_cluster_that_is_gone(bench: Bench, guest: psycopg.Connection[Any]) -> None:
    """The server still answers at its address: it is another's by now, for all we know."""
    watched = Watched(bench, is_gone=True)
    try:
        ended = watched.simulation.live()
        assert ended.status != "finished"
    except DaybreakError:
        pass
    assert watched.threads[0], "it was not looked at meanwhile"
    guest.execute("SELECT 1")
