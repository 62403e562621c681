"""Questions about the contents of an index: do they agree with themselves and with the table?

The law: we ask the server's own checker (amcheck) where it is installed or may be borrowed. To borrow means to create it in
a transaction that is never committed. Elsewhere we walk the index in its order and compare its row count with the table's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from daybreak.model.names import printable
from daybreak.postgres.inventory.questions import spell
from daybreak.postgres.session import Session

_INDEXES = sql.SQL("""
SELECT i.indexrelid::bigint, x.relname::text, n.nspname::text, t.relname::text, i.indrelid::bigint,
       coalesce(o.oid, i.indrelid)::bigint, m.amname::text, greatest(x.relpages, 1)::bigint * 8192, t.relkind = 't',
       ARRAY(SELECT i.indoption[place - 1]::int FROM pg_catalog.generate_series(1, i.indnkeyatts) AS place ORDER BY place),
       EXISTS (SELECT FROM pg_catalog.pg_depend d
               WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid
                 AND d.refclassid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass,
                                      'pg_catalog.pg_opclass'::regclass, 'pg_catalog.pg_type'::regclass)),
       EXISTS (SELECT FROM pg_catalog.pg_opclass c WHERE c.oid = ANY (i.indclass::oid[]) AND NOT c.opcdefault)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_catalog.pg_class o ON o.reltoastrelid = t.oid
WHERE x.relkind = 'i' AND t.relkind IN ('r', 'm', 't') AND t.relpersistence <> 't' AND i.indisvalid AND i.indisready
  AND (t.relkind <> 't' OR o.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace))
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND (t.relkind <> 't' OR o.oid IS NOT NULL)
ORDER BY n.nspname, t.relname, x.relname
""")
"""Every index in use. An invalid index is not in use: another check finds it."""

_DEFINITION = sql.SQL("""
SELECT coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), ''),
       ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, place::int, true)
                    || coalesce(' COLLATE ' || pg_catalog.quote_ident(ln.nspname) || '.' || pg_catalog.quote_ident(l.collname), '')
             FROM pg_catalog.generate_series(1, i.indnkeyatts) AS place
             LEFT JOIN pg_catalog.pg_collation l ON l.oid = i.indcollation[place - 1]
             LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace ORDER BY place),
       (WITH RECURSIVE bases AS (
            SELECT a.atttypid AS base FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attnum = 1
            UNION ALL
            SELECT t.typbasetype FROM bases b JOIN pg_catalog.pg_type t ON t.oid = b.base WHERE t.typtype = 'd'
        )
        SELECT pg_catalog.format_type(b.base, NULL) FROM bases b JOIN pg_catalog.pg_type t ON t.oid = b.base WHERE t.typtype <> 'd')
FROM pg_catalog.pg_index i WHERE i.indexrelid = {oid}
""")
"""Asked for one index at a time: to spell an index, the server locks its table.

The last is the type that a domain stands for: operators of enums, arrays and ranges take no domain over them.
"""

_AMCHECK = sql.SQL("""
SELECT n.nspname::text FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND e.oid = d.refobjid
WHERE e.extname = 'amcheck' AND p.proname = 'bt_index_check' AND p.pronargs = 2
  AND pg_catalog.has_function_privilege(p.oid, 'execute') AND pg_catalog.has_schema_privilege(n.oid, 'usage')
""")

_MAY_BORROW = spell("""
SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'amcheck'),
       EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'amcheck'),
       NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_roles r ON r.oid = e.evtowner
                   WHERE e.evtenabled <> 'D' AND NOT <platform r.rolname>)
