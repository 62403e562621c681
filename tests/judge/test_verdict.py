"""The verdict is fit only when nothing speaks against it and nothing is left unknown."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from daybreak.judge.verdict import verdict_of
from daybreak.model.findings import Finding, Level, Standing

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
def test_fit_means_that_every_single_finding_is_fit_or_waived(findings: list[Finding]) -> None:
    """The promise of the whole tool: no false green."""
    standings = {finding.standing for finding in findings}
    verdict = verdict_of(findings)
    if not findings or (Standing.UNFIT not in standings and Standing.UNKNOWN in standings):
        assert verdict.standing is Standing.UNKNOWN
    elif Standing.UNFIT in standings:
        assert verdict.standing is Standing.UNFIT
    else:
        assert verdict.standing is Standing.FIT


@given(_findings)
def test_every_bad_and_every_unknown_finding_is_a_reason(findings: list[Finding]) -> None:
    """Who reads only the verdict must still learn all of it."""
    bad = [finding for finding in findings if finding.standing in (Standing.UNFIT, Standing.UNKNOWN)]
    reasons = verdict_of(findings).reasons
    assert len(reasons) == max(len(bad), 0 if findings else 1)
    assert Counter(reason.check for reason in reasons if findings) == Counter(finding.check for finding in bad)
