"""What the catalogs of a scratch database say of a table and of all that belongs to it, row by row.

Every name is quoted by the server, and every expression is written by it from the tree that it keeps. All of it is asked with a search
path of the server's own, so what is written has its schema.
"""

from __future__ import annotations

from typing import NamedTuple

from psycopg import sql

from daybreak.postgres.session import Session

_TABLE = sql.SQL("""
SELECT c.oid::bigint, c.relkind::text, c.relpersistence::text, coalesce(c.reloptions, '{}')::text[], c.relrowsecurity, c.relforcerowsecurity,
    c.relreplident::text, coalesce(am.amname::text, 'heap'), pg_catalog.pg_get_partkeydef(c.oid), p.partexprs::text,
    (SELECT bool_and(o.oid < 12000) FROM pg_catalog.unnest(p.partclass) AS k (oid) JOIN pg_catalog.pg_opclass o ON o.oid = k.oid),
    pg_catalog.pg_get_expr(c.relpartbound, c.oid), c.relpartbound::text,
    ARRAY(SELECT pg_catalog.format('%%I.%%I', x.nspname, u.relname) FROM pg_catalog.pg_inherits i
          JOIN pg_catalog.pg_class u ON u.oid = i.inhparent JOIN pg_catalog.pg_namespace x ON x.oid = u.relnamespace
          WHERE i.inhrelid = c.oid AND NOT c.relispartition ORDER BY i.inhseqno),
    coalesce((SELECT i.relname::text FROM pg_catalog.pg_index r JOIN pg_catalog.pg_class i ON i.oid = r.indexrelid
              WHERE r.indrelid = c.oid AND r.indisreplident), ''),
    (SELECT pg_catalog.format('%%I.%%I', x.nspname, u.relname) FROM pg_catalog.pg_inherits i
     JOIN pg_catalog.pg_class u ON u.oid = i.inhparent JOIN pg_catalog.pg_namespace x ON x.oid = u.relnamespace
     WHERE i.inhrelid = c.oid AND c.relispartition)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid
WHERE n.nspname = %s AND c.relname = %s
""")
_PARTS = sql.SQL("""
SELECT n.nspname::text, c.relname::text, u.relname::text, y.nspname::text
FROM pg_catalog.pg_partition_tree(%s::oid) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class u ON u.oid = t.parentrelid JOIN pg_catalog.pg_namespace y ON y.oid = u.relnamespace
WHERE t.level > 0 ORDER BY t.level, 1, 2
""")
_COLUMNS = sql.SQL("""
SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid::bigint, a.attnotnull, a.attidentity::text,
    a.attgenerated::text, CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text ELSE '' END, a.attcompression::text,
    CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::bigint ELSE 0 END,
    coalesce((SELECT pg_catalog.format('%%I.%%I', n.nspname, c.collname) FROM pg_catalog.pg_collation c
              JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = a.attcollation), ''),
    coalesce(a.attstattarget, -1)::integer, d.oid::bigint, d.adbin::text, pg_catalog.pg_get_expr(d.adbin, d.adrelid),
    (SELECT pg_catalog.format('nextval(%%L::regclass)', s.oid::regclass::text) FROM pg_catalog.pg_depend e
     JOIN pg_catalog.pg_class s ON s.oid = e.refobjid AND s.relkind = 'S'
     WHERE e.classid = 'pg_catalog.pg_attrdef'::regclass AND e.objid = d.oid AND e.refclassid = 'pg_catalog.pg_class'::regclass LIMIT 1),
    (SELECT s.oid::bigint FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_class s ON s.oid = e.refobjid AND s.relkind = 'S'
     WHERE e.classid = 'pg_catalog.pg_attrdef'::regclass AND e.objid = d.oid AND e.refclassid = 'pg_catalog.pg_class'::regclass LIMIT 1),
    (SELECT s.oid::bigint FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_class s ON s.oid = e.objid AND s.relkind = 'S'
     WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.refclassid = 'pg_catalog.pg_class'::regclass
       AND e.refobjid = a.attrelid AND e.refobjsubid = a.attnum AND e.deptype IN ('a', 'i') ORDER BY e.deptype DESC LIMIT 1),
    coalesce(a.attoptions, '{}')::text[]
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
""")
_SEQUENCE = sql.SQL("""
SELECT n.nspname::text, c.relname::text, pg_catalog.format_type(q.seqtypid, NULL),
    pg_catalog.format('INCREMENT BY %%s MINVALUE %%s MAXVALUE %%s START WITH %%s CACHE %%s %%s', q.seqincrement, q.seqmin, q.seqmax,
        q.seqstart, q.seqcache, CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END), c.relpersistence::text,
    EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'a'
            AND e.refclassid = 'pg_catalog.pg_class'::regclass AND e.refobjsubid > 0)
FROM pg_catalog.pg_sequence q JOIN pg_catalog.pg_class c ON c.oid = q.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE q.seqrelid = %s
""")
_CONSTRAINTS = sql.SQL("""
SELECT k.oid::bigint, k.conname::text, k.contype::text, pg_catalog.pg_get_constraintdef(k.oid), k.conbin::text, k.convalidated,
    coalesce(i.indexrelid, 0)::bigint
FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')
WHERE k.conrelid = %s AND k.contype IN ('c', 'p', 'u', 'x', 'f') AND (k.contype <> 'f' OR k.conparentid = 0)
ORDER BY k.contype = 'f', k.conname
""")
_INDEXES = sql.SQL("""
SELECT i.indexrelid::bigint, n.nspname::text, c.relname::text, pg_catalog.pg_get_indexdef(i.indexrelid),
    pg_catalog.format('CREATE %%sINDEX %%I ON %%s%%I.%%I USING ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname,
        CASE WHEN c.relkind = 'I' THEN 'ONLY ' ELSE '' END, n.nspname, t.relname),
    i.indisunique, pg_catalog.concat_ws(' ', i.indexprs::text, i.indpred::text),
    am.oid < 10000 AND NOT EXISTS (
        SELECT FROM pg_catalog.unnest(i.indclass) AS k (oid) WHERE k.oid >= 12000 AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_opclass'::regclass AND e.objid = k.oid AND e.deptype = 'e')),
    EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_am am ON am.oid = c.relam
WHERE i.indrelid = %s ORDER BY 2, 3
""")
_COMMENTS = sql.SQL("""
SELECT d.objsubid, pg_catalog.quote_literal(d.description), a.attname::text
FROM pg_catalog.pg_description d
LEFT JOIN pg_catalog.pg_attribute a ON d.classoid = 'pg_catalog.pg_class'::regclass AND a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
WHERE d.classoid = %s::regclass AND d.objoid = %s::oid ORDER BY 1
""")
_BESIDE = sql.SQL("""
SELECT 'TRIGGER', t.tgname::text, pg_catalog.pg_get_triggerdef(t.oid) FROM pg_catalog.pg_trigger t
WHERE t.tgrelid = %(table)s AND NOT t.tgisinternal AND t.tgparentid = 0
UNION ALL SELECT 'RULE', r.rulename::text, pg_catalog.pg_get_ruledef(r.oid) FROM pg_catalog.pg_rewrite r WHERE r.ev_class = %(table)s
UNION ALL SELECT 'STATISTICS', s.stxname::text, pg_catalog.pg_get_statisticsobjdef(s.oid) FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = %(table)s
UNION ALL SELECT 'POLICY', p.polname::text, pg_catalog.format('CREATE POLICY %%I ON %%s AS %%s FOR %%s TO %%s%%s%%s', p.polname, p.polrelid::regclass,
    CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
    CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
    coalesce((SELECT pg_catalog.string_agg(pg_catalog.quote_ident(o.rolname), ', ') FROM pg_catalog.pg_roles o WHERE o.oid = ANY (p.polroles)), 'PUBLIC'),
    coalesce(' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', ''),
    coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')) FROM pg_catalog.pg_policy p WHERE p.polrelid = %(table)s
ORDER BY 1, 2
""")