""")
"""Event triggers that would run in our name when we create the extension."""

_HOME = "daybreak_borrowed"
_BEGIN = sql.SQL("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
_CREATE_HOME = sql.SQL("CREATE SCHEMA {home}").format(home=sql.Identifier(_HOME))
_CREATE = sql.SQL("CREATE EXTENSION amcheck SCHEMA {home}").format(home=sql.Identifier(_HOME))
_CHECK = sql.SQL("SELECT {home}.bt_index_check({index}::oid::regclass, {is_with_heap})::text")
_SAVE = sql.SQL("SAVEPOINT before_index")
_BACK = sql.SQL("ROLLBACK TO SAVEPOINT before_index")
_FORGET = sql.SQL("RELEASE SAVEPOINT before_index")

_BY_INDEX = sql.SQL("""
SELECT pg_catalog.set_config(name, value, true)
FROM (VALUES ('enable_seqscan', 'off'), ('enable_bitmapscan', 'off'), ('enable_sort', 'off'),
             ('enable_indexscan', 'on'), ('enable_indexonlyscan', {is_alone}), ('enable_incremental_sort', 'off')) AS s (name, value)
""")
"""An index-only scan believes the index; without it each key is read from the row that the entry leads to."""

_BY_TABLE = sql.SQL("""
SELECT pg_catalog.set_config(name, value, true)
FROM (VALUES ('enable_seqscan', 'on'), ('enable_bitmapscan', 'off'), ('enable_indexscan', 'off'),
             ('enable_indexonlyscan', 'off')) AS s (name, value)
""")
_IN_TABLE = sql.SQL("SELECT count(*) FROM ONLY {table}{where}")
_IN_INDEX = sql.SQL(
    "SELECT count(*), count(*) FILTER (WHERE is_wrong) FROM (SELECT lag({key}) OVER (ORDER BY {order}) {sign} {key} AS is_wrong "
    "FROM ONLY {table}{where}) AS walk"
)
_PLAN = sql.SQL("EXPLAIN (FORMAT JSON) ")


@dataclass(frozen=True)
class Index:
    """One index, and all that a question about it needs."""

    oid: int
    index: str
    table: tuple[str, str]
    table_oid: int
    owner_oid: int
    """The table itself, also where the index is on its TOAST table."""
    method: str
    size: int
    is_toast: bool
    options: tuple[int, ...]
    is_homemade: bool
    """Whether the index uses functions or types that are not PostgreSQL's own."""
    is_unusual: bool
    """Whether an operator class other than the type's default orders it."""

    @property
    def name(self) -> str:
        """The names of table and index for a person to read, safe to print."""
        return f"{printable(self.table[0])}.{printable(self.table[1])}.{printable(self.index)}"


def indexes(session: Session) -> tuple[Index, ...]:
    """Every index in use of the database's own tables."""
    return tuple(
        Index(
            oid=oid,
            index=name,
            table=(namespace, table),
            table_oid=table_oid,
            owner_oid=owner,
            method=method,
            size=size,
            is_toast=is_toast,
            options=tuple(options),
            is_homemade=is_homemade,
            is_unusual=is_unusual,
        )
        for (
            oid, name, namespace, table, table_oid, owner, method, size, is_toast, options,
            is_homemade, is_unusual,
        ) in session.ask(_INDEXES)
    )  # fmt: skip


def amcheck_home(session: Session) -> str | None:
    """The schema of the server's own checker; ``None`` where it is not installed or may not be used."""
    found = session.ask(_AMCHECK)
    return str(found[0][0]) if found else None


def why_not_borrowed(session: Session) -> str:
    """Why amcheck cannot be borrowed; empty when it is worth a try."""
    [[is_absent, is_available, is_quiet]] = session.ask(_MAY_BORROW)
    if not is_absent:
        return "amcheck is installed but this login may not use it"
    if not is_available:
        return "the server does not offer amcheck"
    return "" if is_quiet else "an event trigger would run when amcheck is created"


@contextmanager
def borrow_amcheck(session: Session) -> Iterator[str]:
    """Create amcheck for the length of the block, visible only in this session's transaction, and yield its schema.

    The transaction is rolled back at the end. If this process or the connection dies, the server rolls it back. Nothing
    remains but a used transaction number. Raises ``Failed`` where the login may not create it.
    """
    session.order(_BEGIN)
    try:
        session.order(_CREATE_HOME)
        session.order(_CREATE)
        yield _HOME
    finally:
        session.rollback()


