"""What a cutover leaves behind, in words: what nobody looked at is not known, and never nothing."""

from __future__ import annotations

from datetime import timedelta

from daybreak.model.answers import Silence, Unread
from daybreak.model.delta import Delta, TableDelta, Written
from daybreak.model.value import stamp
from daybreak.plan.behind import words_on_left_behind
from tests import fix_worlds as worlds

AT = stamp(worlds.NOW)
HEAD = f"stays behind, as of {AT}, what the source wrote since the moment: "


def _delta(*tables: TableDelta, **more: object) -> Delta:
    held = {"base": "source", "now": "clone", "began": worlds.NOW, "took": timedelta(seconds=1), "tables": tables}
    return Delta.model_validate(held | more)


def _table(name: str, *, new: int = 0, changed: int = 0, gone: int = 0, own: int = 0, **more: object) -> TableDelta:
    held = {
        "name": name,
        "spelled": name,
        "only_base": new,
        "differing": changed,
        "only_now": gone + own,
        "written": {
            "only_base": Written(base=new),
            "differing": Written(base=changed),
            "only_now": Written(unexplained=gone, now=own),
        },
    }
    return TableDelta.model_validate(held | more)


def test_the_largest_tables_are_named() -> None:
    """New, changed and deleted rows count; what the clone wrote itself does not."""
    tables = [_table("a", new=1), _table("b", new=2, changed=3, gone=1_000), _table("c", new=7), _table("d", changed=2)]
    assert words_on_left_behind({"embi": _delta(*tables, _table("e", own=9))}) == (
        f"{HEAD}1,015 rows (1,005 in b, 7 in c, 2 in d, and 1 more table)",
    )


def test_whole_tables_stay_behind_too() -> None:
    """One that was made since, and one that the source has no more."""
    found = _delta(_table("a", new=1), only_base=("made",), only_now=("dropped",))
    [words] = words_on_left_behind({"embi": found})
    assert words == (
        f"{HEAD}1 row (1 in a); whole tables that the clone lacks (made); "
        "the end of tables that the clone still has (dropped)"
    )


def test_what_was_compared_and_is_alike_is_nothing() -> None:
    """Only where every table was."""
    assert words_on_left_behind({"embi": _delta(equal=3)}) == (f"{HEAD}nothing was found",)


def test_what_was_not_compared_is_not_known() -> None:
    """A database, a table, a column, the rest of a table, rows that changed, and whatever nobody can say the writer of."""
    found = _delta(
        _table("a", new=1, why_incomplete="the time was up"),
        _table("b", left_out={"n": "now lacks it"}),
        _table("c", written={}, new=3),
        unread=(Unread(table=7, name="s", why="it is unlogged"),),
        is_by_key=True,
        cut=2,
    )
    first, second = words_on_left_behind({"embi": found})
    assert first == f"{HEAD}1 row (at least 1 in a)"
    for each in (
        "s (it is unlogged)",
        "a (the time was up)",
        "b (without n)",
        "c (nobody can say who wrote 3 rows)",
        "rows that changed, where keys alone were compared",
        "and 1 more",
    ):
        assert each in second


def test_without_an_answer_nothing_is_known() -> None:
    """Neither is it where one of two databases was silent."""
    silent = Silence(asked="q", why="nobody answers")
    unknown = "what the source wrote since the moment, and stays behind, is not known: "
    assert words_on_left_behind({}) == (f"{unknown}the verdict did not compare the clone with the source",)
    assert words_on_left_behind({"embi": silent}) == (f"{unknown}every table (nobody answers)",)
    first, second = words_on_left_behind({"embi": _delta(_table("a", new=1)), "other": silent})
    assert first == f"{HEAD}1 row (1 in embi: a)"
    assert second == "what else the source wrote since the moment is not known of other: every table (nobody answers)"
    found = _delta(unread=(Unread(table=7, name="s", why="it was left out, to end in time"),))
    assert words_on_left_behind({"embi": found}) == (f"{unknown}s (it was left out, to end in time)",)
