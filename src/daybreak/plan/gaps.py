"""The gap of a cutover, read from a plan and its journal: whether it is open, and what was counted and found before it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from daybreak.model.actions import (
    Action,
    AdvanceSequences,
    BeginProbe,
    ChangeSql,
    CountWrites,
    EndSessions,
    MoveSecretStage,
    SqlOrder,
)
from daybreak.model.fences import Emptied
from daybreak.model.moment import span_in_words
from daybreak.model.plan import Gap, Plan, Step
from daybreak.model.requests import CutoverDeed, RollbackRequest
from daybreak.model.run import RunState
from daybreak.model.undo import TakenBack
from daybreak.model.writes import WriteCount
from daybreak.plan.calls import Owner, owner_of
from daybreak.plan.pointing import leads_there
from daybreak.plan.pools import is_repointing
from daybreak.plan.renaming import is_at_source, swap_in

ABOUT_GAP = "the gap"
"""What the warning is about that ends the time in which a run takes itself back."""


def gap_open(plan: Plan, state: RunState) -> Gap | None:
    """The plan's gap while a run is in it, and may still take everything back by itself; ``None`` before, after, and in other plans.

    A run that found clients' writes at the new side never goes back by itself any more.
    """
    gap = plan.gap
    if gap is None or state.step(gap.opens).began is None or ABOUT_GAP in state.warned:
        return None
    return None if state.step(gap.closes).status in ("done", "forgone") else gap


def cluster_closed(plan: Plan, state: RunState) -> str:
    """The source that a cutover or a rollback leaves closed where it stands; empty where it is open, or clients work at the clone."""
    if isinstance(plan.request, RollbackRequest):
        back = [
            action
            for deed in plan.request.deeds
            if isinstance(deed.action, ChangeSql) and is_at_source(deed.action, swap_in(plan), plan.source)
            for action in deed.back
        ]
        opened = [state.step(step.id).status == "done" for step in plan.steps if step.action in back]
        return "" if all(opened) else plan.source
    gap = plan.gap
    if gap is None or state.step(gap.opens).status in ("waiting", "failed", "forgone"):
        return ""
    return "" if state.step(gap.closes).status in ("done", "forgone") else plan.source


def is_clone_closed(plan: Plan, state: RunState) -> bool:
    """Whether a rollback has closed the clone, and has not opened it again."""
    if not isinstance(plan.request, RollbackRequest):
        return False
    emptied, shut = _steps_that_close_clone(plan)
    ways_back = [each.back for _, each in shut]
    changes = [(step, step.action) for step in plan.steps if isinstance(step.action, ChangeSql)]
    is_shut = any(may_have_acted(step, state) for step in (*emptied, *(step for step, _ in shut)))
    is_open = any(state.step(step.id).status == "done" for step, each in changes if each.change in ways_back)
    return is_shut and not is_open


def both_closed_since(plan: Plan, state: RunState) -> datetime | None:
    """Since when nobody can write on either side by this run's own deed; ``None`` where somebody can, or clients wrote in the clone."""
    if isinstance(plan.request, RollbackRequest):
        emptied, shut = _steps_that_close_clone(plan)
        is_in_gap = bool(cluster_closed(plan, state)) and is_clone_closed(plan, state)
        closing = [step.id for step in (*emptied, *(step for step, _ in shut))] if is_in_gap else []
    else:
        closing = [gap.opens] if (gap := gap_open(plan, state)) else []
    # Done, so its guards held after it began.
    began = [state.step(each).began for each in closing if state.step(each).status == "done"]
    return min((each for each in began if each is not None), default=None)


def _steps_that_close_clone(plan: Plan) -> tuple[list[Step], list[tuple[Step, ChangeSql]]]:
    """The steps of a rollback that empty the clone, and those that close it before that."""
    emptied = [step for step in plan.steps if isinstance(step.action, EndSessions)]
    changes = [(step, step.action) for step in plan.steps if isinstance(step.action, ChangeSql)]
    return emptied, [(step, each) for step, each in changes if emptied and step.id in emptied[0].after]


