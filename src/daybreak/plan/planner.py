"""Any request to its plan, and whether a plan made earlier still fits the world."""

from __future__ import annotations

from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import CleanRequest, PitrRequest
from daybreak.model.targets import Target
from daybreak.model.world import Observation
from daybreak.plan.clean import clean_plan
from daybreak.plan.pitr import pitr_plan
from daybreak.plan.terms import Terms


def plan_of(request: PitrRequest | CleanRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan for a request, or every reason why there is none. Same arguments, same digest."""
    match request:
        case PitrRequest():
            return pitr_plan(request, target, seen, terms)
        case CleanRequest():
            return clean_plan(request, target, seen, terms)


def terms_of(plan: Plan) -> Terms:
    """The terms a plan was made on."""
    return Terms(created=plan.created, expires=plan.expires, keep_until=plan.keep_until, zone=plan.zone)


def objections_to_starting(plan: Plan, seen: Observation) -> tuple[str, ...]:
    """Why a plan made earlier must not be started now: expired, made elsewhere, or the world has changed.

    The world is judged by planning again: the same request on what is seen now must give the same orders.
    """
    pinned, present = plan.identity, seen.identity
    reasons = [
        f"the plan is for {what} {was}, and this is {what} {now}"
        for what, was, now in (
            ("account", pinned.account, present.account),
            ("region", pinned.region, present.region),
            ("endpoint", pinned.endpoint or "AWS", present.endpoint or "AWS"),
        )
        if was != now
    ]
    if reasons:
        return tuple(reasons)
    if seen.seen > plan.expires:
        return (f"the plan expired at {plan.expires:%Y-%m-%d %H:%M:%S} UTC: make it again",)
    again = plan_of(plan.request, plan.target, seen, terms_of(plan))
    if isinstance(again, Refusal):
        return again.reasons
    return tuple(_changes(plan, again))


def _changes(plan: Plan, again: Plan) -> list[str]:
    was = {step.id: step.action.model_dump(mode="json") for step in plan.steps}
    now = {step.id: step.action.model_dump(mode="json") for step in again.steps}
    changes = [f"the world has changed: step {name} is no longer needed" for name in was.keys() - now.keys()]
    changes += [f"the world has changed: step {name} would now be needed" for name in now.keys() - was.keys()]
    for name in was.keys() & now.keys():
        changes += [
            f"the world has changed: {name}: {field} was {_short(was[name].get(field))}, now it would be {_short(now[name].get(field))}"
            for field in sorted(was[name].keys() | now[name].keys())
            if field not in _ALIVE and was[name].get(field) != now[name].get(field)
        ]
    return sorted(changes)


# What the source looked like is evidence for parity, not an order: a window that moved on changes nothing that will be done.
_ALIVE = frozenset({"source_seen", "instances_seen"})


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
