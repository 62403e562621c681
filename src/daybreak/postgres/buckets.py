"""Questions to one table by buckets of its rows: what they come to, which rows they hold, and single rows by their place.

The law: a row's content is hashed with all its columns and once more, so that values that two rows swapped do not cancel out.
Answers are packed: a bucket's rows come as one value, and their size is that of what differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from psycopg import sql

from daybreak.model.answers import Table
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.manners import set_known
from daybreak.postgres.rows import SPLITS_SINCE, Columns, YoungIds
from daybreak.postgres.session import Session

Route = Literal["index", "scan"]
"""How a part of the table is reached: through the primary key's index, or by reading the table itself."""

_MANNERS = set_known({"work_mem": "65536", "enable_sort": "off", "enable_indexonlyscan": "off"})
"""The planner takes each row for a bucket of its own, and would sort the table; the buckets fit in so much memory.

Where keys alone are asked for it would take their index for the table, and a damaged index would hide rows.
"""

_BY_INDEX = sql.SQL("SELECT pg_catalog.set_config('enable_seqscan', %s, true)")

_EXTENT = sql.SQL("SELECT min({key})::bigint, max({key})::bigint FROM {rows}")
_USUAL = sql.SQL("""
SELECT b[1 + array_length(b, 1) / 50], b[array_length(b, 1) - array_length(b, 1) / 50]
FROM (SELECT histogram_bounds::text::bigint[] FROM pg_catalog.pg_stats
      WHERE schemaname = %s AND tablename = %s AND attname = %s AND NOT inherited) AS s (b)
WHERE array_length(b, 1) > 50
""")
"""The lowest and the highest key but for the outermost fiftieth: one stray key must not make all buckets but one empty."""

_CORNERS = sql.SQL("""
SELECT r.low, (SELECT min({key}) FROM {rows} WHERE {key} BETWEEN r.low AND r.high)::bigint,
       (SELECT max({key}) FROM {rows} WHERE {key} BETWEEN r.low AND r.high)::bigint
FROM unnest({lows}::bigint[], {highs}::bigint[]) AS r (low, high)
""")

_ROW = sql.SQL("hashint8extended(hash_record_extended(ROW({columns}), 7), {seed})")
_ROW_BEFORE_14 = sql.SQL("hashint8extended(hashtextextended(ROW({columns})::text, 7), {seed})")
"""Hashed twice: a record's hash is linear in its columns' hashes. With a seed of 0 or 1 a NULL equals some other values."""

_SUMS = sql.SQL("""
SELECT coalesce(sum(n), 0)::bigint, coalesce(string_agg(concat_ws(',', b, n, s), ' '), '')
FROM (SELECT k >> {shift} AS b, count(*) AS n, sum(h) AS s FROM ({parts}) AS x GROUP BY 1) AS y
""")
_COUNT = sql.SQL("SELECT count(*) FROM {rows}")
_WHOLE = sql.SQL("SELECT {identity} AS k, {content} AS h FROM {rows}{where}")
_SPANS = sql.SQL("""
SELECT d.* FROM unnest({lows}::bigint[], {highs}::bigint[]) AS r (low, high)
CROSS JOIN LATERAL (SELECT {what} FROM {rows} WHERE {key} BETWEEN r.low AND r.high) AS d
""")
_SCANNED = sql.SQL("SELECT {what} FROM {rows} WHERE ({identity}) >> {shift} = ANY ({numbers}::bigint[])")
_SUMMED = sql.SQL("{identity} AS k, {content} AS h")
_READ = sql.SQL("{identity} AS k, {content} AS h, ctid AS p, xmin AS x, {is_old} AS o")
_ENTRIES = sql.SQL("""
SELECT k >> {shift}, string_agg(int8send(k) || int8send(h) || tidsend(p) || xidsend(x), '')
FROM ({parts}) AS y GROUP BY 1
""")
_ALIKE = sql.SQL("""
SELECT k >> {shift}, string_agg(int8send(k) || int8send(n) || tidsend(p) || xidsend(x), '' ORDER BY o)
FROM (SELECT k, x, o, count(*) AS n, min(p) AS p FROM ({parts}) AS y GROUP BY 1, 2, 3) AS z GROUP BY 1
""")
"""Young rows first."""
_TALLY = sql.SQL("""
SELECT string_agg(xidsend(x) || int8send(n), '') FROM (SELECT x, count(*) AS n FROM ({parts}) AS y GROUP BY 1) AS z
""")
_WRITER = sql.SQL("{identity} AS k, xmin AS x")
_PART = 4 + 8
"""Bytes of a transaction and of its number of rows in an answer."""
_KEYS = sql.SQL("""
SELECT {identity}, ARRAY[{columns}]::text[] FROM {rows} WHERE ctid = ANY ({places}::tid[]) ORDER BY {order}
""")
_VALUES = sql.SQL("SELECT {identity}, ARRAY[{columns}]::text[] FROM {rows} WHERE ctid = ANY ({places}::tid[])")


