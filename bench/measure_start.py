"""Start-up: ``daybreak --help`` beside an empty Python and beside ``aws --version``, in turn."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from statistics import median

from bench.rounds import Cost, Figures, Rounds, Row, cost_of, in_turn, milliseconds

ROUNDS = 9
GOAL = 1 / 3

EMPTY, AWS, OURS = "python -c pass", "aws --version", "daybreak --help"


def figures() -> Figures:
    """The times of the three programs."""
    beside = Path(sys.executable).parent
    programs = {
        EMPTY: [sys.executable, "-c", "pass"],
        AWS: [str(beside / "aws"), "--version"],
        OURS: [str(beside / "daybreak"), "--help"],
    }
    for command in programs.values():
        cost_of(command)  # so that everything is compiled and in the page cache
    taken = Rounds()
    rounds = taken.of(in_turn([partial(cost_of, command) for command in programs.values()]), ROUNDS)
    costs = dict(zip(programs, map(list, zip(*rounds, strict=True)), strict=True))
    rows = tuple(_row(name, costs) for name in programs)
    return Figures("Start-up", rows, ("The ratios are medians of the ratios within a round.", taken.note()))


def _row(name: str, costs: dict[str, list[Cost]]) -> Row:
    wall = median(cost.wall for cost in costs[name])
    cpu = median(cost.cpu for cost in costs[name])
    of_aws = _ratio(costs[name], costs[AWS])
    return Row(
        what=f"`{name}`",
        median=f"{milliseconds(wall)} (CPU {milliseconds(cpu)})",
        ratio=f"{_ratio(costs[name], costs[EMPTY]):.1f} × python, {of_aws:.2f} × aws",
        runs=ROUNDS,
        goal="at most 0.33 × aws" if name == OURS else "",
        is_reached=of_aws <= GOAL if name == OURS else None,
    )


def _ratio(these: list[Cost], those: list[Cost]) -> float:
    return median(this.wall / that.wall for this, that in zip(these, those, strict=True))
