"""One table's delta: how its rows can be compared on both sides, what differs, and the rows that are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

from daybreak.delta.buckets import FoundRow
from daybreak.delta.comparing import Comparison, Lenses, OutOfTime, Sides
from daybreak.delta.pairs import Pair
from daybreak.errors import DaybreakError
from daybreak.model.birth import Birth
from daybreak.model.delta import DifferentRow, RowKind, TableDelta, Written
from daybreak.model.names import printable
from daybreak.postgres.buckets import Lens, read_keys, read_literals
from daybreak.postgres.fingerprints import columns_to_hash
from daybreak.postgres.shapes import Column, Shape, key_to_hash, shape_of, spell

KINDS: tuple[RowKind, ...] = ("only_now", "differing", "only_base")
"""In the order in which rows are listed."""

_Literals = tuple[tuple[str, ...], dict[str, str]]
"""A row's key and its values by column, quoted by the server."""


@dataclass(frozen=True)
class Listing:
    """How many rows of a table are listed, and whether with their values."""

    most: int = 1_000
    has_values: bool = False


@dataclass(frozen=True)
class Comparable:
    """What of a table can be compared on both sides."""

    lenses: Lenses
    spelled: str
    key: tuple[Column, ...]
    columns: tuple[Column, ...]
    """Columns whose values can be written, in order."""
    left_out: dict[str, str]
    has_identity: bool


def make_comparable(sides: Sides, pair: Pair) -> Comparable:
    """Look at the table on both sides; call it outside a transaction. Raises ``DaybreakError`` where a server says no."""
    base, now = shape_of(sides.base, pair.base), shape_of(sides.now, pair.now)
    left_out = _omissions(base, now)
    # Both sides hash by base's columns, without those that now lacks.
    content = columns_to_hash(sides.base, [pair.base], left_out=left_out)[pair.base.oid]
    key = base.key if _is_same_key(base, now, left_out) else ()
    hashed = key_to_hash(sides.base, key) if key else None
    integer = key[0].name if len(key) == 1 and key[0].is_integer else None
    whole = tuple(column.name for column in base.columns if column.name not in left_out)
    lens = Lens(
        pair.base,
        content=content,
        key=hashed,
        integer=integer,
        major=sides.base.major,
    )
    other = Lens(pair.now, lens.content, lens.key, lens.integer, major=lens.major)
    columns = tuple(each for each in base.columns if each.name in whole and not each.generated)
    return Comparable(
        Lenses(lens, other),
        spell(sides.base, pair.base),
        key,
        columns,
        {printable(name): why for name, why in left_out.items()},
        any(column.is_always_identity for column in columns),
    )


def _omissions(base: Shape, now: Shape) -> dict[str, str]:
    ours, theirs = base.by_name, now.by_name
    found = {name: "now lacks it" for name in ours if name not in theirs}
    found |= {name: "base lacks it" for name in theirs if name not in ours}
    for name in ours.keys() & theirs.keys():
        one, other = ours[name], theirs[name]
        if "v" in (one.generated, other.generated):
            found[name] = "it is computed when it is read"
        elif one.kind != other.kind:
            found[name] = f"it is {printable(one.kind)} in base and {printable(other.kind)} in now"
    return dict(sorted(found.items()))


def _is_same_key(base: Shape, now: Shape, left_out: dict[str, str]) -> bool:
    ours, theirs = ([column.name for column in shape.key] for shape in (base, now))
    return ours == theirs and not any(name in left_out for name in ours)


def compare_table(sides: Sides, pair: Pair, birth: Birth | None, listing: Listing, end: float) -> TableDelta:
    """One table's delta; where time or a server broke it off after the scan, what was found by then.

    Raises ``DaybreakError`` or ``OutOfTime`` where nothing was found yet.
    """
    began = monotonic()
    form = make_comparable(sides, pair)
    comparison = Comparison(sides, form.lenses, None if birth is None else birth.short, end)
    tally = _Tally(listing.most)
    why = ""
    try:
        for row in comparison.rows():
            tally.note(row)
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
        key=tuple(column.quoted for column in form.key),
        matched=pair.matched,
        has_identity=form.has_identity,
        rows_base=comparison.rows_base,
        rows_now=comparison.rows_now,
        only_base=tally.counts["only_base"],
        only_now=tally.counts["only_now"],
        differing=tally.counts["differing"],
        written={} if birth is None else {kind: Written(**tally.writers[kind]) for kind in KINDS},
        listed=listed,
        left_out=form.left_out,
        why_incomplete=why,
        took=timedelta(seconds=monotonic() - began),
        read=pair.size,
        received=comparison.received,
    )


