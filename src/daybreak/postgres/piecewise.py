"""Rows that came from elsewhere, copied into a table block by block: what the server does not take is found, row by row.

The law: one transaction holds all blocks. Each has a savepoint of its own; a block that the server refuses is halved until a row
is left that it does not take, which is handed over with the server's reason. A row that it would take and change comes as refused. So every row is loaded, rejected or left out, and
whoever is killed before the commit has loaded nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from psycopg import sql

from daybreak.errors import DaybreakError, Failed
from daybreak.model.parquet import ExpectedTable, TargetColumn
from daybreak.postgres.changing import Bearing, Columns, begin_change, commit_change
from daybreak.postgres.faults import is_of_rows, reason_of
from daybreak.postgres.session import Session
from daybreak.postgres.stored_types import read_stored_types


class CopyBlock(Protocol):
    """Some rows, as lines of CSV."""

    @property
    def refused(self) -> str:
        """Why its one row is not sent: the server would change a value of it without a word; empty where it is sent."""

    def __len__(self) -> int:
        """How many there are."""

    def lines(self) -> memoryview:
        """The rows as the server reads them."""

    def halves(self) -> tuple[Self, Self]:
        """Its first and its second half."""


AnyBlock = TypeVar("AnyBlock", bound=CopyBlock)


@dataclass(frozen=True)
class CopyOrder:
    """Where rows go, and which of them: a condition as SQL of our own making, empty for all."""

    columns: Columns
    condition: str = ""

    @property
    def statement(self) -> sql.Composed:
        """The COPY that takes them."""
        names = sql.SQL(", ").join(map(sql.Identifier, self.columns.names))
        copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(sql.Identifier(*self.columns.table), names)
        return copy + sql.SQL(" WHERE ") + sql.SQL(self.condition) if self.condition else copy


@dataclass
class Taken:
    """What became of the rows that were sent."""

    loaded: int = 0
    rejected: int = 0
    left_out: int = 0
    """Rows that the condition does not want, by the server's comparison."""


@dataclass(frozen=True)
class BlockLoad(Generic[AnyBlock]):
    """One load: its order, and who hears of it."""

    order: CopyOrder
    reject: Callable[[AnyBlock, str], None]
    """Takes a block of one row that the server refused, with the reason; may raise to end the load, and then nothing is loaded."""
    staged: Callable[[str | None, Taken], None]
    """Takes the transaction's number before the commit leaves, and may raise to prevent it."""


def load_blocks(session: Session, bearing: Bearing, load: BlockLoad[AnyBlock], blocks: Iterable[AnyBlock]) -> Taken:
    """Copy the blocks into the table, in one transaction.

    Raises ``Failed`` where the server takes no row at all, such as for want of a right; ``Unreachable`` for what passes. Nothing is
    loaded then, but after ``staged`` the outcome is not known.
    """
    try:
        begin_change(session, bearing)
        taken = fill_blocks(session, load.order, load.reject, blocks)
        commit_change(session, lambda number: load.staged(number, taken))
    except BaseException:
        with suppress(DaybreakError):
            session.rollback()
        raise
    return taken


def fill_blocks(
    session: Session, order: CopyOrder, reject: Callable[[AnyBlock, str], None], blocks: Iterable[AnyBlock]
) -> Taken:
    """Copy the blocks within the transaction that is open; raises as ``load_blocks`` does, and leaves it to be rolled back."""
    taken = Taken()
    session.copy_in(order.statement, ())  # so that what is refused later is refused for the rows
    session.order(sql.SQL("SAVEPOINT block"))
    for block in blocks:
        _take(session, order, reject, block, taken)
    session.order(sql.SQL("RELEASE SAVEPOINT block"))
    return taken


def _take(
    session: Session, order: CopyOrder, reject: Callable[[AnyBlock, str], None], block: AnyBlock, taken: Taken
) -> None:
    waiting = [block]
    while waiting:
        part = waiting.pop()
        if part.refused:
            reject(part, part.refused)
            taken.rejected += 1
            continue
        try:
            rows = session.copy_in(order.statement, _slices(part.lines()))
        except Failed as error:
            if not is_of_rows(error):
                raise
            session.order(sql.SQL("ROLLBACK TO SAVEPOINT block"))
            if len(part) > 1:
                waiting += reversed(part.halves())
            else:
                reject(part, reason_of(error))
                taken.rejected += 1
        else:
            if rows > len(part) or (rows < len(part) and not order.condition):
                raise Failed(f"the server took {rows} rows of {len(part)}: nothing was loaded")
            taken.loaded += rows
            taken.left_out += len(part) - rows
            session.order(sql.SQL("RELEASE SAVEPOINT block; SAVEPOINT block"))


def _slices(lines: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(lines), _SENT):
        yield lines[start : start + _SENT]


_SENT = 256 << 10
"""Bytes that are given to libpq at once: it keeps a copy of them."""

_COLUMNS = sql.SQL("""
WITH RECURSIVE beneath AS (
    SELECT a.attnum, a.atttypid AS type
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = %s::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attnum, t.typbasetype FROM beneath b JOIN pg_catalog.pg_type t ON t.oid = b.type WHERE t.typtype = 'd'
)
SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod),
       CASE WHEN d.typnamespace = 'pg_catalog'::regnamespace THEN d.typname::text ELSE '' END,
       t.typtype = 'd', a.attgenerated <> '',
       (a.attnotnull OR t.typnotnull) AND NOT a.atthasdef AND a.attidentity = '' AND t.typdefault IS NULL,
       a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL,
       coalesce(c.collisdeterministic, true), a.atttypid::bigint, a.atttypmod
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN beneath b ON b.attnum = a.attnum
JOIN pg_catalog.pg_type d ON d.oid = b.type AND d.typtype <> 'd'
LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
WHERE a.attrelid = %s::bigint::oid
ORDER BY a.attnum
""")

_OID = sql.SQL("""
SELECT c.oid::bigint
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p')
""")

_EXPECTED = sql.SQL("""
SELECT n.nspname::text, c.relname::text,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
       c.relpersistence = 'u', c.relispartition,
       ARRAY(SELECT pn.nspname || '.' || pc.relname
             FROM pg_catalog.pg_partition_tree(CASE WHEN c.relkind = 'p' THEN c.oid END) p
             JOIN pg_catalog.pg_class pc ON pc.oid = p.relid
             JOIN pg_catalog.pg_namespace pn ON pn.oid = pc.relnamespace
             WHERE p.isleaf ORDER BY 1)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
""")


def target_columns(session: Session, table: tuple[str, str]) -> tuple[TargetColumn, ...]:
    """The columns of a table, by its schema and its name; raises ``Failed`` where there is no such table."""
    found = session.ask(_OID, table)
    if not found:
        raise Failed(f'there is no table "{table[0]}"."{table[1]}" at {session.address}')
    rows = session.ask(_COLUMNS, (found[0][0], found[0][0]))
    stored = read_stored_types(session, [row[-2:] for row in rows])
    members = ("name", "type", "base", "is_domain", "is_generated", "is_needed", "has_default", "is_bytewise")
    return tuple(
        TargetColumn(**dict(zip(members, row, strict=False)), stored=each)
        for row, each in zip(rows, stored, strict=True)
    )


def tables_to_expect(session: Session) -> tuple[ExpectedTable, ...]:
    """The tables of the database that an export of it should have, or is known not to; none of an extension."""
    members = ("schema_name", "name", "columns", "is_unlogged", "is_partition", "parts")
    return tuple(ExpectedTable(**dict(zip(members, row, strict=True))) for row in session.ask(_EXPECTED))
