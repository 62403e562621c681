"""What the catalog alone says about rows: the planner's estimates, and which columns an index leads with.

The law: no table is read. A table that was never analyzed has no estimate, and only a table whose file was measured is
called empty.
"""

from __future__ import annotations

from psycopg import sql

from daybreak.model.answers import RowEstimate, Table
from daybreak.postgres.session import Session

_ESTIMATES = sql.SQL("""
SELECT c.oid::bigint, CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END,
       CASE WHEN c.oid IN (SELECT k.relation FROM pg_catalog.pg_locks k
                           WHERE k.relation IS NOT NULL AND k.mode = 'AccessExclusiveLock') THEN false
            ELSE coalesce(pg_catalog.pg_relation_size(c.oid) = 0, false) END
FROM pg_catalog.pg_class c WHERE c.oid = ANY (%s::bigint[]::oid[])
""")

_LEADING = sql.SQL("""
SELECT i.indrelid::bigint, a.attname::text
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE m.amname = 'btree' AND i.indisvalid AND i.indpred IS NULL AND i.indrelid = ANY (%s::bigint[]::oid[])
""")

_INDEXES = sql.SQL("""
SELECT i.indrelid::bigint, count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = ANY (%s::bigint[]::oid[]) GROUP BY 1
""")


def estimates(session: Session, tables: tuple[Table, ...]) -> tuple[RowEstimate, ...]:
    """The planner's estimate of the rows in each table."""
    names = {table.oid: table.full for table in tables}
    return tuple(
        RowEstimate(table=oid, name=names[oid], rows=0 if is_empty else rows, is_empty=is_empty)
        for oid, rows, is_empty in session.ask(_ESTIMATES, (list(names),))
    )


def leading_columns(session: Session, tables: tuple[Table, ...]) -> frozenset[tuple[int, str]]:
    """The table and the column of each btree that begins with a plain column and holds every row."""
    return frozenset((oid, name) for oid, name in session.ask(_LEADING, ([table.oid for table in tables],)))


def locks_of(session: Session, tables: tuple[Table, ...]) -> dict[int, int]:
    """How many locks it takes to read each table, by its object id: one for itself, and one for each of its indexes."""
    found = dict(session.ask(_INDEXES, ([table.oid for table in tables],)))
    return {table.oid: 1 + found.get(table.oid, 0) for table in tables}
