"""Cutover and rollback: the traffic moved to a fit clone, and moved back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from daybreak.app.across import home_of, target_of_move
from daybreak.app.app import App
from daybreak.app.ending import completions_of, rollbacks_of
from daybreak.app.judging import judge_anew, words_on_waivers
from daybreak.app.planning import new_suffix, plan_for
from daybreak.app.sides import words_on_clone
from daybreak.app.superseding import runs_to_end
from daybreak.app.underway import cutovers_standing, refuse_second_move
from daybreak.app.validating import Listeners
from daybreak.errors import Refused
from daybreak.judge.verdict import verdict_of
from daybreak.judge.waiving import waive
from daybreak.model.actions import ChangeSql, Validate
from daybreak.model.cutover import VerdictSeen
from daybreak.model.guards import Unwritten
from daybreak.model.plan import Plan
from daybreak.model.requests import CutoverDeed, CutoverRequest, RestoreRequest, RollbackRequest
from daybreak.model.run import RunState
from daybreak.model.targets import Waiver
from daybreak.plan.behind import words_on_left_behind
from daybreak.plan.following import cutover_from
from daybreak.plan.gaps import deeds_of, fence_recorded, gap_open, has_led, writes_recorded
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
    leaves: tuple[str, ...] = ()
    """The labels of the places of which a person accepts that they stay as they are."""
    skips: int = 0
    """How many numbers each sequence of the clone leaves out, where nobody can ask how far the source's have come."""


def plan_cutover(app: App, wish: CutoverWish, listeners: Listeners | None = None) -> Plan:
    """The plan that moves the traffic to a run's clone; raises ``Refused`` with every reason.

    Where ``wish.run`` is a cutover itself, it is the plan that completes it. A verdict that is older than an hour is asked again, which reads the clone once more.
    """
    plan, state = app.store.plan(wish.run), app.state_or_none(wish.run)
    if isinstance(plan.request, CutoverRequest):
        return plan_completion(app, wish)
    if not isinstance(plan.request, RestoreRequest):
        raise Refused(f'"{wish.run}" restored nothing: it is a {plan.way}', "daybreak runs  # lists the restores")
    if plan.request.purpose == "staging":
        raise Refused(f'"{wish.run}" is a clone for staging, and takes nobody\'s place', "daybreak runs")
    if state is None or state.ended is None or state.verdict is None:
        raise Refused(f'the run "{wish.run}" has no verdict yet', f"daybreak show {wish.run}")
    app.hold_to(plan.identity, app.aws(plan.identity.region))
    target, home = target_of_move(app, plan), home_of(plan)
    refuse_second_move(app, target, wish.run, home or target.region)
    request = CutoverRequest(
        target=target.name,
        run=wish.run,
        nonce=state.nonce or "",
        verdict=_verdict_of(app, wish, plan, state, listeners),
        unfenced=wish.unfenced,
        source_before=next((step.action.source_seen for step in plan.steps if isinstance(step.action, Validate)), None),
        home=home,
        leaves=wish.leaves,
        skips=wish.skips,
        why=wish.why,
        suffix=new_suffix(),
    )
    return plan_for(app, request, target)


def plan_completion(app: App, wish: CutoverWish) -> Plan:
    """The plan that does what a cutover could not: it closes the source, and changes the places that were left.

    Raises ``Refused`` with every reason.
    """
    plan, state = app.store.plan(wish.run), app.state_or_none(wish.run)
    first = plan.request
    if not isinstance(first, CutoverRequest):
        raise Refused(f'"{wish.run}" is no cutover: it is a {plan.way}', "daybreak runs  # lists the cutovers")
    if first.completes:
        return plan_completion(app, replace(wish, run=first.completes))
    if wish.unfenced or wish.skips or wish.waivers:
        words = f'"{wish.run}" is a cutover, which is completed: --unfenced, --skip-sequences and --waive say nothing of that'
        raise Refused(words, f"daybreak cutover {wish.run}")
    if state is None or state.ended is None:
        raise Refused(f'the cutover "{wish.run}" has not ended', f"daybreak resume {wish.run}")
    if backs := rollbacks_of(app, wish.run):
        raise Refused(f'the cutover "{wish.run}" was taken back, or somebody began to', f"daybreak show {backs[-1]}")
    if state.status != "finished" and not (first.unfenced and has_led(plan, state)):
        raise Refused(f'the cutover "{wish.run}" did not come to its end', f"daybreak rollback {wish.run}")
    if going := [each for each in completions_of(app, wish.run) if _is_going(app, each)]:
        raise Refused(f"{going[-1]} completes it already, and has not ended", f"daybreak resume {going[-1]}")
    app.hold_to(plan.identity, app.aws(plan.identity.region))
    request = first.model_copy(
        update={
            "completes": wish.run,
            "unfenced": "",
            "skips": 0,
            "leaves": tuple(dict.fromkeys((*first.leaves, *wish.leaves))),
            "why": wish.why,
            "suffix": new_suffix(),
        }
    )
    return plan_for(app, request, target_of_move(app, plan))


def _is_going(app: App, run: str) -> bool:
    state = app.state_or_none(run)
    return state is not None and state.ended is None


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
            reasons=found.reasons,
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
    if plan.request.completes:
        raise Refused(
            f'"{run}" completes {plan.request.completes}, and goes back with it',
            f"daybreak rollback {plan.request.completes}",
        )
    if state is None:
        raise Refused(f'the run "{run}" never began, and moved nothing', "daybreak runs")
    backs = rollbacks_of(app, run)
    for back in backs:
        if (ended := app.state_or_none(back)) is not None and ended.status == "finished":
            # What a person closed or moved since is theirs.
            raise Refused(f'the cutover "{run}" was taken back already, by {back}', f"daybreak show {back}")
    if unwritten is None and (onward := cutover_from(plan.request.run, cutovers_standing(app))):
        words = f"{onward.run} led the traffic on from {plan.clone}: take that back first"
        raise Refused(words, f"daybreak rollback {onward.run}")
    ends = runs_to_end(app, (run, *backs))
    deeds = [*deeds_of(plan, state)]
    for name in completions_of(app, run):
        if _is_going(app, name):
            raise Refused(
                f"{name}, which completes the cutover, has not ended",
                f"daybreak abort {name}",
                f"daybreak resume {name}",
            )
        if (later := app.state_or_none(name)) is not None:
            deeds += deeds_of(app.store.plan(name), later)
    app.hold_to(plan.identity, app.aws(plan.identity.region))
    request = RollbackRequest(
        target=plan.target.name,
        run=run,
        clone=plan.clone,
        nonce=plan.request.nonce,
        deeds=tuple(deeds),
        unwritten=unwritten,
        mark=fence_recorded(plan, state),
        counted=writes_recorded(plan, state, plan.clone),
        ends=ends,
        home=plan.request.home,
        source_before=plan.request.source_before if plan.request.home else None,
        is_unfenced=bool(plan.request.unfenced) and not any(_closes(each, plan.source) for each in deeds),
        swap=swap_in(plan),
        why=why,
        suffix=new_suffix(),
    )
    return plan_for(app, request, target_of_move(app, plan))


def _closes(deed: CutoverDeed, source: str) -> bool:
    """Whether a step took LOGIN from somebody at the source."""
    return isinstance(deed.action, ChangeSql) and deed.action.cluster == source
