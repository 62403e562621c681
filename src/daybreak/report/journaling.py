"""The record behind a report, in data and in words: how long it is, where it ends, and what holds it fast."""

from __future__ import annotations

from daybreak.model.report import JournalLine
from daybreak.model.run import RunState


def journal_line(state: RunState) -> JournalLine:
    """What a report says of the run's journal."""
    return JournalLine(
        events=state.events,
        tail=state.tail,
        anchor=state.anchor.number if state.anchor else None,
        ends_without_anchor=state.ended is not None and state.anchor is None,
    )


def journal_words(line: JournalLine) -> str:
    """The same in one phrase.

    >>> journal_words(JournalLine(events=9, tail="", anchor=None, ends_without_anchor=True))
    "9 events; the journal's tail has no anchor"
    """
    told = f"{line.events} event{'s' if line.events != 1 else ''}"
    if line.ends_without_anchor:
        return f"{told}; the journal's tail has no anchor"
    return told if line.anchor is None else f"{told}; event {line.anchor} is anchored in the clone's tag"
