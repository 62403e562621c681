"""A service that is asked elsewhere than AWS's own is on every screen that a person says yes to, or learns a verdict from."""

from __future__ import annotations

import pytest

from daybreak.assess.protection import protection_of
from daybreak.report.document import as_json, report_of_run
from daybreak.report.html import html
from daybreak.report.markdown.plan import runbook
from daybreak.report.markdown.report import markdown
from daybreak.report.shell import Typist, script
from daybreak.report.text.plan import plan_view
from daybreak.report.text.report import report_view
from daybreak.report.text.status import status_view
from tests import fix_reports as reports
from tests import fix_runs as runs
from tests import fix_worlds as worlds
from tests.fix_golden import printed

EVIL = "https://evil.example.com"
LAB = "http://127.0.0.1:4577"
SEEN = worlds.observation(identity=worlds.identity(elsewhere={"secretsmanager": EVIL}))
PLAN = worlds.plan(seen=SEEN)
REPORT = report_of_run(PLAN, runs.finished(PLAN), reports.occasion())

SCREENS = {
    "plan": printed(plan_view(PLAN)),
    "runbook": runbook(PLAN),
    "status": printed(status_view(worlds.target(), SEEN, protection_of(worlds.target(), SEEN, ()), None)),
    "report": printed(report_view(REPORT, "all")),
    "markdown": markdown(REPORT),
    "page": html(REPORT),
    "JSON": as_json(REPORT),
}


@pytest.mark.parametrize("screen", SCREENS)
def test_a_service_that_is_asked_elsewhere_is_shown(screen: str) -> None:
    """RDS was AWS's own, so every screen looked well while somebody else's Secrets Manager was asked for the password."""
    shown = " ".join(SCREENS[screen].split())
    assert "secretsmanager" in shown
    assert "evil" in shown


def test_a_command_goes_where_its_service_is() -> None:
    """By hand the lab's RDS would be asked for a key that only AWS has."""
    made = worlds.plan(seen=worlds.observation(identity=worlds.identity(endpoint=LAB, elsewhere={"kms": "AWS"})))
    (look,) = (line for line in runbook(made).split("aws ") if line.startswith("kms describe-key"))
    assert LAB not in look
    assert f"--endpoint-url {LAB}" in script(made)
    assert Typist.of(made).endpoint == LAB
