"""Questions about the contents of a btree: does it agree with itself and with its table?

The law: we ask the server's own checker (amcheck) where it is installed or may be borrowed. To borrow means to create it in
a transaction that is never committed. Elsewhere, and at full depth beside it, we walk the index in its order and compare its
entries with the table's rows. A walk goes by the operators of the index's own operator class.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
                                      'pg_catalog.pg_opclass'::regclass, 'pg_catalog.pg_type'::regclass)
                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                                 WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e')),
       i.indisunique, coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false), i.indexprs IS NOT NULL,
       coalesce((SELECT s.option_value::int FROM pg_catalog.pg_options_to_table(x.reloptions) s
                 WHERE s.option_name = 'pages_per_range'), 128)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_catalog.pg_class o ON o.reltoastrelid = t.oid
WHERE x.relkind = 'i' AND t.relkind IN ('r', 'm', 't') AND t.relpersistence <> 't' AND i.indisvalid AND i.indisready
  AND (t.relkind <> 't' OR o.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace))
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND (t.relkind <> 't' OR o.oid IS NOT NULL)
ORDER BY n.nspname, t.relname, x.relname
""")
"""Every index in use. An invalid index is not in use: another check finds it.

What an extension brings counts as PostgreSQL's own: whoever may create extensions chose it, and no application wrote it.
"""

_DEFINITION = sql.SQL("""
SELECT coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), ''),
       ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, place::int, true)
                    || coalesce(' COLLATE ' || pg_catalog.quote_ident(ln.nspname) || '.' || pg_catalog.quote_ident(l.collname), '')
             FROM pg_catalog.generate_series(1, i.indnkeyatts) AS place
             LEFT JOIN pg_catalog.pg_collation l ON l.oid = i.indcollation[place - 1]
             LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace ORDER BY place),
       ARRAY(WITH RECURSIVE bases AS (
                SELECT a.attnum AS place,
                       coalesce(o.atttypid, CASE WHEN c.opckeytype <> 0 AND k.typtype <> 'p' THEN k.oid ELSE a.atttypid END) AS base
                FROM pg_catalog.pg_attribute a
                JOIN pg_catalog.pg_opclass c ON c.oid = i.indclass[a.attnum - 1] JOIN pg_catalog.pg_type k ON k.oid = c.opcintype
                LEFT JOIN pg_catalog.pg_attribute o ON o.attrelid = i.indrelid AND o.attnum = i.indkey[a.attnum - 1] AND o.attnum <> 0
                WHERE a.attrelid = i.indexrelid AND a.attnum BETWEEN 1 AND i.indnkeyatts
                UNION ALL
                SELECT b.place, t.typbasetype FROM bases b JOIN pg_catalog.pg_type t ON t.oid = b.base WHERE t.typtype = 'd'
            )
            SELECT pg_catalog.format_type(b.base, -1) FROM bases b JOIN pg_catalog.pg_type t ON t.oid = b.base
            WHERE t.typtype <> 'd' ORDER BY b.place),
       ARRAY(SELECT ARRAY[ln.nspname::text, l.oprname::text, gn.nspname::text, g.oprname::text,
                          CASE WHEN c.opcdefault THEN 'default' ELSE '' END]
             FROM pg_catalog.unnest(i.indclass::oid[]) WITH ORDINALITY AS k (class, place)
             JOIN pg_catalog.pg_opclass c ON c.oid = k.class
             JOIN pg_catalog.pg_amop la ON la.amopfamily = c.opcfamily AND la.amoplefttype = c.opcintype
                  AND la.amoprighttype = c.opcintype AND la.amopstrategy = 1
             JOIN pg_catalog.pg_operator l ON l.oid = la.amopopr JOIN pg_catalog.pg_namespace ln ON ln.oid = l.oprnamespace
             JOIN pg_catalog.pg_amop ga ON ga.amopfamily = c.opcfamily AND ga.amoplefttype = c.opcintype
                  AND ga.amoprighttype = c.opcintype AND ga.amopstrategy = 5
             JOIN pg_catalog.pg_operator g ON g.oid = ga.amopopr JOIN pg_catalog.pg_namespace gn ON gn.oid = g.oprnamespace
             ORDER BY k.place)
FROM pg_catalog.pg_index i WHERE i.indexrelid = {oid}
""")
"""Asked for one index at a time: to spell an index, the server locks its table.

The third is each key's type in the table, not what the index keeps of it, and of a domain the type that it stands for: operators of enums, arrays and ranges take no domain over them. The last are
the operators of ascending and of descending order of each column's operator class, and whether it is the type's default.
"""

