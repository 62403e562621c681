"""The list of runs, and a line for each event as it happens."""

from __future__ import annotations

from daybreak.model.run import RunAborted, RunPaused, StepFailed, StepSeen
from daybreak.report.text.run import event_line, runs_view
from tests import fix_runs as runs
from tests import fix_worlds as worlds
from tests.fix_golden import Golden, printed
from tests.fix_plans import HOSTILE


def test_the_list_of_runs(golden: Golden) -> None:
    """Which one was it? The name, the time and the verdict tell."""
    plan = worlds.plan()
    listed = (
        (plan, runs.finished(plan), "there"),
        (plan, runs.finished(plan, is_good=False), "gone"),
        (plan, runs.paused(plan), "unknown"),
    )
    golden("report/runs.txt", printed(runs_view(tuple((*each[:2], "unknown") for each in listed)), width=120))
    golden("report/runs-clones.txt", printed(runs_view(listed), width=140))
    for width in (60, 80):
        golden(f"screens/runs-{width}.txt", printed(runs_view(listed), width=width))


def test_a_line_for_each_event(golden: Golden) -> None:
    """What a log and a terminal without color show while a run goes on."""
    plan = worlds.plan()
    told = [*runs.story(plan), *runs.story(plan, is_good=False)[-3:]]
    told += runs.events(plan, RunPaused(why="disk full", exit_code=75), RunAborted(by="dba-oncall", why="not needed"))[
        2:
    ]
    golden("report/events.txt", "".join(f"{event_line(event, plan)}\n" for event in told))


def test_an_event_is_one_line_whatever_is_in_it() -> None:
    """AWS's message is text from outside, and a log is read line by line."""
    plan = worlds.plan()
    step = plan.steps[0].id
    for event in runs.events(plan, StepFailed(step=step, why=HOSTILE), StepSeen(step=step, seen=HOSTILE)):
        line = event_line(event)
        assert line.isprintable()
