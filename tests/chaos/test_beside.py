"""The validation of the data goes on beside the walk: what is made meanwhile, and how everything that ends the walk ends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from daybreak.aws.faults import AwsFault
from daybreak.errors import DaybreakError, Interrupted, Paused, Uncertain
from daybreak.journal.folder import FolderStore
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Category, Trouble
from daybreak.model.run import Event, FindingMade, RunState, StepDone, StepHeldUp, StepIntended
from tests.chaos.reply_faults import Fault
from tests.chaos.simulation import CASES, Crash, Killed, Simulation, scratch

DATA, CLONE, READER, OPTIONS = "10-validate-data", "15-validate-clone", "11-create-reader-2", "13-set-cluster-options"
LONG = timedelta(hours=1)


@contextmanager
def simulated(takes: timedelta = LONG) -> Iterator[Simulation]:
    """A run that has not begun, whose data takes so long to be validated."""
    with scratch() as folder:
        yield CASES["copied-group"]().simulation(FolderStore(folder), validation_takes=takes)


def events(simulation: Simulation) -> tuple[Event, ...]:
    """The journal."""
    return simulation.store.chain(simulation.plan.run).events


def when(simulation: Simulation, kind: type, step: str) -> float:
    """The seconds from the run's start to a step's event of that kind."""
    found = events(simulation)
    [event, *_] = (each for each in found if isinstance(each.body, kind) and getattr(each.body, "step", "") == step)
    return (event.at - found[0].at).total_seconds()


def half_way(simulation: Simulation) -> bool:
    """Whether the validation has found the half of what it will find."""
    return any(isinstance(each.body, FindingMade) for each in simulation.told)


def test_all_the_rest_is_made_while_the_data_is_validated() -> None:
    """People get the whole clone after the longer of both, not after their sum; the findings come as they are made."""
    with simulated() as simulation:
        ended = simulation.live()
        assert ended.status == "finished"
        began, over = when(simulation, StepIntended, DATA), when(simulation, StepDone, DATA)
        assert over - began < LONG.total_seconds() + 120
        for step in (OPTIONS, "12-await-reader-2", "14-await-options"):
            assert began < when(simulation, StepDone, step) < over
        assert when(simulation, StepIntended, READER) < began, "its call leaves as soon as the writer is there"
        found = [each.at for each in events(simulation) if isinstance(each.body, FindingMade)]
        half = (found[0] - events(simulation)[0].at).total_seconds()
        assert half - began == pytest.approx(LONG.total_seconds() / 2, abs=1)


def test_the_whole_is_asked_after_the_last_of_it() -> None:
    """Statuses and parity are of the clone as people get it; the rows are read once."""
    with simulated(timedelta(minutes=1)) as simulation:
        ended = simulation.live()
        assert when(simulation, StepDone, DATA) < when(simulation, StepDone, "12-await-reader-2")
        assert when(simulation, StepIntended, CLONE) >= when(simulation, StepDone, "12-await-reader-2")
        assert ended.step(DATA).attempts == ended.step(CLONE).attempts == 1
        assert ended.measured.rto == ended.step(DATA).ended - ended.began, "people could work from then on"  # type: ignore[operator]


def test_a_clone_that_is_not_fit_gave_nobody_a_database_before_the_end() -> None:
    """An RTO that was kept by a judgement that did not hold would be a lie."""
    with simulated(timedelta(minutes=1)) as simulation:

        def on_told(event: Event) -> None:
            if isinstance(event.body, StepIntended) and event.body.step == CLONE:
                del simulation.aws.instances[f"{simulation.plan.run}-2"]

        simulation.on_told = on_told
        ended = simulation.live()
        assert ended.verdict is not None
        assert ended.verdict.standing == "unfit"
        assert ended.measured.rto == ended.step(CLONE).ended - ended.began  # type: ignore[operator]


def check_called_off(simulation: Simulation, last: str) -> RunState:
    """Nothing of the validation is left, and nothing of it was recorded after the run's end."""
    assert [each.was_called_off for each in simulation.undertakings] == [True]
    state = simulation.store.chain(simulation.plan.run).state()
    assert events(simulation)[-1].body.type == last
    assert len([each for each in events(simulation) if isinstance(each.body, FindingMade)]) == 1
    return state


