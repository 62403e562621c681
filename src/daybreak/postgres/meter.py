"""What our sessions at one server take of it, shared by all of them: connections are handed out, peaks are kept.

The law: there are never more sessions than the bounds allow, nor than the server lets in. Whoever can do without a further
session gets none; whoever needs one waits for one of ours to end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from psycopg import sql

from daybreak.errors import Unreachable
from daybreak.model.cost import Cost
from daybreak.postgres.address import Address
from daybreak.postgres.bounds import Pulse, ServerBounds, locks_each, why_rest
from daybreak.postgres.login import Login
from daybreak.postgres.session import Session

_LOCK_TABLE = sql.SQL("""
SELECT pg_catalog.current_setting('max_locks_per_transaction')::bigint
       * (pg_catalog.current_setting('max_connections')::bigint
          + pg_catalog.current_setting('max_prepared_transactions')::bigint)
""")

_PULSE = sql.SQL("""
WITH held AS MATERIALIZED (SELECT k.pid, k.locktype, k.database, k.relation, k.granted, k.fastpath FROM pg_catalog.pg_locks k)
SELECT (SELECT count(*) FROM held h WHERE h.pid = pg_catalog.pg_backend_pid() AND h.granted AND NOT h.fastpath),
       (SELECT count(DISTINCT w.pid) FROM held w JOIN held h ON h.relation = w.relation AND h.database = w.database
        WHERE NOT w.granted AND h.granted AND h.pid = pg_catalog.pg_backend_pid()),
       (SELECT count(DISTINCT w.pid) FROM held w WHERE NOT w.granted),
       a.used, a.active, pg_catalog.current_setting('max_connections')::bigint
FROM (SELECT count(*) AS used, count(*) FILTER (WHERE s.state = 'active') AS active
      FROM pg_catalog.pg_stat_get_activity(NULL) s
      WHERE coalesce(s.backend_type, 'client backend') = 'client backend') a
