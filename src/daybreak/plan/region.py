"""Plan a restore in another region, from a snapshot that is there: as any restore from a snapshot, with nothing of the lost region."""

from __future__ import annotations

from daybreak.model.names import did_you_mean, printable
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import RegionRequest
from daybreak.model.targets import Target
from daybreak.plan.snapshot import draft_from_snapshot, objections_to_draft, plan_from_snapshot
from daybreak.plan.source import source_of
from daybreak.plan.terms import Terms


def region_plan(request: RegionRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that brings ``target`` up in the region that was looked at, or every reason why there is none."""
    region, snapshot = seen.identity.region, source_of(request, target, seen).snapshot
    draft = draft_from_snapshot(request, target, seen, terms)
    reasons = (
        *_objections_to_region(request, region),
        *(() if snapshot else (_nothing_there(request, seen),)),
        *objections_to_draft(draft, snapshot),
    )
    if reasons or snapshot is None:
        what = f'restore of "{target.name}" in {region}'
        hints = (f"daybreak backups {target.name} --region {region}  # lists what is there, and what each lacks",)
        return Refusal(what=what, reasons=reasons, hints=hints)
    return plan_from_snapshot(draft, snapshot, terms)


def _objections_to_region(request: RegionRequest, region: str) -> tuple[str, ...]:
    if region != request.home:
        return ()
    return (f"{region} is the region of the source itself: what is there is restored to a moment or from a snapshot",)


def _nothing_there(request: RegionRequest, seen: Observation) -> str:
    likely = did_you_mean(request.snapshot, (each.arn for each in seen.snapshots))
    where = f"account {seen.identity.account}, {seen.identity.region}"
    return f'no snapshot "{printable(request.snapshot)}" exists in {where}{likely}'
