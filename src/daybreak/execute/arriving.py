"""Watch the clients arrive at the side to which the traffic was moved: how many are there, whether they write, and whether all is well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from daybreak.errors import Failed
from daybreak.execute.beside import CalledOff, News
from daybreak.execute.entering import OwnSessions
from daybreak.execute.expecting import Expected
from daybreak.execute.signs import Asking, SignOfLife, ask_beside, ask_in_thread
from daybreak.model.actions import AwaitClients
from daybreak.model.arrivals import Arrived, FirstWrite
from daybreak.model.moment import span_in_words
from daybreak.model.names import comma_list
from daybreak.postgres.fencing import count_clients, read_clock
from daybreak.postgres.leash import Leash
from daybreak.postgres.session import Session
from daybreak.postgres.whereabouts import read_whereabouts
from daybreak.postgres.writes import count_writes

BETWEEN_LOOKS = 0.2
"""Seconds between two looks: the resolution of the gap that is measured."""
_RECOUNTS = 5
"""How often clients are counted anew where a session of ours came or went meanwhile."""


class Doorkeeper:
    """Knows the server at which the clients are awaited, and which of its sessions are ours."""

    def __init__(self, own: OwnSessions | None = None) -> None:
        self.own = own or OwnSessions()
        self.server = ""
        """The mark of the server."""

    def count(self, session: Session) -> int:
        """How many clients are there; whoever of ours is about to come in is taken off, since nobody knows its process yet."""
        self.server = read_whereabouts(session).server
        for _ in range(_RECOUNTS):
            changes, entering = self.own.changes, self.own.entering
            clients = count_clients(session, self.own.at(self.server))
            if changes == self.own.changes:
                break
        return max(0, clients - max(entering, self.own.entering))


def await_clients(
    action: AwaitClients,
    expected: Expected,
    open_in: Callable[[str | None], AbstractContextManager[Session]],
    hand_over: Callable[[News], None],
    leash: Leash,
    *,
    signs: tuple[SignOfLife, ...] = (),
    keeper: Doorkeeper | None = None,
    asking: Asking = ask_in_thread,
) -> Arrived:
    """Look until the clients are here as ``action`` wants it, every sign is well, and all of that for as long.

    Raises as ``Session.ask`` does, ``CalledOff``, and ``Failed`` where the action's patience is over.
    """
    watch, keeper = _Watch(action, expected, signs), keeper or Doorkeeper()
    until = None if action.patience is None else time.monotonic() + action.patience.total_seconds()
    with open_in(None) as session:
        keeper.count(session)  # whoever asks beside compares with the server that is known by then
    with ask_beside(signs, asking):
        while True:
            began = time.monotonic()
            # One session a look: its own time is over long before what must hold has held for long enough.
            with open_in(None) as session:
                at, number = read_clock(session)
                clients, rows, writes = keeper.count(session), "", ""
            if expected.since is not None:
                now = count_writes(open_in)
                rows, writes = now.rows_since(expected.since), now.words_since(expected.since)
            watch.look_for_write(at, rows, is_still=number == expected.following)
            if (arrived := watch.look(at, clients, rows, writes)) is not None:
                return arrived
            hand_over(watch.words)
            if until is not None and began > until:
                raise Failed(
                    f"after {span_in_words(action.patience or timedelta(0))} it is not as it should be: {watch.words}"
                )
            if leash.is_called_off.wait(max(0.0, BETWEEN_LOOKS - (time.monotonic() - began))):
                raise CalledOff


class _Watch:
    """What was seen so far."""

    def __init__(self, action: AwaitClients, expected: Expected, signs: Iterable[SignOfLife]) -> None:
        self._action, self._wanted = action, expected.number_wanted(action)
        self._signs = tuple(signs)
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
        spans = [at - self._held_since if self._held_since else None, *(each.held for each in self._signs)]
        known = [span for span in spans if span is not None]
        held = min(known) if len(known) == len(spans) else None
        self.words = self._words(clients, rows, writes, held)
        if held is None or held < self._action.hold:
            return None
        return Arrived(
            clients=clients,
            wanted=self._wanted,
            first_write=self._first,
            writes=writes if self._first else "",
            held=held,
            pages=tuple(each.what for each in self._signs if each.is_page),
            logins=tuple(each.what for each in self._signs if not each.is_page),
        )

    def _words(self, clients: int, rows: str, writes: str, held: timedelta | None) -> str:
        """How it stands, for people who wait."""
        found = []
        if self._action.share:
            other = f" ({writes})" if writes else ""
            wrote = f", {writes}" if rows else f", no write yet{other}" if self._action.wants_write else ""
            found = [f"{clients} of {self._wanted} clients{wrote}"]
        found += [f"{each.what}: {each.unwell}" for each in self._signs if each.unwell]
        if well := [each.what for each in self._signs if not each.unwell]:
            found.append(f"well: {comma_list(well)}")
        holding = "" if held is None else f", for {span_in_words(held)} of {span_in_words(self._action.hold)}"
        return "; ".join(found) + holding
