"""A validation and a proof on a terminal: everything that decides is there, and nothing in it is acted on."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from rich.console import Console, RenderableType

from daybreak.model import checks
from daybreak.model.actions import Validate
from daybreak.model.findings import Finding, Measured, Reason, Standing, Verdict
from daybreak.model.moment import At
from daybreak.model.proof import Planting, Proof
from daybreak.model.validation import Validation
from daybreak.report.document import report_of_validation
from daybreak.report.text.proof import planting_line, proof_view
from daybreak.report.text.report import report_view
from daybreak.report.text.validation import finding_line
from tests import fix_worlds as worlds
from tests.fix_reports import occasion

BELL = "\x1b[31m\x07[bold]evil[/bold]"
"""What a table may be called."""


def _shown(view: RenderableType) -> str:
    page = io.StringIO()
    Console(file=page, width=120, markup=False, highlight=False, emoji=False).print(view)
    return page.getvalue()


def _validation(finding: Finding) -> Validation:
    action = Validate(
        clone="clone", source="source", source_seen=None, instances_seen=(), moment=At(instant=worlds.NOW),
        database="embi", login=None, quarantine={}, tables={}, checks=(),
    )  # fmt: skip
    return Validation(
        subject="clone", target="embi", identity=worlds.identity(), began=worlds.NOW, took=timedelta(seconds=2),
        action=action, findings=(finding,), verdict=Verdict(standing=finding.standing, reasons=(Reason(text="a reason"),)),
        measured=Measured(rows=1234),
    )  # fmt: skip


def test_a_validation_tells_what_was_asked_what_was_found_and_what_it_adds_up_to() -> None:
    """Somebody reads it in a hurry and decides."""
    validation = _validation(checks.TABLES.unfit("14 tables", f"missing: {BELL}"))
    text = _shown(report_view(report_of_validation(validation, occasion(next="", way_in="")), "all"))
    for words in (
        "clone",
        "embi",
        "2024-01-15T14:52:10Z",
        "standard",
        "14 tables",
        "verdict  unfit",
        "a reason",
        "1,234",
    ):
        assert words in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_finding_is_one_line_as_it_is_made() -> None:
    """It is followed while it goes on, and a line break in a name must not fake another finding."""
    line = finding_line(
        checks.ROWS.unknown("rows", "locked\nfit: everything"), datetime(2024, 1, 15, 14, 30, 1, tzinfo=UTC)
    )
    assert line.startswith("14:30:01Z  unknown: Row counts match expected values")
    assert "\n" not in line


def _proof(*plantings: Planting, alarms: tuple[Finding, ...] = ()) -> str:
    proof = Proof(
        cluster="clone", identity=worlds.identity(), began=worlds.NOW, took=timedelta(seconds=9), plantings=plantings,
        alarms=alarms, removed=("role daybreak_prove_x_reader",), leftovers=("role daybreak_prove_y: may not be dropped",),
    )  # fmt: skip
    return _shown(proof_view(proof))


FOUND = Planting(defect="trigger disabled", check="data.triggers", outcome="found", seen=BELL)


def test_a_proof_tells_each_defect_and_whether_it_holds() -> None:
    """Found, not found and not plantable are three different things, and the last is no success."""
    text = _proof(
        FOUND, Planting(defect="active cron job", check="data.cron-jobs", outcome="not plantable", seen="denied")
    )
    assert "1 found, 0 not found, 1 not plantable here" in text
    assert "the checks can fail" in text
    assert "removed  role daybreak_prove_x_reader, left by a proof that was killed" in text
    assert "left     by a proof that was killed: role daybreak_prove_y: may not be dropped" in text
    assert "\x1b" not in text
    missed = Planting(defect="grant lost", check="security.grants", outcome="missed")
    assert "NOT found" in _proof(FOUND, missed)
    assert "a check does not do its work" in _proof(FOUND, missed)
    assert planting_line(missed) == "NOT found: grant lost (security.grants)"


def test_a_false_alarm_spoils_a_proof() -> None:
    """A check that cries at the specimen finds everything, and is worth nothing."""
    alarm = checks.ROWS.unknown("rows", "nobody counted")
    text = _proof(FOUND, alarms=(alarm,))
    assert "data.rows: unknown" in text
    assert "a check does not do its work" in text
    assert alarm.standing is Standing.UNKNOWN