_AMCHECK = sql.SQL("""
SELECT n.nspname::text, p.proname::text, p.pronargs::int FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND e.oid = d.refobjid
WHERE e.extname = 'amcheck' AND p.proname IN ('bt_index_check', 'gin_index_check')
  AND pg_catalog.has_function_privilege(p.oid, 'execute') AND pg_catalog.has_schema_privilege(n.oid, 'usage')
""")

_MAY_BORROW = spell("""
SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = {name}),
       EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = {name}),
       NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_roles r ON r.oid = e.evtowner
                   WHERE e.evtenabled <> 'D' AND NOT (<agent r.rolname>))
""")
"""Event triggers that would run in our name when we create the extension."""

AMCHECK = "amcheck"
_HOME = "daybreak_borrowed"
_BEGIN = sql.SQL("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
_CREATE_HOME = sql.SQL("CREATE SCHEMA {home}").format(home=sql.Identifier(_HOME))
_CREATE = sql.SQL("CREATE EXTENSION {name} SCHEMA {home}")
_CHECK = sql.SQL("SELECT {home}.bt_index_check({index}::oid::regclass, {is_with_heap})::text")
_CHECK_UNIQUE = sql.SQL("SELECT {home}.bt_index_check({index}::oid::regclass, {is_with_heap}, true)::text")
_CHECK_GIN = sql.SQL("SELECT {home}.gin_index_check({index}::oid::regclass)::text")
_SAVE = sql.SQL("SAVEPOINT before_index")
_BACK = sql.SQL("ROLLBACK TO SAVEPOINT before_index")
_FORGET = sql.SQL("RELEASE SAVEPOINT before_index")

GIN = "gin"
_DESCENDING, _NULLS_FIRST = 1, 2
"""Bits of ``pg_index.indoption``."""

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
_COSTS = sql.SQL("""
SELECT pg_catalog.set_config(name, value, true)
FROM (VALUES ('random_page_cost', {cost}), ('seq_page_cost', {cost})) AS s (name, value)
""")
"""Where pages cost nothing the planner no longer prefers the smaller of two indexes."""

_IN_TABLE = sql.SQL("SELECT count(*), {digest} FROM ONLY {table}{where}")
_IN_INDEX = sql.SQL("""
SELECT count(*), count(*) FILTER (WHERE is_wrong), count(*) FILTER (WHERE is_twice), sum(digest)
FROM (SELECT lag({key}) OVER (ORDER BY {order}) OPERATOR({sign}) {key} AS is_wrong, {twice} AS is_twice, {digest} AS digest
      FROM ONLY {table}{where}) AS walk
""")
_DIGEST = sql.SQL(
    'pg_catalog.hashtextextended(pg_catalog.textin(pg_catalog.record_out(ROW({keys}))) COLLATE "C", 2954361355555045853)'
)
"""Of the text of the keys: an index holds the very value that the row has, so also what is equal and not the same differs."""

_NO_DIGEST = sql.SQL("NULL::numeric")
_NEVER = sql.SQL("false")
_TWICE = sql.SQL("lag(ROW({keys})) OVER (ORDER BY {order}) IS NOT DISTINCT FROM ROW({keys})")
_ALL_FILLED = sql.SQL("({}) IS NOT NULL")
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
    """Whether the index uses functions or types that are neither PostgreSQL's own nor an extension's."""
    is_unique: bool
    are_nulls_equal: bool
    """Whether a unique index takes NULL only once."""
    has_expressions: bool
    range_pages: int
    """The pages of a range of a BRIN index."""

    @property
    def name(self) -> str:
        """The names of table and index for a person to read, safe to print."""
        return f"{printable(self.table[0])}.{printable(self.table[1])}.{printable(self.index)}"


@dataclass(frozen=True)
class Checker:
    """The server's own checker, and what its version reads."""

    home: str
    """The schema that it is in."""
    reads_unique: bool
    """Whether it looks for rows that are twice under a unique index."""
    reads_gin: bool


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
            is_unique=is_unique,
            are_nulls_equal=are_nulls_equal,
            has_expressions=has_expressions,
            range_pages=range_pages,
        )
        for (
            oid, name, namespace, table, table_oid, owner, method, size, is_toast, options,
            is_homemade, is_unique, are_nulls_equal, has_expressions, range_pages,
        ) in session.ask(_INDEXES)
    )  # fmt: skip


