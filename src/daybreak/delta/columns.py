"""Which columns of one table on two sides are one column. Pure.

A renamed column keeps its number and its rows, and one that was dropped and added again is another: a copy's columns are paired
by their numbers. Two tables that have no more than their name in common are paired by their columns' names.
"""

from __future__ import annotations

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


def pair_columns(base: Shape, now: Shape, *, is_by_number: bool) -> PairedColumns:
    """Pair the columns of one table by their numbers, or by their names."""
    others: dict[int | str, Column] = {_mark(column, is_by_number): column for column in now.columns}
    both: list[tuple[Column, Column]] = []
    left_out: dict[str, str] = {}
    for column in base.columns:
        other = others.pop(_mark(column, is_by_number), None)
        why = "now lacks it" if other is None else _difference(column, other, is_by_number)
        if why:
            left_out[column.name] = why
        elif other is not None:
            both.append((column, other))
    in_now = {ours.name: theirs.name for ours, theirs in both}
    for column in others.values():
        if column.name in in_now:
            why = f"base lacks it: what base calls so is {printable(in_now[column.name])} in now"
        elif column.name in left_out:
            why = "base and now each have a column of this name that the other lacks"
        else:
            why = "base lacks it"
        left_out[column.name] = why
    return PairedColumns(tuple(both), _key_of_both(base, now, both), dict(sorted(left_out.items())))


def _mark(column: Column, is_by_number: bool) -> int | str:  # noqa: FBT001
    return column.number if is_by_number else column.name


def _difference(base: Column, now: Column, is_by_number: bool) -> str:  # noqa: FBT001
    """Why two columns that are one cannot be compared; empty where they can."""
    if "v" in (base.generated, now.generated):
        return "it is computed when it is read"
    # A type may have been renamed too.
    if base.kind == now.kind or (is_by_number and base.kind_id == now.kind_id):
        return ""
    return f"it is {printable(base.kind)} in base and {printable(now.kind)} in now"


def _key_of_both(base: Shape, now: Shape, both: list[tuple[Column, Column]]) -> tuple[Column, ...]:
    theirs = {ours.name: column.name for ours, column in both}
    is_same = [theirs.get(column.name) for column in base.key] == [column.name for column in now.key]
    return base.key if is_same else ()