def test_ctrl_c_ends_the_validation_and_a_resume_asks_anew() -> None:
    """Whoever stops a run wants its sessions to end, and loses no step for it."""
    with simulated() as simulation:
        simulation.is_stopping = lambda: half_way(simulation)
        with pytest.raises(Interrupted):
            simulation.live()
        state = check_called_off(simulation, "run.paused")
        assert state.step(DATA).status == "intended"
        simulation.is_stopping = lambda: False
        ended = simulation.live()
        assert (ended.status, ended.step(DATA).attempts) == ("finished", 2)


def test_an_abort_ends_the_validation() -> None:
    """Who aborts wants nothing more to be asked either."""
    with simulated() as simulation:

        def on_told(event: Event) -> None:
            if isinstance(event.body, FindingMade):
                simulation.store.ask(simulation.plan.run, "abort", "boss@desk", "wrong cluster")

        simulation.on_told = on_told
        assert simulation.live().status == "aborted"
        check_called_off(simulation, "run.aborted")


def test_a_writer_that_was_taken_over_ends_its_validation() -> None:
    """Two processes must not read one clone for one run: the fenced one asks nothing more."""
    with simulated() as simulation:
        taken: list[object] = []

        def on_told(event: Event) -> None:
            if isinstance(event.body, FindingMade) and not taken:
                taken.append(simulation.attached(take_over=True))

        simulation.on_told = on_told
        with pytest.raises(Paused):
            simulation.live()
        assert taken
        check_called_off(simulation, "run.attached")


def test_a_run_that_fails_ends_its_validation() -> None:
    """There is nothing left to judge."""
    with simulated(timedelta(minutes=18)) as simulation:

        def on_told(event: Event) -> None:
            if isinstance(event.body, StepDone) and event.body.step == OPTIONS:
                simulation.aws.clusters.clear()  # which is believed after ten looks, a minute apart

        simulation.on_told = on_told
        assert simulation.live().status == "failed"
        check_called_off(simulation, "run.finished")


@pytest.mark.parametrize("trouble", [Killed(), RuntimeError("a bug"), Paused("no door")], ids=repr)
def test_what_the_validation_raises_reaches_the_walk_as_itself(trouble: BaseException) -> None:
    """A bug that ends in a thread would leave a run that waits for ever."""
    with simulated() as simulation:

        def on_told(event: Event) -> None:
            if isinstance(event.body, StepIntended) and event.body.step == DATA:
                simulation.validation_raises = trouble

        simulation.on_told = on_told
        with pytest.raises(type(trouble)) as caught:
            simulation.live()
        assert caught.value is trouble


@pytest.mark.sample("torn")
@pytest.mark.parametrize("mode", ["before", "torn", "after"])
def test_a_crash_beside_a_validation_changes_nothing(mode: str) -> None:
    """Whatever was found by then is asked again, and nothing is made twice."""
    with simulated(timedelta(minutes=10)) as simulation:
        whole = simulation.live()
        first = next(number for number, each in enumerate(simulation.told) if getattr(each.body, "step", "") == DATA)
        appends = len(simulation.told)
    for number in range(first, appends):
        with simulated(timedelta(minutes=10)) as simulation:
            try:
                ended: RunState | DaybreakError = simulation.live(Crash(number, mode))  # type: ignore[arg-type]
            except Killed:
                ended = simulation.live()
            assert isinstance(ended, RunState)
            assert (ended.status, ended.findings) == ("finished", whole.findings)


