"""What people see while a run goes on: where it stands, how long yet, and nothing that they need not read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.model.actions import AwaitCluster, Validate
from daybreak.model.plan import StepId
from daybreak.model.run import RunAttached, RunPaused, StepDone, StepForgone, StepIntended, StepSeen, state_of
from daybreak.plan.estimates import time_left
from daybreak.report.briefs import brief, brief_now
from daybreak.report.text.progress import (
    MOST_SIGHTINGS,
    Sightings,
    before_line,
    hints_of,
    is_judgement,
    is_trouble,
    judgement_lines,
    news_of,
    now_line,
    step_line,
)
from tests import fix_runs as runs
from tests import fix_worlds as worlds
from tests.fix_golden import Golden
from tests.fix_plans import HOSTILE, every_plan

PLAN = worlds.plan()
STORAGE = next(step.id for step in PLAN.steps if isinstance(step.action, AwaitCluster))


def test_one_line_tells_where_a_run_stands() -> None:
    """Which step of how many, for how long of how long, and when it is over: that is what a person waits for."""
    done = [StepDone(step=step.id) for step in PLAN.steps[:3]]
    state = state_of(runs.events(PLAN, *done, StepIntended(step=STORAGE, attempt=1)))
    line = now_line(PLAN, state, STORAGE, "creating", state.last + timedelta(seconds=34))
    assert line == "4/16 restoring storage  0:34 of 18-36 min, done about 15:39Z  creating"


def test_a_log_has_a_line_for_each_finished_step(golden: Golden) -> None:
    """An event for each look, each call and each answer is for the journal."""
    told, seen = [], []
    for story in (runs.story(PLAN), runs.story(PLAN, is_good=False)):
        for number, event in enumerate(story, start=1):
            told.append(step_line(event, PLAN, state_of(story[:number])))
            seen.append(event)
    lines = [line for line in told if line]
    assert len(lines) < len(seen) / 2
    golden("screens/steps.txt", "\n".join(lines) + "\n")


def test_a_step_that_was_forgone_is_told() -> None:
    """The run goes on without it, and somebody should know."""
    events = runs.events(PLAN, StepForgone(step=StepId(PLAN.steps[-1].id), why="AWS refused the tag"))
    line = step_line(events[-1], PLAN, state_of(events))
    assert line.endswith("Z  16/16 anchor the journal in a tag: done without: AWS refused the tag")


def test_a_call_that_is_tried_again_is_seen_in_the_line_about_now() -> None:
    """A minute of silence looks like a process that hangs."""
    news = [news for event in runs.story(PLAN) if (news := news_of(event)) and news[1]]
    assert [seen for _, seen in news] == [
        "not now: Throttling: Rate exceeded; again in 4 s",
        "uncertain: the connection was closed before a reply; looking",
    ]


@pytest.mark.parametrize("shape", every_plan())
def test_each_step_has_a_few_words_for_before_and_for_now(shape: str) -> None:
    """One line a step, at sixty columns too; the instance whose name is not the clone's is named whole."""
    plan = every_plan()[shape]
    for step in plan.steps:
        assert len(brief(plan, step)) <= 50
        assert brief_now(plan, step).split()[0].endswith("ing")


def test_what_is_left_is_the_longest_way_and_never_less_than_nothing() -> None:
    """Two instances that are created side by side take as long as one; what is late is not done before now."""
    begun = state_of(runs.events(PLAN))
    whole = time_left(PLAN, begun, begun.last)
    assert PLAN.estimate.low <= whole <= PLAN.estimate.high
    waiting = state_of(runs.events(PLAN, StepIntended(step=STORAGE, attempt=1)))
    assert time_left(PLAN, waiting, waiting.last + timedelta(minutes=10)) == time_left(PLAN, waiting, waiting.last) - timedelta(minutes=10)  # fmt: skip
    assert time_left(PLAN, waiting, waiting.last + timedelta(days=1)) > timedelta()
    over = runs.finished(PLAN)
    assert time_left(PLAN, over, over.last) == timedelta()


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    """AWS's status is text from outside."""
    events = runs.events(PLAN, StepSeen(step=STORAGE, seen=HOSTILE), StepForgone(step=STORAGE, why=HOSTILE), RunPaused(why=HOSTILE, exit_code=75))  # fmt: skip
    state = state_of(events)
    assert now_line(PLAN, state, STORAGE, HOSTILE, state.last).isprintable()
    assert all(step_line(event, PLAN, state).isprintable() for event in events)
    sightings = Sightings(PLAN)
    assert [sightings.line(STORAGE, seen, state.last).isprintable() for seen in ("creating", HOSTILE)] == [True, True]
    assert before_line(PLAN, state).isprintable()


