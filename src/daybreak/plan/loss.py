"""What a plan loses: the span from its moment to the accident that was named, else to when the plan was made.

The law: without an accident the loss counts to the time of planning, because nothing later can be lost; where a clone takes
nobody's place, or its moment was chosen by a snapshot, there is no loss against that time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from daybreak.model.loss import TO_ACCIDENT, Loss, loss_between, loss_unknown
from daybreak.model.moment import Latest, distance
from daybreak.model.plan import Plan
from daybreak.model.requests import (
    CleanRequest,
    CopyRequest,
    CutoverRequest,
    ExportRequest,
    FailOverRequest,
    MakeArchiveRequest,
    MakeExportRequest,
    RegionRequest,
    RestoreRequest,
    RollbackRequest,
    SnapshotRequest,
)
from daybreak.model.value import stamp

OF_STAGING = "a clone for staging takes nobody's place"
OF_SNAPSHOT = "a snapshot chooses the moment; --accident TIME says up to when the loss counts"

OF_UNVOUCHED = "nothing vouches for the moment that the backup holds"
"""Why the loss of a restore in another region cannot be said."""


def loss_of(plan: Plan) -> Loss | None:
    """What a plan loses; ``None`` for one that brings nothing back."""
    match plan.request:
        case FailOverRequest():
            return _loss_of_move(plan.request, plan.moment, plan.created)
        case (
            CopyRequest()
            | ExportRequest()
            | CleanRequest()
            | CutoverRequest()
            | RollbackRequest()
            | MakeExportRequest()
            | MakeArchiveRequest()
        ):
            return None
        case request:
            return loss_by(request, plan.moment, plan.created)


def _loss_of_move(request: FailOverRequest, moment: datetime | None, planned: datetime) -> Loss | None:
    """What a fail-over gives up; a switch-over gives up nothing."""
    if request.is_switch:
        return None
    if moment is None:
        return loss_unknown(OF_UNVOUCHED)
    if request.accident is not None:
        return loss_between(moment, request.accident.instant, TO_ACCIDENT)
    return loss_between(moment, planned, "from what the secondary surely holds to when the plan was made")


def loss_by(request: RestoreRequest, moment: datetime | None, planned: datetime) -> Loss | None:
    """What a restore to ``moment`` loses that is planned at ``planned``; ``None`` where the moment is not known."""
    if moment is None:
        return loss_unknown(OF_UNVOUCHED) if isinstance(request, RegionRequest) else None
    if request.accident is not None:
        return loss_between(moment, request.accident.instant, TO_ACCIDENT)
    if request.purpose == "staging":
        return loss_unknown(OF_STAGING)
    if isinstance(request, SnapshotRequest):
        return loss_unknown(OF_SNAPSHOT)
    if isinstance(request, RegionRequest):
        return loss_between(
            moment, planned, "from the last moment that the backup surely holds to when the plan was made"
        )
    since = "the latest restorable time" if isinstance(request.moment, Latest) else "the moment"
    return loss_between(moment, planned, f"from {since} to when the plan was made")


def objections_to_accident(
    request: RestoreRequest, moment: datetime | None, now: datetime, *, is_living: bool
) -> Iterator[str]:
    """Why the accident that was named cannot be the one; ``moment`` is the clone's, where it is known."""
    if request.accident is None:
        return
    accident = request.accident.instant
    if accident > now:
        yield f"the accident {stamp(accident)} is in the future ({distance(now - accident)})"
    elif moment is not None and accident < moment:
        yield (
            f"the accident {stamp(accident)} lies before the moment {stamp(moment)}, so the clone would have it too: "
            "restore to a moment before the accident"
        )
    elif is_living and isinstance(getattr(request, "moment", None), Latest):
        yield (
            f"the latest moment moves on and may reach past the accident {stamp(accident)}: "
            "say an exact moment before the accident with --to"
        )
