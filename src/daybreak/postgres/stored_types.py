"""What types store, down to the scalars of arrays, rows and ranges, as a server's catalogs say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import sql

from daybreak.model.parquet import StoredType
from daybreak.postgres.session import Session

# Servers before version 14 have no multiranges, and no column that names them.
_TYPES = sql.SQL("""
WITH RECURSIVE beneath AS (
    SELECT pg_catalog.unnest(%s::bigint[]) AS type
    UNION
    SELECT p.type FROM beneath b JOIN pg_catalog.pg_type t ON t.oid = b.type CROSS JOIN LATERAL (
        SELECT t.typbasetype::bigint WHERE t.typtype = 'd'
        UNION ALL SELECT t.typelem::bigint WHERE t.typcategory = 'A' AND t.typelem <> 0
        UNION ALL SELECT a.atttypid::bigint FROM pg_catalog.pg_attribute a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT r.rngsubtype::bigint FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
        UNION ALL SELECT r.rngtypid::bigint FROM pg_catalog.pg_range r
            WHERE t.typtype = 'm' AND (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::bigint = t.oid::bigint
    ) AS p (type)
)
SELECT t.oid::bigint, CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN 'a' ELSE t.typtype::text END,
    CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname::text ELSE '' END, t.typtypmod,
    CASE WHEN t.typtype = 'd' THEN ARRAY[t.typbasetype::bigint]
         WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN ARRAY[t.typelem::bigint]
         WHEN t.typtype = 'c' THEN ARRAY(SELECT a.atttypid::bigint FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
         WHEN t.typtype = 'r' THEN ARRAY(SELECT r.rngsubtype::bigint FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid)
         WHEN t.typtype = 'm' THEN ARRAY(SELECT r.rngtypid::bigint FROM pg_catalog.pg_range r
             WHERE (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::bigint = t.oid::bigint)
         ELSE ARRAY[]::bigint[] END,
    ARRAY(SELECT a.atttypmod FROM pg_catalog.pg_attribute a
          WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
FROM beneath b JOIN pg_catalog.pg_type t ON t.oid = b.type
""")


def read_stored_types(session: Session, types: Iterable[tuple[int, int]]) -> tuple[StoredType, ...]:
    """What each of these stores, by the number of the type and its modifier."""
    wanted = tuple(types)
    found = {row[0]: row[1:] for row in session.ask(_TYPES, (sorted({number for number, _ in wanted}),))}
    return tuple(_type(found, number, modifier) for number, modifier in wanted)


def _type(found: Mapping[int, tuple[Any, ...]], number: int, modifier: int) -> StoredType:
    form, name, of_domain, parts, modifiers = found[number]
    match form:
        case "d":
            return _type(found, parts[0], of_domain)
        case "a":
            return StoredType(form="array", parts=(_type(found, parts[0], modifier),))
        case "c":
            return StoredType(
                form="row", parts=tuple(_type(found, *each) for each in zip(parts, modifiers, strict=True))
            )
        case "r" | "m":
            return StoredType(form="range" if form == "r" else "ranges", parts=(_type(found, parts[0], -1),))
        case _:
            return StoredType(base=name, modifier=modifier)
