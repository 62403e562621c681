"""Questions about constraints that each row keeps by itself: checks, NOT NULL, and those of domains. How many rows break one?

The law: a constraint is evaluated only where its truth is the same today as on the day of the row, and where nothing of the
owner's own is run for it. The others are named. The planner believes a constraint, so a question is put in a form that it
does not decide by that belief.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from daybreak.model.names import printable
from daybreak.postgres.session import Session

_OWN = """EXISTS (SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid = k.oid
          AND d.refclassid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                          WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e'))"""
_CHANGING = """(k.conbin::text ~ '[{](SQLVALUEFUNCTION|COERCEVIAIO)'
        OR EXISTS (SELECT FROM pg_catalog.regexp_matches(k.conbin::text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') m
                   JOIN pg_catalog.pg_proc p ON p.oid = m[1]::oid WHERE p.provolatile <> 'i')
        OR EXISTS (SELECT FROM pg_catalog.regexp_matches(k.conbin::text, ':opno ([0-9]+)', 'g') m
                   JOIN pg_catalog.pg_operator o ON o.oid = m[1]::oid JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
                   WHERE p.provolatile <> 'i'))"""

_RULES = """
SELECT c.oid::bigint, n.nspname::text, c.relname::text, 'check', k.conname::text, k.oid::bigint, <own>, <changing>
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND k.convalidated AND coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::boolean, true)
  AND <tables>
UNION ALL
SELECT c.oid::bigint, n.nspname::text, c.relname::text, 'not null', a.attname::text, a.attnum::bigint, false, false
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnotnull AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v' AND <tables>
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contype = 'n' AND k.conrelid = c.oid AND NOT k.convalidated
                  AND k.conkey = ARRAY[a.attnum])
UNION ALL
SELECT c.oid::bigint, n.nspname::text, c.relname::text, 'domain', a.attname::text, a.attnum::bigint,
       bool_or(<own>), bool_or(<changing>)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.typtype = 'd'
JOIN pg_catalog.pg_constraint k ON k.contypid = t.oid AND k.contype = 'c'
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v' AND <tables>
GROUP BY c.oid, n.nspname, c.relname, a.attname, a.attnum
HAVING bool_and(k.convalidated)
ORDER BY 2, 3, 4, 5
"""
_TABLES = "c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"
_QUESTION = sql.SQL(_RULES.replace("<own>", _OWN).replace("<changing>", _CHANGING).replace("<tables>", _TABLES))
"""A partition has its parent's constraints as its own. What is NOT VALID or NOT ENFORCED never claimed to hold."""

_EXPRESSION = sql.SQL(
    "SELECT pg_catalog.pg_get_expr(k.conbin, k.conrelid) FROM pg_catalog.pg_constraint k WHERE k.oid = {oid}"
)
_BASE = sql.SQL("""
WITH RECURSIVE bases AS (
    SELECT a.atttypid AS base, -1 AS modifier FROM pg_catalog.pg_attribute a WHERE a.attrelid = {table} AND a.attnum = {number}
    UNION ALL
    SELECT t.typbasetype, t.typtypmod FROM bases b JOIN pg_catalog.pg_type t ON t.oid = b.base WHERE t.typtype = 'd'
)
SELECT (SELECT pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = {table} AND a.attnum = {number}), pg_catalog.format_type(b.base, -1)
FROM bases b JOIN pg_catalog.pg_type t ON t.oid = b.base WHERE t.typtype <> 'd'
""")
_MANNERS = sql.SQL("SELECT pg_catalog.set_config('constraint_exclusion', 'off', true)")
_BROKEN = sql.SQL("SELECT {each} FROM ONLY {table}")
_ONE = sql.SQL("count(*) FILTER (WHERE {})")
_IS_FALSE = sql.SQL("({}) IS FALSE")
_IS_NULL = sql.SQL("pg_catalog.num_nulls({}) > 0")
"""``IS NULL`` of a column that is NOT NULL is false to the planner, without a look at any row."""

_AGAIN = sql.SQL("SELECT count(({column}::{base})::{domain}) FROM ONLY {table}")
"""A value is held against its domain only when it becomes one."""


@dataclass(frozen=True)
class RowRule:
    """One constraint that each row of a table keeps by itself."""

    table_oid: int
    table: tuple[str, str]
    kind: Literal["check", "not null", "domain"]
    what: str
    """The constraint's name; of the other kinds the column's."""
    number: int
    """The constraint's object id; of the other kinds the column's number."""
    is_homemade: bool
    """Whether functions or operators of the owner's own would run."""
    is_changing: bool
    """Whether it may be true one day and false another."""

    @property
    def name(self) -> str:
        """The name for a person to read, safe to print."""
        words = f"{printable(self.table[0])}.{printable(self.table[1])}.{printable(self.what)}"
        return words if self.kind == "check" else f"{words}, {self.kind}"


def row_rules(session: Session) -> tuple[RowRule, ...]:
    """Every constraint of the database's tables that claims to hold for each row by itself."""
    return tuple(
        RowRule(oid, (namespace, table), kind, what, number, own, changing)
        for oid, namespace, table, kind, what, number, own, changing in session.ask(_QUESTION)
    )


def rows_that_break(session: Session, rules: list[RowRule]) -> list[int]:
    """How many rows of one table break each of these rules, none of which is a domain's; in one scan."""
    session.ask(_MANNERS)
    each = [_ONE.format(_condition(session, rule)) for rule in rules]
    question = _BROKEN.format(each=sql.SQL(", ").join(each), table=sql.Identifier(*rules[0].table))
    return [int(number) for number in session.ask(question)[0]]


def hold_to_domain(session: Session, rule: RowRule) -> None:
    """Make each value of a column one of its domain again. Raises what the server says of a value that is none."""
    table, number = sql.Literal(rule.table_oid), sql.Literal(rule.number)
    [[domain, base]] = session.ask(_BASE.format(table=table, number=number))
    # The server itself spelled both types, quoted and qualified.
    session.ask(
        _AGAIN.format(
            column=sql.Identifier(rule.what),
            base=sql.SQL(base),
            domain=sql.SQL(domain),
            table=sql.Identifier(*rule.table),
        )
    )


def _condition(session: Session, rule: RowRule) -> sql.Composable:
    if rule.kind == "not null":
        return _IS_NULL.format(sql.Identifier(rule.what))
    [[expression]] = session.ask(_EXPRESSION.format(oid=sql.Literal(rule.number)))
    return _IS_FALSE.format(sql.SQL(expression))
