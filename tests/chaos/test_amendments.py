"""What is late or can be done without never throws the restored storage away, and a person's amendment leads out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import botocore.session
import pytest

from daybreak.assess.moves import Pause, move_after
from daybreak.aws.faults import category_of
from daybreak.errors import Paused
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import CreateInstance, Validate
from daybreak.model.replies import Category, Trouble
from daybreak.model.run import Event, FindingMade, RunState, StepDone, StepIntended, StepSent
from daybreak.model.statuses import SERVING
from daybreak.plan.amending import Wishes, amendments_for
from tests.chaos.reply_faults import Fault
from tests.chaos.simulated_parts import Resource
from tests.chaos.simulation import CASES, Crash, Killed, Mode, Simulation, scratch

RDS = botocore.session.get_session().get_service_model("rds")
QUOTAS = frozenset(
    shape.metadata["error"]["code"]
    for shape in map(RDS.shape_for, RDS.shape_names)
    if "Quota" in shape.name and shape.metadata.get("error")
)
"""The codes of every limit that AWS's own model knows."""

NIGHT = timedelta(hours=10)
WRITER, READER = "06-create-writer", "11-create-reader-2"


@contextmanager
def simulated() -> Iterator[Simulation]:
    """A run that has not begun."""
    with scratch() as folder:
        yield CASES["copied-group"]().simulation(FolderStore(folder))


def amend(simulation: Simulation, wishes: Wishes) -> None:
    """What ``resume`` records before it goes on."""
    with simulation.attached() as journal:
        for event in amendments_for(simulation.plan, journal.state(), wishes, "ann@laptop"):
            journal.append(event)


def paused(simulation: Simulation) -> Paused:
    """Why the run pauses."""
    with pytest.raises(Paused) as caught:
        simulation.live()
    return caught.value


def state(simulation: Simulation) -> RunState:
    """What the journal says of the run."""
    return simulation.store.chain(simulation.plan.run).state()


def inside(simulation: Simulation) -> list[Resource]:
    """The clone's instances, the writer first."""
    found = sorted(simulation.aws.instances.items())
    return [each for _, each in found if each.body["DBClusterIdentifier"] == simulation.plan.clone]


def classes(simulation: Simulation) -> list[str]:
    """The classes of the clone's instances, the writer's first."""
    return [each.body["DBInstanceClass"] for each in inside(simulation)]


def test_a_writer_for_which_there_is_no_machine_pauses_with_a_way_out_that_works() -> None:
    """Forty minutes of storage are not thrown away for a machine that another class or zone has."""
    with simulated() as simulation:
        simulation.aws.faults["CreateDBInstance", 1] = Fault.CAPACITY
        why = paused(simulation)
        assert "InsufficientDBInstanceCapacity" in why.message
        ways = [hint for hint in why.hints if f"daybreak resume {simulation.plan.run} --" in hint]
        assert [word for hint in ways for word in hint.split() if word.startswith("--")] == [
            "--instance-class",
            "--zone",
        ]
        amend(simulation, Wishes(values=(("instance_class", "db.r7g.large"), ("zone", f"{WRITER}=us-east-1b"))))
        ended = simulation.live()
        assert (ended.status, classes(simulation)) == ("finished", ["db.r7g.large"] * 2)
        made = [call.params for call in simulation.aws.sent if call.operation == "CreateDBInstance"][-2:]
        zones = [(each["DBInstanceIdentifier"][-2:], each.get("AvailabilityZone")) for each in made]
        assert zones == [("-1", "us-east-1b"), ("-2", None)]


@pytest.mark.parametrize("fault", [Fault.INVALID, Fault.CAPACITY, Fault.DENIED])
def test_a_reader_that_is_refused_does_not_keep_the_data_from_being_validated(fault: Fault) -> None:
    """The people who wait for the data learn whether it is right while somebody looks for a machine."""
    with simulated() as simulation:
        simulation.aws.faults["CreateDBInstance", 2] = fault
        why = paused(simulation)
        assert "validated without it" in why.message
        assert any(f"--without {READER}" in hint for hint in why.hints)
        found = state(simulation)
        assert (found.status, found.step(READER).status) == ("paused", "held")
        assert {each.check for each in found.findings} == {"quarantine", "moment"}, "statuses wait for the reader"
        before = found.step("10-validate-data").attempts
        simulation.aws.clock.elapsed += NIGHT.total_seconds()
        ended = simulation.live()
        assert ended.measured.rto is not None
        assert ended.measured.rto < NIGHT, "people had their data before the night that nobody worked in"
        assert (ended.status, len(inside(simulation))) == ("finished", 2)
        assert ended.step("10-validate-data").attempts == before == 1, "the rows are not read twice"
        assert {each.check: each.standing.value for each in ended.findings}["instances"] == "fit"
        [anchor] = [
            event.number
            for event in simulation.told
            if isinstance(event.body, StepSent) and event.body.step == "16-anchor-journal"
        ]
        findings = [event.number for event in simulation.told if isinstance(event.body, FindingMade)]
        assert anchor > max(findings), "what the run found at last is anchored too"


