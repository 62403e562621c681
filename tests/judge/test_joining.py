"""One finding of a cluster from those of its databases."""

from __future__ import annotations

import pytest

from daybreak.judge.joining import DatabaseEntry, join_findings
from daybreak.model import checks
from daybreak.model.findings import Finding, Standing

FIT = checks.ROWS.fit("every table counted", "7 rows in 2 tables")
UNFIT = checks.ROWS.unfit("every table counted", "damaged: public.t")
NOTHING = checks.ROWS.leave_out("every table counted", "there is no table to count")


def lines(finding: Finding) -> list[tuple[str, Standing]]:
    """Its lines by their full names."""
    return [(line.full, line.standing) for line in finding.details]


@pytest.mark.parametrize("found", [FIT, UNFIT])
def test_a_database_without_tables_leaves_no_gap_where_another_answered(found: Finding) -> None:
    """Every cluster has an empty ``postgres``: a verdict that names it each time is read by nobody."""
    joined = join_findings({"embi": found, "postgres": NOTHING}, without_tables=["postgres"])
    assert joined.standing is found.standing
    assert [line for line in lines(joined) if line[0].startswith("postgres")] == []


def test_a_database_with_tables_of_which_nothing_was_asked_is_named() -> None:
    """There something was left out."""
    joined = join_findings({"embi": FIT, "billing": NOTHING}, without_tables=["postgres"])
    assert lines(joined) == [("billing: the whole database", Standing.LEFT_OUT)]


def test_where_nothing_has_tables_nothing_was_asked() -> None:
    """A verdict over nothing is not fit."""
    joined = join_findings({"one": NOTHING, "two": NOTHING}, without_tables=["one", "two"])
    assert joined.standing is Standing.LEFT_OUT
    alone = join_findings({"one": NOTHING}, without_tables=["one"])
    assert alone == NOTHING


def test_a_database_that_was_not_entered_is_named_and_the_worst_decides() -> None:
    """Whether the clone is fit is one answer; where it is not, each database says so."""
    absent = [DatabaseEntry("closed", Standing.UNKNOWN, "it takes no connections")]
    joined = join_findings({"embi": FIT, "billing": UNFIT}, absent)
    assert joined.standing is Standing.UNFIT
    assert joined.found == "billing: damaged: public.t"
    assert lines(joined) == [("closed", Standing.LEFT_OUT)]
