"""Rows beside a baseline and a live source: loss is found, and what time explains is not called loss."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.judge.rows.counts import RowWitnesses, compare_tables, row_counts, rows_by_estimate, suspects
from daybreak.model.answers import Estimates, RowEstimate, Silence, Testimony, Unread
from daybreak.model.baseline import DatabaseBaseline
from daybreak.model.findings import Finding, Standing
from daybreak.model.targets import Expectation
from tests.judge.rows.fix_rows import MOMENT, SOME_TIME, baseline, counts, tables

FIT, UNFIT, UNKNOWN, LEFT_OUT = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN, Standing.LEFT_OUT
HERE = tables("orders", "countries")
STATIC = {"countries": Expectation(is_static=True)}


def _judged(
    rows: dict[str, int],
    was: DatabaseBaseline | Silence | None,
    configured: dict[str, Expectation] | None = None,
    source: dict[str, int] | None = None,
    **changes: Any,
) -> Finding:
    there = counts(source, HERE) if source is not None else None
    heard: dict[int, Testimony] = changes.pop("testimonies", {})
    earlier: tuple[DatabaseBaseline, ...] = changes.pop("earlier", ())
    witnesses = RowWitnesses(was, there, heard, earlier)
    return row_counts(counts(rows, HERE, **changes), HERE, configured or {}, witnesses)


def test_a_clone_that_grew_is_fit_and_each_table_is_told() -> None:
    """Between the baseline and the moment people worked."""
    finding = _judged({"orders": 1200, "countries": 200}, baseline({"orders": 1000, "countries": 200}))
    assert finding.standing is FIT
    assert "2 of 2 tables hold to the baseline" in finding.found
    assert [(line.name, line.expected, line.found) for line in finding.details] == [
        ("public.orders", "at least 950", "1,200"),
        ("public.countries", "at least 190", "200"),
    ]


@pytest.mark.parametrize(("rows", "standing"), [(950, FIT), (949, UNFIT), (0, UNFIT)])
def test_a_table_may_shrink_by_five_percent_and_no_more(rows: int, standing: Standing) -> None:
    """People delete too; nobody deletes a tenth of their orders in an hour."""
    assert _judged({"orders": rows}, baseline({"orders": 1000})).standing is standing


def test_an_owner_may_allow_more_but_never_an_emptied_table() -> None:
    """A queue shrinks by half; one that was full and is empty is what a bad restore leaves."""
    loose = {"orders": Expectation(shrink=100)}
    assert _judged({"orders": 400}, baseline({"orders": 1000}), {"orders": Expectation(shrink=60)}).standing is FIT
    assert _judged({"orders": 1}, baseline({"orders": 1000}), loose).standing is FIT
    assert _judged({"orders": 0}, baseline({"orders": 1000}), loose).standing is UNFIT


@pytest.mark.parametrize(("rows", "standing"), [(200, FIT), (199, UNFIT), (201, UNFIT)])
def test_a_static_table_holds_exactly_what_it_held(rows: int, standing: Standing) -> None:
    """Nobody writes to it, so there is no tolerance, in either direction."""
    assert _judged({"countries": rows}, baseline({"countries": 200}), STATIC).standing is standing


@pytest.mark.parametrize(("rows", "standing"), [(1000, FIT), (999, UNFIT), (1001, UNFIT)])
def test_where_no_transaction_came_between_every_row_is_the_same(rows: int, standing: Standing) -> None:
    """The counter of transactions is restored with the data."""
    was = baseline({"orders": 1000}, marks={"orders": 2**32 + 77})
    assert _judged({"orders": rows}, was, next_xid=77).standing is standing


def test_where_no_transaction_came_between_the_source_explains_nothing() -> None:
    """It cannot have lost by the moment what it still had at the baseline, however far the table fell before."""
    was = baseline({"orders": 1000}, marks={"orders": 77})
    past = (baseline({"orders": 0}, stands_for=MOMENT - timedelta(days=1)),)
    judged = _judged({"orders": 300}, was, source={"orders": 300}, earlier=past, next_xid=77)
    assert (judged.standing, judged.details[0].why) == (UNFIT, "the baseline has 1,000")


def test_one_table_was_written_to_after_its_instant_and_another_was_not() -> None:
    """Only the one whose snapshot is the clone's must have exactly its rows."""
    here = tables("orders", "countries")
    instants = {"orders": MOMENT - timedelta(minutes=20), "countries": MOMENT - timedelta(minutes=5)}
    was = baseline({"orders": 1000, "countries": 200}, marks={"orders": 70, "countries": 77}, instants=instants)
    compared = compare_tables(counts({"orders": 1001, "countries": 201}, here, next_xid=77), here, {}, was)
    assert {each.table.name: each.is_kept for each in compared} == {"orders": True, "countries": False}
    finding = row_counts(counts({"orders": 1001, "countries": 200}, here, next_xid=77), here, {}, RowWitnesses(was))
    assert "its tables read between 2024-01-15T14:10:00Z and 2024-01-15T14:25:00Z" in finding.expected


