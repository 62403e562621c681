"""How a table's rows are found again in its copy: by place in the file that both have, else by key, else by their transactions.

The law: a row that nobody touched keeps its transaction whatever is done to its table's file. In one file it keeps its place
as well; a file that was written anew has it elsewhere, under the same key. Without a key the rows of a transaction are counted:
the copy had at least as many. What is read is the table that was meant, as it was looked at: it is held while it is read, and
looked at again whenever it was let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from daybreak.model.answers import Count, FoundBy, Run, Table
from daybreak.model.birth import Birth, is_young
from daybreak.model.keys import PrimaryKey, why_keys_differ
from daybreak.model.names import printable
from daybreak.postgres.keys import (
    KeyedRow,
    confirm_missing,
    find_missing,
    primary_key_of,
    read_old_keys,
)
from daybreak.postgres.rows import PAGE, PAIR, Chunk, file_now, read, read_pairs, read_tally
from daybreak.postgres.session import Session


@dataclass(frozen=True)
class TablePair:
    """One table on both sides, by its object id, with the clone's count of its runs."""

    clone: Table
    source: Table
    count: Count


@dataclass(frozen=True)
class HearingSides:
    """A session with either side."""

    source: Session
    clone: Session

    @property
    def are_open(self) -> bool:
        """Whether neither was lost."""
        return self.source.is_open and self.clone.is_open


class NotComparable(Exception):
    """The source's table cannot be held against the clone's in this way."""


class Lagging(NotComparable):
    """The server shows a snapshot from before the moment: none of its tables can be held against the clone's."""


@dataclass(frozen=True)
class MissingRow:
    """An old row of the source that was not found in the clone."""

    xid: int
    name: tuple[str, ...] = ()
    """Its place, or the values of its key; empty for rows that were only counted."""
    times: int = 1
    """How many such rows."""


@dataclass(frozen=True)
class RunAnswer:
    """What one run of the source's pages says, or several together."""

    rows: int = 0
    old: int = 0
    missing: tuple[MissingRow, ...] = ()
    runs: int = 1
    is_same: bool = False
    """Whether the old rows add up to the same on both sides, place by place."""

    def union(self, other: RunAnswer) -> RunAnswer:
        """The runs of both."""
        missing = self.missing + other.missing
        is_same = self.is_same and other.is_same
        return RunAnswer(self.rows + other.rows, self.old + other.old, missing, self.runs + other.runs, is_same)


class Likeness(Protocol):
    """One way to find the rows of one table again."""

    by: FoundBy
    sides: HearingSides
    size: int
    """How many bytes of the source's table are read."""
    is_held: bool
    """Whether the source's table is still held in the transaction in which it was looked at."""

    def look(self) -> None:
        """Look at the table, which is held in a new transaction; raises ``NotComparable`` where it is not what it has to be."""

    def compare(self, run: Chunk) -> RunAnswer:
        """A run's old rows that the clone lacks; the run says which are young."""

    def confirm(self, missing: Sequence[MissingRow]) -> Sequence[MissingRow]:
        """Those of some missing rows that are not in the clone's table whatever its indexes say."""

    def show(self, row: MissingRow) -> str:
        """A row's name, for a person."""


class ByPlace:
    """Both sides have one file: an old row lies at the same place in it."""

    by: FoundBy = "place"
    is_held = True

    def __init__(self, pair: TablePair, sides: HearingSides, birth: Birth) -> None:
        self.pair, self.sides, self.birth = pair, sides, birth
        self.here = {run.first: run for run in pair.count.runs}
        # A source that has shrunk since still has its rows where they were.
        self.size = max(pair.source.size, pair.clone.size, PAGE)

    def look(self) -> None:
        """The file is still the one that the clone has."""
        if why := why_not_comparable(self.pair, self.birth, _file_of(self.pair, self.sides)):
            raise NotComparable(why)

    def compare(self, run: Chunk) -> RunAnswer:
        """Numbers first, and row by row where they differ."""
        [there] = read(self.sides.source, run).runs
        here = self.here.get(there.first, Run(there.first, 0, 0, 0))
        is_same = (there.old, there.digest) == (here.old, here.digest)
        pairs = self._absent(run, there) if there.old and not is_same else frozenset()
        missing = tuple(MissingRow(_xid(pair), (_place(pair),)) for pair in sorted(pairs))
        return RunAnswer(there.rows, there.old, missing, is_same=is_same)

    def confirm(self, missing: Sequence[MissingRow]) -> Sequence[MissingRow]:
        """The clone's pages were read themselves."""
        return missing

    def show(self, row: MissingRow) -> str:
        """Page and number."""
        return row.name[0]

    def _absent(self, run: Chunk, there: Run) -> frozenset[bytes]:
        old = read_pairs(self.sides.source, run, is_old_only=True)
        scan = replace(run.scan, table=self.pair.clone)
        last = there.first == max(self.here, default=0)
        here = replace(run, scan=scan, end=None if last else run.end)
        return old - read_pairs(self.sides.clone, here, is_old_only=False)


