"""Turns of a sample: over a round each table is read once, and no turn is much heavier than another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daybreak.judge.rows.sample import turn_of, turns_of
from daybreak.model.answers import Table
from daybreak.model.thoroughness import Thoroughness


def _table(number: int, size: int) -> Table:
    return Table(oid=number, namespace="public", name=f"t{number}", kind="table", size=size)


@given(sizes=st.lists(st.integers(0, 10**12), max_size=60), sample=st.integers(1, 100), first=st.integers(0, 500))
def test_a_round_reads_each_table_exactly_once(sizes: list[int], sample: int, first: int) -> None:
    """Wherever it begins: a damage that no turn looks at is never found."""
    tables = [_table(number, size) for number, size in enumerate(sizes)]
    turns = [turn_of(tables, Thoroughness(sample=sample, turn=turn)) for turn in range(first, first + turns_of(sample))]
    read = [oid for turn in turns for oid in turn]
    assert sorted(read) == [table.oid for table in tables]


@given(sizes=st.lists(st.integers(0, 10**9), min_size=1, max_size=60), sample=st.integers(2, 100))
def test_turns_are_balanced_by_bytes(sizes: list[int], sample: int) -> None:
    """Nobody waits ten times as long on a Tuesday: no turn exceeds the lightest by more than its largest table."""
    tables = {number: _table(number, size) for number, size in enumerate(sizes)}
    loads = [
        sum(tables[oid].size for oid in turn_of(tables.values(), Thoroughness(sample=sample, turn=turn)))
        for turn in range(turns_of(sample))
    ]
    assert max(loads) - min(loads) <= max(sizes) + len(sizes)


def test_the_whole_is_one_turn() -> None:
    """Without a sample everything is read every time."""
    tables = [_table(1, 5), _table(2, 7)]
    assert turn_of(tables, Thoroughness(turn=41)) == {1, 2}