def may_clients_write(plan: Plan, state: RunState) -> bool:
    """Whether clients were led to the clone, and no run has closed it: while the source is closed, that is where they write.

    A rollback that has nothing to close there was planned when an earlier one had closed it already.
    """
    if isinstance(plan.request, RollbackRequest):
        shut = _steps_that_close_clone(plan)[1]
        was_led = any(_leads(deed.action) for deed in plan.request.deeds)
        return was_led and bool(shut) and not is_clone_closed(plan, state)
    return has_led(plan, state)


def words_on_closed(plan: Plan, state: RunState, now: datetime | None = None) -> str:
    """That nobody can write to the source that a run left closed, and what opens it again; empty where that is not so.

    ``now`` is as in ``sentence_on_closed``.
    """
    request, closed = plan.request, sentence_on_closed(plan, state, now)
    if not closed:
        return ""
    if isinstance(request, RollbackRequest):
        return f"{closed}; {_way_on(plan, request, state)}"
    back = f"daybreak rollback {plan.run}"
    if state.ended:
        return f"{closed}; open it: {back}"
    take_over = " --take-over, where that process is dead" if state.status == "silent" else ""
    resume = f"daybreak resume {plan.run}{take_over}"
    if now is not None and is_over(plan, state, now):
        return f"{closed}; take it back, where no client has written in the clone: {resume}, or whatever was written: {back}"
    return f"{closed}; go on: {resume}, or go back: {back}"


def sentence_on_closed(plan: Plan, state: RunState, now: datetime | None = None) -> str:
    """That nobody can write to the source that a run left closed; empty where that is not so.

    Where a rollback has closed the clone too, that is said: nobody can write on either side; and so is that clients may write in
    the clone. With ``now`` it says for how long, and whether the time is over in which a cutover takes itself back.
    """
    cluster = cluster_closed(plan, state)
    if not cluster:
        return ""
    since, both = _time_of_closing(plan, state), is_clone_closed(plan, state)
    span = f", for {_span(now - since)} by now" if now is not None and since is not None else ""
    clone = f", nor in {plan.clone}, which is closed too" if both else ""
    if may_clients_write(plan, state):
        clone = f", and clients were led to {plan.clone}, which is open"
    over = ""
    if now is not None and plan.gap is not None and is_over(plan, state, now):
        over = f"; its budget of {span_in_words(plan.gap.budget)} is over, and nobody watches it"
    return f"{cluster} is closed: nobody can write there{span}{clone}{over}"


def is_over(plan: Plan, state: RunState, now: datetime) -> bool:
    """Whether a run stands in its gap for longer than that may last."""
    gap = gap_open(plan, state)
    began = state.step(gap.opens).began if gap and state.ended is None else None
    return gap is not None and began is not None and now - began > gap.budget


