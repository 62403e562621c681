"""Stories of a moment at which something was going on: transactions that were open, writers without a pause, dated rows."""

from __future__ import annotations

from daybreak.app.snapshots import SnapshotWish, plan_snapshot
from daybreak.model import checks
from daybreak.model.plan import Plan
from daybreak.model.targets import Waiver
from daybreak.model.thoroughness import Thoroughness
from tests.defects.meanwhile.ways import (
    at_full_speed,
    baseline,
    by_owner,
    made,
    next_moment,
    pitr,
    run,
    session,
    tag,
    taken,
)
from tests.defects.ward import Ward, work
from tests.fix_lab import eventually


def dated(ward: Ward) -> Plan:
    """Rows dated ahead, without an end, and by the clock on a wall, before the moment and after it."""
    baseline(ward)
    _write_dates(ward, days=70)
    plan = pitr(ward, "full")
    _write_dates(ward, days=90)
    return plan


def dated_and_quiet(ward: Ward) -> Plan:
    """Nobody wrote to them since the baseline."""
    baseline(ward)
    return pitr(ward)


def _write_dates(ward: Ward, days: int) -> None:
    run(
        ward,
        f"insert into dated.appointments (what, starts_at) values ('far', now() + interval '{days} days')",
        "insert into dated.contracts (party, valid_until) values ('for ever', 'infinity')",
        "insert into dated.shifts (who, created_at) values ('night', now() at time zone 'Asia/Tokyo')",
        f"insert into dated.bills (amount, due_on) values (7, current_date + {days})",
    )


def migration_across(ward: Ward) -> Plan:
    """A migration changes the schema and rows at the moment, and commits after it."""
    name = f"moved_{tag()}"
    made(ward, name)
    baseline(ward)
    with session(ward) as migration:
        for statement in (
            "begin",
            f"create table {name}_new (like {name} including all)",
            f"insert into {name}_new (id, note) select id, note from {name}",
            f"alter table {name} add column shade text default 'grey'",
            f"update {name} set shade = 'blue' where id % 2 = 0",
            f"create index {name}_by_shade on {name} (shade)",
            f"create type mood_{name} as enum ('good', 'bad')",
        ):
            migration.execute(statement.encode())
        moment = next_moment(ward)
        migration.execute(b"commit")
    return pitr(ward, "full", to=moment)


def swap_across(ward: Ward) -> Plan:
    """A table is replaced by another of its name at the moment, and the transaction commits after it."""
    name = f"swapped_{tag()}"
    made(ward, name)
    baseline(ward)
    with session(ward) as migration:
        for statement in (
            "begin",
            f"create table {name}_new (like {name} including all)",
            f"insert into {name}_new (id, note) select id, 'other ' || note from {name} where id < 900",
            f"alter table {name} rename to {name}_old",
            f"alter table {name}_new rename to {name}",
        ):
            migration.execute(statement.encode())
        moment = next_moment(ward)
        migration.execute(b"commit")
    return pitr(ward, to=moment)


def long_transaction(ward: Ward) -> Plan:
    """A transaction began before the baseline and commits after the moment."""
    name = f"long_{tag()}"
    made(ward, name)
    with session(ward) as one, session(ward) as other:
        for statement in (
            "begin",
            f"insert into {name} (note) select 'open ' || g from generate_series(1, 300) as g",
            f"update {name} set note = 'open' where id between 100 and 200",
            f"delete from {name} where id > 990",
        ):
            one.execute(statement.encode())
        baseline(ward)
        work(ward)
        other.execute(b"begin")
        other.execute(f"insert into {name} (note) values ('never')".encode())
        moment = next_moment(ward)
        one.execute(b"commit")
        other.execute(b"rollback")
    return pitr(ward, "full", to=moment)


def prepared_before(ward: Ward) -> Plan:
    """Transactions in two phases were finished before the moment, one this way and one that way."""
    name = f"prepared_{tag()}"
    made(ward, name)
    _prepare(ward, name, "kept")
    _prepare(ward, name, "left", first=500)
    baseline(ward)
    by_owner(ward, f"commit prepared '{name}_kept'", f"rollback prepared '{name}_left'")
    return pitr(ward, "full")


def prepared_across(ward: Ward) -> Plan:
    """A prepared transaction is in every copy of that moment; who knows that waives its check, and no other may cry."""
    name = f"prepared_{tag()}"
    made(ward, name)
    baseline(ward)
    _prepare(ward, name, "kept")
    moment = next_moment(ward)
    by_owner(ward, f"commit prepared '{name}_kept'")
    known = Waiver(check=checks.PREPARED_TRANSACTIONS.name, by="the coordinator", why="it commits there too")
    return pitr(ward, "full", to=moment, waivers=(known,))


def _prepare(ward: Ward, table: str, word: str, first: int = 1) -> None:
    by_owner(
        ward,
        "begin",
        f"insert into {table} (note) select 'prepared' from generate_series(1, 50)",
        f"update {table} set note = 'prepared' where id between {first} and {first + 99}",
        f"prepare transaction '{table}_{word}'",
    )


def full_speed(ward: Ward) -> Plan:
    """Several writers, before, at and after the moment, and all is read."""
    name = f"fast_{tag()}"
    made(ward, name)
    baseline(ward)
    with at_full_speed(ward, name):
        return pitr(ward, "full")


def full_speed_around_the_baseline(ward: Ward) -> Plan:
    """They write while the baseline is taken too."""
    name = f"fast_{tag()}"
    made(ward, name)
    with at_full_speed(ward, name):
        baseline(ward)
        return pitr(ward, "full")


def snapshot_at_full_speed(ward: Ward) -> Plan:
    """A snapshot is taken while several people write."""
    name = f"fast_{tag()}"
    made(ward, name)
    baseline(ward)
    with at_full_speed(ward, name):
        snapshot = taken(ward)
    return plan_snapshot(ward.app, SnapshotWish("embi", snapshot, thoroughness=Thoroughness(depth="full")))


def commit_times(ward: Ward) -> Plan:
    """The source keeps commit times too."""
    group = ward.described(ward.branch.cluster)["DBClusterParameterGroup"]
    setting = {"ParameterName": "track_commit_timestamp", "ParameterValue": "1", "ApplyMethod": "pending-reboot"}
    ward.rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=group, Parameters=[setting])
    ward.rds.reboot_db_instance(DBInstanceIdentifier=f"{ward.branch.cluster}-1")
    eventually(lambda: _is_there(ward), within=60)
    eventually(lambda: ward.lab.remote.administer(ward.branch.cluster, "show track_commit_timestamp") == [[["on"]]])
    return full_speed(ward)


def _is_there(ward: Ward) -> bool:
    found = ward.rds.describe_db_instances(DBInstanceIdentifier=f"{ward.branch.cluster}-1")["DBInstances"]
    return bool(found[0]["DBInstanceStatus"] == "available")
