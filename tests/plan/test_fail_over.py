"""Planning a fail-over: one call, what must be as it was seen, every reason against it, and nothing that could be cleaned up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.assess.ending import next_of_plan
from daybreak.assess.guarding import Situation, breach_of
from daybreak.assess.position import Position
from daybreak.assess.standing import standing_of_change, standing_of_wait
from daybreak.model.actions import AwaitWriter, MoveWriter
from daybreak.model.backups import GlobalDatabase, GlobalMember, MomentsHeld
from daybreak.model.guards import AsPlanned
from daybreak.model.plan import Refusal
from daybreak.model.undo import Irreversible
from daybreak.plan.calls import Owner, call_of
from daybreak.plan.loss import OF_UNVOUCHED, loss_of
from daybreak.plan.planner import plan_of
from daybreak.plan.starting import objections_to_starting
from daybreak.plan.touching import things_touched
from tests import fix_worlds
from tests.fix_moves import LEADER, MEMBER, database, led_by, plan, request, seen
from tests.fix_worlds import AWAY, NOW


@pytest.mark.parametrize(
    ("is_switch", "operation", "more"),
    [(False, "FailoverGlobalCluster", {"AllowDataLoss": True}), (True, "SwitchoverGlobalCluster", {})],
)
def test_it_is_one_call_on_what_was_seen(operation: str, more: dict[str, Any], *, is_switch: bool) -> None:
    """The writer and the secondary are as they were, right before it leaves; nothing else is touched."""
    made = plan(is_switch=is_switch)
    calls = [call for step in made.steps if (call := call_of(step.action, {}, AWAY)) is not None]
    assert [(each.operation, each.params, each.region) for each in calls] == [
        (operation, {"GlobalClusterIdentifier": "embi-global", "TargetDbClusterIdentifier": MEMBER} | more, AWAY)
    ]
    assert {(each.kind, each.name) for each in things_touched(made)} == {
        ("global-cluster", "embi-global"),
        ("cluster", "embi-west"),
    }
    first = made.steps[0]
    assert {(each.field, each.value) for each in first.guards if isinstance(each, AsPlanned)} == {
        ("writer", LEADER),
        ("resource_id", "cluster-WEST"),
    }
    assert isinstance(first.undo, Irreversible)
    assert made.tags == {}
    assert made.run != made.clone, "a clean-up by the run's name finds nothing"


def test_a_database_that_somebody_moved_since_is_left_alone() -> None:
    """Another person was faster: the guard sees another writer, and nothing is sent."""
    step = plan().steps[0]
    things = {guard.thing for guard in step.guards if isinstance(guard, AsPlanned)}
    world = {thing: seen().cluster if thing.kind == "cluster" else database() for thing in things}
    nobody = Owner(run="x", nonce="y")
    assert breach_of(step.guards, Situation(nobody, world)) is None
    moved = {
        thing: led_by("arn:aws:rds:eu-west-1:1:cluster:other") if thing.kind == "global-cluster" else each
        for thing, each in world.items()
    }
    breach = breach_of(step.guards, Situation(nobody, moved))
    assert breach is not None
    assert "should have the writer" in breach.why


@pytest.mark.parametrize(
    ("world", "sent", "waited"),
    [
        (database(), Position.ABSENT, Position.STALLED),
        (database(status="failing-over", moving_to=MEMBER), Position.SO, Position.UNDER_WAY),
        (database(status="switching-over", moving_to=LEADER), Position.STALLED, Position.STALLED),
        (led_by(MEMBER, status="failing-over"), Position.SO, Position.UNDER_WAY),
        (led_by(MEMBER), Position.SO, Position.SO),
        (database(members=()), Position.HOPELESS, Position.HOPELESS),
        (None, Position.HOPELESS, Position.HOPELESS),
    ],
)
def test_a_lost_reply_is_resolved_by_what_aws_is_at(
    world: GlobalDatabase | None, sent: Position, waited: Position
) -> None:
    """An order that AWS took is never sent twice; one that it never took is."""
    move = MoveWriter(database="embi-global", member=MEMBER, gives_up=True)
    assert standing_of_change(move, world).place is sent
    wait = AwaitWriter(database="embi-global", member=MEMBER)
    assert standing_of_wait(wait, None, None, Owner(run="x", nonce="y"), database=world).place is waited


def test_what_is_given_up_is_said() -> None:
    """From what had surely arrived up to now; of a switch-over nothing; of a secondary that nobody measured, not said."""
    lost = loss_of(plan())
    assert lost is not None
    assert lost.span == timedelta(seconds=2)
    assert loss_of(plan(is_switch=True)) is None
    unknown = loss_of(plan(moments=MomentsHeld(at_most=NOW, evidence="CloudWatch has no lag of it")))
    assert unknown is not None
    assert (unknown.span, unknown.words) == (None, OF_UNVOUCHED)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no database": ({"global_database": None}, {}, f'{AWAY} knows no global database "embi-global"'),
    "no member": ({"global_database": database(members=())}, {}, f'{MEMBER} is no member of "embi-global"'),
    "moved already": ({"global_database": led_by(MEMBER)}, {}, '"embi-west" is the writer of "embi-global" already'),
    "moving": ({"global_database": database(moving_to=LEADER)}, {}, f"AWS is moving the writer to {LEADER} already"),
    "gone": ({"cluster": None}, {}, f'{AWAY} knows no cluster "embi-west"'),
    "another": ({"cluster": fix_worlds.cluster(identifier="embi-west")}, {}, "and no longer the secondary"),
    "ill": (
        {"cluster": fix_worlds.cluster(identifier="embi-west", arn=MEMBER, status="stopped")},
        {},
        "AWS calls the secondary stopped",
    ),
    "headless": ({"instances": ()}, {}, '"embi-west" has no instance'),
    "at home": ({}, {"home": AWAY}, f"{AWAY} is the region of the source itself"),
    "behind": (
        {
            "global_database": database(
                members=(
                    GlobalMember(arn=LEADER, is_writer=True),
                    GlobalMember(arn=MEMBER, is_writer=False, sync="pending-resync"),
                )
            )
        },
        {"is_switch": True},
        "AWS calls its replication pending-resync",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_every_reason_against_it_is_named(name: str) -> None:
    """Before anybody types a name."""
    world, wish, told = REFUSED[name]
    answer = plan_of(request(**wish), fix_worlds.away_target(), seen(**world), fix_worlds.terms())
    assert isinstance(answer, Refusal)
    assert any(told in reason for reason in answer.reasons), answer.reasons


def test_it_is_begun_by_name_and_held_to_the_world() -> None:
    """The kept plan names the option that begins it; an edited one is refused."""
    made = plan()
    assert next_of_plan(made, "move.json") == "daybreak restore --plan move.json --confirm embi-west"
    late = made.expires + timedelta(seconds=1)
    assert next_of_plan(made, "move.json", now=late) == (
        f"daybreak plan region embi --region {AWAY} --from {MEMBER} --file move.json --force"
    )
    assert objections_to_starting(made, seen(), fix_worlds.terms()) == ()
    moved = objections_to_starting(made, seen(global_database=led_by(MEMBER)), fix_worlds.terms())
    assert moved == ('"embi-west" is the writer of "embi-global" already',)
    forged = made.model_copy(update={"moment": NOW})
    assert objections_to_starting(forged, seen(), fix_worlds.terms())
