"""Where a database is asked, and as whom; every session there is one of those that its server's bounds allow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event
from time import monotonic

from daybreak.errors import DaybreakError, Unreachable
from daybreak.postgres.address import Address
from daybreak.postgres.faults import is_full
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.session import Limits, Session, connect

_AGAIN = 0.1
"""Seconds after which a server that had no connection left is asked again."""


@dataclass(frozen=True)
class Reach:
    """A database, and how to log in there. Databases of one server share its ``meter``."""

    address: Address
    login: Login
    meter: Meter = field(default_factory=Meter, compare=False, repr=False)

    def within(self, database: str) -> Reach:
        """The same server's database of that name, with the same login."""
        return replace(self, address=replace(self.address, database=database))

    @contextmanager
    def session(self, limits: Limits) -> Iterator[Session]:
        """A session for the length of a ``with`` block; raises as ``connect`` does."""
        session = self.connect(limits)
        try:
            yield session
        except BaseException:
            session.hang_up()
            raise
        session.leave()

    def connect(self, limits: Limits) -> Session:
        """Take the session that is kept at hand, or open one, and wait for one of ours to end where the bounds or the server allow no more.

        Raises ``Unreachable`` where none ends within the limits, and whatever opening a session raises.
        """
        if kept := self._take_from_hand(limits):
            return kept
        until = monotonic() + limits.whole.total_seconds()
        patience = monotonic() + min(limits.connect, limits.whole).total_seconds()
        wake = Event()
        while True:
            if not self.meter.take(until):
                raise Unreachable(f"{self.address} let no further session in within the time limit")
            try:
                return self._open(limits)
            except DaybreakError as error:
                if not is_full(error):
                    self.meter.give_back()
                    raise
                if not self._makes_room() and not self.meter.learn_full():
                    # None of ours: but a session that was just hung up takes a moment to end on the server.
                    if monotonic() + _AGAIN >= patience:
                        raise
                    wake.wait(_AGAIN)

    def connect_further(self, limits: Limits) -> Session | None:
        """Take or open one more session beside others; ``None`` where the bounds or the server allow no more."""
        if kept := self._take_from_hand(limits):
            return kept
        while self.meter.take(0.0):
            try:
                return self._open(limits)
            except DaybreakError as error:
                if not is_full(error):
                    self.meter.give_back()
                    raise
                if not self._makes_room():
                    self.meter.learn_full()
                    return None
        return None

    def _makes_room(self) -> bool:
        """Give back a right that the server did not honor, where a session that is only kept at hand could end for it."""
        is_made = self.meter.make_room()
        if is_made:
            self.meter.give_back()
        return is_made

    def _take_from_hand(self, limits: Limits) -> Session | None:
        patience = monotonic() + min(limits.connect, limits.whole).total_seconds()
        while kept := self.meter.take_from_hand(self.address, self.login):
            try:
                kept.renew(limits, self.address)
            except DaybreakError:
                kept.hang_up()
                # A session that the server ended while nobody asked there says nothing of a new one; its silence does.
                if monotonic() >= patience:
                    raise
            else:
                return kept
        return None

    def _open(self, limits: Limits) -> Session:
        session = connect(self.address, self.login, limits)
        self.meter.keep(session)
        return session
