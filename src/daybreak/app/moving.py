"""Cutover and rollback: the traffic moved to a fit clone, and moved back."""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.app.app import App
from daybreak.app.ending import rollbacks_of
from daybreak.app.judging import judge_anew, words_on_waivers
from daybreak.app.planning import new_suffix, plan_for
from daybreak.app.sides import words_on_clone
from daybreak.app.superseding import runs_to_end
from daybreak.app.underway import refuse_second_move
from daybreak.app.validating import Listeners
from daybreak.errors import Refused
from daybreak.judge.verdict import verdict_of
from daybreak.judge.waiving import waive
from daybreak.model.actions import Validate
from daybreak.model.cutover import VerdictSeen
from daybreak.model.guards import Unwritten
from daybreak.model.plan import Plan
from daybreak.model.requests import CutoverRequest, RestoreRequest, RollbackRequest
from daybreak.model.run import RunState
from daybreak.model.targets import Waiver
from daybreak.plan.behind import words_on_left_behind
from daybreak.plan.gaps import deeds_of, fence_recorded, gap_open, writes_recorded
from daybreak.plan.refusing import NEWS
from daybreak.plan.renaming import swap_in


@dataclass(frozen=True)
class CutoverWish:
    """What a person asks of a cutover, as they typed it."""

    run: str
    why: str = ""
    waivers: tuple[Waiver, ...] = ()
    unfenced: str = ""
    """The source's name, where a person accepts that nobody fences it."""


def plan_cutover(app: App, wish: CutoverWish, listeners: Listeners | None = None) -> Plan:
    """The plan that moves the traffic to a run's clone; raises ``Refused`` with every reason.

    A verdict that is older than an hour is asked again, which reads the clone once more.
    """
    plan, state = app.store.plan(wish.run), app.state_or_none(wish.run)
    if not isinstance(plan.request, RestoreRequest):
        raise Refused(f'"{wish.run}" restored nothing: it is a {plan.way}', "daybreak runs  # lists the restores")
    if plan.request.purpose == "staging":
        raise Refused(f'"{wish.run}" is a clone for staging, and takes nobody\'s place', "daybreak runs")
    if state is None or state.ended is None or state.verdict is None:
        raise Refused(f'the run "{wish.run}" has no verdict yet', f"daybreak show {wish.run}")
    app.hold_to(plan.identity, app.aws(plan.identity.region))
    target = app.target(plan.target.name)
    refuse_second_move(app, target, wish.run)
    request = CutoverRequest(
        target=target.name,
        run=wish.run,
        nonce=state.nonce or "",
        verdict=_verdict_of(app, wish, plan, state, listeners),
        unfenced=wish.unfenced,
        source_before=next((step.action.source_seen for step in plan.steps if isinstance(step.action, Validate)), None),
        why=wish.why,
        suffix=new_suffix(),
    )
    return plan_for(app, request, target)


def _verdict_of(app: App, wish: CutoverWish, plan: Plan, state: RunState, listeners: Listeners | None) -> VerdictSeen:
    """What the run's journal says of the clone, with today's waivers.

    Where that is old, or somebody may have written in the clone since, it is what a validation says now.
    """
    written = state.measured.written
    is_new = state.ended is not None and app.now() - state.ended <= NEWS
    if is_new and state.verdict is not None and written and not words_on_clone(app, plan, written):
        found = verdict_of([waive(each, wish.waivers) for each in state.findings], state.verdict.scope)
        at = state.ended or state.began
        return VerdictSeen(
            standing=found.standing,
            at=at,
            scope=found.scope,
            waived=words_on_waivers(wish.waivers),
            writes=written,
            left_behind=words_on_left_behind(state.measured.deltas),
        )
    return judge_anew(app, wish.run, wish.waivers, listeners)


def plan_of_taking_back(app: App, run: str) -> Plan | None:
    """The plan by which a cutover that ended in its gap takes itself back, as its own plan said it would.

    ``None`` for any other run, and where somebody has begun to take it back. Raises ``Refused`` with every reason.
    """
    plan, state = app.store.plan(run), app.state_or_none(run)
    if not isinstance(plan.request, CutoverRequest) or state is None or state.status != "failed":
        return None
    gap = gap_open(plan, state)
    if gap is None or rollbacks_of(app, run):
        return None
    since = writes_recorded(plan, state, gap.unwritten.thing.name)
    return plan_rollback(app, run, why=state.note, unwritten=gap.unwritten.model_copy(update={"since": since}))


def plan_rollback(app: App, run: str, why: str = "", *, unwritten: Unwritten | None = None) -> Plan:
    """The plan that takes a cutover back; raises ``Refused`` with every reason, and where another process carries it out.

    A cutover that has not ended is ended when the plan begins. ``unwritten`` is what must hold of the clone where it takes itself back.
    """
    plan, state = app.store.plan(run), app.state_or_none(run)
    if not isinstance(plan.request, CutoverRequest):
        raise Refused(f'"{run}" is no cutover: it is a {plan.way}', "daybreak runs  # lists the cutovers")
    if state is None:
        raise Refused(f'the run "{run}" never began, and moved nothing', "daybreak runs")
    backs = rollbacks_of(app, run)
    for back in backs:
        if (ended := app.state_or_none(back)) is not None and ended.status == "finished":
            # What a person closed or moved since is theirs.
            raise Refused(f'the cutover "{run}" was taken back already, by {back}', f"daybreak show {back}")
    ends = runs_to_end(app, (run, *backs))
    app.hold_to(plan.identity, app.aws(plan.identity.region))
    request = RollbackRequest(
        target=plan.target.name,
        run=run,
        clone=plan.clone,
        nonce=plan.request.nonce,
        deeds=deeds_of(plan, state),
        unwritten=unwritten,
        mark=fence_recorded(plan, state),
        counted=writes_recorded(plan, state, plan.clone),
        ends=ends,
        swap=swap_in(plan),
        why=why,
        suffix=new_suffix(),
    )
    return plan_for(app, request, app.target(plan.target.name))
