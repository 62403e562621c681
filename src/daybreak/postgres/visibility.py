"""Questions about visibility maps: does each page that a map calls visible or frozen to all hold only such rows?

The law: the server's own functions (pg_visibility) are asked, where they are installed or may be borrowed. An index-only scan
believes the map and not the table, so a map that is wrong brings back what was deleted.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from daybreak.model.names import printable
from daybreak.postgres.session import Session

EXTENSION = "pg_visibility"

_TABLES = sql.SQL("""
SELECT c.oid::bigint, coalesce(o.oid, c.oid)::bigint, n.nspname::text, c.relname::text,
       greatest(c.relpages, 1)::bigint * pg_catalog.current_setting('block_size')::bigint
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class o ON o.reltoastrelid = c.oid
LEFT JOIN pg_catalog.pg_namespace od ON od.oid = o.relnamespace
WHERE c.relkind IN ('r', 'm', 't') AND c.relpersistence <> 't' AND (c.relkind <> 't' OR o.oid IS NOT NULL)
  AND coalesce(od.nspname, n.nspname) NOT IN ('pg_catalog', 'information_schema')
ORDER BY n.nspname, c.relname
""")

_HOME = sql.SQL("""
SELECT min(n.nspname::text) FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND e.oid = d.refobjid
WHERE e.extname = 'pg_visibility' AND p.proname IN ('pg_check_visible', 'pg_check_frozen')
  AND pg_catalog.has_function_privilege(p.oid, 'execute') AND pg_catalog.has_schema_privilege(n.oid, 'usage')
HAVING count(*) = 2
""")
_WRONG = sql.SQL("""
SELECT (SELECT count(*) FROM {home}.pg_check_visible({oid}::oid::regclass)),
       (SELECT count(*) FROM {home}.pg_check_frozen({oid}::oid::regclass))
""")


@dataclass(frozen=True)
class Map:
    """The visibility map of one table."""

    oid: int
    """The object id of the table that it is of."""
    owner_oid: int
    """The table itself, also where the map is of its TOAST table."""
    table: tuple[str, str]
    size: int
    """About the bytes of the table."""

    @property
    def name(self) -> str:
        """The name for a person to read, safe to print."""
        return f"{printable(self.table[0])}.{printable(self.table[1])}, visibility map"


def maps(session: Session) -> tuple[Map, ...]:
    """The visibility map of every table of the database's own, and of its TOAST table."""
    return tuple(
        Map(oid=oid, owner_oid=owner, table=(namespace, table), size=size)
        for oid, owner, namespace, table, size in session.ask(_TABLES)
    )


def home_of(session: Session) -> str | None:
    """The schema of the server's own functions; ``None`` where they are not installed or may not be used."""
    found = session.ask(_HOME)
    return str(found[0][0]) if found else None


def wrong_rows(session: Session, home: str, seen: Map) -> str:
    """What the map is wrong about, in words; empty when it is right. Raises what the server says about damage."""
    [[visible, frozen]] = session.ask(_WRONG.format(home=sql.Identifier(home), oid=sql.Literal(seen.oid)))
    if visible:
        return f"{visible:,} rows are called visible to all and are not"
    return f"{frozen:,} rows are called frozen and are not" if frozen else ""
