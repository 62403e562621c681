"""Compare one table on both sides: one scan of each, then only the buckets that differ, then only their rows.

The law: both sides are asked at the same time, each in a transaction of its own, which lets the table go after each question. What
an index hands out is held against what the scan counted, and read again by a scan where it falls short.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from itertools import groupby
from queue import SimpleQueue
from time import monotonic
from typing import TypeVar

from daybreak.delta.buckets import (
    ENTRY,
    FULL,
    PLACE,
    RECORD,
    ROWS_EACH,
    XID,
    Extent,
    FoundRow,
    RowBucket,
    RowEntry,
    Sums,
    add_up,
    batches,
    counts_that_differ,
    different_buckets,
    different_sums,
    rows_on,
    rows_that_differ,
    shift_for,
    shift_of_hashes,
    sums_of,
)
from daybreak.delta.writers import Writers
from daybreak.errors import Failed, Unreachable
from daybreak.model.answers import Table
from daybreak.model.birth import LAGS, is_before_birth
from daybreak.model.delta import Side
from daybreak.postgres.buckets import (
    LONGEST_STATEMENT,
    Lens,
    Route,
    Stretch,
    Summary,
    extent_of,
    extents_in,
    read_entries,
    sum_up,
    sum_up_stretch,
    tally_by_xid,
)
from daybreak.postgres.rows import PAGE, SPLITS_SINCE, YoungIds, file_now, files_of, snapshot_end
from daybreak.postgres.session import Session

T = TypeVar("T")

AT_ONCE = 256 * 1024**2
"""Bytes of a table that one statement scans: its lock on the table is kept for a few seconds, on a slow server too."""
BY_INDEX, BY_SCAN = 500_000, 2_000_000
"""How many rows are read at once: an answer of some tens of megabytes, and few scans where each reads the whole table."""
WORTH_A_SCAN = 1_000_000
"""Without an index another scan pays only where it saves sending so many rows."""
MOST_BY_INDEX = 1 / 8
"""The part of a table up to which an index is the shorter way to its rows."""


class OutOfTime(Exception):
    """The time for the comparison is up."""


@dataclass(frozen=True)
class Sides:
    """A session with either side."""

    base: Session
    now: Session

    def at(self, side: Side) -> Session:
        """The session with one of them."""
        return self.base if side == "base" else self.now

    @property
    def are_open(self) -> bool:
        """Whether neither was lost."""
        return self.base.is_open and self.now.is_open

    def rollback(self) -> None:
        """End both transactions."""
        self.base.rollback()
        self.now.rollback()

    def ask(self, base: Callable[[Session], T], now: Callable[[Session], T]) -> tuple[T, T]:
        """Ask both at the same time; raises what the first of them raised, when both are done."""
        news: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

        def run() -> None:
            try:
                news.put((base(self.base), None))
            except BaseException as trouble:  # noqa: BLE001 - raised on the thread that asks
                news.put((None, trouble))

        threading.Thread(target=run, name="daybreak-delta-base", daemon=True).start()
        try:
            there = now(self.now)
        except BaseException:
            self.base.cancel()
            news.get()
            raise
        here, trouble = news.get()
        if trouble is not None:
            raise trouble
        return here, there  # type: ignore[return-value]  # without trouble there is an answer


@dataclass(frozen=True)
class Lenses:
    """One table as both sides are asked about it."""

    base: Lens
    now: Lens

    def at(self, side: Side) -> Lens:
        """How one side is asked."""
        return self.base if side == "base" else self.now

    @property
    def is_keyed(self) -> bool:
        """Whether rows have a primary key."""
        return self.base.key is not None

    @property
    def is_indexed(self) -> bool:
        """Whether an index leads to a range of identities."""
        return self.base.integer is not None


@dataclass
class Comparison:
    """One table's comparison: what it found so far is right also when it is broken off."""

    sides: Sides
    lenses: Lenses
    writers: Writers | None
    """Who wrote a row; ``None`` where no birth is known."""
    end: float
    """When the time is up, by the monotonic clock."""
    at_once: int = AT_ONCE
    """How many bytes of the table one statement scans."""
    wants_more: Callable[[], bool] = lambda: True
    """Whether more rows are to be named; those that are not are only counted, where one side has nothing of their bucket."""
    rows_base: int = 0
    rows_now: int = 0
    received: int = 0
    is_summed: bool = False
    """Whether both sides were scanned to their ends, so that a row that was not found does not differ."""
    _began: float = field(default=0.0)
    _scanned: float = field(default=0.0)
    _files: tuple[int, int] = (0, 0)

    def rows(self) -> Iterator[FoundRow]:
        """Each row that differs, by ascending identity within each width of buckets; raises ``OutOfTime``."""
        self._begin()
        shift = self._shift()
        base, now = self._scan(shift)
        self.is_summed, self._scanned = True, self._began
        yield from self._drill(different_buckets(base, now, shift), shift)

    def _drill(self, buckets: Sequence[RowBucket], shift: int) -> Iterator[FoundRow]:
        """The rows of buckets that differ; those that hold many rows of both sides are split before."""
        shared = [bucket for bucket in buckets if bucket.base and bucket.now]
        full = [bucket for bucket in shared if bucket.rows > FULL] if shift else []
        if not self.lenses.is_indexed and sum(bucket.rows for bucket in full) < WORTH_A_SCAN:
            full = []
        whole = set(full)
        yield from self._read_all([bucket for bucket in shared if bucket not in whole], shift)
        for narrower, group in self._split(full, shift):
            for batch in batches(group, BY_INDEX * 16):
                yield from self._drill(self._sum(batch, shift, narrower), narrower)
        yield from self._drill_lonely([bucket for bucket in buckets if not (bucket.base and bucket.now)], shift)

    def _drill_lonely(self, buckets: Sequence[RowBucket], shift: int) -> Iterator[FoundRow]:
        """The rows of buckets that only one side has: they need not be seen to be counted."""
        waiting = deque(batches(buckets, BY_INDEX if self.lenses.is_indexed else BY_SCAN))
        while waiting and self.wants_more():
            yield from self._read(waiting.popleft(), shift)
        rest = [bucket for batch in waiting for bucket in batch]
        for some in ([bucket for bucket in rest if bucket.base], [bucket for bucket in rest if not bucket.base]):
            left = yield from self._tally(some, shift)
            yield from self._read_all(left, shift)

    def _read_all(self, buckets: Sequence[RowBucket], shift: int) -> Iterator[FoundRow]:
        for batch in batches(buckets, BY_INDEX if self.lenses.is_indexed else BY_SCAN):
            yield from self._read(batch, shift)

    def _tally(self, buckets: Sequence[RowBucket], shift: int) -> Generator[FoundRow, None, list[RowBucket]]:
        """Count the rows of buckets of which only one side has any; returns those to read after all: the other has some by now."""
        if not buckets:
            return []
        rows = sum(bucket.rows for bucket in buckets)
        is_short = self.lenses.is_indexed and rows < MOST_BY_INDEX * max(self.rows_base, self.rows_now)
        stretch = _stretch(buckets, shift, "index" if is_short else "scan")
        here, there = self._ask(partial(tally_by_xid, stretch=stretch))
        self.received += (XID + 8) * (len(here) + len(there))
        counted = sum(here.values()), sum(there.values())
        if 0 not in counted or (self._has_same_snapshot and sum(counted) != rows):
            return list(buckets)
        for xid, times in here.items():
            yield FoundRow("only_base", base=_without_place(xid), times=times)
        for xid, times in there.items():
            yield FoundRow("only_now", now=_without_place(xid), times=times)
        return []

    def _split(self, full: Sequence[RowBucket], shift: int) -> Iterator[tuple[int, list[RowBucket]]]:
        """Full buckets, by the width of those that they are split into."""
        if not self.lenses.is_indexed:
            most = max((bucket.rows for bucket in full), default=0)
            if full:
                yield max(shift - (most // ROWS_EACH).bit_length(), 0), list(full)
            return

        # Rows that crowd in a corner of their bucket are split by that corner.
        corners = self._corners(full, shift)
        widths = {each: min(shift_for(corners[each.low], each.rows), shift - 1) for each in full}
        known = sorted(full, key=lambda each: (widths[each], each.low))
        for narrower, group in groupby(known, key=widths.__getitem__):
            yield narrower, list(group)

    def _corners(self, buckets: Sequence[RowBucket], shift: int) -> dict[int, Extent]:
        """Between which keys the rows of each bucket lie, by the bucket's first."""
        here, there = self._ask(partial(extents_in, stretch=_stretch(buckets, shift, "index")))
        return {
            each.low: _union((here.get(each.low), there.get(each.low))) or Extent(each.low, each.high)
            for each in buckets
        }

    def _shift(self) -> int:
        size = rows_on(max(self.lenses.base.table.size, self.lenses.now.table.size, PAGE))
        if not self.lenses.is_indexed:
            return shift_of_hashes(size)
        extent = _union(self._ask(extent_of))
        return 0 if extent is None else shift_for(extent, min(size, extent.high - extent.low + 1))

    def _scan(self, shift: int) -> tuple[Sums, Sums]:
        """Both tables' buckets, scanned whole or in pieces that each end in time."""
        size = max(self.lenses.base.table.size, self.lenses.now.table.size)
        pages = self.at_once // PAGE
        number = max(-(-size // self.at_once), 1) if self.sides.base.major >= SPLITS_SINCE else 1
        pieces = [(piece * pages, None if piece == number - 1 else (piece + 1) * pages) for piece in range(number)]
        answers = [self._sums(partial(sum_up, shift=shift, pages=piece)) for piece in pieces]
        self.rows_base, self.rows_now = (sum(each[side].rows for each in answers) for side in (0, 1))
        if number == 1:
            [(here, there)] = answers
            return different_sums(here.sums, there.sums)
        # A bucket's rows may lie in any piece, and in another one on the other side.
        base, now = (reduce(add_up, (sums_of(each[side].sums.split()) for each in answers)) for side in (0, 1))
        return base, now

    def _sum(self, buckets: Sequence[RowBucket], shift: int, narrower: int) -> list[RowBucket]:
        """What differs within some buckets, in narrower ones."""
        here, there = self._sums(partial(sum_up_stretch, stretch=_stretch(buckets, shift, self._way), shift=narrower))
        counted = (sum(each.base for each in buckets), sum(each.now for each in buckets))
        if self._way == "index" and self._has_same_snapshot and (here.rows, there.rows) != counted:
            stretch = _stretch(buckets, shift, "scan")
            here, there = self._sums(partial(sum_up_stretch, stretch=stretch, shift=narrower))
        return different_buckets(*different_sums(here.sums, there.sums), narrower)

    def _read(self, buckets: Sequence[RowBucket], shift: int) -> Iterator[FoundRow]:
        """The rows of some buckets that differ."""
        waiting = list(buckets)
        for way in dict.fromkeys((self._way, "scan")):
            base, now = self._ask(partial(read_entries, stretch=_stretch(waiting, shift, way)))
            self.received += sum(len(each) for answers in (base, now) for each in answers.values())
            again = []
            for bucket in waiting:
                here, there = base.get(bucket.low >> shift, b""), now.get(bucket.low >> shift, b"")
                if way == "index" and self._falls_short(bucket, here, there):
                    again.append(bucket)
                else:
                    yield from self._compare(here, there)
            waiting = again
            if not waiting:
                return

    @property
    def _way(self) -> Route:
        return "index" if self.lenses.is_indexed else "scan"

    @property
    def _has_same_snapshot(self) -> bool:
        """Whether the rows are still those that the scan counted."""
        return self._began == self._scanned

    def _falls_short(self, bucket: RowBucket, here: bytes, there: bytes) -> bool:
        # A row that the index does not lead to is still a row: only the scan is believed.
        return self._has_same_snapshot and (len(here) // ENTRY, len(there) // ENTRY) != (bucket.base, bucket.now)

    def _compare(self, here: bytes, there: bytes) -> Iterator[FoundRow]:
        way = rows_that_differ if self.lenses.is_keyed else counts_that_differ
        return way(here, there)

    def _sums(self, question: Callable[[Session, Lens], Summary]) -> tuple[Summary, Summary]:
        here, there = self._ask(question)
        self.received += len(here.sums) + len(there.sums)
        return here, there

    def _ask(self, question: Callable[[Session, Lens], T]) -> tuple[T, T]:
        """Ask both sides the same of their table, in snapshots that are not too old; each lets its table go afterwards."""
        if monotonic() >= self.end:
            raise OutOfTime
        if monotonic() - self._began > LONGEST_STATEMENT.total_seconds():
            self._begin()
        here, there = self._files
        return self.sides.ask(
            partial(_put, question, self.lenses.base, here), partial(_put, question, self.lenses.now, there)
        )

    def _begin(self) -> None:
        """Begin a transaction on either side, and learn which rows are young in it."""
        self.sides.rollback()
        (base, here), (now, there) = self.sides.ask(
            partial(self._begin_one, self.lenses.base.table), partial(self._begin_one, self.lenses.now.table)
        )
        self._files = here, there
        if self.writers is not None and self.writers.birth.is_exact and base is not None:
            self._refuse_lag(base)
        self.lenses = Lenses(self.lenses.base.at(base), self.lenses.now.at(now))
        if self.writers is not None:
            self.writers.base, self.writers.now = base, now
        self._began = monotonic()

    @staticmethod
    def _refuse_lag(base: YoungIds) -> None:
        if is_before_birth(base.birth, base.following):
            raise Unreachable(LAGS, "wait until it has caught up")

    def _begin_one(self, table: Table, session: Session) -> tuple[YoungIds | None, int]:
        """Which rows are young in a new transaction, and the file that the table lies in."""
        session.begin()
        young = None if self.writers is None else YoungIds(self.writers.birth.short, snapshot_end(session))
        file = files_of(session, [table]).get(table.oid, 0)
        session.mark()
        return young, file


def _without_place(xid: int) -> RowEntry:
    """An entry for rows that were only counted: it has a transaction and no place."""
    return RowEntry(bytes(RECORD + PLACE) + xid.to_bytes(XID, "big"))


def _put(question: Callable[[Session, Lens], T], lens: Lens, file: int, session: Session) -> T:
    answer, (_, now) = question(session, lens), file_now(session, lens.table)
    session.let_go()
    if now != file:
        raise Failed("it was truncated or written anew while it was compared")
    return answer


def _stretch(buckets: Sequence[RowBucket], shift: int, way: Route) -> Stretch:
    return Stretch(shift, tuple(each.low for each in buckets), tuple(each.high for each in buckets), way)


def _union(found: tuple[tuple[int, int] | None, tuple[int, int] | None]) -> Extent | None:
    known = [each for each in found if each is not None]
    return Extent(min(low for low, _ in known), max(high for _, high in known)) if known else None
