"""Count every table: a few sessions that share one snapshot, the largest table first.

The law: a table that cannot be counted is named with its reason and spoils no other; the whole count ends within its limit
and two seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from queue import Empty, SimpleQueue
from time import monotonic

from daybreak.errors import DaybreakError
from daybreak.model.answers import Count, Counts, Silence, Unread
from daybreak.postgres.rows import Scan, count, export_snapshot, see_every_row
from daybreak.postgres.session import Limits, Session, connect, connected, is_damage
from daybreak.validate.probes import Place


@dataclass(frozen=True)
class Progress:
    """How far the count is, by bytes."""

    done: int
    total: int
    table: str = ""
    """The table that was just counted."""


@dataclass(frozen=True)
class Budget:
    """What a count may take: time in all, time to wait for one table's lock, connections."""

    whole: timedelta = timedelta(minutes=30)
    lock: timedelta = timedelta(seconds=5)
    connections: int = 4

    @property
    def limits(self) -> Limits:
        """The same as limits of a session."""
        connect = min(self.whole, timedelta(seconds=10))
        return Limits(connect=connect, statement=self.whole, lock=min(self.lock, self.whole), whole=self.whole)


def count_rows(
    place: Place, scans: Sequence[Scan], budget: Budget, progress: Callable[[Progress], None]
) -> Counts | Silence:
    """The rows and the newest time of every table of ``scans``, as of one instant.

    ``progress`` is called on the caller's thread after each table.
    """
    began, asked = monotonic(), f"SELECT count(*) of each table at {place.address}"
    try:
        with connected(place.address, place.login, budget.limits) as leader:
            leader.begin()
            crew = _Crew(place, budget.limits, export_snapshot(leader), _largest_first(scans, budget.connections))
            crew.work(min(budget.connections, len(scans)), progress)
    except DaybreakError as error:
        return Silence(asked=asked, why=error.message, took=timedelta(seconds=monotonic() - began))
    took = timedelta(seconds=monotonic() - began)
    return Counts(asked=asked, took=took, counted=tuple(crew.counted), unread=(*crew.unread, *crew.untouched()))


def _largest_first(scans: Sequence[Scan], connections: int) -> list[Scan]:
    """The order that leaves no connection idle at the end; a table bigger than one connection's share is read widely."""
    total = sum(scan.table.size for scan in scans)
    widened = [scan.widened() if scan.table.size * connections > total else scan for scan in scans]
    return sorted(widened, key=lambda scan: -scan.table.size)


@dataclass
class _Crew:
    """Some threads, each with a session, that take the next table until none is left."""

    place: Place
    limits: Limits
    snapshot: str
    scans: list[Scan]
    counted: list[Count] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._todo: SimpleQueue[Scan] = SimpleQueue()
        self._news: SimpleQueue[tuple[Scan, Count | Unread] | BaseException | None] = SimpleQueue()
        self._sessions: list[Session] = []
        self._trouble = ""
        self._is_over = threading.Event()

    def work(self, hands: int, progress: Callable[[Progress], None]) -> None:
        """Count everything; returns when every thread has ended."""
        for scan in self.scans:
            self._todo.put(scan)
        for number in range(hands):
            threading.Thread(target=self._hand, name=f"daybreak-count-{number}", daemon=True).start()
        with self._ending_all():
            self._gather(hands, progress)

    def untouched(self) -> tuple[Unread, ...]:
        """The tables that nobody was left to count."""
        seen = {count.table for count in self.counted} | {each.table for each in self.unread}
        why = self._trouble or "no connection was left"
        return tuple(
            Unread(table=scan.table.oid, name=scan.table.full, why=why)
            for scan in self.scans
            if scan.table.oid not in seen
        )

    def _gather(self, hands: int, progress: Callable[[Progress], None]) -> None:
        done, total = 0, sum(scan.table.size for scan in self.scans)
        while hands:
            match self._news.get():
                case None:
                    hands -= 1
                case DaybreakError() as error:
                    self._trouble = error.message
                    hands -= 1
                case BaseException() as bug:
                    raise bug
                case (scan, Count() as found):
                    self.counted.append(found)
                    done += scan.table.size
                    progress(Progress(done, total, scan.table.full))
                case (scan, Unread() as unread):
                    self.unread.append(unread)
                    done += scan.table.size
                    progress(Progress(done, total, scan.table.full))

    @contextmanager
    def _ending_all(self) -> Iterator[None]:
        """Whatever ends the gathering (a Ctrl-C too), no server goes on counting for nobody."""
        try:
            yield
        except BaseException:
            self._is_over.set()
            for session in list(self._sessions):
                session.cancel()
            raise

    def _hand(self) -> None:
        """One thread: a session of its own, table after table. It says when it ends, and why."""
        try:
            session = connect(self.place.address, self.place.login, self.limits)
            self._sessions.append(session)
            try:
                self._count_on(session)
            finally:
                self._sessions.remove(session)
                session.hang_up()
        except BaseException as trouble:  # noqa: BLE001 - carried to the caller's thread, which judges it
            self._news.put(trouble)
        else:
            self._news.put(None)

    def _count_on(self, session: Session) -> None:
        see_every_row(session)
        session.begin(self.snapshot)
        while not self._is_over.is_set():
            try:
                scan = self._todo.get_nowait()
            except Empty:
                return
            began = monotonic()
            try:
                found = count(session, scan)
            except DaybreakError as error:
                unread = Unread(
                    table=scan.table.oid, name=scan.table.full, why=error.message, is_damaged=is_damage(error)
                )
                self._news.put((scan, unread))
                if not session.is_open:
                    raise
                session.rollback()
                session.begin(self.snapshot)
            else:
                took = timedelta(seconds=monotonic() - began)
                self._news.put((scan, found.model_copy(update={"took": took})))
