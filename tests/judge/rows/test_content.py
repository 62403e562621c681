"""Content beside a baseline: a difference where nobody may write is damage, elsewhere it is work."""

from __future__ import annotations

import pytest

from daybreak.judge.rows.content import (
    ContentWitnesses,
    content,
    tables_of_same_form,
    tables_that_fall_short,
    tables_with_other_content,
)
from daybreak.judge.waiving import waive
from daybreak.model.answers import Silence, Unread
from daybreak.model.baseline import DatabaseBaseline
from daybreak.model.delta import Delta, TableDelta, Written
from daybreak.model.findings import Finding, Standing
from daybreak.model.inventory import Inventory, Item, ItemKind
from daybreak.model.targets import Expectation, Waiver
from daybreak.model.thoroughness import Thoroughness
from tests.judge.rows.fix_rows import MOMENT, SOME_TIME, baseline, counts, tables

FIT, UNFIT, UNKNOWN, LEFT_OUT = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN, Standing.LEFT_OUT
HERE = tables("orders", "countries")
STATIC = {"countries": Expectation(is_static=True)}
ROWS = {"orders": 5, "countries": 2}
SAME = {"orders": "5:1", "countries": "2:9"}
FULL = Thoroughness(depth="full")


def _judged(
    prints: dict[str, str], was: DatabaseBaseline | Silence | None, source: Delta | None = None, **changes: object
) -> Finding:
    answer = counts(ROWS, HERE, fingerprints=prints, **changes)
    return content(answer, HERE, STATIC, ContentWitnesses(was, source), FULL)


def _delta(**differences: dict[str, object]) -> Delta:
    """The source against the clone: in each table what differs, nothing where nothing is said."""
    lines = tuple(
        TableDelta.model_validate(
            {"name": f"public.{name}", "spelled": name, "rows_now": rows, "rows_base": rows} | differences.get(name, {})
        )
        for name, rows in ROWS.items()
    )
    return Delta(base="source", now="clone", began=MOMENT, took=SOME_TIME, tables=lines)


def _by(kind: str, rows: int, **written: int) -> dict[str, object]:
    return {kind: rows, "written": {kind: Written(**written)}}


def test_the_same_content_is_fit_and_work_is_told() -> None:
    """A table in use differs from an hour ago; that is what it is for."""
    was = baseline(ROWS, fingerprints=SAME)
    assert _judged(SAME, was).standing is FIT
    finding = _judged({**SAME, "orders": "6:3"}, was)
    assert (finding.standing, finding.details[0].why) == (FIT, "written to since the baseline")


def test_a_static_table_of_other_content_is_unfit() -> None:
    """As many rows, but not the same: only the fingerprint sees it."""
    was = baseline(ROWS, fingerprints=SAME)
    torn = {**SAME, "countries": "2:8"}
    assert _judged(torn, was).standing is UNFIT
    assert _judged(torn, was, source=_delta()).standing is FIT, "somebody changed it, and the source shows that"
    part = _delta(countries={"left_out": {"name": "it is text in base and integer in now"}})
    assert _judged(torn, was, source=part).standing is UNFIT, "a column that was not compared may be the one"
    swapped = _delta(countries={"base_name": "public.states"})
    assert _judged(torn, was, source=swapped).standing is UNFIT, "the source has these rows under another name"
    moved = _delta(countries=_by("differing", 1, base=1))
    assert _judged(torn, was, source=moved).standing is UNFIT, "that the source wrote later does not acquit it"
    assert tables_with_other_content(counts(ROWS, HERE, fingerprints=torn), HERE, STATIC, was) == {"public.countries"}


def test_where_no_transaction_came_between_every_table_is_the_same() -> None:
    """Then a difference anywhere is damage."""
    was = baseline(ROWS, fingerprints=SAME, marks=dict.fromkeys(ROWS, 77))
    assert _judged({**SAME, "orders": "6:3"}, was, next_xid=77).standing is UNFIT
    assert _judged({**SAME, "orders": "6:3"}, was, next_xid=78).standing is FIT


@pytest.mark.parametrize(("mark", "standing"), [(77, UNFIT), (76, FIT), (None, FIT)])
def test_each_table_is_held_to_its_own_instant(mark: int | None, standing: Standing) -> None:
    """Another table's snapshot may be from before what wrote to this one."""
    was = baseline(ROWS, fingerprints=SAME, next_xid=77, marks={"orders": mark, "countries": 77})
    assert _judged({**SAME, "orders": "6:3"}, was, next_xid=77).standing is standing


