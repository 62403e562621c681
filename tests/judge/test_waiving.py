"""A waiver needs a person and a reason, and hides nothing."""

from __future__ import annotations

import pytest

from daybreak.judge.waiving import waive
from daybreak.model import checks
from daybreak.model.findings import Detail, Finding, Standing
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


_LINES = (
    Detail(name="public.frt", standing=Standing.UNKNOWN, why="its row security hides rows"),
    Detail(name="public.c1.c1_pkey", standing=Standing.UNFIT, found="damaged"),
    Detail(name="public.c10", standing=Standing.FIT),
)
_C1, _FRT, _C10 = (Waiver(check="data.rows", table=f"public.{name}", by="Jo", why="x") for name in ("c1", "frt", "c10"))


@pytest.mark.parametrize(
    ("waivers", "standing"),
    [
        ((_C1,), Standing.UNKNOWN),
        ((_FRT,), Standing.UNFIT),
        ((_C10,), Standing.UNFIT),
        ((_C1, _FRT), Standing.WAIVED),
    ],
)
def test_a_waiver_of_a_table_acquits_no_other(waivers: tuple[Waiver, ...], standing: Standing) -> None:
    """The rest of the check counts as before; only where nothing is left is the check waived."""
    finding = checks.ROWS.unfit("all", "damaged").model_copy(update={"details": _LINES, "is_by_lines": True})
    told = waive(finding, waivers)
    assert told.standing is standing
    assert "public.frt" in told.why or standing is not Standing.UNKNOWN


def test_a_reason_without_a_line_is_not_waived_with_the_lines() -> None:
    """The more was damaged, the greener a check became whose other reasons stood in its sentence alone."""
    finding = checks.ROWS.unknown("all", "not compared: the baseline cannot be read").model_copy(
        update={"details": _LINES[:1]}
    )
    told = waive(finding, (_FRT,))
    assert told.standing is Standing.UNKNOWN
    assert told.details[0].standing is Standing.WAIVED