class RelationRow(NamedTuple):
    """A table, as the catalogs have it."""

    number: int
    kind: str
    persistence: str
    options: list[str]
    is_secured: bool
    is_secured_from_owner: bool
    identity: str
    method: str
    partition_key: str | None
    partition_trees: str | None
    has_plain_orders: bool | None
    bound: str | None
    bound_tree: str | None
    parents: list[str]
    identity_index: str
    parent: str | None


class ColumnRow(NamedTuple):
    """A column; its expression is a default, or what computes it."""

    name: str
    words: str
    type: int
    is_needed: bool
    identity: str
    generated: str
    storage: str
    compression: str
    collation: int
    collated: str
    target: int
    expression: int | None
    tree: str | None
    value: str | None
    next_value: str | None
    sequence: int | None
    own_sequence: int | None
    options: list[str]


class SequenceSettings(NamedTuple):
    """A sequence."""

    schema: str
    name: str
    type: str
    settings: str
    persistence: str
    is_owned: bool


class ConstraintRow(NamedTuple):
    """A constraint."""

    number: int
    name: str
    kind: str
    words: str
    tree: str | None
    is_valid: bool
    of_index: int


class IndexRow(NamedTuple):
    """An index."""

    number: int
    schema: str
    name: str
    words: str
    head: str
    is_unique: bool
    trees: str
    is_plain: bool
    is_constraint: bool


def read_table(session: Session, table: tuple[str, str]) -> RelationRow | None:
    """The relation of that name; ``None`` where there is none."""
    return next((RelationRow(*row) for row in session.ask(_TABLE, table)), None)


def read_parts(session: Session, number: int) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """The partitions below a table, at every level, each with the table that it is a part of; those above come first."""
    return [((schema, name), (of_schema, of)) for schema, name, of, of_schema in session.ask(_PARTS, (number,))]


def read_columns(session: Session, number: int) -> list[ColumnRow]:
    """The columns of a table, in its order."""
    return [ColumnRow(*row) for row in session.ask(_COLUMNS, (number,))]


def read_sequence(session: Session, number: int) -> SequenceSettings:
    """A sequence that is there."""
    [row] = session.ask(_SEQUENCE, (number,))
    return SequenceSettings(*row)


def read_constraints(session: Session, number: int) -> list[ConstraintRow]:
    """The constraints of a table, foreign keys last."""
    return [ConstraintRow(*row) for row in session.ask(_CONSTRAINTS, (number,))]


def read_indexes(session: Session, number: int) -> list[IndexRow]:
    """The indexes of a table."""
    return [IndexRow(*row) for row in session.ask(_INDEXES, (number,))]


def read_comments(session: Session, catalog: str, number: int) -> list[tuple[int, str, str | None]]:
    """The comments on an object and on its columns: the column's number, the text as a literal, the column's name."""
    return [(place, text, column) for place, text, column in session.ask(_COMMENTS, (catalog, number))]


def read_beside(session: Session, number: int) -> list[tuple[str, str, str]]:
    """What belongs to a table and is never made: its kind, its name, and its statement."""
    return [(kind, name, statement) for kind, name, statement in session.ask(_BESIDE, {"table": number})]
