"""Builders of worlds and plans with good defaults: the runbook's cluster, seen twenty minutes after an accident.

Each builder takes what a test cares about by keyword and fills in the rest.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from daybreak.model.actions import Validate
from daybreak.model.capsule import Capsule
from daybreak.model.moment import At
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal, Step
from daybreak.model.requests import PitrRequest, RegionRequest, Request, SnapshotRequest
from daybreak.model.tags import NONCE_TAG
from daybreak.model.targets import Contact, Expectation, Network, Objectives, SqlCheck, Target
from daybreak.model.world import (
    Cluster,
    CustomEndpoint,
    Identity,
    Instance,
    Key,
    Member,
    ParameterGroup,
    SecurityGroup,
    Snapshot,
    Surroundings,
    Window,
)
from daybreak.plan.moments import moments_of_snapshot
from daybreak.plan.planner import plan_of
from daybreak.plan.quarantine import CARED_FOR
from daybreak.plan.terms import Terms

MOMENT = datetime(2024, 1, 15, 14, 30, tzinfo=UTC)
"""The last good second, as in the runbook."""
ACCIDENT = MOMENT + timedelta(seconds=4)
"""When the employees were deleted."""
NOW = datetime(2024, 1, 15, 14, 52, 10, tzinfo=UTC)
"""When the world is seen and the plan is made."""
SOURCE = "embi-aurora-cluster"
ACCOUNT = "123456789012"
REGION = "us-east-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f9e8d7c-1111-2222-3333-444455556666"
GROUP = "sg-0123456789abcdef0"
TAGS = {"Environment": "production", "CostCenter": "4711"}


def identity(**changes: Any) -> Identity:
    """Who asks: a DBA on call in the runbook's account."""
    caller = f"arn:aws:iam::{ACCOUNT}:user/dba-oncall"
    defaults: dict[str, Any] = {"account": ACCOUNT, "caller": caller, "region": REGION}
    return Identity(**(defaults | changes))


def cluster(**changes: Any) -> Cluster:
    """The runbook's cluster with a writer and a reader."""
    defaults: dict[str, Any] = {
        "identifier": SOURCE,
        "resource_id": "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "arn": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:{SOURCE}",
        "status": "available",
        "engine": "aurora-postgresql",
        "engine_version": "16.6",
        "endpoint": f"{SOURCE}.cluster-c1a2b3d4e5f6.{REGION}.rds.amazonaws.com",
        "port": 5432,
        "database": "embi",
        "master_username": "embi_admin",
        "created": NOW - timedelta(days=400),
        "window": Window(earliest=NOW - timedelta(days=30), latest=NOW - timedelta(minutes=4)),
        "members": (
            Member(identifier=f"{SOURCE}-1", is_writer=True, tier=0, parameter_group_status="in-sync"),
            Member(identifier=f"{SOURCE}-2", is_writer=False, tier=1, parameter_group_status="in-sync"),
        ),
        "parameter_group": "embi-aurora-params",
        "subnet_group": "embi-db-subnet-group",
        "security_groups": (GROUP,),
        "is_encrypted": True,
        "kms_key": KEY,
        "has_iam_auth": True,
        "log_exports": ("postgresql",),
        "is_protected": True,
        "copies_tags": True,
        "backup_retention": timedelta(days=30),
        "backup_window": "03:00-04:00",
        "maintenance_window": "sun:05:00-sun:06:00",
        "tags": TAGS,
    }
    return Cluster(**(defaults | changes))


def instance(number: int = 1, **changes: Any) -> Instance:
    """The source's ``number``-th instance; the first is the writer."""
    defaults: dict[str, Any] = {
        "identifier": f"{SOURCE}-{number}",
        "cluster": SOURCE,
        "status": "available",
        "instance_class": "db.r6g.large",
        "engine": "aurora-postgresql",
        "engine_version": "16.6",
        "tier": number - 1,
        "parameter_group": "default.aurora-postgresql16",
        "upgrades_itself": False,
        "ca": "rds-ca-rsa2048-g1",
        "tags": TAGS,
    }
    return Instance(**(defaults | changes))


