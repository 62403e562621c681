"""From the lines under a finding to its sentence: one line that is not fit decides its box.

The law: the sentence names the worst lines and their number. The lines show everything, what is not fit first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from daybreak.model.checks import NOTHING, Asked, Check
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.names import comma_list, printable

MOST_LINES = 100
"""How many lines a finding has at most when all are fit, where each table has one."""

_WORST_FIRST = (Standing.UNFIT, Standing.UNKNOWN, Standing.WAIVED, Standing.LEFT_OUT, Standing.BEYOND, Standing.FIT)

NO_SOURCE = "nothing records what the source had: no living source to compare with, and no capsule kept it"
"""Why parity has no answer. What became of the source is not said: it may be gone, or be the very cluster that is asked."""


@dataclass(frozen=True)
class Sum:
    """The words of a box whose lines are fit: what was expected of all of them, and what was found."""

    expected: str
    found: str
    asked: Asked = NOTHING


def line(name: str, expected: str, found: str, *, is_fit: bool, why: str = "") -> Detail:
    """One line that is fit or unfit; ``why`` gives the reason of an intended difference."""
    standing = Standing.FIT if is_fit else Standing.UNFIT
    return Detail(name=printable(name), standing=standing, expected=expected, found=found, why=why)


def unknown(name: str, expected: str, why: str, found: str = "no answer") -> Detail:
    """One line that is unknown."""
    return Detail(name=printable(name), standing=Standing.UNKNOWN, expected=expected, found=found, why=why)


def decide(check: Check, lines: Iterable[Detail], total: Sum) -> Finding:
    """The finding that the lines add up to."""
    every = tuple(sorted(lines, key=lambda each: _WORST_FIRST.index(each.standing)))
    bad = [line_words(each) for each in every if each.standing is Standing.UNFIT]
    dark = [f"{each.name}: {each.why}" for each in every if each.standing is Standing.UNKNOWN]
    if bad:
        finding = check.unfit(total.expected, comma_list(bad), total.asked)
    elif dark:
        finding = check.unknown(total.expected, comma_list(dark, most=3), total.asked, found=total.found)
    else:
        finding = check.fit(total.expected, total.found, total.asked)
    return finding.model_copy(update={"details": every, "is_by_lines": True})


def worst_first(lines: Iterable[Detail]) -> list[Detail]:
    """The lines by standing, and of one standing those with a reason first."""
    return sorted(lines, key=lambda each: (_WORST_FIRST.index(each.standing), not each.why))


def keep_lines(lines: Iterable[Detail]) -> tuple[Detail, ...]:
    """The lines, worst first, where each table has one: all that are not fit, and of the fit ones as many as a reader wants.

    A line that is not fit is never cut, because the verdict counts what was not asked by its lines.
    """
    every = worst_first(lines)
    short = sum(each.standing is not Standing.FIT for each in every)
    return tuple(every[: max(short, MOST_LINES)])


def line_words(detail: Detail) -> str:
    """A line in words.

    >>> line_words(line("retention", "30 days", "1 day", is_fit=False))
    'retention: 30 days became 1 day'
    """
    return (
        f"{detail.name}: {detail.expected} became {detail.found}"
        if detail.expected
        else f"{detail.name}: {detail.found}"
    )
