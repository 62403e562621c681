"""The interpreter's journal: it writes first, then reports."""

from __future__ import annotations

from collections.abc import Callable

from daybreak.journal.store import Journal
from daybreak.model.anchor import Anchor
from daybreak.model.run import Body, Event, RunState


class Record:
    """Appends to the journal, and reports each event once it is durable."""

    def __init__(self, journal: Journal, on_event: Callable[[Event], None]) -> None:
        self._journal = journal
        self._on_event = on_event

    def append(self, body: Body) -> None:
        """Make an event durable, then report it; raises ``Paused`` when it could not be written."""
        self._on_event(self._journal.append(body))

    def tail(self) -> Anchor:
        """The newest event, by its number and digest."""
        return self._journal.tail()

    def state(self) -> RunState:
        """The state that the run's events add up to."""
        return self._journal.state()
