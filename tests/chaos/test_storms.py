"""Hours of bad weather in virtual time: throttling, expired credentials, impatience, stops, take-overs, and all at random."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daybreak.assess.obstacles import Obstacle
from daybreak.errors import ExitCode, Interrupted, Paused
from daybreak.execute.doors import Patience
from daybreak.journal.folder import FolderStore
from daybreak.journal.store import TakenOver
from daybreak.model.actions import AnchorJournal
from daybreak.model.run import Event, RunState, StepIntended, StepRetried, StepSeen, state_of
from daybreak.plan.operations import OPERATIONS
from tests import fix_worlds
from tests.chaos.reply_faults import Fault
from tests.chaos.simulation import (
    CASES,
    Crash,
    Simulation,
    case_of,
    check_effects,
    scratch,
    standing_of_world,
    survived,
)
from tests.fix_operations import CHANGES

MINUTE, HOUR = 60.0, 3600.0


@cache
def undisturbed(kind: str) -> tuple[dict[str, object], int]:
    """What a run leaves that nothing disturbs, and how many events it took."""
    with scratch() as folder:
        simulation = case_of(kind).simulation(FolderStore(folder))
        events = simulation.live().events
        return standing_of_world(simulation.aws, simulation.plan), events


def check_finished(simulation: Simulation, state: object, kind: str) -> None:
    """The run ended as if nothing had happened."""
    assert isinstance(state, RunState), state
    assert state.status == "finished"
    check_effects(simulation)
    assert standing_of_world(simulation.aws, simulation.plan) == undisturbed(kind)[0]


def storm(simulation: Simulation, share: Callable[[float], float]) -> None:
    """Throttle that share of all calls, by virtual time since the start."""
    dice, clock = random.Random(7), simulation.aws.clock
    simulation.aws.clock.dice = dice.random
    simulation.aws.weather = lambda _is_change: Fault.THROTTLED if dice.random() < share(clock.elapsed) else None


@pytest.mark.parametrize("begins", [0.0, 2.0, 20 * MINUTE, 3.4 * HOUR])
def test_a_throttling_storm_is_waited_out_with_few_calls(begins: float) -> None:
    """Ten minutes in which nothing gets through, then thirty with every other call: hammering on would prolong it for all."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder), poll=15.0)
        simulation.aws.restoring = 3.5 * HOUR
        ends = (begins + 10 * MINUTE, begins + 40 * MINUTE)
        storm(simulation, lambda now: 1.0 if begins <= now < ends[0] else 0.5 if begins <= now < ends[1] else 0.0)
        state = simulation.live()
        assert sum(simulation.aws.reads.values()) <= 600
        assert simulation.aws.clock.elapsed < 4.5 * HOUR
        check_finished(simulation, state, "copied-group")
        times = simulation.aws.read_at
        assert max(sum(1 for each in times if begin <= each < begin + 10) for begin in times) <= 20


def test_four_hours_of_waiting_cost_few_calls() -> None:
    """Waiting is most of a restore; what it costs the account is counted without any storm, too."""
    with scratch() as folder:
        simulation = case_of("several-readers").simulation(FolderStore(folder), poll=15.0)
        simulation.aws.restoring = 3.7 * HOUR
        simulation.live()
        assert sum(simulation.aws.reads.values()) <= 600


@pytest.mark.sample("copied-group")
@pytest.mark.parametrize("kind", ["copied-group", "clean-protected"])
def test_expired_credentials_pause_the_run_wherever_they_expire(kind: str) -> None:
    """A session of fifteen minutes always ends before a restore does; the run waits for the person to log in."""
    with scratch() as folder:
        calm = case_of(kind).simulation(FolderStore(folder))
        calm.live()
        calls = sum(calm.aws.reads.values()) + len(calm.aws.sent)
    for last in range(0, calls, 3):
        with scratch() as folder:
            simulation = case_of(kind).simulation(FolderStore(folder))
            left = [last]

            def weather(_is_change: bool, left: list[int] = left) -> Fault | None:  # noqa: FBT001
                left[0] -= 1
                return Fault.EXPIRED if left[0] < 0 else None

            simulation.aws.weather = weather
            with pytest.raises(Paused) as caught:
                simulation.live()
            assert caught.value.exit_code == ExitCode.UNREACHABLE
            state = state_of(simulation.store.events(simulation.plan.run))
            assert (state.status, state.exit_code) == ("paused", 75)
            left[0] = 10**9
            check_finished(simulation, simulation.live(), kind)


