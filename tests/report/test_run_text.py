"""What a run did, for whoever has to explain it tomorrow."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.model.findings import Detail, Measured, Standing
from daybreak.model.run import RunAborted, RunPaused, StepFailed, StepSeen
from daybreak.report.run_text import event_line, findings_table, run_view, runs_view
from tests import fix_reports as reports
from tests import fix_runs as runs
from tests import fix_worlds as worlds
from tests.fix_golden import Golden, printed, settled
from tests.fix_plans import HOSTILE


@pytest.mark.parametrize("name", ["done", "failed", "paused"])
def test_the_report_of_a_run(name: str, golden: Golden) -> None:
    """Steps, times, request ids, findings, verdict and promises: what an auditor and AWS's support both ask for."""
    plan = worlds.plan()
    state = runs.paused(plan) if name == "paused" else runs.finished(plan, is_good=name == "done")
    golden(f"report/run-{name}.txt", settled(printed(run_view(plan, state, then="daybreak clean x")), plan))


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(
    "then",
    [
        f"daybreak clean --config /etc/{'far/' * 30}daybreak.toml --state '/srv/{'long folder ' * 12}' RUN",
        f"psql -h clone.{'x' * 60}.example -p 5432 -d 'dbname=embi sslmode=verify-full sslrootcert=/srv/{'pem' * 30}'",
    ],
    ids=["daybreak", "psql"],
)
def test_the_next_command_is_one_line_at_any_width(width: int, then: str) -> None:
    """What a terminal was handed in pieces is pasted in pieces."""
    plan = worlds.plan()
    text = printed(run_view(plan, runs.finished(plan), then=then), width=width)
    assert text.splitlines()[-1] == f"next     {then}"


def test_the_lines_behind_what_is_not_fit_are_shown(golden: Golden) -> None:
    """Which table? That is the next question, and the answer is there; what is fit needs no list."""
    text = printed(findings_table(reports.bad_findings()), width=120)
    assert "public.employees " in text
    assert "public.payments " not in text
    golden("report/findings-bad.txt", text)


def test_a_terminal_shows_the_first_of_very_many_lines() -> None:
    """Five hundred lost tables must not push the verdict off the screen."""
    lost = tuple(Detail(name=f"t{number}", standing=Standing.UNFIT, found="0") for number in range(500))
    finding = reports.bad_findings()[0].model_copy(update={"standing": Standing.UNFIT, "details": lost})
    text = printed(findings_table((finding,)))
    assert text.count("unfit") == 13
    assert "and 488 more, in the report: -o html" in text


def test_every_request_id_is_in_the_report() -> None:
    """Without it AWS's support cannot find the call."""
    plan = worlds.plan()
    state = runs.finished(plan)
    text = printed(run_view(plan, state), width=160)
    assert all(request in text for step in state.steps.values() for request in step.request_ids)
    assert any(step.request_ids for step in state.steps.values())


def test_a_missed_promise_is_called_missed() -> None:
    """A number without a judgement is read as a success."""
    plan = worlds.plan()
    late = runs.finished(plan).model_copy(update={"measured": Measured(rto=timedelta(hours=5), rpo=timedelta(0))})
    text = printed(run_view(plan, late))
    assert "measured 5 hours, missed" in text
    assert "measured 0 seconds, kept" in text


def test_what_was_not_measured_is_not_kept() -> None:
    """No data found is not no data lost."""
    plan = worlds.plan()
    blind = runs.finished(plan).model_copy(update={"measured": Measured(rto=timedelta(hours=1))})
    assert "RPO      promised 5 minutes, not measured" in printed(run_view(plan, blind))


def test_the_list_of_runs(golden: Golden) -> None:
    """Which one was it? The name, the time and the verdict tell."""
    plan = worlds.plan()
    listed = ((plan, runs.finished(plan)), (plan, runs.finished(plan, is_good=False)), (plan, runs.paused(plan)))
    golden("report/runs.txt", printed(runs_view(listed)))


def test_a_line_for_each_event(golden: Golden) -> None:
    """What a log and a terminal without color show while a run goes on."""
    plan = worlds.plan()
    told = [*runs.story(plan), *runs.story(plan, is_good=False)[-3:]]
    told += runs.events(plan, RunPaused(why="disk full", exit_code=75), RunAborted(by="dba-oncall", why="not needed"))[
        2:
    ]
    golden("report/events.txt", "".join(f"{event_line(event, plan)}\n" for event in told))


def test_an_event_is_one_line_whatever_is_in_it() -> None:
    """AWS's message is text from outside, and a log is read line by line."""
    plan = worlds.plan()
    step = plan.steps[0].id
    for event in runs.events(plan, StepFailed(step=step, why=HOSTILE), StepSeen(step=step, seen=HOSTILE)):
        line = event_line(event)
        assert line.isprintable()


def test_a_report_of_hostile_text_is_text() -> None:
    """The note of a step is AWS's or PostgreSQL's message, which may quote a table's name."""
    plan = worlds.plan()
    step = plan.steps[0].id
    state = runs.finished(plan)
    changed = state.model_copy(update={"note": HOSTILE, "why": HOSTILE, "who": HOSTILE})
    changed = changed.model_copy(update={"steps": {step: state.step(step).model_copy(update={"note": HOSTILE})}})
    text = printed(run_view(plan, changed))
    assert "\x1b" not in text
    assert text.count("[bold red]") == 4


@pytest.mark.parametrize("hostile", reports.HOSTILE)
def test_hostile_findings_are_text(hostile: str) -> None:
    """A table's name stands in the line below its finding, and must not move the cursor into the verdict."""
    detail = Detail(name=hostile, standing=Standing.UNFIT, expected=hostile, found=hostile, why=hostile)
    changes = {"title": hostile, "expected": hostile, "found": hostile, "why": hostile, "details": (detail,)}
    text = printed(findings_table((reports.bad_findings()[0].model_copy(update=changes),)))
    assert all(character == "\n" or character.isprintable() for character in text)
