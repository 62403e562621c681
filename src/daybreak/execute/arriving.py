"""Watch the clients arrive at the side to which the traffic was moved: how many are there, and whether they write."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from daybreak.execute.beside import CalledOff, News
from daybreak.model.actions import AwaitClients
from daybreak.model.arrivals import Arrived, FirstWrite
from daybreak.model.moment import span_in_words
from daybreak.model.writes import WriteCount
from daybreak.postgres.fencing import count_clients, read_clock
from daybreak.postgres.leash import Leash
from daybreak.postgres.session import Session
from daybreak.postgres.writes import count_writes

BETWEEN_LOOKS = 0.2
"""Seconds between two looks: the resolution of the gap that is measured."""


@dataclass(frozen=True)
class Expected:
    """What the clients' arrival is compared with."""

    clients: int
    """How many were sent out of the other side."""
    since: WriteCount
    """What had been written at this side before any client was led there."""
    following: int
    """The first transaction id that this side had not given out by then."""

    def number_wanted(self, action: AwaitClients) -> int:
        """How many must be here, rounded up."""
        return -(-self.clients * action.share // 100)


def await_clients(
    action: AwaitClients,
    expected: Expected,
    open_in: Callable[[str | None], AbstractContextManager[Session]],
    hand_over: Callable[[News], None],
    leash: Leash,
) -> Arrived:
    """Look until the clients are here as ``action`` wants it, and for as long; raises as ``Session.ask`` does, and ``CalledOff``."""
    watch = _Watch(action, expected)
    with open_in(None) as session:
        while True:
            began = time.monotonic()
            at, number = read_clock(session)
            clients, now = count_clients(session), count_writes(open_in)
            rows, writes = now.rows_since(expected.since), now.words_since(expected.since)
            watch.look_for_write(at, rows, is_still=number == expected.following)
            if (arrived := watch.look(at, clients, rows, writes)) is not None:
                return arrived
            hand_over(watch.words)
            if leash.is_called_off.wait(max(0.0, BETWEEN_LOOKS - (time.monotonic() - began))):
                raise CalledOff


class _Watch:
    """What was seen so far."""

    def __init__(self, action: AwaitClients, expected: Expected) -> None:
        self._action, self._wanted = action, expected.number_wanted(action)
        self._still: datetime | None = None
        self._first: FirstWrite | None = None
        self._held_since: datetime | None = None
        self.words = ""

    def look_for_write(self, at: datetime, rows: str, *, is_still: bool) -> None:
        """Date the first write: it comes after the last look at which no transaction had been given out, and not after it is counted.

        Only ``rows`` that were surely written are a client's: upkeep changes definitions, and counters that begin anew show nothing.
        """
        if is_still:
            self._still = at
        if rows and self._first is None:
            self._first = FirstWrite(after=self._still, by=at)

    def look(self, at: datetime, clients: int, rows: str, writes: str) -> Arrived | None:
        """Take what one look showed; all of it once it has held for long enough.

        ``rows`` were surely written; ``writes`` is all that was counted, or that nobody knows.
        """
        is_so = clients >= self._wanted and (self._first is not None or not self._action.wants_write)
        self._held_since = (self._held_since or at) if is_so else None
        held = at - self._held_since if self._held_since else timedelta(0)
        other = f" ({writes})" if writes else ""
        wrote = f", {writes}" if rows else f", no write yet{other}" if self._action.wants_write else ""
        holding = f", for {span_in_words(held)} of {span_in_words(self._action.hold)}" if is_so else ""
        self.words = f"{clients} of {self._wanted} clients{wrote}{holding}"
        if not is_so or held < self._action.hold:
            return None
        return Arrived(
            clients=clients,
            wanted=self._wanted,
            first_write=self._first,
            writes=writes if self._first else "",
            held=held,
        )
