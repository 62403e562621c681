"""The one noun behind every format: what it says of a run, and what it never claims."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from daybreak.model import checks
from daybreak.model.findings import Detail, Measured, Standing, Verdict
from daybreak.model.kept import Kept
from daybreak.model.loss import TO_ACCIDENT, loss_between
from daybreak.model.report import Report
from daybreak.model.requests import CleanRequest
from daybreak.model.thoroughness import Thoroughness
from daybreak.model.trust import AMAZON
from daybreak.plan.estimates import OF_STAGING
from daybreak.plan.servers import way_in
from daybreak.report.document import as_json, report_of_run, without_home
from daybreak.report.html import html
from daybreak.report.junit import junit
from daybreak.report.markdown.report import markdown
from daybreak.report.text.report import report_view
from tests import fix_reports as reports
from tests import fix_runs as runs
from tests import fix_worlds as worlds
from tests.fix_golden import Golden, printed
from tests.fix_plans import every_plan

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
SAMPLES = {"good": reports.good, "bad": reports.bad, "stopped": reports.stopped, "alone": reports.alone}


def test_the_report_as_json(golden: Golden) -> None:
    """A field renamed breaks somebody's archive in silence, so the whole document is held."""
    golden("report/report.json", reports.held(as_json(reports.bad()), reports.bad()))


@pytest.mark.parametrize("name", SAMPLES)
def test_the_report_reads_back(name: str) -> None:
    """What is archived as evidence must be readable as what it was."""
    made = SAMPLES[name]()
    assert Report.model_validate_json(as_json(made)) == made


@pytest.mark.parametrize("name", SAMPLES)
def test_the_report_keeps_to_its_schema(name: str) -> None:
    """Whoever validates against the published schema is told of each field, and each field is told of there."""
    promised = Draft202012Validator(json.loads((REFERENCE / "report.schema.json").read_text()))
    promised.check_schema(promised.schema)
    made = json.loads(as_json(SAMPLES[name]()))
    promised.validate(made)
    assert set(made) == set(promised.schema["properties"])
    assert not promised.is_valid(made | {"invented": 1})
    assert not promised.is_valid(made | {"took": 3})


def test_the_eighteen_boxes_are_there_by_name_and_in_order() -> None:
    """The runbook's reader looks for its own words; the order is the one on the wall."""
    for made in (reports.good(), reports.stopped(), reports.alone(())):
        numbered = {line.box: line.title for line in made.checks if line.box}
        assert numbered == {number: check.title for number, check in enumerate(checks.RUNBOOK, start=1)}


def test_every_step_of_the_plan_is_reported() -> None:
    """A step that never began is the answer to the question what is still missing."""
    made = reports.stopped()
    assert [step.id for step in made.steps] == [step.id for step in reports.plan().steps]
    assert {step.status for step in made.steps} == {"done", "failed", "waiting", "unasked"}


def test_a_clone_that_was_seen_is_named_with_its_address() -> None:
    """Fit or not, somebody wants to look into it; the address is AWS's, never built from a name."""
    assert reports.good().server == f"{reports.ENDPOINT}:5432"
    assert reports.bad().server == reports.good().server
    assert reports.stopped().server == ""


def test_what_is_handed_on_names_no_home_folder() -> None:
    """A page goes to the auditor; how the on-call's home folder is called is none of its business."""
    told = f"PEM in /srv/jo/ca.pem and '/srv/jo', not in /srv/john or /mnt/srv/jo; {AMAZON}"
    made = reports.good().model_copy(update={"proof": told, "notes": (told,), "way_in": f"sslrootcert={AMAZON}"})
    handed = without_home(made, "/srv/jo/")
    assert handed.proof == "PEM in ca.pem and '~', not in /srv/john or /mnt/srv/jo; amazon-rds.pem"
    assert handed.notes == (handed.proof,)
    assert handed.way_in == "sslrootcert=amazon-rds.pem"
    assert without_home(reports.good(), "") == reports.good()


