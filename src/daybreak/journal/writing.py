"""Journal: one process's hold on a run, and the only way to write an event.

The law: ``append`` returns when the event is durable, or raises and the run is as before. A writer that was taken over learns
it at its next append and writes nothing more. ``Hold`` says what a place to write must be able to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from daybreak.errors import Bug, Failed, Paused
from daybreak.journal.chain import Chain, event_of, line_of
from daybreak.model.anchor import Anchor
from daybreak.model.run import Body, Event, RunAttached, RunCreated, RunState, Tally


class TakenOver(Paused):
    """Another process holds the run now; this one does nothing more."""

    def __init__(self, run: str, by: str) -> None:
        super().__init__(
            f'the run "{run}" was taken over by {by}; nothing more is done here', f"follow it: daybreak watch {run}"
        )
        self.run = run
        self.by = by

    def __reduce__(self) -> tuple[type[TakenOver], tuple[str, str]]:
        return (TakenOver, (self.run, self.by))


class Hold(Protocol):
    """The right to write one run's events, in one store."""

    def put(self, number: int, line: bytes) -> bytes | None:
        """Make the line durable as the event of that number.

        Returns ``None`` when it is durable, or the line that is there already, whichever process wrote it. Raises ``Paused`` when
        it could not be written, and ``TakenOver`` when the store knows that the hold is gone.
        """

    def release(self) -> None:
        """Let others write; never raises."""


@dataclass(frozen=True)
class Writer:
    """The name that one hold writes under, and its clock and its dice."""

    writer: str
    """``user@host:pid:nonce``: no other hold, earlier or later, has the same."""
    now: Callable[[], datetime]
    nonce: Callable[[], str]


class Journal:
    """A run that this process holds. Threads may append through one journal; the order is that of the appends."""

    def __init__(self, run: str, hold: Hold, chain: Chain, hand: Writer) -> None:
        self.run = run
        self._hold = hold
        self._hand = hand
        self._mutex = threading.Lock()
        self._chain = chain
        self._tally = Tally()
        self._tallying = threading.Lock()
        self._state: RunState | None = None
        self._is_closed = False
        self._taken: TakenOver | None = None

    @property
    def writer(self) -> str:
        """The name that this hold writes under."""
        return self._hand.writer

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event so far."""
        return self._chain.events

    def tail(self) -> Anchor:
        """The newest event, by its number and digest."""
        return self._chain.tail()

    def state(self) -> RunState:
        """The state that the events add up to."""
        with self._tallying:
            new = self.events[self._tally.events :]
            if new or self._state is None:
                self._tally.add(new)
                self._state = self._tally.state()
            return self._state

    def append(self, body: Body) -> Event:
        """Write an event; it is durable when this returns.

        Raises ``TakenOver`` when another process holds the run, and ``Paused`` when the event could not be made durable; then
        it can be tried again.
        """
        with self._mutex:
            if self._is_closed:
                raise Bug(f'an event was appended to the closed journal of "{self.run}"')
            if self._taken is not None:
                raise self._taken
            nonce = self._hand.nonce()
            while True:
                event = self._next(body, nonce)
                line, seal = line_of(event)
                standing = self._hold.put(event.number, line)
                if standing is None or standing == line:
                    self._chain = self._chain.then(event, seal)
                    return event
                self._adopt(event.number, standing)

    def close(self) -> None:
        """Give up the hold; a second call does nothing."""
        with self._mutex:
            if not self._is_closed:
                self._is_closed = True
                self._hold.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next(self, body: Body, nonce: str) -> Event:
        hand, chain = self._hand, self._chain
        return Event(
            number=len(chain.events), at=hand.now(), writer=hand.writer, nonce=nonce, previous=chain.head, body=body
        )

    def _adopt(self, number: int, standing: bytes) -> None:
        """Keep a stored event of this hold although its append was reported as failed; another's event fences us."""
        try:
            event, seal = event_of(standing)
        except ValueError as error:
            raise Failed(f'event {number} of the run "{self.run}" is damaged: {error}') from error
        if event.writer != self.writer:
            self._taken = TakenOver(self.run, event.writer)
            raise self._taken
        if event.number != number or event.previous != self._chain.head:
            raise Bug(f'event {number} of the run "{self.run}" is ours and does not follow the one before')
        self._chain = self._chain.then(event, seal)


def begin(journal: Journal, created: RunCreated, attached: RunAttached, mark: Callable[[], None]) -> Journal:
    """Record this process's attachment; a new journal first records which plan it carries out. Return the journal.

    ``mark`` records beside the journal that the run has begun, after its first event and before its second. So a journal
    that is lost later is not mistaken for one that was never written.
    """
    try:
        if not journal.events:
            journal.append(created)
        if len(journal.events) == 1:
            mark()
        journal.append(attached)
    except BaseException:
        journal.close()
        raise
    return journal
