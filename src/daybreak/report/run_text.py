"""A run for people: its report, the list of runs, and a line for each event as it happens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import assert_never

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from daybreak.model.findings import Finding, Level, Standing
from daybreak.model.plan import Plan
from daybreak.model.report import Promise
from daybreak.model.requests import CleanRequest
from daybreak.model.run import (
    Event,
    FindingMade,
    RunAborted,
    RunAttached,
    RunCreated,
    RunFinished,
    RunPaused,
    RunState,
    StepDone,
    StepFailed,
    StepForgone,
    StepIntended,
    StepRetried,
    StepSeen,
    StepSent,
    StepState,
    StepUncertain,
)
from daybreak.model.value import iso
from daybreak.plan.servers import proof_of
from daybreak.report.document import promises_of
from daybreak.report.journaling import journal_line, journal_words
from daybreak.report.sentences import printable_sentence, sentence
from daybreak.report.status_text import STYLES, standing_text
from daybreak.report.words import command, plain, span_words

_MOST_TROUBLES = 12
"""Lines of one finding on a terminal; hundreds would push the verdict off the screen."""

_STEP_STYLES = {
    "done": "green",
    "failed": "bold red",
    "forgone": "yellow",
    "uncertain": "yellow",
    "sent": "cyan",
    "intended": "cyan",
}


def run_view(plan: Plan, state: RunState, *, then: str = "") -> RenderableType:
    """The report of a run; ``then`` is the next command, where there is one."""
    parts: list[RenderableType] = [plain(state.run, "bold"), Padding(_facts(plan, state), (1, 0)), _steps(plan, state)]
    if state.findings:
        parts.append(Padding(findings_table(state.findings), (1, 0, 0, 0)))
    parts.append(Padding(_ending(plan, state), (1, 0, 0, 0)))
    if then:
        parts.append(command("next     ", then))
    return Group(*parts)


def runs_view(runs: tuple[tuple[Plan, RunState], ...]) -> RenderableType:
    """The list of runs, a line each."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("run", no_wrap=True, overflow="ignore")
    for name in ("kind", "target", "began", "took", "status", "verdict"):
        table.add_column(name, overflow="fold")
    for plan, state in runs:
        table.add_row(
            plain(state.run),
            plan.kind,
            plain(plan.target.name),
            f"{state.began:%Y-%m-%d %H:%MZ}",
            span_words((state.ended or state.last) - state.began),
            state.status,
            standing_text(state.verdict.standing) if state.verdict else "",
        )
    return table


def event_line(event: Event, plan: Plan | None = None) -> str:
    """One event as one line of text with its time; what it says about a step is said in the plan's words."""
    return f"{event.at:%H:%M:%S}  " + printable_sentence(_event(event, plan))


def _event(event: Event, plan: Plan | None) -> str:
    match event.body:
        case RunCreated(run=run, why=why):
            return f"run {run} created" + (f": {why}" if why else "")
        case RunAttached(who=who, where=where):
            return f"carried out by {who} on {where}"
        case StepIntended(step=step, attempt=attempt):
            return f"{step}  {_ordered(plan, step)}" + (f" (attempt {attempt})" if attempt > 1 else "")
        case StepSent(step=step, request_id=request):
            return f"{step}  AWS accepted it" + (f", request {request}" if request else "")
        case StepRetried(step=step, why=why, pause=pause):
            return f"{step}  not now: {why}; again in {pause:.0f} s"
        case StepUncertain(step=step, why=why):
            return f"{step}  uncertain: {why}; looking"
        case StepSeen(step=step, seen=seen):
            return f"{step}  {seen}"
        case StepDone(step=step, was_adopted=was_adopted):
            return f"{step}  done" + (", found in the world" if was_adopted else "")
        case StepForgone(step=step, why=why):
            return f"{step}  done without: {why}"
        case StepFailed(step=step, why=why):
            return f"{step}  failed: {why}"
        case FindingMade(step=step, finding=finding):
            return f"{step}  {finding.standing.value}: {finding.title}: {finding.found}"
        case RunPaused(why=why):
            return f"paused: {why}"
        case RunAborted(by=by, why=why):
            return f"aborted by {by}" + (f": {why}" if why else "")
        case RunFinished(outcome=outcome, verdict=verdict, why=why):
            return f"{outcome}" + (f", {verdict.standing.value}" if verdict else "") + (f": {why}" if why else "")
        case _:
            assert_never(event.body)


def _ordered(plan: Plan | None, step: str) -> str:
    known = next((each for each in plan.steps if each.id == step), None) if plan else None
    return sentence(known.action) if known else "begun"


def _facts(plan: Plan, state: RunState) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, value in _told(plan, state):
        grid.add_row(name, plain(value))
    return grid