THROTTLED = {("CreateDBInstance", number): Fault.THROTTLED for number in range(2, 12)}
LOST = {("CreateDBInstance", number): Fault.DROPPED for number in range(2, 40)}


def test_a_reader_that_aws_puts_off_holds_up_nobody() -> None:
    """The data is judged while the reader is asked for again and again."""
    with simulated(timedelta(minutes=1)) as simulation:
        simulation.aws.faults |= THROTTLED
        assert simulation.live().status == "finished"
        assert when(simulation, StepDone, DATA) < when(simulation, StepDone, READER)
        assert when(simulation, StepIntended, DATA) - when(simulation, StepDone, "07-await-writer") < 60


def test_a_reader_of_which_nobody_knows_holds_up_nobody_either() -> None:
    """Every request for it is lost: the data is judged and the rest is made, and then the run says that it does not know."""
    with simulated(timedelta(minutes=1)) as simulation:
        simulation.aws.faults |= LOST
        with pytest.raises(Uncertain) as caught:
            simulation.live()
        state = simulation.store.chain(simulation.plan.run).state()
        assert (state.step(DATA).status, state.step(READER).status, state.step(OPTIONS).status) == (
            "done",
            "held",
            "done",
        )
        assert state.exit_code == 4
        assert "the data was validated without it" in caught.value.message
        simulation.aws.faults.clear()
        assert simulation.live().status == "finished"


def test_a_judgement_is_of_the_time_at_which_it_stood() -> None:
    """AWS puts off a change beside it for minutes: what people had by then is not reported as if they had had to wait."""
    took = timedelta(minutes=1)
    with simulated(took) as simulation:
        simulation.aws.faults |= {("ModifyDBCluster", number): Fault.THROTTLED for number in range(1, 9)}
        assert simulation.live().status == "finished"
        judged = when(simulation, StepDone, DATA) - when(simulation, StepIntended, DATA)
        assert judged == pytest.approx(took.total_seconds(), abs=3)
        assert when(simulation, StepDone, OPTIONS) > when(simulation, StepDone, DATA)


def test_a_window_that_was_given_up_on_is_not_waited_for_again() -> None:
    """Ten minutes once, and not for every wait that looks at the cluster; nor by the process that resumes."""
    with simulated(timedelta(minutes=1)) as simulation:
        simulation.aws.window_lags = 10**9
        simulation.is_stopping = lambda: any(
            isinstance(each.body, StepDone) and each.body.step == OPTIONS for each in simulation.told
        )
        with pytest.raises(Interrupted):
            simulation.live()
        simulation.is_stopping = lambda: False
        assert simulation.live().status == "finished"
        assert when(simulation, StepDone, "04-await-cluster") > 600
        await_options = "14-await-options"
        assert when(simulation, StepDone, await_options) - when(simulation, StepIntended, await_options) < 300


def test_what_is_refused_is_held_against_its_own_step() -> None:
    """The shared look is put off for good, and meanwhile the data is judged: the wait is held up, and nobody blames the data."""
    with simulated(timedelta(minutes=40)) as simulation:

        def throttled(call: AwsCall, answer: dict[str, Any]) -> dict[str, Any]:
            is_shared = call.operation == "DescribeDBClusters" and "Filters" in call.params
            if is_shared and any(
                isinstance(each.body, StepDone) and each.body.step == READER for each in simulation.told
            ):
                raise AwsFault(Trouble(category=Category.THROTTLED, code="Throttling", message="Rate exceeded"))
            return answer

        simulation.aws.told = throttled
        with pytest.raises(Paused):
            simulation.live()
        held = [each.body for each in events(simulation) if isinstance(each.body, StepHeldUp)]
        waits = {"12-await-reader-2", "14-await-options"}
        assert {each.step for each in held} <= waits
        assert [each.step for each in held if each.why.startswith(f"step {each.step}:")]
        assert when(simulation, StepHeldUp, held[0].step) > when(simulation, StepDone, DATA)
