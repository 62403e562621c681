"""A cutover's order, and everything that stands in its way; a rollback's order, and what it leaves alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.model.actions import (
    AdvanceSequences,
    ChangeSql,
    EndSessions,
    MoveSecretStage,
    PointParameter,
    PointSecret,
    SetClusterOptions,
    SetExpiry,
)
from daybreak.model.cutover import CutoverSeen, SequenceSeen, VerdictSeen
from daybreak.model.destinations import (
    DestinationSeen,
    ParameterDestination,
    ParameterSeen,
    SecretDestination,
    SecretSeen,
)
from daybreak.model.fences import AccessSeen, PreparedSeen, RoleSeen, SubscriptionSeen
from daybreak.model.findings import Standing
from daybreak.model.guards import Fenced
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import CutoverDeed, CutoverRequest, RollbackRequest
from daybreak.model.tags import EXPIRES_TAG
from daybreak.model.targets import Target
from daybreak.model.undo import TakenBack
from daybreak.plan.planner import plan_of
from daybreak.plan.touching import things_touched
from tests import fix_worlds
from tests.fix_worlds import NOW, SOURCE

CLONE = "embi-aurora-pitr-202401151430-7k2"
SECRET, PARAMETER = SecretDestination(name="embi/database"), ParameterDestination(name="/embi/endpoint")


def request(**changes: Any) -> CutoverRequest:
    """To a clone that was found fit a minute ago."""
    verdict = VerdictSeen(standing=Standing.FIT, at=NOW - timedelta(minutes=1), scope="standard depth")
    defaults: dict[str, Any] = {"target": "embi", "run": CLONE, "nonce": "n1", "verdict": verdict, "suffix": "7k2"}
    return CutoverRequest(**(defaults | changes))


def target(**changes: Any) -> Target:
    """The target, with two places from which applications read the address."""
    return fix_worlds.target(**({"destinations": (SECRET, PARAMETER)} | changes))


def destinations(at: str = "source") -> tuple[DestinationSeen, ...]:
    """Both places as they are."""
    secret = SecretSeen(name="embi/database", stages={"v1" if at == "source" else "v2": ("AWSCURRENT",)})
    parameter = ParameterSeen(name="/embi/endpoint", version=3, type="String")
    return tuple(
        DestinationSeen.model_validate(
            {"destination": place, "region": "us-east-1", "points_at": at, "facts": facts.plain()}
        )
        for place, facts in ((SECRET, secret), (PARAMETER, parameter))
    )


def access(**changes: Any) -> AccessSeen:
    """Two roles that may log in, and nothing that stands in a fence's way."""
    roles = (RoleSeen(name="app", may_alter=True, sessions=3), RoleSeen(name="report", may_alter=True))
    defaults: dict[str, Any] = {"own": "rescuer", "is_shared": False, "may_end": True, "needs_admin": True}
    return AccessSeen(**(defaults | {"roles": roles} | changes))


def seen(source: dict[str, Any] | None = None, clone: dict[str, Any] | None = None, **changes: Any) -> Observation:
    """Both sides, well."""
    copied = fix_worlds.cluster(
        **(
            {
                "identifier": CLONE,
                "resource_id": "cluster-CLONE",
                "endpoint": "clone.example",
                "tags": {EXPIRES_TAG: "2024-01-22T14:52:00Z"},
                "is_protected": False,
            }
            | (clone or {})
        )
    )
    both: dict[str, Any] = {
        "clone": copied,
        "instances": (fix_worlds.instance(1, cluster=CLONE),),
        "access": access(),
        "clone_access": access(),
        "databases": ("embi",),
        "sequences": (SequenceSeen(database="embi", name="public.s", may_read=True, may_set=True),),
        "destinations": destinations(),
    }
    return Observation(
        seen=NOW,
        identity=fix_worlds.identity(),
        cluster=fix_worlds.cluster(**({"endpoint": "source.example"} | (source or {}))),
        cutover=CutoverSeen(**(both | changes)),
    )


def planned(made: Plan | Refusal) -> Plan:
    """The plan."""
    assert isinstance(made, Plan), made.reasons
    return made


def cut_over(by: Target | None = None, **changes: Any) -> Plan | Refusal:
    """The answer in a world like that."""
    return plan_of(request(), by or target(), seen(**changes), fix_worlds.terms())


