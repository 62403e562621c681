"""Defects of one attribute each: somebody changed a catalog's row, and the object is still there under its name.

Each hits an object of its own (`attributes.sql`), so all of them are planted in one clone and each is named by its line.
"""

from __future__ import annotations

from daybreak.model import checks
from daybreak.model.checks import Check
from tests.defects.planted.how import Planted, by_damage, by_sql, run
from tests.defects.rules import DROPPED_OR_LOST, FOUND, UNKNOWN_SINCE_WHEN, Rule


def _of(check: Check, kind: str, name: str, line: str, *statements: str, gone: Rule = FOUND) -> Planted:
    return by_sql(name, check, *statements, kind=kind, line=line, gone=gone)


def _function(attribute: str, name: str, function: str, change: str) -> Planted:
    return _of(
        checks.FUNCTIONS,
        f"pg_proc.{attribute}",
        name,
        f"parts.{function}(",
        f"alter function parts.{function}(integer) {change}",
    )


def _again(attribute: str, name: str, function: str, tail: str, argument: str = "n integer") -> Planted:
    """A function that is defined again under its name."""
    statement = f"create or replace function parts.{function}({argument}) returns setof integer {tail}"
    return _of(checks.FUNCTIONS, f"pg_proc.{attribute}", name, f"parts.{function}(", statement)


def _column(attribute: str, name: str, column: str, change: str) -> Planted:
    return _of(
        checks.COLUMNS,
        f"pg_attribute.{attribute}",
        name,
        f"parts.columns: {column}",
        f"alter table parts.columns {change}",
    )


def _constraint(
    attribute: str, name: str, constraint: str, definition: str = "", *, table: str = "constrained", gone: Rule = FOUND
) -> Planted:
    """A constraint that is dropped, and made again otherwise."""
    again = [f"alter table parts.{table} add constraint {constraint} {definition}"] if definition else []
    dropped = f"alter table parts.{table} drop constraint {constraint}"
    check = checks.FOREIGN_KEYS if definition.startswith("foreign key") else checks.CONSTRAINTS
    return _of(check, f"pg_constraint.{attribute}", name, constraint, dropped, *again, gone=gone)


def _index(attribute: str, name: str, index: str, definition: str) -> Planted:
    """An index that is dropped, and made again otherwise."""
    return _of(checks.INDEXES, f"pg_index.{attribute}", name, index, f"drop index parts.{index}", definition)


def _trigger(attribute: str, name: str, trigger: str, definition: str) -> Planted:
    again = f"create or replace trigger {trigger} {definition}"
    return _of(checks.TRIGGERS, f"pg_trigger.{attribute}", name, trigger, again)


def _rule(attribute: str, name: str, rule: str, definition: str) -> Planted:
    return _of(
        checks.TRIGGERS, f"pg_rewrite.{attribute}", name, rule, f"create or replace rule {rule} as on {definition}"
    )


def _policy(attribute: str, name: str, policy: str, *changes: str) -> Planted:
    return _of(checks.ROW_SECURITY, f"pg_policy.{attribute}", name, policy, *changes)


def _sequence(attribute: str, name: str, sequence: str, change: str) -> Planted:
    return _of(
        checks.SEQUENCES,
        f"pg_sequence.{attribute}",
        name,
        f"parts.{sequence}",
        f"alter sequence parts.{sequence} {change}",
    )


def _role(kind: str, name: str, line: str, statement: str, undo: str, *, gone: Rule = FOUND) -> Planted:
    """Roles belong to the whole server, so a copy of the database does not bring them back."""
    return Planted(
        name,
        checks.ROLES,
        lambda ward: run(ward, statement),
        lambda ward: run(ward, undo),
        kind=kind,
        line=line,
        gone=gone,
    )