@pytest.mark.parametrize("folder", ["/srv/jo/.lab/tls", "/srv/jo/my lab", "/etc/ssl", "/srv/jo"])
def test_no_format_that_is_kept_tells_where_the_authorities_lie(folder: str) -> None:
    """Which they are says the file's name; the line on the screen has the path, or psql would not find it."""
    file = f"{folder}/lab-ca.pem"
    made = reports.plan()
    target = made.target.model_copy(update={"tls_ca": file})
    made = made.model_copy(update={"target": target})
    state = reports.state(made, reports.good_findings())
    line = way_in(made, state)
    assert folder in line
    report = report_of_run(made, state, reports.occasion(way_in=line, next=f"cat {shlex.quote(file)}"))
    assert folder in printed(report_view(report), width=500)
    assert report.proof == "verify-full against the authorities in lab-ca.pem"
    kept = without_home(report, "/srv/jo")
    for told in (as_json(kept), markdown(kept), junit(kept), html(kept), printed(report_view(kept, "all"), width=500)):
        assert "lab-ca.pem" in told or "<testsuites" in told
        assert [word for word in ("/srv/jo", "~", ".lab", "my lab") if word in told] == []
    assert psql_of(kept.way_in).endswith("sslrootcert=lab-ca.pem") or "'lab-ca.pem'" in psql_of(kept.way_in)
    assert "/" not in kept.way_in


def psql_of(line: str) -> str:
    """What psql is told to connect to, as a shell hands it over."""
    return shlex.split(line)[-1]


def test_a_box_that_nobody_asked_is_neither_fit_nor_anything() -> None:
    """A missing row reads as a tick."""
    made = reports.stopped()
    assert {line.standing for line in made.checks} == {None}
    assert {line.found for line in made.checks} == {"not asked"}
    assert made.figures.checks["not asked"] == 18


def test_a_run_without_a_verdict_says_so_first() -> None:
    """Whoever reads one line must not take a stopped run for a fit clone."""
    assert reports.stopped().standing is None
    assert reports.stopped().headline == "the run failed; there is no verdict"
    assert [each.text for each in reports.stopped().reasons] == ["the cluster is incompatible-restore"]
    waiting = report_of_run(reports.plan(), runs.paused(reports.plan()), reports.occasion())
    assert waiting.headline == "the run is paused; there is no verdict"


def test_a_fit_clone_that_came_late_is_late_in_the_first_line() -> None:
    """Fit and five hours late is not what was promised."""
    made = reports.plan()
    late = reports.state(made, reports.good_findings(), measured=Measured(rto=timedelta(hours=5)))
    told = report_of_run(made, late, reports.occasion())
    assert told.headline == f"{len(checks.CHECKS)} checks are fit, 1 waived; RTO missed"
    assert {each.name: each.is_met for each in told.promises} == {"RPO": None, "RTO": False}


def test_a_headline_counts_what_nobody_asked() -> None:
    """Fit, of eighteen boxes four of which nobody asked, is less than fit."""
    asked = tuple(finding for finding in reports.good_findings() if not finding.check.startswith("security."))
    told = " checks are fit, 1 waived; not asked: security.security-groups, security.kms, security.iam-roles and 1 more"
    assert reports.alone(asked).headline.endswith(told)


def test_every_reason_is_told() -> None:
    """The first reason is mended at four in the morning, and the second is found at five."""
    made = reports.bad()
    assert [(reason.check, reason.text.split(":")[0]) for reason in made.reasons] == [
        ("data.rows", "Row counts match expected values"),
        ("data.sequences", "Sequences are ahead of the data"),
        ("application.connects", "Application can connect to database"),
    ]


def test_a_clean_up_is_judged_by_nobody_and_shows_no_boxes() -> None:
    """Eighteen boxes that were not asked would look like a restore that was not validated."""
    made = report_of_run(every_plan()["clean"], runs.finished(every_plan()["clean"]), reports.occasion())
    assert isinstance(every_plan()["clean"].request, CleanRequest)
    state = runs.finished(every_plan()["clean"]).model_copy(update={"verdict": None, "findings": ()})
    made = report_of_run(every_plan()["clean"], state, reports.occasion())
    assert (made.checks, made.promises, made.headline) == ((), (), "embi-clone is cleaned up")


