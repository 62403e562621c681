"""Whether names mean something in a database: tables with their columns of a time, and statements that somebody wrote.

The law: nothing here waits for a lock on a table longer than the session's limit, reads a row, or runs what it is given. A
statement is parsed and its names are looked up (``PREPARE``), and it is neither planned nor carried out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from daybreak.errors import Failed
from daybreak.model.names import printable
from daybreak.postgres.questions import ValueKind, kind_of_type, within
from daybreak.postgres.session import Session, Signature

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


_ONLY_OUTSIDE = "0A000"
"""The SQLSTATE for a WITH that changes rows, where it stands inside another query."""


def tables_named(session: Session, names: Iterable[str]) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Those of the names, each with its schema, that are tables: their columns of a time, and all their columns."""
    wanted = sorted(set(names))
    bare = [name.partition(".")[2] for name in wanted]
    rows = session.ask(_NAMED, (bare, wanted))
    return {str(name): (tuple(clocks), tuple(columns)) for name, clocks, columns in rows}


def table_names(session: Session) -> tuple[str, ...]:
    """The names of the database's tables with their schemas; of very many only the first."""
    return tuple(str(name) for [name] in session.ask(_NAMES, (MOST_NAMES,)))


@dataclass(frozen=True)
class Statement:
    """What the server says of an owner's statement, which was not run."""

    trouble: str = ""
    """Why it cannot give a value, whatever the data is; empty where nothing speaks against it."""
    kind: ValueKind | None = None
    """The kind of its value; ``None`` where that is not known."""


def look_at_statement(session: Session, text: str) -> Statement:
    """Have the server parse a statement that is to return one value, and say what is wrong with it.

    Raises ``Unreachable`` and its kin where no answer comes, as when a table that it names is locked.
    """
    if "\0" in text:
        return Statement("it holds a NUL byte")
    if _WITHOUT_A_PLAN.match(text):
        return Statement()
    shape = _parse(session, text)
    if isinstance(shape, Failed):
        return Statement(printable(shape.message.partition(" said no: ")[2] or shape.message))
    trouble = _trouble(shape) or ("it writes, and a check may only read" if _is_writing(session, text) else "")
    return Statement(trouble, None if trouble else kind_of_type(shape.columns[0]))


def _parse(session: Session, text: str) -> Signature | Failed:
    """The statement's shape, in the search path of its own role; or what the server says against it."""
    session.begin()
    session.forget_search_path()
    try:
        return session.parse(text)
    except Failed as error:
        return error
    finally:
        session.rollback()


def _trouble(shape: Signature) -> str:
    if shape.parameters:
        return "it has a parameter ($1), and nobody gives it a value"
    if not shape.columns:
        return "it returns nothing"
    return f"it returns {len(shape.columns)} columns, and one value is asked for" if len(shape.columns) > 1 else ""


def _is_writing(session: Session, text: str) -> bool:
    """Whether a statement that the server takes changes rows: such a one can stand in a WITH, and in no query beside it."""
    inside = _parse(session, within(text, "1"))
    if not isinstance(inside, Failed):
        return False
    cause = inside.__cause__
    if isinstance(cause, psycopg.Error) and cause.sqlstate == _ONLY_OUTSIDE:
        return True
    return isinstance(_parse(session, f"WITH asked AS (\n{text.rstrip().rstrip(';')}\n) SELECT 1"), Signature)
