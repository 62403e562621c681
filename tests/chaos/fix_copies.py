"""Builders of worlds for `daybreak copy`: the runbook's cluster, and copies of its snapshots in another region."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from daybreak.model.copies import CopiesSeen
from daybreak.model.observation import Observation
from daybreak.model.requests import CopyRequest
from daybreak.model.tags import COPY_FOR_TAG, COPY_OF_TAG, NONCE_TAG, RUN_TAG, TAKEN_TAG
from daybreak.model.targets import CopyPromise, Target
from daybreak.model.value import iso
from daybreak.model.world import Key, Snapshot
from tests import fix_worlds
from tests.chaos.simulated_aws import SimulatedAws, world_of
from tests.chaos.simulated_parts import Clock
from tests.fix_worlds import ACCOUNT, AWAY, AWAY_KEY, NOW, REGION, SOURCE

RESOURCE = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def request(**changes: Any) -> CopyRequest:
    """Keep the copies in the other region."""
    return CopyRequest(**({"target": "embi", "home": REGION, "suffix": "7k2"} | changes))


def promise(**changes: Any) -> CopyPromise:
    """A copy a day, two of them kept."""
    defaults: dict[str, Any] = {"key": AWAY_KEY, "every": timedelta(days=1), "keep": 2}
    return CopyPromise(**(defaults | changes))


def target(**changes: Any) -> Target:
    """The target as it is reached in the region of the copies."""
    return fix_worlds.target(snapshot_copies={AWAY: promise(**changes)}).in_region(AWAY)


def copied(name: str, *, days: float = 0, hours: float = 0, **changes: Any) -> Snapshot:
    """A copy of ours that holds a moment so long ago."""
    taken = NOW - timedelta(days=days, hours=hours)
    defaults: dict[str, Any] = {
        "created": taken + timedelta(minutes=10),
        "source": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster-snapshot:{name}-home",
        "tags": {
            TAKEN_TAG: iso(taken),
            COPY_OF_TAG: RESOURCE,
            COPY_FOR_TAG: AWAY,
            NONCE_TAG: f"nonce-{name}",
            RUN_TAG: f"run-{name}",
        },
    }
    return fix_worlds.copied_snapshot(name, **(defaults | changes))


def left_behind(name: str, *, days: float = 0) -> Snapshot:
    """A snapshot at home that an earlier run took and did not remove."""
    tags = {COPY_OF_TAG: RESOURCE, COPY_FOR_TAG: AWAY, NONCE_TAG: f"nonce-{name}", RUN_TAG: f"run-{name}"}
    return fix_worlds.snapshot(name, kind="manual", created=NOW - timedelta(days=days), tags=tags)


def seen(*snapshots: Snapshot, **changes: Any) -> CopiesSeen:
    """The region of the copies, with its key."""
    key = Key(arn=AWAY_KEY, is_enabled=True)
    defaults: dict[str, Any] = {"region": AWAY, "snapshots": snapshots, "key": key}
    return CopiesSeen(**(defaults | changes))


def observation(**changes: Any) -> Observation:
    """Both regions, as a plan of copies sees them."""
    defaults: dict[str, Any] = {"identity": fix_worlds.identity(region=AWAY), "snapshots": (), "copies": seen()}
    return fix_worlds.observation(**(defaults | changes))


def world(seen: Observation) -> SimulatedAws:
    """An account that holds what was observed: the cluster at home, and the snapshots of both regions."""
    empty = seen.model_copy(update={"snapshots": (), "instances": (), "parameter_group": None})
    aws = world_of(empty)
    aws.region, aws.elsewhere = AWAY, REGION
    assert seen.copies is not None
    for region, found in ((AWAY, seen.copies.snapshots), (REGION, seen.snapshots)):
        for each in found:
            body = {
                "DBClusterIdentifier": SOURCE,
                "DbClusterResourceId": each.resource_id,
                "Engine": each.engine,
                "EngineVersion": each.engine_version,
            }
            more: dict[str, Any] = {"SnapshotCreateTime": each.created}
            more |= {"SourceDBClusterSnapshotArn": each.source} if each.source else {}
            made = aws.put(each.identifier, body, region, each.tags, **more)
            made.ready_at = 0.0 if each.status == "available" else 3600.0
    return aws


def empty_world() -> SimulatedAws:
    """The same without any snapshot, on a clock of its own."""
    made = world(observation())
    made.clock = Clock(NOW)
    return made
