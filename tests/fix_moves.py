"""Builders of a global database and its secondary, and of plans that move its writer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from daybreak.model.backups import GlobalDatabase, GlobalMember, MomentsHeld
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import FailOverRequest
from daybreak.plan.planner import plan_of
from tests import fix_worlds
from tests.fix_worlds import ACCOUNT, AWAY, NOW, REGION, SOURCE

MEMBER = f"arn:aws:rds:{AWAY}:{ACCOUNT}:cluster:embi-west"
LEADER = f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:{SOURCE}"
HELD = MomentsHeld(latest=NOW - timedelta(seconds=2), at_most=NOW, evidence="CloudWatch: 2 seconds behind the writer")


def database(**changes: Any) -> GlobalDatabase:
    """The global database at rest, led by the source."""
    members = (
        GlobalMember(arn=LEADER, is_writer=True, sync="connected"),
        GlobalMember(arn=MEMBER, is_writer=False, sync="connected"),
    )
    defaults: dict[str, Any] = {"identifier": "embi-global", "status": "available", "members": members}
    return GlobalDatabase(**(defaults | changes))


def led_by(arn: str, **changes: Any) -> GlobalDatabase:
    """The global database with that writer."""
    moved = tuple(each.model_copy(update={"is_writer": each.arn == arn}) for each in database().members)
    return database(members=moved, **changes)


def seen(**changes: Any) -> Observation:
    """What the secondary's region shows."""
    secondary = fix_worlds.cluster(
        identifier="embi-west", arn=MEMBER, resource_id="cluster-WEST", replicates_from=LEADER
    )
    defaults: dict[str, Any] = {
        "seen": NOW,
        "identity": fix_worlds.identity(region=AWAY),
        "global_database": database(),
        "cluster": secondary,
        "instances": (fix_worlds.instance(1, cluster="embi-west"),),
    }
    return Observation(**(defaults | changes))


def request(**changes: Any) -> FailOverRequest:
    """To the secondary, with what had not arrived given up."""
    defaults: dict[str, Any] = {
        "target": "embi",
        "home": REGION,
        "database": "embi-global",
        "member": MEMBER,
        "moments": HELD,
        "suffix": "7k2",
    }
    return FailOverRequest(**(defaults | changes))


def plan(**wish: Any) -> Plan:
    """The plan in that world."""
    made = plan_of(request(**wish), fix_worlds.away_target(), seen(), fix_worlds.terms())
    assert not isinstance(made, Refusal), made.reasons
    return made
