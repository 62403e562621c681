"""What the columns of a table store, looked at through domains and arrays."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from daybreak.model.column_shapes import ColumnShape
from daybreak.postgres.session import Session

_SHAPES = sql.SQL("""
WITH RECURSIVE a AS (
    SELECT a.attnum, a.attname::text AS name, a.atttypid AS type, a.atttypmod AS modifier,
        pg_catalog.format_type(a.atttypid, a.atttypmod) AS words
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped
        AND (a.attgenerated = '' OR a.attname = ANY (%s::text[]))
), stored AS (
    SELECT a.attnum, a.type, a.modifier FROM a
    UNION ALL
    SELECT s.attnum, t.typbasetype, t.typtypmod
    FROM stored s JOIN pg_catalog.pg_type t ON t.oid = s.type AND t.typtype = 'd'
)
SELECT a.name, n.nspname || '.' || e.typname || CASE WHEN e.oid = t.oid THEN '' ELSE '[]' END, s.modifier,
    coalesce((SELECT pg_catalog.string_agg(pg_catalog.quote_ident(p.attname) || ' '
                  || pg_catalog.format_type(p.atttypid, p.atttypmod), ', ' ORDER BY p.attnum)
              FROM pg_catalog.pg_attribute p
              WHERE p.attrelid = e.typrelid AND p.attnum > 0 AND NOT p.attisdropped), ''),
    a.words
FROM a
JOIN stored s ON s.attnum = a.attnum
JOIN pg_catalog.pg_type t ON t.oid = s.type AND t.typtype <> 'd'
JOIN pg_catalog.pg_type e ON e.oid = CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem ELSE t.oid END
JOIN pg_catalog.pg_namespace n ON n.oid = e.typnamespace
ORDER BY a.attnum
""")


def read_shapes(session: Session, table: tuple[str, str], beside: Sequence[str] = ()) -> tuple[ColumnShape, ...]:
    """The columns of a table into which values can be loaded, in its order; empty where there is none of that name.

    ``beside`` are columns that the server computes, and that are wanted all the same.
    """
    return tuple(ColumnShape(*row) for row in session.ask(_SHAPES, (*table, list(beside))))
