"""Folding a journal: what a run is, is what its events add up to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.errors import Bug
from daybreak.model.findings import Finding, Level, Measured, Standing, Verdict
from daybreak.model.plan import StepId
from daybreak.model.run import (
    GENESIS,
    Body,
    Event,
    FindingMade,
    RunAborted,
    RunAttached,
    RunCreated,
    RunFinished,
    RunPaused,
    RunState,
    StepDone,
    StepFailed,
    StepIntended,
    StepRetried,
    StepSeen,
    StepSent,
    StepUncertain,
    Tally,
    state_of,
)
from tests.fix_worlds import NOW

CREATED, ATTACHED = RunCreated(run="r", plan="p", why="because"), RunAttached(who="dba@laptop", where="laptop")
STEP = StepId("01-do")


def told(*bodies: Body) -> list[Event]:
    """A run's first two events and these, a minute apart."""
    return [
        Event(
            number=number,
            at=NOW + timedelta(minutes=number),
            writer=f"w{number}",
            nonce="n",
            previous=GENESIS,
            body=body,
        )
        for number, body in enumerate((CREATED, ATTACHED, *bodies))
    ]


def folded(*bodies: Body) -> RunState:
    """The state after a run's first two events and these."""
    return state_of(told(*bodies))


def finding(check: str, standing: Standing = Standing.FIT) -> Finding:
    """One answer."""
    return Finding(check=check, level=Level.DATA, title=check, standing=standing, expected="x", found="y")


def test_a_journal_begins_with_its_creation() -> None:
    """Anything else is not the journal of a run."""
    with pytest.raises(Bug):
        state_of([])
    with pytest.raises(Bug):
        state_of([Event(number=0, at=NOW, writer="w", nonce="n", previous=GENESIS, body=ATTACHED)])


def test_a_run_that_began_is_running_in_somebodys_hands() -> None:
    """Who holds it and since when is what a second terminal asks first."""
    state = folded()
    assert (state.status, state.who, state.where, state.writer) == ("running", "dba@laptop", "laptop", "w1")
    assert (state.began, state.last, state.events, state.why) == (NOW, NOW + timedelta(minutes=1), 2, "because")
    assert state.step("unheard-of").status == "waiting"


def test_a_step_goes_from_intent_to_done() -> None:
    """Each event moves it on, and what was known stays known."""
    intended = StepIntended(step=STEP, attempt=1, call={"operation": "x"})
    assert folded(intended).step(STEP).status == "intended"
    assert folded(intended, StepUncertain(step=STEP, why="lost")).step(STEP).status == "uncertain"
    again = StepIntended(step=STEP, attempt=2)
    state = folded(
        intended, StepRetried(step=STEP, why="throttled", pause=2), again, StepSent(step=STEP, request_id="a")
    )
    step = state.step(STEP)
    assert (step.status, step.attempts, step.retries, step.request_ids) == ("sent", 2, 1, ("a",))
    assert (step.began, step.tried) == (NOW + timedelta(minutes=2), NOW + timedelta(minutes=4))
    done = folded(
        intended, StepSeen(step=STEP, seen="creating"), StepDone(step=STEP, was_adopted=True, result={"a": 1})
    )
    step = done.step(STEP)
    assert (step.status, step.was_adopted, step.result, step.note) == ("done", True, {"a": 1}, "")
    assert step.ended == NOW + timedelta(minutes=4)
    assert folded(intended, StepSeen(step=STEP, seen="creating")).step(STEP).note == "creating"
    assert folded(StepFailed(step=STEP, why="no")).step(STEP).note == "no"


def test_a_paused_run_runs_again_when_somebody_attaches() -> None:
    """The reason of the pause is over then."""
    paused = folded(RunPaused(why="expired", exit_code=75))
    assert (paused.status, paused.note, paused.exit_code) == ("paused", "expired", 75)
    resumed = folded(RunPaused(why="expired", exit_code=75), RunAttached(who="other@desk", where="desk"))
    assert (resumed.status, resumed.note, resumed.who, resumed.attachments) == ("running", "", "other@desk", 2)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (RunFinished(outcome="done", verdict=Verdict(standing=Standing.FIT)), "finished"),
        (RunFinished(outcome="failed", why="no such key"), "failed"),
        (RunAborted(by="boss", why="wrong one"), "aborted"),
    ],
)
def test_an_end_stays_an_end_whoever_attaches_later(end: Body, status: str) -> None:
    """Resuming a finished run must report how it ended, not that it is running."""
    before, after = folded(end), folded(end, ATTACHED)
    assert before.status == after.status == status
    assert (after.ended, after.verdict, after.note) == (before.ended, before.verdict, before.note)


def test_what_was_measured_comes_with_the_end() -> None:
    """The report reads it from here."""
    measured = Measured(rto=timedelta(minutes=41), rows=5)
    assert folded(RunFinished(outcome="done", measured=measured)).measured == measured
    assert folded(RunAborted(by="boss")).note == "aborted by boss"


def test_a_validation_that_begins_again_forgets_its_first_answers() -> None:
    """It died half-way and was asked again: a check that the first life could not run must not spoil the verdict."""
    validating = StepIntended(step=STEP, attempt=1)
    first = FindingMade(step=STEP, finding=finding("rows.of.a.dropped.table", Standing.UNKNOWN))
    second = FindingMade(step=STEP, finding=finding("rows"))
    assert [each.check for each in folded(validating, first).findings] == ["rows.of.a.dropped.table"]
    assert [each.check for each in folded(validating, first, validating, second).findings] == ["rows"]
    other = FindingMade(step=StepId("02-other"), finding=finding("kept"))
    assert [each.check for each in folded(validating, first, other, validating, second).findings] == ["kept", "rows"]


def test_the_last_answer_to_a_question_stands() -> None:
    """One finding for each check."""
    bad, good = (FindingMade(step=STEP, finding=finding("rows", each)) for each in (Standing.UNKNOWN, Standing.FIT))
    assert [each.standing for each in folded(bad, good).findings] == [Standing.FIT]


def test_a_state_asked_for_after_each_event_is_the_state_of_all_of_them() -> None:
    """A run asks hundreds of times where it stands; what it gets must be what a fresh process would read."""
    events = told(
        StepIntended(step=STEP, attempt=1),
        StepRetried(step=STEP, why="throttled", pause=1.0),
        FindingMade(step=STEP, finding=finding("dropped")),
        RunPaused(why="the credentials are over", exit_code=75),
        ATTACHED,
        StepIntended(step=STEP, attempt=2),
        FindingMade(step=STEP, finding=finding("rows")),
        StepDone(step=STEP),
        RunFinished(outcome="done"),
    )
    tally, seen = Tally(), []
    for event in events:
        tally.add([event])
        seen.append(tally.state())
    assert seen == [state_of(events[: number + 1]) for number in range(len(events))]


def test_a_state_does_not_change_after_it_was_given() -> None:
    """Somebody prints one state while the run goes on to the next."""
    tally = Tally()
    tally.add(told())
    before = tally.state()
    tally.add(told(StepIntended(step=STEP, attempt=1))[2:])
    assert before.steps == {}
    assert before.events == 2
    assert tally.state().step(STEP).status == "intended"
