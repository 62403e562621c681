"""What a scratch database has, held against an archive's list both ways: what is listed and not there, and what is there and not listed.

The law: whatever the throw-away role owns came from the archive, whichever catalog it is in, so the server's own record of owners is
asked. What has no owner of its own belongs to a table that has one. A thing that no entry lists was hidden in another one's statements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from psycopg import sql

from daybreak.archive.contents import ArchiveEntry
from daybreak.postgres.inventory.catalogs import WALKED
from daybreak.postgres.session import Session

# What a table, a type or another constraint brings along has no entry of its own, and is not counted as one that must be listed.
_OBJECTS = sql.SQL("""
WITH c AS (SELECT c.oid, c.relkind, n.nspname::text AS s, c.relname::text AS t, c.relowner = CURRENT_USER::regrole AS is_own
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%%')
SELECT CASE c.relkind WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
       WHEN 'S' THEN 'SEQUENCE' WHEN 'i' THEN 'INDEX' WHEN 'I' THEN 'INDEX' ELSE 'TABLE' END, c.s, c.t, 'pg_class', c.oid::bigint,
       c.is_own AND c.relkind IN ('i', 'I') AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
           WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')) FROM c
UNION ALL SELECT 'CONSTRAINT', c.s, c.t || ' ' || k.conname, 'pg_constraint', k.oid::bigint,
    c.is_own AND k.contype IN ('p', 'u', 'x', 'f') AND k.conparentid = 0
    FROM pg_catalog.pg_constraint k JOIN c ON c.oid = k.conrelid
UNION ALL SELECT 'CONSTRAINT', n.nspname, t.typname || ' ' || k.conname, 'pg_constraint', k.oid::bigint, false FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_type t ON t.oid = k.contypid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
UNION ALL SELECT 'TRIGGER', c.s, c.t || ' ' || g.tgname, 'pg_trigger', g.oid::bigint, c.is_own AND NOT g.tgisinternal
    AND coalesce((pg_catalog.to_jsonb(g) ->> 'tgparentid')::bigint, 0) = 0 FROM pg_catalog.pg_trigger g JOIN c ON c.oid = g.tgrelid
UNION ALL SELECT 'RULE', c.s, c.t || ' ' || r.rulename, 'pg_rewrite', r.oid::bigint, c.is_own AND r.rulename <> '_RETURN'
    FROM pg_catalog.pg_rewrite r JOIN c ON c.oid = r.ev_class
UNION ALL SELECT 'STATISTICS', n.nspname, x.stxname, 'pg_statistic_ext', x.oid::bigint, false FROM pg_catalog.pg_statistic_ext x
    JOIN pg_catalog.pg_namespace n ON n.oid = x.stxnamespace
UNION ALL SELECT 'POLICY', c.s, c.t || ' ' || p.polname, 'pg_policy', p.oid::bigint, c.is_own
    FROM pg_catalog.pg_policy p JOIN c ON c.oid = p.polrelid
UNION ALL SELECT 'DEFAULT', c.s, c.t || ' ' || a.attname, 'pg_attrdef', d.oid::bigint, false FROM pg_catalog.pg_attrdef d JOIN c ON c.oid = d.adrelid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
UNION ALL SELECT CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, n.nspname, t.typname, 'pg_type', t.oid::bigint, false
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
UNION ALL SELECT 'SCHEMA', '', n.nspname, 'pg_namespace', n.oid::bigint, false FROM pg_catalog.pg_namespace n
UNION ALL SELECT 'EXTENSION', '', e.extname, 'pg_extension', e.oid::bigint, false FROM pg_catalog.pg_extension e
UNION ALL SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END, n.nspname,
    p.proname || '(' || CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*' ELSE pg_catalog.oidvectortypes(p.proargtypes) END || ')',
    'pg_proc', p.oid::bigint, false FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL SELECT 'OPERATOR', n.nspname, o.oprname, 'pg_operator', o.oid::bigint, false
    FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace WHERE n.nspname <> 'pg_catalog'
UNION ALL SELECT 'COLLATION', n.nspname, l.collname, 'pg_collation', l.oid::bigint, false
    FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace WHERE n.nspname <> 'pg_catalog'
