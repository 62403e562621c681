"""Which tables a validation reads through this time, and the words for what it leaves to another validation.

The law: over a whole round of turns each table is read once. A box that was left out by choice is left out, never fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from daybreak.model.answers import Table
from daybreak.model.checks import NOTHING, Asked, Check
from daybreak.model.findings import Finding
from daybreak.model.thoroughness import Thoroughness


def turns_of(sample: int) -> int:
    """How many turns make a round, so that each table gets its own.

    >>> turns_of(10), turns_of(30), turns_of(100)
    (10, 4, 1)
    """
    return ceil(100 / sample)


def turn_of(tables: Iterable[Table], thoroughness: Thoroughness) -> frozenset[int]:
    """The object ids of this turn's tables: each turn of a round gets about as many bytes as any other.

    The largest table goes first, to the turn that has the fewest bytes. A turn is not chosen by chance, so that nothing is read
    twice in a round while something else is never read.
    """
    number = turns_of(thoroughness.sample)
    sizes = [0] * number
    members: list[set[int]] = [set() for _ in range(number)]
    for table in sorted(tables, key=lambda each: (-each.size, each.full)):
        lightest = sizes.index(min(sizes))
        members[lightest].add(table.oid)
        # An empty table counts too, or all of them would be in one turn.
        sizes[lightest] += table.size + 1
    return frozenset(members[thoroughness.turn % number])


def sample_words(thoroughness: Thoroughness, read: int, left: int, what: str) -> str:
    """How much of the whole was read, in words; empty when it was all.

    >>> sample_words(Thoroughness(sample=10, turn=12), 3, 17, "keys")
    '; 3 of 20 keys, turn 3 of 10 of --sample 10'
    """
    if thoroughness.sample == 100:
        return ""
    turns = turns_of(thoroughness.sample)
    turn = f"turn {thoroughness.turn % turns + 1} of {turns} of --sample {thoroughness.sample}"
    return f"; {read} of {read + left} {what}, {turn}"


def not_this_turn(
    check: Check, expected: str, thoroughness: Thoroughness, what: str, asked: Asked = NOTHING
) -> Finding:
    """The finding of a box for which this turn of the sample has nothing to read, though another turn has."""
    turns = turns_of(thoroughness.sample)
    why = f"--sample {thoroughness.sample} has no {what} in turn {thoroughness.turn % turns + 1} of {turns}"
    return check.leave_out(expected, why, asked)
