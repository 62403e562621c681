"""Questions to the catalog: which tables exist, and which settings are in force.

The law: nothing here waits for a lock on a table. Every name is qualified, so nothing in the database can answer in the
catalog's place.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from daybreak.model.answers import DatabaseNames, Setting, Table, Tables
from daybreak.model.value import Span
from daybreak.postgres.bounds import ServerBounds, time_to_list
from daybreak.postgres.inventory.questions import PLATFORM_DATABASES
from daybreak.postgres.session import Session

_TABLES = sql.SQL("""
SELECT c.oid::bigint, n.nspname::text, c.relname::text,
       CASE WHEN c.relkind = 'r' AND c.relispartition THEN 'partition'
            WHEN c.relkind = 'r' THEN 'table'
            WHEN c.relkind = 'p' THEN 'partitioned table'
            WHEN c.relkind = 'm' THEN 'materialized view'
            ELSE 'foreign table' END,
       (SELECT i.inhparent::bigint FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid ORDER BY i.inhseqno LIMIT 1),
       CASE WHEN c.oid IN (SELECT k.relation FROM pg_catalog.pg_locks k
                           WHERE k.relation IS NOT NULL AND k.mode = 'AccessExclusiveLock') OR c.relkind NOT IN ('r', 'm')
            THEN greatest(c.relpages, 0)::bigint * pg_catalog.current_setting('block_size')::bigint
            ELSE coalesce(pg_catalog.pg_relation_size(c.oid), 0) END,
       c.relpersistence = 'u',
       c.relfilenode::bigint,
       (SELECT a.xmin::text::bigint FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = -6),
       ARRAY[c.xmin::text::bigint, n.xmin::text::bigint],
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND a.atttypid IN ('pg_catalog.timestamptz'::regtype, 'pg_catalog.timestamp'::regtype,
                                  'pg_catalog.date'::regtype)
             ORDER BY a.attnum),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND a.atttypid IN ('pg_catalog.timestamp'::regtype, 'pg_catalog.date'::regtype)
             ORDER BY a.attnum)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY n.nspname, c.relname
""")
"""Every relation with rows. Measuring a relation takes a lock, so one that is locked is estimated from ``relpages``.

No statement ever writes the row of a system column (``tableoid``, number -6) again, so it holds the transaction that made the relation.
"""

_DATABASES = sql.SQL("""
SELECT d.datname::text FROM pg_catalog.pg_database d WHERE d.datname <> ALL (%s::text[]) ORDER BY d.datname
""")

_RELATIONS = sql.SQL("SELECT count(*) FROM pg_catalog.pg_class WHERE oid >= 16384")

_NEWEST_OID = sql.SQL("""
SELECT greatest((SELECT max(oid::bigint) FROM pg_catalog.pg_class), (SELECT max(oid::bigint) FROM pg_catalog.pg_type),
                (SELECT max(oid::bigint) FROM pg_catalog.pg_constraint), (SELECT max(oid::bigint) FROM pg_catalog.pg_attrdef),
                (SELECT max(oid::bigint) FROM pg_catalog.pg_proc)), pg_catalog.current_database()::text,
       pg_catalog.has_function_privilege('pg_catalog.pg_control_checkpoint()', 'execute'),
       pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric % 4294967296
""")

_NEXT_OID = sql.SQL("SELECT next_oid::bigint FROM pg_catalog.pg_control_checkpoint()")

_SETTINGS = sql.SQL("""
SELECT w.name, coalesce(s.reset_val, pg_catalog.current_setting(w.name, true)), coalesce(s.vartype, ''),
       coalesce(s.unit, ''), coalesce(s.source, ''), coalesce(s.pending_restart, false)
FROM pg_catalog.unnest(%s::text[]) AS w (name)
LEFT JOIN pg_catalog.pg_settings s ON pg_catalog.lower(s.name) = pg_catalog.lower(w.name)
""")
"""``reset_val`` and not ``SHOW``: the value that a new session gets, not the one that this session set for itself."""

_FAMILIES = sql.SQL("""
SELECT DISTINCT pg_catalog.split_part(name, '.', 1) FROM pg_catalog.pg_settings WHERE pg_catalog.strpos(name, '.') > 0
""")


def database_names(session: Session) -> DatabaseNames:
    """The databases of the cluster but the platform's, whether the login may enter them or not."""
    rows = session.ask(_DATABASES, (list(PLATFORM_DATABASES),))
    return DatabaseNames(took=Span(0), names=tuple(str(name) for [name] in rows))


def tables(session: Session) -> Tables:
    """Every table of the session's database, with its size, its parent and its columns of a time type."""
    [[relations]] = session.ask(_RELATIONS)
    session.take_time(time_to_list(relations, session.limits.whole, ServerBounds()))
    [[newest, database, may_read_control, following]] = session.ask(_NEWEST_OID)
    next_oid = session.ask(_NEXT_OID)[0][0] if may_read_control else None
    rows = session.ask(_TABLES)
    return Tables(
        asked=f"the tables in pg_class of {session.address}",
        took=Span(0),
        database=str(database),
        tables=tuple(_table(*row) for row in rows),
        newest_oid=newest or 0,
        next_oid=next_oid,
        following=int(following),
    )


def _table(*row: object) -> Table:
    names = (
        "oid",
        "namespace",
        "name",
        "kind",
        "parent",
        "size",
        "is_unlogged",
        "file",
        "made",
        "named",
        "clocks",
        "zoneless",
    )
    return Table.model_validate(dict(zip(names, row, strict=True)))


def settings(session: Session, names: Iterable[str]) -> tuple[Setting, ...]:
    """The settings among ``names`` that the server knows, with the values that a new session gets."""
    rows = session.ask(_SETTINGS, (list(names),))
    return tuple(
        Setting(name=name, value=value, kind=kind, unit=unit, source=source, waits_for_restart=waits)
        for name, value, kind, unit, source, waits in rows
        if value is not None
    )


def families(session: Session) -> tuple[str, ...]:
    """The prefixes of all dotted settings: these show which extensions with settings are loaded."""
    return tuple(sorted(str(row[0]) for row in session.ask(_FAMILIES)))
