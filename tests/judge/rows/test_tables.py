"""Tables and rows: damage is found, and what could not be read is never right."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.judge.rows.counts import row_counts
from daybreak.judge.rows.tables import all_tables, clock_of, family, tables_meant
from daybreak.model.answers import Count, Counts, Silence, Table, Tables, Unread
from daybreak.model.findings import Standing
from daybreak.model.targets import Expectation
from tests.judge.rows.fix_rows import baseline

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN
_SILENCE = Silence(asked="the tables", why="nobody answered")


def _table(oid: int, name: str, **changes: object) -> Table:
    namespace, _, name = name.rpartition(".")
    defaults = {"oid": oid, "namespace": namespace or "public", "name": name, "kind": "table"}
    return Table.model_validate(defaults | changes)


def _tables(*tables: Table, **changes: object) -> Tables:
    newest = max((table.oid for table in tables), default=0)
    defaults = {"asked": "q", "took": timedelta(0), "database": "embi", "tables": tables, "newest_oid": newest}
    return Tables.model_validate(defaults | changes)


def _count(oid: int, rows: int) -> Count:
    return Count(table=oid, name=f"public.t{oid}", rows=rows)


def _counts(*counted: Count, unread: tuple[Unread, ...] = ()) -> Counts:
    return Counts(asked="q", took=timedelta(seconds=2), counted=counted, unread=unread)


EMPLOYEES, PAYROLL = _table(1, "employees", clocks=("updated_at",)), _table(2, "payroll")
BOTH = _tables(EMPLOYEES, PAYROLL)


def test_all_of_the_sources_tables_are_there() -> None:
    """The plain good case, with how many there are."""
    finding = all_tables(BOTH, BOTH, {})
    assert (finding.standing, finding.found) == (FIT, "2 tables in embi")


def test_a_table_lost_by_the_restore_is_unfit() -> None:
    """Its number is lower than one that did come back, so it was there before."""
    finding = all_tables(_tables(PAYROLL), BOTH, {})
    assert (finding.standing, finding.found) == (UNFIT, "missing: public.employees")


def test_a_partition_that_is_missing_is_a_missing_table() -> None:
    """Its parent is still there and answers queries, with a year less."""
    parent, child = _table(1, "events", kind="partitioned table"), _table(2, "events_2024", kind="partition", parent=1)
    assert all_tables(_tables(parent, newest_oid=9), _tables(parent, child), {}).standing is UNFIT


def test_a_table_newer_than_anything_in_the_clone_is_not_called_lost_nor_fine() -> None:
    """It may have been created after the moment, or be the last one that was lost: a person must look."""
    finding = all_tables(_tables(EMPLOYEES), BOTH, {})
    assert finding.standing is UNKNOWN
    assert "public.payroll" in finding.why


def test_a_table_numbered_past_the_clones_counter_came_after_the_moment() -> None:
    """The counter is restored with the data; nothing numbered past it can have been there."""
    finding = all_tables(_tables(EMPLOYEES, next_oid=2), BOTH, {})
    assert finding.standing is FIT
    assert "not yet there at the moment: public.payroll" in finding.found
    assert all_tables(_tables(EMPLOYEES, next_oid=3), BOTH, {}).standing is UNKNOWN
    assert all_tables(_tables(EMPLOYEES, next_oid=1), BOTH, {}).standing is UNKNOWN, (
        "a counter below a table is no evidence"
    )


@pytest.mark.parametrize("newest_oid", [1, 9])
def test_whether_a_table_was_made_in_time_is_a_matter_of_its_transaction(newest_oid: int) -> None:
    """The order of numbers is not the order of commits: it may have been made in one that was open at the moment."""
    made = PAYROLL.model_copy(update={"made": 77})
    clone, source = _tables(EMPLOYEES, next_oid=3, newest_oid=newest_oid), _tables(EMPLOYEES, made)
    finding = all_tables(clone, source, {}, None, {77: False})
    assert finding.standing is FIT
    assert "not yet there at the moment" in finding.found
    assert all_tables(clone, source, {}, None, {77: True}).standing is UNFIT
    assert all_tables(clone, source, {}, baseline({"payroll": 1}), {77: True}).standing is UNFIT


def test_a_name_that_the_baseline_knew_may_be_another_tables_by_now() -> None:
    """Dropped and made again: before the moment it is no loss, after the moment it is."""
    made = PAYROLL.model_copy(update={"made": 77})
    clone, source = _tables(EMPLOYEES, next_oid=3), _tables(EMPLOYEES, made)
    assert all_tables(clone, source, {}, baseline({"payroll": 1}), {77: False}).standing is UNKNOWN


def test_a_table_that_was_renamed_in_the_source_is_not_missing() -> None:
    """The clone has it under the name that it had at the moment; one that was renamed in the clone is missing."""
    here, there = _table(2, "payroll", named=(70, 60)), _table(2, "wages", made=50, named=(90, 60))
    clone, source = _tables(EMPLOYEES, here), _tables(EMPLOYEES, there)
    finding = all_tables(clone, source, {}, None, {50: True, 60: True, 70: True})
    assert (finding.standing, finding.found) == (FIT, "2 tables in embi; renamed in the source since: public.payroll")
    assert all_tables(clone, source, {}, None, {50: True, 60: True, 70: False}).standing is UNFIT
    assert all_tables(clone, source, {}, None, {50: True}).standing is UNFIT, "nobody knows who gave it its name"


def test_a_table_that_the_source_lost_is_told_and_is_why_one_restores() -> None:
    """A dropped table that came back is the purpose of the whole run."""
    finding = all_tables(BOTH, _tables(PAYROLL), {})
    assert finding.standing is FIT
    assert "gone from the source since: public.employees" in finding.found


def test_a_configured_table_that_is_missing_is_unfit_whatever_the_source_says() -> None:
    """After DROP TABLE the source has it neither; the configuration remembers."""
    assert all_tables(_tables(PAYROLL), _tables(PAYROLL), {"employees": Expectation()}).standing is UNFIT


@pytest.mark.parametrize("source", [None, _SILENCE])
def test_without_the_source_only_configured_tables_allow_a_judgement(source: Silence | None) -> None:
    """Nothing to compare with is not the same as everything being there."""
    assert all_tables(BOTH, source, {}).standing is UNKNOWN
    assert all_tables(BOTH, source, {"public.employees": Expectation()}).standing is FIT
    assert all_tables(BOTH, source, {"absent": Expectation()}).standing is UNFIT


def test_silences_about_the_clone_are_unknown_everywhere() -> None:
    """The law of all checks."""
    assert all_tables(_SILENCE, BOTH, {}).standing is UNKNOWN
    assert row_counts(_SILENCE, BOTH, {}).standing is UNKNOWN
    assert row_counts(_counts(_count(1, 5)), _SILENCE, {}).standing is UNKNOWN


def test_rows_are_summed_and_minimums_hold() -> None:
    """The total is told; a table below its least number is unfit."""
    counts = _counts(_count(1, 1200), _count(2, 34))
    finding = row_counts(counts, BOTH, {"employees": Expectation(min_rows=1000)})
    assert (finding.standing, finding.found) == (FIT, "1,234 rows in 2 tables; employees 1,200")
    assert row_counts(counts, BOTH, {"employees": Expectation(min_rows=1201)}).standing is UNFIT
    assert row_counts(counts, BOTH, {"absent": Expectation(min_rows=0)}).standing is UNFIT
    assert row_counts(counts, BOTH, {}).standing is FIT


def test_a_table_that_was_not_read_is_unknown_and_a_damaged_one_unfit() -> None:
    """A lock says nothing about the rows behind it; a broken page says everything."""
    locked = Unread(table=2, name="public.payroll", why="a lock was held")
    finding = row_counts(_counts(_count(1, 5), unread=(locked,)), BOTH, {})
    assert finding.standing is UNKNOWN
    assert "public.payroll: a lock was held" in finding.why
    broken = locked.model_copy(update={"is_damaged": True, "why": "invalid page"})
    assert row_counts(_counts(_count(1, 5), unread=(broken,)), BOTH, {}).standing is UNFIT
    low = {"employees": Expectation(min_rows=6)}
    assert row_counts(_counts(_count(1, 5), unread=(locked,)), BOTH, low).standing is UNFIT, "one unfit outweighs"


def test_an_empty_database_is_not_fit() -> None:
    """No table at all is what a restore of the wrong thing looks like."""
    assert row_counts(_counts(), _tables(), {}).standing is Standing.LEFT_OUT


def test_a_partitioned_tables_rows_are_those_of_its_partitions() -> None:
    """The parent holds none itself; a foreign partition cannot be counted and must not count as empty."""
    parent = _table(1, "events", kind="partitioned table")
    parts = (_table(2, "e1", kind="partition", parent=1), _table(3, "e2", kind="partition", parent=1))
    tables, wanted = _tables(parent, *parts), {"events": Expectation(min_rows=10)}
    assert row_counts(_counts(_count(2, 6), _count(3, 4)), tables, wanted).standing is FIT
    assert row_counts(_counts(_count(2, 6), _count(3, 3)), tables, wanted).standing is UNFIT
    foreign = _tables(parent, parts[0], _table(3, "e2", kind="foreign table", parent=1))
    assert row_counts(_counts(_count(2, 10)), foreign, wanted).standing is FIT
    assert row_counts(_counts(_count(2, 9)), foreign, wanted).standing is UNKNOWN


def test_a_name_without_its_schema_means_public_first_and_is_never_guessed() -> None:
    """Two schemas with a table of one name: judging the wrong one would be a false green."""
    a, b, public = _table(1, "a.t"), _table(2, "b.t"), _table(3, "public.t")
    assert tables_meant(_tables(a, b, public), "t") == (public,)
    assert tables_meant(_tables(a, b), "b.t") == (b,)
    twins = row_counts(_counts(_count(1, 9), _count(2, 9)), _tables(a, b), {"t": Expectation(min_rows=1)})
    assert twins.standing is UNKNOWN


@pytest.mark.parametrize(
    ("clocks", "configured", "clock"),
    [
        (("created_at", "updated_at"), None, "updated_at"),
        (("born", "createdAt"), None, "createdAt"),
        (("born",), None, ""),
        (("updated_at", "Seen"), "Seen", "Seen"),
        (("updated_at",), "gone", ""),
        ((), None, ""),
    ],
)
def test_the_configured_column_is_taken_else_the_likeliest(
    clocks: tuple[str, ...], configured: str, clock: str
) -> None:
    """A configured column that is not there is not replaced by a guess."""
    assert clock_of(_table(1, "t", clocks=clocks), configured) == clock


def test_a_family_reaches_down_to_the_last_heir() -> None:
    """Partitions have partitions."""
    tables = _tables(_table(1, "a"), _table(2, "b", parent=1), _table(3, "c", parent=2), _table(4, "d"))
    assert [table.oid for table in family(tables, tables.tables[0])] == [1, 2, 3]
