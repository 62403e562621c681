"""The sample: which cases of a test the ordinary run takes; the sweep takes the others as well.

The law: a sample names its cases by their ids, and each id is a case that there is, so that a case that was renamed cannot
fall out of the ordinary run unseen. Each *kind* of case is in the sample; what only repeats another kind waits for the sweep.
Of a table, whose rows come and go with the code, a sample names parameters instead: each value of each of them is in a case
of the ordinary run, a new one too. Each file has a test in the ordinary run, or says at its head which files hold what it
repeats: ``pytestmark = pytest.mark.sweep(held_by=(...,))``. What the run took is printed at its end, beside its budget.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

BUDGET = 2_000
"""Seconds of tests that two idle cores carry out in ten minutes, in as many workers as the Makefile starts."""


@dataclass
class Tally:
    """What was collected of a file of tests."""

    ordinary: int = 0
    held_by: tuple[str, ...] | None = None
    """The files that hold what it repeats, where it is left to the sweep as a whole."""


TALLY = pytest.StashKey[dict[str, Tally]]()
"""What was collected of each file, by its path below the project."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Count what is in the ordinary run before anything is left out."""
    tally = config.stash[TALLY] = {}
    for item in items:
        seen = tally.setdefault(str(item.path.relative_to(config.rootpath)), Tally())
        seen.ordinary += item.get_closest_marker("sweep") is None
        module = item.getparent(pytest.Module)
        for mark in module.own_markers if module else ():
            if mark.name == "sweep":
                seen.held_by = tuple(mark.kwargs.get("held_by", ()))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what the tests took, and which files most of it: a budget that nobody sees is overdrawn."""
    took: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if hasattr(report, "duration") and hasattr(report, "nodeid"):
                took[report.nodeid.partition("::")[0]] += report.duration
    if took.total() >= BUDGET / 20:
        terminalreporter.section("what it took")
        terminalreporter.write_line(
            f"{took.total():,.0f} seconds of tests, all workers together; the ordinary run may take {BUDGET:,}"
        )
        for name, seconds in took.most_common(10):
            terminalreporter.write_line(f"{seconds:7.1f} {name}")


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Leave the cases that ``@pytest.mark.sample(...)`` neither names nor needs to the sweep."""
    made = yield
    cases: list[Any] = [
        each for each in (made if isinstance(made, list) else [made]) if isinstance(each, pytest.Function)
    ]
    samples = [*cases[0].iter_markers("sample")] if cases else []
    if len(samples) > 1:
        raise pytest.UsageError(f"{cases[0].nodeid}: it has {len(samples)} samples, of which one would count")
    for chosen in samples:
        kept = {*_named(cases, chosen.args), *_covering(cases, chosen.kwargs.get("each", ()))}
        if not kept:
            raise pytest.UsageError(f"{cases[0].nodeid}: the sample names nothing")
        for case in cases:
            if case.callspec.id not in kept:
                case.add_marker("sweep")
    return made


def _named(cases: list[Any], ids: Iterable[str]) -> set[str]:
    """The ids that a sample names, each of which must be there."""
    there = {each.callspec.id for each in cases}
    if unknown := sorted({*ids} - there):
        raise pytest.UsageError(f"{cases[0].nodeid}: the sample names {unknown}, and there is {sorted(there)}")
    return {*ids}


def _covering(cases: list[Any], names: Iterable[str]) -> set[str]:
    """The ids of few cases that have each value of each parameter among them; of those that no mark leaves to the sweep."""
    if unknown := sorted({*names} - cases[0].callspec.params.keys()):
        raise pytest.UsageError(f"{cases[0].nodeid}: no parameter is called {unknown}")
    has = {
        case.callspec.id: {(name, _key(case.callspec.params[name])) for name in names}
        for case in cases
        if case.get_closest_marker("sweep") is None
    }
    left, kept = set().union(*has.values()), set()
    while left:
        best = max(has, key=lambda each: len(has[each] & left))
        kept.add(best)
        left -= has[best]
    return kept


def _key(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value