_FUNCTIONS = (
    _again("prosrc", "body of a function changed", "f_source", "language sql as 'select 2'"),
    _again("prolang", "language of a function changed", "f_language", "language plpgsql as 'begin return next 1; end'"),
    _again("proargdefaults", "default of an argument added", "f_argument", "language sql as 'select 1'", "n integer default 7"),
    _function("provolatile", "volatile function called immutable", "f_volatile", "immutable"),
    _function("prosecdef", "function runs with its owner's rights", "f_definer", "security definer"),
    _function("proisstrict", "function is silent about NULL", "f_strict", "strict"),
    _function("proparallel", "function called safe for workers", "f_parallel", "parallel safe"),
    _of(checks.CATALOG, "pg_proc.procost", "cost of a function changed", "function parts.f_cost(", "alter function parts.f_cost(integer) cost 9"),
    _of(checks.CATALOG, "pg_proc.prorows", "rows of a function changed", "function parts.f_rows(", "alter function parts.f_rows(integer) rows 9"),
    _function("proconfig", "setting of a function changed", "f_configured", "set work_mem to '1MB'"),
    _of(checks.GRANTS, "pg_proc.proacl", "function closed to everybody", "parts.f_granted(", "revoke execute on function parts.f_granted(integer) from public"),
    _of(checks.FUNCTIONS, "pg_proc: row", "procedure missing", "parts.f_gone(", "drop procedure parts.f_gone()", gone=DROPPED_OR_LOST),
)  # fmt: skip

_TABLES = (
    _of(checks.COLUMNS, "pg_class.reloptions", "fill factor of a table changed", "parts.r_filled", "alter table parts.r_filled set (fillfactor = 50)"),
    _of(checks.COLUMNS, "pg_class.relreplident", "replica identity changed", "parts.r_identified", "alter table parts.r_identified replica identity full"),
    _of(checks.ROW_SECURITY, "pg_class.relforcerowsecurity", "row security forced on the owner", "parts.r_forced", "alter table parts.r_forced force row level security"),
    _of(checks.COLUMNS, "pg_class.relkind", "view in a table's place", "parts.r_replaced: kind", "drop table parts.r_replaced", "create view parts.r_replaced as select 1 as id, 2 as n"),
    _of(checks.CATALOG, "pg_attribute.attoptions", "options of a column changed", "parts.r_sampled", "alter table parts.r_sampled alter n set (n_distinct = -0.5)"),
    _column("atttypmod", "length of a text changed", "length", "alter length type varchar(80)"),
    _column("attnotnull", "column may be NULL", "needed", "alter needed drop not null"),
    _column("attidentity", "identity of a column lost", "numbered", "alter numbered drop identity"),
    _column("attgenerated", "column no longer generated", "doubled", "alter doubled drop expression"),
    _column("attcollation", "order of a column changed", "sorted", 'alter sorted type text collate "C"'),
    _column("attname", "column renamed", "renamed", "rename renamed to named"),
    _column("atthasdef", "default added", "added", "alter added set default 9"),
    _of(checks.GRANTS, "pg_attribute.attacl", "column granted", "parts.columns", "grant select (granted) on parts.columns to embi_app"),
    _of(checks.COLUMNS, "pg_inherits: row", "table no longer inherits", "parts.heirs", "alter table parts.heirs no inherit parts.upper"),
    _of(checks.PARTITIONS, "pg_class.relpartbound", "bounds of a partition changed", "parts.bounded_one",
        "alter table parts.bounded detach partition parts.bounded_one", "alter table parts.bounded attach partition parts.bounded_one for values from (1) to (9)"),
)  # fmt: skip

