"""Clean restores: the source as a working company leaves it, and a clone to which nothing was done; none may raise an alarm."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from daybreak.app.baselines import BaselineWish, take_baseline
from daybreak.app.capturing import capture
from daybreak.app.custody import Leftover, plan_clean
from daybreak.app.planning import PitrWish, plan_pitr
from daybreak.app.running import Watchers, carry_out, start
from daybreak.app.snapshots import SnapshotWish, plan_snapshot
from daybreak.model.findings import Finding, Standing, Verdict
from daybreak.model.plan import Plan
from tests.defects.ward import Ward, moment_of, work
from tests.fix_lab import eventually

Prepared = Callable[[Ward], Plan]
"""Something happens to a source, and a restore of it is planned."""


@dataclass(frozen=True)
class Clean:
    """One clean restore: in which PostgreSQL, and what the company was doing."""

    name: str
    major: str
    plan: Prepared
    deletes: bool = False
    """Whether its source is gone afterwards."""

    @property
    def id(self) -> str:
        """For a test's name."""
        return f"{self.name.replace(',', '').replace(' ', '-')}-{self.major}"


@dataclass(frozen=True)
class Outcome:
    """What a clean restore was told."""

    verdict: Verdict | None
    findings: tuple[Finding, ...] = field(default=())
    took: float = 0.0

    @property
    def alarms(self) -> tuple[str, ...]:
        """What was not fit."""
        wrong = (each for each in self.findings if each.standing not in (Standing.FIT, Standing.WAIVED))
        return tuple(f"{each.check}: {each.standing.value}: {each.found} {each.why}" for each in wrong)

    @property
    def is_fit(self) -> bool:
        """Whether the run's verdict is fit."""
        return self.verdict is not None and self.verdict.standing is Standing.FIT


def outcome_of(ward: Ward, clean: Clean) -> Outcome:
    """Restore, and take the clone away again."""
    began = monotonic()
    state = carry_out(ward.app, start(ward.app, clean.plan(ward)), Watchers())
    cleaning = plan_clean(ward.app, Leftover(state.run))
    carry_out(ward.app, start(ward.app, cleaning), Watchers())
    return Outcome(state.verdict, state.findings, monotonic() - began)


def _pitr(ward: Ward) -> Plan:
    return plan_pitr(ward.app, PitrWish("embi", moment_of(ward).isoformat().replace("+00:00", "Z")))


def _baseline(ward: Ward) -> None:
    take_baseline(ward.app, BaselineWish("embi", is_fingerprinted=True))


def quiet(ward: Ward) -> Plan:
    """Somebody worked a little, and nothing else happened."""
    _baseline(ward)
    work(ward)
    return _pitr(ward)


def latest(ward: Ward) -> Plan:
    """As late as the backup reaches."""
    _baseline(ward)
    work(ward)
    moment_of(ward)
    return plan_pitr(ward.app, PitrWish("embi", "latest"))


def busy(ward: Ward) -> Plan:
    """The company goes on working before, at and after the moment."""
    _baseline(ward)
    with _working(ward):
        return _pitr(ward)


