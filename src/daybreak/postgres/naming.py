"""Whether names mean something in a database: tables with their columns of a time, and statements that somebody wrote.

The law: nothing here waits for a lock on a table longer than the session's limit, reads a row, or runs what it is given. A
statement is parsed and its names are looked up (``PREPARE``), and it is neither planned nor carried out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from psycopg import sql

from daybreak.errors import Failed
from daybreak.model.names import printable
from daybreak.postgres.session import Session

MOST_NAMES = 5000
"""How many names of tables are listed, to find the one that was meant."""

_RELATIONS = sql.SQL("""
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
""")

_NAMED = sql.SQL("""
SELECT n.nspname || '.' || c.relname,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND a.atttypid IN ('pg_catalog.timestamptz'::regtype, 'pg_catalog.timestamp'::regtype,
                                  'pg_catalog.date'::regtype)
             ORDER BY a.attnum),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
{} AND c.relname = ANY (%s::text[]) AND n.nspname || '.' || c.relname = ANY (%s::text[])
""").format(_RELATIONS)

_NAMES = sql.SQL("SELECT n.nspname || '.' || c.relname {} ORDER BY c.relname LIMIT %s").format(_RELATIONS)

_WITHOUT_A_PLAN = re.compile(r"(?is)(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*(?:show|explain|call|execute|fetch)\b")
"""What ``PREPARE`` does not take, and what may yet return a value."""


def tables_named(session: Session, names: Iterable[str]) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Those of the names, each with its schema, that are tables: their columns of a time, and all their columns."""
    wanted = sorted(set(names))
    bare = [name.partition(".")[2] for name in wanted]
    rows = session.ask(_NAMED, (bare, wanted))
    return {str(name): (tuple(clocks), tuple(columns)) for name, clocks, columns in rows}


def table_names(session: Session) -> tuple[str, ...]:
    """The names of the database's tables with their schemas; of very many only the first."""
    return tuple(str(name) for [name] in session.ask(_NAMES, (MOST_NAMES,)))


def why_no_statement(session: Session, text: str) -> str:
    """What the server says against a statement that it is to parse; empty where it has nothing to say, or cannot be asked.

    Raises ``Unreachable`` and its kin where no answer comes, as when a table that it names is locked.
    """
    if "\0" in text:
        return "it holds a NUL byte"
    if _WITHOUT_A_PLAN.match(text):
        return ""
    session.begin()
    session.forget_search_path()
    try:
        session.parse(text)
    except Failed as error:
        return printable(error.message.partition(" said no: ")[2] or error.message)
    finally:
        session.rollback()
    return ""