def test_a_capsule_is_named_with_its_moment_and_digest() -> None:
    """A clone compared with last month's configuration is another clone than one compared with the living source."""
    made = reports.plan()
    capsule = Kept(kind="capsule", target="embi", stands_for=worlds.MOMENT, sha256="ca" * 32, place="s3://dr/embi")
    told = report_of_run(worlds.judged_with(made, capsule=capsule), runs.finished(made), reports.occasion())
    assert (told.configuration.kind, told.configuration.stands_for) == ("capsule", worlds.MOMENT)
    assert told.configuration.sha256 == "ca" * 32
    assert reports.good().configuration.kind == "living source"
    assert reports.good().baseline.kind == "baseline"


def test_the_differences_are_those_that_parity_found() -> None:
    """Field, source, clone and reason: the four columns that an auditor asks for."""
    (first, second) = reports.good().differences
    assert (first.field, first.source) == ("parameter group", "embi-aurora-params")
    assert (second.field, second.clone) == ("max_logical_replication_workers", "0")
    assert "quarantine" in first.why
    assert "quarantine" in second.why


def test_a_field_that_is_the_same_is_no_difference() -> None:
    """A chapter may list every field that it compared; the table shows those that differ or are unknown."""
    same = Detail(name="port", standing=Standing.FIT, expected="5432", found="5432")
    blind = Detail(name="proxies", standing=Standing.UNKNOWN, why="AccessDenied")
    found = checks.CLUSTER_PARITY.fit("as the source", "the same").model_copy(update={"details": (same, blind)})
    assert [each.field for each in reports.alone((found,)).differences] == ["proxies"]


def test_a_validation_of_a_staging_clone_keeps_no_promise() -> None:
    """Its run said so, and a validation of the same clone called RPO kept."""
    fit = tuple(each for each in reports.bad_findings() if each.standing is Standing.FIT)
    lost = loss_between(worlds.MOMENT, worlds.ACCIDENT, TO_ACCIDENT)
    for why in ("", OF_STAGING):
        report = reports.alone(fit, lost=lost, why_no_stand_in=why)
        (promise,) = report.promises
        assert (promise.name, promise.is_met, promise.why_not) == ("RPO", None if why else True, why)


def test_a_validation_by_itself_promises_no_time() -> None:
    """Nothing was restored, so no restore took long."""
    assert [each.name for each in reports.alone().promises] == ["RPO"]
    assert reports.alone().steps == ()


@pytest.mark.parametrize(
    ("wish", "standing", "why_not"),
    [
        ({}, Standing.FIT, ""),
        ({}, Standing.WAIVED, ""),
        ({}, Standing.UNFIT, "its verdict is unfit"),
        ({}, Standing.UNKNOWN, "its verdict is unknown"),
        ({"purpose": "staging"}, Standing.FIT, "its clone was scaled down for staging"),
        (
            {"thoroughness": Thoroughness(depth="quick")},
            Standing.FIT,
            "its clone was validated at quick depth, which reads no rows",
        ),
        (
            {"thoroughness": Thoroughness(sample=1)},
            Standing.FIT,
            "of its clone only a sample was read through, 1 % of the tables",
        ),
    ],
)
def test_a_promise_is_kept_only_by_a_clone_that_may_show_it(
    wish: dict[str, Any], standing: Standing, why_not: str
) -> None:
    """A small clone of four minutes, or a fast one without the data, was called a kept RTO; a missed one stays missed."""
    plan = worlds.plan(request=worlds.pitr_request(**wish))
    for took, met in ((timedelta(minutes=4), None if why_not else True), (timedelta(hours=5), False)):
        changes = {"measured": Measured(rto=took), "verdict": Verdict(standing=standing, reasons=())}
        report = report_of_run(plan, runs.finished(plan).model_copy(update=changes), reports.occasion())
        (promise,) = (each for each in report.promises if each.name == "RTO")
        assert (promise.is_met, promise.why_not) == (met, "" if met is False else why_not)
        for text in (markdown(report), junit(report), printed(report_view(report))):
            assert met is False or why_not in " ".join(text.split())
