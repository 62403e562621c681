"""Ask the source what it still has from before the clone's birth, and whether the clone has it too.

The law: an old row that lies in the source now lay there at the moment, so the clone must have it at the same place in the
same file, unless the clone says that its transaction had not committed by then. Numbers alone neither acquit nor condemn:
where a run of pages adds up otherwise, rows are compared one by one. The source is read within a budget, through two
sessions at most, and no snapshot on it is older than ``LONGEST_SNAPSHOT``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic

from daybreak.errors import DaybreakError
from daybreak.model.answers import Count, Run, Silence, Table, Testimonies, Testimony, Unread
from daybreak.model.birth import Birth, Fate
from daybreak.postgres.birth import read_fates
from daybreak.postgres.crew import CountProgress, Hands, SourceBudget
from daybreak.postgres.faults import is_conflict
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import (
    PAGE,
    PAIR,
    Chunk,
    Scan,
    YoungIds,
    file_now,
    read,
    read_pairs,
    runs_of,
    see_every_row,
    snapshot_end,
)
from daybreak.postgres.session import Session, connect

LONGEST_SNAPSHOT = timedelta(minutes=5)
"""After so long a reading begins a new transaction: an old snapshot keeps a source from cleaning up."""

MOST_PLACES = 5
"""How many lost rows are named by their place."""

TRIES = 3
"""How often a run is read again that the server broke off: a reader ends queries that hold back its replay."""


@dataclass(frozen=True)
class TablePair:
    """One table on both sides, by its object id, with the clone's count of its runs."""

    clone: Table
    source: Table
    count: Count


@dataclass(frozen=True)
class Courtroom:
    """Both sides of a hearing, and what the clone's numbers mean."""

    clone: Reach
    source: Reach
    birth: Birth
    restored: datetime
    """When the clone began to live: a commit after it is the clone's own."""
    budget: SourceBudget = field(default_factory=SourceBudget)


def hear_source(
    room: Courtroom, pairs: Sequence[TablePair], progress: Callable[[CountProgress], None]
) -> Testimonies | Silence:
    """What the source still has of each table, in the order given: tables of most risk first.

    ``progress`` is called on the caller's thread, after each table. A source that no session reaches is a ``Silence``.
    """
    began = monotonic()
    asked = f"rows older than the clone at {room.source.address}"
    hearing = _Hearing(room, began + room.budget.whole.total_seconds(), list(pairs), progress)
    hearing.hold()
    took = timedelta(seconds=monotonic() - began)
    is_up = hearing.left <= 0
    if hearing.trouble and not hearing.heard and not is_up:
        return Silence(asked=asked, why=hearing.trouble, took=took)
    why = f"the time for the source was up (source_budget {room.budget.whole})" if is_up else hearing.trouble
    left = [Unread(table=pair.clone.oid, name=pair.clone.full, why=why) for pair in hearing.todo]
    return Testimonies(
        asked=asked,
        took=took,
        heard=tuple(sorted(hearing.heard, key=lambda each: each.name)),
        unheard=(*hearing.unheard, *left),
    )


class _OtherFile(Exception):
    """The source's table is not the file that the clone has: nothing in it can be compared by place."""