def _told(plan: Plan, state: RunState) -> Iterator[tuple[str, str]]:
    identity = plan.identity
    yield "what", f"{plan.kind} of {plan.target.name}: {plan.source} to {plan.clone}"
    if state.why:
        yield "why", state.why
    if state.who:
        yield (
            "who",
            f"{state.who} on {state.where}"
            + (f", taken up {state.attachments} times" if state.attachments > 1 else ""),
        )
    at = f", at {identity.endpoint}" if identity.endpoint else ""
    yield "account", f"{identity.account} in {identity.region}{at}"
    if not isinstance(plan.request, CleanRequest):
        yield "proof", proof_of(plan, state)
    if plan.moment:
        yield "moment", iso(plan.moment)
    yield "plan", state.plan
    yield "journal", journal_words(journal_line(state))
    if state.tail:
        yield "tail", state.tail
    yield "began", _second(state.began)
    if state.ended:
        yield "ended", f"{_second(state.ended)}, after {span_words(state.ended - state.began)}"
    yield "status", state.status + (f": {state.note}" if state.note else "")


def _second(instant: datetime) -> str:
    return iso(instant.replace(microsecond=0))


def _steps(plan: Plan, state: RunState) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("step", style="dim", no_wrap=True)
    table.add_column("what", ratio=1)
    for name in ("status", "began", "took"):
        table.add_column(name, no_wrap=True)
    for step in plan.steps:
        now = state.step(step.id)
        began = f"{now.began:%H:%M:%S}" if now.began else ""
        took = span_words(now.ended - now.began) if now.began and now.ended else ""
        told = plain(sentence(step.action)) + _more(now)
        table.add_row(plain(step.id), told, Text(now.status, _STEP_STYLES.get(now.status, "dim")), began, took)
    return table


def _more(state: StepState) -> Text:
    """What else is known about a step, on lines of its own."""
    lines = [f"request {request}" for request in state.request_ids]
    if state.was_adopted:
        lines.append("its effect was found in the world, because a reply was lost")
    if state.retries:
        lines.append(f"tried again {state.retries} time{'s' if state.retries > 1 else ''}")
    if state.note:
        lines.append(state.note)
    told = Text()
    for line in lines:
        told += Text("\n  ") + plain(line, "dim")
    return told


def findings_table(findings: tuple[Finding, ...]) -> Table:
    """Each finding with what was expected and what was found, level by level."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for name in ("check", "expected", "found", ""):
        table.add_column(name, overflow="fold")
    for level in Level:
        here = [finding for finding in findings if finding.level is level]
        if here:
            table.add_row(Text(f"{level.value} level", "bold"))
        for finding in here:
            found = plain(finding.found)
            if finding.why:
                found += Text("\n") + plain(finding.why, "dim")
            table.add_row(
                Padding(plain(finding.title), (0, 0, 0, 2)),
                plain(finding.expected),
                found,
                standing_text(finding.standing),
            )
            _troubles(table, finding)
    return table


def _troubles(table: Table, finding: Finding) -> None:
    """The lines behind a sentence that speak against the clone; a terminal shows the first of them."""
    against = [detail for detail in finding.details if detail.standing in (Standing.UNFIT, Standing.UNKNOWN)]
    for detail in against[:_MOST_TROUBLES]:
        found = plain(detail.found)
        if detail.why:
            found += Text("\n" if detail.found else "") + plain(detail.why, "dim")
        name = Padding(plain(detail.name, "dim"), (0, 0, 0, 4))
        table.add_row(name, plain(detail.expected, "dim"), found, standing_text(detail.standing))
    if (more := len(against) - _MOST_TROUBLES) > 0:
        table.add_row(Text(f"    and {more:,} more, in the report: -o html", "dim"))


def _ending(plan: Plan, state: RunState) -> Group:
    lines: list[RenderableType] = []
    if state.verdict:
        lines.append(Text("verdict  ", "dim") + Text(state.verdict.standing.value, STYLES[state.verdict.standing]))
        lines += [Padding(Text("- ") + plain(reason), (0, 0, 0, 9)) for reason in state.verdict.reasons]
    measured = state.measured
    if state.verdict or measured.rpo:
        rpo, rto = promises_of(plan.objectives, measured)
        lines.append(_objective(rpo))
        if measured.newest:
            lines.append(Text(" " * 9) + plain(f"newest data {iso(measured.newest)} in {measured.newest_in}", "dim"))
        lines.append(_objective(rto))
    if measured.rows is not None:
        lines.append(Text("rows     ", "dim") + Text(f"{measured.rows:,} counted in the clone"))
    return Group(*lines)


def _objective(held: Promise) -> Text:
    told = Text(f"{held.name:<9}", "dim") + Text(f"promised {span_words(held.promised or timedelta())}, ")
    if held.measured is None:
        return told + Text("not measured", STYLES[Standing.UNKNOWN])
    style = STYLES[Standing.FIT if held.is_met else Standing.UNFIT]
    return told + Text(f"measured {span_words(held.measured)}, {'kept' if held.is_met else 'missed'}", style)