def _span(lasted: timedelta) -> str:
    minute = timedelta(minutes=1)
    return span_in_words(lasted if lasted < minute else lasted // minute * minute)


def _time_of_closing(plan: Plan, state: RunState) -> datetime | None:
    """Since when nobody can write at the source; ``None`` where no journal here says it."""
    if isinstance(plan.request, RollbackRequest):
        return plan.request.mark.mark.at if plan.request.mark else None
    return state.step(plan.gap.opens).began if plan.gap else None


def _way_on(plan: Plan, request: RollbackRequest, state: RunState) -> str:
    """What opens a source that a rollback has not opened yet."""
    again, on = f"daybreak rollback {request.run}", f"open it: daybreak resume {plan.run}"
    if request.unwritten and is_clone_closed(plan, state):
        again += f", which will leave in {request.clone} what was written there"
    if state.ended:
        return f"open {plan.source}: {again}"
    # One that takes itself back goes on only where it is known that nobody has written in the clone, and that may never be known.
    return f"{on}, or whatever was written: {again}" if request.unwritten else on


def writes_recorded(plan: Plan, state: RunState, cluster: str) -> WriteCount | None:
    """What the run counted last at a cluster, under whichever of its names; ``None`` where it has not counted there."""
    steps = [step for step in plan.steps if isinstance(step.action, CountWrites) and _is_at(step.action, plan, cluster)]
    found = [state.step(step.id).result for step in steps if state.step(step.id).status == "done"]
    return WriteCount.model_validate(found[-1]) if found else None


def _is_at(action: SqlOrder, plan: Plan, cluster: str) -> bool:
    """Whether an order went to the cluster of that name: where names move, the one that the source gives away is the clone's here."""
    swap = swap_in(plan)
    if swap is None:
        return action.cluster == cluster
    return action.resource_id == (swap.source_id if cluster == swap.away else swap.clone_id)


def next_recorded(plan: Plan, state: RunState, cluster: str) -> int:
    """The first transaction id that a cluster had not given out after the run's own last work there; 0 where that was not noted."""
    found = 0
    for step in plan.steps:
        if isinstance(step.action, CountWrites | AdvanceSequences) and _is_at(step.action, plan, cluster):
            found = int(state.step(step.id).result.get("following", found))
    return found


def why_no_probe(plan: Plan, state: RunState) -> str:
    """Why a run's probe measures nothing, as far as that was known when it was begun; empty where it went on."""
    for step in plan.steps:
        if isinstance(step.action, BeginProbe):
            now = state.step(step.id)
            return str(now.result.get("why", "")) if now.status == "done" else "it was not begun"
    return "it was not begun"


def fence_recorded(plan: Plan, state: RunState) -> Emptied | None:
    """What was found when the fence was made; ``None`` where no fence was made.

    What had been written by then is known where it was counted before another transaction id was given out.
    """
    done = [(step.action, state.step(step.id).result) for step in plan.steps if state.step(step.id).status == "done"]
    found = [(action.cluster, result) for action, result in done if isinstance(action, EndSessions)]
    if not found:
        return None
    cluster, result = found[-1]
    emptied = Emptied.model_validate(result)
    counts = [
        WriteCount.model_validate(each)
        for action, each in done
        if isinstance(action, CountWrites) and action.cluster == cluster
    ]
    written = next((each for each in counts if each.following == emptied.mark.transaction), None)
    return emptied.model_copy(update={"written": written})


def may_have_acted(step: Step, state: RunState) -> bool:
    """Whether a step of an ended run did something, or nobody knows that it did not.

    A change in SQL is noted right before its commit: one that came to no note changed nothing, such as one that the server refused.
    """
    now = state.step(step.id)
    if now.status in ("waiting", "forgone"):
        return False
    return not (isinstance(step.action, ChangeSql) and now.status in ("intended", "failed") and now.staged is None)


def has_led(plan: Plan, state: RunState) -> bool:
    """Whether a run led clients elsewhere, or nobody knows that it did not."""
    return any(may_have_acted(step, state) for step in plan.steps if _leads(step.action))


def _leads(action: Action) -> bool:
    """Whether an action leads clients from the source to the clone."""
    return leads_there(action) or is_repointing(action)


def deeds_of(plan: Plan, state: RunState) -> tuple[CutoverDeed, ...]:
    """The steps of a run that were done, or of which nobody knows whether they were, each with what takes it back."""
    own = owner_of(plan, state.nonce)
    return tuple(
        CutoverDeed(
            step=step.id,
            action=step.action,
            back=tuple(_by_name(each, own) for each in step.undo.actions),
            is_done=state.step(step.id).status == "done",
        )
        for step in plan.steps
        if isinstance(step.undo, TakenBack) and step.undo.actions and may_have_acted(step, state)
    )


def _by_name(action: Action, own: Owner) -> Action:
    """The action with the version that the cutover made named: the run that goes back draws another one."""
    if isinstance(action, MoveSecretStage) and action.away_from is None:
        return action.model_copy(update={"away_from": own.version_of(action.secret)})
    return action
