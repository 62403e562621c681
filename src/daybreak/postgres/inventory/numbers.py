"""The questions of an inventory that read more than the catalog: how far sequences are, and whether tables are analyzed.

The law: a table is read only where an index answers at once or where it is small; what was not read is named, never guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta

from psycopg import sql

from daybreak.errors import DaybreakError
from daybreak.postgres.inventory.questions import Question, spell
from daybreak.postgres.session import Session

SMALL = 64 * 1024 * 1024
"""The largest table, in bytes, that we read through for the highest value of a column that no index leads with."""

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
           'owned by', (SELECT pg_catalog.format('%I.%I.%I', tn.nspname, t.relname, a.attname)
                        FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
                        JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
                        JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
                        WHERE d.classid = <catalog pg_class> AND d.objid = c.oid AND d.refclassid = <catalog pg_class>
                          AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 LIMIT 1),
           'at', CASE WHEN c.oid <busy> OR NOT pg_catalog.has_sequence_privilege(c.oid, 'SELECT, USAGE') THEN 'unread'
                      ELSE coalesce(pg_catalog.pg_sequence_last_value(c.oid)::text, 'unused') END)
FROM pg_catalog.pg_sequence s
JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't' AND <users> AND <own pg_class c.oid>
""".replace("<busy>", _BUSY)

_FEEDS = spell(
    """
SELECT f.seq::bigint, n.nspname::text, c.relname::text, a.attname::text, s.seqincrement < 0,
       CASE WHEN c.oid <busy> THEN 'somebody has locked it'
            WHEN NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') THEN 'it may not be read'
            WHEN pg_catalog.row_security_active(c.oid) THEN 'its row security hides rows'
            WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
                             JOIN pg_catalog.pg_am m ON m.oid = ic.relam
                             WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = a.attnum
                               AND m.amname = 'btree')
                 AND (c.relkind = 'p' OR c.relhassubclass OR pg_catalog.pg_relation_size(c.oid) > {small})
                 THEN 'no index leads with it' ELSE '' END
FROM (SELECT d.objid AS seq, d.refobjid AS rel, d.refobjsubid AS num FROM pg_catalog.pg_depend d
      WHERE d.classid = <catalog pg_class> AND d.refclassid = <catalog pg_class> AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
      UNION
      SELECT d.refobjid, k.adrelid, k.adnum FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef k ON k.oid = d.objid
      WHERE d.classid = <catalog pg_attrdef> AND d.refclassid = <catalog pg_class>) f
JOIN pg_catalog.pg_sequence s ON s.seqrelid = f.seq
JOIN pg_catalog.pg_class c ON c.oid = f.rel JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = f.rel AND a.attnum = f.num
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND <users>
  AND CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
      IN ('int2'::pg_catalog.regtype, 'int4'::pg_catalog.regtype, 'int8'::pg_catalog.regtype, 'numeric'::pg_catalog.regtype)
ORDER BY f.seq, n.nspname, c.relname, a.attnum
""".replace("<busy>", _BUSY)
).format(small=sql.Literal(SMALL))

_FARTHEST = sql.SQL("SELECT pg_catalog.{fold}({column})::text FROM {table}")

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


def farthest_by_sequence(session: Session, guarded: Callable[[Callable[[], str]], str]) -> dict[int, dict[str, str]]:
    """For each sequence, by object id: the farthest value in each column that it feeds, or why that was not read.

    ``guarded`` asks one question so that a failure leaves the transaction whole, and raises that failure.
    The facts are named ``farthest in <column>`` and ``unread <column>``.
    """
    found: defaultdict[int, dict[str, str]] = defaultdict(dict)
    reserve = session.limits.whole * _RESERVE
    for seq, schema, table, column, is_descending, why in session.ask(_FEEDS):
        name = f"{schema}.{table}.{column}"
        if why or session.left < reserve:
            found[seq][f"unread {name}"] = why or "no time was left"
            continue
        question = _FARTHEST.format(
            fold=sql.Identifier("min" if is_descending else "max"),
            column=sql.Identifier(column),
            table=sql.Identifier(schema, table),
        )

        def ask(question: sql.Composed = question) -> str:
            return str(session.ask(question)[0][0] or "")

        try:
            found[seq][f"farthest in {name}"] = guarded(ask)
        except DaybreakError as error:
            if not session.is_open or session.left <= timedelta(0):
                raise
            found[seq][f"unread {name}"] = error.message
    return dict(found)
