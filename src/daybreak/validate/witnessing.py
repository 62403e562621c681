"""Ask the source what it still has from before the clone's birth, and whether the clone has it too.

The law: an old row that lies in the source now lay there at the moment, so the clone must have it at the same place in the
same file, or under the same key where the file was written anew, unless the clone says that its transaction had not
committed by then. Numbers alone neither acquit nor condemn: where a run of pages adds up otherwise, rows are compared one by
one, and no index is believed that a row is not there. The source is read within its ``ServerBounds``: a table is let go after
``hold``, or as soon as somebody waits for it, and looked at again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic

from daybreak.errors import DaybreakError
from daybreak.model.answers import Count, Silence, Table, Testimonies, Testimony, Unread
from daybreak.model.birth import LAGS, Birth, Fate, is_before_birth
from daybreak.model.moment import span_in_words
from daybreak.postgres.birth import read_fates
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.crew import CountProgress, Hands
from daybreak.postgres.faults import is_conflict
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import Chunk, Scan, YoungIds, hold_table, runs_of, see_every_row, snapshot_end
from daybreak.postgres.session import Limits
from daybreak.validate.likeness import (
    ByKey,
    ByPlace,
    ByTransaction,
    HearingSides,
    Lagging,
    Likeness,
    MissingRow,
    NotComparable,
    RunAnswer,
    TablePair,
    why_not_comparable,
)

MOST_NAMED = 5
"""How many lost rows of a table are named."""

MOST_OPEN = 100_000
"""How many missing rows wait to be confirmed: for rows by key the clone's whole table is read."""

NOTHING_OPEN = RunAnswer(runs=0, is_same=True)

TRIES = 3
"""How often a run is read again that the server broke off: a reader ends queries that hold back its replay."""


GONE = "the source has dropped them since, or made them anew"
"""Why a table is not asked about there; the same words for each, so that the verdict gives them once."""


@dataclass(frozen=True)
class Courtroom:
    """Both sides of a hearing, and what the clone's numbers mean."""

    clone: Reach
    source: Reach
    birth: Birth
    restored: datetime
    """When the clone began to live: a commit after it is the clone's own."""
    budget: ServerBounds = field(default_factory=ServerBounds)


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
    why = (
        f"the time for the source was up (source_budget {span_in_words(room.budget.whole)})"
        if is_up
        else hearing.trouble
    )
    left = [Unread(table=pair.clone.oid, name=pair.clone.full, why=why) for pair in hearing.todo]
    return Testimonies(
        asked=asked,
        took=took,
        heard=tuple(sorted(hearing.heard, key=lambda each: each.name)),
        unheard=(*hearing.unheard, *left),
        is_cut_short=bool(left) or any(each.share < 1 for each in hearing.heard),
    )


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
        number = min(self.room.budget.hands, len(self.todo))
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
            source = self._hands.session_at(self.room.source, self._limits, stack)
            clone = self._hands.session_at(self.room.clone, self._limits, stack) if source else None
            if source is None or clone is None:
                return
            sides = HearingSides(source, clone)
            for session in (source, clone):
                see_every_row(session)
            while sides.are_open and (pair := self._take()):
                self._hear(pair, sides)

    def _limits(self) -> Limits:
        return self.room.budget.limits(self.left)

    def _hear(self, pair: TablePair, sides: HearingSides) -> None:
        try:
            testimony = self._testimony(pair, sides)
        except NotComparable as other:
            self._note(Unread(table=pair.clone.oid, name=pair.clone.full, why=str(other)), pair)
        except DaybreakError as error:
            self._note(Unread(table=pair.clone.oid, name=pair.clone.full, why=error.message), pair)
            if not sides.are_open:
                raise
            sides.source.rollback()
            sides.clone.rollback()
        else:
            self._note(testimony, pair)

    def _testimony(self, pair: TablePair, sides: HearingSides) -> Testimony:
        """By place where both have one file, else by key, else by transaction; raises ``NotComparable`` where no way is left."""
        why = why_not_comparable(pair, self.room.birth)
        ways: list[Callable[[], Likeness]] = [] if why else [lambda: ByPlace(pair, sides, self.room.birth)]
        ways += [lambda: ByKey(pair, sides, why), lambda: ByTransaction(pair, sides, why)]
        for way in ways:
            try:
                return _Reading(self.room, pair, way(), self.end).read()
            except Lagging:
                raise
            except NotComparable as other:
                why = str(other)
        raise NotComparable(why)

    def _note(self, answer: Testimony | Unread, pair: TablePair) -> None:
        with self._lock:
            if isinstance(answer, Testimony):
                self.heard.append(answer)
            else:
                self.unheard.append(answer)
            self.done += pair.source.size
        self._hands.report(CountProgress(self.done, self.total, pair.clone.full, "compared with the source"))


