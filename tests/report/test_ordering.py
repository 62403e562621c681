"""The statements of a replay come in an order that the taker's foreign keys and unique values allow."""

from __future__ import annotations

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from daybreak.model.delta import DifferentRow, Reference, TableDelta
from daybreak.report.ordering import Order, Stage, Verb, order_of, updates_in_order

VERBS: tuple[Verb, ...] = ("insert", "update", "delete")


def _table(name: str, *, unique: tuple[str, ...] = (), within: tuple[str, ...] = ()) -> TableDelta:
    return TableDelta(name=name, spelled=name, unique=unique, within=within)


def _reference(
    by: str, to: str, *, is_deferrable: bool = False, on_delete: Literal["check", "restrict", "act"] = "check"
) -> Reference:
    name = f"{by}_{to}"
    return Reference(
        name=name, by=by, columns=("a",), table=to, others=("id",), is_deferrable=is_deferrable, on_delete=on_delete
    )


def _stages(*names: str) -> set[Stage]:
    return {(name, verb) for name in names for verb in VERBS}


def _is_before(order: Order, one: Stage, other: Stage) -> bool:
    return order.stages.index(one) < order.stages.index(other)


def test_what_a_row_points_to_is_there_before_it_and_goes_after_it() -> None:
    """Whatever the tables are called, and also where a partition stands for the table that has the key."""
    for within in ((), ("root",)):
        tables = [_table("a", within=within), _table("z")]
        order = order_of(tables, _stages("a", "z"), [_reference("root" if within else "a", "z")])
        assert order.loosened == ()
        assert _is_before(order, ("z", "insert"), ("a", "insert"))
        assert _is_before(order, ("z", "insert"), ("a", "update"))
        assert _is_before(order, ("a", "update"), ("z", "delete"))
        assert _is_before(order, ("a", "delete"), ("z", "delete"))


def test_a_unique_value_is_given_back_before_it_is_taken() -> None:
    """Where a foreign key wants it the other way round, that one key is loosened, and no other."""
    stages = _stages("a", "z", "y")
    alone = order_of([_table("z", unique=("email",))], _stages("z"), [])
    assert alone.stages == (("z", "delete"), ("z", "update"), ("z", "insert"))
    keys = [_reference("a", "z"), _reference("a", "y")]
    order = order_of([_table("a"), _table("y"), _table("z", unique=("email",))], stages, keys)
    assert order.loosened == (keys[0],)
    assert not order.is_open
    assert _is_before(order, ("z", "delete"), ("z", "insert"))
    assert _is_before(order, ("y", "insert"), ("a", "update"))
    deferrable = order_of(
        [_table("a"), _table("z", unique=("email",))], _stages("a", "z"), [_reference("a", "z", is_deferrable=True)]
    )
    assert deferrable.loosened == ()


def test_tables_that_point_to_each_other_are_loosened() -> None:
    """What takes rows along, or is checked at once whatever is deferred, goes last all the same."""
    keys = [_reference("a", "b"), _reference("b", "a")]
    assert order_of([_table("a"), _table("b")], _stages("a", "b"), keys).loosened == tuple(keys)
    for how in ("act", "restrict"):
        strict = _reference("a", "z", is_deferrable=True, on_delete=how)
        order = order_of([_table("a"), _table("z")], _stages("a", "z"), [strict])
        assert _is_before(order, ("a", "delete"), ("z", "delete"))
        both = [strict, _reference("z", "a", on_delete=how)]
        assert order_of([_table("a"), _table("z")], _stages("a", "z"), both).is_open


@given(
    keys=st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"), st.booleans()), max_size=6),
    unique=st.sets(st.sampled_from("abcd")),
    stages=st.sets(st.tuples(st.sampled_from("abcd"), st.sampled_from(VERBS))),
)
def test_no_stage_is_lost(keys: list[tuple[str, str, bool]], unique: set[str], stages: set[Stage]) -> None:
    """Whatever points to what."""
    references = [_reference(by, to, on_delete="act" if is_acting else "check") for by, to, is_acting in keys]
    tables = [_table(name, unique=("u",) if name in unique else ()) for name in "abcd"]
    order = order_of(tables, stages, references)
    assert sorted(order.stages) == sorted(stages)


def _row(key: str, before: str, after: str) -> DifferentRow:
    return DifferentRow(kind="differing", key=(key,), values={"u": after}, other_values={"u": before})


def test_updates_pass_a_unique_value_on() -> None:
    """Whoever gives it up comes first; rows that pass it round have no order."""
    table, rows = (
        _table("t", unique=("u",)),
        [_row("1", "'b'", "'c'"), _row("2", "'c'", "'d'"), _row("3", "'a'", "'b'")],
    )
    ordered, is_round = updates_in_order(table, rows)
    assert [row.key for row in ordered] == [("2",), ("1",), ("3",)]
    assert not is_round
    assert updates_in_order(_table("t"), rows) == (rows, False)
    swapped = [_row("1", "'a'", "'b'"), _row("2", "'b'", "'a'")]
    assert updates_in_order(table, swapped) == (swapped, True)
