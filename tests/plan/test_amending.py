"""What may be amended on a standing run, and how a plan stands with what was."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.errors import Refused
from daybreak.model.actions import AwaitSql, CreateInstance, Validate
from daybreak.model.plan import Plan, StepId
from daybreak.model.run import (
    Amendment,
    PlanAmended,
    RunFinished,
    RunPaused,
    RunState,
    StepDone,
    StepIntended,
    state_of,
)
from daybreak.model.world import OfferedClass, Offers
from daybreak.plan.amending import MANAGED, Wishes, amend, amendments_for, digest_with, steps_unasked, ways_out
from tests import fix_runs as runs
from tests import fix_worlds as worlds

PLAN = worlds.plan()
WRITER, READER = StepId("06-create-writer"), StepId("11-create-reader-2")
OPTIONS = StepId("13-set-cluster-options")
CAME_UP, ANSWERED = StepId("07-await-writer"), StepId("09-await-sql")


def standing(*bodies: Any) -> RunState:
    """A run that has come so far, and pauses."""
    return state_of(runs.events(PLAN, *bodies, RunPaused(why="no machine", exit_code=75)))


def wished(state: RunState | None = None, **wishes: Any) -> list[tuple[str, str, str | None, str | None]]:
    """What becomes of these wishes: step, field, old and new."""
    made = amendments_for(PLAN, state or standing(), Wishes(**wishes), "ann@host")
    return [(each.step, each.field, each.old, each.new) for each in made]


def refused(state: RunState | None = None, **wishes: Any) -> tuple[str, ...]:
    """Why these wishes are refused."""
    with pytest.raises(Refused) as caught:
        wished(state, **wishes)
    return caught.value.reasons or (caught.value.message,)


def test_a_field_is_amended_in_each_step_that_is_not_done() -> None:
    """Whoever wants another class wants it for what is still to be made, not for what is there."""
    done = standing(StepDone(step=WRITER), StepDone(step=CAME_UP))
    assert wished(values=(("instance_class", "db.r7g.large"),)) == [
        (WRITER, "instance_class", "db.r6g.large", "db.r7g.large"),
        (READER, "instance_class", "db.r6g.large", "db.r7g.large"),
    ]
    assert wished(done, values=(("instance_class", "db.r7g.large"),)) == [
        (READER, "instance_class", "db.r6g.large", "db.r7g.large")
    ]
    for name in (READER, "create-reader-2"):
        assert wished(values=(("zone", f"{name}=us-east-1c"),)) == [(READER, "zone", None, "us-east-1c")]


def test_an_instance_that_never_came_up_may_be_amended_and_one_that_did_may_not() -> None:
    """The call was taken, and the machine never came: it is made again."""
    assert wished(standing(StepDone(step=WRITER)), values=(("ca", f"{WRITER}=rds-ca-ecc384-g1"),)) == [
        (WRITER, "ca", "rds-ca-rsa2048-g1", "rds-ca-ecc384-g1")
    ]
    [why] = refused(standing(StepDone(step=WRITER), StepDone(step=CAME_UP)), values=(("zone", f"{WRITER}=us-east-1c"),))
    assert "what is done is not amended" in why


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"values": (("instance_class", "large"),)}, "--instance-class takes an instance class"),
        ({"values": (("zone", ""),)}, "--zone takes an Availability Zone"),
        ({"values": (("login", "boss:hunter2"),)}, "--login takes a reference"),
        (
            {"values": (("zone", "01-copy-parameter-group=us-east-1a"),)},
            "open are 06-create-writer, 11-create-reader-2",
        ),
        ({"values": (("zone", "99-create-reader=us-east-1a"),)}, 'the plan has no step "99-create-reader"'),
        ({"without": ("create-writer",)}, "the run cannot do without"),
        ({"without": ("nope",)}, "it can without 11-create-reader-2"),
    ],
)
def test_a_wish_that_the_plan_does_not_allow_is_refused_with_what_it_does(wishes: dict[str, Any], told: str) -> None:
    """Nothing is recorded; and what was typed in the wrong place, which may be a password, is not repeated."""
    [why] = refused(**wishes)
    assert told in why
    assert "hunter2" not in why


def test_every_wish_that_is_wrong_is_named_at_once() -> None:
    """Nobody mends one thing to learn of the next."""
    assert len(refused(values=(("zone", "x y"), ("ca", "")), without=("nope",))) == 3


def test_a_run_that_has_ended_is_not_amended() -> None:
    """Its verdict is of what was planned and done."""
    ended = state_of(runs.events(PLAN, RunFinished(outcome="done")))
    [why] = refused(ended, is_password_managed=True)
    assert "has ended" in why


def test_a_plan_of_an_older_release_leaves_nothing_open() -> None:
    """It was read and approved without that."""
    old = PLAN.model_copy(
        update={
            "steps": tuple(
                step.model_copy(update={"openings": (), "when_refused": "fail"})
                for step in PLAN.steps
                if not step.is_on_request
            )
        }
    )
    wishes = Wishes(values=(("zone", "us-east-1a"),), without=("create-reader-2",), is_password_managed=True)
    with pytest.raises(Refused) as caught:
        amendments_for(old, standing(), wishes, "ann@host")
    assert [reason.split(":")[0] for reason in caught.value.reasons] == ["--zone", "--without", "--manage-password"]


def made(*amendments: tuple[str, Any, str | None, str | None]) -> tuple[Amendment, ...]:
    """Amendments as a journal has them."""
    bodies = [PlanAmended(step=step, field=field, old=old, new=new, by="ann@host") for step, field, old, new in amendments]  # type: ignore[arg-type]  # fmt: skip
    return standing(*bodies).amendments


def test_the_plan_stands_as_amended_and_the_frozen_one_stays() -> None:
    """The last word of a field counts, and the verdict permits for that instance alone what was amended of it."""
    changes = made(
        (READER, "instance_class", "db.r6g.large", "db.r7g.large"),
        (READER, "instance_class", "db.r7g.large", "db.r8g.large"),
    )
    now = amend(PLAN, changes)
    assert [step.action.instance_class for step in now.steps if isinstance(step.action, CreateInstance)] == [
        "db.r6g.large",
        "db.r8g.large",
    ]
    permitted = next(step.action.permitted for step in now.steps if isinstance(step.action, Validate))
    [(name, why)] = [(key, why) for key, why in permitted.items() if "instance_class" in key]
    assert (name, why.split(",")[0]) == (f"{PLAN.clone}-2.instance_class", "db.r8g.large")
    assert "ann@host" in why
    assert len({PLAN.digest(), digest_with(PLAN.digest(), changes), digest_with(PLAN.digest(), changes[:1])}) == 3
    assert digest_with(PLAN.digest(), ()) == PLAN.digest()


def test_a_managed_password_is_one_wish_for_the_step_and_the_logins_that_go_with_it() -> None:
    """Then AWS's secret is what enters, and no password of ours is anywhere."""
    assert steps_unasked(PLAN) == {"08-manage-password"}
    tried = StepIntended(step=ANSWERED, attempt=1)
    [why] = refused(is_password_managed=True)
    assert "no login has been tried" in why
    [why] = refused(standing(tried), values=(("login", "env:OTHER"),), is_password_managed=True)
    assert "name one of the two" in why
    events = amendments_for(PLAN, standing(tried), Wishes(is_password_managed=True), "ann@host")
    changes = standing(*events).amendments
    assert steps_unasked(PLAN, changes) == frozenset()
    now = amend(PLAN, changes)
    logins = [each.login for each in (step.action for step in now.steps) if isinstance(each, AwaitSql | Validate)]
    assert logins == [MANAGED, "secretsmanager:embi/aurora/master", None], "the source is asked with its own login"
    instead = amendments_for(PLAN, standing(*events), Wishes(values=(("login", "env:OTHER"),)), "ann@host")
    assert steps_unasked(PLAN, standing(*events, *instead).amendments) == {"08-manage-password"}, "AWS refused it"
    [why] = refused(standing(StepDone(step=ANSWERED)), is_password_managed=True)
    assert "let in already" in why


