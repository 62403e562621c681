"""A report as one self-contained page: it loads nothing, runs nothing, and text from outside is only ever text.

The law: every value goes through ``visible`` and then through autoescape, in one place, so no template can forget it. The
page's policy forbids everything but its one style sheet, which the policy names by digest.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from daybreak.model.findings import Level, Standing
from daybreak.model.report import CheckLine, Report, StepLine
from daybreak.model.value import iso
from daybreak.model.world import endpoint_words
from daybreak.report.costs import cost_words
from daybreak.report.figures import Bar, gauge, stack, timeline
from daybreak.report.journaling import journal_words
from daybreak.report.losses import loss_lines
from daybreak.report.naming import KINDS, SHAPES, WITNESSES, amendment_line, approval_line, times_line, verdict_word
from daybreak.report.words import between, span_beside, span_words, visible

_AGAINST = (Standing.UNFIT, Standing.UNKNOWN)
"""The standings that come before all others, the worst first."""

_FIRST_REASONS = 8
"""How many reasons show without a click; one trouble, such as no login, may be behind dozens."""


@dataclass(frozen=True)
class _Row:
    """One check, and its place on the page."""

    line: CheckLine
    anchor: str


@dataclass(frozen=True)
class _Because:
    """A reason, and the row that has the rest of it; no row where it belongs to no check."""

    words: str
    anchor: str


@dataclass(frozen=True)
class _LevelPart:
    """One level of the checklist, with its own figure. Fit checks are folded; the others come before all levels."""

    title: str
    fit: tuple[_Row, ...]
    others: tuple[_Row, ...]
    """The checks that were waived, left out or not asked."""
    bars: tuple[Bar, ...]
    words: str


def html(report: Report) -> str:
    """The report as a page; the same report gives the same page, byte for byte."""
    template, style = _template()
    counts = tuple(_counts(report.checks))
    rows = tuple(_Row(line, f"check-{number}") for number, line in enumerate(report.checks, start=1))
    against = tuple(row for standing in _AGAINST for row in rows if row.line.standing is standing)
    anchors = {row.line.check: row.anchor for row in against}
    kind = report.standing.value if report.standing else "unfit" if report.status == "failed" else "unasked"
    return template.render(
        report=report,
        title=report.target or report.clone,
        verdict_kind=kind,
        verdict_word=verdict_word(report),
        reasons=tuple(_Because(each.text, anchors.get(each.check or "", "")) for each in report.reasons),
        first_reasons=_FIRST_REASONS,
        against=against,
        kinds=KINDS,
        shapes=SHAPES,
        witnesses=WITNESSES,
        elsewhere=endpoint_words(None, report.elsewhere),
        journal=journal_words(report.journal) if report.journal else "",
        levels=tuple(_levels(rows)),
        promises=tuple((promise, gauge(promise)) for promise in report.promises),
        stack=stack(report.checks),
        counts=counts,
        losses=loss_lines(report.figures.deltas, report.run or ""),
        costs=tuple(map(cost_words, report.figures.costs)),
        tally=_words(report.checks),
        times=times_line(report),
        not_asked=report.not_asked,
        beyond=report.beyond,
        lanes=timeline(report),
        without_differences=_without_differences(report),
        style=Markup(style),  # noqa: S704 - our own file, and the one place where anything is not escaped
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


def _without_differences(report: Report) -> str:
    """The sentence that says what an empty table of differences means."""
    asked = [line for line in report.checks if line.level is Level.PARITY and line.standing is not None]
    if any(line.standing is not Standing.FIT for line in asked):
        return "The checks of parity above show what differs, or could not be compared."
    return "No field differs." if asked else "Nothing was compared."


def _levels(rows: tuple[_Row, ...]) -> Iterator[_LevelPart]:
    for level in Level:
        if here := [row for row in rows if row.line.level is level]:
            title = "Parity" if level is Level.PARITY else f"{level.value.capitalize()} level"
            lines = tuple(row.line for row in here)
            fit = tuple(row for row in here if row.line.standing is Standing.FIT)
            others = tuple(
                row for row in here if row.line.standing in (Standing.WAIVED, Standing.LEFT_OUT, Standing.BEYOND, None)
            )
            yield _LevelPart(title, fit, others, stack(lines), _words(lines))


def _counts(checks: tuple[CheckLine, ...]) -> Iterator[tuple[str, str, int]]:
    """Each standing besides fit that occurs: its word, its shape, and its number."""
    for standing, word in (
        (Standing.UNFIT, "unfit"),
        (Standing.UNKNOWN, "unknown"),
        (Standing.WAIVED, "waived"),
        (Standing.LEFT_OUT, "left out"),
        (Standing.BEYOND, "beyond reach"),
        (None, "not asked"),
    ):
        if number := sum(line.standing is standing for line in checks):
            yield word, SHAPES[standing], number


def _words(checks: tuple[CheckLine, ...]) -> str:
    fit = sum(line.standing is Standing.FIT for line in checks)
    rest = [f"{number} {word}" for word, _, number in _counts(checks)]
    return ", ".join([f"{fit} of {len(checks)} fit", *rest])


@cache
def _template() -> tuple[Template, str]:
    environment = Environment(
        loader=PackageLoader("daybreak.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "iso": iso,
        "clock": clock,
        "hour": lambda at: f"{at:%H:%M:%SZ}",
        "words": span_words,
        "beside": span_beside,
        "thousands": lambda number: f"{number:,}",
        "estimate": _estimate,
        "amendment": amendment_line,
        "approval": approval_line,
    }
    environment.filters |= filters
    loader = environment.loader
    assert loader is not None  # noqa: S101 - for the type checker: it was given above
    return environment.get_template("report.html.jinja"), loader.get_source(environment, "report.css")[0]


def _finalize(value: Any) -> Any:
    """The value of a template's expression as visible text, before it is escaped."""
    return value if isinstance(value, Markup) else visible(str(value))


def clock(at: datetime) -> str:
    """A point in time for a person to read, to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%SZ}"


def _estimate(step: StepLine) -> str:
    return between(step.estimate_low, step.estimate_high)
