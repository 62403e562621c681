"""A journal in a process's hands: one order for all threads, and nothing half done when Ctrl-C strikes."""

from __future__ import annotations

import itertools

import pytest

from daybreak.errors import Bug
from daybreak.journal.chain import Chain, line_of
from daybreak.journal.writing import Journal, TakenOver, Writer
from daybreak.model.plan import StepId
from daybreak.model.run import Event, StepDone, StepSent
from tests.fix_journal import append_steps, ticking


class Memory:
    """A hold that keeps lines in memory; ``strike`` interrupts the next put after it was stored."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.strike = False
        self.is_released = False

    def put(self, number: int, line: bytes) -> bytes | None:
        if number < len(self.lines):
            return self.lines[number]
        self.lines.append(line)
        if self.strike:
            self.strike = False
            raise KeyboardInterrupt
        return None

    def release(self) -> None:
        self.is_released = True


def journal_in(hold: Memory, writer: str = "ada@north:1:a") -> Journal:
    """A journal that writes there."""
    numbers = itertools.count()
    return Journal("run", hold, Chain(), Writer(writer, ticking(), lambda: str(next(numbers))))


def test_events_are_chained_by_the_digest_of_the_one_before() -> None:
    """An auditor can check the chain with nothing but SHA-256."""
    journal = journal_in(Memory())
    append_steps(journal, 4)
    for before, event in itertools.pairwise(journal.events):
        assert event.previous == before.digest() == line_of(before)[1]


def test_an_append_that_was_interrupted_is_kept_by_the_next() -> None:
    """Ctrl-C may strike after the event was stored; its number is then ours already."""
    hold = Memory()
    journal = journal_in(hold)
    append_steps(journal, 1)
    hold.strike = True
    with pytest.raises(KeyboardInterrupt):
        journal.append(StepSent(step=StepId("a")))
    assert len(journal.events) == 1
    event = journal.append(StepDone(step=StepId("a")))
    assert [type(each.body).__name__ for each in journal.events] == ["StepIntended", "StepSent", "StepDone"]
    assert (event.number, len(hold.lines)) == (2, 3)


def test_somebody_elses_event_fences_for_good() -> None:
    """Even when the store would take events again, this hold is over."""
    hold = Memory()
    journal = journal_in(hold)
    other = Event(
        number=0, at=ticking()(), writer="bob@south:2:b", nonce="n", previous="0" * 64, body=StepDone(step=StepId("a"))
    )
    hold.lines.append(line_of(other)[0])
    with pytest.raises(TakenOver, match="bob@south:2"):
        append_steps(journal, 1)
    hold.lines.clear()
    with pytest.raises(TakenOver):
        append_steps(journal, 1)
    assert hold.lines == []


def test_leaving_the_block_gives_up_the_hold() -> None:
    """Also when something went wrong inside."""
    hold = Memory()
    with pytest.raises(ZeroDivisionError), journal_in(hold):
        raise ZeroDivisionError
    assert hold.is_released


def test_the_state_follows_the_events() -> None:
    """It is folded again when there is news, and only then."""
    journal = journal_in(Memory())
    with pytest.raises(Bug, match="must begin"):
        journal.state()
