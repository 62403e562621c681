"""What was measured of a cutover or a rollback, in sentences: the fence, its mark, the gap, and the clients. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from daybreak.model.actions import AwaitClients, CountWrites, EndSessions
from daybreak.model.arrivals import Arrived
from daybreak.model.fences import Emptied
from daybreak.model.moment import span_in_words
from daybreak.model.plan import Plan
from daybreak.model.requests import RollbackRequest
from daybreak.model.run import RunState
from daybreak.model.value import stamp
from daybreak.model.writes import UNKNOWN, WriteCount
from daybreak.plan.gaps import fence_recorded
from daybreak.plan.renaming import is_at_source, swap_in
from daybreak.report.sentences import words_on_renewal


def sentences_on_traffic(plan: Plan, state: RunState) -> Iterator[str]:
    """Each thing that a run measured of the traffic that it moved, by the steps that it has done."""
    fence: Emptied | None = None
    is_back = isinstance(plan.request, RollbackRequest)
    mark = plan.request.mark if isinstance(plan.request, RollbackRequest) else fence_recorded(plan, state)
    swap = swap_in(plan)
    counts = [each for each in plan.steps if isinstance(each.action, CountWrites)]
    looks = [each for each in counts if is_at_source(each.action, swap, plan.source)]
    # Where names move it is counted once, when all is over.
    last = looks[-1] if looks and (is_back or swap is not None or len(looks) > 1) else None
    if state.judged is not None:
        yield words_on_renewal(state.judged)
    for step in plan.steps:
        if state.step(step.id).status != "done":
            continue
        result = state.step(step.id).result
        if step is last and mark is not None:
            yield words_past_mark(plan.source, mark, WriteCount.model_validate(result))
        elif isinstance(step.action, EndSessions):
            fence = Emptied.model_validate(result)
            yield _of_fence(step.action.cluster, fence)
        elif isinstance(step.action, AwaitClients):
            arrived = Arrived.model_validate(result)
            yield _of_clients(step.action.cluster, arrived)
            if fence is not None:
                yield _of_gap(fence, arrived)


def words_past_mark(source: str, fence: Emptied, now: WriteCount) -> str:
    """What was written at a closed source past its high-water mark, with a number, or that nobody knows.

    Transaction ids alone are no writes: a server's own upkeep takes some.
    """
    if not now.following:
        return f"{UNKNOWN} what was written at {source} past its high-water mark, since it could not be asked"
    ids = now.following - fence.mark.transaction
    if ids <= 0:
        return f"nothing was written at {source} past its high-water mark: no transaction id was given out since"
    words = (
        now.words_since(fence.written)
        if fence.written
        else f"{UNKNOWN} how many changes, since it was not counted at the mark"
    )
    given = f"{ids:,} transaction {'id was' if ids == 1 else 'ids were'} given out at {source} past its high-water mark"
    return f"{given}: {words}" if words else f"{given}, and no row was changed, as its counters show"


def _of_fence(cluster: str, fence: Emptied) -> str:
    place = f" at {fence.mark.lsn}" if fence.mark.lsn else ""
    return (
        f"nobody could write to {cluster} any more at {stamp(fence.mark.at)}, by its clock: {fence.clients} sessions were inside, and "
        f"its high-water mark is the transaction {fence.mark.transaction}{place}"
    )


def _of_clients(cluster: str, arrived: Arrived) -> str:
    wrote = f", and had written there ({arrived.writes})" if arrived.writes else ", and no write of theirs was seen"
    return f"{arrived.clients} clients were at {cluster} where {arrived.wanted} were wanted, for {span_in_words(arrived.held)}{wrote}"


def _of_gap(fence: Emptied, arrived: Arrived) -> str:
    first = arrived.first_write
    if first is None:
        return "the gap was not measured, since no write of a client was seen at the clone"
    least = max((first.after - fence.mark.at).total_seconds(), 0.0) if first.after else 0.0
    most = (first.by - fence.mark.at).total_seconds()
    return (
        "the gap, from the last write that the source could take to the first that the clone took, was between "
        f"{math.floor(least * 10) / 10:.1f} s and {math.ceil(most * 10) / 10:.1f} s, by the two servers' clocks"
    )