@pytest.mark.parametrize(("kept", "standing"), [(5, UNFIT), (4, FIT), (None, FIT)])
def test_where_every_row_is_the_baselines_its_content_is_too(kept: int | None, standing: Standing) -> None:
    """Other tables may have been written to: as many rows as then, all of them from then, are the same rows."""
    was = baseline(ROWS, fingerprints=SAME)
    torn = {**SAME, "orders": "5:3"}
    kept_rows = {"orders": kept}
    assert _judged(torn, was, kept=kept_rows).standing is standing
    assert _judged(torn, was, source=_delta(), kept=kept_rows).standing is FIT, "the source shows the same"
    fewer = baseline({**ROWS, "orders": 6}, fingerprints=SAME)
    assert _judged(torn, fewer, kept=kept_rows).standing is FIT, "rows were deleted since, so somebody wrote"


def test_a_table_is_of_the_same_form_where_no_column_and_no_type_changed() -> None:
    """A column with a default comes without a row being written, and so does the new label of an enum."""
    before = [_item("relation", "public.a"), _item("relation", "public.b"), _item("column", "public.a.x", type="integer"),
              _item("column", "public.b.y", type="mood"), _item("type", "public.mood", labels="good, bad")]  # fmt: skip
    was = Inventory(asked="q", database="embi", items=tuple(before))

    def alike(*items: Item) -> frozenset[str]:
        return tables_of_same_form(Inventory(asked="q", database="embi", items=items), was)

    assert alike(*before) == {"public.a", "public.b"}
    assert alike(*before, _item("column", "public.a.z", type="text"), _item("type", "public.new")) == {"public.b"}
    assert alike(*before[:2], *before[3:]) == {"public.b"}
    assert alike(*before[:-1], _item("type", "public.mood", labels="fine, bad")) == frozenset()
    assert alike(*before[:2], before[-1]) == frozenset(), "the columns could not be read"


def _item(kind: ItemKind, name: str, **facts: str) -> Item:
    return Item(kind=kind, name=name, facts=facts)


@pytest.mark.parametrize(
    ("was", "word"),
    [
        (None, "daybreak baseline TARGET --fingerprint"),
        (baseline(ROWS), "has no fingerprints"),
        (baseline(ROWS, fingerprints=SAME, server_version="16.1"), "PostgreSQL 16"),
        (baseline(ROWS, fingerprints=SAME, encoding="LATIN1"), "LATIN1"),
        (
            baseline(ROWS, fingerprints={"orders": "2:5:1"}),
            "fingerprints are of version 2, this release computes version 1: they cannot be compared; record one with",
        ),
        (Silence(asked="b", why="its file was changed"), "its file was changed"),
    ],
)
def test_what_cannot_be_compared_is_unknown_and_says_why(was: DatabaseBaseline | Silence | None, word: str) -> None:
    """Two sums of different kinds differ always, and say nothing."""
    finding = _judged(SAME, was)
    assert finding.standing is UNKNOWN
    assert word in finding.why


def test_a_database_without_a_table_needs_no_witness() -> None:
    """An empty database that was dropped after the moment was unknown, because its baseline has no fingerprint to hold."""
    empty = counts({}, tables(), fingerprints={})
    assert content(empty, tables(), {}, ContentWitnesses(baseline({}), None), FULL).standing is FIT


def test_a_waiver_of_a_table_that_could_not_be_read_waives_that_one_alone() -> None:
    """The way out that the finding names for a hidden table led nowhere: only the whole check could be waived."""
    hidden = Unread(table=7, name="public.hidden", why="row security may hide rows")
    one = _judged(SAME, baseline(ROWS, fingerprints=SAME), unread=(hidden,))
    waiver = Waiver(check=one.check, table="public.hidden", by="its owner", why="it is theirs")
    assert (one.standing, waive(one, [waiver]).standing) == (UNKNOWN, Standing.WAIVED)
    damaged = _judged({**SAME, "countries": "2:8"}, baseline(ROWS, fingerprints=SAME), unread=(hidden,))
    assert waive(damaged, [waiver]).standing is UNFIT


