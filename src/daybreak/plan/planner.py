"""Turn any request into its plan."""

from __future__ import annotations

from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import (
    CleanRequest,
    CopyRequest,
    CutoverRequest,
    ExportRequest,
    FailOverRequest,
    MakeArchiveRequest,
    MakeExportRequest,
    PitrRequest,
    RegionRequest,
    Request,
    RollbackRequest,
    SnapshotRequest,
)
from daybreak.model.targets import Target
from daybreak.plan.archiving import make_archive_plan
from daybreak.plan.clean import clean_plan
from daybreak.plan.completing import completion_plan
from daybreak.plan.copying import copy_plan
from daybreak.plan.cutover import cutover_plan
from daybreak.plan.export import export_plan
from daybreak.plan.fail_over import fail_over_plan
from daybreak.plan.making import make_export_plan
from daybreak.plan.pitr import pitr_plan
from daybreak.plan.region import region_plan
from daybreak.plan.returning import rollback_plan
from daybreak.plan.snapshot import snapshot_plan
from daybreak.plan.terms import Terms


def plan_of(request: Request, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan for a request, or every reason why there is none. The same arguments give the same digest."""
    match request:
        case PitrRequest():
            return pitr_plan(request, target, seen, terms)
        case SnapshotRequest():
            return snapshot_plan(request, target, seen, terms)
        case RegionRequest():
            return region_plan(request, target, seen, terms)
        case CopyRequest():
            return copy_plan(request, target, seen, terms)
        case FailOverRequest():
            return fail_over_plan(request, target, seen, terms)
        case CutoverRequest():
            planner = completion_plan if request.completes else cutover_plan
            return planner(request, target, seen, terms)
        case RollbackRequest():
            return rollback_plan(request, target, seen, terms)
        case ExportRequest():
            return export_plan(request, target, seen, terms)
        case MakeExportRequest():
            return make_export_plan(request, target, seen, terms)
        case MakeArchiveRequest():
            return make_archive_plan(request, target, seen, terms)
        case CleanRequest():
            return clean_plan(request, target, seen, terms)
