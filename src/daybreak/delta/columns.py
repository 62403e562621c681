"""Which columns of one table on two sides are one column. Pure.

A renamed column keeps its number and its rows, and one that was dropped and added again is another: the columns that a copy was
born with are paired by their numbers. From its birth each side gives out its own, and equal numbers mean nothing: what a copy
added or changed itself is paired by name, and so are the columns of two tables that have only their name in common.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from daybreak.model.names import printable
from daybreak.postgres.shapes import Column, Shape


@dataclass(frozen=True)
class PairedColumns:
    """A table's columns, paired as far as possible."""

    both: tuple[tuple[Column, Column], ...]
    """Base's column and now's, of those that can be compared, in base's order."""
    key: tuple[Column, ...]
    """Base's columns of the primary key that both sides have, in the key's order; empty without one."""
    left_out: dict[str, str]
    """Why a column cannot be compared, by the name that base calls it, or that now does where base lacks it."""

    @property
    def in_now(self) -> dict[str, str]:
        """What now calls each column of base."""
        return {ours.name: theirs.name for ours, theirs in self.both}

    @property
    def enums(self) -> frozenset[str]:
        """The columns, as base calls them, of which both sides have one enum, by its object id."""
        return frozenset(ours.name for ours, theirs in self.both if ours.is_enum and ours.kind_id == theirs.kind_id)


def pair_columns(base: Shape, now: Shape, inborn: Collection[int] = ()) -> PairedColumns:
    """Pair the columns of one table: of now those ``inborn`` by their numbers, all others by their names."""
    numbers = {column.number: column for column in now.columns if column.number in inborn}
    names = {column.name: column for column in now.columns if column.number not in inborn}
    both: list[tuple[Column, Column]] = []
    left_out: dict[str, str] = {}
    for column in base.columns:
        is_inborn = column.number in numbers
        other = numbers.pop(column.number) if is_inborn else names.pop(column.name, None)
        why = "now lacks it" if other is None else _difference(column, other, is_inborn=is_inborn)
        if why:
            left_out[column.name] = why
        elif other is not None:
            both.append((column, other))
    in_now = {ours.name: theirs.name for ours, theirs in both}
    for column in (*numbers.values(), *names.values()):
        if column.name in in_now:
            why = f"base lacks it: what base calls so is {printable(in_now[column.name])} in now"
        elif column.name in left_out:
            why = "base and now each have a column of this name that the other lacks"
        else:
            why = "base lacks it"
        left_out[column.name] = why
    return PairedColumns(tuple(both), _key_of_both(base, now, both), dict(sorted(left_out.items())))


def _difference(base: Column, now: Column, *, is_inborn: bool) -> str:
    """Why two columns that are one cannot be compared; empty where they can."""
    if "v" in (base.generated, now.generated):
        return "it is computed when it is read"
    if base.form != now.form:
        return "its type was changed since, so that the same value reads otherwise"
    # A type may have been renamed too.
    if base.kind == now.kind or (is_inborn and base.kind_id == now.kind_id):
        return ""
    return f"it is {printable(base.kind)} in base and {printable(now.kind)} in now"


def _key_of_both(base: Shape, now: Shape, both: list[tuple[Column, Column]]) -> tuple[Column, ...]:
    theirs = {ours.name: column.name for ours, column in both}
    is_same = [theirs.get(column.name) for column in base.key] == [column.name for column in now.key]
    return base.key if is_same else ()
