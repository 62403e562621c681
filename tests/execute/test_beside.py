"""Work in a thread of its own: its news in order, its end as it was, and nothing left of it once it is called off."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from time import monotonic

import pytest
from psycopg import sql

from daybreak.execute.beside import CalledOff, InThread, News
from daybreak.model.findings import Measured
from daybreak.postgres.answering import knock
from daybreak.postgres.leash import Leash
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import Limits
from tests.fix_lab import eventually
from tests.fix_postgres import Server

LIMITS = Limits(statement=timedelta(minutes=5), whole=timedelta(minutes=5))
ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'daybreak' AND query LIKE '%pg_sleep(200)%' AND pid <> pg_backend_pid()"
OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'daybreak'"


def count(server: Server, question: str) -> int:
    """What the server counts."""
    with server.connection("postgres") as connection:
        [[found]] = connection.execute(question.encode()).fetchall()
        assert isinstance(found, int)
        return found


def threads() -> list[str]:
    """The threads that work beside."""
    return [each.name for each in threading.enumerate() if each.name.startswith("daybreak-beside")]


def asleep_at(server: Server, leash: Leash) -> Reach:
    """A reach whose every session the leash ends."""
    address = server.address()
    return Reach(type(address)(address.host, address.port, address.database, address.trust, leash), server.master)


def test_news_come_in_order_and_before_the_result() -> None:
    """The end of a step must not be recorded before its last finding."""

    def work(hand_over: Callable[[News], None], _leash: Leash) -> Measured:
        for number in range(100):
            hand_over(f"{number}")
        return Measured(rows=7)

    undertaking, heard = InThread().begin(work), list[News]()
    while not undertaking.is_over:
        undertaking.wait(10)
        heard += undertaking.news()
    heard += undertaking.news()
    assert heard == [f"{number}" for number in range(100)]
    assert undertaking.result() == Measured(rows=7)


class Strange(BaseException):
    """Nothing that the product knows."""


def test_what_it_raises_is_raised_where_the_result_is_asked_for() -> None:
    """Also what is no ``Exception``: a thread that swallows it would let the run wait for ever."""
    trouble = Strange()

    def work(_hand_over: Callable[[News], None], _leash: Leash) -> Measured:
        raise trouble

    undertaking = InThread().begin(work)
    eventually(lambda: undertaking.is_over)
    with pytest.raises(Strange) as caught:
        undertaking.result()
    assert caught.value is trouble


@pytest.mark.parametrize("is_kept", [False, True])
def test_what_is_called_off_leaves_no_session_and_no_thread(server: Server, *, is_kept: bool) -> None:
    """A statement of an hour must not go on for a run that nobody wants any more."""
    news, went_on = list[News](), list[str]()

    def work(hand_over: Callable[[News], None], leash: Leash) -> Measured:
        place = asleep_at(server, leash)
        try:
            with place.meter.keep_sessions():
                if is_kept:
                    with place.session(LIMITS) as session:
                        session.ask(sql.SQL("SELECT 1"))
                hand_over("begun")
                try:
                    with place.session(LIMITS) as session:
                        session.ask(sql.SQL("SELECT pg_sleep(200)"))
                except Exception as trouble:
                    went_on.append(str(trouble))
                    raise
        finally:
            # A question that comes after the end reaches no server.
            went_on.append(knock(place.address, place.login, timedelta(seconds=5)).trouble)
            hand_over("too late")
        return Measured()

    undertaking = InThread().begin(work)
    eventually(lambda: count(server, ASLEEP) == 1)
    news += undertaking.news()
    began = monotonic()
    undertaking.call_off()
    assert monotonic() - began < 5
    eventually(lambda: count(server, OURS) == 0)
    assert threads() == []
    assert (news, undertaking.news()) == (["begun"], ())
    assert "called off" in went_on[-1]
    with pytest.raises(CalledOff):
        undertaking.result()


def test_a_session_that_waits_for_its_turn_is_called_off_too(server: Server) -> None:
    """Whoever waits for a free session of the bounds would open one after everybody has gone."""
    is_full = threading.Event()

    def work(_hand_over: Callable[[News], None], leash: Leash) -> Measured:
        place = asleep_at(server, leash)
        narrow = Reach(place.address, place.login, Meter(place.meter.bounds.__class__(connections=1)))

        def ask() -> None:
            with narrow.session(LIMITS) as session:
                session.ask(sql.SQL("SELECT pg_sleep(200)"))

        other = threading.Thread(target=ask, name="daybreak-beside-other", daemon=True)
        other.start()
        eventually(lambda: count(server, ASLEEP) == 1)
        is_full.set()
        ask()
        return Measured()

    threading.excepthook, before = lambda _args: None, threading.excepthook
    try:
        undertaking = InThread().begin(work)
        assert is_full.wait(30)
        undertaking.call_off()
        eventually(lambda: threads() == [] and count(server, OURS) == 0)
    finally:
        threading.excepthook = before