def changed_after(ward: Ward) -> Plan:
    """The source's schema, roles and grants go on changing after the moment."""
    _run(ward, "alter table employees enable trigger employees_touch")
    _baseline(ward)
    work(ward)
    plan = _pitr(ward)
    tag = plan.run[-4:]
    _run(
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
    _baseline(ward)
    tag = f"{threading.get_ident() % 10_000}_{int(monotonic() * 1000) % 100_000}"
    _run(
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
    return _pitr(ward)


def accident(ward: Ward) -> Plan:
    """What a restore is for: right after the moment somebody deletes half of the people and a table."""
    _baseline(ward)
    work(ward)
    plan = _pitr(ward)
    _run(ward, "delete from employees where id > 2300", "drop table login_sessions")
    _run(
        ward,
        "create unlogged table login_sessions (token uuid primary key, employee_id bigint not null, expires_at timestamptz not null)",
    )
    return plan


def without_baseline(ward: Ward) -> Plan:
    """Nobody ever took a baseline that fits: the living source is the only witness."""
    work(ward)
    return _pitr(ward)


def snapshot(ward: Ward) -> Plan:
    """From a snapshot, taken by hand a moment ago."""
    _baseline(ward)
    work(ward)
    return plan_snapshot(ward.app, SnapshotWish("embi", _taken(ward)))


def snapshot_then_work(ward: Ward) -> Plan:
    """From a snapshot, after which the company went on."""
    _baseline(ward)
    work(ward)
    name = _taken(ward)
    work(ward)
    tag = name[-4:]
    _run(ward, f"create table after_{tag} (id int)", f"alter table notes add column after_{tag} int")
    return plan_snapshot(ward.app, SnapshotWish("embi", name))


def deleted_source(ward: Ward) -> Plan:
    """The source is gone with everything that led to it; its backup and a capsule are left."""
    _baseline(ward)
    capture(ward.app, "embi")
    work(ward)
    moment = moment_of(ward)
    _delete(ward)
    return plan_pitr(ward.app, PitrWish("embi", moment.isoformat().replace("+00:00", "Z")))


def _taken(ward: Ward) -> str:
    name = f"by-hand-{int(monotonic() * 1000) % 1_000_000}"
    ward.rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=name, DBClusterIdentifier=ward.branch.cluster)

    def is_there() -> bool:
        seen = ward.rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)["DBClusterSnapshots"]
        return bool(seen[0]["Status"] == "available")

    eventually(is_there, within=60)
    return name


def _delete(ward: Ward) -> None:
    name = ward.branch.cluster
    ward.rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    eventually(lambda: ward.described(name)["Status"] == "available", within=60)
    for member in ward.described(name)["DBClusterMembers"]:
        ward.rds.delete_db_instance(DBInstanceIdentifier=member["DBInstanceIdentifier"], SkipFinalSnapshot=True)
    ward.rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    filters = [{"Name": "db-cluster-id", "Values": [name]}]
    eventually(lambda: not ward.rds.describe_db_clusters(Filters=filters)["DBClusters"], within=60)


def _run(ward: Ward, *statements: str) -> None:
    """The company's own people do this, so what they make is theirs."""
    theirs = (each if " role " in each else f"set role embi_admin; {each}" for each in statements)
    ward.lab.remote.administer(ward.branch.cluster, *theirs)


@contextmanager
def _working(ward: Ward) -> Iterator[None]:
    """People at work: small transactions, without a pause."""
    is_over = threading.Event()

    def go() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            _run(
                ward,
                f"insert into audit_log (what, detail) values ('work', jsonb_build_object('n', {number}))",
                f"update employees set updated_at = now() where id = {1 + number % 2000}",
                f"insert into payments (employee_id, amount, paid_on, reference) values ({1 + number % 2000}, 5, now(), 'w')",
            )

    worker = threading.Thread(target=go, name="company-at-work")
    worker.start()
    try:
        yield
    finally:
        is_over.set()
        worker.join()


def restores(majors: list[str]) -> tuple[Clean, ...]:
    """Twenty clean restores, spread over the versions there are; the one that deletes its source comes last."""
    oldest, middle, newest = majors[0], majors[len(majors) // 2], majors[-1]
    each = (oldest, middle, newest)
    made = [Clean("quiet", major, quiet) for major in each]
    made += [Clean("busy", major, busy) for major in each]
    made += [Clean("changes before the moment", major, changed_before) for major in each]
    made += [Clean("changes after the moment", major, changed_after) for major in each]
    made += [Clean("snapshot", major, snapshot) for major in each]
    made += [Clean("latest", middle, latest), Clean("accident", oldest, accident), Clean("accident", newest, accident)]
    made += [Clean("snapshot, then work", newest, snapshot_then_work)]
    made += [Clean("deleted source with capsule", newest, deleted_source, deletes=True)]
    return tuple(made)