def test_an_account_that_throttles_for_ever_pauses_the_run_and_resume_tries_anew() -> None:
    """Forty-five minutes without one answer is a matter for a person; and each resume has its own forty-five minutes."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))
        storm(simulation, lambda _: 1.0)
        for life in range(1, 10):
            with pytest.raises(Paused, match=r"for 4[5-9] minutes"):
                simulation.live()
            assert simulation.aws.clock.elapsed < life * 47 * MINUTE
        simulation.aws.weather = lambda _is_change: None
        check_finished(simulation, simulation.live(), "copied-group")


@pytest.mark.sweep
def test_a_change_throttled_over_many_resumes_is_never_called_uncertain() -> None:
    """Throttling says that nothing was done; however often it was said, that stays known."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))
        simulation.aws.weather = lambda is_change: Fault.THROTTLED if is_change else None
        for _ in range(8):
            with pytest.raises(Paused):
                simulation.live()
        simulation.aws.weather = lambda _is_change: None
        check_finished(simulation, simulation.live(), "copied-group")


def test_a_wait_that_takes_too_long_pauses_and_resume_goes_on_waiting() -> None:
    """The hint says that resuming goes on waiting, so it must not pause again at its first look, nor after a night's pause."""
    with scratch() as folder:
        patience = Patience(with_waits=timedelta(hours=1))
        simulation = case_of("copied-group").simulation(FolderStore(folder), patience=patience)
        simulation.aws.restoring = 2.5 * HOUR
        for life in (1, 2):
            with pytest.raises(Paused, match="has waited 1 hour"):
                simulation.live()
            assert simulation.aws.clock.elapsed > life * HOUR
        check_finished(simulation, simulation.live(), "copied-group")


@pytest.mark.parametrize(
    ("obstacle", "least", "most"),
    [
        ("refusal", timedelta(0), timedelta(minutes=1)),
        ("stranger", timedelta(minutes=2), timedelta(minutes=3)),
        ("full", timedelta(minutes=2), timedelta(minutes=3)),
        ("network", timedelta(minutes=10), timedelta(minutes=11)),
    ],
)
def test_what_hours_do_not_change_pauses_the_run_in_minutes(
    obstacle: Obstacle, least: timedelta, most: timedelta
) -> None:
    """An answer that is there already is not waited for; what was restored is kept, and resume goes on."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(
            FolderStore(folder), kept_out=timedelta(hours=3), obstacle=obstacle, poll=15.0
        )
        with pytest.raises(Paused, match="no way in") as caught:
            simulation.live()
        assert caught.value.hints == ("look there", f"go on: daybreak resume {simulation.plan.run}")
        seen = next(
            event for event in simulation.told if isinstance(event.body, StepSeen) and "no way" in event.body.seen
        )
        assert least <= simulation.told[-1].at - seen.at <= most
        simulation.kept_out = timedelta()
        check_finished(simulation, simulation.live(), "copied-group")


def test_what_has_no_name_is_waited_for() -> None:
    """A server that starts says so, and goes on starting for as long as it takes."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(
            FolderStore(folder), kept_out=timedelta(minutes=40), obstacle=None
        )
        assert simulation.live().status == "finished"


def test_a_name_that_is_being_moved_does_not_pause_the_run() -> None:
    """For a minute a name may still lead to where it led before."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder), kept_out=timedelta(seconds=70), poll=15.0)
        assert simulation.live().status == "finished"


def test_a_cluster_stuck_in_a_terminal_status_fails_the_run_with_a_hint() -> None:
    """botocore's waiter would poll on for half an hour."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))
        clone = simulation.plan.clone
        simulation.aws.clock.woken = lambda: (
            setattr(simulation.aws.clusters[clone], "failed", "inaccessible-encryption-credentials")
            if clone in simulation.aws.clusters
            else None
        )
        state = simulation.live()
        assert state.status == "failed"
        assert "inaccessible-encryption-credentials" in state.note
        assert simulation.aws.effects["CreateDBInstance", f"{clone}-1"] == 0