class _Reading:
    """One table, run by run, on both sides."""

    def __init__(self, room: Courtroom, pair: TablePair, likeness: Likeness, end: float) -> None:
        self.room, self.pair, self.likeness, self.end = room, pair, likeness, end
        self.fates: dict[int, Fate] = {}
        self.rows = self.old = self.lost = self.unclear = self.runs = 0
        self.named: list[str] = []
        self.is_same = True
        self._open = NOTHING_OPEN
        self._began = 0.0
        self._young = YoungIds(0, 0)

    def read(self) -> Testimony:
        """The table's testimony, as far as the time goes; raises ``NotComparable`` where it can give none."""
        self._begin()
        runs = self._runs()
        try:
            for run in runs:
                if monotonic() >= self.end:
                    break
                if self._is_due or not self.likeness.is_held:
                    self._begin()
                self._add(self._read_run(run))
            if monotonic() < self.end:
                self._settle()
        except DaybreakError:
            # What was settled before the time was up is right.
            if monotonic() < self.end or not self.runs:
                raise
        self.likeness.sides.source.rollback()
        return Testimony(
            table=self.pair.clone.oid,
            name=self.pair.clone.full,
            rows=self.rows,
            old=self.old,
            here=self.pair.count.rows,
            lost=self.lost,
            unclear=self.unclear,
            by=self.likeness.by,
            named=tuple(self.named),
            share=self.runs / len(runs),
            is_alike=self.is_same and self.runs == len(runs) and self.rows == self.old == self.pair.count.rows,
        )

    @property
    def _is_due(self) -> bool:
        """Whether the source's table has been held long enough."""
        is_long = monotonic() - self._began > self.room.budget.hold.total_seconds()
        return is_long or self.likeness.sides.source.is_in_the_way

    def _runs(self) -> list[Chunk]:
        table = self.pair.source.model_copy(update={"size": self.likeness.size})
        scan = Scan(table, "", self.room.restored)
        return runs_of(Chunk(scan, table.size, young=self._young))

    def _begin(self) -> None:
        source = self.likeness.sides.source
        source.rollback()
        source.look_around()
        source.begin()
        hold_table(source, self.pair.source)
        self._began = monotonic()
        self._young = YoungIds(self.room.birth.short, snapshot_end(source))
        if self.room.birth.is_exact and is_before_birth(self._young.birth, self._young.following):
            raise Lagging(LAGS)
        self.likeness.look()

    def _read_run(self, run: Chunk) -> RunAnswer:
        """A run's old rows that the clone lacks and that nothing excuses."""
        for number in range(1, TRIES + 1):
            try:
                found = self.likeness.compare(replace(run, young=self._young))
            except DaybreakError as error:
                if number == TRIES or not is_conflict(error):
                    raise
                self._begin()
            else:
                break
        fates = self._fates_of(found.missing)
        # A row that had not been committed by the moment is not from before it, whatever its number.
        later = sum(row.times for row in found.missing if fates[row.xid].excuses)
        missing = tuple(row for row in found.missing if not fates[row.xid].excuses)
        return replace(found, old=found.old - later, missing=missing)

    def _add(self, found: RunAnswer) -> None:
        """Keep what a run says until its missing rows are confirmed: soon, but not so often that it costs more than reading."""
        self._open = self._open.union(found)
        waiting = len(self._open.missing)
        if not waiting or waiting >= min(self.lost + self.unclear, MOST_OPEN):
            self._settle()

    def _settle(self) -> None:
        """Count what the open runs say."""
        told, self._open = self._open, NOTHING_OPEN
        for row in self.likeness.confirm(told.missing):
            if self.fates[row.xid].is_own is None:
                self.unclear += row.times
                continue
            self.lost += row.times
            if len(self.named) < MOST_NAMED:
                self.named.append(self.likeness.show(row))
        self.rows += told.rows
        self.old += told.old
        self.runs += told.runs
        self.is_same = self.is_same and told.is_same

    def _fates_of(self, missing: Sequence[MissingRow]) -> dict[int, Fate]:
        unknown = {row.xid for row in missing} - self.fates.keys()
        if unknown:
            found = read_fates(self.likeness.sides.clone, self.room.birth, unknown, self.room.restored)
            self.fates.update({fate.xid: fate for fate in found})
        return self.fates


def pairs_of(
    clone: Sequence[Table], source: Sequence[Table], counts: Sequence[Count], birth: Birth
) -> Iterator[TablePair]:
    """The tables that both sides have by one object id, which is the same thing only below the clone's first own."""
    there = {table.oid: table for table in source if table.is_counted}
    counted = {count.table: count for count in counts}
    for table in _from_before(clone, counted, birth):
        if table.oid in there:
            yield TablePair(table, there[table.oid], counted[table.oid])


def tables_gone(
    clone: Sequence[Table], source: Sequence[Table], counts: Sequence[Count], birth: Birth
) -> Iterator[Unread]:
    """The clone's tables that the source has no longer: nobody there can say what was in them."""
    there = {table.oid for table in source if table.is_counted}
    for table in _from_before(clone, {count.table: count for count in counts}, birth):
        if table.oid not in there:
            yield Unread(table=table.oid, name=table.full, why=GONE)


def _from_before(clone: Sequence[Table], counted: Mapping[int, Count], birth: Birth) -> Iterator[Table]:
    """The tables whose rows the clone has from the source: not those that it made itself, nor those that every restore empties."""
    for table in clone:
        is_own = birth.next_oid is not None and table.oid >= birth.next_oid
        if table.oid in counted and not table.is_unlogged and not is_own:
            yield table
