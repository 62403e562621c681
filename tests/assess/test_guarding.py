"""What breaks a guard: another's nonce, the source's name, another thing than planned, and too young a group."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest

from daybreak.assess.breach import Breach
from daybreak.assess.guarding import Resource, Situation, breach_of, makers_in, things_asked, things_made
from daybreak.model.actions import (
    AwaitCluster,
    AwaitInstance,
    AwsChange,
    CreateEndpoint,
    DeleteEndpoint,
    ManagePassword,
    Validate,
)
from daybreak.model.guards import (
    AsPlanned,
    Guard,
    NotTheSource,
    OldEnough,
    Ours,
    OursOrAbsent,
    PlannedField,
    Sets,
    spell,
)
from daybreak.model.tags import NONCE_TAG, RUN_TAG
from daybreak.model.things import Thing
from daybreak.model.world import Endpoint
from daybreak.plan.guarding import guards_of
from tests import fix_moves, fix_reports, fix_worlds
from tests.assess.test_standing import CREATES, OURS, OWNER, REMOVALS, RUN, SETTINGS, THEIRS, cluster, group, instance
from tests.fix_worlds import REGION, SOURCE, snapshot

CLONE = Thing(kind="cluster", name=RUN, region=REGION)
GROUP = Thing(kind="cluster-pg", name="g", region=REGION)


def endpoint(**changes: Any) -> Endpoint:
    """A custom endpoint of our clone."""
    return Endpoint(
        **({"identifier": "e", "cluster": RUN, "kind": "READER", "status": "available", "tags": OURS} | changes)
    )


ENDPOINTS: list[tuple[AwsChange, Any]] = [
    (CreateEndpoint(clone=RUN, endpoint="e", type="READER"), endpoint),
    (DeleteEndpoint(clone=RUN, endpoint="e"), endpoint),
    (ManagePassword(clone=RUN), cluster),
]
CHANGES = CREATES + REMOVALS + SETTINGS + ENDPOINTS
_MAKERS: dict[str, Any] = {"cluster": cluster, "db": instance, "cluster-pg": group, "cluster-endpoint": endpoint}


def seen_with(guards: tuple[Guard, ...], **tags: dict[str, str]) -> dict[Thing, Resource | None]:
    """All that the guards speak of, each with our tags but for the kinds that are named."""
    return {
        thing: _MAKERS[thing.kind](tags=tags.get(thing.kind.replace("-", "_"), OURS)) for thing in things_asked(guards)
    }


def breach(guards: tuple[Guard, ...], seen: dict[Thing, Resource | None], **more: Any) -> Breach | None:
    """What the guards say to that."""
    return breach_of(guards, Situation(OWNER, seen, **more))


@pytest.mark.parametrize(("action", "make"), CHANGES)
@pytest.mark.parametrize("tags", [{}, THEIRS, {"daybreak:plan": RUN}, {RUN_TAG: RUN}, {RUN_TAG: RUN, NONCE_TAG: ""}])
def test_without_our_nonce_it_is_another_ones(action: AwsChange, make: Any, tags: dict[str, str]) -> None:
    """A name alone proves nothing, whichever of the things it is that the action needs."""
    guards = guards_of(action, REGION, (SOURCE,))
    assert breach(guards, seen_with(guards)) is None
    asked = things_asked(guards)
    assert asked
    for foreign in asked:
        found = breach(guards, seen_with(guards) | {foreign: _MAKERS[foreign.kind](tags=tags)})
        assert found is not None
        assert found.why == f"{foreign.words()} exists and was not created by this run"


@pytest.mark.parametrize(("action", "make"), CREATES + REMOVALS)
def test_what_is_made_or_removed_may_be_absent(action: AwsChange, make: Any) -> None:
    """An absence proves nothing of a removal, so it is sent; what the thing stands in has to be there."""
    guards = guards_of(action, REGION, (SOURCE,))
    own = things_asked(guards)[0]
    assert breach(guards, seen_with(guards) | {own: None}) is None
    for other in things_asked(guards)[1:]:
        found = breach(guards, seen_with(guards) | {other: None})
        assert found is not None
        assert (found.why, found.is_for_good) == (f"{other.words()} is gone", True)


@pytest.mark.parametrize(("action", "make"), SETTINGS)
def test_what_is_set_needs_something_to_be_set_on(action: AwsChange, make: Any) -> None:
    """Nothing can be set on what is gone, and the run has lost what it stands on."""
    guards = guards_of(action, REGION, (SOURCE,))
    found = breach(guards, dict.fromkeys(things_asked(guards)))
    assert found is not None
    assert found.is_for_good


@pytest.mark.parametrize(("action", "make"), CHANGES)
def test_no_change_names_the_source(action: AwsChange, make: Any) -> None:
    """Every change asks it, by the names that its call changes."""
    guards = guards_of(action, REGION, (SOURCE, "embi-aurora-1"))
    assert breach(guards, seen_with(guards), changes=frozenset({RUN})) is None
    found = breach(guards, seen_with(guards), changes=frozenset({RUN, "embi-aurora-1"}))
    assert found is not None
    assert found.why == "the call would change embi-aurora-1, which is the source's"
    assert found.is_for_good
    loud = breach(guards, seen_with(guards), changes=frozenset({RUN, SOURCE.upper()}))
    assert loud is not None, "AWS takes a name in any case"


def test_waits_and_validations_ask_whose_it_is() -> None:
    """A wait forgives what is not listed yet; what is validated has to be there."""
    for wait in (AwaitCluster(clone=RUN), AwaitInstance(clone=RUN, instance="i")):
        guards = guards_of(wait, REGION, (SOURCE,))
        assert [type(guard) for guard in guards] == [OursOrAbsent]
        assert breach(guards, dict.fromkeys(things_asked(guards))) is None
    plan = fix_worlds.plan()
    validating = next(step for step in plan.steps if isinstance(step.action, Validate))
    assert validating.guards == (Ours(thing=Thing(kind="cluster", name=plan.clone, region=REGION)),)


def test_a_thing_is_still_as_planned() -> None:
    """Another cluster of the same name has another resource id; one that is gone is not as planned either."""
    guards = (AsPlanned(thing=CLONE, field="resource_id", value=cluster().resource_id),)
    assert things_asked(guards) == (CLONE,)
    assert breach(guards, {CLONE: cluster()}) is None
    other = breach(guards, {CLONE: cluster(resource_id="cluster-OTHER")})
    assert other is not None
    assert other.why.endswith("and now it has cluster-OTHER")
    assert breach(guards, {CLONE: None}) is not None


@pytest.mark.parametrize(("age", "is_broken"), [(None, True), (299.9, True), (300.0, False), (301.0, False)])
def test_a_group_is_old_enough_by_the_journal(age: float | None, *, is_broken: bool) -> None:
    """AWS shows no time of its creation, so a group that the journal does not know is not old enough."""
    ages = {GROUP: timedelta(seconds=age)} if age is not None else {}
    guards = (OldEnough(thing=GROUP, rest=timedelta(minutes=5)),)
    assert (breach(guards, {}, ages=ages) is not None) is is_broken


def test_a_sentence_says_what_is_asked() -> None:
    """What is printed names the thing and what must hold of it."""
    assert OursOrAbsent(thing=CLONE).sentence() == 'the cluster "clone" does not exist, or is the run\'s own'
    assert Ours(thing=CLONE).sentence() == 'the cluster "clone" is the run\'s own'
    assert NotTheSource(names=("a", "b")).sentence() == "the call does not change the source a, nor b"
    assert (
        OldEnough(thing=GROUP, rest=timedelta(minutes=5)).sentence()
        == 'the parameter group "g" is at least 5 minutes old'
    )
    as_planned = AsPlanned(thing=CLONE, field="resource_id", value="cluster-A")
    assert (
        as_planned.sentence() == 'the cluster "clone" has the resource id cluster-A, as planned, by a look right before'
    )
    assert (
        Sets(thing=GROUP, parameters={"b": "1", "a": "0"}).sentence()
        == 'the parameter group "g" sets a=0, b=1, by a look right before'
    )
    assert (
        Sets(thing=GROUP, parameters={"a": "0"}, is_all=True).sentence()
        == 'the parameter group "g" sets a=0 and nothing else, as planned, by a look right before'
    )
    assert (
        Sets(thing=GROUP, parameters={}, is_all=True).sentence()
        == 'the parameter group "g" sets no value, as planned, by a look right before'
    )


@pytest.mark.parametrize("field", get_args(PlannedField))
def test_every_planned_field_can_be_looked_at_and_said(field: PlannedField) -> None:
    """A guard on a field has a noun, a thing that has the field, and a way on where it is another."""
    others: dict[str, Resource] = {"created": snapshot(), "writer": fix_moves.database()}
    seen = others.get(field, cluster())
    guard = AsPlanned(thing=CLONE, field=field, value="another")
    assert breach((AsPlanned(thing=CLONE, field=field, value=spell(getattr(seen, field))),), {CLONE: seen}) is None
    found = breach((guard,), {CLONE: seen})
    assert found is not None
    assert f"should have the {guard.noun} another, and now it has " in found.why
    assert found.hints


@pytest.mark.parametrize(
    ("now", "is_all", "why"),
    [
        ({"a": "off"}, False, None),
        ({"a": "0", "b": "9"}, False, None),
        ({"a": "1"}, False, "a is 1 and was 0"),
        ({}, False, "a is not set and was 0"),
        ({"a": "0"}, True, None),
        ({"a": "0", "b": "9"}, True, "b is 9 and was not set"),
    ],
)
def test_a_group_must_still_set_its_values(now: dict[str, str], *, is_all: bool, why: str | None) -> None:
    """In any spelling; a group that is copied must set nothing more either."""
    guards = (Sets(thing=GROUP, parameters={"a": "0"}, is_all=is_all),)
    assert things_asked(guards) == (GROUP,)
    found = breach(guards, {GROUP: group(parameters=now)})
    assert (found.why if found else None) == (why and f'the parameter group "g" was changed: {why}')
    gone = breach(guards, {GROUP: None})
    assert gone is not None
    assert gone.is_for_good


def test_a_tag_that_was_taken_away_is_called_that() -> None:
    """The journal knows that the run created it: another name would not help, and a new plan neither."""
    plan = fix_worlds.plan()
    state = fix_reports.state(plan, ())
    made = things_made(makers_in(plan), state)
    kinds = sorted(thing.kind for thing in made)
    assert kinds == ["cluster", "cluster-pg", "db", "db"]
    writer = next(thing for thing in made if thing.name.endswith("-1"))
    found = breach((OursOrAbsent(thing=writer),), {writer: instance(tags={})}, made=made)
    assert found is not None
    assert found.why == (
        f"{writer.words()} does not carry the tag {OWNER.mark()} any more, with which this run created it"
    )
    assert "plan again" not in " ".join(found.hints)
    begun = state.model_copy(update={"steps": {}})
    assert things_made(makers_in(plan), begun) == frozenset()