def checker_of(session: Session) -> Checker | None:
    """The server's own checker; ``None`` where it is not installed or may not be used."""
    found = session.ask(_AMCHECK)
    has = {(name, arguments) for _, name, arguments in found}
    if ("bt_index_check", 2) not in has:
        return None
    return Checker(str(found[0][0]), ("bt_index_check", 3) in has, ("gin_index_check", 1) in has)


def why_not_borrowed(session: Session, extension: str = AMCHECK) -> str:
    """Why an extension cannot be borrowed; empty when it is worth a try."""
    [[is_absent, is_available, is_quiet]] = session.ask(_MAY_BORROW.format(name=sql.Literal(extension)))
    if not is_absent:
        return f"{extension} is installed but this login may not use it"
    if not is_available:
        return f"the server does not offer {extension}"
    return "" if is_quiet else f"an event trigger would run when {extension} is created"


@contextmanager
def borrow(session: Session, extension: str = AMCHECK) -> Iterator[None]:
    """Create an extension for the length of the block, visible only in this session's transaction.

    The transaction is rolled back at the end. If this process or the connection dies, the server rolls it back. Nothing
    remains but a used transaction number. Raises ``Failed`` where the login may not create it.
    """
    session.order(_BEGIN)
    try:
        session.order(_CREATE_HOME)
        session.order(_CREATE.format(name=sql.Identifier(extension), home=sql.Identifier(_HOME)))
        yield
    finally:
        session.rollback()


@contextmanager
def apart(session: Session) -> Iterator[None]:
    """Let the transaction of a borrowed extension go on whatever the block raises."""
    session.order(_SAVE)
    try:
        yield
    finally:
        if session.is_open:
            # The locks go back, and the savepoint too: thousands within each other would be slow.
            session.order(_BACK)
            session.order(_FORGET)


def check(session: Session, checker: Checker, index: Index, *, is_with_heap: bool) -> None:
    """Have amcheck read a btree or a GIN index. Raises what amcheck finds wrong; ``is_damage`` recognizes it."""
    way = _CHECK_UNIQUE if is_with_heap and index.is_unique and checker.reads_unique else _CHECK
    question = _CHECK_GIN if index.method == GIN else way
    session.ask(
        question.format(
            home=sql.Identifier(checker.home), index=sql.Literal(index.oid), is_with_heap=sql.Literal(is_with_heap)
        )
    )


def why_not_asked(index: Index) -> str:
    """Why no query goes through an index; empty when one may."""
    if index.is_toast:
        return "it is on a TOAST table, which no query walks"
    if index.is_homemade:
        return "it uses functions or types of the owner's own, and running them is not harmless"
    return ""


@dataclass(frozen=True)
class KeyOrder:
    """The operators that order a key."""

    less: sql.Composable
    greater: sql.Composable
    is_usual: bool
    """Whether the type's default operator class orders it."""


@dataclass(frozen=True)
class Definition:
    """How the server spells an index."""

    predicate: sql.Composable | None
    """Which rows are in a partial index."""
    keys: tuple[sql.Composable, ...]
    kinds: tuple[str, ...]
    """The type of each key; of a domain, what it stands for."""
    orders: tuple[KeyOrder, ...]
    """How a btree orders each key; empty for an index that has no order."""

    @property
    def condition(self) -> sql.Composable:
        """The ``WHERE`` of a partial index, else empty."""
        return sql.SQL(" WHERE {}").format(self.predicate) if self.predicate else sql.SQL("")


def definition_of(session: Session, index: Index) -> Definition:
    """How the server spells an index; it locks the table for that as a reader does."""
    [[predicate, keys, kinds, operators]] = session.ask(_DEFINITION.format(oid=sql.Literal(index.oid)))
    orders = tuple(KeyOrder(operator_named(*each[:2]), operator_named(*each[2:4]), bool(each[4])) for each in operators)
    return Definition(
        _spell(predicate) if predicate else None, tuple(_spell(key) for key in keys), tuple(kinds), orders
    )


