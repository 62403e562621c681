"""Reads that show nothing of what is there: no delete is passed over, no run ends, and nothing else is touched."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from daybreak.errors import Paused
from daybreak.execute.hands.looking import LOOKS_BEFORE_BELIEVING
from daybreak.journal.folder import FolderStore
from daybreak.model.run import StepDone, StepFailed, StepSeen, state_of
from tests.chaos.lies import Liar, Lie
from tests.chaos.simulated_parts import Resource
from tests.chaos.simulation import CASES, Simulation, case_of, check_effects, scratch, standing_of_world

CLEANS = ["clean-protected", "clean-unprotected"]
DELETES = ("DeleteDBInstance", "DeleteDBClusterEndpoint", "DeleteDBCluster", "DeleteDBClusterParameterGroup")


@dataclass(frozen=True)
class End:
    """How a run ended, what it changed, and what is left."""

    status: str
    effects: dict[tuple[str, str], int]
    world: dict[str, Any]


def lived(kind: str, liar: Liar) -> End:
    """The run of that kind with a liar between us and AWS."""
    with scratch() as folder:
        simulation = case_of(kind).simulation(FolderStore(folder))
        simulation.aws.told = liar
        state = simulation.live()
        simulation.aws.told = lambda _call, answer: answer
        check_effects(simulation)
        return End(state.status, dict(simulation.aws.effects), standing_of_world(simulation.aws, simulation.plan))


@cache
def undisturbed(kind: str) -> tuple[End, int]:
    """The run that nobody lies to, and how many reads it takes."""
    nobody = Liar(0, 0, Lie.EMPTY)
    return lived(kind, nobody), nobody.asked


def swept(kind: str, lie: Lie, count: int, stride: int) -> None:
    """Every ``stride``-th read of a run is the first of ``count`` lies; each time it ends as if there had been none."""
    end, reads = undisturbed(kind)
    for first in range(0, reads, stride):
        assert lived(kind, Liar(first, count, lie)) == end, f"{count} x {lie} from read {first}"


@pytest.mark.sample(
    "clean-protected-not found-5",
    "clean-unprotected-the thing, without its tags-1",
    "clean-unprotected-an empty list-5",
)
@pytest.mark.parametrize("count", [1, LOOKS_BEFORE_BELIEVING - 1])
@pytest.mark.parametrize("lie", Lie)
@pytest.mark.parametrize("kind", CLEANS)
def test_a_clean_up_deletes_whatever_its_looks_say(kind: str, lie: Lie, count: int) -> None:
    """One empty answer used to be a delete that was never sent, called done, and waited for through eight hours."""
    swept(kind, lie, count, stride=1 if count == 1 else 5)


@pytest.mark.parametrize("count", [20, 60])
def test_a_clean_up_deletes_what_no_look_ever_shows(count: int) -> None:
    """However long nothing is shown: only the answer to the delete itself proves that there is nothing."""
    swept("clean-unprotected", Lie.NOT_FOUND, count, stride=7)


@pytest.mark.sample("snapshot-not found")
@pytest.mark.parametrize("lie", Lie)
@pytest.mark.parametrize("kind", ["copied-group", "snapshot"])
def test_a_restore_does_not_end_by_one_look_at_nothing(kind: str, lie: Lie) -> None:
    """Forty minutes of restore are not thrown away because a cluster, an instance or a tag was left out of one answer."""
    swept(kind, lie, 1, stride=3)


@pytest.mark.sweep
@pytest.mark.parametrize("count", range(1, LOOKS_BEFORE_BELIEVING))
@pytest.mark.parametrize("lie", Lie)
@pytest.mark.parametrize("kind", CASES)
def test_no_run_believes_a_few_looks_at_nothing(kind: str, lie: Lie, count: int) -> None:
    """Every read of every kind of run is the first lie."""
    swept(kind, lie, count, stride=1)


@pytest.mark.parametrize("kind", CLEANS)
def test_what_is_gone_already_is_proven_gone_by_the_delete_itself(kind: str) -> None:
    """Somebody was faster: the delete is sent all the same, and its answer ends the step."""
    with scratch() as folder:
        simulation = case_of(kind).simulation(FolderStore(folder))
        aws, clone = simulation.aws, simulation.plan.clone
        aws.groups.pop(f"{clone}-quarantine")
        for shelf in (aws.instances, aws.endpoints):
            for name in [name for name in shelf if name.startswith(clone)]:
                del shelf[name]
        state = simulation.live()
        assert state.status == "finished"
        assert {operation for operation, _ in aws.effects} <= {"ModifyDBCluster", "DeleteDBCluster"}
        # A cluster whose protection is just being lifted puts its deletion off, so that is asked more than once.
        sent = [operation for operation, _ in dict.fromkeys((call.operation, repr(call.params)) for call in aws.sent)]
        planned = [step.action.kind for step in simulation.plan.steps]
        assert sorted({*DELETES}.intersection(sent)) == sorted(DELETES)
        assert len(sent) == len(planned) - 1, "each step but the wait was sent once"


def test_a_delete_that_aws_took_before_a_crash_is_not_sent_again() -> None:
    """The name may be a colleague's by now; what AWS said when it took the delete stands in the journal."""
    with scratch() as folder:
        simulation = case_of("clean-unprotected").simulation(FolderStore(folder))
        step = next(step for step in simulation.plan.steps if step.id.endswith("delete-parameter-group"))

        class Dead(BaseException):
            pass

        def die(event: Any) -> None:
            if event.body.type == "step.sent" and event.body.step == step.id:
                raise Dead

        simulation.on_told = die
        with pytest.raises(Dead):
            simulation.live()
        assert simulation.store.events(simulation.plan.run)[-1].body.type == "step.sent"
        sent = len(simulation.aws.sent)
        simulation.on_told = lambda _event: None
        assert simulation.live().status == "finished"
        assert len(simulation.aws.sent) == sent


