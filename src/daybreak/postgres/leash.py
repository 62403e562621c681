"""A leash: the sessions of some work, so that any thread can end them all when it gives the work up.

The law: what was called off asks nothing more, at no server, whichever thread it is in.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from daybreak.postgres.session import Session


class Leash:
    """Holds the sessions of some work. Running ``call_off`` twice does no harm; nothing undoes it."""

    def __init__(self) -> None:
        self.is_called_off = threading.Event()
        self._sessions: WeakSet[Session] = WeakSet()
        self._change = threading.Lock()

    def take(self, session: Session) -> None:
        """Keep a session for as long as anybody has it."""
        with self._change:
            self._sessions.add(session)

    def drop(self, session: Session) -> None:
        """Leave a session to others."""
        with self._change:
            self._sessions.discard(session)

    @contextmanager
    def hold(self, session: Session) -> Iterator[None]:
        """Keep a session for the length of the block."""
        self.take(session)
        try:
            yield
        finally:
            self.drop(session)

    @property
    def sessions(self) -> list[Session]:
        """Those that are held now."""
        with self._change:
            return list(self._sessions)

    def call_off(self) -> None:
        """End what all sessions ask, because the answers are no longer wanted: no server goes on working for them."""
        self.is_called_off.set()
        for session in self.sessions:
            session.cancel()

    def hang_up(self) -> None:
        """Close all sessions at once, also those of a thread that waits for a silent server."""
        self.is_called_off.set()
        for session in self.sessions:
            session.hang_up()
