"""Defects in everything of the database besides its rows."""

from __future__ import annotations

from dataclasses import replace

from daybreak.app.validating import Case
from daybreak.model import checks
from daybreak.model.targets import Expectation
from tests.defects.planted.how import Planted, by_damage, by_sql, run, set_at_large
from tests.defects.rules import DROPPED_OR_LOST
from tests.defects.ward import Ward


def _drop_extension(ward: Ward) -> None:
    for extension in ("pg_trgm", "vector"):
        ward.damage.do("drop-extension", extension=extension)


def _age_extension(ward: Ward) -> None:
    for extension in ("pg_trgm", "vector"):
        ward.damage.do("age-extension", extension=extension)


def _lead_out(ward: Ward) -> None:
    production = ward.source["Endpoint"]
    ward.damage.do("lead-out", server="production", host=production)


def _subscribe(ward: Ward) -> None:
    set_at_large(ward, "max_logical_replication_workers", "4")
    ward.damage.do("subscribe", subscription="eater")


def _unsubscribe(ward: Ward) -> None:
    ward.damage.do("unsubscribe", subscription="eater")
    set_at_large(ward, "max_logical_replication_workers", "0")


_CRON = (
    "create schema cron",
    (
        "create table cron.job (jobid bigint primary key, schedule text, command text, nodename text, nodeport int,"
        " database text, username text, active boolean, jobname text)"
    ),
    "grant usage on schema cron to public",
    "grant select on cron.job to public",
    "insert into cron.job values (1, '* * * * *', 'select pay_everybody()', 'localhost', 5432, 'embi', 'embi_admin', true, 'pay')",
)


def _schedule(ward: Ward) -> None:
    """The table of pg_cron, which no machine of a laptop has, and the setting with which it would launch its jobs."""
    run(ward, *_CRON, "alter database embi set cron.launch_active_jobs = 'on'")


def _awaiting(case: Case, table: str) -> Case:
    """The owner expects rows in a table."""
    tables = case.action.tables | {table: Expectation(min_rows=1)}
    return replace(case, action=case.action.model_copy(update={"tables": tables}))


def _forgotten(kind: str, index: str, change: str, needs: str = "") -> Planted:
    """A row that an index without an order lacks: a search by it silently finds nothing."""
    return by_damage(
        f"{kind} index lacks an entry",
        checks.INDEX_CONTENTS,
        lambda ward: ward.damage.forget_in_index(f"specimens.{index}", change),
        depth="full",
        kind=f"{kind} index: entry missing",
        line=index,
        hits=(f"specimens.{index.partition('_')[0]}",),
        needs=needs,
    )


_SEARCHED = (
    _forgotten("hash", "texts_hashed", "insert into specimens.texts (id, plain) values (2001, 'lost')"),
    _forgotten("pattern", "texts_like", "insert into specimens.texts (id, varying) values (2001, 'lost')", "amcheck"),
    _forgotten(
        "GIN", "documents_parsed", """insert into specimens.documents (id, parsed) values (2001, '{"lost": 1}')"""
    ),
    _forgotten("GiST", "shapes_span", "insert into specimens.shapes (id, span) values (2001, '[7000,8000)')"),
    _forgotten("SP-GiST", "shapes_place", "insert into specimens.shapes (id, place) values (2001, '(-7,-7)')"),
    _forgotten("BRIN", "readings_by_time", "update specimens.readings set at = '1999-12-31 23:59+00' where sensor = 7"),
)

