"""Turn any request into its plan, and judge whether an earlier plan still fits the world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from daybreak.model.actions import AwaitParameterGroup, Validate
from daybreak.model.guards import AsPlanned
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal, Step
from daybreak.model.requests import CleanRequest, PitrRequest, Request, SnapshotRequest
from daybreak.model.targets import Target
from daybreak.model.value import stamp
from daybreak.plan.clean import clean_plan
from daybreak.plan.pitr import pitr_plan
from daybreak.plan.snapshot import snapshot_plan
from daybreak.plan.terms import Terms
from daybreak.plan.undoing import undo_of


def plan_of(request: Request, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan for a request, or every reason why there is none. The same arguments give the same digest."""
    match request:
        case PitrRequest():
            return pitr_plan(request, target, seen, terms)
        case SnapshotRequest():
            return snapshot_plan(request, target, seen, terms)
        case CleanRequest():
            return clean_plan(request, target, seen, terms)


def terms_of(plan: Plan) -> Terms:
    """The terms of a plan."""
    rests = [step.action.rest for step in plan.steps if isinstance(step.action, AwaitParameterGroup)]
    own = Terms(created=plan.created, expires=plan.expires, keep_until=plan.keep_until, zone=plan.zone)
    return own.model_copy(update={"group_rest": rests[0]}) if rests else own


def objections_to_starting(plan: Plan, seen: Observation) -> tuple[str, ...]:
    """Why an earlier plan must not be started now: it expired, it was made elsewhere, or the world has changed.

    To judge the world we plan again: the same request on today's observation must give the same orders.
    """
    if elsewhere := plan.identity.differences(seen.identity):
        return tuple(f"the plan is for {difference}" for difference in elsewhere)
    if seen.seen > plan.expires:
        return (f"the plan expired at {stamp(plan.expires)}: make it again",)
    again = plan_of(plan.request, plan.target, seen, terms_of(plan))
    if isinstance(again, Refusal):
        return again.reasons
    return (*_source_change(plan, again), *_forgeries(plan, again), *_changes(plan, again))


def _forgeries(plan: Plan, again: Plan) -> list[str]:
    """Differences in what follows from the request alone: no change of the world explains those."""
    reasons = [
        f"the plan was not made by its own request: {what} is {_short(was)}, and it must be {_short(now)}"
        for what, was, now in (
            ("the run", plan.run, again.run),
            ("the source", plan.source, again.source),
            ("the clone", plan.clone, again.clone),
            ("the stamp", plan.tags, again.tags),
        )
        if was != now
    ]
    orders = {step.id: _order_of(step) for step in again.steps}
    if orders.keys() == {step.id for step in plan.steps}:
        reasons += [
            f"the plan was not made by its own request: step {step.id} has other guards, another undo, or another order"
            for step in plan.steps
            if orders[step.id] != _order_of(step) or step.undo != undo_of(step.action, plan.identity.region)
        ]
    return reasons


def _order_of(step: Step) -> tuple[object, ...]:
    """What the request alone says of a step; a guard on what was seen follows from the world."""
    asked = [guard for guard in step.guards if not isinstance(guard, AsPlanned)]
    things = [guard.thing for guard in step.guards if isinstance(guard, AsPlanned)]
    return asked, things, step.after, step.after_settled


def _source_change(plan: Plan, again: Plan) -> tuple[str, ...]:
    """The objection if another cluster has taken the source's name: its backups are of another database."""
    was, now = _source_id(plan), _source_id(again)
    return () if was == now else (f'the world has changed: "{plan.source}" was {was}, now it is {now}',)


def _source_id(plan: Plan) -> str | None:
    seen = [step.action.source_seen for step in plan.steps if isinstance(step.action, Validate)]
    return seen[0].resource_id if seen and seen[0] else None


def _changes(plan: Plan, again: Plan) -> list[str]:
    was = {step.id: step.action.model_dump(mode="json") for step in plan.steps}
    now = {step.id: step.action.model_dump(mode="json") for step in again.steps}
    changes = [f"the world has changed: step {name} is no longer needed" for name in was.keys() - now.keys()]
    changes += [f"the world has changed: step {name} would now be needed" for name in now.keys() - was.keys()]
    changes += [f"the world has changed: {each}" for each in _other_sights(plan, again)]
    for name in was.keys() & now.keys():
        changes += [
            f"the world has changed: {name}: {field} was {_short(before)}, now it would be {_short(after)}"
            for field, before, after in _differences(was[name], now[name])
            if field.partition(".")[0] not in _ALIVE
        ]
    return sorted(changes)


def _other_sights(plan: Plan, again: Plan) -> Iterator[str]:
    """Each thing that looks otherwise than the plan's guards want it."""
    sights = {
        (guard.thing, guard.field): guard.value
        for step in again.steps
        for guard in step.guards
        if isinstance(guard, AsPlanned)
    }
    for guard in (guard for step in plan.steps for guard in step.guards if isinstance(guard, AsPlanned)):
        now = sights.get((guard.thing, guard.field), guard.value)
        if now != guard.value:
            yield f"{guard.thing.words()}: {guard.field.replace('_', ' ')} was {_short(guard.value)}, now it is {_short(now)}"


def _differences(was: Mapping[str, object], now: Mapping[str, object]) -> Iterator[tuple[str, object, object]]:
    """Each field that differs, with both values; of a table only the entries that do, or both would read alike when cut."""
    for field in sorted(was.keys() | now.keys()):
        before, after = was.get(field), now.get(field)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from ((f"{field}.{inner}", one, other) for inner, one, other in _differences(before, after))
        elif before != after:
            yield field, before, after


# How the source looked, and what was kept of it, is evidence and not an order: a window that moved on changes no step. The
# orders that follow from it (an instance, a setting) are in the other steps, and are compared there.
_ALIVE = frozenset(
    {"source_seen", "instances_seen", "backup_seen", "snapshot_seen", "surroundings_seen", "capsule", "baseline"}
)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
