"""The report's figures as geometry: bars and marks between 0 and 1000, for a template to draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from daybreak.model.findings import Standing
from daybreak.model.report import CheckLine, Promise, Report, StepLine
from daybreak.report.naming import SHAPES

WIDTH = 1000
"""The width of every figure; the page stretches it."""

_THINNEST = 4.0
"""The smallest width, so that a step without duration is still seen."""

_ORDER = (Standing.UNFIT, Standing.UNKNOWN, None, Standing.WAIVED, Standing.LEFT_OUT, Standing.BEYOND, Standing.FIT)


@dataclass(frozen=True)
class Bar:
    """A piece of a line."""

    x: float
    width: float
    kind: str = ""


@dataclass(frozen=True)
class Lane:
    """One step on the timeline: when it was under way, and when it was expected to end."""

    step: StepLine
    bar: Bar | None
    band: Bar | None


@dataclass(frozen=True)
class Gauge:
    """What was measured beside what was promised: a filled bar, and a mark where the promise ends."""

    bar: Bar
    mark: float


def timeline(report: Report) -> tuple[Lane, ...]:
    """A lane for each step, on the run's own clock."""
    whole = max(report.took, timedelta(seconds=1))

    def place(span: timedelta) -> float:
        return round(min(max(span / whole, 0.0), 1.0) * WIDTH, 1)

    lanes = []
    for step in report.steps:
        if step.began is None:
            lanes.append(Lane(step, None, None))
            continue
        start = step.began - report.began
        end = start + (step.took if step.took is not None else report.took - start)
        low, high = place(start + step.estimate_low), place(start + step.estimate_high)
        lanes.append(Lane(step, _bar(place(start), place(end), step.status), _bar(low, high) if high > low else None))
    return tuple(lanes)


def gauge(promise: Promise) -> Gauge | None:
    """An objective's figure; ``None`` where nothing was promised or measured."""
    if promise.promised is None or promise.measured is None:
        return None
    # The mark keeps away from the edge, so that a missed promise visibly passes it.
    whole = max(promise.promised * 1.25, promise.measured * 1.05, timedelta(seconds=1))
    measured = max(promise.measured, timedelta())
    kind = "unknown" if promise.is_met is None else "fit" if promise.is_met else "unfit"
    return Gauge(_bar(0, measured / whole * WIDTH, kind), round(promise.promised / whole * WIDTH, 1))


def stack(checks: Iterable[CheckLine]) -> tuple[Bar, ...]:
    """The numbers of checks by standing, side by side, the worst first."""
    tally = Counter(check.standing for check in checks)
    share = WIDTH / max(tally.total(), 1)
    bars: list[Bar] = []
    x = 0.0
    for standing in _ORDER:
        if width := tally[standing] * share:
            bars.append(Bar(round(x, 1), round(width, 1), SHAPES[standing]))
            x += width
    return tuple(bars)


def _bar(start: float, end: float, kind: str = "") -> Bar:
    width = max(end - start, _THINNEST)
    return Bar(round(min(start, WIDTH - width), 1), round(width, 1), kind)
