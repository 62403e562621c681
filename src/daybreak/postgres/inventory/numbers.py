"""The questions of an inventory that read more than the catalog: how far sequences are, and whether tables are analyzed.

The law: a table is read only where an index answers at once or where it is small; what was not read is named, never guessed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any

from psycopg import sql

from daybreak.errors import DaybreakError
from daybreak.model.inventory import HIDDEN
from daybreak.postgres.inventory.questions import Question, spell
from daybreak.postgres.session import Session
from daybreak.postgres.shares import ask_in_shares

SMALL = 64 * 1024 * 1024
"""How many bytes, of all such tables together, we read for the highest value of a column that no index leads with."""

_ELSEWHERE = "elsewhere"

_RESERVE = 0.25
"""The share of a session's time that we keep for the kinds after the sequences."""

_BUSY = (
    "IN (SELECT k.relation FROM pg_catalog.pg_locks k WHERE k.relation IS NOT NULL AND k.mode IN "
    "('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))"
)

_SEQUENCES = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.oid::bigint, s.xmin::text::bigint, <catalog pg_class>,
       pg_catalog.jsonb_build_object('type', pg_catalog.format_type(s.seqtypid, NULL), 'start', s.seqstart, 'least', s.seqmin,
           'most', s.seqmax, 'step', s.seqincrement, 'cycles', s.seqcycle, 'cache', s.seqcache,
           'persistence', CASE WHEN c.relpersistence = 'u' THEN 'unlogged' END,
           'owned by', (SELECT pg_catalog.format('%I.%I.%I', tn.nspname, t.relname, a.attname)
                        FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
                        JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
                        JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
                        WHERE d.classid = <catalog pg_class> AND d.objid = c.oid AND d.refclassid = <catalog pg_class>
                          AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 LIMIT 1))
FROM pg_catalog.pg_sequence s
JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't' AND <users> AND <own pg_class c.oid>
"""

_POSITIONS = spell(
    """
SELECT c.oid::bigint, CASE WHEN c.oid <busy> OR NOT pg_catalog.has_sequence_privilege(c.oid, 'SELECT, USAGE') THEN 'unread'
                           ELSE coalesce(pg_catalog.pg_sequence_last_value(c.oid)::text, 'unused') END
FROM pg_catalog.pg_class c WHERE c.oid = ANY (%s::bigint[]::oid[])
""".replace("<busy>", _BUSY)
)
"""PostgreSQL keeps the lock on each sequence until the transaction ends, whatever savepoint is gone back to."""

_FEEDS = spell("""
SELECT f.seq::bigint, n.nspname::text, c.relname::text, a.attname::text, s.seqincrement < 0, c.oid::bigint, c.relhassubclass
FROM (SELECT d.objid AS seq, d.refobjid AS rel, d.refobjsubid AS num FROM pg_catalog.pg_depend d
      WHERE d.classid = <catalog pg_class> AND d.refclassid = <catalog pg_class> AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
      UNION
      SELECT d.refobjid, k.adrelid, k.adnum FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef k ON k.oid = d.objid
      WHERE d.classid = <catalog pg_attrdef> AND d.refclassid = <catalog pg_class>) f
JOIN pg_catalog.pg_sequence s ON s.seqrelid = f.seq
JOIN pg_catalog.pg_class c ON c.oid = f.rel JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = f.rel AND a.attnum = f.num
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND <users>
  AND CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
      IN ('int2'::pg_catalog.regtype, 'int4'::pg_catalog.regtype, 'int8'::pg_catalog.regtype, 'numeric'::pg_catalog.regtype)
