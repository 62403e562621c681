"""The order of the tests on several workers: what takes long begins first, so that no worker is left alone with it at the end.

The law: the same tests, each once, a file's together and in their own order. Each worker is dealt a run of equal length, as
``--dist worksteal`` cuts them; it begins with the files that wait for servers, dealt out by how long they take, and ends with
the quick ones, which are what the others steal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

SECONDS = {
    "ledger": 20.0, "defects": 8.0, "stories": 5.0, "validate": 1.5, "pictures": 1.0, "prove": 1.0, "tests": 0.5, "cli": 0.5, "lab": 0.3,
    "delta": 0.3, "chaos": 0.3, "postgres": 0.2, "report": 0.2, "aws": 0.1, "execute": 0.1, "journal": 0.1, "observe": 0.1,
}  # fmt: skip
"""About how long a test of a folder takes. A folder that is not here has pure tests, thousands in a second."""


def dealt(items: Sequence[T], workers: int, file_of: Callable[[T], str], weight_of: Callable[[str], float]) -> list[T]:
    """The items in the order in which so many workers are to be given them, each a run of its own.

    ``weight_of`` a file is how long one of its items takes; where it is nothing, the file waits for the end.

    >>> dealt("aabccdef", 2, str, lambda name: {"a": 1.0, "c": 3.0}.get(name, 0.0))
    ['c', 'c', 'b', 'd', 'a', 'a', 'e', 'f']
    """
    files = [(name, list(each)) for name, each in groupby(items, key=file_of)]
    rooms = [(len(items) + turn) // workers for turn in range(workers)]
    hands: list[list[T]] = [[] for _ in range(workers)]
    loads = [0.0] * workers
    quick: list[T] = []
    by_load = sorted(files, key=lambda file: -weight_of(file[0]) * len(file[1]))
    for name, each in by_load:
        fitting = [hand for hand in range(workers) if len(hands[hand]) + len(each) <= rooms[hand]]
        if not fitting or not weight_of(name):
            quick += each
            continue
        least = min(fitting, key=loads.__getitem__)
        hands[least] += each
        loads[least] += weight_of(name) * len(each)
    for hand, room in zip(hands, rooms, strict=True):
        missing = room - len(hand)
        hand.extend(quick[:missing])
        del quick[:missing]
    return [item for hand in hands for item in hand]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deal out what is left once markers and words have chosen; alone, pytest's own order stays."""
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    if workers > 1:
        items[:] = dealt(items, workers, lambda item: str(item.path), _seconds)


def _seconds(path: str) -> float:
    below = Path(path).relative_to(Path(__file__).parent).parts
    return SECONDS.get(below[0] if len(below) > 1 else "tests", 0.0)