_CONSTRAINTS = (
    _constraint("condeferrable", "foreign key may be deferred", "constrained_deferred", "foreign key (deferred) references parts.answered deferrable"),
    _constraint("confdeltype", "foreign key deletes with its parent", "constrained_cascaded", "foreign key (cascaded) references parts.answered on delete cascade"),
    _constraint("confupdtype", "foreign key follows its parent", "constrained_updated", "foreign key (updated) references parts.answered on update cascade"),
    _constraint("conbin", "check constraint changed", "constrained_positive", "check (positive > -5)"),
    _constraint("connoinherit", "check constraint not inherited", "constrained_heir", "check (heir > 0) no inherit"),
    _constraint("contype: x", "exclusion constraint lost", "constrained_span", gone=DROPPED_OR_LOST),
    _constraint("contype: p", "primary key lost", "keyed_pkey", table="keyed", gone=DROPPED_OR_LOST),
    _constraint("contype: u", "unique constraint of the parts lost", "constrained_lone", gone=DROPPED_OR_LOST),
)  # fmt: skip

_INDEXES = (
    _index("indisunique", "unique index no longer unique", "i_unique", "create index i_unique on parts.indexed (a)"),
    _index("indpred", "part that an index covers changed", "i_part", "create index i_part on parts.indexed (a) where b > 100"),
    _index("indexprs", "expression of an index changed", "i_expression", "create index i_expression on parts.indexed ((a - b))"),
    _index("indoption", "direction of an index changed", "i_order", "create index i_order on parts.indexed (b desc)"),
    _index("indclass", "operator class of an index changed", "i_class", "create index i_class on parts.indexed (c text_pattern_ops)"),
    _index("indnkeyatts", "included column became a key", "i_include", "create index i_include on parts.indexed (b, a)"),
    _index("indnullsnotdistinct", "NULLs of a unique index no longer distinct", "i_nulls", "create unique index i_nulls on parts.indexed (b, a) nulls not distinct"),
    _of(checks.INDEXES, "pg_class.relam", "access method of an index changed", "i_method", "drop index parts.i_method", "create index i_method on parts.indexed using brin (a, b)"),
    _of(checks.INDEXES, "pg_class.reloptions", "fill factor of an index changed", "i_filled", "alter index parts.i_filled set (fillfactor = 50)"),
)  # fmt: skip

_TRIGGERS = (
    _trigger("tgtype", "trigger fires after and not before", "g_timing", "after update on parts.triggered for each row execute function touch()"),
    _trigger("tgqual", "condition of a trigger changed", "g_condition", "before update on parts.triggered for each row when (new.n > 99) execute function touch()"),
    _trigger("tgargs", "argument of a trigger changed", "g_words", "before update on parts.triggered for each row execute function touch('two')"),
    _trigger("tgfoid", "function of a trigger changed", "g_function", "before update on parts.triggered for each row execute function parts.other_trigger()"),
    _trigger("tgattr", "columns of a trigger changed", "g_columns", "before update of id on parts.triggered for each row execute function touch()"),
    _of(checks.TRIGGERS, "pg_trigger.tgenabled", "trigger fires on replicas too", "g_always", "alter table parts.triggered enable always trigger g_always"),
    _of(checks.TRIGGERS, "pg_rewrite.ev_enabled", "rule disabled", "u_enabled", "alter table parts.ruled disable rule u_enabled"),
    _rule("ev_action", "action of a rule changed", "u_action", "delete to parts.ruled do also select 2"),
    _rule("ev_qual", "condition of a rule changed", "u_condition", "update to parts.ruled where old.n > 99 do also select 1"),
    _rule("is_instead", "rule acts instead", "u_instead", "update to parts.ruled where old.n > 5 do instead select 1"),
)  # fmt: skip

_POLICIES = (
    _policy("polqual", "condition of a policy changed", "p_using", "alter policy p_using on parts.guarded using (true)"),
    _policy("polwithcheck", "condition of a policy for new rows changed", "p_check", "alter policy p_check on parts.guarded with check (true)"),
    _policy("polroles", "policy for everybody", "p_roles", "alter policy p_roles on parts.guarded to public"),
    _policy("polcmd", "policy for every command", "p_command", "drop policy p_command on parts.guarded", "create policy p_command on parts.guarded using (true)"),
    _policy("polpermissive", "policy that no longer restricts", "p_restrictive", "drop policy p_restrictive on parts.guarded",
            "create policy p_restrictive on parts.guarded using (true)"),
)  # fmt: skip