UNION ALL SELECT 'CONVERSION', n.nspname, v.conname, 'pg_conversion', v.oid::bigint, false
    FROM pg_catalog.pg_conversion v JOIN pg_catalog.pg_namespace n ON n.oid = v.connamespace WHERE n.nspname <> 'pg_catalog'
UNION ALL SELECT 'TEXT SEARCH DICTIONARY', n.nspname, d.dictname, 'pg_ts_dict', d.oid::bigint, false
    FROM pg_catalog.pg_ts_dict d JOIN pg_catalog.pg_namespace n ON n.oid = d.dictnamespace WHERE n.nspname <> 'pg_catalog'
UNION ALL SELECT 'TEXT SEARCH CONFIGURATION', n.nspname, f.cfgname, 'pg_ts_config', f.oid::bigint, false
    FROM pg_catalog.pg_ts_config f JOIN pg_catalog.pg_namespace n ON n.oid = f.cfgnamespace WHERE n.nspname <> 'pg_catalog'
UNION ALL SELECT 'LARGE OBJECT', '', m.oid::text, 'pg_largeobject', m.oid::bigint, false FROM pg_catalog.pg_largeobject_metadata m
UNION ALL SELECT 'CAST', '', 'CAST (' || pg_catalog.format_type(s.castsource, NULL) || ' AS '
    || pg_catalog.format_type(s.casttarget, NULL) || ')', 'pg_cast', s.oid::bigint, NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
        WHERE e.classid = 'pg_catalog.pg_cast'::regclass AND e.objid = s.oid AND e.deptype IN ('e', 'i'))
    FROM pg_catalog.pg_cast s WHERE s.oid >= 16384
UNION ALL SELECT 'TRANSFORM', '', 'TRANSFORM FOR ' || pg_catalog.format_type(r.trftype, NULL) || ' LANGUAGE ' || l.lanname, 'pg_transform',
    r.oid::bigint, NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
        WHERE e.classid = 'pg_catalog.pg_transform'::regclass AND e.objid = r.oid AND e.deptype IN ('e', 'i'))
    FROM pg_catalog.pg_transform r JOIN pg_catalog.pg_language l ON l.oid = r.trflang
""")
_OWNED = sql.SQL("""
SELECT o.classid::regclass::text, o.objid::bigint, coalesce(i.type || ' ' || i.identity, o.classid::regclass::text || ' ' || o.objid)
FROM pg_catalog.pg_shdepend o
LEFT JOIN LATERAL pg_catalog.pg_identify_object(o.classid, o.objid, 0) i ON true
WHERE o.refclassid = 'pg_catalog.pg_authid'::regclass AND o.refobjid = CURRENT_USER::regrole AND o.deptype = 'o'
    AND o.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend b
        WHERE b.classid = o.classid AND b.objid = o.objid AND b.objsubid = 0 AND b.deptype = 'i')
""")
BY_NAME = {
    "TABLE": "TABLE", "FOREIGN TABLE": "FOREIGN TABLE", "VIEW": "VIEW", "MATERIALIZED VIEW": "MATERIALIZED VIEW",
    "SEQUENCE": "SEQUENCE", "INDEX": "INDEX", "CONSTRAINT": "CONSTRAINT", "CHECK CONSTRAINT": "CONSTRAINT",
    "FK CONSTRAINT": "CONSTRAINT", "TRIGGER": "TRIGGER", "POLICY": "POLICY", "DEFAULT": "DEFAULT", "TYPE": "TYPE",
    "DOMAIN": "DOMAIN", "SCHEMA": "SCHEMA", "EXTENSION": "EXTENSION",
    "RULE": "RULE", "STATISTICS": "STATISTICS",
}  # fmt: skip
"""The kinds of entries whose name says which thing it is, and under which kind the catalogs have them."""
LISTED = {
    **BY_NAME, "FUNCTION": "FUNCTION", "PROCEDURE": "PROCEDURE", "AGGREGATE": "AGGREGATE", "OPERATOR": "OPERATOR",
    "COLLATION": "COLLATION", "CONVERSION": "CONVERSION", "TEXT SEARCH DICTIONARY": "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH CONFIGURATION": "TEXT SEARCH CONFIGURATION", "CAST": "CAST", "TRANSFORM": "TRANSFORM",
    "BLOB": "LARGE OBJECT", "BLOB METADATA": "LARGE OBJECT",
}  # fmt: skip
"""The kinds of entries that make a thing; of operators several may have one name."""


class ObjectThere(NamedTuple):
    """A thing that a scratch database has."""

    label: str
    catalog: str
    oid: int
    is_of_table: bool
    """Whether it has no owner but its table's, or none at all, and an archive lists it all the same."""


