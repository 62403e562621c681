"""An application that cannot get in is told from one that nobody asked, and both from one that is well."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.judge.application import (
    Knock,
    WayIn,
    authentication,
    connects,
    detail_of_managed_secret,
    functions,
    health,
    kind_of,
)
from daybreak.model import checks
from daybreak.model.answers import Silence
from daybreak.model.entries import Admission, Page, Turned
from daybreak.model.findings import Standing
from daybreak.model.targets import HealthCheck

FIT, UNFIT, UNKNOWN, WAIVED = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN, Standing.WAIVED
TOOK = timedelta(milliseconds=3)
SILENT = Silence(asked="a login", why="nobody answers", took=TOOK)
AWAY = Turned(asked="a login", why="password authentication failed", took=TOOK)


def _in(**changes: Any) -> Admission:
    defaults: dict[str, Any] = {
        "asked": "a login",
        "took": TOOK,
        "role": "embi_app",
        "tables": 12,
        "readable": 10,
        "read": "public.employees",
    }
    return Admission(**(defaults | changes))


def _knock(entry: WayIn, whose: str = "the application") -> Knock:
    return Knock(whose, "managed secret", entry)


@pytest.mark.parametrize(
    ("entry", "standing"),
    [
        (_in(), FIT),
        (_in(read=""), FIT),
        (_in(readable=0, read="", callable=3), FIT),
        (_in(tables=0, readable=0, read=""), FIT),
        (_in(readable=0, read=""), UNFIT),
        (AWAY, UNFIT),
        (SILENT, UNKNOWN),
    ],
)
def test_the_application_gets_in_and_can_read(entry: WayIn, standing: Standing) -> None:
    """Being let in to a database of which one may read nothing is not being let in."""
    assert connects(_knock(entry)).standing is standing


def test_the_finding_says_who_got_in_and_how_much_that_role_may() -> None:
    """An application that comes as superuser is worth a second look."""
    found = connects(_knock(_in(is_superuser=True))).found
    assert "embi_app" in found
    assert "a superuser" in found
    assert "10 of 12" in found


def test_what_nobody_configured_is_unknown_and_says_what_to_write() -> None:
    """An empty box must lead to a line in a file."""
    for finding, word in (
        (connects(None), "[targets.NAME.application]"),
        (authentication(()), "[targets.NAME] login"),
        (health(()), "[[targets.NAME.health]]"),
        (functions(()), "[[targets.NAME.checks]]"),
    ):
        assert finding.standing is UNKNOWN
        assert word in finding.why
        assert "waivers" in finding.why


def test_one_login_that_is_turned_away_decides_and_silence_is_not_a_no() -> None:
    """A secret that was rotated since the moment fits no more."""
    good, away, dark = _knock(_in(), "one"), _knock(AWAY, "two"), _knock(SILENT, "three")
    assert authentication((good,)).standing is FIT
    assert authentication((good, dark)).standing is UNKNOWN
    found = authentication((dark, good, away))
    assert found.standing is UNFIT
    assert [each.standing for each in found.details] == [UNFIT, UNKNOWN, FIT]


def test_a_managed_secret_that_is_gone_is_found_unless_it_was_meant() -> None:
    """RDS does not make it again, and the old password goes on working, unrotated."""
    good = _knock(_in())
    gone = detail_of_managed_secret(source_has=True, clone_has=False, reason=None)
    assert authentication((good,), gone).standing is UNFIT
    meant = detail_of_managed_secret(source_has=True, clone_has=False, reason="not managed in the clone")
    assert authentication((good,), meant).standing is FIT
    assert detail_of_managed_secret(source_has=False, clone_has=False, reason=None) is None


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("iam:embi_app", "IAM token for embi_app"),
        ("secretsmanager:embi/app", "password in the secret embi/app"),
        ("secretsmanager:arn:x", "managed secret"),
        ("secretsmanager:rds!cluster-1", "managed secret"),
        ("ssm:/embi/app", "password in the parameter /embi/app"),
        ("env:APP", "password in the environment"),
    ],
)
def test_each_kind_of_login_is_called_by_its_name(reference: str, kind: str) -> None:
    """Whoever reads it knows where to look for the password."""
    assert kind_of(reference, "arn:x") == kind


PAGE = HealthCheck(name="api", url="https://x/", contains="ok")


def _page(**changes: Any) -> Page:
    defaults: dict[str, Any] = {"asked": "GET", "took": TOOK, "status": 200, "text": '{"state": "ok"}'}
    return Page(**(defaults | changes))


@pytest.mark.parametrize(
    ("answer", "standing"),
    [
        (_page(), FIT),
        (_page(status=503), UNFIT),
        (_page(status=302, leads_to="/login"), UNFIT),
        (_page(text="down"), UNFIT),
        (_page(text="x", is_cut=True), UNFIT),
        (AWAY, UNFIT),
        (SILENT, UNKNOWN),
    ],
)
def test_a_page_is_well_when_it_says_so(answer: Page | Turned | Silence, standing: Standing) -> None:
    """A redirect to the login page has status 200 at its end, which is why it is not followed."""
    assert health([(PAGE, answer)]).standing is standing
    if standing is not FIT:
        assert health([(PAGE, _page()), (PAGE, answer)]).standing is standing


def test_the_owners_questions_are_summed_up() -> None:
    """One box of the runbook, however many questions."""
    asked = checks.owners_check("payroll")
    fit, unfit, dark = asked.fit("1", "1"), asked.unfit("1", "0"), asked.unknown("1", "no answer")
    given_up = asked.leave_out("1", "jo: not today").model_copy(update={"standing": Standing.WAIVED})
    for own, standing in (
        ([fit], FIT),
        ([fit, given_up], FIT),
        ([fit, dark], UNKNOWN),
        ([fit, dark, unfit], UNFIT),
    ):
        assert functions(own).standing is standing
