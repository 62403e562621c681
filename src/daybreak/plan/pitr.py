"""Plan a point-in-time recovery: the moment, the objections, the restore call. The other steps are every restore's."""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.model.actions import RestoreToMoment
from daybreak.model.moment import At, Latest, distance
from daybreak.model.names import CLONE_WORDS, clone_name, did_you_mean
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import PitrRequest
from daybreak.model.targets import Target
from daybreak.model.value import stamp
from daybreak.model.world import Window
from daybreak.plan.draft import Draft
from daybreak.plan.kinds import words_on_replication
from daybreak.plan.loss import objections_to_accident
from daybreak.plan.objections import (
    objections_to_classes,
    objections_to_place,
    objections_to_proof,
    objections_to_room,
    objections_to_storage,
)
from daybreak.plan.restoring import clone_plan, storage_settings
from daybreak.plan.source import Source, backups_of_deleted, moment_of, network_of, source_of
from daybreak.plan.terms import Terms


def pitr_plan(request: PitrRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that brings ``target`` back to the requested moment, or every reason why there is none."""
    source = source_of(request, target, seen)
    # The latest moment moves on while a person reads the plan; the clone's name must not.
    named = request.moment.instant if isinstance(request.moment, At) else terms.created
    clone = clone_name(target.cluster, CLONE_WORDS[request.kind], named, request.suffix)
    network = network_of(source, target)
    draft = Draft(request, target, seen, source, network, clone)
    reasons = (
        *_objections_to_source(request, target, source, seen),
        *objections_to_storage(source, seen),
        *_objections_to_moment(request, source, seen),
        *objections_to_accident(request, moment_of(request, source), seen.seen, is_living=source.living is not None),
        *objections_to_place(network, clone, source, seen),
        *objections_to_classes(draft.instances, source),
        *objections_to_room(seen.identity.region, seen.quotas or (), len(draft.instances), len(draft.endpoints)),
        *objections_to_proof(target, source, seen),
    )
    if reasons:
        hints = (f"daybreak status {target.name}  # shows what can be reached right now",)
        return Refusal(what=f'point-in-time recovery of "{target.name}"', reasons=reasons, hints=hints)
    restore = RestoreToMoment(
        source=source.name, resource_id=source.resource_id, moment=request.moment, **storage_settings(draft)
    )
    return clone_plan(draft, restore, request.moment, terms)


def _objections_to_source(request: PitrRequest, target: Target, source: Source, seen: Observation) -> Iterator[str]:
    if source.storage is not None:
        return
    kept = backups_of_deleted(request, target, seen)
    where = f"account {seen.identity.account}, {seen.identity.region}"
    if len(kept) > 1:
        ids = ", ".join(f"{backup.resource_id} ({_ends(backup.window)})" for backup in kept)
        yield f'the cluster "{target.cluster}" is deleted and AWS kept {len(kept)} backups of that name: choose one with --resource-id: {ids}'
    elif request.resource_id:
        likely = did_you_mean(request.resource_id, (backup.resource_id for backup in seen.backups))
        yield f'no backup with the resource id "{request.resource_id}" exists in {where}{likely}'
    else:
        likely = did_you_mean(target.cluster, seen.names_taken)
        yield f'neither a cluster "{target.cluster}" nor a kept backup of it exists in {where}{likely}'


def _objections_to_moment(request: PitrRequest, source: Source, seen: Observation) -> Iterator[str]:
    if source.storage is None:
        return
    if source.window is None:
        words = words_on_replication(source.living)
        why = f": it {words}" if words else " yet: its own creation or restore is not complete"
        yield f'"{source.name}" has no restorable window{why}'
        return
    if isinstance(request.moment, Latest):
        return
    instant, window = request.moment.instant, source.window
    if instant > seen.seen:
        yield f"the moment {stamp(instant)} is in the future ({distance(seen.seen - instant)}); {_ends(window)}"
    elif instant < window.earliest:
        yield f"the moment {stamp(instant)} lies before the restorable window; {_ends(window)}"
    elif instant > window.latest:
        lag = distance(seen.seen - window.latest)
        yield f"the moment {stamp(instant)} lies after the latest restorable time ({lag}); {_ends(window)}; wait, or use --to latest"


def _ends(window: Window | None) -> str:
    return f"the window reaches from {stamp(window.earliest)} to {stamp(window.latest)}" if window else "no window"
