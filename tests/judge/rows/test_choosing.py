"""What is read in a limited time: most risk first, and what is left out is named under each check that reads tables."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from daybreak.judge.rows.choosing import PASSES, RESERVE, Candidate, Choice, Risk, choose, with_left_out
from daybreak.model import checks
from daybreak.model.findings import Standing

MINUTE = timedelta(minutes=1)
_tables = st.lists(
    st.builds(Candidate, st.just("app"), st.integers(1, 9), st.text("abc", min_size=1), st.integers(0, 100), st.sampled_from(Risk)),
    max_size=12,
)  # fmt: skip


@given(_tables, st.integers(1, 1000))
def test_what_is_chosen_fits_into_the_time(tables: list[Candidate], rate: int) -> None:
    """With the reserve kept; and nothing smaller of the same risk is left out for something larger."""
    out = list(choose(tables, rate, MINUTE, "standard").left_out)
    read = list(tables)
    for each in out:
        read.remove(each)
    assert sum(each.size for each in read) * PASSES["standard"] <= rate * 60 * (1 - RESERVE) + 1e-6
    assert all(left.size >= taken.size for left in out for taken in read if left.risk == taken.risk)


def test_a_quick_look_reads_no_table_and_leaves_none_out() -> None:
    """Its estimates cost nothing that a table's size shows."""
    assert choose([Candidate("app", 1, "t", 10**15)], 1, MINUTE, "quick").left_out == ()


def test_what_is_left_out_stands_under_the_checks_that_read_tables_and_under_no_other() -> None:
    """And only under those of its database."""
    choice = Choice(MINUTE, (Candidate("app", 1, "public.big", 5_000_000),))
    told = with_left_out(checks.ROWS.fit("all", "9 rows"), choice, "app")
    assert [(line.name, line.standing) for line in told.details] == [("public.big", Standing.LEFT_OUT)]
    assert "5.0 MB do not fit into --within 1 minute" in told.details[0].why
    for finding, database in ((checks.TABLES.fit("all", "1"), "app"), (checks.ROWS.fit("all", "9 rows"), "other")):
        assert with_left_out(finding, choice, database) == finding
