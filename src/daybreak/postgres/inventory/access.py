"""The statements that list a database, kind by kind: who may do what, and what leads out of it.

The law: no statement reads a password, a password's hash, a connection string, or an option that could hold either.
"""

from __future__ import annotations

from psycopg import sql

from daybreak.model.inventory import HIDDEN_VALUE, OF_PROVIDER
from daybreak.postgres.inventory.questions import PLATFORM_DATABASES, Question, spell

_ROLES = """
SELECT pg_catalog.quote_ident(r.rolname), r.oid::bigint, NULL::bigint, <catalog pg_authid>,
       pg_catalog.jsonb_build_object('superuser', r.rolsuper, 'inherits', r.rolinherit, 'creates roles', r.rolcreaterole,
           'creates databases', r.rolcreatedb, 'logs in', r.rolcanlogin, 'replicates', r.rolreplication,
           'bypasses row security', r.rolbypassrls, 'connections', NULLIF(r.rolconnlimit, -1), 'valid until', r.rolvaliduntil,
           '<provider>', CASE WHEN <provided r.rolname> THEN true END)
FROM pg_catalog.pg_roles r
WHERE NOT (<agent r.rolname>)
"""
"""``pg_roles`` shows no hash."""

_MEMBERSHIPS = """
SELECT pg_catalog.format('%I in %I', u.rolname, g.rolname), NULL::bigint, max(m.xmin::text::bigint), NULL::bigint,
       pg_catalog.jsonb_build_object('admin', bool_or(m.admin_option) <options>,
           '<provider>', CASE WHEN <provided u.rolname> AND <provided g.rolname> THEN true END)
FROM pg_catalog.pg_auth_members m
JOIN pg_catalog.pg_roles u ON u.oid = m.member
JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
WHERE NOT (<agent u.rolname>)
GROUP BY u.rolname, g.rolname
"""

_LISTED = """
SELECT 'relation ' || pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, <catalog pg_class> AS class, c.oid, c.xmin,
       c.relowner AS owner, coalesce(c.relacl, pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS acl
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v', 'S') AND c.relpersistence <> 't' AND <users> AND <own pg_class c.oid>
UNION ALL
SELECT 'schema ' || pg_catalog.quote_ident(n.nspname), <catalog pg_namespace>, n.oid, n.xmin, n.nspowner,
       coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))
FROM pg_catalog.pg_namespace n WHERE <users> AND <own pg_namespace n.oid>
UNION ALL
SELECT 'function ' || pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)),
       <catalog pg_proc>, p.oid, p.xmin, p.proowner, coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE <users> AND <own pg_proc p.oid>
UNION ALL
SELECT 'type ' || pg_catalog.format('%I.%I', n.nspname, t.typname), <catalog pg_type>, t.oid, t.xmin, t.typowner,
       coalesce(t.typacl, pg_catalog.acldefault('T', t.typowner))
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
WHERE (t.typtype IN ('d', 'e', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')) AND <users> AND <own pg_type t.oid>
UNION ALL
SELECT 'foreign server ' || pg_catalog.quote_ident(s.srvname), <catalog pg_foreign_server>, s.oid, s.xmin, s.srvowner,
       coalesce(s.srvacl, pg_catalog.acldefault('S', s.srvowner))
FROM pg_catalog.pg_foreign_server s WHERE <own pg_foreign_server s.oid>
UNION ALL
SELECT 'publication ' || pg_catalog.quote_ident(p.pubname), <catalog pg_publication>, p.oid, p.xmin, p.pubowner, NULL::aclitem[]
FROM pg_catalog.pg_publication p
UNION ALL
SELECT 'event trigger ' || pg_catalog.quote_ident(g.evtname), <catalog pg_event_trigger>, g.oid, g.xmin, g.evtowner, NULL::aclitem[]
FROM pg_catalog.pg_event_trigger g WHERE <own pg_event_trigger g.oid>
"""
"""Every object that has an owner: its name, its place in the catalog, its owner, and its privileges spelled out."""

_OWNERS = f"""
SELECT o.name, o.oid::bigint, o.xmin::text::bigint, o.class,
       pg_catalog.jsonb_build_object('owner', pg_catalog.pg_get_userbyid(o.owner))
FROM ({_LISTED}) o
"""  # noqa: S608

_GRANTED = """
pg_catalog.jsonb_object_agg(g.grantee, g.privileges) FILTER (WHERE g.grantee IS NOT NULL)
"""

