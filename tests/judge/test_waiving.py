"""A waiver needs a person and a reason, and hides nothing."""

from __future__ import annotations

import pytest

from daybreak.judge.waiving import waive
from daybreak.model import checks
from daybreak.model.findings import Finding, Standing
from daybreak.model.targets import Waiver

HEALTH = Waiver(check="application.health", by="Jo", why="no page")


@pytest.mark.parametrize(
    ("finding", "standing"),
    [
        (checks.HEALTH.fit("a", "b"), Standing.FIT),
        (checks.HEALTH.unfit("a", "b"), Standing.WAIVED),
        (checks.HEALTH.unknown("a", "silence"), Standing.WAIVED),
        (checks.CONNECTS.unfit("a", "b"), Standing.UNFIT),
    ],
)
def test_only_what_is_not_fit_and_was_named_is_waived(finding: Finding, standing: Standing) -> None:
    """A waiver for one check must not cover another, nor cast doubt on one that is fit."""
    assert waive(finding, (HEALTH,)).standing is standing


def test_who_and_why_stand_beside_what_was_found() -> None:
    """Whoever reads the report may disagree."""
    found = waive(checks.HEALTH.unknown("200", "nobody answers"), (HEALTH,))
    assert (found.expected, found.found) == ("200", "no answer")
    assert found.why == "Jo: no page (it is unknown, nobody answers)"


def test_an_owners_check_is_waived_by_the_name_it_has_in_the_file() -> None:
    """Also where a report has to spell a character out."""
    name = "pay\x1broll"
    finding = checks.owners_check(name).unfit("1", "0")
    assert waive(finding, (Waiver(check=f"owner.{name}", by="Jo", why="x"),)).standing is Standing.WAIVED