@dataclass(frozen=True)
class Lens:
    """One table on one side, and what its rows are compared by."""

    table: Table
    content: Columns
    """What a row's content is hashed by."""
    key: Columns | None = None
    """What a row's key is hashed by; ``None`` where rows have no key."""
    integer: str | None = None
    """The column that is the key by itself, where it is of an integer type."""
    young: YoungIds | None = None
    """Which rows are young; ``None`` where no birth is known."""
    major: int = SPLITS_SINCE

    def at(self, young: YoungIds | None) -> Lens:
        """The same with other young rows, in another snapshot."""
        return replace(self, young=young)

    @property
    def identity(self) -> sql.Composable:
        """A row's identity, as a number of 64 bits."""
        if self.integer is not None:
            return sql.SQL("{}::bigint").format(sql.Identifier(self.integer))
        return self._hash(self.key, 13) if self.key is not None else self.hash

    @property
    def hash(self) -> sql.Composable:
        """A row's content, as a number of 64 bits."""
        return self._hash(self.content, 11)

    @property
    def is_old(self) -> sql.Composable:
        """The condition that a row is from before the birth."""
        return self.young.is_old if self.young else sql.SQL("true")

    @property
    def rows(self) -> sql.Composable:
        """Where the rows come from: the table without its children."""
        return sql.SQL("ONLY {} AS t").format(sql.Identifier(self.table.namespace, self.table.name))

    def _hash(self, columns: Columns, seed: int) -> sql.Composable:
        way = _ROW if self.major >= SPLITS_SINCE else _ROW_BEFORE_14
        return way.format(columns=columns, seed=sql.Literal(seed))


@dataclass(frozen=True)
class Stretch:
    """Some buckets of one width: the first and the last identity of each, and the way to their rows."""

    shift: int
    lows: tuple[int, ...]
    highs: tuple[int, ...]
    way: Route = "scan"


@dataclass(frozen=True)
class Summary:
    """What the buckets of a table, or of a part of it, come to."""

    rows: int
    sums: str
    """``bucket,rows,sum`` for each, with spaces between: two sides are compared before anything is made of it."""


def spare_memory(session: Session) -> None:
    """Let the server keep all buckets of a scan in memory, for as long as the session lasts."""
    session.ask(_MANNERS)


def extent_of(session: Session, lens: Lens) -> tuple[int, int] | None:
    """The lowest and the highest key of a table with an integer key; ``None`` for an empty table.

    Where the server has statistics the outermost keys are left out: they only decide how evenly the buckets are cut.
    """
    key = sql.Identifier(lens.integer or "")
    usual = session.ask(_USUAL, (lens.table.namespace, lens.table.name, lens.integer))
    if usual:
        return int(usual[0][0]), int(usual[0][1])
    [[low, high]] = session.ask(_EXTENT.format(key=key, rows=lens.rows))
    return None if low is None else (int(low), int(high))


def extents_in(session: Session, lens: Lens, stretch: Stretch) -> dict[int, tuple[int, int] | None]:
    """The lowest and the highest key in each of some buckets, by the bucket's first; ``None`` for an empty one."""
    query = _CORNERS.format(
        key=sql.Identifier(lens.integer or ""),
        rows=lens.rows,
        lows=_array(stretch.lows),
        highs=_array(stretch.highs),
    )
    rows: list[tuple[int, int | None, int | None]] = _ask(session, query, stretch)
    return {low: None if first is None or last is None else (first, last) for low, first, last in rows}


def sum_up(session: Session, lens: Lens, shift: int, pages: tuple[int, int | None]) -> Summary:
    """What each bucket of a table's pages comes to."""
    first, end = pages
    bounds = []
    if first:
        bounds.append(sql.SQL("ctid >= {}::tid").format(sql.Literal(f"({first},0)")))
    if end is not None:
        bounds.append(sql.SQL("ctid < {}::tid").format(sql.Literal(f"({end},0)")))
    where = sql.SQL(" WHERE ") + sql.SQL(" AND ").join(bounds) if bounds else sql.SQL("")
    parts = _WHOLE.format(identity=lens.identity, content=lens.hash, rows=lens.rows, where=where)
    return _summary(session.ask(_SUMS.format(shift=sql.Literal(shift), parts=parts)))


