"""Runs for a person: the list of runs, and a line for each event as it happens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daybreak.model.attempts import StepEnded, StepReached, StepStaged, StepStarted
from daybreak.model.news import SourceMoved, VerdictRenewed
from daybreak.model.plan import Plan
from daybreak.model.run import (
    Event,
    FindingMade,
    PlanAmended,
    RunAborted,
    RunApproved,
    RunAttached,
    RunCreated,
    RunFinished,
    RunPaused,
    RunState,
    RunWarned,
    StepDone,
    StepFailed,
    StepForgone,
    StepHeldUp,
    StepIntended,
    StepRetried,
    StepSeen,
    StepSent,
    StepUncertain,
)
from daybreak.model.value import stamp
from daybreak.plan.asking import is_asking
from daybreak.report.sentences import amendment_words, printable_sentence, sentence, words_on_move, words_on_renewal
from daybreak.report.text.status import standing_text
from daybreak.report.words import Entry, Fitting, command, plain, span_words


def runs_view(runs: tuple[tuple[Plan, RunState, str], ...], now: datetime | None = None) -> RenderableType:
    """The list of runs: a line for each, or a paragraph where the lines would be too wide.

    Each comes with whether its clone exists; where that is known of none, nothing is said of it. One that is running has taken the
    time until ``now``; without it, and for any other, until its last event.
    """
    is_known = any(clone in ("there", "gone") for _, _, clone in runs)
    names = ("run", "kind", "target", "began", "took", "status", "verdict", *(["clone"] if is_known else []))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True)
    entries: list[RenderableType] = []
    for plan, state, clone in runs:
        until = state.ended or (now if now and state.status == "running" else state.last)
        began, took = f"{state.began:%Y-%m-%d %H:%MZ}", span_words(max(until - state.began, timedelta()))
        word = standing_text(state.verdict.standing) if state.verdict else Text()
        status = "waits for approval" if is_asking(plan, state) else state.status
        table.add_row(
            plain(state.run),
            plan.way,
            plain(plan.target.name),
            began,
            took,
            status,
            word,
            *([clone] if is_known else []),
        )
        summary = plain(f"{plan.way} of {plan.target.name}, began {began}, took {took}: {status}")
        ending = (Text(", ") + word if word else Text()) + plain(f", clone {clone}" if clone and is_known else "")
        entries += [plain(state.run, "bold"), Entry("", summary + ending, 2)]
    return Fitting(table, Group(*entries))


def request_view(run: str, then: str) -> RenderableType:
    """What there is to say of a run whose end another process was asked for; ``then`` is the next command."""
    told = plain(f"running: another process carries out {run} and was asked to end it")
    return Group(Entry("status", told), command("next     ", then))


def approval_view(approval: RunApproved, then: str) -> RenderableType:
    """An approval, and the next command."""
    said = plain(f"by {approval.by} ({approval.caller}), until {stamp(approval.expires)}")
    return Group(Entry("approved", said), command("next     ", then))


def event_line(event: Event, plan: Plan | None = None) -> str:
    """One event as one line of text with its time; it describes a step in the plan's words."""
    return f"{event.at:%H:%M:%SZ}  " + printable_sentence(_event(event, plan))


def _event(event: Event, plan: Plan | None) -> str:
    match event.body:
        case RunCreated(run=run, why=why):
            return f"run {run} created" + (f": {why}" if why else "")
        case RunAttached(who=who, where=where):
            return f"carried out by {who} on {where}"
        case RunApproved(by=by, caller=caller, expires=expires, why=why):
            return f"approved by {by} ({caller}), until {stamp(expires)}" + (f": {why}" if why else "")
        case SourceMoved(differences=differences, planned=planned):
            return words_on_move(differences, planned)
        case VerdictRenewed() as judged:
            return words_on_renewal(judged)
        case StepIntended(step=step, attempt=attempt):
            return f"{step}  {_order_words(plan, step)}" + (f" (attempt {attempt})" if attempt > 1 else "")
        case StepStarted(step=step, process=process):
            return f"{step}  started, as process {process.pid} on {process.host}"
        case StepEnded(step=step, why=why):
            return f"{step}  {why}"
        case StepSent(step=step, request_id=request):
            return f"{step}  AWS accepted it" + (f", request {request}" if request else "")
        case StepStaged(step=step, transaction=transaction):
            return f"{step}  about to be committed, as transaction {transaction}"
        case StepReached(step=step, rows=rows):
            return f"{step}  {rows:,} rows are loaded"
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
        case StepHeldUp(step=step, why=why):
            return f"{step}  held up: {why}"
        case PlanAmended() as made:
            return f"{made.step}  amended: {amendment_words(made)}, by {made.by}"
        case StepFailed(step=step, why=why):
            return f"{step}  failed: {why}"
        case FindingMade(step=step, finding=finding):
            return f"{step}  {finding.standing.value}: {finding.title}: {finding.found}"
        case RunPaused(why=why):
            return f"paused: {why}"
        case RunWarned(why=why):
            return f"note: {why}"
        case RunAborted(by=by, why=why):
            return f"aborted by {by}" + (f": {why}" if why else "")
        case RunFinished(outcome=outcome, verdict=verdict, why=why):
            return f"{outcome}" + (f", {verdict.standing.value}" if verdict else "") + (f": {why}" if why else "")
        case _:
            assert_never(event.body)


def _order_words(plan: Plan | None, step: str) -> str:
    known = next((each for each in plan.steps if each.id == step), None) if plan else None
    return sentence(known.action) if known else "begun"