_TYPES = (
    _of(checks.FUNCTIONS, "pg_enum: row", "label of a type added", "parts.e_added", "alter type parts.e_added add value 'c'"),
    _of(checks.FUNCTIONS, "pg_enum.enumsortorder", "order of labels changed", "parts.e_order",
        "drop type parts.e_order", "create type parts.e_order as enum ('b', 'a', 'c')"),
    _of(checks.FUNCTIONS, "pg_class: attribute of a composite", "member of a composite missing", "parts.c_member", "alter type parts.c_member drop attribute b"),
    _of(checks.FUNCTIONS, "pg_type.typnotnull", "domain may no longer be NULL", "parts.d_needed", "alter domain parts.d_needed set not null"),
    _of(checks.FUNCTIONS, "pg_type.typdefault", "default of a domain lost", "parts.d_default", "alter domain parts.d_default drop default"),
    _of(checks.CONSTRAINTS, "pg_constraint.contypid", "check of a domain lost", "parts.d_check", "alter domain parts.d_check drop constraint d_positive", gone=DROPPED_OR_LOST),
    _of(checks.GRANTS, "pg_type.typacl", "type closed to everybody", "parts.t_granted", "revoke usage on type parts.t_granted from public"),
    _of(checks.FUNCTIONS, "pg_range: row", "range type missing", "parts.t_range", "drop type parts.t_range", gone=DROPPED_OR_LOST),
    _of(checks.FUNCTIONS, "pg_namespace: row", "schema missing", "parts_empty", "drop schema parts_empty", gone=DROPPED_OR_LOST),
    _of(checks.GRANTS, "pg_namespace.nspacl", "schema open to everybody", "parts_open", "grant usage on schema parts_open to public"),
)  # fmt: skip

_VIEWS = (
    _of(checks.FUNCTIONS, "pg_rewrite.ev_action", "words of a view changed", "parts.v_words", "create or replace view parts.v_words as select n as id, id as n from parts.triggered"),
    _of(checks.FUNCTIONS, "pg_class.reloptions", "view became a barrier", "parts.v_barrier", "alter view parts.v_barrier set (security_barrier = true)"),
    _of(checks.FUNCTIONS, "pg_class.reloptions", "view no longer checks what is written", "parts.v_checked", "alter view parts.v_checked reset (check_option)"),
    _of(checks.FUNCTIONS, "pg_rewrite.ev_action", "words of a materialized view changed", "parts.m_words", "drop materialized view parts.m_words",
        "create materialized view parts.m_words as select id, n + 1 as n from parts.triggered"),
    by_damage("view of another owner", checks.OWNERS, lambda ward: ward.damage.do("give-table", table="parts.v_words", owner="embi_reporting"),
              kind="pg_class.relowner", line="parts.v_words"),
)  # fmt: skip

_SEQUENCES = (
    _sequence("seqincrement", "step of a sequence changed", "s_increment", "increment 3"),
    _sequence("seqmax", "end of a sequence changed", "s_highest", "maxvalue 1000"),
    _sequence("seqmin", "lowest number of a sequence changed", "s_lowest", "minvalue -5"),
    _sequence("seqcycle", "sequence begins again", "s_cycle", "cycle"),
    _sequence("seqcache", "sequence gives numbers by the dozen", "s_cache", "cache 12"),
    _sequence("seqtypid", "type of a sequence changed", "s_type", "as integer"),
    _sequence("seqstart", "start of a sequence changed", "s_start", "start 5"),
)  # fmt: skip

_PUBLICATIONS = (
    _of(checks.PUBLICATIONS, "pg_publication.pubdelete", "publication without deletes", "n_verbs", "alter publication n_verbs set (publish = 'insert, update')"),
    _of(checks.PUBLICATIONS, "pg_publication.pubviaroot", "publication by the root's name", "n_root", "alter publication n_root set (publish_via_partition_root = true)"),
    _of(checks.PUBLICATIONS, "pg_publication_rel.prqual", "filter of a publication lost", "n_filter", "alter publication n_filter set table parts.published"),
    _of(checks.PUBLICATIONS, "pg_publication_rel.prattrs", "columns of a publication changed", "n_columns", "alter publication n_columns set table parts.published_narrow (id, n)"),
)  # fmt: skip

