"""One table's delta: how its rows can be compared on both sides, what differs, and the rows that are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from time import monotonic

from daybreak.delta.buckets import FoundRow
from daybreak.delta.columns import pair_columns
from daybreak.delta.comparing import Comparison, Lenses, OutOfTime, Sides
from daybreak.delta.pairs import Pair
from daybreak.delta.writers import Writers
from daybreak.errors import DaybreakError
from daybreak.model.answers import Table
from daybreak.model.birth import Birth, is_young
from daybreak.model.delta import ComparedBy, DifferentRow, RowKind, RowWriter, Side, TableDelta, Written, taker_of
from daybreak.model.names import printable
from daybreak.model.replay import proposal_of
from daybreak.postgres.buckets import Lens, count_whole, read_keys, read_literals
from daybreak.postgres.fingerprints import columns_to_hash
from daybreak.postgres.rows import snapshot_end
from daybreak.postgres.session import Session
from daybreak.postgres.shapes import Column, Shape, key_to_hash, shape_of, spell

AT_ONCE = 10_000
"""Of so many rows the copy is asked at once which transactions wrote them."""

KINDS: tuple[RowKind, ...] = ("only_now", "differing", "only_base")

ColumnPair = tuple[Column, Column]
"""One column as base has it, and as now does."""


@dataclass(frozen=True)
class _Literals:
    """A row's key, and its values by column at the giver and at the taker, quoted by the server."""

    key: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """How many rows of a table are listed, for which side, and whether with their values."""

    most: int = 1_000
    has_values: bool = False
    giver: Side = "now"
    """The side that has what the other one, the taker, may want."""
    is_replay: bool = False
    """Whether rows that only the taker wrote since the copy was born are not listed, and those that the giver deleted are."""

    @property
    def taker(self) -> Side:
        """The side for which the list is."""
        return taker_of(self.giver)

    @property
    def kinds(self) -> tuple[RowKind, ...]:
        """In the order in which rows are listed: what the giver has comes first."""
        return KINDS if self.giver == "now" else KINDS[::-1]

    def owner_of(self, kind: RowKind) -> Side:
        """The side whose rows of a kind are named: the giver, but for what only the taker has."""
        return self.taker if kind == f"only_{self.taker}" else self.giver


@dataclass(frozen=True)
class Comparable:
    """What of a table can be compared on both sides."""

    lenses: Lenses
    spelled: str
    """The table's name at the taker, as SQL."""
    key: tuple[ColumnPair, ...]
    columns: tuple[ColumnPair, ...]
    """The columns whose values can be written at the taker, in base's order."""
    left_out: dict[str, str]
    needed: tuple[str, ...]
    """Columns that were left out and without which the taker takes no row, or which are of its key."""
    has_identity: bool
    by: ComparedBy


def make_comparable(
    sides: Sides, pair: Pair, *, is_by_key: bool = False, birth: Birth | None = None, taker: Side = "base"
) -> Comparable:
    """Look at the table on both sides; call it outside a transaction. Raises ``DaybreakError`` where a server says no.

    Without a birth the two databases are no copies of each other.
    """
    shapes = shape_of(sides.base, pair.base), shape_of(sides.now, pair.now)
    found = pair_columns(
        *shapes, _inborn(sides.now, shapes[1], birth) if birth is not None and pair.matched == "object id" else ()
    )
    key, enums = found.key, found.enums if birth is not None else ()
    compared = tuple(ours for ours, _ in found.both)
    left_out = {column.name for column in shapes[0].columns if column not in compared}

    def look(table: Table, called: dict[str, str]) -> Lens:
        # Base says how, for both: a form that only one side's columns need would hash the same value differently.
        hashed = key_to_hash(sides.base, key, numbered=enums, called=called) if key else None
        content = hashed if is_by_key else None
        if content is None:
            content = columns_to_hash(
                sides.base, [pair.base], left_out=left_out, called=called, is_of_copies=birth is not None
            )[pair.base.oid]
        integer = called[key[0].name] if len(key) == 1 and key[0].is_integer else None
        return Lens(table, content, hashed, integer, major=sides.base.major)

    base = look(pair.base, {column.name: column.name for column in compared})
    is_renamed = any(ours.name != theirs.name for ours, theirs in found.both)
    now = look(pair.now, found.in_now) if is_renamed else replace(base, table=pair.now)
    at = 0 if taker == "base" else 1
    known = {columns[at] for columns in found.both}
    lacking = [column for column in shapes[at].columns if column not in known]
    written = tuple(columns for columns in found.both if not columns[at].generated)
    return Comparable(
        Lenses(base, now),
        spell(sides.at(taker), pair.at(taker)),
        tuple(next(columns for columns in found.both if columns[0] == column) for column in key),
        written,
        {} if is_by_key else {printable(name): why for name, why in found.left_out.items()},
        tuple(printable(each.name) for each in lacking if each.is_needed or each.position is not None),
        any(columns[at].is_always_identity for columns in written),
        ("keys" if key else "counts") if is_by_key else "rows",
    )