@pytest.mark.parametrize("is_stormy", [False, True])
@pytest.mark.parametrize("after", [0.5, 10 * MINUTE, 28 * MINUTE])
def test_an_abort_is_heard_while_waiting_and_in_a_storm(after: float, *, is_stormy: bool) -> None:
    """Who aborts wants nothing more to be created, now, and not after forty-five minutes of patience."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))
        clock = simulation.aws.clock
        if is_stormy:
            storm(simulation, lambda now: 1.0 if now >= after else 0.0)
        asked_at: list[tuple[float, int]] = []

        def woken() -> None:
            if clock.elapsed >= after and not asked_at:
                asked_at.append((clock.elapsed, len(simulation.aws.sent)))
                simulation.store.ask(simulation.plan.run, "abort", "boss@desk", "wrong cluster")

        clock.woken = woken
        state = simulation.live()
        assert (state.status, state.note) == ("aborted", "aborted by boss@desk: wrong cluster")
        moment, sent = asked_at[0]
        assert clock.elapsed - moment <= 2 * MINUTE
        assert len(simulation.aws.sent) == sent


@pytest.mark.parametrize("events", range(2, 45, 3))
def test_a_stop_is_heard_at_once_and_resume_goes_on(events: int) -> None:
    """Ctrl-C means now: no further change leaves, the run says so, and nothing is lost."""
    with scratch() as folder:
        stopping: list[int] = []
        simulation = case_of("copied-group").simulation(FolderStore(folder))

        def on_told(_event: Event) -> None:
            if len(simulation.told) == events:
                stopping.append(len(simulation.aws.sent))

        simulation.on_told = on_told
        simulation.is_stopping = lambda: bool(stopping)
        try:
            simulation.live()
        except Interrupted:
            state = state_of(simulation.store.events(simulation.plan.run))
            assert (state.status, state.exit_code) == ("paused", 130)
            # At most the one call whose intent was on record when the stop was heard.
            assert len(simulation.aws.sent) - stopping[0] <= int(
                isinstance(simulation.told[events - 1].body, StepIntended)
            )
        simulation.is_stopping = lambda: False
        check_finished(simulation, simulation.live(), "copied-group")


@pytest.mark.parametrize("is_abort", [False, True])
def test_a_stop_while_something_is_listed_late_is_a_stop_and_no_failure(*, is_abort: bool) -> None:
    """Ctrl-C cuts the pauses between looks short; what was not seen in no time is not therefore gone."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))
        simulation.aws.listing_lags = 1000.0
        stopping: list[bool] = []

        def woken() -> None:
            if is_abort and not stopping:
                simulation.store.ask(simulation.plan.run, "abort", "boss@desk", "")
            stopping.append(not is_abort)

        simulation.aws.clock.woken = woken
        simulation.is_stopping = lambda: any(stopping)
        if is_abort:
            assert simulation.live().status == "aborted"
        else:
            with pytest.raises(Interrupted):
                simulation.live()
        assert len(stopping) == 1


@pytest.mark.sweep
@pytest.mark.parametrize("kind", ["copied-group", "clean-protected"])
def test_a_process_that_was_taken_over_does_nothing_more(kind: str) -> None:
    """A laptop that wakes up in the morning must not go on with a run that a colleague finished at night."""
    for number in range(1, undisturbed(kind)[1] - 2):
        with scratch() as folder:
            first = case_of(kind).simulation(FolderStore(folder))
            second = Simulation(aws=first.aws, plan=first.plan, store=FolderStore(folder), take_over=True)
            sent: list[int] = []

            def on_told(
                _event: Event, first: Simulation = first, second: Simulation = second, sent: list[int] = sent,
                number: int = number,
            ) -> None:  # fmt: skip
                if len(first.told) == number:
                    second.attached().close()
                    sent.append(len(first.aws.sent))

            first.on_told = on_told
            with pytest.raises(TakenOver):
                first.live()
            may_leave = int(isinstance(first.told[-1].body, StepIntended) and first.told[-1].body.call is not None)
            assert len(first.aws.sent) - sent[0] <= may_leave
            second.told = list(first.told)
            check_finished(second, second.live(), kind)


def test_a_cluster_that_somebody_put_in_the_clones_place_gets_no_instance() -> None:
    """While we wait, the clone is deleted and its name used by others: their cluster is theirs, available or not."""
    with scratch() as folder:
        simulation = case_of("deleted-source").simulation(FolderStore(folder))
        clone = simulation.plan.clone

        def woken() -> None:
            if clone in simulation.aws.clusters:
                simulation.aws.clusters[clone].tags = fix_worlds.another_runs(simulation.aws.clusters[clone].tags)

        simulation.aws.clock.woken = woken
        state = simulation.live()
        assert state.status == "failed"
        assert "does not carry the tag daybreak:nonce=" in state.note
        assert not simulation.aws.instances


