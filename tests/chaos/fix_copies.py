"""Builders of worlds for `daybreak copy`: the runbook's cluster, and copies of its snapshots in another region."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from daybreak.model.copies import CopiesSeen, CopyRecord
from daybreak.model.names import clone_name
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


def run_named(name: str, *, days: float = 0, hours: float = 0) -> str:
    """A run that began so long ago, as runs that copy are named; ``name`` is its ending."""
    return clone_name(SOURCE, "copy", NOW - timedelta(days=days, hours=hours), name)


def marks(run: str) -> dict[str, str]:
    """The tags by which a snapshot of a run is known, both at home and away."""
    return {COPY_OF_TAG: RESOURCE, COPY_FOR_TAG: AWAY, NONCE_TAG: f"nonce-{short(run)}", RUN_TAG: run}


def short(name: str) -> str:
    """The ending by which a test calls a run, or its snapshot."""
    return name.removesuffix("-home").rpartition("-")[2]


def copied(
    name: str, *, days: float = 0, hours: float = 0, more: dict[str, str] | None = None, **changes: Any
) -> Snapshot:
    """A copy of ours that holds a moment so long ago; ``more`` are tags besides, or instead."""
    taken, run = NOW - timedelta(days=days, hours=hours), run_named(name, days=days, hours=hours)
    defaults: dict[str, Any] = {
        "created": taken + timedelta(minutes=10),
        "source": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster-snapshot:{run}-home",
        "tags": marks(run) | {TAKEN_TAG: iso(taken)} | (more or {}),
    }
    return fix_worlds.copied_snapshot(**({"identifier": run} | defaults | changes))


def left_behind(name: str, *, days: float = 0, **changes: Any) -> Snapshot:
    """A snapshot at home that an earlier run took and did not remove."""
    run = run_named(name, days=days)
    defaults: dict[str, Any] = {"kind": "manual", "created": NOW - timedelta(days=days), "tags": marks(run)}
    return fix_worlds.snapshot(**({"identifier": f"{run}-home"} | defaults | changes))


def record(copy: Snapshot, **changes: Any) -> CopyRecord:
    """The journal of the run that the copy's tags name, which knows what they say."""
    defaults: dict[str, Any] = {"run": copy.tags[RUN_TAG], "nonce": copy.tags[NONCE_TAG], "source": copy.source or ""}
    return CopyRecord(**(defaults | changes))


def seen(*snapshots: Snapshot, **changes: Any) -> CopiesSeen:
    """The region of the copies, with its key, and a journal here for each copy."""
    key = Key(arn=AWAY_KEY, is_enabled=True)
    records = tuple(record(each) for each in snapshots if {RUN_TAG, NONCE_TAG} <= each.tags.keys())
    defaults: dict[str, Any] = {"region": AWAY, "snapshots": snapshots, "records": records, "key": key}
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