def _inborn(now: Session, shape: Shape, birth: Birth) -> frozenset[int]:
    """The numbers of the columns that the copy did not touch since its birth."""
    following = snapshot_end(now)
    return frozenset(each.number for each in shape.columns if not is_young(each.xid, birth.short, following))


@dataclass(frozen=True)
class TableQuestion:
    """How a table is compared, and until when."""

    writers: Writers | None
    """Who wrote a row; ``None`` where no birth is known."""
    listing: Listing
    end: float
    """When the time is up, by the monotonic clock."""
    is_by_key: bool = False
    """Whether keys alone are compared, which costs less and sees no changed row; rows without a key are only counted."""


def compare_table(sides: Sides, pair: Pair, question: TableQuestion) -> TableDelta:
    """One table's delta; where time or a server broke it off after the scan, what was found by then.

    Raises ``DaybreakError`` or ``OutOfTime`` where nothing was found yet.
    """
    began, writers, listing = monotonic(), question.writers, question.listing
    birth = None if writers is None else writers.birth
    form = make_comparable(sides, pair, is_by_key=question.is_by_key, birth=birth, taker=listing.taker)
    if form.by == "counts":
        return _count_table(sides, pair, form, began)
    tally = _Tally(listing)
    comparison = Comparison(sides, form.lenses, writers, question.end, wants_more=lambda: tally.wants_more)
    why = ""
    try:
        _tally_rows(comparison, tally)
    except (DaybreakError, OutOfTime) as trouble:
        if not comparison.is_summed:
            raise
        why = trouble.message if isinstance(trouble, DaybreakError) else "the time was up"
    listed: tuple[DifferentRow, ...] = ()
    if sides.are_open:
        try:
            listed = _Naming(comparison, form, listing).name(tally.kept)
        except (DaybreakError, OutOfTime) as trouble:
            said = trouble.message if isinstance(trouble, DaybreakError) else "the time was up"
            why = why or f"the rows could not be named: {said}"
    return TableDelta(
        name=pair.now.full,
        spelled=form.spelled,
        base_name=_other_name(pair),
        key=tuple(_column(columns, listing.taker).quoted for columns in form.key),
        matched=pair.matched,
        by=form.by,
        has_identity=form.has_identity,
        rows_base=comparison.rows_base,
        rows_now=comparison.rows_now,
        only_base=tally.counts["only_base"],
        only_now=tally.counts["only_now"],
        differing=tally.counts["differing"],
        written={} if writers is None else {kind: Written(**tally.writers[kind]) for kind in KINDS},
        listed=listed,
        left_out=form.left_out,
        needed=form.needed,
        why_incomplete=why,
        took=timedelta(seconds=monotonic() - began),
        read=pair.size,
        received=comparison.received,
    )


def _tally_rows(comparison: Comparison, tally: _Tally) -> None:
    """Count every row that differs, by who wrote it."""
    writers, rows = comparison.writers, comparison.rows()
    while some := list(islice(rows, AT_ONCE)):
        if writers is not None:
            writers.learn(comparison.sides.base, comparison.sides.now, some)
        for row in some:
            tally.note(row, None if writers is None else writers.writer_of(row))


def _other_name(pair: Pair) -> str:
    return pair.base.full if pair.base.full != pair.now.full else ""


def _count_table(sides: Sides, pair: Pair, form: Comparable, began: float) -> TableDelta:
    """A table of which rows are only counted: so many at least the side has that the other lacks, and who knows how many more."""
    lenses = form.lenses
    base, now = sides.ask(
        lambda session: count_whole(session, lenses.base), lambda session: count_whole(session, lenses.now)
    )
    return TableDelta(
        name=pair.now.full,
        spelled=form.spelled,
        base_name=_other_name(pair),
        matched=pair.matched,
        by="counts",
        rows_base=base,
        rows_now=now,
        only_base=max(base - now, 0),
        only_now=max(now - base, 0),
        why_incomplete="it has no primary key that both have, so its rows were only counted",
        took=timedelta(seconds=monotonic() - began),
        read=pair.size,
    )