_EACH_GRANTEE = """
SELECT <whom> AS grantee,
       pg_catalog.string_agg(DISTINCT x.privilege_type || CASE WHEN x.is_grantable THEN ' with grant option' ELSE '' END, ', ') AS privileges
FROM pg_catalog.aclexplode(<acl>) x GROUP BY 1
"""
_WHOM = "CASE WHEN x.grantee = 0 THEN 'everybody' ELSE pg_catalog.pg_get_userbyid(x.grantee)::text END"

_GRANTS = f"""
WITH columns AS (
    SELECT a.attrelid, a.attname, y.grantee, y.privileges
    FROM pg_catalog.pg_attribute a
    CROSS JOIN LATERAL ({_EACH_GRANTEE.replace("<whom>", _WHOM).replace("<acl>", "a.attacl")}) y
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
)
SELECT o.name, o.oid::bigint, o.xmin::text::bigint, o.class,
       coalesce((SELECT {_GRANTED} FROM ({_EACH_GRANTEE.replace("<whom>", _WHOM).replace("<acl>", "o.acl")}) g), '{{}}')
       || coalesce((SELECT pg_catalog.jsonb_object_agg(y.grantee || ' on column ' || pg_catalog.quote_ident(y.attname), y.privileges)
                    FROM columns y WHERE y.attrelid = o.oid AND o.class = <catalog pg_class>), '{{}}')
FROM ({_LISTED}) o
UNION ALL
SELECT 'default for ' || CASE d.defaclobjtype WHEN 'r' THEN 'relations' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
                              WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE d.defaclobjtype::text END
       || ' of ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(d.defaclrole))
       || coalesce(' in ' || pg_catalog.quote_ident(n.nspname), ''),
       d.oid::bigint, d.xmin::text::bigint, <catalog pg_default_acl>,
       coalesce((SELECT {_GRANTED} FROM ({_EACH_GRANTEE.replace("<whom>", _WHOM).replace("<acl>", "d.defaclacl")}) g), '{{}}')
FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
"""  # noqa: S608

_ROW_SECURITY = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.oid::bigint, c.xmin::text::bigint, <catalog pg_class>,
       pg_catalog.jsonb_build_object('enabled', c.relrowsecurity, 'forced on its owner', c.relforcerowsecurity)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (c.relrowsecurity OR c.relforcerowsecurity OR EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid))
  AND <users> AND <own pg_class c.oid>
"""

_POLICIES = """
SELECT pg_catalog.format('%I.%I.%I', n.nspname, c.relname, p.polname), p.oid::bigint, p.xmin::text::bigint, <catalog pg_policy>,
       pg_catalog.jsonb_build_object('command', p.polcmd::text, 'permissive', p.polpermissive,
           'roles', (SELECT pg_catalog.string_agg(CASE WHEN r = 0 THEN 'everybody' ELSE pg_catalog.pg_get_userbyid(r)::text END, ', ')
                     FROM pg_catalog.unnest(p.polroles) r),
           'using', <unlocked p.polrelid> pg_catalog.pg_get_expr(p.polqual, p.polrelid) END,
           'check', <unlocked p.polrelid> pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) END)
FROM pg_catalog.pg_policy p
JOIN pg_catalog.pg_class c ON c.oid = p.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE <users> AND <own pg_class c.oid>
"""

_PUBLICATIONS = """
SELECT pg_catalog.quote_ident(p.pubname), p.oid::bigint, p.xmin::text::bigint, <catalog pg_publication>,
       pg_catalog.jsonb_build_object('all tables', p.puballtables, 'insert', p.pubinsert, 'update', p.pubupdate,
           'delete', p.pubdelete, 'truncate', p.pubtruncate, 'via root', p.pubviaroot)
FROM pg_catalog.pg_publication p
UNION ALL
SELECT pg_catalog.format('%I: %I.%I', p.pubname, n.nspname, c.relname), r.oid::bigint, r.xmin::text::bigint,
       <catalog pg_publication_rel>,
       pg_catalog.jsonb_build_object('columns', r.prattrs::text, 'rows', pg_catalog.md5(r.prqual::text))
FROM pg_catalog.pg_publication_rel r
JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
UNION ALL
SELECT pg_catalog.format('%I: all tables in %I', p.pubname, n.nspname), r.oid::bigint, r.xmin::text::bigint,
       <catalog pg_publication_namespace>, '{}'::jsonb
FROM pg_catalog.pg_publication_namespace r
JOIN pg_catalog.pg_publication p ON p.oid = r.pnpubid JOIN pg_catalog.pg_namespace n ON n.oid = r.pnnspid
"""

_SUBSCRIPTIONS = """
SELECT pg_catalog.quote_ident(s.subname), s.oid::bigint, NULL::bigint, NULL::bigint,
       pg_catalog.jsonb_build_object('enabled', s.subenabled, 'slot', s.subslotname, 'publications', s.subpublications::text)
