"""The statements that list a database, kind by kind: relations and what depends on them.

The law: each statement returns rows of ``name, oid, xmin, catalog, facts`` and locks no table. PostgreSQL would have to open
a table to spell out some definitions (views, bodies of functions), so digests of what the catalog stores stand for those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from daybreak.model.fences import AGENTS
from daybreak.model.inventory import LOCKED, ItemKind


@dataclass(frozen=True)
class Question:
    """One statement, the kind that it lists, and the first major version of PostgreSQL that can answer it."""

    kind: ItemKind
    text: sql.SQL
    since: int = 15
    table: Literal["", "cron.job"] = ""
    """A table that must exist for the question to be asked."""


GROUPS = ("rds_superuser", "rds_replication", "rds_iam", "rds_password", "rds_ad", "rds_reserved", "rds_extension")
"""The roles that AWS brings for others to be members of, as its guide to Aurora names them ("Understanding PostgreSQL roles and
permissions"). The list is closed, because anybody may create a role named ``rds_mine``; ``rds_pgaudit`` is the owner's too, who
creates it by that guide. Nobody but PostgreSQL creates a role that begins with ``pg_``.

A user is their member, so what they may do is compared, between servers of one version: each version brings its own.
"""

PLATFORM_DATABASES = ("template0", "template1", "rdsadmin")
"""PostgreSQL's own templates, and the database of AWS's agent, which nobody else may enter."""

# What these roles are, make and may do is the platform's, at a clone's birth too.
_AGENT = "{{0}} IN ({})".format(", ".join(f"'{name}'" for name in AGENTS))
_PROVIDED = "({{0}} ~ '^pg_' OR {{0}} IN ({}))".format(", ".join(f"'{name}'" for name in GROUPS))
_USERS = "(n.nspname <> 'information_schema' AND n.nspname !~ '^pg_')"
_OID = "::pg_catalog.regclass::pg_catalog.oid::bigint"
_MEMBER = (
    "NOT EXISTS (SELECT FROM pg_catalog.pg_depend m WHERE m.classid = 'pg_catalog.{}'::pg_catalog.regclass "
    "AND m.objid = {} AND m.deptype = 'e')"
)


_UNLOCKED = (
    "CASE WHEN {} IN (SELECT k.relation FROM pg_catalog.pg_locks k WHERE k.relation IS NOT NULL "
    "AND k.mode = 'AccessExclusiveLock') THEN '<said>' ELSE"
).replace("<said>", LOCKED)
"""PostgreSQL opens a table to spell an expression on it; where another session locks the table, we do not ask."""


def spell(text: str) -> sql.SQL:
    """A statement with its shorthands written out: ``<users>``, ``<own pg_class c.oid>``, ``<catalog pg_class>``.

    ``<agent r.rolname>`` is the condition that a role is one of ``AGENTS``, ``<provided r.rolname>`` that PostgreSQL or AWS brings it
    for others to be members of.

    ``<unlocked c.oid> expression END`` is the expression, or ``LOCKED`` where another session locks the table.
    """
    shape = text.replace("<users>", _USERS)
    for sign, condition in (("<agent ", _AGENT), ("<provided ", _PROVIDED)):
        while sign in shape:
            head, _, rest = shape.partition(sign)
            word, _, tail = rest.partition(">")
            shape = head + condition.format(word) + tail
    while "<own " in shape:
        head, _, rest = shape.partition("<own ")
        words, _, tail = rest.partition(">")
        shape = head + _MEMBER.format(*words.split(" ")) + tail
    while "<unlocked " in shape:
        head, _, rest = shape.partition("<unlocked ")
        word, _, tail = rest.partition(">")
        shape = head + _UNLOCKED.format(word) + tail
    while "<catalog " in shape:
        head, _, rest = shape.partition("<catalog ")
        word, _, tail = rest.partition(">")
        shape = f"{head}'pg_catalog.{word}'{_OID}{tail}"
    return sql.SQL(shape)


def plain(value: object) -> str:
    """A value as text that no terminal acts on. It is never shortened: two long names must stay different."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else str(value)
    return text if text.isprintable() else "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


_SCHEMAS = """
SELECT pg_catalog.quote_ident(n.nspname), n.oid::bigint, n.xmin::text::bigint, <catalog pg_namespace>, '{}'::jsonb
FROM pg_catalog.pg_namespace n WHERE <users> AND <own pg_namespace n.oid>
"""

_RELATIONS = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.oid::bigint, c.xmin::text::bigint, <catalog pg_class>,
       pg_catalog.jsonb_build_object(
           'kind', CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'm' THEN 'materialized view'
                                  WHEN 'f' THEN 'foreign table' WHEN 'v' THEN 'view' END,
           'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'permanent' END,
           'populated', CASE WHEN c.relkind = 'm' THEN c.relispopulated END,
           'replica identity', CASE c.relreplident WHEN 'd' THEN NULL ELSE c.relreplident::text END,
           'options', c.reloptions::text,
           'partitioned by', CASE WHEN c.relkind = 'p' THEN <unlocked c.oid> pg_catalog.pg_get_partkeydef(c.oid) END END,
           'partition of', CASE WHEN c.relispartition THEN i.parents END,
           'inherits', CASE WHEN NOT c.relispartition THEN i.parents END,
           'detaching', CASE WHEN i.is_detaching THEN true END,
           'bound', pg_catalog.md5(c.relpartbound::text),
           'server', s.srvname,
           'has data', CASE WHEN c.relpersistence = 'u' AND c.relkind IN ('r', 'm') THEN <unlocked c.oid>
                            CASE WHEN pg_catalog.pg_relation_size(c.oid) > 0 THEN 'yes' ELSE 'no' END END END)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (SELECT h.inhrelid, bool_or(h.inhdetachpending) AS is_detaching,
                  pg_catalog.string_agg(pg_catalog.format('%I.%I', pn.nspname, p.relname), ', ' ORDER BY h.inhseqno) AS parents
           FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
           JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace GROUP BY h.inhrelid) i ON i.inhrelid = c.oid
LEFT JOIN pg_catalog.pg_foreign_table f ON f.ftrelid = c.oid
LEFT JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v') AND c.relpersistence <> 't' AND <users> AND <own pg_class c.oid>
"""
"""Measuring a relation takes a lock, so only unlogged relations are measured, and only where no other session locks them."""

_COLUMNS = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.oid::bigint, c.xmin::text::bigint, <catalog pg_class>,
       coalesce(pg_catalog.jsonb_object_agg(a.attname,
           pg_catalog.format_type(a.atttypid, a.atttypmod)
           || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
           || CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN ' collate ' || pg_catalog.quote_ident(o.collname) ELSE '' END
           || CASE a.attidentity WHEN 'a' THEN ' generated always as identity'
                                 WHEN 'd' THEN ' generated by default as identity' ELSE '' END
           || CASE WHEN d.oid IS NULL THEN ''
                   WHEN a.attgenerated <> '' THEN ' generated as ' || <unlocked d.adrelid> pg_catalog.pg_get_expr(d.adbin, d.adrelid) END
                   ELSE ' default ' || <unlocked d.adrelid> pg_catalog.pg_get_expr(d.adbin, d.adrelid) END END
           ) FILTER (WHERE a.attnum IS NOT NULL), '{}')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v') AND c.relpersistence <> 't' AND <users> AND <own pg_class c.oid>
GROUP BY n.nspname, c.relname, c.oid, c.xmin::text
"""

_CONSTRAINTS = """
SELECT pg_catalog.format('%I.%I.%I', n.nspname, coalesce(c.relname, t.typname), k.conname), k.oid::bigint,
       k.xmin::text::bigint, <catalog pg_constraint>,
       pg_catalog.jsonb_build_object('definition', <unlocked k.conrelid> pg_catalog.pg_get_constraintdef(k.oid) END, 'validated', k.convalidated
           <enforced>)
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
LEFT JOIN pg_catalog.pg_type t ON t.oid = k.contypid
LEFT JOIN (SELECT g.tgconstraint, bool_and(g.tgenabled IN ('O', 'A')) AS is_enabled FROM pg_catalog.pg_trigger g
           WHERE g.tgconstraint <> 0 GROUP BY g.tgconstraint) g ON g.tgconstraint = k.oid
WHERE k.contype IN (<types>) AND (c.oid IS NULL OR c.relpersistence <> 't') AND <users> AND <own pg_constraint k.oid>
  AND (c.oid IS NULL OR <own pg_class c.oid>)
"""
_CHECKED = _CONSTRAINTS.replace("<types>", "'c', 'p', 'u', 'x'")
_REFERRING = _CONSTRAINTS.replace("<types>", "'f'")
_BEFORE_18 = ", 'enforced', coalesce(g.is_enabled, true)"
_SINCE_18 = ", 'enforced', k.conenforced AND coalesce(g.is_enabled, true)"

_INDEXES = """
SELECT pg_catalog.format('%I.%I.%I', n.nspname, t.relname, c.relname), c.oid::bigint, c.xmin::text::bigint, <catalog pg_class>,
       pg_catalog.jsonb_build_object('definition', <unlocked i.indrelid> pg_catalog.pg_get_indexdef(c.oid) END, 'valid', i.indisvalid,
           'ready', i.indisready, 'live', i.indislive, 'unique', i.indisunique, 'primary', i.indisprimary,
           'immediate', CASE WHEN i.indimmediate THEN NULL ELSE false END,
           'replica identity', CASE WHEN i.indisreplident THEN true END)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't' AND <users> AND <own pg_class t.oid>
"""

_TRIGGERS = """
SELECT pg_catalog.format('%I.%I.%I', n.nspname, c.relname, g.tgname), g.oid::bigint, g.xmin::text::bigint, <catalog pg_trigger>,
       pg_catalog.jsonb_build_object('definition', <unlocked g.tgrelid> pg_catalog.pg_get_triggerdef(g.oid) END, 'enabled', <fires>)
FROM pg_catalog.pg_trigger g
JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT g.tgisinternal AND c.relpersistence <> 't' AND <users> AND <own pg_trigger g.oid> AND <own pg_class c.oid>
""".replace(
    "<fires>",
    "CASE g.tgenabled WHEN 'O' THEN 'yes' WHEN 'A' THEN 'always' WHEN 'R' THEN 'on a replica only' ELSE 'no' END",
)

_EVENT_TRIGGERS = """
SELECT pg_catalog.quote_ident(g.evtname), g.oid::bigint, g.xmin::text::bigint, <catalog pg_event_trigger>,
       pg_catalog.jsonb_build_object('event', g.evtevent, 'function', pg_catalog.format('%I.%I', n.nspname, p.proname),
           'tags', g.evttags::text, 'enabled', CASE g.evtenabled WHEN 'O' THEN 'yes' WHEN 'A' THEN 'always'
                                                                 WHEN 'R' THEN 'on a replica only' ELSE 'no' END)
FROM pg_catalog.pg_event_trigger g
JOIN pg_catalog.pg_proc p ON p.oid = g.evtfoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_roles r ON r.oid = g.evtowner
WHERE <own pg_event_trigger g.oid> AND NOT (<agent r.rolname>)
"""

_REWRITES = """
SELECT pg_catalog.format(<name>), r.oid::bigint, r.xmin::text::bigint, <catalog pg_rewrite>,
       pg_catalog.jsonb_build_object('definition', pg_catalog.md5(r.ev_action::text || r.ev_qual::text || r.is_instead::text),
           'event', r.ev_type::text, 'options', c.reloptions::text,
           'enabled', CASE r.ev_enabled WHEN 'O' THEN 'yes' WHEN 'A' THEN 'always' WHEN 'R' THEN 'on a replica only' ELSE 'no' END)
FROM pg_catalog.pg_rewrite r
JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE <which> AND c.relpersistence <> 't' AND <users> AND <own pg_class c.oid>
"""
_RULES = _REWRITES.replace("<name>", "'%I.%I.%I', n.nspname, c.relname, r.rulename").replace(
    "<which>", "r.rulename <> '_RETURN'"
)
_VIEWS = _REWRITES.replace("<name>", "'%I.%I', n.nspname, c.relname").replace("<which>", "r.rulename = '_RETURN'")

_FUNCTIONS = """
SELECT pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)),
       p.oid::bigint, p.xmin::text::bigint, <catalog pg_proc>,
       pg_catalog.jsonb_build_object('kind', p.prokind::text, 'language', l.lanname, 'returns', pg_catalog.pg_get_function_result(p.oid),
           'body', pg_catalog.md5(pg_catalog.concat_ws(' ', p.prosrc, p.probin, p.prosqlbody::text, p.proargdefaults::text)),
           'security definer', p.prosecdef, 'volatility', p.provolatile::text, 'parallel', p.proparallel::text,
           'strict', p.proisstrict, 'leakproof', p.proleakproof, 'settings', p.proconfig::text)
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE <users> AND <own pg_proc p.oid>
"""

_TYPES = """
SELECT pg_catalog.format('%I.%I', n.nspname, t.typname), t.oid::bigint, t.xmin::text::bigint, <catalog pg_type>,
       pg_catalog.jsonb_build_object('kind', t.typtype::text,
           'is', CASE t.typtype WHEN 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod)
                     || CASE WHEN t.typnotnull THEN ' not null' ELSE '' END || coalesce(' default ' || t.typdefault, '')
                 WHEN 'e' THEN (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                                FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)
                 WHEN 'c' THEN (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname) || ' '
                                           || pg_catalog.format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
                                FROM pg_catalog.pg_attribute a
                                WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END)
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
WHERE (t.typtype IN ('d', 'e', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')) AND <users> AND <own pg_type t.oid>
"""

RELATIONS: tuple[Question, ...] = (
    Question("schema", spell(_SCHEMAS)),
    Question("relation", spell(_RELATIONS)),
    Question("column", spell(_COLUMNS)),
    Question("constraint", spell(_CHECKED.replace("<enforced>", ""))),
    Question("foreign key", spell(_REFERRING.replace("<enforced>", _BEFORE_18))),
    Question("constraint", spell(_CHECKED.replace("<enforced>", ", 'enforced', k.conenforced")), since=18),
    Question("foreign key", spell(_REFERRING.replace("<enforced>", _SINCE_18)), since=18),
    Question("index", spell(_INDEXES)),
    Question("trigger", spell(_TRIGGERS)),
    Question("event trigger", spell(_EVENT_TRIGGERS)),
    Question("rule", spell(_RULES)),
    Question("view", spell(_VIEWS)),
    Question("function", spell(_FUNCTIONS)),
    Question("type", spell(_TYPES)),
)
"""The questions about relations, in the order in which they are asked. Of two questions for one kind, the newer that the
server can answer is asked."""
