"""One planted defect for each catalog of PostgreSQL that is walked: what there is before, the damage, and who must find it."""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.lab.volumes.volume import Volume
from tests.lab.volumes.fix_volumes import DATABASE

REST = "data.catalog"
SHARED = "data.shared-catalogs"
_SHARED = ("pg_parameter_acl", "pg_replication_origin", "pg_shdescription", "pg_shseclabel", "pg_tablespace")


@dataclass(frozen=True)
class Row:
    """One defect in the rows of a catalog."""

    catalog: str
    damage: str
    line: str
    """The beginning of the line that must say it."""
    before: str = ""
    check: str = REST
    since: int = 15
    has_time: bool = True
    """Whether the login may see when the source changed it."""

    @property
    def box(self) -> str:
        """The check that must say it."""
        return SHARED if self.catalog in _SHARED else self.check


ROWS = (
    Row("pg_aggregate", "update pg_aggregate set agginitval = '5' where aggfnoid = 'total'::regproc",
        "function public.total(integer)", "create role clerk_admin superuser; create aggregate total (int) (sfunc = int4pl, stype = int, initcond = '0')"),
    Row("pg_am", "create access method heap2 type table handler heap_tableam_handler", "access method heap2"),
    Row("pg_amop", "delete from pg_amop where amopfamily = (select oid from pg_opfamily where opfname = 'own_family') and amopstrategy = 5",
        "operator of an operator family public.own_family for btree 5",
        "create operator family own_family using btree; create operator class own_ops for type int4 using btree family own_family as"
        " operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 btint4cmp(int4, int4)"),
    Row("pg_amproc", "delete from pg_amproc where amprocfamily = (select oid from pg_opfamily where opfname = 'own_family')",
        "support function of an operator family public.own_family for btree 1"),
    Row("pg_attrdef", "alter table specimen alter n set default 8", "public.specimen", check="data.columns",
        before="create table specimen (n int default 7, body text, more text); alter table specimen set (toast.autovacuum_enabled = on)"),
    Row("pg_attribute", "alter table specimen_order alter body set storage external", "relation public.specimen_order",
        "create table specimen_order (n int, body text)"),
    Row("pg_auth_members", "revoke reader from clerk", "clerk in reader", "create role clerk; grant reader to clerk", check="security.roles"),
    Row("pg_authid", "alter role clerk createdb", "clerk", check="security.roles"),
    Row("pg_cast", "drop cast (public.tint as int)", "cast (public.tint AS integer)",
        "create type tint as enum ('red', 'blue'); create cast (public.tint as int) with inout"),
    Row("pg_class", "alter table specimen_toast set (toast.autovacuum_enabled = off)", "relation public.specimen_toast",
        "create table specimen_toast (body text)"),
    Row("pg_collation", "update pg_collation set collisdeterministic = false where collname = 'own_order'", "collation public.own_order",
        "create collation own_order (locale = 'C')"),
    Row("pg_constraint", "update pg_constraint set conislocal = false where conname = 'own_check'", "constraint public.checked.own_check",
        "create table checked (n int constraint own_check check (n > 0))"),
    Row("pg_conversion", "drop conversion own_conversion", "conversion public.own_conversion",
        "create conversion own_conversion for 'UTF8' to 'LATIN1' from utf8_to_iso8859_1"),
    Row("pg_database", "alter database embi connection limit 7", "database itself"),
    Row("pg_default_acl", "alter default privileges for role clerk grant select on tables to reader", "default for relations of clerk",
        check="security.grants"),
    Row("pg_depend", "alter extension plpgsql drop function member()", "dependency public.member() belongs to extension plpgsql",
        "create function member() returns int language sql as 'select 1'; grant execute on function member() to reader;"
        " alter extension plpgsql add function member()"),
    Row("pg_description", "comment on column noted.n is null", "comment on public.noted.n",
        "create table noted (n int); comment on column noted.n is 'the number'"),
    Row("pg_enum", "alter type shade rename value 'dark' to 'black'", "public.shade", "create type shade as enum ('dark')", "data.functions"),
    Row("pg_event_trigger", "drop event trigger own_event", "own_event",
        "create function on_event() returns event_trigger language plpgsql as 'begin end';"
        " create event trigger own_event on sql_drop execute function on_event(); alter event trigger own_event owner to clerk_admin",
        check="data.triggers"),
    Row("pg_extension", "update pg_extension set extversion = '0.1' where extname = 'plpgsql'", "plpgsql", check="data.extensions"),
    Row("pg_foreign_data_wrapper", "alter foreign data wrapper own_wire options (add debug 'true')", "foreign-data wrapper own_wire",
        "create foreign data wrapper own_wire"),
    Row("pg_foreign_server", "alter server own_server options (set host 'elsewhere')", "own_server",
        "create server own_server foreign data wrapper own_wire options (host 'there')", "data.foreign-servers"),
    Row("pg_foreign_table", "alter foreign table far options (set table_name 'farther')", "relation public.far",
        "create foreign table far (n int) server own_server options (table_name 'far')"),
    Row("pg_index", "drop index own_index", "public.indexed.own_index",
        "create table indexed (n int); create index own_index on indexed (n)", "data.indexes"),
    Row("pg_inherits", "alter table child no inherit parent", "public.child",
        "create table parent (n int); create table child () inherits (parent)", "data.columns"),
    Row("pg_init_privs", "delete from pg_init_privs where objoid = 'kept'::regproc", "initial privileges of public.kept()",
        "create function kept() returns int language sql as 'select 1'; grant execute on function kept() to reader;"
        " alter extension plpgsql add function kept()"),
    Row("pg_language", "drop language own_language", "language own_language", "create language own_language handler plpgsql_call_handler"),
    Row("pg_largeobject_metadata", "select lo_unlink(777)", "large object 777", "select lo_create(777)"),
    Row("pg_namespace", "drop schema own_schema", "own_schema", "create schema own_schema", "data.functions"),
    Row("pg_opclass", "update pg_opclass set opckeytype = 23 where opcname = 'own_ops'", "operator class public.own_ops"),
    Row("pg_operator", "drop operator === (int, int)", "operator public.===(integer, integer)",
        "create operator === (function = int4eq, leftarg = int, rightarg = int)"),
    Row("pg_opfamily", "alter operator family lone_family using btree rename to other_family", "operator family public.other_family for btree",
        "create operator family lone_family using btree"),
    Row("pg_parameter_acl", "grant set on parameter work_mem to reader", "privileges on parameter work_mem"),
    Row("pg_partitioned_table", "update pg_partitioned_table set partdefid = 0 where partrelid = 'parts'::regclass", "relation public.parts",
        "create table parts (n int) partition by range (n); create table parts_rest partition of parts default"),
    Row("pg_policy", "drop policy own_policy on guarded", "public.guarded.own_policy",
        "create table guarded (n int); create policy own_policy on guarded using (true)", "security.row-security"),
    Row("pg_proc", "create or replace function member_too() returns int language sql as 'select 2'", "function public.member_too()",
        "create function member_too() returns int language sql as 'select 1'; alter extension plpgsql add function member_too()"),
    Row("pg_publication", "alter publication own_news owner to clerk_admin", "publication own_news", check="security.owners",
        before="create publication own_news for table noted"),
    Row("pg_publication_namespace", "alter publication spacious drop tables in schema hr", "spacious: all tables in hr",
        "create publication spacious for tables in schema hr", "data.publications"),
    Row("pg_publication_rel", "alter publication narrow drop table noted", "narrow: public.noted",
        "create publication narrow for table noted", "data.publications"),
    Row("pg_range", "update pg_range set rngsubdiff = 'int4range_subdiff'::regproc where rngtypid = 'stretch'::regtype", "type public.stretch",
        "create type stretch as range (subtype = int4)"),
    Row("pg_replication_origin", "select pg_replication_origin_create('own_origin')", "replication origin own_origin"),
    Row("pg_rewrite", "create or replace rule own_rule as on delete to ruled do instead nothing", "public.ruled.own_rule",
        "create table ruled (n int); create rule own_rule as on delete to ruled do also nothing", "data.triggers"),
    Row("pg_seclabel", "delete from pg_seclabel", "security label on public.noted by own",
        "insert into pg_seclabel values ('noted'::regclass, 'pg_class'::regclass, 0, 'own', 'secret')"),
    Row("pg_sequence", "alter sequence own_numbers increment 3", "public.own_numbers", "create sequence own_numbers", "data.sequences"),
    Row("pg_shdescription", "comment on role clerk_admin is null", "comment on clerk_admin", "comment on role clerk_admin is 'the clerk'"),
    Row("pg_shseclabel", "delete from pg_shseclabel", "security label on clerk_admin by own",
        "insert into pg_shseclabel values ('clerk_admin'::regrole, 'pg_authid'::regclass, 'own', 'secret')"),
    Row("pg_statistic_ext", "alter statistics own_statistics set statistics 7", "statistics object public.own_statistics",
        "create table counted (a int, b int); create statistics own_statistics on a, b from counted"),
    Row("pg_subscription", "alter subscription own_subscription set (binary = true)", "subscription own_subscription",
        "create subscription own_subscription connection 'host=127.0.0.1 port=1' publication p with (connect = false)", has_time=False),
    Row("pg_subscription_rel", "delete from pg_subscription_rel", "table of a subscription own_subscription: public.noted",
        "insert into pg_subscription_rel select oid, 'noted'::regclass, 'r', '0/1' from pg_subscription"),
    Row("pg_tablespace", "alter tablespace pg_default set (random_page_cost = 2)", "tablespace pg_default"),
    Row("pg_transform", "drop transform for tint language plpgsql", "transform for public.tint, language plpgsql",
        "create function from_tint(internal) returns internal language internal immutable strict as 'numeric_avg_serialize';"
        " create transform for tint language plpgsql (from sql with function from_tint(internal))"),
    Row("pg_trigger", "alter table triggered disable trigger own_trigger", "public.triggered.own_trigger",
        "create table triggered (n int); create trigger own_trigger before update on triggered for each row execute function"
        " suppress_redundant_updates_trigger()", "data.triggers"),
    Row("pg_ts_config", "drop text search configuration lost_words", "text search configuration public.lost_words",
        "create text search configuration lost_words (copy = simple)"),
    Row("pg_ts_config_map", "alter text search configuration own_words drop mapping for word",
        "mapping of text search configuration public.own_words for token type 2",
        "create text search configuration own_words (copy = simple)"),
    Row("pg_ts_dict", "alter text search dictionary own_dictionary (accept = false)", "text search dictionary public.own_dictionary",
        "create text search dictionary own_dictionary (template = simple)"),
    Row("pg_ts_parser", "drop text search parser own_parser", "text search parser public.own_parser",
        "create text search parser own_parser (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype)"),
    Row("pg_ts_template", "drop text search template own_template", "text search template public.own_template",
        "create text search template own_template (lexize = dsimple_lexize)"),
    Row("pg_type", "update pg_type set typcategory = 'X' where typname = 'lone_type'", "type public.lone_type",
        "create type lone_type as enum ('one')"),
    Row("pg_user_mapping", "alter user mapping for public server own_server options (add password 'hunter2')",
        "user mapping own_server for everybody",
        "alter server own_server owner to embi_admin; create user mapping for public server own_server options (\"user\" 'ada')",
        has_time=False),
)  # fmt: skip
"""In an order in which each can use what those before it made."""

