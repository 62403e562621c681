"""Stories of what happened to a table between the baseline and the moment, or after it, and explains what differs."""

from __future__ import annotations

from daybreak.model.plan import Plan
from tests.defects.meanwhile.ways import baseline, by_owner, made, pitr, run, tag
from tests.defects.ward import Ward, work


def rewritten_after(ward: Ward) -> Plan:
    """After the moment tables are written anew: by another type, VACUUM FULL, CLUSTER."""
    name = f"rewritten_{tag()}"
    made(ward, name, rows=3000)
    baseline(ward)
    work(ward)
    plan = pitr(ward, "full")
    by_owner(
        ward,
        f"alter table {name} alter n type bigint",
        "delete from payments where id % 50 = 1",
        "vacuum full payments",
        "cluster salaries using salaries_pkey",
        "vacuum (freeze) audit_log",
    )
    return plan


def rewritten_before(ward: Ward) -> Plan:
    """The same between the baseline and the moment; no row becomes another one by it."""
    name = f"rewritten_{tag()}"
    made(ward, name, rows=3000)
    baseline(ward)
    by_owner(
        ward,
        f"alter table {name} alter n type bigint",
        "vacuum full notes",
        "cluster salaries using salaries_pkey",
        "vacuum (freeze) departments",
    )
    return pitr(ward, "full")


def form_changed_before(ward: Ward) -> Plan:
    """Columns come and go and types change without a row being written, so that content is read otherwise."""
    name = f"formed_{tag()}"
    made(ward, name)
    made(ward, f"{name}_too")
    run(ward, f"create type {name}_mood as enum ('good', 'bad')")
    run(ward, f"alter table {name} add column mood {name}_mood default 'good'")
    baseline(ward)
    by_owner(
        ward,
        f"alter table {name}_too add column shade text default 'grey'",
        f"alter table {name}_too drop column n",
        f"alter type {name}_mood rename value 'good' to 'fine'",
    )
    return pitr(ward, "full")


def form_changed_after(ward: Ward) -> Plan:
    """The same after the moment."""
    name = f"formed_{tag()}"
    made(ward, name)
    run(ward, f"create type {name}_mood as enum ('good', 'bad')")
    run(ward, f"alter table {name} add column mood {name}_mood default 'good'")
    baseline(ward)
    plan = pitr(ward, "full")
    by_owner(
        ward,
        f"alter table {name} add column shade text default 'grey'",
        f"alter table {name} drop column n",
        f"alter type {name}_mood rename value 'good' to 'fine'",
        f"alter table {name} rename column note to words",
    )
    return plan


def swapped_after(ward: Ward) -> Plan:
    """After the moment two tables change their names, and one is replaced by a new one."""
    name = f"swapped_{tag()}"
    for each in (name, f"{name}_twin", f"{name}_old"):
        made(ward, each)
    baseline(ward)
    plan = pitr(ward)
    run(
        ward,
        f"alter table {name} rename to {name}_away; alter table {name}_twin rename to {name};"
        f" alter table {name}_away rename to {name}_twin",
        f"create table {name}_new (like {name}_old including all)",
        f"insert into {name}_new (note) select 'another' from generate_series(1, 20)",
        f"drop table {name}_old",
        f"alter table {name}_new rename to {name}_old",
    )
    return plan


def renamed_after(ward: Ward) -> Plan:
    """After the moment a table gets another name, another one another schema, and a third one's schema another name."""
    name = f"renamed_{tag()}"
    run(ward, f"create schema {name}_home", f"create schema {name}_other")
    for each in (name, f"{name}_moved", f"{name}_home.inside"):
        made(ward, each)
    baseline(ward)
    plan = pitr(ward, "full")
    run(
        ward,
        f"alter table {name} rename to {name}_later",
        f"alter table {name}_moved set schema {name}_other",
        f"alter schema {name}_home rename to {name}_house",
    )
    return plan


def emptied_after(ward: Ward) -> Plan:
    """The accident in many forms: truncated, deleted and cleaned up, its places given to others, its keys changed."""
    name = f"emptied_{tag()}"
    for each in (name, f"{name}_full", f"{name}_keys"):
        made(ward, each, rows=3000)
    baseline(ward)
    work(ward)
    plan = pitr(ward, "full")
    by_owner(
        ward,
        f"truncate {name}",
        f"insert into {name} (note) select 'after ' || g from generate_series(1, 3000) as g",
        f"delete from {name}_full where id > 1000",
        f"vacuum {name}_full",
        f"insert into {name}_full (note) select 'in their place' from generate_series(1, 2500)",
        f"update {name}_keys set id = id + 1000000",
        "delete from employees where id between 100 and 160",
    )
    return plan


def partitions_after(ward: Ward) -> Plan:
    """Partitions come before the moment; after it they are detached, attached and dropped."""
    name = f"parts_{tag()}"
    run(
        ward,
        f"create table {name} (id bigint not null, day date not null, primary key (id, day)) partition by range (day)",
        f"create table {name}_1 partition of {name} for values from ('2025-01-01') to ('2025-02-01')",
        f"create table {name}_2 partition of {name} for values from ('2025-02-01') to ('2025-03-01')",
        f"insert into {name} select n, date '2025-01-01' + n from generate_series(1, 50) as n",
    )
    baseline(ward)
    run(
        ward,
        f"create table {name}_3 (like {name}_1 including all)",
        f"insert into {name}_3 select n, date '2025-03-05' from generate_series(1, 50) as n",
        f"alter table {name} attach partition {name}_3 for values from ('2025-03-01') to ('2025-04-01')",
        f"alter table {name} detach partition {name}_1",
    )
    plan = pitr(ward, "full")
    run(
        ward,
        f"alter table {name} detach partition {name}_2",
        f"alter table {name} attach partition {name}_1 for values from ('2025-01-01') to ('2025-02-01')",
        f"drop table {name}_3",
        f"create table {name}_4 partition of {name} for values from ('2025-05-01') to ('2025-06-01')",
    )
    return plan


def sequences_used(ward: Ward) -> Plan:
    """Numbers are given out before the moment and after it, by steps, ahead, and set back for a table that is empty."""
    name = f"numbers_{tag()}"
    made(ward, name)
    run(
        ward,
        f"create sequence {name}_ahead increment 50 cache 20",
        f"create sequence {name}_down increment -1",
        f"create table {name}_empty (id serial primary key)",
    )
    several = (
        f"select nextval('{name}_ahead'), nextval('{name}_down'), nextval('{name}_empty_id_seq') from generate_series(1, 30)",
        f"insert into {name} (note) select 'numbered' from generate_series(1, 200)",
    )
    # Set back later to before this, or nothing would show which of the two was set: the source's, or the clone's forward.
    by_owner(ward, *several)
    baseline(ward)
    by_owner(ward, *several)
    plan = pitr(ward)
    by_owner(ward, *several, f"select setval('{name}_ahead', 7)", f"alter table {name} alter id restart with 900000")
    return plan


def mass_deleted_within_shrink(ward: Ward) -> Plan:
    """Before the moment a few rows are deleted for good, values are corrected, and keys are given anew."""
    name = f"corrected_{tag()}"
    made(ward, name)
    baseline(ward)
    run(
        ward,
        f"delete from {name} where id % 40 = 0",
        f"update {name} set id = id + 5000 where id < 50",
        f"update {name} set note = upper(note) where id % 3 = 0",
    )
    return pitr(ward, "full")
