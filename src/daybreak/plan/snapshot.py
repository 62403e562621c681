"""Plan a restore from a snapshot: the snapshot, the objections, the restore call. The other steps are every restore's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from daybreak.errors import Bug
from daybreak.model.actions import RestoreFromSnapshot
from daybreak.model.moment import At
from daybreak.model.names import CLONE_WORDS, clone_name, did_you_mean, printable
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import NEWEST, RegionRequest, SnapshotRequest
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
from daybreak.plan.source import Source, network_of, own_snapshots, source_of
from daybreak.plan.terms import Terms

_MOST_LISTED = 5
_DEFAULT_KEY = "alias/aws/rds"


def snapshot_plan(request: SnapshotRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that brings ``target`` back from a snapshot, or every reason why there is none."""
    snapshot = source_of(request, target, seen).snapshot
    draft = draft_from_snapshot(request, target, seen, terms)
    reasons = (
        *_objections_to_wish(request, draft.source),
        *(() if snapshot else _nothing_there(request, target, seen)),
        *objections_to_draft(draft, snapshot),
    )
    if reasons or snapshot is None:
        hints = (f"daybreak snapshots {target.name}  # lists those there are",)
        return Refusal(what=f'snapshot restore of "{target.name}"', reasons=reasons, hints=hints)
    return plan_from_snapshot(draft, snapshot, terms)


def draft_from_snapshot(
    request: SnapshotRequest | RegionRequest, target: Target, seen: Observation, terms: Terms
) -> Draft:
    """The draft of a clone that is made from a snapshot, here or in another region."""
    source = source_of(request, target, seen)
    snapshot = source.snapshot
    taken = snapshot.created if snapshot else None
    if snapshot and snapshot.cluster != target.cluster:
        # What it would need is not asked of the target: that it is another cluster's is the one cause.
        source = replace(source, snapshot=None)
    clone = clone_name(target.cluster, CLONE_WORDS[request.kind], taken or terms.created, request.suffix)
    return Draft(request, target, seen, source, network_of(source, target), clone)


def objections_to_draft(draft: Draft, snapshot: Snapshot | None) -> Iterator[str]:
    """Every reason why the clone must not be made from the snapshot; ``None`` where there is no such snapshot."""
    seen, source, target = draft.seen, draft.source, draft.target
    yield from objections_to_accident(draft.request, _moment_with_accident(draft), seen.seen, is_living=False)
    if snapshot:
        yield from _objections_to_snapshot(target, snapshot, seen)
    yield from objections_to_storage(source, seen)
    yield from objections_to_place(draft.network, draft.clone, source, seen)
    yield from objections_to_classes(draft.instances, source)
    yield from objections_to_room(seen.identity.region, seen.quotas or (), len(draft.instances), len(draft.endpoints))
    yield from objections_to_proof(target, source, seen)


def _moment_with_accident(draft: Draft) -> datetime | None:
    """The moment from which on the clone has the accident too. A region that is lost is in no backup of it."""
    held = draft.source.moments
    if held is None:
        return None
    return held.latest if isinstance(draft.request, RegionRequest) else held.at_most


def plan_from_snapshot(draft: Draft, snapshot: Snapshot, terms: Terms) -> Plan:
    """The plan of a draft without objections. The clone is judged by the latest moment that the snapshot can hold."""
    source, held = draft.source, draft.source.moments
    latest = (held.at_most if held else None) or snapshot.created
    if latest is None:
        message = "a snapshot without a time has no plan"
        raise Bug(message)
    restore = RestoreFromSnapshot(
        snapshot=snapshot.arn if snapshot.kind in FOREIGN else snapshot.identifier,
        engine=snapshot.engine,
        engine_version=snapshot.engine_version,
        database=source.cluster.database if source.cluster else None,
        **storage_settings(draft),
    )
    return clone_plan(draft, restore, At(instant=latest), terms)


def _objections_to_wish(request: SnapshotRequest, source: Source) -> Iterator[str]:
    if request.before is None or request.snapshot == NEWEST:
        return
    yield f'--before chooses among the snapshots, and "{printable(request.snapshot)}" is chosen already: leave one of them out'
    limit = request.before.instant if isinstance(request.before, At) else None
    latest = source.moments.at_most if source.moments else None
    if limit and source.snapshot and latest and latest > limit:
        yield f'"{source.snapshot.identifier}" was taken {stamp(latest)}, after {stamp(limit)}'


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