@dataclass
class _Tally:
    """Counts every row that differs, and keeps the first ones."""

    most: int
    kept: list[FoundRow] = field(default_factory=list)
    counts: dict[RowKind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    writers: dict[RowKind, dict[str, int]] = field(default_factory=lambda: {kind: {} for kind in KINDS})

    def note(self, row: FoundRow) -> None:
        """Count one row."""
        self.counts[row.kind] += row.times
        if row.written is not None:
            by = self.writers[row.kind]
            by[row.written] = by.get(row.written, 0) + row.times
        if len(self.kept) < self.most:
            self.kept.append(row)


@dataclass
class _Naming:
    """Fetches the keys of rows by their places, and their values where they are asked for."""

    comparison: Comparison
    form: Comparable
    listing: Listing

    def name(self, rows: Sequence[FoundRow]) -> tuple[DifferentRow, ...]:
        """The rows with their keys: kind by kind, and each kind in the key's order."""
        named: list[DifferentRow] = []
        for kind in KINDS:
            some = [row for row in rows if row.kind == kind]
            ordered = self._keys(kind, some)
            known = {row.identity: row for row in some}
            literals = self._literals(kind, some) if self.listing.has_values else {}
            for identity, key in ordered:
                row = known[identity]
                key_literals, values = literals.get(identity, ((), {}))
                named.append(
                    DifferentRow(
                        kind=kind,
                        key=key,
                        key_literals=key_literals,
                        times=row.times,
                        written=row.written,
                        values=values,
                    )
                )
        return tuple(named)

    def _keys(self, kind: RowKind, rows: Sequence[FoundRow]) -> list[tuple[int, tuple[str | None, ...]]]:
        lenses = self.form.lenses
        if lenses.is_indexed:
            return [(row.identity, (str(row.identity),)) for row in sorted(rows, key=lambda each: each.identity)]
        if not lenses.is_keyed:
            return [(row.identity, (f"{row.identity & (1 << 64) - 1:016x}",)) for row in rows]
        lens = lenses.base if kind == "only_base" else lenses.now
        session = self.comparison.sides.base if kind == "only_base" else self.comparison.sides.now
        places = _places(rows, is_base=kind == "only_base")
        wanted = {row.identity for row in rows}
        found: list[tuple[int, tuple[str | None, ...]]] = []
        if places:
            names = [column.name for column in self.form.key]
            found = [(one, tuple(key)) for one, key in read_keys(session, lens, names, places) if one in wanted]
        return found

    def _literals(self, kind: RowKind, rows: Sequence[FoundRow]) -> dict[int, _Literals]:
        """Now's key and values of each row; of a row that differs, the values that do."""
        if kind == "only_base" or not rows:
            return {}
        sides, lenses, key = self.comparison.sides, self.form.lenses, self.form.key
        # Nobody may write an identity that is always generated into a row that is there.
        columns = [each for each in self.form.columns if kind == "only_now" or not each.is_always_identity]
        names = [column.name for column in (*key, *columns)]
        there = read_literals(sides.now, lenses.now, names, _places(rows, is_base=False))
        here: dict[int, list[str]] = {}
        if kind == "differing":
            here = read_literals(sides.base, lenses.base, names, _places(rows, is_base=True))
        quoted = [column.quoted for column in columns]
        found: dict[int, _Literals] = {}
        for identity, values in there.items():
            before = dict(zip(quoted, here.get(identity, [])[len(key) :], strict=False))
            found[identity] = tuple(values[: len(key)]), _changes(before, quoted, values[len(key) :])
        return found


def _changes(before: dict[str, str], names: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    whole = dict(zip(names, values, strict=True))
    # Some values differ and read alike, such as a float's two zeros under some settings: then all are named.
    return {name: value for name, value in whole.items() if before.get(name) != value} or whole


def _places(rows: Sequence[FoundRow], *, is_base: bool) -> list[str]:
    raw = (row.base if is_base else row.now for row in rows)
    return [f"({int.from_bytes(each[:4], 'big')},{int.from_bytes(each[4:], 'big')})" for each in raw if each]
