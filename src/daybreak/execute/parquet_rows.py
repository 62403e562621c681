"""A table of an RDS export, loaded into a table that is there: its files in order, in one transaction.

The law: each row of the files is loaded, rejected or left out, and the figures say which. Rejected rows are on disk before the
commit. Values are never changed on the way: what the server does not take as it is in the file is rejected.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, BinaryIO, Generic, TypeVar

from daybreak.archive.sources import ByteSource
from daybreak.errors import Bug, Failed, Refused, Unreachable
from daybreak.execute.beside import CalledOff, News
from daybreak.model.names import comma_list, printable
from daybreak.model.parquet import LoadCounts, ParquetLoaded, TargetColumn
from daybreak.parquet.columns import Matching, match_columns
from daybreak.parquet.condition import (
    RowCondition,
    check_columns,
    comparable_here,
    parse_condition,
    questions_of,
    sql_of,
)
from daybreak.parquet.opening import open_rows
from daybreak.postgres.changing import Bearing, Columns
from daybreak.postgres.leash import Leash
from daybreak.postgres.piecewise import BlockLoad, CopyOrder, Taken, load_blocks, target_columns
from daybreak.postgres.session import Session

if TYPE_CHECKING:
    from daybreak.parquet.encoding import RowBlock
    from daybreak.parquet.reading import RowFile, RowGroup

T = TypeVar("T")

MOST_REJECTS = 1_000
"""How many rows a load rejects before it gives up: many more are a wrong table and not bad values."""
_WORD_EVERY = 5.0
"""Seconds between two words on how far it is."""
_SLICE = 0.2


@dataclass(frozen=True)
class ParquetOrder:
    """What is loaded, and into which table, by its schema and its name."""

    table: tuple[str, str]
    files: Sequence[ByteSource]
    """Its files; of this machine where it can be, since the heads of their pages are looked at one by one."""
    rejects: Path
    """The file of rejected rows, which is written anew: a line of JSON for each."""
    where: str = ""
    """Which rows are wanted, in the small part of SQL that ``daybreak.parquet.condition`` reads; empty for all."""
    most_rejects: int = MOST_REJECTS
    most: int | None = None
    """The bytes of rows that may be made of the files; ``None`` where nobody bounded them."""


LoadStage = Callable[[str | None, LoadCounts], None]
"""Takes the number of the transaction and what it holds, before its commit leaves; may raise to prevent it."""


def load_parquet(
    session: Session,
    bearing: Bearing,
    order: ParquetOrder,
    staged: LoadStage,
    hand_over: Callable[[News], None],
    *,
    leash: Leash,
) -> ParquetLoaded:
    """Load the files into the table, all of it or nothing.

    Raises ``Refused`` with every reason where the columns or the condition do not fit, ``UnreadableArchive`` for a file that cannot
    be read, ``Failed`` where more rows are rejected than the order allows: nothing is loaded then. Raises ``Unreachable`` for what
    passes; after ``staged`` the outcome is then not known.
    """
    plan = plan_load(order, target_columns(session, order.table))
    work = RowWork(plan, hand_over, leash)
    with open_rejects(order.rejects) as rejects:
        work.rejects = rejects

        def stage(number: str | None, taken: Taken) -> None:
            work.keep_rejects()
            staged(number, work.counts(taken))

        load = BlockLoad(CopyOrder(plan.columns, plan.condition), work.reject, stage)
        with ahead_of(work.blocks()) as blocks:
            taken = load_blocks(session, bearing, load, blocks)
    return ParquetLoaded(
        counts=work.counts(taken),
        files=len(order.files),
        remarks=plan.matching.remarks,
        condition=plan.way,
        groups_skipped=sum(each.skipped for each in plan.files),
    )


@dataclass(frozen=True)
class FilePlan:
    """A file, and those of its row groups that may have wanted rows."""

    file: RowFile
    groups: tuple[RowGroup, ...]

    @property
    def skipped(self) -> int:
        """How many groups are not among them."""
        return len(self.file.groups) - len(self.groups)

    @property
    def passed(self) -> int:
        """Rows of the others, as the file says."""
        return self.file.rows - sum(group.rows for group in self.groups)


@dataclass(frozen=True)
class LoadPlan:
    """How the files go into the table, decided from their descriptions; no row was read."""

    order: ParquetOrder
    matching: Matching
    files: tuple[FilePlan, ...]
    wanted: RowCondition | None = None
    """As much of the condition as is compared here."""
    condition: str = ""
    """The whole condition, as the server gets it."""
    way: str = ""
    """How it is applied, in words."""

    @property
    def columns(self) -> Columns:
        """The table, and the columns that are filled."""
        return Columns(self.order.table, self.matching.columns)

    def ranges_wanted(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """What has to be there of each file, beside its end, as places and lengths: the rest may be missing."""
        names = [each.source.name for each in self.matching.assigned]
        return tuple(each.file.ranges_wanted(each.groups, names) for each in self.files)


def plan_load(order: ParquetOrder, table: Sequence[TargetColumn]) -> LoadPlan:
    """Open the files and decide how they are loaded.

    Raises ``Refused`` with every reason where they do not fit the table, and ``UnreadableArchive`` for one that cannot be read.
    """
    asked = parse_condition(order.where) if order.where.strip() else None
    called = printable(".".join(order.table), 200)
    if not order.files:
        raise Refused(f'there is no file of the table "{called}"', "daybreak exports show EXPORT  # lists its tables")
    files = [open_rows(source) for source in order.files]
    first = files[0]
    matching = match_columns(table, first.columns)
    others = [each for each in files if each.columns != first.columns]
    reasons = [
        *matching.objections,
        *(f'"{printable(each.name, 400)}" has other columns than "{printable(first.name, 400)}"' for each in others),
    ]
    if reasons:
        raise Refused(
            f'the files do not fit the table "{called}"',
            "bring the table's definition from the time of the export: a dump, or a capsule",
            reasons=tuple(reasons),
        )
    if asked is None:
        return LoadPlan(order, matching, tuple(FilePlan(each, each.groups) for each in files))
    check_columns(asked, matching.columns, _not_loaded(table))
    here = comparable_here(asked, matching.assigned)
    chosen = tuple(FilePlan(each, each.groups_wanted(here)) for each in files)
    return LoadPlan(order, matching, chosen, here, sql_of(asked), _way(asked, here))


def _not_loaded(table: Sequence[TargetColumn]) -> dict[str, str]:
    return {
        each.name: "the server makes its values" if each.is_generated else "the files do not have it" for each in table
    }


def _way(asked: RowCondition, here: RowCondition | None) -> str:
    names = sorted({each.column for each in questions_of(asked)})
    at_server = "the server compares every row, in the types of the table"
    if here is None:
        return f"{at_server}: {comma_list([printable(name) for name in names])} cannot be compared here as it does"
    before = comma_list([printable(name) for name in sorted({each.column for each in questions_of(here)})])
    if here == asked:
        return f"row groups and rows are chosen here by {before}, and the server compares again"
    return f"row groups and rows are chosen here by {before}; of those, {at_server}"


@dataclass
class RowWork:
    """One load, as far as it has come."""

    plan: LoadPlan
    hand_over: Callable[[News], None]
    leash: Leash
    rejects: BinaryIO | None = None
    rejected: int = 0
    read: int = 0
    left_out: int = 0
    made: int = 0
    """The bytes of rows that were made."""
    spoken: float = field(default_factory=time.monotonic)

    def blocks(self) -> Iterator[RowBlock]:
        """The wanted rows of all files; counts every row on the way."""
        total = sum(each.file.rows for each in self.plan.files)
        for each in self.plan.files:
            self.read += each.passed
            self.left_out += each.passed
            for group in each.groups:
                for batch in each.file.blocks(group, self.plan.matching.assigned, self.plan.wanted):
                    self.read += batch.rows
                    self.left_out += batch.rows - batch.wanted
                    self._say(total)
                    for block in batch.blocks:
                        self._hold(0 if block.refused else len(block.lines()))
                        yield block

    def _hold(self, made: int) -> None:
        """Count what is made of the files; raises ``Failed`` where that is more than was planned."""
        self.made += made
        most = self.plan.order.most
        if most is not None and self.made > most:
            sizes = sum(each.size for each in self.plan.order.files)
            raise Failed(
                f"{sizes:,} bytes of files would become more than {most:,} bytes of rows, as they were planned, so nothing was changed: "
                "a few values are repeated in very many rows",
                "look at the files; plan parts of them with --where where that is what you want",
            )

    def _say(self, total: int) -> None:
        if self.leash.is_called_off.is_set():
            raise CalledOff
        if time.monotonic() - self.spoken >= _WORD_EVERY:
            self.spoken = time.monotonic()
            self.hand_over(f"{self.read:,} of {total:,} rows are read")

    def reject(self, row: RowBlock, reason: str) -> None:
        """Write a row down that the server does not take; raises ``Failed`` where there are too many of them."""
        if self.rejects is None:
            raise Bug("a row was rejected, and no file takes it")
        self.rejected += 1
        line = {"file": row.file, "row": row.number, "reason": reason, "values": row.values()}
        with _in_our_words(self.plan.order.rejects):
            self.rejects.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        if self.rejected > self.plan.order.most_rejects:
            self.keep_rejects()
            raise Failed(
                f"the server does not take more than {self.plan.order.most_rejects:,} of the rows, so nothing was loaded",
                f"read why in {printable(str(self.plan.order.rejects), 400)}",
            )

    def keep_rejects(self) -> None:
        """Have the rejected rows on disk."""
        if self.rejects is not None:
            with _in_our_words(self.plan.order.rejects):
                self.rejects.flush()
                os.fsync(self.rejects.fileno())

    def counts(self, taken: Taken) -> LoadCounts:
        """Where each row went; raises ``Bug`` where one is missing."""
        found = LoadCounts(
            rows=self.read,
            loaded=taken.loaded,
            rejected=taken.rejected,
            left_out=self.left_out + taken.left_out,
        )
        if not found.is_even:
            raise Bug(
                f"of {found.rows:,} rows {found.loaded:,} were loaded, {found.rejected:,} rejected, {found.left_out:,} left out"
            )
        return found


@contextmanager
def open_rejects(path: Path) -> Iterator[BinaryIO]:
    """The file of rejected rows, empty; they are somebody's data, so nobody else may read them."""
    with _in_our_words(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file


@contextmanager
def _in_our_words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Unreachable(
            f'the file of rejected rows "{printable(str(path), 400)}" cannot be written: {why}'
        ) from error


@contextmanager
def ahead_of(items: Iterator[T]) -> Iterator[Iterator[T]]:
    """The same items, made in a thread of their own one ahead of whoever takes them, which ends with the block.

    While the server reads one block, the next is unpacked.
    """
    crowd = _Ahead(items)
    try:
        yield crowd.take()
    finally:
        crowd.end()


class _Ahead(Generic[T]):
    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self._ready: Queue[tuple[T] | BaseException | None] = Queue(1)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._make, name="daybreak-parquet", daemon=True)
        self._thread.start()

    def _make(self) -> None:
        last: BaseException | None = None
        try:
            for item in self._items:
                if not self._put((item,)):
                    return
        except BaseException as error:  # noqa: BLE001 - whoever takes the items raises it
            last = error
        self._put(last)

    def _put(self, item: tuple[T] | BaseException | None) -> bool:
        while not self._is_over.is_set():
            try:
                self._ready.put(item, timeout=_SLICE)
            except Full:
                continue
            return True
        return False

    def take(self) -> Iterator[T]:
        """Each item, once it is there; raises what making it raised."""
        while True:
            try:
                found = self._ready.get(timeout=_SLICE)
            except Empty:
                continue
            if isinstance(found, BaseException):
                raise found
            if found is None:
                return
            yield found[0]

    def end(self) -> None:
        """Have no more made, and wait until that is so."""
        self._is_over.set()
        self._thread.join()
