"""A condition is read and never run; what is left out here, the server would leave out too."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daybreak.errors import Refused
from daybreak.model.parquet import TargetColumn
from daybreak.parquet.columns import Assigned, FileColumn, FileKind
from daybreak.parquet.condition import (
    AllOf,
    AnyOf,
    ColumnTest,
    GroupExtent,
    Operator,
    RowCondition,
    comparable_here,
    may_hold,
    parse_condition,
    sql_of,
)
from daybreak.parquet.masks import mask_of


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("a=1", '"a" = 1'),
        ('"A ""b""" != -1.50', '"A ""b""" <> -1.50'),
        ("A IN ('x', 'it''s')", "\"a\" IN ('x', 'it''s')"),
        ("a not in (1) or a IS NOT NULL", '("a" NOT IN (1) OR "a" IS NOT NULL)'),
        ("a between 1 and 2 and b is null", '("a" BETWEEN 1 AND 2 AND "b" IS NULL)'),
        ("(a = 1 OR b = 2) AND c <> true", '(("a" = 1 OR "b" = 2) AND "c" <> TRUE)'),
        ("a = '\\'' ; --'", "\"a\" =  E'\\\\'' ; --'"),
        ("a >= 1e5", '"a" >= 1E+5'),
        ("straße = 'ß'", "\"straße\" = 'ß'"),
    ],
)
def test_a_condition_is_spelled_anew(text: str, sql: str) -> None:
    """The server gets what was understood, with each name and each text quoted by us."""
    assert sql_of(parse_condition(text)) == sql


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a =",
        "= 1",
        "a = b",
        "a = 1 b = 2",
        "a = 1; DROP TABLE x",
        "a = 1 -- so",
        "a = 1 /* so */",
        "a LIKE 'x%'",
        "lower(a) = 'x'",
        "a = now()",
        "a = $1",
        "a = 1::int",
        "a = E'\\n'",
        "a = $$x$$",
        "NOT a = 1",
        "a IS TRUE",
        "a IN ()",
        "a IN (SELECT 1)",
        "a = (1)",
        "a = NULL",
        "a BETWEEN 1",
        "(a = 1",
        "a = 1)",
        "a = 'x",
        "select = 1",
        "a = 0x10",
        "a = 1.2.3",
        "t.a = 1",
        "a = 1e999999999",
        "a = 1\0",
        "(" * 60 + "a = 1" + ")" * 60,
        " OR ".join(["a = 1"] * 1001),
        "a = 1 " + " " * 10_000,
    ],
)
def test_anything_else_is_refused_with_what_may_stand_there(text: str) -> None:
    """A condition that is half understood would take other rows than its author meant."""
    with pytest.raises(Refused) as refusal:
        parse_condition(text)
    assert "COLUMN = VALUE" in refusal.value.hints[0]


def assigned(name: str, kind: FileKind, base: str, *, is_bytewise: bool = True) -> Assigned:
    """A column as the files and the table have it."""
    return Assigned(
        TargetColumn(name=name, type=base, base=base, is_bytewise=is_bytewise), FileColumn(name, kind, kind)
    )


COLUMNS = (
    assigned("i", "integer", "int8"),
    assigned("n", "text", "numeric"),
    assigned("t", "text", "text"),
    assigned("l", "text", "text", is_bytewise=False),
    assigned("c", "text", "bpchar"),
    assigned("f", "float8", "float8"),
    assigned("b", "boolean", "bool"),
)


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("i > 1 AND n > 1", "i > 1"),
        ("i > 1 OR n > 1", None),
        ("(i > 1 OR n IS NULL) AND t = 'x'", "(i > 1 OR n IS NULL) AND t = 'x'"),
        ("i > 1.5", None),
        ("i > 9223372036854775808", None),
        ("i = '1'", None),
        ("t > 'x'", None),  # the order is the collation's
        ("t <> 'x'", None),
        ("l = 'x'", None),  # so is what is equal, in such a one
        ("c = 'x'", None),  # spaces at the end say nothing there
        ("f > 1", None),  # a NaN is more than anything there
        ("b = TRUE AND b < TRUE", "b = TRUE"),
        ("i = TRUE", None),
    ],
)
def test_only_what_compares_alike_is_compared_here(text: str, here: str | None) -> None:
    """An AND may lose a part, since the rest still holds for every wanted row; an OR may not."""
    found = comparable_here(parse_condition(text), COLUMNS)
    assert found == (parse_condition(here) if here else None)


NUMBERS = st.integers(-3, 3)
OPERATORS: dict[Operator, st.SearchStrategy[tuple[int, ...]]] = {
    **dict.fromkeys(("=", "<>", "<", "<=", ">", ">="), st.tuples(NUMBERS)),
    **dict.fromkeys(("between", "not between"), st.tuples(NUMBERS, NUMBERS)),
    **dict.fromkeys(("in", "not in"), st.lists(NUMBERS, min_size=1, max_size=3).map(tuple)),
    **dict.fromkeys(("null", "not null"), st.just(())),
}
QUESTIONS = st.sampled_from(sorted(OPERATORS)).flatmap(
    lambda operator: st.builds(ColumnTest, st.sampled_from("xy"), st.just(operator), OPERATORS[operator])
)


def joined(kind: type[AllOf | AnyOf]) -> Callable[[st.SearchStrategy[RowCondition]], st.SearchStrategy[RowCondition]]:
    """Several conditions as one."""
    return lambda parts: st.lists(parts, min_size=2, max_size=3).map(lambda found: kind(tuple(found)))


CONDITIONS = st.recursive(QUESTIONS, lambda parts: joined(AllOf)(parts) | joined(AnyOf)(parts), max_leaves=6)
VALUES = st.lists(st.tuples(NUMBERS | st.none(), NUMBERS | st.none()), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(wanted=CONDITIONS, rows=VALUES)
def test_rows_and_groups_are_chosen_as_sql_chooses(
    wanted: RowCondition, rows: list[tuple[int | None, int | None]]
) -> None:
    """Another database agrees on each row, nulls among them; and no group is skipped that has a wanted one."""
    with sqlite3.connect(":memory:") as memory:
        memory.execute("CREATE TABLE t (x, y)")
        memory.executemany("INSERT INTO t VALUES (?, ?)", rows)
        found = memory.execute(f"SELECT rowid - 1 FROM t WHERE {sql_of(wanted)}").fetchall()
    memory.close()
    x, y = (pa.array([row[index] for row in rows], pa.int32()) for index in (0, 1))
    mask = mask_of(wanted, pa.record_batch([x, y], names=["x", "y"])).to_pylist()
    assert [number for number, is_wanted in enumerate(mask) if is_wanted] == [number for [number] in found]
    extents = {}
    for name, column in (("x", x), ("y", y)):
        values = [value for value in column.to_pylist() if value is not None]
        bounds = (min(values), max(values)) if values else (None, None)
        extents[name] = GroupExtent(len(rows), column.null_count, *bounds)
    assert may_hold(wanted, extents) or not found
    assert may_hold(wanted, {name: GroupExtent(len(rows)) for name in extents})


def test_a_text_is_repeated_by_a_number_and_compared_once() -> None:
    """The mask of a dictionary is that of its values."""
    column = pa.array(["a", None, "b", "a"]).dictionary_encode()
    batch = pa.record_batch([column], names=["t"])
    assert mask_of(parse_condition("t = 'a'"), batch).to_pylist() == [True, None, False, True]
    assert mask_of(parse_condition("t IN ('b', 'c') OR t IS NULL"), batch).to_pylist() == [False, True, True, False]
