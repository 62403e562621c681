"""A whole restore as one reads it, from the plan to the way in: golden transcripts, and a count of their lines."""

from __future__ import annotations

import pytest

from daybreak.model.plan import Plan
from daybreak.model.run import Event, StepSeen, state_of
from daybreak.report.text.plan import plan_view
from daybreak.report.text.progress import Sightings, step_line
from daybreak.report.text.report import report_view
from tests import fix_reports as reports
from tests import fix_runs as runs
from tests.fix_golden import Golden, printed, settled

RESTORE, AFTER_THE_VERDICT, VALIDATE = 60, 15, 25
"""Lines of a fit restore, of what follows its verdict, and of a fit validation."""


def _transcript(width: int, *, is_logged: bool) -> str:
    """What a fit restore leaves on a screen, or in a log, which has a line for each step besides."""
    plan, made = reports.plan(), reports.good()
    story = runs.story(plan)
    steps = _log(plan, story)
    parts = [
        printed(plan_view(plan, more="--explain adds the reason, guards and undo of each step"), width=width),
        "".join(f"{line}\n" for line in steps if line and is_logged),
        printed(report_view(made, more=f"daybreak show {made.run} -v"), width=width),
    ]
    return settled("".join(parts), plan)


def _log(plan: Plan, story: tuple[Event, ...]) -> list[str]:
    """The lines of a log about a run: its finished steps, and what its waits see."""
    sightings, told = Sightings(plan), []
    for number, event in enumerate(story, start=1):
        if isinstance(event.body, StepSeen):
            told.append(sightings.line(event.body.step, event.body.seen, event.at))
        told.append(step_line(event, plan, state_of(story[:number])))
    return told


@pytest.mark.parametrize(("name", "width"), [("60", 60), ("80", 80), ("120", 120), ("log", 120)])
def test_a_fit_restore_is_told_in_sixty_lines(name: str, width: int, golden: Golden) -> None:
    """Four hundred lines are read by nobody; what decides must be among those that are."""
    text = _transcript(width, is_logged=name == "log")
    lines = text.splitlines()
    [verdict] = [number for number, line in enumerate(lines) if line.startswith("verdict  ")]
    assert len(lines) <= RESTORE
    assert len(lines) - 1 - verdict <= AFTER_THE_VERDICT
    assert lines[-1].startswith("next     psql -h ")
    golden(f"screens/restore-{name}.txt", text)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_validation_is_told_in_twenty_five_lines(width: int) -> None:
    """Fit is fit; an unfit one has its reasons, its way in and its next command as well."""
    fit = reports.alone(reports.good_findings())
    assert len(printed(report_view(fit, more="-v names every check"), width=width).splitlines()) <= VALIDATE
    unfit = printed(report_view(reports.alone(), more="-v names every check"), width=width)
    for label in ("verdict  unfit", "unfit    Row counts", "unknown  ", "way in   psql", "next     daybreak validate"):
        assert f"\n{label}" in f"\n{unfit}"