_REST = (
    _of(checks.CATALOG, "pg_collation: row", "collation missing", "parts.o_gone", "drop collation parts.o_gone", gone=DROPPED_OR_LOST),
    _of(checks.CATALOG, "pg_operator.oprrest", "estimator of an operator lost", "#=#", "alter operator parts.#=# (integer, integer) set (restrict = none)"),
    _of(checks.CATALOG, "pg_cast.castcontext", "cast became implicit", "parts.k_cast", "drop cast (parts.k_cast as integer)",
        "create cast (parts.k_cast as integer) with inout as implicit"),
    _of(checks.CATALOG, "pg_conversion.conname", "conversion renamed", "parts.k_other", "alter conversion parts.k_moved rename to k_other"),
    _of(checks.CATALOG, "pg_statistic_ext.stxstattarget", "target of a statistics object changed", "parts.k_target", "alter statistics parts.k_target set statistics 7"),
    _of(checks.CATALOG, "pg_statistic_ext.stxkind", "kind of a statistics object changed", "parts.k_kinds", "drop statistics parts.k_kinds",
        "create statistics parts.k_kinds (mcv) on id, n from parts.ruled"),
    _of(checks.CATALOG, "pg_description: row", "comment on a function changed", "comment on parts.other_trigger", "comment on function parts.other_trigger() is 'something else'"),
    _of(checks.CATALOG, "pg_description: row", "comment on a constraint too many", "answered_pkey", "comment on constraint answered_pkey on parts.answered is 'too many'"),
    _of(checks.CATALOG, "pg_description: row", "comment on an index too many", "r_filled_pkey", "comment on index parts.r_filled_pkey is 'too many'"),
    _of(checks.GRANTS, "pg_default_acl: row", "default privileges changed", "embi_admin",
        "set role embi_admin; alter default privileges in schema parts grant select on tables to parts_member"),
)  # fmt: skip

_ROLES = (
    _role("pg_authid.rolconnlimit", "role takes few connections", "parts_connections", "alter role parts_connections connection limit 3", "alter role parts_connections connection limit -1", gone=UNKNOWN_SINCE_WHEN),
    _role("pg_authid.rolcreaterole", "role may make roles", "parts_creates", "alter role parts_creates createrole", "alter role parts_creates nocreaterole", gone=UNKNOWN_SINCE_WHEN),
    _role("pg_authid.rolinherit", "role no longer inherits", "parts_inherits", "alter role parts_inherits noinherit", "alter role parts_inherits inherit", gone=UNKNOWN_SINCE_WHEN),
    _role("pg_auth_members.admin_option", "member may make members", "parts_admin", "set role embi_admin; grant parts_member to parts_admin with admin option", "set role embi_admin; revoke admin option for parts_member from parts_admin"),
    _role("pg_db_role_setting: row", "setting of a role changed", "parts_configured", "alter role parts_configured set work_mem to '1MB'", "alter role parts_configured reset work_mem"),
    _role("pg_db_role_setting: row", "setting of a role in a database changed", "parts_here",
          "alter role parts_here in database embi set work_mem to '1MB'", "alter role parts_here in database embi reset work_mem"),
)  # fmt: skip

IN_ATTRIBUTES: tuple[Planted, ...] = (
    *_FUNCTIONS, *_TABLES, *_CONSTRAINTS, *_INDEXES, *_TRIGGERS, *_POLICIES, *_TYPES, *_VIEWS, *_SEQUENCES, *_PUBLICATIONS, *_REST, *_ROLES,
)  # fmt: skip
"""Attributes of catalogs, one by one."""