def test_who_joins_in_the_middle_reads_one_line_about_before() -> None:
    """Nothing before the first step, and nothing where the report follows at once."""
    begun = runs.events(PLAN)
    half = runs.events(
        PLAN, *(StepDone(step=step.id) for step in PLAN.steps[:3]), StepIntended(step=STORAGE, attempt=1)
    )
    told = before_line(PLAN, state_of(half))
    assert (
        told == "14:54:40Z  before: 3 of 15 steps done, and 1 only on request, since 14:52Z, carried out by dba-oncall"
    )
    paused = before_line(PLAN, runs.paused(PLAN))
    assert paused.endswith(
        "0 of 15 steps done, and 1 only on request, since 14:52Z, carried out by dba-oncall; paused: the credentials are over"
    )
    assert [before_line(PLAN, state) for state in (state_of(begun), runs.finished(PLAN))] == ["", ""]


def test_whoever_takes_a_run_up_again_is_told_and_so_is_a_pause() -> None:
    """To who watches, a run that nobody carries out looks like one that hangs."""
    events = runs.events(PLAN, RunPaused(why="disk full", exit_code=75), RunAttached(who="bob", where="south"))
    told = [step_line(event, PLAN, state_of(events[:number])) for number, event in enumerate(events, start=1)]
    assert told == ["", "", "14:53:10Z  paused: disk full", "14:53:40Z  carried out by bob"]
    assert [is_trouble(event) for event in events] == [False, False, True, False]
    assert hints_of(events[2], PLAN.run) == (f"go on: daybreak resume {PLAN.run}",)


def test_a_log_tells_what_a_wait_sees_where_that_changes() -> None:
    """Once a minute is too seldom to learn that the storage is there, and each look is too often."""
    sightings, at = Sightings(PLAN), worlds.NOW
    looks = ["creating", "creating", "", "available, restorable window still null", "creating"]
    told = [sightings.line(STORAGE, seen, at) for seen in looks]
    assert [line.partition("Z  ")[2] for line in told if line] == [
        "4/16 restoring storage: available, restorable window still null",
        "4/16 restoring storage: creating",
    ]
    validation = next(step.id for step in PLAN.steps if isinstance(step.action, Validate))
    assert sightings.line(validation, "3 of 7 tables read", at) == "", "it is counted, and counts many times a minute"


def test_a_status_that_flutters_has_a_handful_of_lines() -> None:
    """A login that is refused and then not answered, for an hour, must not bury the rest."""
    sightings = Sightings(PLAN)
    told = [sightings.line(STORAGE, f"status {number}", worlds.NOW) for number in range(100)]
    assert len([line for line in told if line]) == MOST_SIGHTINGS
    assert told[MOST_SIGHTINGS].endswith("status 5; from here on once a minute")
    other = [sightings.line(PLAN.steps[8].id, seen, worlds.NOW) for seen in ("creating", "configuring")]
    assert [bool(line) for line in other] == [False, True], "another wait has its own"


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_a_narrow_terminal_gets_whole_parts(width: int) -> None:
    """A line that is cut loses the very time one looks for."""
    state = state_of(runs.events(PLAN, StepIntended(step=STORAGE, attempt=1)))
    line = now_line(PLAN, state, STORAGE, "creating: " + "x" * 60, state.last + timedelta(seconds=34), width=width)
    assert len(line) <= width
    assert "0:34" in line
    if width >= 40:
        assert "done about" in line


def test_the_judgement_of_the_data_is_told_while_the_rest_is_made_and_never_after() -> None:
    """People wait for this line: whether the data is right, and how to get in."""
    story = runs.story(PLAN)
    judged = next(
        number for number, each in enumerate(story, 1) if isinstance(each.body, StepDone) and is_judgement(each, PLAN)
    )
    lines = judgement_lines(PLAN, state_of(story[:judged]))
    assert lines[0].startswith("data judged after 13 minutes: fit within standard depth")
    assert "not complete yet" in lines[1]
    assert judgement_lines(PLAN, state_of(story[: judged - 1])) == (), "it does not stand yet"
    made = next(number for number, each in enumerate(story) if getattr(each.body, "step", "") == "15-validate-clone")
    assert judgement_lines(PLAN, state_of(story[:made])) == (), "nothing is left to make: the verdict follows at once"
    assert judgement_lines(PLAN, state_of(story)) == ()