class ByKey:
    """The file was written anew: an old row has the same key. ``why`` says why places do not do."""

    by: FoundBy = "key"

    def __init__(self, pair: TablePair, sides: HearingSides, why: str) -> None:
        self.pair, self.sides, self.why = pair, sides, why
        self.size = max(pair.source.size, PAGE)
        self.is_held = False
        self._here: PrimaryKey = ()
        self._there: PrimaryKey = ()
        self._file: int | None = None

    def look(self) -> None:
        """Both sides have one key, and the source's table is still in the file of which a part was read."""
        file = _file_of(self.pair, self.sides)
        if self._file is None:
            self._file = file
            self._here = primary_key_of(self.sides.clone, self.pair.clone)
        elif file != self._file:
            raise NotComparable("its file was rewritten while it was read")
        self._there = primary_key_of(self.sides.source, self.pair.source)
        if why := why_keys_differ(self._here, self._there):
            raise NotComparable(f"{self.why}, and {why}")
        self.is_held = True

    def compare(self, run: Chunk) -> RunAnswer:
        """The source's keys go to the clone as they come; only what it lacks comes back.

        A clone of which little was read yet looks for minutes, and the source is let go meanwhile.
        """
        there = read_old_keys(self.sides.source, run, self._there)
        self.sides.source.rollback()
        self.is_held = False
        missing = find_missing(self.sides.clone, self.pair.clone, self._here, there) if there.old else []
        return RunAnswer(there.rows, there.old, tuple(MissingRow(row.xid, row.key) for row in missing))

    def confirm(self, missing: Sequence[MissingRow]) -> Sequence[MissingRow]:
        """An index that is damaged, or sorted by another collation, hides rows that are there."""
        asked = [KeyedRow(row.name, row.xid) for row in missing]
        found = confirm_missing(self.sides.clone, self.pair.clone, self._here, asked) if asked else []
        return [MissingRow(row.xid, row.key) for row in found]

    def show(self, row: MissingRow) -> str:
        """The key as PostgreSQL's own errors write it, by the clone's names."""
        columns = ", ".join(printable(column.name) for column in self._here)
        return f"({columns})=({', '.join(printable(value) for value in row.name)})"


class ByTransaction:
    """No row can be found again, but the clone must have as many of each old transaction. ``why`` says why not by key."""

    by: FoundBy = "transaction"
    size = PAGE
    """It is read in one run."""
    is_held = True

    def __init__(self, pair: TablePair, sides: HearingSides, why: str) -> None:
        self.pair, self.sides, self.why = pair, sides, why

    def look(self) -> None:
        """The name still leads to the table; its file says nothing here."""
        _file_of(self.pair, self.sides)

    def compare(self, run: Chunk) -> RunAnswer:
        """Both tables' rows by transaction; raises ``NotComparable`` where too many transactions wrote them."""
        there = read_tally(self.sides.source, self.pair.source)
        here = read_tally(self.sides.clone, self.pair.clone)
        if there is None or here is None:
            raise NotComparable(f"{self.why}, and too many transactions wrote its rows")
        young = run.young
        assert young is not None  # noqa: S101 - a hearing always knows the birth
        old = {xid: rows for xid, rows in there.items() if not is_young(xid, young.birth, young.following)}
        missing = (
            MissingRow(xid, times=rows - here.get(xid, 0)) for xid, rows in old.items() if rows > here.get(xid, 0)
        )
        return RunAnswer(sum(there.values()), sum(old.values()), tuple(missing))

    def confirm(self, missing: Sequence[MissingRow]) -> Sequence[MissingRow]:
        """The tables were read themselves."""
        return missing

    def show(self, row: MissingRow) -> str:
        """Its transaction, which is all that is known of it."""
        return f"transaction {row.xid}"


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


def _file_of(pair: TablePair, sides: HearingSides) -> int:
    oid, file = file_now(sides.source, pair.source)
    if oid != pair.source.oid:
        raise NotComparable("it was renamed in the source meanwhile")
    return file


def _xid(pair: bytes) -> int:
    return int.from_bytes(pair[6:PAIR], "big")


def _place(pair: bytes) -> str:
    return f"({int.from_bytes(pair[:4], 'big')},{int.from_bytes(pair[4:6], 'big')})"