def walk(session: Session, index: Index, *, is_with_heap: bool = False) -> str:
    """Walk a btree and return how it differs from its table; empty when they agree, ``NOT_WALKED`` when it cannot be walked.

    ``is_with_heap`` walks it twice: by its own keys, whose values must be the rows' values, and by the rows that its entries
    lead to, whose keys must be in order and under a unique index never twice. Call it inside a transaction with one snapshot.
    Raises what the server says about damage.
    """
    spelled = definition_of(session, index)
    is_added_up = is_with_heap and not index.has_expressions
    digest = _DIGEST.format(keys=sql.SQL(", ").join(spelled.keys)) if is_added_up else _NO_DIGEST
    walks = [_Walk(is_alone=True, digest=digest)] if is_added_up or not is_with_heap else []
    walks += [_Walk(is_alone=False)] if is_with_heap else []
    told = []
    for each in walks:
        question = _walk_question(index, spelled, each)
        if not _is_forced(session, index, question, is_alone=each.is_alone):
            return NOT_WALKED
        told.append(session.ask(question)[0])
    session.ask(_BY_TABLE)
    total = sql.SQL("sum({})").format(digest)
    [[rows, whole]] = session.ask(
        _IN_TABLE.format(digest=total, table=sql.Identifier(*index.table), where=spelled.condition)
    )
    for found, wrong, twice, _ in told:
        if found != rows:
            return f"{found:,} rows by the index, {rows:,} in the table"
        if wrong:
            return f"{wrong:,} rows are in the wrong order"
        if twice:
            return f"{twice:,} rows are twice under a unique index"
    if any(held is not None and held != whole for *_, held in told):
        return "entries lead to rows with other keys"
    return ""


NOT_WALKED = "the planner prefers another index that serves the same order, and cannot be made to walk this one"
"""What ``walk`` returns when it cannot judge."""


@dataclass(frozen=True)
class _Walk:
    is_alone: bool
    """Whether the index's own keys are read, where the server can; else the rows that its entries lead to."""
    digest: sql.Composable = field(default_factory=lambda: _NO_DIGEST)


def _walk_question(index: Index, spelled: Definition, way: _Walk) -> sql.Composed:
    order = sql.SQL(", ").join(
        _order_of(key, way, option)
        for key, way, option in zip(spelled.keys, spelled.orders, index.options, strict=True)
    )
    keys = sql.SQL(", ").join(spelled.keys)
    twice: sql.Composable = _NEVER
    if index.is_unique and not way.is_alone:
        twice = _TWICE.format(keys=keys, order=order)
        if not index.are_nulls_equal:
            filled = sql.SQL(" AND ").join(_ALL_FILLED.format(key) for key in spelled.keys)
            twice = sql.SQL("({} AND {})").format(twice, filled)
    first = spelled.orders[0]
    return _IN_INDEX.format(
        key=sql.SQL("{}::{}").format(spelled.keys[0], sql.SQL(spelled.kinds[0])),
        sign=first.less if index.options[0] & _DESCENDING else first.greater,
        order=order,
        twice=twice,
        digest=way.digest,
        table=sql.Identifier(*index.table),
        where=spelled.condition,
    )


def _order_of(key: sql.Composable, way: KeyOrder, option: int) -> sql.Composable:
    # Operators of enums, arrays and ranges take no domain over them; the type's own order needs no operator's name.
    nulls = sql.SQL("NULLS FIRST" if option & _NULLS_FIRST else "NULLS LAST")
    if way.is_usual:
        return sql.SQL("{} {} {}").format(key, sql.SQL("DESC" if option & _DESCENDING else "ASC"), nulls)
    sign = way.greater if option & _DESCENDING else way.less
    return sql.SQL("{} USING OPERATOR({}) {}").format(key, sign, nulls)


def _is_forced(session: Session, index: Index, question: sql.Composed, *, is_alone: bool) -> bool:
    """Whether the planner can be made to walk this very index."""
    session.ask(_BY_INDEX.format(is_alone=sql.Literal("on" if is_alone else "off")))
    for cost in ("4", "0"):
        session.ask(_COSTS.format(cost=sql.Literal(cost)))
        [[plan]] = session.ask(_PLAN + question)
        if scans_of(plan) == [index.index]:
            return True
    return False


def operator_named(schema: str, sign: str) -> sql.Composable:
    """An operator's qualified name; it holds only signs, as the server checked when it was created."""
    return sql.SQL("{}.{}").format(sql.Identifier(schema), sql.SQL(sign))


def _spell(text: str) -> sql.Composable:
    # The server itself wrote this text, from its catalog, with every name quoted and qualified.
    return sql.SQL("({})").format(sql.SQL(text))


def scans_of(plan: Any) -> list[str]:
    """The indexes that a plan scans; an empty name stands for a table scan or a sort."""
    found: list[str] = []
    waiting = [each["Plan"] for each in plan]
    while waiting:
        node = waiting.pop()
        kind = node["Node Type"]
        if kind in ("Index Scan", "Index Only Scan", "Bitmap Index Scan"):
            found.append(node["Index Name"])
        elif ("Scan" in kind and kind not in _NO_SCANS) or "Sort" in kind:
            found.append("")
        waiting += node.get("Plans", [])
    return found


_NO_SCANS = ("Subquery Scan", "Function Scan", "Bitmap Heap Scan")
