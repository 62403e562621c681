"""Worlds in which an export or an archive is made, or ended: the account as the plan saw it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from daybreak.model.archives import Dumped
from daybreak.model.exports import ExportPlace
from daybreak.model.plan import Plan
from daybreak.model.requests import CleanRequest
from daybreak.model.tags import NONCE_TAG
from daybreak.model.targets import Target
from daybreak.model.value import Span
from tests import fix_archives, fix_making, fix_worlds
from tests.chaos.simulated_aws import SimulatedAws, world_of
from tests.chaos.simulated_parts import Resource

Made = TypeVar("Made")


def _archive_case(make: Callable[[str, Plan, SimulatedAws], Made], name: str, by: Target) -> Made:
    """A clone is archived while an old archive is past its time, or what an earlier run had begun is given up."""
    clone = fix_worlds.cluster(identifier=fix_archives.CLONE, resource_id=fix_archives.CLONE_ID)
    aws = world_of(fix_worlds.observation(cluster=clone))
    if name == "archive":
        for each in fix_archives.world().kept:
            assert each.manifest is not None
            aws.archives.objects[each.key] = (each.manifest.bytes, "sum")
            aws.archives.manifests[each.key] = each.manifest
        seen = fix_archives.observation()
        return make(name, fix_worlds.plan(request=fix_archives.request(), seen=seen, by=by), aws)
    run, place = "embi-aurora-archive-1", ExportPlace(bucket=fix_archives.BUCKET, prefix="exports/begun.dump")
    aws.archives.uploads["upload-0"] = (place.prefix, 1)
    aws.archives.disk[run] = Dumped(server="16.6", program="pg_dump 16.6", taken=fix_worlds.NOW, tables=(), bytes=7)
    request = CleanRequest(target="embi", run=run, nonce="1f", suffix="9x4", archive=place)
    return make(name, fix_worlds.plan(request=request, seen=fix_worlds.observation()), aws)


def case(make: Callable[[str, Plan, SimulatedAws], Made], name: str, approval: Span | None = None) -> Made:
    """A snapshot is exported, or an export of an earlier run is ended while AWS is at it; a yes is asked for where it lasts for a while."""
    by = fix_worlds.target(approval=approval)
    if name.startswith("archive"):
        return _archive_case(make, name, by)
    seen = fix_making.observation()
    if name == "export":
        return make(name, fix_worlds.plan(request=fix_making.request(), seen=seen, by=by), world_of(seen))
    task = fix_making.task("embi-aurora-export-1", prefix="exports/1f", source=fix_worlds.snapshot().arn)
    request = CleanRequest(target="embi", run=task.identifier, nonce="1f", suffix="9x4", task=task.identifier)
    aws = world_of(seen)
    body = {"ExportTaskIdentifier": task.identifier, "SourceArn": task.source, "S3Bucket": task.bucket}
    aws.exports[task.identifier] = Resource(body | {"_below": "exports"}, {NONCE_TAG: "1f"}, 0.0, 36_000.0)
    return make(name, fix_worlds.plan(request=request, seen=fix_worlds.observation(exports=(task,))), aws)
