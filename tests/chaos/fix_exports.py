"""Worlds in which an export is made, or ended: the account as the plan saw it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from daybreak.model.plan import Plan
from daybreak.model.requests import CleanRequest
from daybreak.model.tags import NONCE_TAG
from tests import fix_making, fix_worlds
from tests.chaos.simulated_aws import SimulatedAws, world_of
from tests.chaos.simulated_parts import Resource

Made = TypeVar("Made")


def case(make: Callable[[str, Plan, SimulatedAws], Made], name: str) -> Made:
    """A snapshot is exported, or an export of an earlier run is ended while AWS is at it."""
    seen = fix_making.observation()
    if name == "export":
        return make(name, fix_worlds.plan(request=fix_making.request(), seen=seen), world_of(seen))
    task = fix_making.task("embi-aurora-export-1", prefix="exports/1f", source=fix_worlds.snapshot().arn)
    request = CleanRequest(target="embi", run=task.identifier, nonce="1f", suffix="9x4", task=task.identifier)
    aws = world_of(seen)
    body = {"ExportTaskIdentifier": task.identifier, "SourceArn": task.source, "S3Bucket": task.bucket}
    aws.exports[task.identifier] = Resource(body | {"_below": "exports"}, {NONCE_TAG: "1f"}, 0.0, 36_000.0)
    return make(name, fix_worlds.plan(request=request, seen=fix_worlds.observation(exports=(task,))), aws)