# -- waits whose wish cannot come true


def stuck(simulation: Simulation, status: str) -> Resource:
    """The clone stays in that status, whatever is asked of it."""
    clone = simulation.aws.clusters[simulation.plan.clone]
    clone.failed = status
    return clone


def told(simulation: Simulation, kind: type[Any]) -> list[Any]:
    """What the run said in events of that kind."""
    return [event.body for event in simulation.told if isinstance(event.body, kind)]


def test_a_clone_that_nobody_deletes_is_not_waited_for() -> None:
    """An older release called the delete done without having sent it: the wait says so in minutes, and what to do."""
    with scratch() as folder:
        simulation = case_of("clean-unprotected").simulation(FolderStore(folder))
        with simulation.attached() as journal:
            for step in simulation.plan.steps:
                if step.id.endswith("await-gone"):
                    break
                journal.append(StepDone(step=step.id, was_adopted=True))
        state = simulation.live()
        assert state.status == "failed"
        assert simulation.aws.clock.elapsed < case_of("clean-unprotected").world.clock.elapsed + 15 * 60
        (failed,) = told(simulation, StepFailed)
        assert "nothing is deleting it" in failed.why
        assert failed.hints == (f"plan its removal anew: daybreak clean {simulation.plan.run.partition('-clean-')[0]}",)


def test_a_deletion_that_takes_too_long_says_so_and_pauses() -> None:
    """Stuck in ``deleting``: the person hears of it when it is longer than expected, not after twice the time of a restore."""
    with scratch() as folder:
        simulation = case_of("clean-unprotected").simulation(FolderStore(folder))

        def freeze(event: Any) -> None:
            if event.body.type == "step.done" and event.body.step.endswith("delete-cluster"):
                stuck(simulation, "deleting")
                simulation.aws.clusters[simulation.plan.clone].gone_at = 1e9

        simulation.on_told = freeze
        began = simulation.aws.clock.elapsed
        with pytest.raises(Paused, match="has waited") as caught:
            simulation.live()
        assert simulation.aws.clock.elapsed - began < 3600
        assert any(hint == f"go on waiting: daybreak resume {simulation.plan.run}" for hint in caught.value.hints)
        seen = [body.seen for body in told(simulation, StepSeen)]
        assert "deleting, longer than the 15 minutes expected" in seen


def test_a_window_that_never_comes_does_not_cost_the_rto() -> None:
    """The writer is tried after ten minutes of *available*, by the clock of the process that saw them."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))
        simulation.aws.window_lags = float("inf")
        ended = simulation.live()
        assert ended.status == "finished"
        stored, clone = ended.step("04-await-cluster"), simulation.aws.clusters[simulation.plan.clone]
        assert stored.ended is not None
        waited = (stored.ended - simulation.aws.clock.start).total_seconds() - clone.ready_at
        assert 600 <= waited < 600 + 3 * simulation.poll
        assert (
            "not waited for any longer"
            in [each for each in told(simulation, StepSeen) if each.step == "04-await-cluster"][-1].seen
        )


@pytest.mark.parametrize("status", ["stopping", "stopped"])
def test_a_clone_that_somebody_stopped_pauses_the_run(status: str) -> None:
    """Nothing goes on in a stopped cluster; the run waits for a person, not through eight hours."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))

        def stop(event: Any) -> None:
            if event.body.type == "step.seen" and "await-cluster" in event.body.step:
                stuck(simulation, status)

        simulation.on_told = stop
        began = simulation.aws.clock.elapsed
        with pytest.raises(Paused, match=f"the cluster is {status}") as caught:
            simulation.live()
        assert simulation.aws.clock.elapsed - began < 3600
        assert "aws rds start-db-cluster" in caught.value.hints[0]
        simulation.on_told = lambda _event: None
        simulation.aws.clusters[simulation.plan.clone].failed = None
        assert simulation.live().status == "finished"
        assert state_of(simulation.store.events(simulation.plan.run)).status == "finished"