@pytest.mark.parametrize(
    ("table", "rows", "was", "there"),
    [("orders", 300, 1000, 310), ("orders", 0, 1000, 0), ("countries", 199, 200, 199)],
)
@pytest.mark.parametrize(
    ("earlier", "standing", "why"),
    [
        ([], UNKNOWN, "fewer than in the baseline, in the source too"),
        ([1.0], UNFIT, "the moment probably lies after the accident"),
        ([1.0, 0.0, 1.0], FIT, "have fallen by"),
    ],
)
def test_the_source_does_not_acquit_a_loss_that_it_shows_too(
    *, table: str, rows: int, was: int, there: int, earlier: list[float], standing: Standing, why: str
) -> None:
    """The source is the accused; only what the table did by itself before speaks for it."""
    past = tuple(
        baseline({table: round(was * part)}, stands_for=MOMENT - timedelta(days=number))
        for number, part in enumerate(reversed(earlier), 1)
    )
    finding = _judged({table: rows}, baseline({table: was}), STATIC, {table: there}, earlier=past)
    assert finding.standing is standing
    assert why in finding.details[0].why


def test_a_loss_that_the_source_does_not_show_is_the_clones() -> None:
    """Whatever happened to the table before."""
    past = (baseline({"orders": 0}, stands_for=MOMENT - timedelta(days=1)),)
    assert _judged({"orders": 300}, baseline({"orders": 1000}), source={"orders": 900}, earlier=past).standing is UNFIT
    assert _judged({"orders": 0}, baseline({"orders": 1000}), source={"orders": 1}, earlier=past).standing is UNFIT
    assert _judged({"countries": 199}, baseline({"countries": 200}), STATIC, {"countries": 198}).standing is UNFIT


def test_what_its_owner_calls_volatile_is_reported_only() -> None:
    """A queue that was worked off is no accident."""
    volatile = {"orders": Expectation(is_volatile=True)}
    finding = _judged({"orders": 0}, baseline({"orders": 1000}), volatile, {"orders": 0})
    assert finding.standing is FIT
    assert "volatile" in finding.found
    assert _judged({"orders": 0}, baseline({"orders": 1000}), volatile, {"orders": 900}).standing is UNFIT


def test_a_loss_leads_back_to_the_baseline_that_has_the_rows() -> None:
    """The next command restores to the moment of the newest one that has them."""
    assert "daybreak plan pitr embi --to 2024-01-15T13:30:00Z" in _judged({"orders": 3}, baseline({"orders": 9})).found


def test_rows_that_the_source_still_has_clear_the_clone_and_not_the_source() -> None:
    """The source has grown again since: what it has from before the moment is here, so it lost the rest before."""
    heard = Testimony(table=1, name="public.orders", rows=5000, old=300, here=300)
    was, older = baseline({"orders": 1000}), (baseline({"orders": 1000}, stands_for=MOMENT - timedelta(days=1)),)
    judged = _judged({"orders": 300}, was, testimonies={1: heard}, earlier=older)
    assert judged.standing is UNFIT
    assert "after the accident" in judged.details[0].why
    assert _judged({"orders": 300}, was, testimonies={1: heard}).standing is UNKNOWN
    lost = heard.model_copy(update={"lost": 1})
    assert "the baseline has 1,000" in _judged({"orders": 300}, was, testimonies={1: lost}).details[0].why


def test_a_source_that_was_not_heard_to_the_end_shows_no_loss() -> None:
    """Neither by the rows that there was time for, nor by rows that are all younger than the clone."""
    was = baseline({"orders": 1000})
    part = Testimony(table=1, name="public.orders", rows=250, old=200, here=300, share=0.5)
    young = Testimony(table=1, name="public.orders", rows=5000, old=0, here=0)
    for rows, heard in ((300, part), (0, young)):
        finding = _judged({"orders": rows}, was, testimonies={1: heard})
        assert finding.standing is UNFIT
        assert finding.details[0].why.startswith("the baseline has 1,000")