def test_a_run_does_without_a_reader_where_a_person_says_so() -> None:
    """The verdict permits what was typed, for that instance and no other."""
    with simulated() as simulation:
        simulation.aws.faults["CreateDBInstance", 2] = Fault.INVALID
        paused(simulation)
        amend(simulation, Wishes(without=("create-reader-2",)))
        ended = simulation.live()
        assert (ended.status, len(inside(simulation))) == ("finished", 1)
        assert {name: ended.step(name).status for name in (READER, "12-await-reader-2")} == {
            READER: "forgone",
            "12-await-reader-2": "forgone",
        }
        [made] = ended.amendments
        assert (made.step, made.field, made.new, made.by) == (READER, "taken", "no", "ann@laptop")


def test_options_that_aws_refuses_hold_up_nothing_else() -> None:
    """A maintenance window is no reason to have no database."""
    with simulated() as simulation:
        simulation.aws.faults["ModifyDBCluster", 1] = Fault.INVALID
        why = paused(simulation)
        assert "13-set-cluster-options" in why.message
        assert len(inside(simulation)) == 2
        assert simulation.live().status == "finished"


def test_an_instance_that_never_comes_up_is_made_again_once_it_is_removed() -> None:
    """``insufficient-capacity`` comes after the call was taken: the person removes it, and amends."""
    with simulated() as simulation:
        simulation.aws.breaks = "insufficient-capacity"
        why = paused(simulation)
        [remove] = [hint for hint in why.hints if "delete-db-instance" in hint]
        assert remove.endswith(f"--db-instance-identifier {simulation.plan.run}-1")
        del simulation.aws.instances[f"{simulation.plan.run}-1"]
        amend(simulation, Wishes(values=(("instance_class", "db.r7g.large"),)))
        ended = simulation.live()
        assert (ended.status, classes(simulation)) == ("finished", ["db.r7g.large"] * 2)


def test_a_managed_password_is_asked_for_and_only_then_sent() -> None:
    """No password of ours is in any call, plan or journal; nobody gets one that they did not ask for."""
    with simulated() as simulation:
        assert simulation.live().status == "finished"
        assert not any("ManageMasterUserPassword" in call.params for call in simulation.aws.sent)
    with simulated() as simulation:
        simulation.kept_out = simulation.kept_out.resolution * 10**12
        simulation.obstacle = "refusal"
        paused(simulation)
        amend(simulation, Wishes(is_password_managed=True))
        simulation.kept_out = simulation.kept_out.resolution * 0
        ended = simulation.live()
        [asked] = [call for call in simulation.aws.sent if "ManageMasterUserPassword" in call.params]
        assert (ended.status, asked.operation) == ("finished", "ModifyDBCluster")
        made = [(each.step, each.field, each.new) for each in ended.amendments]
        assert made == [
            ("08-manage-password", "taken", "yes"),
            ("09-await-sql", "login", "managed:clone"),
        ]


def test_the_stamp_names_the_plan_that_was_approved() -> None:
    """What was amended is in the journal; what is tagged leads to the plan that somebody read."""
    with simulated() as simulation:
        simulation.aws.faults["CreateDBInstance", 1] = Fault.CAPACITY
        paused(simulation)
        amend(simulation, Wishes(values=(("instance_class", "db.r7g.large"),)))
        simulation.live()
        tags = [each.tags["daybreak:plan"] for each in inside(simulation)]
        assert set(tags) == {simulation.plan.digest()}
        validation = next(step.action for step in simulation.plan.steps if isinstance(step.action, Validate))
        assert "instance_class" not in str(validation.permitted), "the frozen plan stays as it was"
        assert any(isinstance(step.action, CreateInstance) for step in simulation.plan.steps)


