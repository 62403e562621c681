"""Figures tell what the numbers beside them tell, or they lie."""

from __future__ import annotations

from datetime import timedelta

from daybreak.model.report import Promise
from daybreak.report.figures import WIDTH, gauge, stack, timeline
from tests import fix_reports as reports


def test_each_step_lies_where_it_was_under_way() -> None:
    """A reader sees at a glance which step took the time."""
    made = reports.good()
    lanes = timeline(made)
    assert [lane.step.id for lane in lanes] == [step.id for step in made.steps]
    waited = lanes[3]
    assert waited.bar is not None
    assert waited.bar.width == round(1538 / made.took.total_seconds() * WIDTH, 1)
    drawn = [lane for lane in lanes if lane.step.status != "unasked"]
    assert all(lane.bar and 0 <= lane.bar.x <= lane.bar.x + lane.bar.width <= WIDTH for lane in drawn)


def test_the_band_is_where_the_step_was_thought_to_end() -> None:
    """An estimate that was wrong must be seen to be wrong."""
    made = reports.good()
    lane = timeline(made)[3]
    assert lane.band is not None
    began = (lane.step.began or made.began) - made.began
    assert lane.band.x == round((began + lane.step.estimate_low) / made.took * WIDTH, 1)


def test_a_step_that_never_began_has_no_bar() -> None:
    """A bar of no length at the beginning reads as a step that was done in no time."""
    lanes = timeline(reports.stopped())
    assert [lane.bar is None for lane in lanes] == [False] * 4 + [True] * (len(lanes) - 4)


def test_a_missed_promise_passes_its_mark() -> None:
    """Color alone tells nothing to whoever prints it in gray."""
    missed = gauge(Promise(name="RTO", promised=timedelta(hours=4), measured=timedelta(hours=5), is_met=False))
    kept = gauge(Promise(name="RTO", promised=timedelta(hours=4), measured=timedelta(hours=1), is_met=True))
    assert missed is not None
    assert kept is not None
    assert missed.bar.width > missed.mark
    assert kept.bar.width < kept.mark < WIDTH


def test_what_was_not_measured_has_no_gauge() -> None:
    """An empty gauge reads as nothing lost."""
    assert gauge(Promise(name="RPO", promised=timedelta(minutes=5), measured=None, is_met=None)) is None
    assert gauge(Promise(name="RPO", promised=None, measured=timedelta(0), is_met=None)) is None


def test_a_promise_of_nothing_can_be_drawn() -> None:
    """A target may promise to lose nothing at all."""
    drawn = gauge(Promise(name="RPO", promised=timedelta(0), measured=timedelta(0), is_met=True))
    assert drawn is not None
    assert drawn.mark == 0


def test_the_checks_fill_the_line_and_the_worst_come_first() -> None:
    """One unfit among fifty is the first thing to be seen."""
    bars = stack(reports.bad().checks)
    assert [bar.kind for bar in bars] == ["unfit", "unknown", "waived", "fit"]
    assert abs(sum(bar.width for bar in bars) - WIDTH) < 1
    assert stack(()) == ()