def read_objects(session: Session) -> tuple[ObjectThere, ...]:
    """All that a scratch database has, but for the server's own; asked as the throw-away role."""
    return tuple(
        ObjectThere(_label(kind, schema, name), catalog, oid, is_of_table)
        for kind, schema, name, catalog, oid, is_of_table in session.ask(_OBJECTS)
    )


def labels_of(entry: ArchiveEntry) -> tuple[str, ...]:
    """What an entry of a kind that is listed makes, as ``read_objects`` calls it."""
    kind = LISTED[entry.kind]
    if kind == "LARGE OBJECT":
        text = entry.name if entry.kind == "BLOB" else entry.definition
        return tuple(_label(kind, "", each) for each in text.split() if each.isascii() and each.isdecimal())
    return (_label(kind, "" if kind in ("CAST", "TRANSFORM") else entry.schema, entry.name),)


def beyond_list(session: Session, there: Sequence[ObjectThere], entries: Iterable[ArchiveEntry]) -> tuple[str, ...]:
    """What is there and in no entry of the list, and who may do what with a thing there though nothing was given yet.

    An archive is loaded without its privileges; what has some got them by a statement that is hidden in another one.
    """
    listed = Counter(each for entry in entries if entry.kind in LISTED for each in labels_of(entry))
    if not listed:
        return ()  # plain SQL has no list
    labels = {(each.catalog, each.oid): each.label for each in there}
    found = Counter(each.label for each in there if each.is_of_table)
    # By the server's own record of owners, so that no catalog is missing here; what this module has no name for is in no list.
    found += Counter(labels.get((catalog, oid), words) for catalog, oid, words in session.ask(_OWNED))
    given = sorted({str(words) for [words] in session.ask(_GIVEN)})
    return tuple(sorted((found - listed).elements())) + tuple(f"privileges on {each}" for each in given)


def _label(kind: str, schema: str, name: str) -> str:
    return f"{kind} {schema}.{name}" if schema else f"{kind} {name}"


def _question_of_grants() -> sql.Composed:
    """Asks what of the throw-away role's has privileges: each catalog that the inventory walks with an owner and with privileges."""
    parts: list[sql.Composable] = [sql.SQL(_COLUMNS_GIVEN)]
    for name, catalog in WALKED.items():
        columns = {words: column for column, words in catalog.aspects.items()}
        if {"owner", "privileges"} <= set(columns) and not catalog.is_of_database:
            parts.append(
                sql.SQL(_ANY_GIVEN).format(
                    catalog=sql.Literal(
                        f"pg_catalog.{'pg_largeobject' if name == 'pg_largeobject_metadata' else name}"
                    ),
                    table=sql.Identifier("pg_catalog", name),
                    owner=sql.Identifier(columns["owner"]),
                    privileges=sql.Identifier(columns["privileges"]),
                )
            )
    return sql.SQL(" UNION ALL ").join(parts)


_COLUMNS_GIVEN = """
SELECT i.type || ' ' || i.identity FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
CROSS JOIN LATERAL pg_catalog.pg_identify_object('pg_catalog.pg_class'::regclass, c.oid, a.attnum) i
WHERE c.relowner = CURRENT_USER::regrole AND a.attacl IS NOT NULL
"""
_ANY_GIVEN = """
SELECT i.type || ' ' || i.identity FROM {table} t
CROSS JOIN LATERAL pg_catalog.pg_identify_object({catalog}::regclass, t.oid, 0) i
WHERE t.{owner} = CURRENT_USER::regrole AND EXISTS (SELECT FROM pg_catalog.aclexplode(t.{privileges}) a WHERE a.grantee <> t.{owner})
"""
_GIVEN = _question_of_grants()