def sum_up_stretch(session: Session, lens: Lens, stretch: Stretch, shift: int) -> Summary:
    """The same of some buckets, in narrower ones."""
    what = _SUMMED.format(identity=lens.identity, content=lens.hash)
    query = _SUMS.format(shift=sql.Literal(shift), parts=_rows_of(lens, stretch, what))
    return _summary(_ask(session, query, stretch))


def read_entries(session: Session, lens: Lens, stretch: Stretch) -> dict[int, bytes]:
    """The rows of some buckets, packed: identity, content hash, place, and the transaction that wrote it.

    For a table without a key each entry is of all rows of one transaction that are alike, with their number in place of the
    hash; young ones come first.
    """
    way = _ENTRIES if lens.key is not None else _ALIKE
    what = _READ.format(identity=lens.identity, content=lens.hash, is_old=lens.is_old)
    rows = _ask(session, way.format(shift=sql.Literal(stretch.shift), parts=_rows_of(lens, stretch, what)), stretch)
    return {int(number): bytes(entries) for number, entries in rows}


def tally_by_xid(session: Session, lens: Lens, stretch: Stretch) -> dict[int, int]:
    """How many rows of some buckets each transaction wrote."""
    what = _WRITER.format(identity=lens.identity)
    [[packed]] = _ask(session, _TALLY.format(parts=_rows_of(lens, stretch, what)), stretch)
    parts = bytes(packed or b"")
    cut = (parts[start : start + _PART] for start in range(0, len(parts), _PART))
    return {int.from_bytes(part[:4], "big"): int.from_bytes(part[4:], "big") for part in cut}


def count_whole(session: Session, lens: Lens) -> int:
    """The rows of a table, read from the table itself."""
    [[rows]] = session.ask(_COUNT.format(rows=lens.rows))
    return int(rows)


def read_keys(session: Session, lens: Lens, key: Sequence[str], places: Sequence[str]) -> list[tuple[int, list[str]]]:
    """The identity and the key of the rows at some places, in the key's order."""
    names = [sql.Identifier(name) for name in key]
    columns = sql.SQL(", ").join(sql.SQL("{}::text").format(name) for name in names)
    order = sql.SQL(", ").join(names)
    query = _KEYS.format(identity=lens.identity, columns=columns, rows=lens.rows, places=_array(places), order=order)
    return [(int(identity), list(values)) for identity, values in session.ask(query)]


def read_literals(session: Session, lens: Lens, columns: Sequence[str], places: Sequence[str]) -> dict[int, list[str]]:
    """The values of the rows at some places as SQL literals, quoted by the server, by the rows' identity."""
    quoted = sql.SQL(", ").join(sql.SQL("quote_nullable({}::text)").format(sql.Identifier(name)) for name in columns)
    query = _VALUES.format(identity=lens.identity, columns=quoted, rows=lens.rows, places=_array(places))
    return {int(identity): list(values) for identity, values in session.ask(query)}


def _rows_of(lens: Lens, stretch: Stretch, what: sql.Composable) -> sql.Composable:
    if stretch.way == "index":
        return _SPANS.format(
            lows=_array(stretch.lows),
            highs=_array(stretch.highs),
            what=what,
            rows=lens.rows,
            key=sql.Identifier(lens.integer or ""),
        )
    numbers = [low >> stretch.shift for low in stretch.lows]
    return _SCANNED.format(
        what=what, rows=lens.rows, identity=lens.identity, shift=sql.Literal(stretch.shift), numbers=_array(numbers)
    )


def _ask(session: Session, query: sql.Composed, stretch: Stretch) -> list[tuple[Any, ...]]:
    """Ask through the index or by a scan; the planner cannot know how few rows the spans hold."""
    session.ask(_BY_INDEX, ("off" if stretch.way == "index" else "on",))
    return session.ask(query)


def _array(values: Sequence[object]) -> sql.Composable:
    return sql.Literal("{" + ",".join(f'"{value}"' for value in values) + "}")


def _summary(rows: list[tuple[Any, ...]]) -> Summary:
    [[number, sums]] = rows
    return Summary(int(number), str(sums))


LONGEST_STATEMENT = ServerBounds().snapshot / 2
"""A statement takes no longer, so a snapshot that is renewed after as long is never older than twice that."""
