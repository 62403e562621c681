"""Judge whether a plan that was made earlier may begin: it is what its own request makes of today's world, or it is refused.

The law: a plan is a file whose digest has no key, so each of its fields is compared with those of a plan that is made again from
the same request. What may differ stands in a table here with its reason; a field that is in no table is compared. In what a clone is
only compared with, the plan's own sight stays (``plan.sights``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from daybreak.model import members
from daybreak.model.actions import AwaitCluster, Validate
from daybreak.model.guards import AsPlanned, Sets
from daybreak.model.moment import Latest
from daybreak.model.names import printable
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal, Step
from daybreak.model.requests import CleanRequest
from daybreak.model.targets import Target
from daybreak.model.things import Thing
from daybreak.model.value import Span, Value, stamp
from daybreak.plan.planner import plan_of
from daybreak.plan.remarks import moves_on
from daybreak.plan.sights import as_planned
from daybreak.plan.terms import Terms

NOT_OF_PLANS: dict[str, str] = {
    "request": "the other plan is made of it",
    "target": "the other plan is made of it; it is held to daybreak.toml",
    "identity": "another person may begin a plan; account, region and endpoints are compared by themselves",
    "created": "the other plan takes it over; it must not lie in the future",
    "zone": "in it the times are shown to whoever planned",
    "window": "the restorable window moves on; that it reaches to the moment is asked again",
    "estimate": "earlier runs and the size of the source move on; no step depends on it",
    "steps": "they are compared one by one",
    "keyed": "what other services hold moves on, and orders nothing; the steps that it led to are compared",
}
"""The fields of a plan that may differ from those of the plan that is made again, or are compared in another way."""

NOT_OF_STEPS: dict[str, str] = {
    "action": "it is compared field by field, with those of the world",
}
"""The same for a step."""

NOT_OF_VALIDATIONS: dict[str, str] = {
    "source_seen": "its window and its state move on; what a clone is compared with is compared here too",
    "instances_seen": "their state moves on; what a clone is compared with is compared here too",
    "backup_seen": "its window moves on",
    "snapshot_seen": "the restore pins the snapshot",
    "surroundings_seen": "a status moves on; all else of it is compared",
}
"""The same for the action of a validation: how the source looked is evidence and not an order."""

_KEPT = ("capsule", "baseline")
"""What is kept of the source: at or before an exact moment nothing new is kept any more."""

_MOST_AHEAD = Span(minutes=5)
"""How far a plan may lie in the future: clocks differ."""


def objections_to_starting(plan: Plan, seen: Observation, terms: Terms) -> tuple[str, ...]:
    """Why an earlier plan must not be started now: it expired, it was made elsewhere, it was edited, or the world has changed.

    ``terms`` are those that whoever starts it gives to a plan of its age.
    """
    if elsewhere := plan.identity.differences(seen.identity):
        return tuple(f"the plan is for {difference}" for difference in elsewhere)
    if seen.seen > plan.expires:
        return (f"the plan expired at {stamp(plan.expires)}: make it again",)
    if plan.created > seen.seen + _MOST_AHEAD:
        return (f"the plan says that it was made at {stamp(plan.created)}, and that is in the future",)
    again = plan_of(plan.request, plan.target, as_planned(plan, seen), terms)
    if isinstance(again, Refusal):
        return again.reasons
    changes = (*_source_change(plan, again), *_changes(plan, again))
    # What follows from a changed world differs with it, and is no second reason.
    names = _OF_REQUEST_ALONE if changes else tuple(Plan.model_fields)
    edits = (*_edits(plan, again, names), *(() if changes else _edits_of_steps(plan, again)))
    return (*changes, *(f"the plan was not made by its own request: {edit}" for edit in edits))


_OF_REQUEST_ALONE = ("format", "run", "source", "clone", "tags", "objectives", "expires", "keep_until")
"""The fields of a plan in which the world has no part."""


def objections_to_target(plan: Plan, today: Target | None, same_source: Target | None = None) -> tuple[str, ...]:
    """Why a plan's target is not the one that the configuration has today; ``None`` where it has none of that name.

    ``same_source`` is the configured target whose cluster the plan restores, by whatever name. Waivers that somebody typed for
    this plan alone stand before the target's own.
    """
    if isinstance(plan.request, CleanRequest):
        return ()
    if today is None:
        known = f', and {plan.source} is the cluster of the target "{same_source.name}"' if same_source else ""
        missing = f'no target "{printable(plan.target.name)}" is configured{known}'
        if same_source is None:
            return (missing,)
        return missing, *_differences_of_target(plan.target.model_copy(update={"name": same_source.name}), same_source)
    return _differences_of_target(plan.target, today)


def _differences_of_target(planned: Target, today: Target) -> tuple[str, ...]:
    own = len(today.waivers)
    typed = planned.waivers[: len(planned.waivers) - own]
    was, now = _fields(planned, ()), _fields(today.with_waivers(typed), ())
    return tuple(
        f'daybreak.toml says otherwise of the target "{today.name}": {field} was {_short(one)}, now it is {_short(other)}'
        for field, one, other in _differences(was, now)
    )


def _edits(plan: Plan, again: Plan, names: tuple[str, ...]) -> Iterator[str]:
    """The fields of a plan, of those names, that differ from what its request makes of this world."""
    without = set(NOT_OF_PLANS) | ({"moment"} if _is_latest(plan) else set())
    was, now = _fields(plan, without), _fields(again, without)
    was["notes"], now["notes"] = _firm(plan.notes), _firm(again.notes)
    for field, one, other in _differences(was, now):
        if field.partition(".")[0] in names:
            yield f"{field.replace('_', ' ')} is {_short(one)}, and it must be {_short(other)}"


def _firm(notes: tuple[str, ...]) -> list[str]:
    """The notes that stay while the world stays: the others are of what was seen at that very moment."""
    return [note for note in notes if not moves_on(note)]


def _edits_of_steps(plan: Plan, again: Plan) -> Iterator[str]:
    now = {step.id: _of_step(step) for step in again.steps}
    if [step.id for step in plan.steps] != [step.id for step in again.steps]:
        yield "its steps have another order"
    for step in plan.steps:
        for field, one, other in _differences(_of_step(step), now[step.id]):
            yield f"step {step.id}: {field.replace('_', ' ')} is {_short(one)}, and it must be {_short(other)}"


def _of_step(step: Step) -> dict[str, object]:
    """A step as far as nothing but the request and the compared world is in it."""
    plain = _fields(step, NOT_OF_STEPS)
    plain["guards"] = [
        _sight(guard) if isinstance(guard, _SEEN) else guard.model_dump(mode="json") for guard in step.guards
    ]
    plain["openings"] = [opening.field for opening in step.openings]  # what AWS offers moves on, and orders nothing
    if isinstance(step.action, AwaitCluster):
        del plain["estimate"]  # it has what is left of the whole plan's
    return plain


def _fields(value: Value, without: Iterable[str]) -> dict[str, object]:
    return value.model_dump(mode="json", exclude=set(without))


def _is_latest(plan: Plan) -> bool:
    return isinstance(getattr(plan.request, "moment", None), Latest)


def _source_change(plan: Plan, again: Plan) -> tuple[str, ...]:
    """The objection if another cluster has taken the source's name: its backups are of another database."""
    was, now = _source_id(plan), _source_id(again)
    return () if was == now else (f'the world has changed: "{plan.source}" was {was}, now it is {now}',)


