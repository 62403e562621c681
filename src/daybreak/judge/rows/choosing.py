"""Which tables are read in a limited time: what carries most risk first, and of equal risk as many tables as possible.

The law: it is chosen before anything is read, from a rate that was measured in this clone; what does not fit is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from daybreak.model.requests import Depth

PASSES: dict[Depth, float] = {"quick": 0.0, "standard": 6.0, "full": 31.0}
"""How often a validation of each depth reads a table, measured in plain scans of it (the benchmark of validations)."""

RESERVE = 0.4
"""The part of the time that is kept for what a rate does not show: locks, a slow disk, the tables of the source."""


class Risk(IntEnum):
    """How much depends on a table, the most first."""

    EXPECTED = 0
    """Its owner expects something of it."""
    SHORT = 1
    """It is smaller than its witnesses say that it was."""
    OTHER = 2


@dataclass(frozen=True)
class Candidate:
    """A table that could be read."""

    database: str
    oid: int
    name: str
    size: int
    """Bytes on disk."""
    risk: Risk = Risk.OTHER


@dataclass(frozen=True)
class Choice:
    """What is read within the time, and what is left out."""

    chosen: frozenset[tuple[str, int]]
    """By database and object id."""
    left_out: tuple[Candidate, ...] = ()
    """Largest first."""

    def has(self, database: str, oid: int) -> bool:
        """Whether a table is read."""
        return (database, oid) in self.chosen


def choose(candidates: Iterable[Candidate], rate: float, left: timedelta, depth: Depth) -> Choice:
    """Choose what fits into ``left`` at ``rate`` bytes of a plain scan a second.

    >>> small, big = Candidate("app", 1, "small", 1), Candidate("app", 2, "big", 90)
    >>> paid = Candidate("app", 3, "paid", 50, Risk.EXPECTED)
    >>> choice = choose([small, big, paid], rate=60, left=timedelta(seconds=10), depth="standard")
    >>> [each.name for each in choice.left_out]
    ['big']
    """
    room = rate * left.total_seconds() * (1 - RESERVE)
    chosen: set[tuple[str, int]] = set()
    out: list[Candidate] = []
    for each in sorted(candidates, key=lambda one: (one.risk, one.size, one.database, one.name)):
        cost = each.size * PASSES[depth]
        if cost <= room:
            room -= cost
            chosen.add((each.database, each.oid))
        else:
            out.append(each)
    return Choice(frozenset(chosen), tuple(sorted(out, key=lambda one: -one.size)))