FROM pg_catalog.pg_subscription s
WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
"""
"""Only the columns that every role may read: neither the connection string nor ``xmin`` is among them."""

_CRON_JOBS = r"""
SELECT coalesce(j.plain ->> 'jobname', 'job ' || (j.plain ->> 'jobid'), 'a job') || coalesce(' of ' || (j.plain ->> 'username'), ''), NULL::bigint, j.xmin, NULL::bigint,
       pg_catalog.jsonb_build_object('schedule', j.plain -> 'schedule',
           'command', pg_catalog.regexp_replace(j.plain ->> 'command', '(passw\w*)(\s*=\s*|\s+)\S+', '\1\2...', 'gi'), 'as', j.plain -> 'username',
           'database', j.plain -> 'database', 'active', coalesce(j.plain -> 'active', 'true'))
FROM (SELECT pg_catalog.to_jsonb(q) AS plain, q.xmin::text::bigint AS xmin FROM cron.job q) j
"""
"""Each user may have a job of the same name."""

_SERVERS = """
SELECT pg_catalog.quote_ident(s.srvname), s.oid::bigint, s.xmin::text::bigint, <catalog pg_foreign_server>,
       pg_catalog.jsonb_build_object('wrapper', w.fdwname, 'type', s.srvtype, 'version', s.srvversion,
           'host', o.host, 'port', o.port, 'database', o.dbname, 'service', o.service, 'other options', o.others)
FROM pg_catalog.pg_foreign_server s
JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
LEFT JOIN LATERAL (
    SELECT max(x.option_value) FILTER (WHERE x.option_name IN ('host', 'hostaddr')) AS host,
           max(x.option_value) FILTER (WHERE x.option_name = 'port') AS port,
           max(x.option_value) FILTER (WHERE x.option_name = 'dbname') AS dbname,
           max(x.option_value) FILTER (WHERE x.option_name = 'service') AS service,
           pg_catalog.string_agg(x.option_name, ', ' ORDER BY x.option_name)
               FILTER (WHERE x.option_name NOT IN ('host', 'hostaddr', 'port', 'dbname', 'service')) AS others
    FROM pg_catalog.pg_options_to_table(s.srvoptions) x) o ON true
WHERE <own pg_foreign_server s.oid>
UNION ALL
SELECT pg_catalog.format('%I for %s', m.srvname, CASE WHEN m.umuser = 0 THEN 'everybody' ELSE pg_catalog.quote_ident(m.usename) END),
       m.umid::bigint, NULL::bigint, NULL::bigint, '{}'::jsonb
FROM pg_catalog.pg_user_mappings m
"""

_SETTINGS = """
SELECT coalesce('role ' || pg_catalog.quote_ident(r.rolname), 'everybody') || coalesce(' in database ' || d.datname, ''),
       NULL::bigint, s.xmin::text::bigint, NULL::bigint,
       (SELECT pg_catalog.jsonb_object_agg(pg_catalog.split_part(c, '=', 1),
            CASE WHEN c ~* '^[^=]*(passw|secret|token|key)' AND NOT EXISTS (
                     SELECT FROM pg_catalog.pg_settings k WHERE k.name = pg_catalog.split_part(c, '=', 1)
                     AND k.category <> 'Customized Options') THEN '{hidden}'
                 ELSE pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1) END) FROM pg_catalog.unnest(s.setconfig) c)
       || CASE WHEN <provided r.rolname> THEN pg_catalog.jsonb_build_object('<provider>', true) ELSE '{}' END
FROM pg_catalog.pg_db_role_setting s
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
WHERE r.oid IS NULL OR NOT (<agent r.rolname>)
""".replace("{hidden}", HIDDEN_VALUE)
"""Not even the digest of a setting that may hold a secret is read: a short secret can be found from it. PostgreSQL's own
parameters (``password_encryption``) hold none."""

_EXTENSIONS = """
SELECT pg_catalog.quote_ident(e.extname), e.oid::bigint, e.xmin::text::bigint, <catalog pg_extension>,
       pg_catalog.jsonb_build_object('version', e.extversion, 'schema', n.nspname)
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
"""

_COLLATIONS = """
SELECT 'the database''s own', d.oid::bigint, d.xmin::text::bigint, NULL::bigint,
       pg_catalog.jsonb_build_object('locale', d.datcollate, 'recorded', d.datcollversion,
                                     'actual', pg_catalog.pg_database_collation_actual_version(d.oid))
FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
UNION ALL
SELECT pg_catalog.format('%I.%I', n.nspname, k.collname), k.oid::bigint, k.xmin::text::bigint, <catalog pg_collation>,
       pg_catalog.jsonb_build_object('locale', k.collcollate, 'recorded', k.collversion,
                                     'actual', pg_catalog.pg_collation_actual_version(k.oid))
FROM pg_catalog.pg_collation k JOIN pg_catalog.pg_namespace n ON n.oid = k.collnamespace
WHERE <users> OR k.oid IN (SELECT a.attcollation FROM pg_catalog.pg_attribute a WHERE a.attrelid >= 16384 AND a.attcollation NOT IN (0, 100, 950, 951))
   OR (n.nspname = 'pg_catalog' AND k.collversion IS DISTINCT FROM pg_catalog.pg_collation_actual_version(k.oid))
"""

_PREPARED = """
SELECT p.gid::text, NULL::bigint, NULL::bigint, NULL::bigint,
       pg_catalog.jsonb_build_object('owner', p.owner, 'database', p.database)
FROM pg_catalog.pg_prepared_xacts p
"""

_SLOTS = """
SELECT s.slot_name::text, NULL::bigint, NULL::bigint, NULL::bigint,
       pg_catalog.jsonb_build_object('type', s.slot_type, 'plugin', s.plugin, 'database', s.database)
FROM pg_catalog.pg_replication_slots s WHERE NOT s.temporary
"""

_DATABASES = """
SELECT d.datname::text, d.oid::bigint, d.xmin::text::bigint, <catalog pg_database>,
       pg_catalog.jsonb_build_object('owner', pg_catalog.pg_get_userbyid(d.datdba), 'encoding', pg_catalog.pg_encoding_to_char(d.encoding),
           'locale provider', d.datlocprovider::text, 'collate', d.datcollate, 'ctype', d.datctype, 'locale', <locale>,
           'tablespace', (SELECT t.spcname FROM pg_catalog.pg_tablespace t WHERE t.oid = d.dattablespace),
           'template', CASE WHEN d.datistemplate THEN true END, 'closed', CASE WHEN NOT d.datallowconn THEN true END,
           'connections', NULLIF(d.datconnlimit, -1))
       || coalesce((SELECT pg_catalog.jsonb_object_agg('privileges of ' || g.grantee, g.privileges)
                    FROM ({privileges}) g), '{{}}')
FROM pg_catalog.pg_database d WHERE d.datname NOT IN ({not_ours})
""".format(  # noqa: S608 - of our own words alone
    privileges=_EACH_GRANTEE.replace("<whom>", _WHOM).replace(
        "<acl>", "coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))"
    ),
    not_ours=", ".join(f"'{name}'" for name in PLATFORM_DATABASES),
)
_LOCALE_BEFORE_17 = "d.daticulocale"
_LOCALE_SINCE_17 = "d.datlocale"

_OPTIONS_16 = ", 'inherits', bool_or(m.inherit_option), 'may become', bool_or(m.set_option)"

ACCESS: tuple[Question, ...] = (
    Question("owner", spell(_OWNERS)),
    Question("grant", spell(_GRANTS)),
    Question("row security", spell(_ROW_SECURITY)),
    Question("policy", spell(_POLICIES)),
    Question("extension", spell(_EXTENSIONS)),
    Question("publication", spell(_PUBLICATIONS)),
    Question("subscription", spell(_SUBSCRIPTIONS)),
    Question("cron job", spell(_CRON_JOBS), table="cron.job"),
    Question("foreign server", spell(_SERVERS)),
    Question("collation", spell(_COLLATIONS)),
)
"""The questions about access to one database and ways out of it, in the order in which they are asked."""


def _spell(text: str) -> sql.SQL:
    return spell(text.replace("<provider>", OF_PROVIDER))


SHARED: tuple[Question, ...] = (
    Question("database", spell(_DATABASES.replace("<locale>", _LOCALE_BEFORE_17))),
    Question("database", spell(_DATABASES.replace("<locale>", _LOCALE_SINCE_17)), since=17),
    Question("role", _spell(_ROLES)),
    Question("membership", _spell(_MEMBERSHIPS.replace("<options>", ""))),
    Question("membership", _spell(_MEMBERSHIPS.replace("<options>", _OPTIONS_16)), since=16),
    Question("setting", _spell(_SETTINGS)),
    Question("prepared transaction", spell(_PREPARED)),
    Question("replication slot", spell(_SLOTS)),
)
"""The questions about what all databases share, in the order in which they are asked."""
