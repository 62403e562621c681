"""From nouns to what a verb prints: text for people, JSON for machines."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daybreak.app.ending import next_of, read_rollbacks, state_of_run, words_on_source
from daybreak.app.listing import Listed, list_runs
from daybreak.app.reporting import report_of
from daybreak.assess.ending import exit_code_of, next_of_plan
from daybreak.cli.options import Given
from daybreak.cli.screen import as_document, as_text
from daybreak.errors import ExitCode
from daybreak.model.names import visible
from daybreak.model.plan import Plan
from daybreak.model.requests import CutoverRequest
from daybreak.report.aws_cli import quote
from daybreak.report.document import as_json
from daybreak.report.iam_policy import policy_of
from daybreak.report.markdown.plan import runbook
from daybreak.report.shell import script
from daybreak.report.text.plan import plan_view
from daybreak.report.text.report import report_view
from daybreak.report.text.run import approval_view, event_line, request_view, runs_view
from daybreak.report.text.status import status_view

if TYPE_CHECKING:
    from daybreak.app import App
    from daybreak.app.status import TargetStatus
    from daybreak.model.report import Report
    from daybreak.model.run import RunApproved

__all__ = [
    "abort_as",
    "approval_as",
    "complete_report",
    "event_line",
    "plan_as",
    "plan_aside",
    "plan_document",
    "report_as",
    "run_as",
    "runs_as",
    "status_as",
]


_MORE = "--explain adds the reason, guards and undo of each step, and every name"


def plan_as(plan: Plan, given: Given, *, file: Path | None = None, now: datetime | None = None) -> str:
    """A plan as a table, as a file for ``restore --plan``, as a Markdown runbook, as aws commands, or as its IAM policy.

    ``file`` is where it is kept; ``now`` is given where it may have expired since it was made.
    """
    match given.output:
        case "json":
            return plan_document(plan)
        case "markdown":
            return runbook(plan)
        case "aws":
            return script(plan)
        case "iam":
            return as_document(policy_of(plan))
        case _:
            then = next_of_plan(plan, quote(str(file)) if file else "FILE", now=now)
            view = plan_view(plan, then=given.complete(then), is_explained=given.is_explained, more=_MORE, now=now)
            return as_text(view)


def plan_document(plan: Plan) -> str:
    """A plan as its file holds it, with the digest that a reader checks."""
    return as_document({"digest": plan.digest(), "plan": plan.plain()})


def plan_aside(plan: Plan, given: Given, now: datetime) -> str:
    """A plan beside the result of carrying it out, with its times from ``now`` on: always text, and no file holds it."""
    return as_text(plan_view(plan, is_explained=given.is_explained, more=_MORE, now=now), is_aside=True)


def run_as(app: App, run: str, given: Given) -> str:
    """The report of a run, with the next command for the person who gave these options."""
    if given.is_json:
        return as_json(complete_report(report_of(app, run), given))
    return report_as(report_of(app, run), given, f"daybreak show {run} -v")


def run_aside(app: App, run: str, given: Given) -> str:
    """The report of a run beside the result that is asked for: always text."""
    report = complete_report(report_of(app, run), given)
    return as_text(report_view(report, given.depth, more=given.complete(f"daybreak show {run} -v")), is_aside=True)


def report_as(report: Report, given: Given, more: str) -> str:
    """A report as a terminal shows it; ``more`` shows what is folded."""
    return as_text(report_view(complete_report(report, given), given.depth, more=given.complete(more)))


def complete_report(report: Report, given: Given) -> Report:
    """The report for the person who gave these options: each command in it carries them."""
    if not given.repeated:
        return report
    checks = tuple(each.model_copy(update={"why": given.complete(each.why)}) for each in report.checks)
    reasons = tuple(each.model_copy(update={"text": given.complete(each.text)}) for each in report.reasons)
    return report.model_copy(update={"checks": checks, "reasons": reasons, "next": given.complete(report.next)})


def runs_as(app: App, given: Given, *, asks_aws: bool = False) -> str:
    """The list of runs, each with its next command; a run that cannot be read is listed with the reason."""
    found = list_runs(app, asks_aws=asks_aws)
    if given.is_json:
        known = [_summary(each, each.plan, given) for each in found if each.plan]
        damaged = [
            {"run": each.run, "why": each.damage, "next": given.complete(each.then)} for each in found if each.damage
        ]
        return as_document({"runs": known, "damaged": damaged})
    if not found:
        return visible(given.complete("no runs yet: daybreak restore pitr TARGET --to MOMENT\n"))
    begun = tuple((each.plan, each.state, each.clone) for each in found if each.plan and each.state)
    others = [
        f"{each.run}: {each.damage or 'planned, and never begun'}\n  next: {given.complete(each.then)}"
        for each in found
        if each.state is None
    ]
    others += [
        f"{each.run}: {each.state.note}\n  next: {given.complete(each.then)}"
        for each in found
        if each.state and each.state.status in ("stopped", "silent")
    ]
    moves = [each for each in found if each.plan is not None and isinstance(each.plan.request, CutoverRequest)]
    backs = read_rollbacks(app) if moves else {}
    closed = (words_on_source(app, each.plan, each.state, backs) for each in moves if each.plan and each.state)
    others += [given.complete(words) for words in closed if words]
    return (as_text(runs_view(begun, app.now())) if begun else "") + "".join(f"{visible(each)}\n" for each in others)


def _summary(each: Listed, plan: Plan, given: Given) -> dict[str, Any]:
    state = each.state
    return {
        "run": each.run,
        "kind": plan.kind,
        "target": plan.target.name,
        "status": state.status if state else "created",
        "note": state.note if state else "",
        "clone": each.clone or None,
        "verdict": state.verdict.standing.value if state and state.verdict else None,
        "began": state.model_dump(mode="json")["began"] if state else None,
        "exit_code": int(exit_code_of(state, plan.objectives) if state else ExitCode.UNREACHABLE),
        "next": given.complete(each.then),
    }


def status_as(found: tuple[TargetStatus, ...], given: Given) -> str:
    """What was promised and what is true, for each target."""
    if given.is_json:
        return as_document(
            {
                "targets": [
                    {
                        "target": each.target.plain(),
                        "seen": each.seen.plain(),
                        "findings": [item.plain() for item in each.findings],
                        "runs": [
                            {"run": run.plan.run, "status": run.state.status, "next": given.complete(run.then)}
                            for run in each.runs
                        ],
                        "closed": [given.complete(words) for words in each.closed],
                        "elsewhere": each.elsewhere.plain()["backups"] if each.elsewhere else None,
                        "prepared": [item.plain() for item in each.prepared],
                        "clones": list(each.clone_lines()),
                        "unclosed": [
                            {"run": one.run, "words": list(one.words), "next": given.complete(one.then)}
                            for one in each.unclosed
                        ],
                        "silent": each.silent,
                        "advice": list(each.advice),
                    }
                    for each in found
                ]
            }
        )
    return "\n".join(
        as_text(
            status_view(
                each.target,
                each.seen,
                each.findings,
                each.last,
                each.advice,
                prepared=each.prepared,
                runs=tuple(given.complete(f"{run.words}: {run.then}") for run in each.runs),
                closed=tuple(given.complete(words) for words in each.closed),
                clones=each.clone_lines(),
                unclosed=tuple(given.complete(words) for one in each.unclosed for words in one.words),
                silent=each.silent,
            )
        )
        for each in found
    )


def approval_as(app: App, run: str, approval: RunApproved, given: Given) -> str:
    """The approval that was left for whoever carries out the run: not for who gave it, or it would count no more."""
    then = given.complete(f"daybreak watch {run}" if app.store.is_held(run) else "daybreak runs")
    if given.is_json:
        return as_document({"run": run, "approval": approval.plain(), "next": then})
    return as_text(approval_view(approval, then))


def abort_as(app: App, run: str, given: Given, *, is_ended: bool) -> str:
    """The outcome of a request to end a run: its end screen, or that the process which carries it out was asked."""
    then = given.complete(next_of(app, *state_of_run(app, run)) if is_ended else f"daybreak watch {run}")
    if given.is_json:
        return as_document({"run": run, "ended": is_ended, "next": then})
    return run_as(app, run, given) if is_ended else as_text(request_view(run, then))