MORE = (
    Row("pg_opclass", "update pg_opclass set opckeytype = 23 where opcname = 'both_ops' and opcmethod = 405",
        "operator class public.both_ops for hash",
        "create operator class both_ops for type int4 using hash as operator 1 =, function 1 hashint4(int4); create operator class both_ops"
        " for type int4 using btree as operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 btint4cmp(int4, int4)"),
    Row("pg_opclass", "update pg_opclass set opckeytype = 23 where opcname = 'both_ops' and opcmethod = 403",
        "operator class public.both_ops for btree"),
    Row("pg_opfamily", "update pg_opfamily set opfowner = 'reader'::regrole where opfname = 'both_ops' and opfmethod = 405",
        "operator family public.both_ops for hash"),
    Row("pg_amop", "delete from pg_amop where amopfamily = (select oid from pg_opfamily where opfname = 'both_ops' and opfmethod = 405)",
        "operator of an operator family public.both_ops for hash 1"),
    Row("pg_proc", "revoke execute on function pg_catalog.now() from public", "function pg_catalog.now()"),
    Row("pg_proc", "grant execute on function pg_catalog.pg_read_file(text) to reader", "function pg_catalog.pg_read_file(text)"),
    Row("pg_proc", "revoke execute on function kept() from reader", "function public.kept()"),
    Row("pg_attribute", "alter table ordered rename a to c; alter table ordered rename b to a; alter table ordered rename c to b",
        "relation public.ordered", "create table ordered (n int, a text, b text)"),
    Row("pg_attribute", "alter table squeezed alter body set compression pglz", "relation public.squeezed", "create table squeezed (body text)"),
    Row("pg_attribute", "alter table sampled alter n set statistics 500", "relation public.sampled", "create table sampled (n int)"),
    Row("pg_largeobject_metadata", "alter large object 778 owner to reader", "large object 778", "select lo_create(778)"),
    Row("pg_largeobject_metadata", "grant select on large object 779 to reader", "large object 779", "select lo_create(779)"),
    Row("pg_description", "comment on table lone_comment is 'something else'", "comment on public.lone_comment",
        "create table lone_comment (n int); comment on table lone_comment is 'something'"),
    Row("pg_collation", "alter collation moved_order owner to reader", "collation public.moved_order", "create collation moved_order (locale = 'C')"),
    Row("pg_publication", "alter publication generous set (publish_generated_columns = stored)", "publication generous",
        "create publication generous for table noted", since=18),
    Row("pg_sequence", "alter sequence feeding owned by none", "public.feeding",
        "create table fed (n int); create sequence feeding owned by fed.n", "data.sequences"),
)  # fmt: skip
"""More of the same catalogs: what people change by name."""


def carry_out(volume: Volume, *statements: str) -> None:
    """Carry out statements as the provider's superuser, who may write to catalogs."""
    with volume._node.connect(DATABASE) as session:
        session.execute("set allow_system_table_mods to on")
        session.execute("set search_path to public")
        for statement in statements:
            for each in statement.split("; "):
                session.execute(each.encode())
