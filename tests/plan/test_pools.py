"""Pools are held around the fence, learn the address, and let their clients go on; there and back."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from daybreak.model.actions import (
    AdvanceSequences,
    AwaitClients,
    ChangeSql,
    CountWrites,
    EndSessions,
    MoveSecretStage,
    PausePool,
    PointParameter,
    PointSecret,
    ResumePool,
    RunCommand,
    SetClusterOptions,
    SetExpiry,
)
from daybreak.model.guards import Fenced, Unwritten
from daybreak.model.plan import Plan, Refusal
from daybreak.model.pools import PgBouncer, PoolSeen
from daybreak.model.things import Thing
from daybreak.plan.planner import plan_of
from tests import fix_worlds
from tests.fix_worlds import SOURCE
from tests.plan.test_cutover import CLONE, cut_over, destinations, planned, seen, target
from tests.plan.test_returning import deeds, go_back_request


def pools(*, at: str = "source", **changes: Any) -> tuple[PoolSeen, ...]:
    """One that learns the address by a command, and one that reads a name."""
    told = PgBouncer(host="one", login="env:POOL", database="embi", repoint=("/bin/repoint",))
    named = PgBouncer(host="two", login="env:POOL", database="embi")
    return (
        PoolSeen.model_validate({"pool": told, "points_at": at} | changes),
        PoolSeen(pool=named, points_at="elsewhere"),
    )


POOLED = [
    *(CountWrites, PausePool, PausePool, ChangeSql, EndSessions, AdvanceSequences),
    *(RunCommand, ResumePool, PointSecret, PointParameter, ResumePool, AwaitClients, CountWrites, CountWrites),
]


def test_pools_are_held_around_the_fence() -> None:
    """One that learns the address goes on as soon as the clone takes writes; one that reads a name when the places have moved."""
    plan = planned(cut_over(pools=pools()))
    assert [type(step.action) for step in plan.steps[2:]] == POOLED
    repoint, resume = plan.steps[8], plan.steps[9]
    assert isinstance(repoint.action, RunCommand)
    assert repoint.action.given == {
        "DAYBREAK_HOST": "clone.example",
        "DAYBREAK_PORT": "5432",
        "DAYBREAK_DATABASE": "embi",
    }
    assert isinstance(resume.action, ResumePool)
    assert resume.action.address is not None
    assert resume.action.address.host == "clone.example"
    last = [step for step in plan.steps if isinstance(step.action, ResumePool)][-1]
    for step in (repoint, resume, last):
        assert any(isinstance(each, Fenced) and each.thing.name == SOURCE for each in step.guards), step.id
    gap = plan.steps[: 2 + POOLED.index(AwaitClients) + 1]
    for before, step in itertools.pairwise(gap):
        assert step.after == (before.id,)
    assert all(step.when_refused == "pause" for step in plan.steps if "pool" in step.id)
    unasked = [step for step in plan.steps[10:] if any(isinstance(each, Unwritten) for each in step.guards)]
    assert unasked == [], "clients may write in the clone once a pool has let them go on"


def test_a_pool_that_learns_the_address_is_a_place_by_itself() -> None:
    """Nothing else need be named where every client comes by it."""
    told, named = pools()
    plan = planned(cut_over(target(destinations=(), pools=(told.pool,)), destinations=(), pools=(told,)))
    moved = [type(step.action) for step in plan.steps]
    assert moved[moved.index(AwaitClients) - 1] is ResumePool
    made = cut_over(target(destinations=(), pools=(named.pool,)), destinations=(), pools=(named,))
    assert isinstance(made, Refusal)
    assert "[[targets.embi.destinations]]" in "; ".join(made.reasons)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"unfit": "does not answer"}, "the pool embi of one:6432 does not answer"),
        ({"is_paused": True}, "is paused already, and not by us"),
        ({"at": "clone"}, "does not point at the source, but at the clone"),
    ],
)
def test_a_pool_that_cannot_be_held_is_named_before(changes: dict[str, Any], says: str) -> None:
    """Nobody is fenced out for it."""
    made = cut_over(pools=pools(**changes))

    assert isinstance(made, Refusal)
    assert says in "; ".join(made.reasons)


def go_back_pooled(until: int, at: str, seen_now: tuple[PoolSeen, ...]) -> Plan:
    """The rollback of a cutover with pools that came so far."""
    done = deeds(planned(cut_over(pools=pools())), until=until)
    asked = go_back_request(done)
    world = seen(destinations=destinations(at), pools=seen_now)
    return planned(plan_of(asked, target(), world, fix_worlds.terms()))


def test_a_rollback_lets_pools_go_on_when_the_source_is_open() -> None:
    """Until then their clients would meet two closed sides."""
    plan = go_back_pooled(14, "clone", pools(at="clone"))
    kinds = [type(step.action) for step in plan.steps]
    assert kinds == [
        *(PausePool, PausePool, ChangeSql, EndSessions, AdvanceSequences, RunCommand),
        *(PointParameter, MoveSecretStage, ChangeSql, ResumePool, ResumePool, SetExpiry),
    ]
    repoint = plan.steps[5].action
    assert isinstance(repoint, RunCommand)
    assert repoint.given["DAYBREAK_HOST"] == "source.example"


def test_a_pool_that_was_pointed_at_the_clone_counts_as_moved() -> None:
    """Its clients may have written there before any other place was moved."""
    plan = go_back_pooled(9, "source", pools(at="source"))
    assert isinstance(plan.steps[2].action, ChangeSql)
    assert plan.steps[2].action.cluster == CLONE


def test_a_pool_that_somebody_moved_since_keeps_the_source_closed() -> None:
    """It leads to another clone by now, which nobody would have closed before the source is opened."""
    done = deeds(planned(cut_over(pools=pools())), until=14)
    world = seen(destinations=destinations("clone"), pools=pools(at="elsewhere"))
    made = plan_of(go_back_request(done), target(), world, fix_worlds.terms())
    assert isinstance(made, Refusal)
    [why] = [each for each in made.reasons if "points at neither side any more" in each]
    assert "one:6432" in why


def test_a_pool_that_was_only_held_goes_on() -> None:
    """Nothing was moved: the clone is not fenced for it."""
    plan = go_back_pooled(6, "source", pools(is_paused=True))
    kinds = [type(step.action) for step in plan.steps]
    assert kinds == [ChangeSql, ResumePool, ResumePool, SetExpiry, SetClusterOptions]
    assert not plan.steps[1].guards


def test_a_pool_that_is_no_longer_configured_is_named() -> None:
    """Where it is gone for good, it must not keep everybody from going back."""
    plan = go_back_pooled(6, "source", ())
    assert any("the cutover held the pool embi of one:6432" in note for note in plan.notes)


UNWRITTEN = Unwritten(thing=Thing(kind="cluster", name=CLONE, region="us-east-1"), database="embi", login="env:X")
"""What a cutover that takes itself back asks of the clone."""


def test_a_pool_that_died_keeps_no_cutover_from_taking_itself_back() -> None:
    """Nobody sits there who could start it, and nobody could write at the source; a person who goes back learns what to do."""
    done = deeds(planned(cut_over(pools=pools())), until=14)
    dead = (PoolSeen(pool=pools()[0].pool, unfit="does not say where it points: nobody listens"), pools()[1])
    world = seen(destinations=destinations("clone"), pools=dead)
    plan = planned(
        plan_of(go_back_request(done).model_copy(update={"unwritten": UNWRITTEN}), target(), world, fix_worlds.terms())
    )
    held = [step.action.pool.host for step in plan.steps if isinstance(step.action, PausePool | ResumePool)]
    assert set(held) == {"two"}
    assert not [step for step in plan.steps if isinstance(step.action, RunCommand)]
    [close] = [step for step in plan.steps if isinstance(step.action, EndSessions)]
    assert isinstance(close.action, EndSessions)
    assert close.action.cluster == CLONE, "whoever it leads there meets a closed door"
    [note] = [each for each in plan.notes if "nobody listens" in each]
    assert "its clients are shut out there until somebody points it at the source: run what repoint names" in note
    assert not [each for each in plan.notes if "no longer names it" in each]

    made = plan_of(go_back_request(done), target(), world, fix_worlds.terms())
    assert isinstance(made, Refusal)
    assert "Let it answer, or take it out of [[targets.embi.pools]] where it is gone for good" in "; ".join(
        made.reasons
    )
