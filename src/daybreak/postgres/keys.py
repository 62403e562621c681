"""Questions about rows by their primary key: which a source still has from before a birth, and which of them a clone lacks.

The law: a key leaves one server as text and is read by the other as the type that the column has there, so only types of
PostgreSQL's own are asked about whose text means one value, whatever was renamed since. Two values are held against each
other by one server alone: what a collation or a hash means elsewhere plays no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from daybreak.model.answers import Table
from daybreak.model.keys import KeyColumn, PrimaryKey
from daybreak.postgres.rows import Chunk, condition_of
from daybreak.postgres.session import Session

_KEY = sql.SQL("""
SELECT a.attnum, a.attname::text, pg_catalog.format_type(b.oid, NULL),
       CASE WHEN b.oid IN ('pg_catalog.int2'::regtype, 'pg_catalog.int4'::regtype, 'pg_catalog.int8'::regtype,
                           'pg_catalog.numeric'::regtype, 'pg_catalog.oid'::regtype, 'pg_catalog.bool'::regtype,
                           'pg_catalog.text'::regtype, 'pg_catalog.varchar'::regtype, 'pg_catalog.bpchar'::regtype,
                           'pg_catalog.bytea'::regtype, 'pg_catalog.uuid'::regtype, 'pg_catalog.date'::regtype,
                           'pg_catalog.timestamp'::regtype, 'pg_catalog.timestamptz'::regtype)
            THEN b.typname::text END
FROM pg_catalog.pg_index i
CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
WHERE i.indrelid = %s::bigint::oid AND i.indisprimary AND i.indisvalid AND k.place <= i.indnkeyatts
ORDER BY k.place
""")
"""A domain's values are read as those of its type, so that no check of the owner's is run for it."""

_OLD_KEYS = sql.SQL(
    "SELECT count(*), count(*) FILTER (WHERE {is_old}), {texts}, {xids} FROM ONLY {table} AS t{condition}"
)
_TEXTS = sql.SQL("(array_agg({value}::text) FILTER (WHERE {is_old}))::text")
_ASKED = sql.SQL("ROWS FROM ({lists}) WITH ORDINALITY AS asked ({names}, x, n)")
_MISSING = sql.SQL("""
SELECT {texts}, asked.x FROM {asked} WHERE NOT EXISTS (SELECT FROM ONLY {table} AS t WHERE {matches})
""")
_FOUND = sql.SQL("SELECT asked.n FROM {asked} JOIN ONLY {table} AS t ON {matches}")
"""A join by hash keeps the few in memory that are asked about; one that leaves out would keep the whole table."""

_PLANS = sql.SQL("""
SELECT pg_catalog.set_config(s.name, CASE WHEN s.is_for_index = %s THEN 'on' ELSE 'off' END, true)
FROM (VALUES ('enable_indexscan', true), ('enable_bitmapscan', true), ('enable_nestloop', true),
             ('enable_seqscan', false), ('enable_hashjoin', false)) AS s (name, is_for_index)
UNION ALL
SELECT pg_catalog.set_config('enable_mergejoin', 'off', true)
""")
"""The planner does not know how few of a table's rows are asked about, and it believes its indexes."""


@dataclass(frozen=True)
class OldKeys:
    """The keys of a chunk's old rows, as the server wrote them down: one list for each column of the key."""

    rows: int
    """All rows of the chunk."""
    old: int
    keys: tuple[str, ...] = ()
    xids: str = ""


@dataclass(frozen=True)
class KeyedRow:
    """A row by its key, as text, and its transaction."""

    key: tuple[str, ...]
    xid: int


def primary_key_of(session: Session, table: Table) -> PrimaryKey:
    """The table's primary key."""
    return tuple(
        KeyColumn(number=number, name=name, kind=kind, read_as=read_as)
        for number, name, kind, read_as in session.ask(_KEY, (table.oid,))
    )


def read_old_keys(session: Session, chunk: Chunk, key: PrimaryKey) -> OldKeys:
    """The keys and transactions of a chunk's old rows; the chunk says which are young."""
    is_old = chunk.young.is_old if chunk.young else sql.SQL("true")
    values: list[sql.Composable] = [sql.SQL("t.{}").format(sql.Identifier(column.name)) for column in key]
    *texts, xids = (_TEXTS.format(value=value, is_old=is_old) for value in (*values, sql.SQL("xmin")))
    table = chunk.scan.table
    query = _OLD_KEYS.format(
        is_old=is_old,
        texts=sql.SQL(", ").join(texts),
        xids=xids,
        table=sql.Identifier(table.namespace, table.name),
        condition=condition_of(chunk),
    )
    [[rows, old, *lists]] = session.ask(query)
    *keys, numbers = (each or "{}" for each in lists)
    return OldKeys(rows, old, tuple(keys), numbers)


def find_missing(session: Session, table: Table, key: PrimaryKey, asked: OldKeys) -> list[KeyedRow]:
    """Which of these rows an index of the table does not lead to, under their key and with their transaction."""
    texts = sql.SQL(", ").join(sql.SQL("asked.{}").format(name) for name in _names(key))
    query = _MISSING.format(texts=texts, **_parts(table, key, (*asked.keys, asked.xids)))
    return [KeyedRow(tuple(texts), int(xid)) for *texts, xid in _ask(session, query, is_by_index=True)]


def confirm_missing(session: Session, table: Table, key: PrimaryKey, asked: Sequence[KeyedRow]) -> list[KeyedRow]:
    """Which of these rows the table itself does not hold: it is read without any index."""
    columns = zip(*(row.key for row in asked), strict=True)
    query = _FOUND.format(**_parts(table, key, (*map(list, columns), [str(row.xid) for row in asked])))
    found = {number for (number,) in _ask(session, query, is_by_index=False)}
    return [row for number, row in enumerate(asked, 1) if number not in found]


def _parts(table: Table, key: PrimaryKey, lists: Sequence[object]) -> dict[str, sql.Composable]:
    matches = [
        sql.SQL("t.{} = asked.{}::{}").format(
            sql.Identifier(column.name), name, sql.Identifier("pg_catalog", column.read_as or "")
        )
        for column, name in zip(key, _names(key), strict=True)
    ]
    asked = _ASKED.format(
        lists=sql.SQL(", ").join(sql.SQL("unnest({}::text[])").format(sql.Literal(each)) for each in lists),
        names=sql.SQL(", ").join(_names(key)),
    )
    return {
        "asked": asked,
        "table": sql.Identifier(table.namespace, table.name),
        "matches": sql.SQL(" AND ").join([*matches, sql.SQL("t.xmin = asked.x::xid")]),
    }


def _names(key: PrimaryKey) -> list[sql.Identifier]:
    return [sql.Identifier(f"k{number}") for number in range(len(key))]


def _ask(session: Session, query: sql.Composed, *, is_by_index: bool) -> list[tuple[Any, ...]]:
    session.begin()
    session.ask(_PLANS, (is_by_index,))
    rows = session.ask(query)
    session.rollback()
    return rows