def test_only_what_fell_short_is_asked_of_the_source() -> None:
    """The source serves its own people meanwhile."""
    was = baseline({"orders": 1000, "countries": 200})
    assert suspects(counts({"orders": 10, "countries": 200}, HERE), HERE, {}, was) == {"public.orders"}
    assert suspects(counts({"orders": 10}, HERE), HERE, {}, None) == frozenset()


def test_an_estimate_condemns_only_an_emptied_table() -> None:
    """The planner's number may be off by any factor, but not from many to none."""
    was = baseline({"orders": 1000}, is_exact=False)
    assert _judged({"orders": 3}, was).standing is FIT
    assert _judged({"orders": 0}, was).standing is UNFIT


def test_an_unlogged_table_is_another_checks_business() -> None:
    """It is empty after every restore."""
    listed = tuple(table.model_copy(update={"is_unlogged": True}) for table in HERE.tables)
    here = HERE.model_copy(update={"tables": listed})
    assert row_counts(counts({"orders": 0}, here), here, {}, RowWitnesses(baseline({"orders": 9}))).standing is FIT


def test_a_witness_that_cannot_be_heard_leaves_the_rows_unknown() -> None:
    """The plan chose a baseline; whoever ignores that it cannot be read has compared with nothing."""
    lost = Silence(asked="the baseline", why="its file was changed")
    assert _judged({"orders": 5}, lost).standing is UNKNOWN
    assert _judged({"orders": 5}, baseline({"orders": 5}, database="other")).standing is UNKNOWN


def test_a_damaged_table_is_unfit_and_an_unread_one_unknown_whatever_the_baseline_says() -> None:
    """A table that could not be read to its end is never right."""
    torn = Unread(table=2, name="public.countries", why="invalid page", is_damaged=True)
    locked = torn.model_copy(update={"why": "lock timeout", "is_damaged": False})
    was = baseline({"orders": 1000, "countries": 200})
    assert _judged({"orders": 1000}, was, unread=(torn,)).standing is UNFIT
    assert _judged({"orders": 1000}, was, unread=(locked,)).standing is UNKNOWN


def _estimates(*each: RowEstimate) -> Estimates:
    return Estimates(asked="q", took=SOME_TIME, tables=each, newest=counts({}, HERE))


def test_a_glance_counts_nothing_and_says_so() -> None:
    """An estimate is shown as one, and the box is left out, not ticked."""
    known = _estimates(
        RowEstimate(table=1, name="public.orders", rows=970), RowEstimate(table=2, name="public.countries")
    )
    finding = rows_by_estimate(known, HERE, {}, None)
    assert finding.standing is LEFT_OUT
    assert finding.found.startswith("about 970 rows in 2 tables")
    assert "never analyzed: public.countries" in finding.found
    assert "--depth quick" in finding.why


def test_a_glance_still_finds_a_file_that_holds_nothing() -> None:
    """A file of no bytes has no rows: that needs no counting."""
    empty = _estimates(RowEstimate(table=1, name="public.orders", rows=0, is_empty=True))
    assert rows_by_estimate(empty, HERE, {}, baseline({"orders": 1000})).standing is UNFIT
    assert rows_by_estimate(empty, HERE, {"orders": Expectation(min_rows=1)}, None).standing is UNFIT
    assert rows_by_estimate(empty, HERE, {"orders": Expectation(min_rows=0)}, None).standing is LEFT_OUT
    assert rows_by_estimate(empty, HERE, {}, baseline({"orders": 0})).standing is LEFT_OUT


def test_each_table_that_was_not_counted_has_a_line() -> None:
    """Who waives one table must not waive what stands in the sentence alone."""
    unread = (Unread(table=1, name="public.orders", why="its row security hides rows"),)
    answer = counts({}, HERE).model_copy(update={"counted": (), "unread": unread})
    finding = row_counts(answer, HERE, {"orders": Expectation(min_rows=1)})
    assert [(line.name, line.standing) for line in finding.details] == [("public.orders", UNKNOWN), ("orders", UNKNOWN)]
    assert finding.is_by_lines