def _source_id(plan: Plan) -> str | None:
    seen = [step.action.source_seen for step in plan.steps if isinstance(step.action, Validate)]
    return seen[0].resource_id if seen and seen[0] else None


def _changes(plan: Plan, again: Plan) -> list[str]:
    """The differences in what is ordered, and in what the orders were made of: the world has changed."""
    was = {step.id: _order_of(step, plan) for step in plan.steps}
    now = {step.id: _order_of(step, plan) for step in again.steps}
    changes = [f"step {name} is no longer needed" for name in was.keys() - now.keys()]
    changes += [f"step {name} would now be needed" for name in now.keys() - was.keys()]
    changes += _other_sights(plan, again)
    for name in was.keys() & now.keys():
        changes += [
            f"{name}: {field} was {_short(before)}, now it would be {_short(after)}"
            for field, before, after in _differences(was[name], now[name])
        ]
    changes += [
        f"{plan.source}: {field.replace('_', ' ')} was {_short(before)}, now it is {_short(after)}"
        for field, before, after in _differences(_source_of(plan), _source_of(again))
    ]
    return sorted(f"the world has changed: {each}" for each in dict.fromkeys(changes))


def _order_of(step: Step, plan: Plan) -> dict[str, object]:
    """A step's action, without what moves on."""
    without = set(NOT_OF_VALIDATIONS) if isinstance(step.action, Validate) else set()
    return _fields(step.action, without | (set(_KEPT) if _is_latest(plan) else set()))


