"""Sessions that stay at hand for a moment: what follows at once at the same server does not wait for a new one.

The law: a session that is kept holds nothing, is nobody's but the next taker's, and ends by itself when its moment is over.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Protocol

from daybreak.errors import DaybreakError
from daybreak.postgres.address import Address
from daybreak.postgres.login import Login, LoginReference
from daybreak.postgres.session import Limits, Session, connect, open_session

_MOMENT = timedelta(seconds=5)
"""From closing a source to sending out who is inside it takes less; an idle session costs its server a process."""


class Sessions(Protocol):
    """What opens sessions for one person's runs."""

    def open(self, address: Address, login: Login | LoginReference, limits: Limits) -> AbstractContextManager[Session]:
        """A session for the length of a ``with`` block; raises as ``connect`` does."""

    def open_anew(
        self, address: Address, login: Login | LoginReference, limits: Limits
    ) -> AbstractContextManager[Session]:
        """A session that nobody had before and nobody gets after, for who logs in to see whether that can be done; raises as ``connect`` does."""

    def hang_up(self) -> None:
        """End what nobody has in hand."""


class SessionKeeper:
    """Opens sessions, and keeps the one that was left last at each database for a moment.

    To open one takes the reading of the login at AWS and the handshakes of TLS and of the login, which a server under a hundred clients that come back answers late: in
    the gap of a cutover, that is time in which nobody can write.
    """

    def __init__(self, moment: timedelta = _MOMENT) -> None:
        self._moment = moment
        self._kept: dict[tuple[Address, Login | LoginReference], tuple[Session, threading.Timer]] = {}
        self._change = threading.Lock()

    @contextmanager
    def open(self, address: Address, login: Login | LoginReference, limits: Limits) -> Iterator[Session]:
        """A session for the length of a ``with`` block, as it was when it was opened; raises as ``connect`` does.

        A block that ended with an error keeps nothing: nobody knows what became of that session.
        """
        session = self._take(address, login, limits) or connect(address, login, limits)
        try:
            yield session
        except BaseException:
            session.hang_up()
            raise
        self._keep(session, login)

    def open_anew(
        self, address: Address, login: Login | LoginReference, limits: Limits
    ) -> AbstractContextManager[Session]:
        """A session that is not kept; raises as ``connect`` does."""
        return open_session(address, login, limits)

    def hang_up(self) -> None:
        """End all that are kept, at once."""
        with self._change:
            kept, self._kept = list(self._kept.values()), {}
        for session, timer in kept:
            timer.cancel()
            session.hang_up()

    def _take(self, address: Address, login: Login | LoginReference, limits: Limits) -> Session | None:
        with self._change:
            session, timer = self._kept.pop((address, login), (None, None))
        if session is None or timer is None:
            return None
        timer.cancel()
        try:
            session.renew(limits, address)
        except DaybreakError:
            session.hang_up()  # its server may have been restarted meanwhile, which says nothing of a new one
            return None
        return session

    def _keep(self, session: Session, login: Login | LoginReference) -> None:
        heir, key = session.hand_on(), (session.address, login)
        if heir is None or not heir.is_open:
            session.hang_up()
            return
        timer = threading.Timer(self._moment.total_seconds(), self._let_go, (key, heir))
        timer.daemon = True
        with self._change:
            other = self._kept.pop(key, None)
            self._kept[key] = (heir, timer)
        timer.start()
        if other is not None:
            other[1].cancel()
            other[0].hang_up()

    def _let_go(self, key: tuple[Address, Login | LoginReference], session: Session) -> None:
        with self._change:
            if self._kept.get(key, (None,))[0] is session:
                del self._kept[key]
            else:
                return  # someone took it while the timer went off
        session.hang_up()