def test_the_source_is_closed_before_anything_moves() -> None:
    """The clone is kept first, then the doors, then whoever is inside, then the numbers, and the places last; one after the other."""
    plan = planned(cut_over())
    kinds = [type(step.action) for step in plan.steps]
    assert kinds == [
        SetClusterOptions,
        SetExpiry,
        ChangeSql,
        EndSessions,
        AdvanceSequences,
        PointSecret,
        PointParameter,
    ]
    for before, step in zip(plan.steps, plan.steps[1:], strict=False):
        assert step.after == (before.id,)
    for step in plan.steps[4:]:
        assert any(isinstance(each, Fenced) and each.thing.name == SOURCE for each in step.guards), step.id
    expiry = plan.steps[1].action
    assert isinstance(expiry, SetExpiry)
    assert (expiry.expires, expiry.before) == (f"never: {plan.run}", "2024-01-22T14:52:00Z")
    touched = {thing.name for thing in things_touched(plan)}
    assert f"{SOURCE}/embi" in touched, "the door to the source's database is open for this plan"


def test_only_what_moves_traffic_may_touch_the_source() -> None:
    """The same change in a plan of another kind has no door."""
    plan = planned(cut_over())
    restore = fix_worlds.plan().model_copy(update={"steps": plan.steps})
    assert f"{SOURCE}/embi" not in {thing.name for thing in things_touched(restore)}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a shared login": ({"access": access(is_shared=True)}, "Make a role that Daybreak alone uses"),
    "no right to end": ({"access": access(may_end=False)}, 'GRANT pg_signal_backend TO "rescuer"'),
    "a role beyond us": (
        {"access": access(roles=(RoleSeen(name="app", may_alter=False),))},
        'GRANT "app" TO "rescuer" WITH ADMIN OPTION',
    ),
    "a prepared transaction": (
        {"access": access(prepared=(PreparedSeen(name="p", owner="app", database="embi", since=NOW),))},
        "COMMIT PREPARED 'p' or ROLLBACK PREPARED 'p'",
    ),
    "a subscription": (
        {"access": access(subscriptions=(SubscriptionSeen(name="s", database="embi", is_enabled=True),))},
        'ALTER SUBSCRIPTION "s" DISABLE',
    ),
    "a sequence beyond us": (
        {"sequences": (SequenceSeen(database="embi", name="public.s", may_read=True, may_set=False),)},
        'GRANT USAGE, SELECT, UPDATE ON SEQUENCE "public"."s" TO "rescuer"',
    ),
    "a place that points elsewhere": ({"destinations": destinations("elsewhere")}, "does not point at source.example"),
    "a silent server": ({"silences": ("it does not say",), "access": None}, "it does not say"),
    "a clone that is gone": ({"clone": None}, f'AWS knows no cluster "{CLONE}"'),
    "no instance": ({"instances": ()}, f'no instance of "{CLONE}" is available'),
}


