"""A finding is a sentence for people: its times are the screens', whatever the database and the clock said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from daybreak.judge.expectations import owners
from daybreak.judge.objects.findings import Witnesses
from daybreak.judge.rows.counts import RowWitnesses, row_counts
from daybreak.judge.rows.recency import Recency, recent
from daybreak.judge.rows.tables import all_tables
from daybreak.model.answers import OwnerAnswer
from daybreak.model.findings import Finding
from daybreak.model.targets import Expectation, SqlCheck
from tests.fix_stamps import long_stamps
from tests.judge.objects.test_findings import item, judged, stock
from tests.judge.rows import fix_rows as rows

ODD = timedelta(microseconds=758_869)
MOMENT = rows.MOMENT


def _findings() -> Iterator[Finding]:
    """What the judges say of times that have microseconds, as databases and clocks do."""
    tables = rows.tables("employees", "payroll")
    tables = tables.model_copy(
        update={"tables": tuple(each.model_copy(update={"clocks": ("updated_at",)}) for each in tables.tables)}
    )
    taken = MOMENT - timedelta(hours=1) + ODD
    baseline = rows.baseline({"employees": 5, "payroll": 1}, stands_for=taken)
    for newest in (MOMENT - timedelta(minutes=1) + ODD, MOMENT + timedelta(minutes=1) + ODD):
        answer = rows.counts({"employees": 5, "payroll": 1}, tables)
        until = newest if newest <= MOMENT else None
        dated = {"clock": "updated_at", "newest": newest, "newest_until": until}
        answer = answer.model_copy(update={"counted": tuple(each.model_copy(update=dated) for each in answer.counted)})
        yield row_counts(answer, tables, {}, RowWitnesses(baseline))
        for wish in ({}, {"employees": Expectation(freshness="updated_at")}):
            for slack in (timedelta(0), timedelta(hours=1)):
                yield recent(answer, tables, Recency(MOMENT + ODD / 2, timedelta(minutes=5), wish, slack))
    yield all_tables(tables, None, {}, baseline)
    role = item("role", facts={"valid until": f"{(MOMENT + ODD).isoformat()}"})
    later = item("role", facts={"valid until": f"{(MOMENT + 2 * ODD + timedelta(days=1)).isoformat()}"})
    yield from judged(stock(role), Witnesses(source=stock(later), baseline=baseline.inventory)).values()
    for expect in (">= 2024-01-01", "> yesterday"):
        value = (MOMENT + ODD).isoformat()
        yield owners(
            SqlCheck(name="paid", sql="SELECT now()", expect=expect),
            OwnerAnswer(asked="", took=timedelta(0), kind="instant", value=value),
        )


def test_no_text_of_a_finding_has_a_long_stamp() -> None:
    """Twenty-seven characters of time, of which the last ten say nothing, hide what the sentence is about."""
    found = [each.plain() for each in _findings()]
    assert long_stamps(found) == []
    assert str(found).count("2024-01-15T14:29:00Z") >= 4, "the whole second that it lies in"
    assert "valid until: 2024-01-15T14:30:00Z" in str(found)


def test_an_owner_is_held_to_the_whole_answer() -> None:
    """What is shown short is compared as it is."""
    at = (MOMENT + ODD).isoformat()
    answer = OwnerAnswer(asked="", took=timedelta(0), kind="instant", value=at)
    wanted = [SqlCheck(name="c", sql="SELECT", expect=f"{sign} {MOMENT.isoformat()}") for sign in (">", "=")]
    assert [owners(each, answer).standing.value for each in wanted] == ["fit", "unfit"]


@pytest.mark.parametrize("text", ["12:00:00.123456", "2026-01-01T12:34:56+00:00", "2026-01-01 12:34:56.1234+00"])
def test_a_long_stamp_is_known(text: str) -> None:
    """Or the test above would pass by itself."""
    assert long_stamps([{"why": f"as of {text}, at last"}])
    assert not long_stamps(["2024-01-15T14:30:00Z", "2024-01-15T15:30:00+01:00[Europe/Berlin]"])