class _Hearing:
    """Some threads, each with a session on either side, that take the next table until none or no time is left."""

    def __init__(
        self, room: Courtroom, end: float, todo: list[TablePair], progress: Callable[[CountProgress], None]
    ) -> None:
        self.room, self.end, self.todo = room, end, todo
        self.progress = progress
        self.heard: list[Testimony] = []
        self.unheard: list[Unread] = []
        self.total = sum(pair.source.size for pair in todo)
        self.done = 0
        self._lock = threading.Lock()
        self._hands = Hands("daybreak-hearing")

    def hold(self) -> None:
        """Hear every table; returns when every thread has ended, and leaves no server working when it is broken off."""
        number = min(self.room.budget.connections, len(self.todo))
        self._hands.work(number, self._hear_all, self.progress)

    @property
    def trouble(self) -> str:
        """Why a side was lost; empty where neither was."""
        return self._hands.trouble

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.end - monotonic()

    def _take(self) -> TablePair | None:
        with self._lock:
            is_over = self._hands.leash.is_called_off.is_set() or self.left <= 0
            return self.todo.pop(0) if self.todo and not is_over else None

    def _hear_all(self) -> None:
        """Hear table after table, with a session on either side."""
        with ExitStack() as stack:
            sides = _Sides(self._session(self.room.source, stack), self._session(self.room.clone, stack))
            while sides.are_open and (pair := self._take()):
                self._hear(pair, sides)

    def _session(self, reach: Reach, stack: ExitStack) -> Session:
        session = connect(reach.address, reach.login, self.room.budget.limits(self.left))
        stack.callback(session.hang_up)
        stack.enter_context(self._hands.leash.hold(session))
        see_every_row(session)
        return session

    def _hear(self, pair: TablePair, sides: _Sides) -> None:
        reading = _Reading(self.room, pair, sides, self.end)
        try:
            testimony = reading.read()
        except _OtherFile as other:
            self._note(Unread(table=pair.clone.oid, name=pair.clone.full, why=str(other)), pair)
        except DaybreakError as error:
            self._note(Unread(table=pair.clone.oid, name=pair.clone.full, why=error.message), pair)
            if not sides.are_open:
                raise
            sides.source.rollback()
            sides.clone.rollback()
        else:
            self._note(testimony, pair)

    def _note(self, answer: Testimony | Unread, pair: TablePair) -> None:
        with self._lock:
            if isinstance(answer, Testimony):
                self.heard.append(answer)
            else:
                self.unheard.append(answer)
            self.done += pair.source.size
        self._hands.report(CountProgress(self.done, self.total, pair.clone.full, "compared with the source"))


@dataclass(frozen=True)
class _Sides:
    source: Session
    clone: Session

    @property
    def are_open(self) -> bool:
        """Whether neither was lost."""
        return self.source.is_open and self.clone.is_open


