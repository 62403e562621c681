"""The sample: which cases of a test the ordinary run takes; the sweep takes the others as well.

The law: a sample names its cases by their ids, and each id is a case that there is, so that a case that was renamed cannot
fall out of the ordinary run unseen. Each *kind* of case is in the sample; what only repeats another kind waits for the sweep.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Leave the cases that ``@pytest.mark.sample(...)`` does not name to the sweep."""
    made = yield
    cases: list[Any] = [
        each for each in (made if isinstance(made, list) else [made]) if isinstance(each, pytest.Function)
    ]
    chosen = cases[0].get_closest_marker("sample") if cases else None
    if chosen is not None:
        ids = {each: each.callspec.id for each in cases}
        unknown = sorted({*chosen.args} - {*ids.values()})
        if unknown or not chosen.args:
            raise pytest.UsageError(
                f"{cases[0].nodeid}: the sample names {unknown}, and there is {sorted(ids.values())}"
            )
        for case, name in ids.items():
            if name not in chosen.args:
                case.add_marker("sweep")
    return made
