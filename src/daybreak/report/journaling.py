"""The journal behind a report, as data and in words: its length, its end, and its anchor."""

from __future__ import annotations

from daybreak.model.report import JournalLine
from daybreak.model.run import RunState


def journal_line(state: RunState) -> JournalLine:
    """What a report says about the run's journal."""
    return JournalLine(
        events=state.events,
        tail=state.tail,
        anchor=state.anchor.number if state.anchor else None,
        ends_without_anchor=state.ended is not None and state.anchor is None,
    )


def journal_words(line: JournalLine) -> str:
    """The journal in one phrase.

    >>> journal_words(JournalLine(events=9, tail="", anchor=None, ends_without_anchor=True))
    "9 events; the journal's tail has no anchor"
    """
    length = f"{line.events} event{'s' if line.events != 1 else ''}"
    if line.ends_without_anchor:
        return f"{length}; the journal's tail has no anchor"
    return length if line.anchor is None else f"{length}; event {line.anchor} is anchored in the clone's tag"