@pytest.mark.parametrize("depth", ["quick", "standard"])
def test_a_lesser_depth_leaves_it_out_and_says_so(depth: str) -> None:
    """A person chose it; the report shows what was not read."""
    how = Thoroughness.model_validate({"depth": depth})
    finding = content(counts(ROWS, HERE), HERE, {}, ContentWitnesses(), how)
    assert finding.standing is LEFT_OUT
    assert finding.why == f"--depth {depth} does not read content; --depth full does"


def test_a_sample_says_which_part_it_read() -> None:
    """Half of the tables were not looked at: the finding must not look like the whole."""
    how = Thoroughness(depth="full", sample=50, turn=3)
    answer = counts(ROWS, HERE, fingerprints={"orders": "5:1"})
    finding = content(answer, HERE, {}, ContentWitnesses(baseline(ROWS, fingerprints=SAME)), how)
    assert "content of 1 of 2 tables added up, turn 2 of 2 of --sample 50" in finding.found


@pytest.mark.parametrize(
    ("difference", "standing", "word"),
    [
        (_by("differing", 1, unexplained=1), UNFIT, "1 row of another content than in the source, though nobody wrote"),
        (_by("differing", 1, now=1), UNFIT, "1 row written in the clone"),
        (_by("differing", 1, both=1), UNFIT, "1 row written in the clone"),
        (_by("only_now", 2, now=2), UNFIT, "2 rows written in the clone"),
        (_by("only_base", 2, unexplained=2), UNFIT, "2 rows missing that the source has"),
        (_by("differing", 1, base=1), FIT, ""),
        (_by("only_base", 3, base=3), FIT, ""),
        (_by("only_now", 2, unexplained=2), FIT, ""),
        (_by("only_base", 1, unclear=1), UNKNOWN, "no commit time says"),
    ],
)
@pytest.mark.parametrize("was", [baseline(ROWS, fingerprints={**SAME, "orders": "4:4"}), None])
def test_rows_that_differ_are_told_apart_by_who_wrote_them(
    difference: dict[str, object], standing: Standing, word: str, was: DatabaseBaseline | None
) -> None:
    """The source may work on, and delete what it likes; the clone may not write, and nothing may change by itself."""
    finding = _judged(SAME, was, source=_delta(orders=difference))
    assert finding.standing is standing
    assert word in f"{finding.found} {finding.why} {finding.details[0].found}"


@pytest.mark.parametrize(
    ("difference", "names"),
    [
        (_by("only_base", 2, base=2), {"public.orders"}),
        (_by("only_base", 2, base=2) | {"only_now": 1}, set()),
        (_by("only_base", 2, base=2) | {"left_out": {"n": "now lacks it"}}, set()),
        (_by("only_now", 2, unexplained=2), set()),
    ],
)
def test_a_table_that_only_lacks_what_the_source_has_is_asked_about(
    difference: dict[str, object], names: set[str]
) -> None:
    """A queue that empties by itself had rows at the moment that are gone now: it lacks nothing."""
    was = baseline(ROWS, fingerprints={**SAME, "orders": "7:7"})
    answer = counts(ROWS, HERE, fingerprints=SAME)
    assert tables_that_fall_short(answer, was, _delta(orders=difference)) == names
    again = ContentWitnesses(was, _delta(orders=difference), frozenset(names))
    finding = content(answer, HERE, STATIC, again, FULL)
    assert finding.standing is (UNFIT if names else FIT)


def test_without_a_baseline_the_source_is_a_witness_of_what_nobody_wrote_since() -> None:
    """A table of which most rows were written again has no witness, and one that was not compared has none either."""
    finding = _judged(SAME, None, source=_delta())
    assert (finding.standing, finding.found) == (FIT, "content of 2 of 2 tables added up; 2 as in the source now")
    rewritten = _judged(SAME, None, source=_delta(orders=_by("differing", 3, base=3)))
    assert (rewritten.standing, "without a witness: public.orders" in rewritten.found) == (UNKNOWN, True)
    by_key = _judged(SAME, None, source=_delta(orders={"by": "keys"}))
    assert (by_key.standing, "without a witness: public.orders" in by_key.found) == (UNKNOWN, True)
    unfinished = _judged(SAME, None, source=_delta(orders={"why_incomplete": "the time was up"}))
    assert unfinished.standing is UNKNOWN
    known = _judged(SAME, baseline(ROWS, fingerprints=SAME), source=_delta(orders={"why_incomplete": "late"}))
    assert known.standing is FIT, "the baseline is a witness too"
