"""What was measured of a cutover or a rollback, in sentences: the fence, its mark, the gap, the clients and the application. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from daybreak.model.actions import AwaitClients, BeginProbe, CountWrites, EndSessions, ReadProbe
from daybreak.model.arrivals import Arrived, GapMeasured
from daybreak.model.fences import Emptied
from daybreak.model.moment import span_in_words
from daybreak.model.names import comma_list, printable
from daybreak.model.plan import Plan, Step
from daybreak.model.requests import RollbackRequest
from daybreak.model.run import RunState
from daybreak.model.value import stamp
from daybreak.model.writes import UNKNOWN, WriteCount
from daybreak.plan.gaps import fence_recorded, why_no_probe
from daybreak.plan.renaming import is_at_source, swap_in
from daybreak.report.sentences import words_on_renewal


def sentences_on_traffic(plan: Plan, state: RunState) -> Iterator[str]:
    """Each thing that a run measured of the traffic that it moved, and what nobody measured, by the steps that it has done."""
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
    probed = _measure_of_probe(plan, state)
    for step in plan.steps:
        status, result = state.step(step.id).status, state.step(step.id).result
        if step is last and mark is not None and status == "done":
            yield words_past_mark(plan.source, mark, WriteCount.model_validate(result))
        elif isinstance(step.action, EndSessions) and status == "done":
            fence = Emptied.model_validate(result)
            yield _of_fence(step.action.cluster, fence)
        elif isinstance(step.action, AwaitClients) and status == "done":
            arrived = Arrived.model_validate(result)
            yield from _of_arrival(step.action, arrived)
            if fence is not None and step.action.share and (probed is None or probed.why):
                yield _of_gap(fence, arrived)
        elif isinstance(step.action, AwaitClients) and status == "forgone":
            yield f"nobody waited until clients and the application worked at {step.action.cluster}: a person went on without it"
    if probed is not None:
        yield _of_probe(probed)


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


def _of_arrival(action: AwaitClients, arrived: Arrived) -> Iterator[str]:
    """Who was there, what was well, and what nobody asked."""
    held = span_in_words(arrived.held)
    if action.share:
        yield _of_clients(action.cluster, arrived)
    elif arrived.pages or arrived.logins:
        yield f"whether clients were at {action.cluster} was not looked at"
    if arrived.pages:
        noun = "page was" if len(arrived.pages) == 1 else "pages were"
        yield f"the application's {noun} well for {held}: {comma_list([*arrived.pages])}"
    if arrived.logins:
        yield f"the application's own login got to {action.cluster} for {held} by {comma_list([*arrived.logins])}"
    yield from action.unasked


def _of_clients(cluster: str, arrived: Arrived) -> str:
    wrote = f", and had written there ({arrived.writes})" if arrived.writes else ", and no write of theirs was seen"
    return f"{arrived.clients} clients were at {cluster} where {arrived.wanted} were wanted, for {span_in_words(arrived.held)}{wrote}"


def _measure_of_probe(plan: Plan, state: RunState) -> GapMeasured | None:
    """What a run's probe measured, or why it measured nothing; ``None`` where it has none, or may still measure."""
    found: dict[type[BeginProbe | ReadProbe], Step] = {
        type(step.action): step for step in plan.steps if isinstance(step.action, BeginProbe | ReadProbe)
    }
    if len(found) < len((BeginProbe, ReadProbe)):
        return None
    read = state.step(found[ReadProbe].id)
    if read.status == "done":
        return GapMeasured.model_validate(read.result)
    if state.ended is None and read.status != "forgone":
        return None
    return GapMeasured(why=why_no_probe(plan, state) or "the run ended before its write was seen at the new side")


def _of_probe(found: GapMeasured) -> str:
    if found.why:
        return f"the gap was not measured by the probe: {found.why}"
    least, most = math.floor(found.least.total_seconds() * 100) / 100, math.ceil(found.most.total_seconds() * 100) / 100
    trip = math.ceil(found.round_trip.total_seconds() * 1000)
    return (
        f"the gap, as the probe's writes found it that came by {printable(found.through)}, was between {least:.2f} s and {most:.2f} s, by "
        f"this machine's own clock: a write every {found.every.total_seconds():.1f} s, with a round trip of up to {trip} ms; each was a "
        f"transaction that changes no row, and {found.writes:,} were taken"
    )


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