def target(**changes: Any) -> Target:
    """The target as daybreak.toml would say it."""
    defaults: dict[str, Any] = {
        "name": "embi",
        "cluster": SOURCE,
        "region": REGION,
        "database": "embi",
        "login": "secretsmanager:embi/aurora/master",
        "objectives": Objectives(rpo=timedelta(minutes=5), rto=timedelta(hours=4), retention=timedelta(days=30)),
        "network": {REGION: Network(subnet_group="embi-db-subnet-group", security_groups=(GROUP,))},
        "tables": {"public.employees": Expectation(min_rows=1000, freshness="updated_at")},
        "checks": (SqlCheck(name="payroll is ready", sql="select count(*) from payroll", expect=">= 1"),),
        "contacts": (
            Contact(role="DBA On-Call", address="dba-oncall@company.com", answers_within=timedelta(minutes=15)),
            Contact(role="AWS TAM", address="tam@aws.amazon.com", answers_within=timedelta(hours=1)),
        ),
    }
    return Target(**(defaults | changes))


def observation(**changes: Any) -> Observation:
    """Everything a planner may know about the runbook's account at ``NOW``."""
    defaults: dict[str, Any] = {
        "seen": NOW,
        "identity": identity(),
        "cluster": cluster(),
        "instances": (instance(1), instance(2)),
        "parameter_group": ParameterGroup(name="embi-aurora-params", family="aurora-postgresql16"),
        "settable": tuple(sorted(CARED_FOR)),
        "subnet_groups": ("embi-db-subnet-group",),
        "security_groups": (SecurityGroup(identifier=GROUP, name="embi-db", opens_ports=((5432, 5432),)),),
        "key": Key(arn=KEY, is_enabled=True),
        "snapshots": (snapshot(), snapshot("before-release", created=NOW - timedelta(days=2), kind="manual")),
        "size": 40 * 1024**3,
    }
    return Observation(**(defaults | changes))


def snapshot(identifier: str = f"rds:{SOURCE}-2024-01-15-13-30", **changes: Any) -> Snapshot:
    """The automated snapshot of an hour before the accident."""
    defaults: dict[str, Any] = {
        "identifier": identifier,
        "arn": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster-snapshot:{identifier}",
        "cluster": SOURCE,
        "resource_id": "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "kind": "automated",
        "status": "available",
        "created": MOMENT - timedelta(hours=1),
        "engine": "aurora-postgresql",
        "engine_version": "16.6",
        "is_encrypted": True,
        "kms_key": KEY,
        "port": 5432,
        "allocated": 40,
    }
    return Snapshot(**(defaults | changes))


def surroundings(**changes: Any) -> Surroundings:
    """What belongs to the runbook's cluster: an endpoint for its reader, and more values than AWS sets in one call."""
    values = {f"auto_explain.option_{number}": str(number) for number in range(24)}
    group = ParameterGroup(
        name="embi-aurora-params",
        family="aurora-postgresql16",
        parameters=values | {"max_logical_replication_workers": "8"},
    )
    reports = CustomEndpoint(identifier="embi-reports", kind="READER", static_members=(f"{SOURCE}-2",))
    defaults: dict[str, Any] = {"parameter_group": group, "endpoints": (reports,)}
    return Surroundings(**(defaults | changes))


def capsule(**changes: Any) -> Capsule:
    """What was kept of the runbook's cluster the day before."""
    defaults: dict[str, Any] = {
        "target": "embi",
        "taken": NOW - timedelta(days=1),
        "identity": identity(),
        "cluster": cluster(),
        "instances": (instance(1), instance(2)),
        "surroundings": surroundings(),
    }
    return Capsule(**(defaults | changes))


def snapshot_request(**changes: Any) -> SnapshotRequest:
    """Back to the newest snapshot."""
    defaults: dict[str, Any] = {"target": "embi", "suffix": "7k2", "why": "employees were deleted"}
    return SnapshotRequest(**(defaults | changes))


AWAY = "us-west-2"
"""Where the database is brought up when its own region is lost."""
AWAY_KEY = f"arn:aws:kms:{AWAY}:{ACCOUNT}:key/5a5b5c5d-1111-2222-3333-444455556666"
AWAY_GROUP = "sg-0fedcba9876543210"