class _Reading:
    """One table, run by run, on both sides."""

    def __init__(self, room: Courtroom, pair: TablePair, sides: _Sides, end: float) -> None:
        self.room, self.pair, self.sides, self.end = room, pair, sides, end
        self.here = {run.first: run for run in pair.count.runs}
        self.fates: dict[int, Fate] = {}
        self.rows = self.old = self.lost = self.unclear = 0
        self.places: list[str] = []
        self.is_alike = True
        self._began = 0.0
        self._young = YoungIds(0, 0)

    def read(self) -> Testimony:
        """The table's testimony, as far as the time goes; raises ``_OtherFile`` where it can give none."""
        runs = self._runs()
        read_so_far = 0
        self._begin()
        for run in runs:
            if monotonic() >= self.end:
                break
            if monotonic() - self._began > LONGEST_SNAPSHOT.total_seconds():
                self._begin()
            self._read_run(run)
            read_so_far += 1
        self.sides.source.rollback()
        return Testimony(
            table=self.pair.clone.oid,
            name=self.pair.clone.full,
            rows=self.rows,
            old=self.old,
            here=self.pair.count.rows,
            lost=self.lost,
            unclear=self.unclear,
            places=tuple(self.places),
            share=read_so_far / len(runs),
            is_alike=self.is_alike and read_so_far == len(runs) and self.rows == self.old == self.pair.count.rows,
        )

    def _runs(self) -> list[Chunk]:
        # A source that has shrunk since still has its rows where they were.
        size = max(self.pair.source.size, self.pair.clone.size, PAGE)
        table = self.pair.source.model_copy(update={"size": size})
        scan = Scan(table, "", self.room.restored)
        return runs_of(Chunk(scan, size, young=self._young))

    def _begin(self) -> None:
        self.sides.source.rollback()
        self.sides.source.begin()
        self._began = monotonic()
        self._young = YoungIds(self.room.birth.short, snapshot_end(self.sides.source))
        self._is_known = False

    def _read_run(self, run: Chunk) -> None:
        for number in range(1, TRIES + 1):
            try:
                self._compare(replace(run, young=self._young))
            except DaybreakError as error:
                if number == TRIES or not is_conflict(error):
                    raise
                self._begin()
            else:
                return

    def _compare(self, run: Chunk) -> None:
        """Hold a run's old rows against the clone's; raises ``DaybreakError`` before anything of it is added."""
        part = read(self.sides.source, run)
        if not self._is_known:
            self._know_file()
        [there] = part.runs
        self.is_alike = self.is_alike and self._is_same(there)
        missing = self._absent(run, there) if there.old and not self._is_same(there) else frozenset()
        fates = self._fates_of(missing)
        self.rows += there.rows
        self.old += there.old
        for pair in sorted(missing):
            fate = fates[_xid(pair)]
            if fate.excuses:
                continue
            if fate.is_own is None:
                self.unclear += 1
                continue
            self.lost += 1
            if len(self.places) < MOST_PLACES:
                self.places.append(_place(pair))

    def _is_same(self, there: Run) -> bool:
        """Whether the old rows of a run add up to the same on both sides."""
        here = self.here.get(there.first, Run(there.first, 0, 0, 0))
        return (there.old, there.digest) == (here.old, here.digest)

    def _absent(self, run: Chunk, there: Run) -> frozenset[bytes]:
        old = read_pairs(self.sides.source, run, is_old_only=True)
        table = self.pair.clone
        scan = replace(run.scan, table=table)
        last = there.first == max(self.here, default=0)
        here = replace(run, scan=scan, end=None if last else run.end)
        return old - read_pairs(self.sides.clone, here, is_old_only=False)

    def _fates_of(self, missing: frozenset[bytes]) -> dict[int, Fate]:
        unknown = {_xid(pair) for pair in missing} - self.fates.keys()
        if unknown:
            found = read_fates(self.sides.clone, self.room.birth, unknown, self.room.restored)
            self.fates.update({fate.xid: fate for fate in found})
        return self.fates

    def _know_file(self) -> None:
        """Make sure that what is read is the table that was meant, in the file that the clone has."""
        table = self.pair.source
        oid, file = file_now(self.sides.source, table)
        if oid != table.oid:
            raise _OtherFile("it was renamed in the source meanwhile")
        why = why_not_comparable(self.pair, self.room.birth, file)
        if why:
            raise _OtherFile(why)
        self._is_known = True


def why_not_comparable(pair: TablePair, birth: Birth, file: int | None = None) -> str:
    """Why the source's rows cannot be held against the clone's by their places; empty where they can.

    Both sides draw file numbers from one counter of object ids, so equal numbers are one file only below the clone's first
    own id. ``file`` is the source's file as it is now, where it was asked again.
    """
    there = pair.source.file if file is None else file
    if there != pair.clone.file:
        return "its file was rewritten since"
    if birth.next_oid is None:
        return "nobody can tell the clone's own files from the source's"
    return "" if there < birth.next_oid else "its file is younger than the clone"


def pairs_of(
    clone: Sequence[Table], source: Sequence[Table], counts: Sequence[Count], birth: Birth
) -> Iterator[TablePair]:
    """The tables that both sides have by one object id, which is the same thing only below the clone's first own."""
    there = {table.oid: table for table in source if table.is_counted}
    counted = {count.table: count for count in counts}
    for table in clone:
        is_own = birth.next_oid is not None and table.oid >= birth.next_oid
        if table.oid in there and table.oid in counted and not table.is_unlogged and not is_own:
            yield TablePair(table, there[table.oid], counted[table.oid])


def _xid(pair: bytes) -> int:
    return int.from_bytes(pair[6:PAIR], "big")


def _place(pair: bytes) -> str:
    return f"({int.from_bytes(pair[:4], 'big')},{int.from_bytes(pair[4:6], 'big')})"