def test_a_clone_that_vanishes_is_noticed_within_minutes() -> None:
    """Somebody deletes the clone while SQL is awaited; nobody must wait eight hours for that news."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))
        waiting = next(step.id for step in simulation.plan.steps if step.action.kind == "await-sql@1")

        def on_told(event: Event) -> None:
            if isinstance(event.body, StepIntended) and event.body.step == waiting:
                simulation.aws.clusters[simulation.plan.clone].gone_at = simulation.aws.clock.elapsed

        simulation.on_told = on_told
        state = simulation.live()
        assert state.status == "failed"
        assert simulation.aws.clock.elapsed < 1.5 * HOUR


FAULTS = [each for each in Fault if each not in (Fault.TAKEN_BY_OTHERS, Fault.DENIED, Fault.INVALID)]
LIMITS = {Fault.CAPACITY: "Capacity", Fault.QUOTA: "QuotaExceeded"}
"""What AWS calls it where one of its limits is in the way."""


def is_answered(operation: str, fault: Fault) -> bool:
    """Whether AWS has such an answer to the operation, by its own model: no tag is refused because there is no machine."""
    if (limit := LIMITS.get(fault)) is None:
        return True
    [service] = [service for service, name in OPERATIONS if name == operation]
    model = botocore.session.get_session().get_service_model(service)
    return any(limit in shape.name for shape in model.operation_model(operation).error_shapes)


CALLS = [(name, fault) for name in sorted(CHANGES) for fault in FAULTS if is_answered(name, fault)]
SCHEDULES = st.lists(st.tuples(st.sampled_from(CALLS), st.integers(1, 5)), max_size=8).map(
    lambda drawn: {(name, number): fault for (name, fault), number in drawn}
)
CRASHES = st.lists(
    st.builds(Crash, st.integers(0, 30), st.sampled_from(["before", "torn", "after"]))
    | st.builds(Crash, st.integers(1, 5), st.just("sent")),
    max_size=4,
)
WEATHER = st.lists(
    st.tuples(
        st.floats(0, 40 * MINUTE),
        st.floats(1, 20 * MINUTE),
        st.floats(0.1, 1),
        st.sampled_from([Fault.THROTTLED, Fault.EXPIRED, Fault.UNSENT, Fault.DROPPED]),
    ),
    max_size=3,
)


ANYTHING = given(
    kind=st.sampled_from(sorted(CASES)),
    faults=SCHEDULES,
    crashes=CRASHES,
    weather=WEATHER,
    lag=st.sampled_from([0.0, 0.0, 3.0, 14.0]),
    seed=st.integers(0, 2**32),
)


def test_a_limit_that_refuses_the_last_tag_costs_only_the_tag() -> None:
    """Nothing of AWS's says so of a tag; found by four hundred runs that drew it all the same, and all else is as undisturbed."""
    with scratch() as folder:
        simulation = case_of("capsule").simulation(FolderStore(folder))
        simulation.aws.faults = {("AddTagsToResource", 1): Fault.CAPACITY}
        state = survived(simulation)
        assert isinstance(state, RunState)
        [anchor] = [step.id for step in simulation.plan.steps if isinstance(step.action, AnchorJournal)]
        assert (state.status, state.step(anchor).status) == ("finished", "forgone")
        assert "InsufficientDBInstanceCapacity" in state.step(anchor).note
        found, whole = standing_of_world(simulation.aws, simulation.plan), undisturbed("capsule")[0]
        assert {key for key in whole if found[key] != whole[key]} == {"drawn"}


@settings(max_examples=20, derandomize=True)
@ANYTHING
def test_whatever_happens_the_run_ends_once_and_right(**drawn: Any) -> None:
    """Twenty runs through faults, crashes and storms that nobody thought of: each ends like the undisturbed one."""
    check_whatever_happens(**drawn)


@pytest.mark.sweep
@settings(max_examples=400, derandomize=True)
@ANYTHING
def test_whatever_happens_more_often(**drawn: Any) -> None:
    """The same, four hundred times."""
    check_whatever_happens(**drawn)


def check_whatever_happens(
    *,
    kind: str,
    faults: dict[tuple[str, int], Fault],
    crashes: list[Crash],
    weather: list[tuple[float, float, float, Fault]],
    lag: float,
    seed: int,
) -> None:
    """One run through faults, crashes and storms."""
    dice = random.Random(seed)
    with scratch() as folder:
        simulation = case_of(kind).simulation(FolderStore(folder))
        aws = simulation.aws
        aws.faults, aws.listing_lags, aws.clock.dice = dict(faults), lag, dice.random

        def falls(_is_change: bool) -> Fault | None:  # noqa: FBT001
            now = aws.clock.elapsed
            for begins, lasts, share, fault in weather:
                if begins <= now < begins + lasts and dice.random() < share:
                    return fault
            return None

        aws.weather = falls
        check_finished(simulation, survived(simulation, crashes), kind)
        retried = [event.body for event in simulation.told if isinstance(event.body, StepRetried)]
        assert all(1.0 <= body.pause <= 60.0 for body in retried)
