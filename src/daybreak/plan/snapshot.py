"""Plan a snapshot restore: the snapshot, the objections, the restore call. The other steps are every restore's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from daybreak.model.actions import RestoreFromSnapshot
from daybreak.model.moment import At
from daybreak.model.names import clone_name, did_you_mean, printable
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import NEWEST, SnapshotRequest
from daybreak.model.targets import Target
from daybreak.model.value import stamp
from daybreak.model.world import FOREIGN, Snapshot
from daybreak.plan.draft import Draft
from daybreak.plan.loss import objections_to_accident
from daybreak.plan.objections import (
    objections_to_classes,
    objections_to_place,
    objections_to_proof,
    objections_to_room,
    objections_to_storage,
)
from daybreak.plan.restoring import clone_plan, storage_settings
from daybreak.plan.source import network_of, own_snapshots, source_of
from daybreak.plan.terms import Terms

_MOST_LISTED = 5
_DEFAULT_KEY = "alias/aws/rds"


def snapshot_plan(request: SnapshotRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that brings ``target`` back from a snapshot, or every reason why there is none."""
    source = source_of(request, target, seen)
    snapshot = source.snapshot
    if snapshot and snapshot.cluster != target.cluster:
        # What it would need is not asked of the target: that it is another cluster's is the one cause.
        source = replace(source, snapshot=None)
    taken = snapshot.created if snapshot else None
    clone = clone_name(target.cluster, "snapshot", taken or terms.created, request.suffix)
    network = network_of(source, target)
    draft = Draft(request, target, seen, source, network, clone)
    reasons = (
        *_objections_to_wish(request, snapshot),
        *objections_to_accident(request, taken, seen.seen, is_living=False),
        *(_objections_to_snapshot(target, snapshot, seen) if snapshot else _nothing_there(request, target, seen)),
        *objections_to_storage(source, seen),
        *objections_to_place(network, clone, source, seen),
        *objections_to_classes(draft.instances, source),
        *objections_to_room(seen.identity.region, seen.quotas or (), len(draft.instances), len(draft.endpoints)),
        *objections_to_proof(target, source, seen),
    )
    if reasons or snapshot is None or taken is None:
        hints = (f"daybreak snapshots {target.name}  # lists those there are",)
        return Refusal(what=f'snapshot restore of "{target.name}"', reasons=reasons, hints=hints)
    restore = RestoreFromSnapshot(
        snapshot=snapshot.arn if snapshot.kind in FOREIGN else snapshot.identifier,
        engine=snapshot.engine,
        engine_version=snapshot.engine_version,
        database=source.cluster.database if source.cluster else None,
        **storage_settings(draft),
    )
    return clone_plan(draft, restore, At(instant=taken), terms)


def _objections_to_wish(request: SnapshotRequest, snapshot: Snapshot | None) -> Iterator[str]:
    if request.before is None or request.snapshot == NEWEST:
        return
    yield f'--before chooses among the snapshots, and "{printable(request.snapshot)}" is chosen already: leave one of them out'
    limit = request.before.instant if isinstance(request.before, At) else None
    if limit and snapshot and snapshot.created and snapshot.created > limit:
        yield f'"{snapshot.identifier}" was taken {stamp(snapshot.created)}, after {stamp(limit)}'


def _nothing_there(request: SnapshotRequest, target: Target, seen: Observation) -> Iterator[str]:
    own = own_snapshots(target, seen.snapshots)
    newest = ", ".join(_describe(each) for each in reversed(own[-_MOST_LISTED:]))
    more = f" and {len(own) - _MOST_LISTED} more" if len(own) > _MOST_LISTED else ""
    there = f"there are: {newest}{more}" if own else f'there is none of "{target.cluster}"'
    if not own and seen.cluster is None:
        there += f", and no such cluster{did_you_mean(target.cluster, seen.names_taken)}"
    where = f"account {seen.identity.account}, {seen.identity.region}"
    if request.snapshot != NEWEST:
        likely = did_you_mean(request.snapshot, (each.identifier for each in own))
        yield f'no snapshot "{printable(request.snapshot)}" exists in {where}; {there}{likely}'
    elif isinstance(request.before, At):
        yield f'no snapshot of "{target.cluster}" that can be restored was taken at or before {stamp(request.before.instant)}; {there}'
    else:
        yield f'no snapshot of "{target.cluster}" that can be restored exists in {where}; {there}'


def _describe(snapshot: Snapshot) -> str:
    taken = stamp(snapshot.created) if snapshot.created else "being taken"
    return f"{snapshot.identifier} ({taken}{'' if snapshot.status == 'available' else f', {snapshot.status}'})"


def _objections_to_snapshot(target: Target, snapshot: Snapshot, seen: Observation) -> Iterator[str]:
    name = snapshot.identifier
    if snapshot.cluster != target.cluster:
        likely = "" if seen.cluster else did_you_mean(target.cluster, (snapshot.cluster, *seen.names_taken))
        yield f'"{name}" is a snapshot of "{snapshot.cluster}", and the target "{target.name}" is "{target.cluster}"{likely}'
    if snapshot.status != "available" or snapshot.created is None:
        percent = f" ({snapshot.percent} percent)" if snapshot.status == "creating" else ""
        yield f'"{name}" is {snapshot.status}{percent}: only a snapshot that is available can be restored'
    is_default = (seen.key and seen.key.is_default) or (snapshot.kms_key or "").endswith(_DEFAULT_KEY)
    if snapshot.kind in FOREIGN and snapshot.is_encrypted and is_default:
        yield (
            f'"{name}" is shared, but encrypted under its account\'s default key, which opens nowhere else: '
            "have its owner copy it under a key of their own, and share that copy"
        )
