"""What a table's fingerprint is made of: the form of each column in which two different values are never alike.

The law: the same rows give the same fingerprint on a physical copy, and one changed value gives another. Nothing that the
database's owner wrote is run for it: no cast, no operator, no expression of a virtual column, and of functions only those
of ``pg_catalog``.

Object ids go in. ``array_send`` writes the id of the element's type, ``record_send`` the id of each column's type,
``hash_record`` reads both; ``range_send``, ``multirange_send`` and ``enum_send`` write none. A clone is a physical copy and
has its source's ids, also after ``pg_upgrade``. A dump that was loaded elsewhere has others, so there fingerprints differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from psycopg import sql

from daybreak.model.answers import Table
from daybreak.postgres.rows import SPLITS_SINCE, Columns
from daybreak.postgres.session import Session

_COLUMNS_BEFORE_14 = sql.SQL("""
SELECT a.attrelid::bigint, a.attname::text, 'own', '', ''
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = ANY (%s::bigint[]::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
ORDER BY a.attrelid, a.attnum
""")
"""A server so old adds up the row's text, which is made of the output functions of its columns."""

_COLUMNS = sql.SQL("""
WITH RECURSIVE columns AS (
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid, coalesce(l.collisdeterministic, true) AS is_strict
    FROM pg_catalog.pg_attribute a
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
    WHERE a.attrelid = ANY (%s::bigint[]::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
), bases AS (
    SELECT DISTINCT atttypid AS kind, atttypid AS base FROM columns
    UNION
    SELECT b.kind, t.typbasetype FROM bases b JOIN pg_catalog.pg_type t ON t.oid = b.base WHERE t.typtype = 'd'
), inside AS (
    SELECT b.kind, b.base AS part FROM bases b
    UNION
    SELECT i.kind, n.part
    FROM inside i
    JOIN pg_catalog.pg_type t ON t.oid = i.part
    CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typtype = 'd'
        UNION ALL
        SELECT t.typelem WHERE t.typsend = 'pg_catalog.array_send'::regproc
        UNION ALL
        SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
    ) AS n (part)
), kinds AS (
    SELECT b.kind, t.*,
           NOT EXISTS (SELECT FROM inside i JOIN pg_catalog.pg_type p ON p.oid = i.part
                       WHERE i.kind = b.kind AND p.typsend = 0) AS is_sent,
           EXISTS (
               SELECT FROM pg_catalog.pg_opclass o
               JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod AND m.amname = 'btree'
               JOIN pg_catalog.pg_amproc p ON p.amprocfamily = o.opcfamily AND p.amproclefttype = o.opcintype
                    AND p.amprocrighttype = o.opcintype AND p.amprocnum = 4
               WHERE o.opcdefault AND o.opcintype = h.oid
                 AND p.amproc IN ('pg_catalog.btequalimage'::regproc, 'pg_catalog.btvarstrequalimage'::regproc)
           ) AND EXISTS (
               SELECT FROM pg_catalog.pg_opclass o
               JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod AND m.amname = 'hash'
               JOIN pg_catalog.pg_amproc p ON p.amprocfamily = o.opcfamily AND p.amproclefttype = o.opcintype
                    AND p.amprocrighttype = o.opcintype AND p.amprocnum = 2
               WHERE o.opcdefault AND o.opcintype = h.oid
           ) AS is_image
    FROM bases b
    JOIN pg_catalog.pg_type t ON t.oid = b.base AND t.typtype <> 'd'
    -- varchar has no operators of its own: it is compared as text.
    JOIN pg_catalog.pg_type h
      ON h.oid = CASE t.oid WHEN 'pg_catalog.varchar'::regtype THEN 'pg_catalog.text'::regtype ELSE t.oid END
)
SELECT c.attrelid::bigint, c.attname::text,
       CASE WHEN k.oid = 'pg_catalog.int8'::regtype THEN 'halves'
            WHEN k.typtype = 'e' AND p.is_of_copies THEN 'own'
            WHEN e.typtype = 'e' AND k.typsend = 'pg_catalog.array_send'::regproc AND p.is_of_copies THEN 'listed'
            WHEN k.is_image AND c.is_strict AND k.typnamespace = 'pg_catalog'::regnamespace AND k.typcategory <> 'A'
                 AND k.oid NOT IN ('pg_catalog.bpchar'::regtype, 'pg_catalog.timetz'::regtype)
                 AND (k.typlen <> 8 OR k.typcategory = 'D') THEN 'own'
            WHEN k.oid IN ('pg_catalog.jsonb'::regtype, 'pg_catalog.json'::regtype) THEN 'printed'
            WHEN NOT k.is_sent OR pg_catalog.current_setting('server_encoding') <> 'UTF8' THEN 'text'
            WHEN s.pronamespace = 'pg_catalog'::regnamespace
                 AND (s.proargtypes[0] = k.oid OR a.typtype = 'p' AND k.oid = k.kind) THEN 'sent'
            ELSE 'packed' END,
       coalesce(s.proname::text, ''), k.typname::text
FROM columns c
JOIN kinds k ON k.kind = c.atttypid
CROSS JOIN (VALUES (%s)) AS p (is_of_copies)
LEFT JOIN pg_catalog.pg_proc s ON s.oid = k.typsend
LEFT JOIN pg_catalog.pg_type e ON e.oid = k.typelem
LEFT JOIN pg_catalog.pg_type a ON a.oid = s.proargtypes[0]
ORDER BY c.attrelid, c.attnum
""")
"""A type's own hash is of what its equality compares. It stands for the value only where a btree may keep one of two equal
values (``equalimage``): of 1.50 and 1.5, two arrays with other bounds or two spellings of citext the hash is one.

Its exceptions: a bpchar's hash leaves out the blanks at the end, a timetz's may be that of NULL, and of eight bytes only four
go in, by which -1 and 4294967295 are alike; the bits that do so of two real times are of no pattern that a mistake has.

A label of an enum may be renamed, and no row is written for it: what a row holds is the label's object id, and that is
hashed, in arrays too, whose own hash leaves out the bounds. Within a composite or a range the label goes in.

A send function translates to the session's encoding, which fails for bytes that are none there; so elsewhere than under UTF8
the output function is used. Of json it says the same in less time.
"""

_FORMS = {
    "own": sql.SQL("{column}"),
    "listed": sql.SQL("{column}, pg_catalog.array_dims({column})"),
    "halves": sql.SQL("{column}, pg_catalog.int4(pg_catalog.int8shr({column}, 32))"),
    "printed": sql.SQL('pg_catalog.textin(pg_catalog.{output}({column})) COLLATE "C"'),
    "sent": sql.SQL("pg_catalog.{send}({column})"),
    "packed": sql.SQL("pg_catalog.record_send(ROW({column}))"),
    "text": sql.SQL('pg_catalog.textin(pg_catalog.record_out(ROW({column}))) COLLATE "C"'),
}
"""A row of one column reaches the column's own functions without their names, and so without a right to their schema."""


def columns_to_hash(
    session: Session,
    tables: Iterable[Table],
    *,
    left_out: Collection[str] = (),
    called: Mapping[str, str] | None = None,
    is_of_copies: bool = True,
) -> dict[int, Columns]:
    """What goes into the hash of each table's rows, by the table's object id; nothing of the columns ``left_out``.

    Databases that are no copies of each other (``is_of_copies``) number the labels of an enum differently, so labels go in.
    ``called`` is what another server calls each column, which is to be asked the same there.
    """
    oids = [table.oid for table in tables]
    found: dict[int, list[sql.Composable]] = {oid: [] for oid in oids}
    question = _COLUMNS if session.major >= SPLITS_SINCE else _COLUMNS_BEFORE_14
    asked = (oids, is_of_copies) if session.major >= SPLITS_SINCE else (oids,)
    for table, name, form, send, kind in session.ask(question, asked):
        if name in left_out:
            continue
        names = {"column": (called or {}).get(name, name), "send": send, "output": f"{kind}_out"}
        found[table].append(_FORMS[form].format(**{each: sql.Identifier(word) for each, word in names.items()}))
    return {table: sql.SQL(", ").join(each) for table, each in found.items()}