def copied_snapshot(identifier: str = "embi-copy", **changes: Any) -> Snapshot:
    """A copy in the other region of the automated snapshot, finished half an hour later."""
    defaults: dict[str, Any] = {
        "arn": f"arn:aws:rds:{AWAY}:{ACCOUNT}:cluster-snapshot:{identifier}",
        "kind": "manual",
        "created": MOMENT - timedelta(minutes=30),
        "kms_key": AWAY_KEY,
        "source": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster-snapshot:rds:{SOURCE}-2024-01-15-13-30",
    }
    return snapshot(identifier, **(defaults | changes))


def region_request(**changes: Any) -> RegionRequest:
    """In the other region, from the copy, of which only the name of its source says the time."""
    copied = copied_snapshot()
    defaults: dict[str, Any] = {
        "target": "embi",
        "home": REGION,
        "snapshot": copied.arn,
        "moments": moments_of_snapshot(copied, {}),
        "assessed": f"{REGION} showed nothing (no answer came in time)",
        "suffix": "7k2",
        "why": f"{REGION} is gone",
    }
    return RegionRequest(**(defaults | changes))


def away_target(**changes: Any) -> Target:
    """The target as it is reached in the other region."""
    network = {AWAY: Network(subnet_group="embi-db-subnet-group-dr", security_groups=(AWAY_GROUP,))}
    return target(network=network, **changes).in_region(AWAY)


def away_observation(**changes: Any) -> Observation:
    """Everything a planner may know in the other region, with the capsule of the day before."""
    defaults: dict[str, Any] = {
        "identity": identity(region=AWAY),
        "cluster": None,
        "instances": (),
        "parameter_group": None,
        "subnet_groups": ("embi-db-subnet-group-dr",),
        "security_groups": (SecurityGroup(identifier=AWAY_GROUP, name="embi-db", opens_ports=((5432, 5432),)),),
        "key": Key(arn=AWAY_KEY, is_enabled=True),
        "snapshots": (copied_snapshot(),),
        "capsule": capsule(),
        "size": None,
    }
    return observation(**(defaults | changes))


def pitr_request(**changes: Any) -> PitrRequest:
    """Back to the last good second."""
    defaults: dict[str, Any] = {
        "target": "embi",
        "moment": At(instant=MOMENT),
        "words": "2024-01-15T14:30:00Z",
        "suffix": "7k2",
    }
    named = {} if "moment" in changes else {"accident": At(instant=ACCIDENT)}
    return PitrRequest(**(defaults | {"why": "employees were deleted"} | named | changes))


def terms(**changes: Any) -> Terms:
    """Planned now, good for an hour, the clone kept for a week, by somebody in Berlin."""
    week, hour = NOW + timedelta(days=7), NOW + timedelta(hours=1)
    defaults: dict[str, Any] = {"created": NOW, "expires": hour, "keep_until": week, "zone": "Europe/Berlin"}
    return Terms(**(defaults | changes))


def plan(*, request: Request | None = None, seen: Observation | None = None, by: Target | None = None) -> Plan:
    """A real plan by the real planner; an ``AssertionError`` with its reasons when it refuses."""
    made = plan_of(request or pitr_request(), by or target(), seen or observation(), terms())
    assert not isinstance(made, Refusal), made.reasons
    return made


def judging(made: Plan) -> Step:
    """The step that validates."""
    return next(step for step in made.steps if isinstance(step.action, Validate))


def judged_with(made: Plan, **changes: Any) -> Plan:
    """The plan with another validation."""
    changed = judging(made).model_copy(update={"action": judging(made).action.model_copy(update=changes)})
    return made.model_copy(update={"steps": tuple(changed if step.id == changed.id else step for step in made.steps)})


ANOTHER = "the nonce of another run"


def another_runs(tags: dict[str, str]) -> dict[str, str]:
    """The tags that another run of the same plan would have left: everything the same but the nonce."""
    return tags | {NONCE_TAG: ANOTHER}


def is_another_runs(tags: dict[str, str]) -> bool:
    """Whether these are such tags."""
    return tags.get(NONCE_TAG) == ANOTHER