""")
"""From functions alone: asking how many locks there are takes none on a catalog. A lock of the fast path is not in the table."""


@dataclass
class Used:
    """The peaks of what we took of a server."""

    locks: int = 0
    """Entries of its lock table."""
    connections: int = 0
    snapshot: timedelta = timedelta(0)
    """The longest transaction."""
    rested: timedelta = timedelta(0)
    """How long we read nothing because the server suffered."""


class Meter:
    """Hands out one server's connections to all of our threads, and keeps what they used."""

    def __init__(self, bounds: ServerBounds | None = None) -> None:
        self.bounds = bounds or ServerBounds()
        self.used = Used()
        self._most = self.bounds.connections
        self._open: dict[Session, int] = {}
        self._taken = 0
        self._keepers = 0
        self._at_hand: list[Session] = []
        self._table: int | None = None
        self.sees_ends = True
        """Whether the server, or what stands before it, closes the line when a session has ended; once not, nobody waits for it."""
        self._change = threading.Condition()

    # -- connections --------------------------------------------------------------------------------------------------

    def take(self, until: float) -> bool:
        """Take the right to one session, and wait for it ``until``; return whether there is one.

        A session that is only kept at hand makes room.
        """
        while True:
            with self._change:
                if self._taken < self._most:
                    self._taken += 1
                    return True
                has_room = bool(self._at_hand)
                if not has_room and not self._change.wait(max(until - monotonic(), 0.0)) and monotonic() >= until:
                    return False
            if has_room:
                self.make_room()

    def give_back(self) -> None:
        """Give the right to a session back."""
        with self._change:
            self._taken -= 1
            self._change.notify()

    def keep(self, session: Session) -> None:
        """Keep a session that was opened, until it is hung up."""
        with self._change:
            self._open[session] = 0
            self.used.connections = max(self.used.connections, len(self._open))
        session.meter = self

    def let_go(self, session: Session) -> None:
        """Forget a session that was hung up."""
        with self._change:
            if self._open.pop(session, None) is None:
                return
        self.give_back()

    @contextmanager
    def keep_sessions(self) -> Iterator[None]:
        """For the length of the block, keep sessions at hand that were left; at its end they are hung up."""
        with self._change:
            self._keepers += 1
        try:
            yield
        finally:
            with self._change:
                self._keepers -= 1
            while not self._keepers and self.make_room():
                pass

    def keep_at_hand(self, session: Session) -> bool:
        """Keep a session's connection for the next one that asks there; return whether it is kept, or is hung up already."""
        if not self._keepers:
            return False
        heir = session.hand_on()
        if heir is None:
            return False
        with self._change:
            self._open[heir] = self._open.pop(session, 0)
            heir.meter = self
            is_kept = heir.is_open and self._keepers > 0
            if is_kept:
                self._at_hand.append(heir)
                self._change.notify()
        if not is_kept:
            heir.hang_up()
        return True

    def take_from_hand(self, address: Address, login: Login) -> Session | None:
        """The session that was left last of those that are kept for that database and login."""
        with self._change:
            fitting = [each for each in self._at_hand if (each.address, each.login) == (address, login)]
            if fitting:
                self._at_hand.remove(fitting[-1])
                return fitting[-1]
        return None

    def make_room(self) -> bool:
        """Hang up the session that is kept for longest; return whether there was one."""
        with self._change:
            oldest = self._at_hand.pop(0) if self._at_hand else None
        if oldest is not None:
            oldest.hang_up()
        return oldest is not None

    def learn_full(self) -> bool:
        """Give back a right that the server did not honor. Return whether one of our own sessions may end and make room."""
        with self._change:
            self._taken -= 1
            self._most = max(min(self._most, self._taken), 1)
            self._change.notify()
            return self._taken > 0

    # -- locks and time -----------------------------------------------------------------------------------------------

    @property
    def cost(self) -> Cost:
        """The peaks so far, beside the bounds."""
        used, bounds = self.used, self.bounds
        return Cost(
            locks=used.locks,
            most_locks=None if self._table is None else int(self._table * bounds.lock_share),
            connections=used.connections,
            most_connections=bounds.connections,
            snapshot=used.snapshot,
            longest_snapshot=bounds.snapshot,
            rested=used.rested,
        )

    def locks_each(self, session: Session) -> int:
        """How many locks one session may take at once."""
        if self._table is None:
            self._table = int(session.ask(_LOCK_TABLE)[0][0])
        return locks_each(self._table, self.bounds)

    def note_transaction(self, length: float) -> None:
        """Keep how long a transaction was, in seconds."""
        self.used.snapshot = max(self.used.snapshot, timedelta(seconds=length))

    def look(self, session: Session) -> Pulse:
        """Ask how the server is, and keep how many locks the session has."""
        pulse = Pulse(*map(int, session.ask(_PULSE)[0]))
        with self._change:
            if session in self._open:
                self._open[session] = pulse.locks
            self.used.locks = max(self.used.locks, sum(self._open.values()))
        return pulse

    def forget_locks(self, session: Session) -> None:
        """The session let its locks go."""
        with self._change:
            if session in self._open:
                self._open[session] = 0

    def wait_until_well(self, session: Session, pulse: Pulse) -> None:
        """Read nothing while the server suffers.

        When it does not end, hang up, so that nobody asks on in this session, and raise ``Unreachable``, which says from what.
        """
        began, wake = monotonic(), threading.Event()
        while why := why_rest(pulse, self.bounds):
            spent = timedelta(seconds=monotonic() - began)
            if min(self.bounds.patience - spent, session.left) <= self.bounds.rest:
                session.hang_up()
                raise Unreachable(f"{session.address} has no time for us: {why}", "try again when it has less to do")
            wake.wait(self.bounds.rest.total_seconds())
            self.used.rested += self.bounds.rest
            pulse = self.look(session)