ORDER BY f.seq, n.nspname, c.relname, a.attnum
""")
"""Each column that a sequence feeds. A partition has a sequence of its own too where somebody gave it one."""

_HEIRS = sql.SQL("""
WITH RECURSIVE heirs (root, leaf) AS (
    SELECT r, r FROM pg_catalog.unnest(%s::bigint[]::oid[]) AS r
    UNION
    SELECT h.root, i.inhrelid FROM heirs h JOIN pg_catalog.pg_inherits i ON i.inhparent = h.leaf
)
SELECT root::bigint, leaf::bigint FROM heirs
""")

_READABLE = spell("""
SELECT c.oid::bigint, a.attname::text, n.nspname::text, c.relname::text,
       CASE WHEN c.oid IN (SELECT k.relation FROM pg_catalog.pg_locks k WHERE k.relation IS NOT NULL AND k.mode IN
                               ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
                 THEN 'somebody has locked it'
            WHEN c.relkind = 'f' THEN 'elsewhere'
            WHEN NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') THEN 'it may not be read'
            WHEN pg_catalog.row_security_active(c.oid) THEN {hidden} ELSE '' END, a.attnum::int
FROM ROWS FROM (pg_catalog.unnest(%s::bigint[]::oid[]), pg_catalog.unnest(%s::text[])) AS w (oid, name)
JOIN pg_catalog.pg_class c ON c.oid = w.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = w.name AND NOT a.attisdropped
WHERE c.relkind <> 'p'
""").format(hidden=sql.Literal(HIDDEN))
"""Whether a column of a table can be read; a foreign table's rows are on another server, which is not asked.

A partitioned table is read partition by partition: in one statement it would lock all of them with all their indexes.
"""

_INDEXES = sql.SQL("""
SELECT i.indrelid::bigint, count(*),
       pg_catalog.array_agg(i.indkey[0]::int) FILTER (WHERE i.indisvalid AND i.indpred IS NULL AND m.amname = 'btree')
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam
WHERE i.indrelid = ANY (%s::bigint[]::oid[]) GROUP BY 1
""")
"""How many indexes a table has, and the columns that one which holds every row leads with."""

_SIZES = sql.SQL("""
SELECT c.oid::bigint, coalesce(pg_catalog.pg_relation_size(c.oid), 0)
FROM pg_catalog.pg_class c WHERE c.oid = ANY (%s::bigint[]::oid[])
""")

_FARTHEST = sql.SQL("SELECT {number}, (SELECT pg_catalog.{fold}({column})::text FROM ONLY {table})")
_UNION = sql.SQL(" UNION ALL ")

_STATISTICS = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.oid::bigint, NULL::bigint, <catalog pg_class>,
       pg_catalog.jsonb_build_object(
           'collected', st.tablename IS NOT NULL,
           'readable', pg_catalog.has_any_column_privilege(c.oid, 'SELECT') AND NOT pg_catalog.row_security_active(c.oid),
           'has data', CASE WHEN st.tablename IS NOT NULL OR c.reltuples > 0 OR c.relpages > 0 THEN true
                            WHEN c.oid <busy> THEN NULL ELSE pg_catalog.pg_relation_size(c.oid) > 0 END,
           'last analyzed', greatest(u.last_analyze, u.last_autoanalyze))
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (SELECT DISTINCT x.schemaname, x.tablename FROM pg_catalog.pg_stats x) st
       ON st.schemaname = n.nspname AND st.tablename = c.relname
LEFT JOIN pg_catalog.pg_stat_all_tables u ON u.relid = c.oid
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND <users> AND <own pg_class c.oid>
""".replace("<busy>", _BUSY)

NUMBERS: tuple[Question, ...] = (
    Question("sequence", spell(_SEQUENCES)),
    Question("statistics", spell(_STATISTICS)),
)
"""The questions about sequences and statistics, in the order in which they are asked."""


@dataclass(frozen=True)
class _Feed:
    """A column that a sequence feeds, in one table that has rows of it."""

    seq: int
    name: str
    """The column with schema and table; of a partition, those of the table that it is a part of."""
    oid: int
    schema: str
    table: str
    column: str
    is_descending: bool
    why: str
    """Why it cannot be read, or ``elsewhere``; empty where it can."""
    locks: int
    scanned: int
    """How many bytes are read where no index leads with the column."""

    def question(self, number: int) -> sql.Composed:
        """The farthest value, beside a number."""
        return _FARTHEST.format(
            number=sql.Literal(number),
            fold=sql.Identifier("min" if self.is_descending else "max"),
            column=sql.Identifier(self.column),
            table=sql.Identifier(self.schema, self.table),
        )


GuardedAsk = Callable[[Callable[[], list[tuple[Any, ...]]]], list[tuple[Any, ...]]]
"""Asks one question; gives its locks back, leaves the transaction whole, and raises what the question raised."""


def farthest_by_sequence(session: Session, guarded: GuardedAsk) -> dict[int, dict[str, str]]:
    """For each sequence, by object id: the farthest value in each column that it feeds, or why that was not read.

    The facts are named ``farthest in <column>``, ``unread <column>``, ``elsewhere <column>`` for rows on another server, and
    ``uncounted <column>`` for large tables that no index answers for: their object ids, and the column, as JSON.
    """
    feeds = _feeds(session, guarded)
    unread = {(feed.seq, feed.name): feed.why for feed in feeds if feed.why and feed.why != _ELSEWHERE}
    large = _too_large(feeds)
    todo = [feed for feed in feeds if not feed.why and feed.oid not in large]
    values: defaultdict[tuple[int, str], list[str]] = defaultdict(list)

    def read(some: Sequence[_Feed]) -> None:
        if session.left < session.limits.whole * _RESERVE:
            unread.update(dict.fromkeys(((feed.seq, feed.name) for feed in some), "no time was left"))
            return
        question = _UNION.join(feed.question(number) for number, feed in enumerate(some))
        for number, value in guarded(lambda: session.ask(question)):
            values[some[number].seq, some[number].name].append(value or "")

    def give_up(feed: _Feed, error: DaybreakError) -> None:
        unread[feed.seq, feed.name] = error.message

    ask_in_shares(session, todo, [feed.locks for feed in todo], read, give_up)
    facts: defaultdict[int, dict[str, str]] = defaultdict(dict)
    uncounted: defaultdict[tuple[int, str, str], list[int]] = defaultdict(list)
    for feed in feeds:
        key, of = (feed.seq, feed.name), facts[feed.seq]
        if key in unread:
            of[f"unread {feed.name}"] = unread[key]
        if key in values or not (feed.why or feed.oid in large or key in unread):
            of[f"farthest in {feed.name}"] = _farthest(values[key], is_descending=feed.is_descending)
        if feed.why == _ELSEWHERE:
            of[f"elsewhere {feed.name}"] = "its rows are on another server"
        elif feed.oid in large and not feed.why:
            uncounted[feed.seq, feed.name, feed.column].append(feed.oid)
    for (seq, name, column), oids in uncounted.items():
        facts[seq][f"uncounted {name}"] = json.dumps({"column": column, "tables": oids})
    return dict(facts)


def _too_large(feeds: Sequence[_Feed]) -> frozenset[int]:
    """The tables that would have to be read through and are not: of all such ones the smallest are read, up to ``SMALL``."""
    sizes = {feed.oid: feed.scanned for feed in feeds if feed.scanned and not feed.why}
    running = accumulate(sorted(sizes.values()))
    order = sorted(sizes, key=lambda oid: (sizes[oid], oid))
    return frozenset(oid for oid, whole in zip(order, running, strict=True) if whole > SMALL)


def _feeds(session: Session, guarded: GuardedAsk) -> list[_Feed]:
    """Each column that a sequence feeds, in each table that has rows of it."""
    fed = guarded(lambda: session.ask(_FEEDS))
    roots = sorted({root for *_, root, has_heirs in fed if has_heirs})
    heirs: defaultdict[int, list[int]] = defaultdict(list)
    for root, leaf in guarded(lambda: session.ask(_HEIRS, (roots,))) if roots else ():
        heirs[root].append(leaf)
    # A partition that has its parent's sequence is a part of its parent.
    within = {(seq, column, leaf) for seq, _, _, column, _, root, _ in fed for leaf in heirs[root] if leaf != root}
    fed = [each for each in fed if (each[0], each[3], each[5]) not in within]
    wanted = sorted({(leaf, column) for _, _, _, column, _, root, _ in fed for leaf in heirs[root] or [root]})
    oids, names = [oid for oid, _ in wanted], [name for _, name in wanted]
    readable = guarded(lambda: session.ask(_READABLE, (oids, names)))
    indexes = {oid: (number, leads or []) for oid, number, leads in guarded(lambda: session.ask(_INDEXES, (oids,)))}
    scanned = [oid for oid, *_, why, column in readable if not why and column not in indexes.get(oid, (0, []))[1]]
    sizes: dict[int, int] = dict(guarded(lambda: session.ask(_SIZES, (scanned,)))) if scanned else {}
    known = {
        (oid, name): (schema, table, why, 1 + indexes.get(oid, (0, []))[0], sizes.get(oid, 0))
        for oid, name, schema, table, why, _ in readable
    }
    return [
        _Feed(seq, _name_of(schema, table, column), leaf, there, of, column, is_descending, why, locks, size)
        for seq, schema, table, column, is_descending, root, _ in fed
        for leaf in heirs[root] or [root]
        if (leaf, column) in known
        for there, of, why, locks, size in [known[leaf, column]]
    ]


def _name_of(schema: str, table: str, column: str) -> str:
    return f"{schema}.{table}.{column}"


def _farthest(values: Sequence[str], *, is_descending: bool) -> str:
    """The farthest of some numbers as text; empty where there is none. PostgreSQL takes NaN for the highest."""
    known = sorted(
        (each for each in values if each), key=lambda each: (each == "NaN", Decimal(each) if each != "NaN" else 0)
    )
    return known[0 if is_descending else -1] if known else ""


def positions(session: Session, sequences: Sequence[int]) -> dict[int, dict[str, str]]:
    """How far each sequence is, by object id: the fact ``at``, and the server's words where it could not say.

    ``unread`` is where that may not be asked. Call it outside a transaction.
    """
    found: dict[int, dict[str, str]] = {}

    def read(some: Sequence[int]) -> None:
        found.update({sequence: {"at": at} for sequence, at in session.ask(_POSITIONS, (list(some),))})
        session.look_around()

    def give_up(sequence: int, error: DaybreakError) -> None:
        found[sequence] = {"at": "unread", "unread its position": error.message}

    ask_in_shares(session, sequences, [1] * len(sequences), read, give_up)
    return found
