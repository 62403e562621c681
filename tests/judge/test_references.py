"""Orphans and index contents judged: what is broken here alone is unfit, what could not be read is never right."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.judge.indexes import index_contents
from daybreak.judge.references import keys_with_orphans, no_orphans
from daybreak.model.answers import IndexContents, IndexRead, Orphans, Passed, References, Silence, Unread
from daybreak.model.findings import Standing
from daybreak.model.thoroughness import Thoroughness
from tests.judge.rows.fix_rows import SOME_TIME

FIT, UNFIT, UNKNOWN, LEFT_OUT = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN, Standing.LEFT_OUT
ALL = Thoroughness()
LOCKED = Unread(table=1, name="public.a.k", why="lock timeout")
TORN = Unread(table=1, name="public.a.k", why="invalid page", is_damaged=True)


def _key(rows: int, *, name: str = "public.c.fk", is_validated: bool = True) -> Orphans:
    return Orphans(key=name, table=1, is_validated=is_validated, rows=rows)


def _references(*keys: Orphans, **changes: Any) -> References:
    return References.model_validate({"asked": "q", "took": SOME_TIME, "keys": keys} | changes)


@pytest.mark.parametrize(
    ("answer", "source", "standing"),
    [
        (_references(_key(0)), None, FIT),
        (_references(), None, FIT),
        (_references(_key(3)), None, UNFIT),
        (_references(_key(3)), _references(_key(3)), FIT),
        (_references(_key(3)), _references(_key(2)), UNFIT),
        (_references(_key(3)), Silence(asked="q", why="gone"), UNFIT),
        (_references(_key(3, is_validated=False)), None, FIT),
        (_references(_key(0), unread=(LOCKED,)), None, UNKNOWN),
        (_references(_key(0), unread=(TORN,)), None, UNFIT),
        (_references(_key(1), unread=(LOCKED,)), None, UNFIT),
        (Silence(asked="q", why="nobody answered"), None, UNKNOWN),
    ],
)
def test_orphans_that_the_source_does_not_have_are_unfit(
    answer: References | Silence, source: References | Silence | None, standing: Standing
) -> None:
    """A validated constraint says that there are none; only the source's own can explain them."""
    assert no_orphans(answer, source, ALL).standing is standing


def test_a_key_that_is_not_enforced_is_reported_as_such() -> None:
    """It never claimed anything, which is another thing than not to be validated yet."""
    finding = no_orphans(_references(_key(3, is_validated=False).model_copy(update={"is_enforced": False})), None, ALL)
    assert (finding.standing, "NOT ENFORCED" in finding.details[0].why) == (FIT, True)


def test_an_orphan_names_its_constraint_and_how_many_rows() -> None:
    """Whoever mends it begins there."""
    answer = _references(_key(1234), _key(0, name="public.d.fk"))
    finding = no_orphans(answer, None, ALL)
    assert "public.c.fk: 1,234 orphan rows" in finding.found
    assert [line.name for line in finding.details] == ["public.c.fk"]
    assert keys_with_orphans(answer) == {"public.c.fk"}


def test_a_turn_says_how_many_it_read() -> None:
    """And one that has nothing to read leaves the box out."""
    some = Thoroughness(sample=10, turn=2)
    finding = no_orphans(_references(_key(0), left_out=9), None, some)
    assert "1 of 10 foreign keys, turn 3 of 10 of --sample 10" in finding.found
    assert no_orphans(_references(left_out=9), None, some).standing is LEFT_OUT


def _contents(*read: IndexRead, **changes: Any) -> IndexContents:
    return IndexContents.model_validate({"asked": "q", "took": SOME_TIME, "read": read} | changes)


SOUND = IndexRead(index="public.t.i", ways=("amcheck",))
BROKEN = IndexRead(index="public.t.j", ways=("amcheck",), trouble="item order invariant violated")


@pytest.mark.parametrize(
    ("answer", "standing"),
    [
        (_contents(SOUND), FIT),
        (_contents(), FIT),
        (_contents(SOUND, BROKEN), UNFIT),
        (_contents(SOUND, unread=(LOCKED,)), UNKNOWN),
        (_contents(BROKEN, unread=(LOCKED,)), UNFIT),
        (Silence(asked="q", why="nobody answered"), UNKNOWN),
    ],
)
def test_a_damaged_index_is_unfit_and_an_unread_one_unknown(
    answer: IndexContents | Silence, standing: Standing
) -> None:
    """A query by a damaged index returns wrong answers in silence."""
    assert index_contents(answer, ALL).standing is standing


def test_what_was_left_out_by_choice_makes_nothing_unknown_and_is_named() -> None:
    """A way that nobody could go is said too: a walk sees less than the server's own checker."""
    walked = IndexRead(index="public.t.i", ways=("walk",))
    twin = Passed(name="public.t.twin", why="the planner prefers another")
    finding = index_contents(_contents(walked, passed=(twin,), why_walked="amcheck is not installed"), ALL)
    assert finding.standing is FIT
    assert "by a walk in their order; pages above an index's leaves were not read" in finding.found
    assert "public.t.twin" in finding.found


def test_what_is_wrong_with_an_index_is_told_first() -> None:
    """With its name, what the checker said, and which kinds nobody checks."""
    passed = (Passed(name="2 gin", why="deeper"), Passed(name="1 hnsw", why="nobody", is_beyond=True))
    finding = index_contents(_contents(SOUND, BROKEN, passed=passed), ALL)
    words = "public.t.j: item order invariant violated; 1 of 2 indexes sound, by amcheck; not read: 2 gin, 1 hnsw"
    assert finding.found == words
    lines = [("public.t.j", UNFIT), ("2 gin", LEFT_OUT), ("1 hnsw", Standing.BEYOND)]
    assert [(line.name, line.standing) for line in finding.details] == lines
    assert index_contents(_contents(left_out=4), Thoroughness(sample=10)).standing is LEFT_OUT
