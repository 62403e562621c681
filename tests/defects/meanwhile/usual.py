"""Stories of usual days: a company at work, a schema that changes, an accident, a snapshot, a source that is gone."""

from __future__ import annotations

import threading
from time import monotonic

from daybreak.app.capturing import capture
from daybreak.app.planning import PitrWish, plan_pitr
from daybreak.app.snapshots import SnapshotWish, plan_snapshot
from daybreak.model.plan import Plan
from tests.defects.meanwhile.ways import baseline, delete, pitr, run, taken, working
from tests.defects.ward import Ward, moment_of, work


def quiet(ward: Ward) -> Plan:
    """Somebody worked a little, and nothing else happened."""
    baseline(ward)
    work(ward)
    return pitr(ward)


def latest(ward: Ward) -> Plan:
    """As late as the backup reaches."""
    baseline(ward)
    work(ward)
    moment_of(ward)
    return plan_pitr(ward.app, PitrWish("embi", "latest"))


def busy(ward: Ward) -> Plan:
    """The company goes on working before, at and after the moment."""
    baseline(ward)
    with working(ward):
        return pitr(ward)


def changed_after(ward: Ward) -> Plan:
    """The source's schema, roles and grants go on changing after the moment."""
    run(ward, "alter table employees enable trigger employees_touch")
    baseline(ward)
    work(ward)
    plan = pitr(ward)
    tag = plan.run[-4:]
    run(
        ward,
        f"create table later_{tag} (id bigint primary key, at timestamptz default now())",
        f"insert into later_{tag} select generate_series(1, 10)",
        f"create role newcomer_{tag} login in role embi_reporting",
        f"grant select on currencies to newcomer_{tag}",
        f"alter table notes add column later_{tag} text",
        f"create index later_{tag}_index on audit_log (actor)",
        f"create function later_{tag}() returns int language sql as 'select 1'",
        "drop index if exists payments_by_employee",
        "create index payments_by_employee on payments (employee_id, paid_on)",
        "alter table employees disable trigger employees_touch",
        "refresh materialized view monthly_payroll",
        "delete from audit_log where id % 10 = 0",
    )
    return plan


def changed_before(ward: Ward) -> Plan:
    """Much happens between the baseline and the moment."""
    baseline(ward)
    tag = f"{threading.get_ident() % 10_000}_{int(monotonic() * 1000) % 100_000}"
    run(
        ward,
        f"create table between_{tag} (id bigint primary key, at timestamptz default now())",
        f"insert into between_{tag} select generate_series(1, 100)",
        f"analyze between_{tag}",
        "insert into payments (employee_id, amount, paid_on, reference) select id, 1, '2025-07-31', 'x' from employees limit 300",
        f"alter table notes add column between_{tag} text",
        f"create role between_{tag}",
        "revoke insert on audit_log from embi_app",
        "grant insert on audit_log to embi_app",
        "update employees set updated_at = now() where id = 7",
    )
    return pitr(ward)


def accident(ward: Ward) -> Plan:
    """What a restore is for: right after the moment somebody deletes half of the people and a table."""
    baseline(ward)
    work(ward)
    plan = pitr(ward)
    run(ward, "delete from employees where id > 2300", "drop table login_sessions")
    run(
        ward,
        "create unlogged table login_sessions (token uuid primary key, employee_id bigint not null, expires_at timestamptz not null)",
    )
    return plan


def snapshot(ward: Ward) -> Plan:
    """From a snapshot, taken by hand a moment ago."""
    baseline(ward)
    work(ward)
    return plan_snapshot(ward.app, SnapshotWish("embi", taken(ward)))


def snapshot_then_work(ward: Ward) -> Plan:
    """From a snapshot, after which the company went on."""
    baseline(ward)
    work(ward)
    name = taken(ward)
    work(ward)
    tag = name[-4:]
    run(ward, f"create table after_{tag} (id int)", f"alter table notes add column after_{tag} int")
    return plan_snapshot(ward.app, SnapshotWish("embi", name))


def deleted_source(ward: Ward) -> Plan:
    """The source is gone with everything that led to it; its backup and a capsule are left."""
    baseline(ward)
    capture(ward.app, "embi")
    work(ward)
    moment = moment_of(ward)
    delete(ward)
    return plan_pitr(ward.app, PitrWish("embi", moment.isoformat().replace("+00:00", "Z")))