def _source_of(plan: Plan) -> dict[str, object]:
    """What a clone is compared with later, as the plan saw it at the source; empty where it saw none."""
    seen = next((step.action for step in plan.steps if isinstance(step.action, Validate)), None)
    if seen is None or seen.source_seen is None:
        return {}
    lasting = [name for name in members.fields_of(members.CLUSTER) if name not in _PASSING]
    of_cluster = seen.source_seen.model_dump(mode="json", include=set(lasting))
    inside = set(members.fields_of(members.INSTANCE)) - _PASSING
    of_instances = {each.identifier: each.model_dump(mode="json", include=inside) for each in seen.instances_seen}
    around = seen.surroundings_seen.model_dump(mode="json", exclude={"unseen", "key"}) if seen.surroundings_seen else {}
    around["proxies"] = [each["proxy"] for each in around.get("proxies", ())]
    return {**of_cluster, "instance": of_instances, "around": around}


_PASSING = {"has_pending_changes", "activity_stream"}
"""Members in which AWS says what is under way."""


def _other_sights(plan: Plan, again: Plan) -> Iterator[str]:
    """Each thing that looks otherwise than the plan's guards want it, step by step: where names move, one name means two clusters."""
    sights = {
        (step.id, *_sight(guard)): _values_of(guard)
        for step in again.steps
        for guard in step.guards
        if isinstance(guard, _SEEN)
    }
    planned = [(step.id, guard) for step in plan.steps for guard in step.guards if isinstance(guard, _SEEN)]
    for name_of_step, guard in planned:
        was, now = _values_of(guard), sights.get((name_of_step, *_sight(guard)), _values_of(guard))
        for name, before, after in _differences(was, now):
            yield f"{guard.thing.words()}: {name} was {_short(before)}, now it is {_short(after)}"


_SEEN = (AsPlanned, Sets)
"""The guards on what was seen at planning."""


def _sight(guard: AsPlanned | Sets) -> tuple[Thing, str]:
    return guard.thing, guard.noun if isinstance(guard, AsPlanned) else guard.kind


def _values_of(guard: AsPlanned | Sets) -> Mapping[str, object]:
    """What such a guard wants of its thing, each value by its name."""
    return guard.parameters if isinstance(guard, Sets) else {guard.noun: guard.value}


def _differences(was: Mapping[str, object], now: Mapping[str, object]) -> Iterator[tuple[str, object, object]]:
    """Each field that differs, with both values; of a table only the entries that do, or both would read alike when cut."""
    for field in sorted(was.keys() | now.keys()):
        before, after = was.get(field), now.get(field)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from ((f"{field}.{inner}", one, other) for inner, one, other in _differences(before, after))
        elif before != after:
            yield field, before, after


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