def check(session: Session, home: str, index: Index, *, is_with_heap: bool) -> None:
    """Have amcheck read an index. Raises what amcheck finds wrong; ``is_damage`` recognizes it."""
    session.ask(
        _CHECK.format(home=sql.Identifier(home), index=sql.Literal(index.oid), is_with_heap=sql.Literal(is_with_heap))
    )


def check_apart(session: Session, home: str, index: Index, *, is_with_heap: bool) -> None:
    """Do the same with a borrowed amcheck; the transaction goes on whatever it finds."""
    session.order(_SAVE)
    try:
        check(session, home, index, is_with_heap=is_with_heap)
    finally:
        if session.is_open:
            # The locks go back, and the savepoint too: thousands within each other would be slow.
            session.order(_BACK)
            session.order(_FORGET)


def why_not_walked(index: Index) -> str:
    """Why an index cannot be walked without amcheck; empty when it can."""
    if index.is_toast:
        return "it is on a TOAST table, which no query walks"
    if index.is_homemade:
        return "it uses functions or types that are not PostgreSQL's own, and running them is not harmless"
    return "an operator class other than the default orders it" if index.is_unusual else ""


def walk(session: Session, index: Index, *, is_with_heap: bool = False) -> str:
    """Walk an index and return how it differs from its table; empty when they agree.

    ``is_with_heap`` follows each entry to its row, whose own keys must be in order then. Call it inside a transaction with one snapshot. Raises what the server says about damage. Returns ``NOT_WALKED`` when
    the planner does not walk this very index.
    """
    [[predicate, keys, base]] = session.ask(_DEFINITION.format(oid=sql.Literal(index.oid)))
    condition = sql.SQL(" WHERE {}").format(_spell(predicate)) if predicate else sql.SQL("")
    table = sql.Identifier(*index.table)
    question = _IN_INDEX.format(
        key=sql.SQL("{}::{}").format(_spell(keys[0]), sql.SQL(base)),
        sign=sql.SQL("<" if index.options[0] & 1 else ">"),
        order=sql.SQL(", ").join(
            sql.SQL("{} {} {}").format(
                _spell(key),
                sql.SQL("DESC" if option & 1 else "ASC"),
                sql.SQL("NULLS FIRST" if option & 2 else "NULLS LAST"),
            )
            for key, option in zip(keys, index.options, strict=True)
        ),
        table=table,
        where=condition,
    )
    session.ask(_BY_INDEX.format(is_alone=sql.Literal("off" if is_with_heap else "on")))
    [[plan]] = session.ask(_PLAN + question)
    if _walks(plan) != [index.index]:
        return NOT_WALKED
    [[found, wrong]] = session.ask(question)
    session.ask(_BY_TABLE)
    [[rows]] = session.ask(_IN_TABLE.format(table=table, where=condition))
    if found != rows:
        return f"{found:,} rows by the index, {rows:,} in the table"
    return f"{wrong:,} rows are in the wrong order" if wrong else ""


NOT_WALKED = "another index serves the same order, so the planner cannot be made to walk this one"
"""What ``walk`` returns when it cannot judge."""


def _spell(text: str) -> sql.Composable:
    # The server itself wrote this text, from its catalog, with every name quoted and qualified.
    return sql.SQL("({})").format(sql.SQL(text))


def _walks(plan: Any) -> list[str]:
    """The indexes that a plan scans; an empty name stands for a table scan or a sort."""
    found: list[str] = []
    waiting = [each["Plan"] for each in plan]
    while waiting:
        node = waiting.pop()
        kind = node["Node Type"]
        if kind in ("Index Scan", "Index Only Scan"):
            found.append(node["Index Name"])
        elif ("Scan" in kind and kind != "Subquery Scan") or "Sort" in kind:
            found.append("")
        waiting += node.get("Plans", [])
    return found
