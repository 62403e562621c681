"""The sample: which cases of a test the ordinary run takes; the sweep takes the others as well.

The law: a sample names its cases by their ids, and each id is a case that there is, so that a case that was renamed cannot
fall out of the ordinary run unseen. Each *kind* of case is in the sample; what only repeats another kind waits for the sweep.
Of a table, whose rows come and go with the code, a sample names parameters instead: each value of each of them is in a case
of the ordinary run, a new one too.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

import pytest


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