IN_OBJECTS: tuple[Planted, ...] = (
    by_sql("table renamed", checks.TABLES, "alter table specimens.staff_7 rename to wages", kind="pg_class.relname", line="specimens.staff_7"),
    by_sql("schema renamed", checks.TABLES, "alter schema specimens rename to species", kind="pg_namespace.nspname", alone="it hits every table of its schema"),
    *_SEARCHED,
    by_sql("sequence behind a partition whose key begins with its day", checks.SEQUENCES,
           "insert into specimens.happenings values (99999, '2024-07-07', 'door open')", kind="pg_sequence: number", line="happenings_id_seq", hits=("specimens.happenings_2024",)),
    by_damage("row that breaks its check", checks.CONSTRAINTS,
              lambda ward: ward.damage.put("specimens.happenings_2024", b"door open", b"door oxen"), depth="full", kind="heap page: bytes", line="happenings_what_check", hits=("specimens.happenings_2024",)),
    by_sql("identity behind its table", checks.SEQUENCES, "alter table employees alter id restart with 5", kind="pg_sequence: number", line="employees_id_seq"),
    by_sql("missing partition", checks.PARTITIONS, "drop table time_entries_2025_06", kind="pg_class: partition", line="public.time_entries_2025_06", gone=DROPPED_OR_LOST),
    by_sql("partition detached", checks.PARTITIONS, "alter table time_entries detach partition time_entries_2025_04", kind="pg_inherits: partition", line="public.time_entries_2025_04"),
    by_damage("foreign key NOT VALID", checks.FOREIGN_KEYS, lambda ward: ward.damage.invalidate_foreign_key("salaries_employee_id_fkey"), kind="pg_constraint.convalidated", line="salaries_employee_id_fkey"),
    by_sql("foreign key missing", checks.FOREIGN_KEYS, "alter table salaries drop constraint salaries_employee_id_fkey", kind="pg_constraint.contype: f", line="salaries_employee_id_fkey", gone=DROPPED_OR_LOST),
    by_damage("invalid index", checks.INDEXES, lambda ward: ward.damage.invalidate_index("employees_by_name"), kind="pg_index.indisvalid", line="employees_by_name"),
    by_sql("missing index", checks.INDEXES, "drop index payments_by_employee", kind="pg_index: row", line="payments_by_employee", gone=DROPPED_OR_LOST),
    by_damage("btree out of order", checks.INDEX_CONTENTS, lambda ward: ward.damage.disorder_index("employees_by_change"), kind="btree: order", line="employees_by_change"),
    by_damage(
        "btree lacks entries",
        checks.INDEX_CONTENTS,
        lambda ward: ward.damage.forget_in_index("audit_log_by_time", "insert into audit_log (what) values ('hidden')"),
        depth="full",
     kind="btree: entry missing", line="audit_log_by_time", hits=("public.audit_log",)),
    by_sql("column type changed", checks.COLUMNS, "alter table notes alter body type varchar(4000)", kind="pg_attribute.atttypid", line="public.notes: body"),
    by_sql("column missing", checks.COLUMNS, "alter table notes drop column budget", kind="pg_attribute: row", line="public.notes: budget"),
    by_sql("default lost", checks.COLUMNS, "alter table employees alter is_active drop default", kind="pg_attribute.atthasdef", line="public.employees: is_active"),
    by_sql("check constraint lost", checks.CONSTRAINTS, "alter table salaries drop constraint salaries_amount_check", kind="pg_constraint.contype: c", line="salaries_amount_check", gone=DROPPED_OR_LOST),
    by_sql("unique constraint lost", checks.CONSTRAINTS, "alter table employees drop constraint employees_email_key", kind="pg_constraint.contype: u", line="employees_email_key", gone=DROPPED_OR_LOST),
    by_sql("trigger disabled", checks.TRIGGERS, "alter table employees disable trigger employees_touch", kind="pg_trigger.tgenabled", line="employees_touch"),
    by_sql("trigger missing", checks.TRIGGERS, "drop trigger employees_departures on employees", kind="pg_trigger: row", line="employees_departures", gone=DROPPED_OR_LOST),
    by_sql("rule missing", checks.TRIGGERS, "drop rule departments_stay on departments", kind="pg_rewrite: row", line="departments_stay", gone=DROPPED_OR_LOST),
    by_sql("function changed", checks.FUNCTIONS, "create or replace function touch() returns trigger language plpgsql as 'begin return null; end'", kind="pg_proc.prosrc", line="public.touch"),
    by_sql("view missing", checks.FUNCTIONS, "drop view department_headcount", kind="pg_class: view", line="public.department_headcount", gone=DROPPED_OR_LOST),
    by_sql("label of a type changed", checks.FUNCTIONS, "alter type work_kind rename value 'travel' to 'trip'", kind="pg_enum.enumlabel", line="public.work_kind"),
    by_sql("sequence behind the data", checks.SEQUENCES, "select setval('payment_numbers', 1)", kind="pg_sequence: number", line="payment_numbers"),
    Planted(
        "unlogged table empty, rows awaited",
        checks.UNLOGGED,
        change=lambda case: _awaiting(case, "public.login_sessions"),
     kind="pg_class.relpersistence", line="public.login_sessions"),
    by_damage("materialized view not populated", checks.MATERIALIZED_VIEWS, lambda ward: ward.damage.unpopulate("monthly_payroll"), kind="pg_class.relispopulated", line="public.monthly_payroll"),
    by_damage("extension missing", checks.EXTENSIONS, _drop_extension, kind="pg_extension: row", line="pg_trgm", needs="pg_trgm", gone=DROPPED_OR_LOST),
    by_damage("extension older", checks.EXTENSIONS, _age_extension, kind="pg_extension.extversion", line="pg_trgm", needs="pg_trgm"),
    by_sql("publication missing", checks.PUBLICATIONS, "drop publication embi_changes", kind="pg_publication: row", line="embi_changes", gone=DROPPED_OR_LOST),
    by_sql("table missing from a publication", checks.PUBLICATIONS, "alter publication embi_changes drop table employees", kind="pg_publication_rel: row", line="embi_changes", gone=DROPPED_OR_LOST),
    Planted("subscription enabled", checks.SUBSCRIPTIONS, _subscribe, _unsubscribe, spoils=True, kind="pg_subscription.subenabled", alone="its setting needs a reboot"),
    Planted(
        "active cron job",
        checks.CRON_JOBS,
        _schedule,
        lambda ward: run(ward, "alter database embi reset cron.launch_active_jobs"),
        spoils=True,
     kind="cron.job: row"),
    by_damage("foreign server that leads to production", checks.FOREIGN_SERVERS, _lead_out, kind="pg_foreign_server.srvoptions", line="production"),
    Planted("collation of another version", checks.COLLATIONS, lambda ward: ward.damage.age_collation(), spoils=True, kind="pg_database.datcollversion"),
    by_damage("no statistics", checks.STATISTICS, lambda ward: ward.damage.forget_statistics("specimens.staff_6"), kind="pg_statistic: row", line="specimens.staff_6"),
    Planted(
        "prepared transaction left",
        checks.PREPARED_TRANSACTIONS,
        lambda ward: ward.damage.leave_prepared("left", "insert into currencies values ('XXX', 'none', 2)"),
        lambda ward: run(ward, "rollback prepared 'left'"),
     kind="pg_prepared_xacts: row"),
    Planted(
        "replication slot left",
        checks.REPLICATION_SLOTS,
        lambda ward: run(ward, "select pg_create_physical_replication_slot('left_over')::text"),
        lambda ward: run(ward, "select pg_drop_replication_slot('left_over')::text"),
     kind="pg_replication_slots: row"),
)  # fmt: skip
"""Everything in the database besides its rows."""
