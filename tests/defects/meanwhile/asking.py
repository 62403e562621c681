"""Stories of how a restore is asked about: with little time, without a baseline, by an old one, by a login with ways of its own."""

from __future__ import annotations

from datetime import timedelta

from daybreak.model.plan import Plan
from tests.defects.meanwhile.ways import baseline, made, pitr, run, session, tag
from tests.defects.ward import Ward, work


def within_minutes(ward: Ward) -> Plan:
    """The validation may take two minutes; what does not fit is named and no alarm."""
    baseline(ward)
    work(ward)
    return pitr(ward, "full", within=timedelta(minutes=2))


def without_baseline(ward: Ward) -> Plan:
    """Nobody took a baseline yet: the source is the only witness."""
    work(ward)
    return pitr(ward, "full")


def old_baseline(ward: Ward) -> Plan:
    """Since the baseline the schema was changed twice, by migrations that add, split, rename and drop."""
    name = f"old_{tag()}"
    for each in (name, f"{name}_split", f"{name}_gone"):
        made(ward, each)
    baseline(ward)
    run(
        ward,
        f"alter table {name} add column shade text not null default 'grey', alter n type bigint",
        f"alter table {name}_split rename column note to words",
        f"create table {name}_parts (id bigint primary key references {name}_split (id), part text)",
        f"insert into {name}_parts select id, left(words, 3) from {name}_split",
        f"update {name} set shade = 'blue' where id % 5 = 0",
    )
    work(ward)
    run(
        ward,
        f"drop table {name}_gone",
        f"alter table {name} drop column n, add constraint {name}_shades check (shade <> '')",
        f"alter table {name}_split rename to {name}_whole",
        f"create index {name}_by_shade on {name} (shade) include (note)",
        f"create view {name}_seen as select id, shade from {name}",
        f"delete from {name}_parts where id % 50 = 0",
    )
    return pitr(ward, "full")


_WAYS = (
    ("datestyle", "'SQL, DMY'"),
    ("intervalstyle", "'sql_standard'"),
    ("timezone", "'Asia/Kolkata'"),
    ("bytea_output", "'escape'"),
    ("extra_float_digits", "-2"),
    ("search_path", "'nowhere'"),
    ("standard_conforming_strings", "off"),
    ("quote_all_identifiers", "on"),
    ("transform_null_equals", "on"),
    ("row_security", "on"),
    ("lock_timeout", "'1ms'"),
    ("statement_timeout", "'3s'"),
    ("default_transaction_isolation", "'serializable'"),
    ("default_transaction_deferrable", "on"),
    ("client_min_messages", "'debug1'"),
    ("enable_seqscan", "off"),
)


def login_with_ways(ward: Ward) -> Plan:
    """The login that Daybreak enters with has settings of its own, which would write and read each value otherwise."""
    with session(ward) as owner:
        for name, value in _WAYS:
            owner.execute(f"alter role embi_admin set {name} to {value}".encode())
        try:
            baseline(ward)
            work(ward)
            return pitr(ward, "full")
        finally:
            for name, _ in _WAYS:
                owner.execute(f"alter role embi_admin reset {name}".encode())
