"""Which tables of two databases are one table. Pure.

A copy shares its source's object ids up to its birth; from there on each side gives out its own, and equal ids mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from daybreak.model.answers import Table, Unread
from daybreak.model.birth import Birth
from daybreak.model.delta import Side


@dataclass(frozen=True)
class Pair:
    """One table on both sides."""

    base: Table
    now: Table
    matched: Literal["object id", "name"] = "object id"

    def at(self, side: Side) -> Table:
        """The table on one side."""
        return self.base if side == "base" else self.now

    @property
    def size(self) -> int:
        """Bytes on disk, of both."""
        return self.base.size + self.now.size


@dataclass(frozen=True)
class Pairing:
    """All tables of two databases, paired as far as possible."""

    pairs: tuple[Pair, ...]
    unread: tuple[Unread, ...]
    only_base: tuple[str, ...]
    only_now: tuple[str, ...]
    namesakes: tuple[str, ...] = ()
    """Names in either list under which the other side has another table."""


def pair_tables(base: Sequence[Table], now: Sequence[Table], birth: Birth | None) -> Pairing:
    """Pair tables by object id where it is from before the birth, else by name; smallest first.

    Without a birth equal ids count only where the names are equal too.
    """
    ours = [table for table in base if table.is_counted]
    theirs = {table.oid: table for table in now if table.is_counted}
    pairs: list[Pair] = []
    for table in ours:
        other = theirs.get(table.oid)
        if other is not None and _is_one(table, other, birth):
            pairs.append(Pair(table, other))
    met, known = {pair.base.oid for pair in pairs}, {pair.now.oid for pair in pairs}
    by_name = {(table.namespace, table.name): table for table in theirs.values() if table.oid not in known}
    for table in ours:
        other = by_name.get((table.namespace, table.name))
        if table.oid not in met and other is not None:
            pairs.append(Pair(table, other, "name"))
    met, known = {pair.base.oid for pair in pairs}, {pair.now.oid for pair in pairs}
    unlogged = [pair for pair in pairs if pair.base.is_unlogged or pair.now.is_unlogged]
    return Pairing(
        pairs=tuple(sorted((pair for pair in pairs if pair not in unlogged), key=lambda pair: pair.size)),
        unread=tuple(
            Unread(table=pair.now.oid, name=pair.now.full, why="it is unlogged: a copy begins without its rows")
            for pair in unlogged
        ),
        only_base=tuple(table.full for table in ours if table.oid not in met),
        only_now=tuple(table.full for oid, table in theirs.items() if oid not in known),
        namesakes=tuple(
            sorted(
                {table.full for table in ours if table.oid not in met} & {table.full for table in theirs.values()}
                | {table.full for oid, table in theirs.items() if oid not in known} & {table.full for table in ours}
            )
        ),
    )


def _is_one(base: Table, now: Table, birth: Birth | None) -> bool:
    if birth is None or birth.next_oid is None:
        return (base.namespace, base.name) == (now.namespace, now.name)
    return base.oid < birth.next_oid


def only_wanted(pairing: Pairing, wanted: frozenset[str]) -> Pairing:
    """What of a pairing is about some tables, by schema and name as either side calls them."""
    return Pairing(
        pairs=tuple(pair for pair in pairing.pairs if {pair.base.full, pair.now.full} & wanted),
        unread=tuple(each for each in pairing.unread if each.name in wanted),
        only_base=tuple(name for name in pairing.only_base if name in wanted),
        only_now=tuple(name for name in pairing.only_now if name in wanted),
        namesakes=tuple(name for name in pairing.namesakes if name in wanted),
    )


def names_of(typed: str, tables: Sequence[Table]) -> frozenset[str]:
    """The tables with rows that a typed name means: with or without a schema; of a partitioned table all its partitions."""
    found = {
        table.oid: table for table in tables if typed in (table.full, table.name, f"{table.namespace}.{table.name}")
    }
    waiting = list(found)
    while waiting:
        parent = waiting.pop()
        for table in tables:
            if table.parent == parent and table.oid not in found:
                found[table.oid] = table
                waiting.append(table.oid)
    return frozenset(table.full for table in found.values() if table.is_counted)
