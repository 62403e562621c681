"""Questions about indexes that have no order to walk (hash, GIN, GiST, SP-GiST, BRIN): does a search find each row?

The law: a key is taken from the table, searched through this very index, and must lead to the row that it came from. What the
plan does not search through this index is no answer. Where not every key is searched, the answer says how many were.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from daybreak.postgres.index_contents import Definition, Index, definition_of, operator_named, scans_of
from daybreak.postgres.manners import set_known
from daybreak.postgres.session import Session

LOOKED_UP = ("hash", "gin", "gist", "spgist", "brin")
"""The methods whose operator classes have an operator by which each value finds itself."""

MOST_RANGES = 64
"""The ranges of a BRIN index that are searched: a search reads every range that may hold the value."""

MOST_ROWS = 10_000
"""The rows that are searched one by one, where equal keys cannot be searched together or the table is large."""

MOST_PAGES = 4096
"""The pages of the largest table of which every key is searched: a GiST index of a million rows takes two minutes."""

_OPERATOR = sql.SQL("""
SELECT n.nspname::text, o.oprname::text, o.oprright = 'pg_catalog.tsquery'::regtype,
       EXISTS (SELECT FROM pg_catalog.pg_amop b JOIN pg_catalog.pg_am m ON m.oid = b.amopmethod AND m.amname = 'btree'
               WHERE b.amopopr = o.oid),
       EXISTS (SELECT FROM pg_catalog.pg_amop la JOIN pg_catalog.pg_amop b ON b.amopopr = la.amopopr AND b.amopstrategy = 1
               JOIN pg_catalog.pg_am m ON m.oid = b.amopmethod AND m.amname = 'btree'
               WHERE la.amopfamily = c.opcfamily AND la.amoplefttype = c.opcintype AND la.amoprighttype = c.opcintype
                 AND la.amopstrategy = 1)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_opclass c ON c.oid = i.indclass[0]
JOIN pg_catalog.pg_amop a ON a.amopfamily = c.opcfamily AND a.amoplefttype = c.opcintype AND a.amoppurpose = 's'
JOIN pg_catalog.pg_operator o ON o.oid = a.amopopr JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
WHERE i.indexrelid = {oid}
  AND (a.amoprighttype = c.opcintype AND o.oprname IN ('=', '~=', '@>')
       OR o.oprname = '@@' AND o.oprright = 'pg_catalog.tsquery'::regtype)
ORDER BY pg_catalog.array_position(ARRAY['=', '~=', '@>', '@@'], o.oprname::text) LIMIT 1
""")
"""The operator by which a value of the first key finds itself; whether it is a btree's equality; whether BRIN keeps bounds."""

_GROUPS = sql.SQL("""
SELECT count(*) FROM (
    SELECT k.key, count(*) AS rows
    FROM (SELECT {key} AS key, {inside} AS is_inside FROM ONLY {table} WHERE ctid >= '(0,0)'::tid OFFSET 0) AS k
    WHERE k.is_inside AND k.key IS NOT NULL GROUP BY k.key) AS a
CROSS JOIN LATERAL (SELECT count(*) AS rows FROM ONLY {table} AS b{where} {joint} {searched} OPERATOR({sign}) a.key) AS b
WHERE a.rows <> b.rows
""")
"""Each different key once: as many rows by the index as the table has, which is read by place."""

_PLACES = sql.SQL("""
SELECT count(*) FROM unnest({places}::tid[], {keys}::text[]) AS a (place, key)
WHERE NOT EXISTS (SELECT FROM ONLY {table} AS b{where} {joint} {searched} OPERATOR({sign}) a.key::{kind} AND b.ctid = a.place)
""")
_SOME_ROWS = sql.SQL(
    "SELECT ctid::text, {key}::text FROM ONLY {table} TABLESAMPLE SYSTEM ({share}) REPEATABLE (7){where} {joint} {key} IS NOT NULL LIMIT {most}"
)
_PAGES = sql.SQL("SELECT pg_catalog.pg_relation_size({oid}::oid) / pg_catalog.current_setting('block_size')::bigint")
_BOUND = sql.SQL("""
(SELECT ctid::text, {key}::text FROM ONLY {table}{where} {joint} {key} IS NOT NULL
 AND ctid >= {first}::tid AND ctid < {end}::tid {order} LIMIT 1)
""")
_BOTH = sql.SQL(" UNION ALL ")
_WORDS = sql.SQL("""
(SELECT pg_catalog.string_agg('''' || pg_catalog.replace(pg_catalog.replace(word, '\\', '\\\\'), '''', '''''') || '''', ' & ')
 FROM pg_catalog.unnest(pg_catalog.tsvector_to_array({key})) AS word)
""")
"""A query that a text of words answers: all of its words."""

_PLAN = sql.SQL("EXPLAIN (FORMAT JSON) ")


@dataclass(frozen=True)
class Lookup:
    """What a search through an index found."""

    trouble: str = ""
    """How index and table differ; empty when they agree."""
    searched: int | None = None
    """How many keys were searched; ``None`` for all."""
    why_not: str = ""
    """Why nothing was searched; empty when it was."""


