"""Which expressions of a loaded archive may stand in a database that lives: those that the server's own functions alone compute.

The law: an expression runs later, as whoever writes a row. So it is held, as the tree that the server itself made of it, to kinds of
nodes that compute a value of their parts, and to functions that came with the server and know nothing but their arguments. What is
not known to be plain is not: a person gets its statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from psycopg import sql

from daybreak.model.names import comma_list, printable
from daybreak.postgres.session import Session

_NODE = re.compile(r"(?<!\\)\{([A-Z0-9_]+)")
_FUNCTION = re.compile(r"(?<!\\) :(?:funcid|opfuncid|hashfuncid|negfuncid) (\d+)")
_OPERATOR = re.compile(r"(?<!\\) :opno (\d+)")
_WHOLE_ROW = re.compile(r"(?<!\\) :varattno 0\b")
_NODES = frozenset({
    "ARRAY", "ARRAYCOERCEEXPR", "ARRAYEXPR", "BOOLEANTEST", "BOOLEXPR", "CASE", "CASEEXPR", "CASETESTEXPR", "CASEWHEN", "COALESCE",
    "COALESCEEXPR", "COERCETODOMAIN", "COERCETODOMAINVALUE", "COERCEVIAIO", "COLLATE", "COLLATEEXPR", "CONST", "DISTINCTEXPR",
    "FUNCEXPR", "MINMAX", "MINMAXEXPR", "NULLIFEXPR", "NULLTEST", "OPEXPR", "PARTITIONBOUNDSPEC", "PARTITIONRANGEDATUM", "RELABELTYPE",
    "SCALARARRAYOPEXPR", "SQLVALUEFUNCTION", "SUBSCRIPTINGREF", "VAR", "WHEN",
})  # fmt: skip
"""The nodes that compute a value of their parts. A query inside, a call of XML, a row of the table as a whole are others."""

_CLOCKS = frozenset({
    "now", "transaction_timestamp", "statement_timestamp", "clock_timestamp", "gen_random_uuid", "uuidv4", "uuidv7", "random",
})  # fmt: skip
"""What gives another value each time, and neither reads nor changes anything but the clock and the dice."""
_OF_EXTENSIONS = frozenset({
    ("uuid-ossp", "uuid_generate_v1"), ("uuid-ossp", "uuid_generate_v1mc"), ("uuid-ossp", "uuid_generate_v4"),
    ("pgcrypto", "gen_random_uuid"),
})  # fmt: skip
"""What gives a new number, and takes nothing."""
_TIMES = frozenset({"date", "time", "timetz", "timestamp", "timestamptz", "interval"})
_PLAIN = _TIMES | {
    "bool", "bpchar", "float4", "float8", "int2", "int4", "int8", "numeric", "text", "varchar",
}  # fmt: skip
_FUNCTIONS = sql.SQL("""
SELECT p.oid::bigint, p.proname::text, p.provolatile::text,
    n.nspname = 'pg_catalog' AND p.oid < 10000 AND l.lanname IN ('internal', 'sql') AND p.prokind = 'f' AND NOT p.proretset,
    ARRAY(SELECT t.typname::text FROM pg_catalog.unnest(p.proargtypes) AS a (type) JOIN pg_catalog.pg_type t ON t.oid = a.type),
    (SELECT t.typname::text FROM pg_catalog.pg_type t WHERE t.oid = p.prorettype),
    (SELECT e.extname::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
     WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE p.oid = ANY (%s::oid[]) OR p.oid IN (SELECT o.oprcode FROM pg_catalog.pg_operator o WHERE o.oid = ANY (%s::oid[]))
""")
_NEEDS = sql.SQL("""
SELECT d.refclassid::regclass::text, d.refobjid::bigint, pg_catalog.pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
FROM pg_catalog.pg_depend d
WHERE d.classid = %s::regclass AND d.objid = %s::oid AND d.deptype IN ('n', 'a')
""")

Accepts = Callable[[str, int], bool]
"""Whether an expression may depend on an object, by its catalog and its number there."""


def why_not_plain(session: Session, trees: Iterable[str], *, with_rows: bool = False) -> str:
    """Why these expressions, as the server keeps them, may not stand elsewhere; empty where they may."""
    text = " ".join(trees)
    if strange := sorted({*_NODE.findall(text)} - _NODES):
        return f"it is more than a value of its parts ({comma_list(strange)})"
    if not with_rows and _WHOLE_ROW.search(text):
        return "it takes the row as a whole"
    functions, operators = ([*map(int, {*each.findall(text)} - {"0"})] for each in (_FUNCTION, _OPERATOR))
    if not functions and not operators:
        return ""
    found = _functions(session, functions, operators)
    known = {each.number for each in found}
    bad = [printable(each.name) for each in found if not _is_plain(each)]
    bad += [str(each) for each in functions if each not in known]
    return f"it calls {comma_list(sorted(bad))}, which is not one of the server's own that only compute" if bad else ""


def is_plain_function(session: Session, number: int) -> bool:
    """Whether a function only computes."""
    return all(_is_plain(each) for each in _functions(session, [number], []))


class _Function(NamedTuple):
    number: int
    name: str
    volatility: str
    is_builtin: bool
    takes: list[str]
    gives: str
    extension: str | None


def _functions(session: Session, functions: list[int], operators: list[int]) -> list[_Function]:
    return [_Function(*row) for row in session.ask(_FUNCTIONS, (functions, operators))]


def _is_plain(found: _Function) -> bool:
    """Whether a function only computes.

    One that the server calls immutable knows its arguments alone. Of the stable ones, which may read settings and tables, those that
    take a time need the time zone and no more.
    """
    if not found.is_builtin:
        return (found.extension, found.name) in _OF_EXTENSIONS
    if found.volatility == "i" or found.name in _CLOCKS:
        return True
    takes_time = bool(_TIMES.intersection(found.takes))
    return found.volatility == "s" and takes_time and _PLAIN.issuperset({*found.takes, found.gives})


def why_not_alone(session: Session, catalog: str, number: int, accepts: Accepts) -> str:
    """Why an object that holds an expression depends on more than may be there; empty where it does not.

    What came with the server has no row among the dependencies, so that is never named.
    """
    beyond = [words for of, other, words in session.ask(_NEEDS, (catalog, number)) if not accepts(of, other)]
    return f"it depends on {comma_list([printable(each) for each in sorted(set(beyond))])}" if beyond else ""


def first_reason(reasons: Iterator[str]) -> str:
    """The first that is none of the empty ones."""
    return next(filter(None, reasons), "")
