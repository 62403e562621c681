"""Which tables are read in a limited time: what carries most risk first, and of equal risk as many tables as possible.

The law: it is chosen before anything is read, from a rate that was measured in this clone; what does not fit is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

import humanize

from daybreak.model import checks
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.moment import span_in_words
from daybreak.model.names import comma_list, printable
from daybreak.model.thoroughness import Depth

MOST_NAMES = 5

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
    """What does not fit into the time."""

    within: timedelta
    left_out: tuple[Candidate, ...] = ()
    """Largest first."""

    @property
    def words(self) -> str:
        """What is left out, in a sentence for whoever waits; empty where all fits."""
        if not self.left_out:
            return ""
        size = humanize.naturalsize(sum(each.size for each in self.left_out))
        names = comma_list([f"{printable(each.database)}: {each.name}" for each in self.left_out], MOST_NAMES)
        return f"{len(self.left_out)} tables of {size} do not fit into --within {span_in_words(self.within)} and are left out: {names}"


def with_left_out(finding: Finding, choice: Choice | None, database: str) -> Finding:
    """The finding of a check that reads rows, with a line for what the time left out."""
    out = [each for each in choice.left_out if each.database == database] if choice else []
    if not choice or not out or finding.check not in _OF_ROWS or not finding.standing.is_answer:
        return finding
    size = humanize.naturalsize(sum(each.size for each in out))
    line = Detail(
        name=comma_list([each.name for each in out], MOST_NAMES),
        standing=Standing.LEFT_OUT,
        found="not read",
        why=f"{size} do not fit into --within {span_in_words(choice.within)}",
    )
    return finding.model_copy(update={"details": (*finding.details, line)})


_OF_ROWS = frozenset(
    each.name
    for each in (
        checks.ROWS,
        checks.SOURCE_ROWS,
        checks.RECENT,
        checks.CONTENT,
        checks.ORPHANS,
        checks.INDEX_CONTENTS,
        checks.CONSTRAINTS,
        checks.SEQUENCES,
    )
)
"""The checks that read tables."""


def choose(
    candidates: Iterable[Candidate], rate: float, left: timedelta, depth: Depth, within: timedelta | None = None
) -> Choice:
    """Choose what fits into ``left`` at ``rate`` bytes of a plain scan a second; ``within`` is what a person asked for.

    >>> small, big = Candidate("app", 1, "small", 1), Candidate("app", 2, "big", 90)
    >>> paid = Candidate("app", 3, "paid", 50, Risk.EXPECTED)
    >>> choice = choose([small, big, paid], rate=60, left=timedelta(seconds=10), depth="standard")
    >>> [each.name for each in choice.left_out]
    ['big']
    """
    room = rate * left.total_seconds() * (1 - RESERVE)
    out: list[Candidate] = []
    for each in sorted(candidates, key=lambda one: (one.risk, one.size, one.database, one.name)):
        cost = each.size * PASSES[depth]
        if cost <= room:
            room -= cost
        else:
            out.append(each)
    return Choice(within or left, tuple(sorted(out, key=lambda one: -one.size)))
