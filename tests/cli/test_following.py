"""What a screen makes of a run, without a terminal: a line where something is news, and no line where nothing is."""

from __future__ import annotations

import pytest

from daybreak.cli.following import Screen
from daybreak.cli.options import Given
from daybreak.execute.doors import Progress
from daybreak.model.actions import AwaitCluster
from daybreak.model.run import StepIntended, StepRetried
from daybreak.report.text.report import Verbosity
from tests import fix_runs as runs
from tests import fix_worlds as worlds

PLAN = worlds.plan()
STORAGE = next(step.id for step in PLAN.steps if isinstance(step.action, AwaitCluster))
SEEN = ("creating", "creating", "available, restorable window still null", "available, restorable window still null")


@pytest.mark.parametrize(
    ("depth", "lines"),
    [
        ("brief", ["before: 0 of 15 steps done", "4/16 restoring storage: available, restorable window still null"]),
        ("verdict", []),
    ],
)
def test_a_log_tells_a_change_when_it_comes(
    depth: Verbosity, lines: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """The minute's line would tell it too, a minute later; who wants the verdict alone wants neither."""
    given = Given("text", None, None, None, None, None, None, depth=depth)
    held = runs.events(PLAN, StepIntended(step=STORAGE, attempt=1))
    again = runs.events(PLAN, *[StepRetried(step=STORAGE, why="Throttling", pause=1)] * 2)[-1]
    with Screen(given, PLAN, is_own=False) as screen:
        watchers = screen.watchers()
        watchers.before(held)
        for seen in SEEN:
            watchers.progress(Progress(step=STORAGE, seen=seen, since=worlds.NOW))
        watchers.on_event(again)
    on_event = capfd.readouterr().err.splitlines()
    assert len(on_event) == len(lines)
    assert [(line, want) for line, want in zip(on_event, lines, strict=True) if want not in line] == []