@dataclass(frozen=True)
class _Search:
    """How a value of the first key finds itself."""

    sign: sql.Composable
    is_of_words: bool
    is_grouped: bool
    """Whether equal keys can be put together."""
    has_bounds: bool
    """Whether a BRIN index keeps the least and the greatest key of each range."""


def look_up(session: Session, index: Index) -> Lookup:
    """Search the table's keys through an index. Call it inside a transaction with one snapshot.

    Raises what the server says about damage.
    """
    found = session.ask(_OPERATOR.format(oid=sql.Literal(index.oid)))
    if not found:
        return Lookup(why_not="its operators do not search for the very value that a row has")
    [[schema, sign, is_of_words, is_equality, has_bounds]] = found
    search = _Search(
        operator_named(schema, sign),
        is_of_words,
        is_equality and index.method != "brin",
        has_bounds and index.method == "brin",
    )
    spelled = definition_of(session, index)
    [[pages]] = session.ask(_PAGES.format(oid=sql.Literal(index.table_oid)))
    if search.is_grouped and pages <= MOST_PAGES:
        parts = _parts(index, spelled, search)
        return _judge(session, index, _GROUPS.format(**parts), by_place=True)
    return _look_up_some(session, index, pages, spelled, search)


def _look_up_some(session: Session, index: Index, pages: int, spelled: Definition, search: _Search) -> Lookup:
    parts = _parts(index, spelled, search)
    session.ask(_manners(by_place="on", by_entry="off"))
    pairs: list[tuple[str, str]] = []
    is_all = index.method != "brin" and pages <= MOST_PAGES
    if index.method == "brin":
        for question in _bounds(index, pages, parts, search):
            pairs += session.ask(question)
    else:
        share = min(100.0, 100.0 * MOST_ROWS / max(pages, 1))
        pairs += session.ask(_SOME_ROWS.format(**parts, share=sql.Literal(share), most=sql.Literal(MOST_ROWS)))
        is_all = is_all and len(pairs) < MOST_ROWS
    pairs = [(place, key) for place, key in pairs if key]
    if not is_all:
        # A key that many rows have leads to all of them: each is searched once.
        pairs = list({key: (place, key) for place, key in pairs}.values())
    if not pairs:
        return Lookup(searched=None if is_all else 0)
    question = _PLACES.format(
        **parts,
        places=sql.Literal([place for place, _ in pairs]),
        keys=sql.Literal([key for _, key in pairs]),
        kind=sql.SQL("pg_catalog.tsquery" if search.is_of_words else spelled.kinds[0]),
    )
    found = _judge(session, index, question, by_place=False)
    return found if found.trouble or found.why_not else Lookup(searched=None if is_all else len(pairs))


def _judge(session: Session, index: Index, question: sql.Composed, *, by_place: bool) -> Lookup:
    for by_entry in ("on", "off"):
        session.ask(_manners(by_place="on" if by_place else "off", by_entry=by_entry))
        [[plan]] = session.ask(_PLAN + question)
        if [name for name in scans_of(plan) if name] == [index.index] and len(scans_of(plan)) == 1 + by_place:
            [[wrong]] = session.ask(question)
            what = "keys lead to fewer or more rows by the index than in the table"
            return Lookup(f"{wrong:,} {what if by_place else 'rows are not found by the index'}" if wrong else "")
    return Lookup(why_not="the planner prefers another index for the same search, and cannot be made to use this one")


def _parts(index: Index, spelled: Definition, search: _Search) -> dict[str, sql.Composable]:
    key = spelled.keys[0]
    return {
        "key": _WORDS.format(key=key) if search.is_of_words else key,
        "searched": key,
        "table": sql.Identifier(*index.table),
        "inside": spelled.predicate or sql.SQL("true"),
        "where": spelled.condition,
        "joint": sql.SQL("AND" if spelled.predicate else "WHERE"),
        "sign": search.sign,
    }


def _bounds(index: Index, pages: int, parts: dict[str, sql.Composable], search: _Search) -> Iterator[sql.Composed]:
    """For ranges that lie evenly over the table: the rows with the least and the greatest key, else any row."""
    number = max(-(-pages // index.range_pages), 1)
    step = max(-(-number // MOST_RANGES), 1)
    for start in range(0, number, step):
        place = {"first": f"({start * index.range_pages},0)", "end": f"({(start + 1) * index.range_pages},0)"}
        ends = {name: sql.Literal(each) for name, each in place.items()}
        ways = ("ASC", "DESC") if search.has_bounds else ()
        orders: list[sql.Composable] = [sql.SQL("ORDER BY {} {}").format(parts["key"], sql.SQL(way)) for way in ways]
        orders = orders or [sql.SQL("")]
        yield _BOTH.join([_BOUND.format(**parts, **ends, order=order) for order in orders])


def _manners(*, by_place: str, by_entry: str) -> sql.Composed:
    """How the planner may reach a row: ``on`` or ``off`` for its place and for an index's entry, and never by other ways."""
    off = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_material", "enable_memoize")
    on = ("enable_bitmapscan", "enable_indexonlyscan")
    chosen = {"enable_tidscan": by_place, "enable_indexscan": by_entry}
    return set_known(dict.fromkeys(off, "off") | dict.fromkeys(on, "on") | chosen, is_local=True)
