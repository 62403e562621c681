"""What a server holds its rows to beyond their keys: foreign keys, and values that it lets in only once.

The law: it names the tables as SQL, quoted by the server, for a script that a person runs; it is asked of the catalog alone.
"""

from __future__ import annotations

from psycopg import sql

from daybreak.model.delta import Reference
from daybreak.postgres.session import Session

_REFERENCES = sql.SQL("""
SELECT pg_catalog.quote_ident(c.conname),
       pg_catalog.quote_ident(m.nspname) || '.' || pg_catalog.quote_ident(s.relname),
       ARRAY(SELECT pg_catalog.quote_ident(a.attname) FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY AS k (number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY k.place)::text[],
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(r.relname),
       ARRAY(SELECT pg_catalog.quote_ident(a.attname) FROM pg_catalog.unnest(c.confkey) WITH ORDINALITY AS k (number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number ORDER BY k.place)::text[],
       c.condeferrable, CASE c.confdeltype WHEN 'a' THEN 'check' WHEN 'r' THEN 'restrict' ELSE 'act' END
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_class r ON r.oid = c.confrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
JOIN pg_catalog.pg_class s ON s.oid = c.conrelid
JOIN pg_catalog.pg_namespace m ON m.oid = s.relnamespace
WHERE c.contype = 'f' AND c.conparentid = 0
ORDER BY 2, 1
""")

_UNIQUE = sql.SQL("""
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(r.relname),
       pg_catalog.array_agg(DISTINCT pg_catalog.quote_ident(a.attname))::text[]
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class r ON r.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND (
    a.attnum = ANY (i.indkey::int2[]) OR EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid
          AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum))
WHERE (i.indisunique OR i.indisexclusion) AND NOT i.indisprimary AND a.attnum > 0
GROUP BY 1
""")
"""An index over an expression depends on the columns in it."""

_WITHIN = sql.SQL("""
WITH RECURSIVE up AS (
    SELECT i.inhrelid AS part, i.inhparent AS above
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class r ON r.oid = i.inhrelid WHERE r.relispartition
    UNION ALL
    SELECT u.part, i.inhparent FROM up u JOIN pg_catalog.pg_inherits i ON i.inhrelid = u.above
)
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(r.relname),
       pg_catalog.array_agg(pg_catalog.quote_ident(m.nspname) || '.' || pg_catalog.quote_ident(a.relname))::text[]
FROM up u
JOIN pg_catalog.pg_class r ON r.oid = u.part
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
JOIN pg_catalog.pg_class a ON a.oid = u.above
JOIN pg_catalog.pg_namespace m ON m.oid = a.relnamespace
GROUP BY 1
""")


def read_references(session: Session) -> tuple[Reference, ...]:
    """Every foreign key of the session's database, at the table that declares it."""
    return tuple(
        Reference(
            name=name,
            by=by,
            columns=tuple(columns),
            table=table,
            others=tuple(others),
            is_deferrable=is_deferrable,
            on_delete=on_delete,
        )
        for name, by, columns, table, others, is_deferrable, on_delete in session.ask(_REFERENCES)
    )


def unique_columns(session: Session) -> dict[str, tuple[str, ...]]:
    """The columns of each table of which some values are let in only once, besides the primary key's; all quoted for SQL."""
    return {table: tuple(columns) for table, columns in session.ask(_UNIQUE)}


def read_partitions(session: Session) -> dict[str, tuple[str, ...]]:
    """The partitioned tables that each partition is a part of, all quoted for SQL."""
    return {part: tuple(sorted(above)) for part, above in session.ask(_WITHIN)}