def offered(*names: str) -> Plan:
    """A plan in a region that offers these classes, and one certificate authority."""
    classes = tuple(OfferedClass(name=f"db.{name}", zones=("us-east-1a", "us-east-1c")) for name in names)
    return worlds.plan(seen=worlds.observation(offers=Offers(classes=classes, certificates=("rds-ca-ecc384-g1",))))


def test_the_ways_out_of_a_refusal_name_what_aws_offered() -> None:
    """At three in the morning nobody looks up the classes of a region."""
    plan = offered("r6g.large", "r7g.large", "r6g.xlarge")
    writer, reader = plan.step(WRITER), plan.step(READER)
    assert ways_out(plan, writer, "InsufficientDBInstanceCapacity") == (
        f"take another class: daybreak resume {plan.run} --instance-class db.r7g.large  # offered: db.r7g.large, db.r6g.xlarge",
        f"take another zone: daybreak resume {plan.run} --zone create-writer=us-east-1a  # offered: us-east-1a, us-east-1c",
    )
    assert ways_out(plan, reader, "AccessDenied") == (
        f"do without {READER}: daybreak resume {plan.run} --without {READER}",
    )


def test_what_aws_does_not_offer_any_more_has_a_substitute_in_the_plan() -> None:
    """It would be refused when the storage is restored already."""
    plan = offered("r7g.large", "r7g.xlarge")
    made = [step.action for step in plan.steps if isinstance(step.action, CreateInstance)]
    assert {(each.instance_class, each.ca) for each in made} == {("db.r7g.large", None)}
    assert [note for note in plan.notes if "does not offer" in note] == [
        "AWS does not offer db.r6g.large here any more for this engine version: the clone gets db.r7g.large"
    ]
    assert f"class of {plan.clone}-1: db.r7g.large: AWS does not offer db.r6g.large here any more" in plan.parity
    assert f"certificate authority of {plan.clone}-2: AWS's own choice: AWS does not offer rds-ca-rsa2048-g1 here any more" in plan.parity  # fmt: skip


def test_an_answer_that_nobody_gave_changes_no_class() -> None:
    """An optional question is not worth another machine than the source's."""
    for offers in (None, Offers(), Offers(classes=(OfferedClass(name="db.z9.metal"),))):
        plan = worlds.plan(seen=worlds.observation(offers=offers))
        made = [step.action for step in plan.steps if isinstance(step.action, CreateInstance)]
        assert {each.instance_class for each in made} == {"db.r6g.large"}


def test_one_command_that_amends_a_field_twice_has_a_true_history() -> None:
    """The second's old value is the first's new one."""
    twice = (("zone", f"{READER}=us-east-1a"), ("zone", "create-reader-2=us-east-1c"))
    assert wished(values=twice) == [(READER, "zone", None, "us-east-1a"), (READER, "zone", "us-east-1a", "us-east-1c")]


def test_what_a_run_does_without_is_permitted_and_nothing_else() -> None:
    """The verdict of what a person left out is not that it is missing."""
    permitted = next(
        step.action.permitted
        for step in amend(PLAN, made((READER, "taken", "yes", "no"), (OPTIONS, "taken", "yes", "no"))).steps
        if isinstance(step.action, Validate)
    )
    named = {name: why for name, why in permitted.items() if "ann@host" in why}
    assert set(named) == {f"{PLAN.clone}-2.count", "endpoints", "maintenance_window", "is_protected"}