@dataclass
class _Tally:
    """Counts every row that differs, and keeps the first ones."""

    listing: Listing
    kept: list[tuple[FoundRow, RowWriter | None]] = field(default_factory=list)
    counts: dict[RowKind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    writers: dict[RowKind, dict[str, int]] = field(default_factory=lambda: {kind: {} for kind in KINDS})

    @property
    def wants_more(self) -> bool:
        """Whether more rows are to be named."""
        return len(self.kept) < self.listing.most

    def note(self, row: FoundRow, writer: RowWriter | None) -> None:
        """Count one row, or several that are alike."""
        self.counts[row.kind] += row.times
        if writer is not None:
            by = self.writers[row.kind]
            by[writer] = by.get(writer, 0) + row.times
        if self.wants_more and row.is_placed and self._is_listed(row, writer):
            self.kept.append((row, writer))

    def _is_listed(self, row: FoundRow, writer: RowWriter | None) -> bool:
        return not self.listing.is_replay or proposal_of(row.kind, writer, self.listing.giver) != "taker's own"


_Group = list[tuple[FoundRow, RowWriter | None]]
"""Rows, and who wrote them."""


@dataclass
class _Naming:
    """Fetches the keys of rows by their places, and their values where they are asked for."""

    comparison: Comparison
    form: Comparable
    listing: Listing

    def name(self, rows: _Group) -> tuple[DifferentRow, ...]:
        """The rows with their keys: kind by kind, and each kind in the key's order."""
        named: list[DifferentRow] = []
        for kind in self.listing.kinds:
            some = [row for row, _ in rows if row.kind == kind]
            ordered = self._keys(kind, some)
            known = self._rows_by_identity(rows, kind)
            literals = self._literals(kind, some) if self.listing.has_values else {}
            for identity, key in ordered:
                named += [
                    self._line_of(kind, key, literals.get(identity, _Literals()), group)
                    for group in known.pop(identity, ())
                ]
        return tuple(named)

    def _line_of(self, kind: RowKind, key: tuple[str | None, ...], literals: _Literals, group: _Group) -> DifferentRow:
        """The rows of a group as one line."""
        entries = [row.at(self.listing.taker) for row, _ in group] if self.listing.is_replay else []
        return DifferentRow(
            kind=kind,
            key=key,
            key_literals=literals.key,
            times=sum(row.times for row, _ in group),
            written=group[0][1],
            values=literals.values,
            other_values=literals.others,
            xids=tuple(entry.xid for entry in entries if entry is not None),
        )

    def _rows_by_identity(self, rows: _Group, kind: RowKind) -> dict[int, list[_Group]]:
        """The rows that each identity stands for, in groups that are one line; a damaged index may have let a key in twice."""
        found: dict[int, list[_Group]] = {}
        for row, writer in rows:
            if row.kind == kind:
                found.setdefault(row.identity, []).append([(row, writer)])
        if self.form.lenses.is_keyed:
            return found
        # Rows that are alike are one line for each that wrote them, whatever their transactions.
        return {
            identity: [
                [one for [one] in some if one[1] == writer]
                for writer in dict.fromkeys(writer for [(_, writer)] in some)
            ]
            for identity, some in found.items()
        }

    def _keys(self, kind: RowKind, rows: Sequence[FoundRow]) -> list[tuple[int, tuple[str | None, ...]]]:
        lenses = self.form.lenses
        if lenses.is_indexed:
            return [(row.identity, (str(row.identity),)) for row in sorted(rows, key=lambda each: each.identity)]
        if not lenses.is_keyed:
            return [(row.identity, (f"{row.identity & (1 << 64) - 1:016x}",)) for row in rows]
        side = self.listing.owner_of(kind)
        wanted = {row.identity for row in rows}
        if not (places := _places(rows, side)):
            return []
        found = read_keys(self._session(side), lenses.at(side), _names(self.form.key, side), places)
        return [(one, tuple(key)) for one, key in found if one in wanted]

    def _literals(self, kind: RowKind, rows: Sequence[FoundRow]) -> dict[int, _Literals]:
        """The key and the values of each row, by its identity; of a row that differs, the values that do.

        A row that only the taker has is found by its key, and without one by all that it holds.
        """
        side, listing, key = self.listing.owner_of(kind), self.listing, self.form.key
        is_foreign = side == listing.taker
        if not rows or (is_foreign and not listing.is_replay):
            return {}
        columns: Sequence[ColumnPair] = () if is_foreign and key else self.form.columns
        if kind == "differing":
            # Into a row that is there nobody may write an identity that is always generated, and its key is what finds it.
            columns = [
                each for each in columns if each not in key and not _column(each, listing.taker).is_always_identity
            ]
        here = self._read(side, (*key, *columns), rows)
        there = self._read(listing.taker, (*key, *columns), rows) if kind == "differing" else {}
        quoted = [_column(each, listing.taker).quoted for each in columns]
        found: dict[int, _Literals] = {}
        for identity, values in here.items():
            others = dict(zip(quoted, there.get(identity, [])[len(key) :], strict=False))
            changes = _changes(others, quoted, values[len(key) :])
            kept = {name: others[name] for name in changes if name in others} if listing.is_replay else {}
            found[identity] = _Literals(tuple(values[: len(key)]), changes, kept)
        return found

    def _read(self, side: Side, columns: Sequence[ColumnPair], rows: Sequence[FoundRow]) -> dict[int, list[str]]:
        lens = self.form.lenses.at(side)
        return read_literals(self._session(side), lens, _names(columns, side), _places(rows, side))

    def _session(self, side: Side) -> Session:
        return self.comparison.sides.at(side)


def _column(columns: ColumnPair, side: Side) -> Column:
    return columns[0] if side == "base" else columns[1]


def _names(columns: Sequence[ColumnPair], side: Side) -> list[str]:
    return [_column(each, side).name for each in columns]


def _changes(before: dict[str, str], names: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """What differs of what can be written: nothing where only a generated column does."""
    whole = dict(zip(names, values, strict=True))
    return {name: value for name, value in whole.items() if before.get(name) != value}


def _places(rows: Sequence[FoundRow], side: Side) -> list[str]:
    entries = (row.at(side) for row in rows)
    return [entry.place for entry in entries if entry is not None]