@pytest.mark.sample("torn")
@pytest.mark.parametrize("mode", ["before", "torn", "after"])
def test_a_crash_at_any_append_of_an_amended_life_changes_nothing(mode: Mode) -> None:
    """An amendment is durable or was never made; what follows on it is found again by looking."""
    with simulated() as simulation:
        refuse_a_reader_and_amend(simulation)
        before = len(simulation.told)
        whole = simulation.live()
        appends = len(simulation.told) - before
    assert appends > 5
    for number in range(2, appends + 1):
        with simulated() as simulation:
            refuse_a_reader_and_amend(simulation)
            with pytest.raises(Killed):
                simulation.live(Crash(number, mode))
            ended = simulation.live()
            assert (ended.status, ended.findings, ended.amendments[0].new) == (
                "finished",
                whole.findings,
                "db.r7g.large",
            )
            assert classes(simulation) == ["db.r6g.large", "db.r7g.large"]


def refuse_a_reader_and_amend(simulation: Simulation) -> None:
    """Let a run come as far as its validation without a reader, and amend the reader's class."""
    simulation.aws.faults["CreateDBInstance", 2] = Fault.INVALID
    paused(simulation)
    amend(simulation, Wishes(values=(("instance_class", "db.r7g.large"),)))


def test_not_now_for_ever_is_a_no() -> None:
    """AWS says it of a cluster without a range for Serverless v2 too, with the same code, and repeats it for ever."""
    with simulated() as simulation:
        for number in range(1, 60):
            simulation.aws.faults["CreateDBInstance", number] = Fault.SETTLING
        began = simulation.aws.clock.elapsed
        why = paused(simulation)
        assert f"{simulation.plan.clone} is available, so waiting does not help" in why.message
        took = simulation.aws.clock.elapsed - began
        restored = simulation.aws.clusters[simulation.plan.clone].ready_at
        assert took - restored < 600, "three quarters of an hour are not waited for a no"
        assert len([call for call in simulation.aws.sent if call.operation == "CreateDBInstance"]) > 3


@pytest.mark.parametrize("status", sorted(SERVING))
def test_an_instance_that_answers_is_ready_whatever_aws_does_in_passing(status: str) -> None:
    """A backup window that begins just then must not cost the night."""
    with simulated() as simulation:
        simulation.aws.breaks = status
        ended = simulation.live()
        assert ended.status == "finished"
        assert ended.step("07-await-writer").status == "done"


def test_a_passing_status_is_looked_at_again_before_it_is_judged() -> None:
    """What passes by itself in a minute is no finding."""
    with simulated() as simulation:
        simulation.aws.breaks = "backing-up"
        seen: list[str] = []

        def on_told(event: Event) -> None:
            if isinstance(event.body, StepIntended) and event.body.step == "10-validate-data":
                seen.append(inside(simulation)[0].failed or "")
                simulation.aws.clock.woken = heal

        def heal() -> None:
            for each in inside(simulation):
                each.failed = None

        simulation.on_told = on_told
        ended = simulation.live()
        assert (ended.status, seen) == ("finished", ["backing-up"])
        assert all(each.failed is None for each in inside(simulation)), "it was waited for"


@pytest.mark.parametrize("code", sorted(QUOTAS))
def test_every_limit_of_an_account_pauses_with_what_is_asked_for(code: str) -> None:
    """A limit is raised in an hour by a person; the storage took longer."""
    assert category_of(code, 400) is Category.QUOTA
    move = move_after(Trouble(category=Category.QUOTA, code=code), attempt=1, tries=0, jitter=0.5)
    assert isinstance(move, Pause)
    assert any("higher quota" in hint for hint in move.hints)


def test_a_limit_names_how_much_the_run_still_asks_for() -> None:
    """Who asks AWS for more must know how much."""
    with simulated() as simulation:
        simulation.aws.faults["CreateDBInstance", 1] = Fault.QUOTA
        assert "the run asks for 2 more" in paused(simulation).hints


def test_a_reader_that_is_late_does_not_keep_the_data_from_being_validated() -> None:
    """Nobody refused it, and nobody knows when it comes: whoever waits for the data need not wait for it."""
    with simulated() as simulation:
        validated: list[float] = []

        def on_told(event: Event) -> None:
            if isinstance(event.body, StepIntended) and event.body.step == READER:
                simulation.aws.breaks = "creating"
            if isinstance(event.body, StepDone) and event.body.step == "10-validate-data":
                validated.append(simulation.aws.clock.elapsed)
                for each in inside(simulation):
                    each.failed = None

        simulation.on_told = on_told
        ended = simulation.live()
        assert ended.status == "finished"
        assert {each.check: each.standing.value for each in ended.findings}["instances"] == "fit"
        assert len(validated) == 1, "no row is asked twice"
        assert validated[0] < inside(simulation)[1].ready_at, "the data does not wait for a reader at all"
