"""In which order the statements of a replay come, so that no foreign key and no unique value stands in their way. Pure.

The law: what a row points to is there before it, and goes after it; a value that may be in only once is given back before it is taken
anew. Where both cannot be, the foreign keys are loosened until the end of the transaction.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from daybreak.model.delta import DifferentRow, Reference, TableDelta

Verb = Literal["insert", "update", "delete"]
Stage = tuple[str, Verb]
"""All statements of one kind for one table, by its name as SQL."""

_Edge = tuple[Stage, Stage]
"""What comes before what."""

_USUAL: tuple[Verb, ...] = ("insert", "update", "delete")


@dataclass(frozen=True)
class Order:
    """Every stage in its order."""

    stages: tuple[Stage, ...]
    loosened: tuple[Reference, ...] = ()
    """The foreign keys that must be deferrable meanwhile."""
    is_open: bool = False
    """Whether there is no order in which nothing stands in the way."""


def order_of(tables: Sequence[TableDelta], stages: Collection[Stage], references: Sequence[Reference]) -> Order:
    """The order of some tables' stages.

    Foreign keys are loosened only where it cannot be otherwise: it takes the owner of the table, and its writers wait.
    """
    named = {name: [table.spelled for table in tables if name in _names(table)] for name in _all_names(tables)}
    known = [each for each in references if each.by in named and each.table in named]
    unique = {table.spelled for table in tables if table.unique}
    values = [edge for name in sorted(unique) for edge in _of_values(name)]
    strict = tuple(each for each in known if not each.is_deferrable)
    at_unique = tuple(each for each in strict if unique & set(named[each.table]))
    for loosened in ((), at_unique, strict):
        edges = [
            edge for each in known for edge in _of_keys(each, named, is_loose=each.is_deferrable or each in loosened)
        ]
        if found := _sort_stages(stages, [*edges, *values]):
            return Order(found, loosened)
    edges = [edge for each in known for edge in _of_keys(each, named, is_loose=True)]
    return Order(_sort_stages(stages, edges) or tuple(_usual(stages)), strict, is_open=True)


def _names(table: TableDelta) -> tuple[str, ...]:
    return (table.spelled, *table.within)


def _all_names(tables: Sequence[TableDelta]) -> frozenset[str]:
    return frozenset(name for table in tables for name in _names(table))


def _usual(stages: Collection[Stage]) -> list[Stage]:
    return sorted(stages, key=lambda stage: (stage[0], _USUAL.index(stage[1])))


def _sort_stages(stages: Collection[Stage], edges: Sequence[_Edge]) -> tuple[Stage, ...]:
    """The stages, each after all that come before it and else in the order of the tables' names; empty where there is none."""
    before: dict[Stage, set[Stage]] = {stage: set() for stage in _usual(stages)}
    for one, other in edges:
        if one in before and other in before:
            before[other].add(one)
    sorter = TopologicalSorter(before)
    try:
        sorter.prepare()
    except CycleError:
        return ()
    found: list[Stage] = []
    ready: list[tuple[str, int]] = []
    while sorter.is_active():
        for name, verb in sorter.get_ready():
            heapq.heappush(ready, (name, _USUAL.index(verb)))
        name, place = heapq.heappop(ready)
        found.append((name, _USUAL[place]))
        sorter.done(found[-1])
    return tuple(found)


def _of_values(name: str) -> Iterator[_Edge]:
    yield (name, "delete"), (name, "update")
    yield (name, "delete"), (name, "insert")
    yield (name, "update"), (name, "insert")


def _of_keys(reference: Reference, named: Mapping[str, Sequence[str]], *, is_loose: bool) -> Iterator[_Edge]:
    """What of the tables that have a foreign key must come before or after what of those that it points to."""
    for by in named[reference.by]:
        for to in named[reference.table]:
            if not is_loose:
                yield (to, "insert"), (by, "update")
            if not is_loose and by != to:
                # Rows of one table are put in by one statement, at whose end the key is checked; so is what goes.
                yield (to, "insert"), (by, "insert")
            if not is_loose or reference.on_delete != "check":
                yield (by, "update"), (to, "delete")
            if (not is_loose or reference.on_delete != "check") and by != to:
                yield (by, "delete"), (to, "delete")


def updates_in_order(table: TableDelta, rows: Sequence[DifferentRow]) -> tuple[list[DifferentRow], bool]:
    """UPDATEs of one table so that a value that may be in only once is given back before another row takes it.

    Also whether rows pass such values round, so that there is no such order.
    """
    if not table.unique:
        return list(rows), False
    gives = {(name, row.other_values.get(name)): number for number, row in enumerate(rows) for name in row.values}
    before: dict[int, set[int]] = {
        number: {
            gives[name, value]
            for name, value in row.values.items()
            if name in table.unique and value != "NULL" and gives.get((name, value), number) != number
        }
        for number, row in enumerate(rows)
    }
    try:
        return [rows[number] for number in TopologicalSorter(before).static_order()], False
    except CycleError:
        return list(rows), True
