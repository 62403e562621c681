"""Rows of an export of RDS, carried from fetched files into the tables of a receiver: all of them in one transaction.

The law: what was found is handed over before the number of the transaction, so whoever is killed at the commit has both in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from daybreak.errors import Failed, Refused
from daybreak.execute.beside import News, Staged
from daybreak.execute.doors import FetchedFiles
from daybreak.execute.parquet_rows import (
    ParquetOrder,
    RowWork,
    ahead_of,
    open_rejects,
    plan_load,
)
from daybreak.files import hold_to_ours
from daybreak.judge.exported import MOST_SHOWN, FilesAnswers, RefusedRow, findings_on_files
from daybreak.model.actions import CarryTables, FilesOfTable, RowFiles, WantedTable
from daybreak.model.column_shapes import ColumnShape
from daybreak.model.names import printable
from daybreak.model.parquet import LoadCounts
from daybreak.model.receiver import ReceiverMode, TablesCarried
from daybreak.parquet.local import LocalBytes, open_local
from daybreak.postgres.changing import Bearing
from daybreak.postgres.leash import Leash
from daybreak.postgres.piecewise import CopyOrder, fill_blocks, target_columns
from daybreak.postgres.receiver import carry_rows
from daybreak.postgres.session import Session

if TYPE_CHECKING:
    from daybreak.parquet.encoding import RowBlock

_BEYOND = 5
"""Refused rows beyond those that are accepted, which are read before the load gives up: a person sees more than one."""


def carry_files(
    session: Session,
    action: CarryTables,
    fetched: FetchedFiles,
    hand_over: Callable[[News], None],
    leash: Leash,
) -> TablesCarried:
    """Load the files of all tables; it hands over what was found, and then ``Staged``, before the commit.

    Raises ``Failed`` where more rows are refused than the action accepts, or the files are not what the tables can take: then nothing
    was changed. Raises ``Unreachable`` for what passes; after ``Staged`` the outcome is then not known.
    """
    files = action.files or RowFiles(tables=())
    tally = _Tally(files, action.tables, fetched.rejects)
    try:
        with ExitStack() as stack:
            _make_folder(fetched.rejects)
            stack.callback(_remove_empty, fetched.rejects)
            loads = []
            for number, each in enumerate(action.tables, 1):
                sources = [stack.enter_context(one) for one in _sources(files, each, fetched.folder)]
                rejects = fetched.rejects / f"table-{number:04}.jsonl"
                order = ParquetOrder(
                    each.into, sources, rejects, action.where, files.most_rejects + _BEYOND, _files_of(files, each).most
                )
                work = RowWork(plan_load(order, target_columns(session, each.into)), hand_over, leash)
                work.rejects = stack.enter_context(open_rejects(order.rejects))
                loads.append(_FilesToCarry(each, work, tally))

            def stage(number: str | None, deleted: Mapping[str, int]) -> None:
                for each in loads:
                    each.work.keep_rejects()
                tally.hand_over(hand_over)
                loaded = sum(each.loaded for each in tally.counts)
                Staged(number, rows=loaded, deleted=deleted).await_record(hand_over, leash)

            carried = carry_rows(session, Bearing(action.role, action.lock), loads, stage, hand_over)
    except _TooMany as error:
        tally.is_taken_back = True
        tally.hand_over(hand_over)
        raise Failed(error.message, *error.hints) from error
    except Refused as error:
        raise Failed("; ".join((error.message, *error.reasons)), *error.hints) from error
    return TablesCarried(
        rows={".".join(load.table): counts.loaded for load, counts in zip(loads, tally.counts, strict=True)},
        deleted=dict(carried.deleted),
        sequences={each.name: each.value for each in carried.moved},
        rejects=str(fetched.rejects) if tally.refused else "",
    )


class _TooMany(Failed):
    """More rows are refused than the plan accepts."""


@dataclass
class _Tally:
    """What came of all tables so far."""

    files: RowFiles
    wanted: tuple[WantedTable, ...]
    rejects: Path
    counts: list[LoadCounts] = field(default_factory=list)
    refused: int = 0
    shown: list[RefusedRow] = field(default_factory=list)
    is_taken_back: bool = False

    def take(self, row: RefusedRow) -> None:
        """Count a refused row; raises ``_TooMany`` once enough of them are known to say so."""
        self.refused += 1
        if len(self.shown) < MOST_SHOWN:
            self.shown.append(row)
        if self.refused >= self.files.most_rejects + _BEYOND:
            self.hold()

    def hold(self) -> None:
        """Raise ``_TooMany`` where more rows are refused than are accepted."""
        if self.refused <= self.files.most_rejects:
            return
        first = self.shown[0]
        some = f"row {first.number:,} of {printable(first.file, 400)}: {printable(first.why, 300)}"
        raise _TooMany(
            f"the server does not take {self.refused:,} rows or more, and {self.files.most_rejects:,} are accepted, so nothing was "
            f"changed; {some}",
            f"read all of them in {printable(str(self.rejects), 400)}",
            "plan it again with --rejects NUMBER, where the others are wanted without them",
        )

    def hand_over(self, hand_over: Callable[[News], None]) -> None:
        """Hand over what was found."""
        answers = FilesAnswers(self.counts, self.refused, self.shown, str(self.rejects), self.is_taken_back)
        for finding in findings_on_files(self.files, self.wanted, answers):
            hand_over(finding)


@dataclass(frozen=True)
class _FilesToCarry:
    """The files of one table, opened."""

    wanted: WantedTable
    work: RowWork
    tally: _Tally

    @property
    def table(self) -> tuple[str, str]:
        return self.wanted.into

    @property
    def shapes(self) -> tuple[ColumnShape, ...]:
        return ()  # the plan of the load has refused what is not exact

    @property
    def where(self) -> str:
        return self.work.plan.condition

    @property
    def columns(self) -> tuple[str, ...]:
        return self.work.plan.matching.columns

    @property
    def mode(self) -> ReceiverMode:
        return self.wanted.mode

    def fill(self, session: Session, progress: Callable[[str], None]) -> None:
        """Load them; raises ``_TooMany``."""
        progress(f"loading the files of {printable('.'.join(self.wanted.table))}")
        with ahead_of(self.work.blocks()) as blocks:
            taken = fill_blocks(
                session, CopyOrder(self.work.plan.columns, self.work.plan.condition), self._refuse, blocks
            )
        self.tally.counts.append(self.work.counts(taken))
        self.work.keep_rejects()
        self.tally.hold()

    def _refuse(self, row: RowBlock, reason: str) -> None:
        self.work.reject(row, reason)
        self.tally.take(RefusedRow(".".join(self.wanted.table), row.file, row.number, reason))


def _sources(files: RowFiles, wanted: WantedTable, folder: Path) -> Iterator[AbstractContextManager[LocalBytes]]:
    """The files of one table, each to be opened; they are called as in the export."""
    for name, key in _files_of(files, wanted).in_order():
        yield _open_as(folder / name, key)


def _files_of(files: RowFiles, wanted: WantedTable) -> FilesOfTable:
    return next(each for each in files.tables if each.table == wanted.table)


@contextmanager
def _open_as(path: Path, name: str) -> Iterator[LocalBytes]:
    with open_local(path) as source:
        yield replace(source, name=name)


def _make_folder(folder: Path) -> None:
    """Make the folder for refused rows, which are somebody's data: nobody else may look into it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    hold_to_ours(folder, "by scratch in daybreak.toml")


def _remove_empty(folder: Path) -> None:
    """Remove the files without a row, and then the folder where nothing is left in it."""
    for each in folder.glob("table-*.jsonl"):
        if not each.stat().st_size:
            each.unlink()
    with suppress(OSError):
        folder.rmdir()
