"""The verdict is fit only when nothing speaks against it and nothing is left unknown."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from daybreak.judge.verdict import verdict_of
from daybreak.model import checks
from daybreak.model.findings import Detail, Finding, Level, Standing

_findings = st.lists(
    st.builds(
        Finding,
        check=st.text(max_size=5),
        level=st.sampled_from(Level),
        title=st.just("a box"),
        standing=st.sampled_from(Standing),
        expected=st.just("this"),
        found=st.just("that"),
        why=st.just("because"),
    ),
    max_size=8,
)


@given(_findings)
def test_fit_means_that_something_was_asked_and_all_of_it_is_fit(findings: list[Finding]) -> None:
    """The promise of the whole tool: no false green, and none over nothing."""
    standings = {finding.standing for finding in findings}
    verdict = verdict_of(findings)
    if Standing.UNFIT in standings:
        assert verdict.standing is Standing.UNFIT
    elif Standing.UNKNOWN in standings or Standing.FIT not in standings:
        assert verdict.standing is Standing.UNKNOWN
    else:
        assert verdict.standing is Standing.FIT


@given(_findings)
def test_every_bad_and_every_unknown_finding_is_a_reason(findings: list[Finding]) -> None:
    """Who reads only the verdict must still learn all of it."""
    bad = [finding for finding in findings if finding.standing in (Standing.UNFIT, Standing.UNKNOWN)]
    reasons = [reason for reason in verdict_of(findings).reasons if reason.check is not None]
    assert Counter(reason.check for reason in reasons) == Counter(finding.check for finding in bad)


@given(_findings)
def test_what_was_not_asked_is_named_and_is_no_reason(findings: list[Finding]) -> None:
    """Left out, waived and beyond reach are told apart from each other and from what should have been read."""
    verdict = verdict_of(findings, "standard depth")
    named = Counter(each.check for each in (*verdict.not_asked, *verdict.beyond))
    ways = (Standing.WAIVED, Standing.LEFT_OUT, Standing.BEYOND)
    assert named == Counter(finding.check for finding in findings if finding.standing in ways)
    assert verdict.scope == "standard depth" or not findings


def test_lines_that_were_not_read_are_named_beside_a_fit_check() -> None:
    """A check that is fit over ten things and left out two says so; the two kinds do not mix."""
    lines = (
        Detail(name="a", standing=Standing.LEFT_OUT, why="no time"),
        Detail(name="b", standing=Standing.LEFT_OUT, why="no time"),
        Detail(name="c", standing=Standing.BEYOND, why="no SQL reads it"),
        Detail(name="d", standing=Standing.FIT),
    )
    verdict = verdict_of([checks.INDEXES.fit("valid", "4 valid").model_copy(update={"details": lines})])
    assert [each.text for each in verdict.not_asked] == [f"{checks.INDEXES.title}: a, b (no time)"]
    assert [each.text for each in verdict.beyond] == ["c (no SQL reads it)"]
    assert verdict.standing is Standing.FIT
