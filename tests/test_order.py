"""The order of the tests: what takes long begins first on each worker, and what is quick is left to be stolen."""

from __future__ import annotations

from itertools import groupby

from tests.fix_order import dealt

FILES = {"rules": 40, "servers": 4, "words": 25, "lab": 6, "story": 2, "clone": 5}
SLOW = {"servers": 1.0, "lab": 0.5, "story": 5.0, "clone": 1.0}
ITEMS = [f"{name}:{number}" for name, many in FILES.items() for number in range(many)]


def _dealt(workers: int) -> list[str]:
    return dealt(ITEMS, workers, lambda item: item.partition(":")[0], lambda name: SLOW.get(name, 0.0))


def _runs(workers: int) -> list[list[str]]:
    """What each worker is given: `worksteal` cuts what is left by the number of workers that are left."""
    left, runs = _dealt(workers), []
    for remaining in range(workers, 0, -1):
        runs.append(left[: len(left) // remaining])
        left = left[len(left) // remaining :]
    return runs


def test_each_test_is_dealt_once_and_a_slow_file_stays_together() -> None:
    """A file that two workers share starts its servers twice."""
    for workers in range(1, 8):
        order = _dealt(workers)
        assert sorted(order) == sorted(ITEMS)
        together = [name for name, _ in groupby(item.partition(":")[0] for item in order)]
        assert [name for name in SLOW if together.count(name) != 1] == []
        assert [item for item in order if item.startswith("lab:")] == [f"lab:{n}" for n in range(6)]


def test_every_worker_begins_with_what_takes_long_and_ends_with_what_is_quick() -> None:
    """Whoever is ready first steals from an end; a slow file there would be cut, or be left to one worker alone."""
    runs = _runs(3)
    assert [run[0].partition(":")[0] in SLOW for run in runs] == [True] * 3
    assert [run[-1].partition(":")[0] in SLOW for run in runs] == [False] * 3
    loads = [sum(SLOW.get(item.partition(":")[0], 0.0) for item in run) for run in runs]
    assert max(loads) == 10.0, "the longest file, and nothing beside it"
