"""What the source lost, in sentences: none claims more than was compared."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.model.answers import Silence, Unread
from daybreak.model.delta import Delta, TableDelta
from daybreak.report.losses import loss_in_brief, loss_lines
from tests import fix_worlds as worlds


def _delta(*tables: TableDelta, **more: object) -> Delta:
    held = {"base": "source", "now": "clone", "began": worlds.NOW, "took": timedelta(seconds=1), "tables": tables}
    return Delta.model_validate(held | more)


def _table(name: str, **more: object) -> TableDelta:
    return TableDelta.model_validate({"name": name, "spelled": name} | more)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (_table("t", why_incomplete="the time was up"), "not compared to the end: t (the time was up)"),
        (_table("t", left_out={"n": "now lacks it"}), "compared without some columns: t (n)"),
        (_table("t", by="counts", why_incomplete="no key"), "not seen row by row, without a primary key: t"),
    ],
)
def test_a_table_that_was_not_compared_in_whole_is_not_alike(table: TableDelta, sentence: str) -> None:
    """Nothing that differs was found in it, and that is no proof that nothing does."""
    found = _delta(table, _table("whole"))
    for each in (found, found.condense()):
        assert each.alike == 1
        assert sentence in loss_lines({"app": each})
    assert "1 table not compared in whole" in loss_in_brief({"app": found})


def test_numbers_that_are_lower_bounds_say_so() -> None:
    """Of a table that was only counted nobody knows which rows are gone."""
    found = _delta(_table("t", by="counts", only_now=90, why_incomplete="no key"), _table("u", only_now=1, by="keys"))
    assert loss_lines({"app": found})[:2] == [
        "t: at least 90 rows in the clone and not in the source",
        "u: 1 row in the clone and not in the source",
    ]
    assert loss_in_brief({"app": found}).startswith("lacks at least 91 rows in 2 tables (t 90, u 1)")


def test_what_was_not_asked_is_named() -> None:
    """A silence is no loss of nothing."""
    assert loss_lines({}) == []
    assert loss_in_brief({"app": Silence(asked="q", why="nobody answers")}) == "was not compared: nobody answers"
    found = _delta(unread=(Unread(table=7, name="s", why="it is unlogged"),))
    assert "not compared: s (it is unlogged)" in loss_lines({"app": found})
    assert loss_in_brief({"app": found}) == "lacks nothing that the clone has, in 0 tables; 1 table not compared"
