"""The report other programs read: its shape is a promise."""

from __future__ import annotations

import json
from datetime import timedelta

from daybreak.model.findings import Measured
from daybreak.report.run_json import RunReport, run_report, schema
from tests import fix_runs as runs
from tests import fix_worlds as worlds
from tests.fix_golden import Golden, settled


def test_the_report_as_json(golden: Golden) -> None:
    """A field renamed breaks somebody's dashboard in silence, so the whole document is held."""
    plan = worlds.plan()
    report = run_report(plan, runs.finished(plan), then=f"daybreak clean {plan.run}")
    golden("report/run.json", settled(json.dumps(report, indent=2) + "\n", plan))


def test_the_report_reads_back() -> None:
    """What is archived as evidence must be readable as what it was."""
    plan = worlds.plan()
    for state in (runs.finished(plan), runs.finished(plan, is_good=False), runs.paused(plan)):
        report = run_report(plan, state)
        assert RunReport.model_validate(json.loads(json.dumps(report))).plain() == report


def test_every_step_of_the_plan_is_reported() -> None:
    """A step that never began is the answer to the question what is still missing."""
    plan = worlds.plan()
    report = run_report(plan, runs.finished(plan, is_good=False))
    assert [step["id"] for step in report["steps"]] == [step.id for step in plan.steps]
    assert {step["status"] for step in report["steps"]} == {"done", "failed", "waiting"}


def test_nothing_measured_is_null_and_not_met() -> None:
    """``false`` would be an accusation, ``true`` a lie."""
    plan = worlds.plan()
    state = runs.finished(plan).model_copy(update={"measured": Measured(rto=timedelta(hours=5))})
    objectives = run_report(plan, state)["objectives"]
    assert (objectives["rpo"]["is_met"], objectives["rto"]["is_met"]) == (None, False)


def test_the_schema_is_published_as_it_is(golden: Golden) -> None:
    """Whoever validates against it must be told of each change: the file is its history."""
    golden("report/run.schema.json", json.dumps(schema(), indent=2) + "\n")
    assert set(schema()["properties"]) == set(run_report(worlds.plan(), runs.finished(worlds.plan())))