@pytest.mark.parametrize(("world", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_stands_in_the_way_is_said_before_anything_is_closed(world: dict[str, Any], says: str) -> None:
    """Each with what helps."""
    both = seen()
    assert both.cutover is not None
    changed = both.model_copy(update={"cutover": both.cutover.model_copy(update=world)})
    made = plan_of(request(), target(), changed, fix_worlds.terms())
    assert isinstance(made, Refusal)
    assert says in "; ".join(made.reasons)


@pytest.mark.parametrize(
    ("standing", "age", "says"),
    [
        (Standing.UNFIT, timedelta(minutes=1), "is unfit"),
        (Standing.UNKNOWN, timedelta(minutes=1), "is unknown"),
        (Standing.FIT, timedelta(minutes=61), "older than 1 hour"),
    ],
)
def test_only_a_fit_verdict_of_the_last_hour_moves_traffic(standing: Standing, age: timedelta, says: str) -> None:
    """What nobody knows is never fit."""
    asked = request(verdict=VerdictSeen(standing=standing, at=NOW - age, scope="standard depth"))
    made = plan_of(asked, target(), seen(), fix_worlds.terms())
    assert isinstance(made, Refusal)
    assert says in "; ".join(made.reasons)


def test_without_a_place_to_move_nothing_is_closed() -> None:
    """A fence that nobody leads around would be an outage."""
    made = cut_over(target(destinations=()), destinations=())
    assert isinstance(made, Refusal)
    assert "[[targets.embi.destinations]]" in "; ".join(made.reasons)


def test_a_clone_that_took_traffic_before_is_not_taken_again() -> None:
    """It holds writes of its own since."""
    made = cut_over(clone={"tags": {EXPIRES_TAG: "never: some-cutover"}})
    assert isinstance(made, Refusal)
    assert "traffic was moved" in "; ".join(made.reasons)


def deeds(plan: Plan, *, until: int) -> tuple[CutoverDeed, ...]:
    """What a cutover did before it ended."""
    found = []
    for step in plan.steps[:until]:
        back = step.undo.actions if isinstance(step.undo, TakenBack) else ()
        named = tuple(
            each.model_copy(update={"away_from": "v2"}) if isinstance(each, MoveSecretStage) else each for each in back
        )
        if named:
            found.append(CutoverDeed(step=step.id, action=step.action, back=named))
    return tuple(found)


def go_back(until: int, at: str) -> Plan:
    """The rollback of a cutover that came so far."""
    done = deeds(planned(cut_over()), until=until)
    asked = RollbackRequest(target="embi", run="embi-cutover", clone=CLONE, nonce="n1", deeds=done, suffix="9x4")
    return planned(plan_of(asked, target(), seen(destinations=destinations(at)), fix_worlds.terms()))


def test_a_rollback_closes_the_clone_first_and_opens_the_source_last() -> None:
    """What was written to the clone stays there, and nothing is added while the places go back."""
    plan = go_back(7, "clone")
    kinds = [type(step.action) for step in plan.steps]
    assert kinds == [ChangeSql, EndSessions, PointParameter, MoveSecretStage, ChangeSql]
    first, last = plan.steps[0].action, plan.steps[-1].action
    assert isinstance(first, ChangeSql)
    assert isinstance(last, ChangeSql)
    assert (first.cluster, "NOLOGIN" in first.change.text) == (CLONE, True)
    assert (last.cluster, "NOLOGIN" in last.change.text) == (SOURCE, False)
    for step in plan.steps[2:4]:
        assert any(isinstance(each, Fenced) and each.thing.name == CLONE for each in step.guards)


def test_before_anything_moved_the_clone_is_a_clone_again() -> None:
    """With its old expiry, and without a fence."""
    plan = go_back(4, "source")
    kinds = [type(step.action) for step in plan.steps]
    assert kinds == [SetExpiry, SetClusterOptions, ChangeSql]
    expiry = plan.steps[0].action
    assert isinstance(expiry, SetExpiry)
    assert expiry.expires == "2024-01-22T14:52:00Z"


def test_a_place_that_was_not_changed_yet_is_left_alone() -> None:
    """The run stopped at it: it names the source still."""
    plan = go_back(6, "source")
    assert not [step for step in plan.steps if isinstance(step.action, PointSecret | PointParameter | MoveSecretStage)]


def test_a_secret_that_was_changed_since_keeps_what_was_changed() -> None:
    """Its old version would bring an old password back: only the address goes back."""
    done = deeds(planned(cut_over()), until=7)
    asked = RollbackRequest(target="embi", run="embi-cutover", clone=CLONE, nonce="n1", deeds=done, suffix="9x4")
    secret, parameter = destinations("clone")
    assert isinstance(secret.facts, SecretSeen)
    rotated = secret.model_copy(update={"facts": SecretSeen(name="embi/database", stages={"v9": ("AWSCURRENT",)})})
    plan = planned(plan_of(asked, target(), seen(destinations=(rotated, parameter)), fix_worlds.terms()))
    [pointed] = [step.action for step in plan.steps if isinstance(step.action, PointSecret)]
    assert (pointed.version, pointed.old.host, pointed.new.host) == ("v9", "clone.example", "source.example")


def rollback_in(world: Observation, *, until: int = 7) -> Plan | Refusal:
    """The answer to a rollback in that world."""
    done = deeds(planned(cut_over()), until=until)
    asked = RollbackRequest(target="embi", run="embi-cutover", clone=CLONE, nonce="n1", deeds=done, suffix="9x4")
    return plan_of(asked, target(), world, fix_worlds.terms())


def test_a_clone_that_nobody_can_fence_keeps_the_source_closed() -> None:
    """Its login is gone from the configuration: both sides would take writes."""
    made = rollback_in(seen(destinations=destinations("clone"), clone_access=None))
    assert isinstance(made, Refusal)
    assert "cannot be fenced" in "; ".join(made.reasons)


def test_a_place_that_somebody_moved_by_hand_counts_as_moved() -> None:
    """The cutover came as far as the fence, and a person went on: clients may have written to the clone."""
    plan = planned(rollback_in(seen(destinations=destinations("clone")), until=4))
    assert isinstance(plan.steps[0].action, ChangeSql)
    assert plan.steps[0].action.cluster == CLONE
    assert not [step for step in plan.steps if isinstance(step.action, SetExpiry)], "it is no clone again"


def test_a_place_that_is_no_longer_configured_is_not_forgotten() -> None:
    """It would name the clone for ever, which is closed."""
    made = rollback_in(seen(destinations=destinations("clone")[:1]))
    assert isinstance(made, Refusal)
    assert 'changed the parameter "/embi/endpoint"' in "; ".join(made.reasons)


def test_a_clone_without_the_endpoint_that_a_place_wants_is_refused() -> None:
    """Before anything is closed."""
    made = cut_over(clone={"endpoint": None})
    assert isinstance(made, Refusal)
    assert "AWS shows no endpoint of the clone's writer" in "; ".join(made.reasons)
