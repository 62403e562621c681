"""The report of a run for machines: one JSON document with a format number, and the schema it keeps to.

The law: fields are added, never renamed or given another meaning; whoever must do that raises ``format``.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from daybreak.model.findings import Finding, Standing
from daybreak.model.plan import Plan
from daybreak.model.report import JournalLine
from daybreak.model.requests import CleanRequest
from daybreak.model.run import RunState, RunStatus, StepState, StepStatus
from daybreak.model.value import Instant, Span, Value
from daybreak.plan.servers import proof_of
from daybreak.report.journaling import journal_line
from daybreak.report.sentences import sentence


class StepReport(Value):
    """One step: what was ordered, and what became of it."""

    id: str
    sentence: str
    reason: str
    status: StepStatus
    began: Instant | None
    ended: Instant | None
    took: Span | None
    attempts: int
    retries: int
    was_adopted: bool
    """Whether its effect was found in the world, because a reply was lost."""
    request_ids: tuple[str, ...]
    note: str


class ObjectiveReport(Value):
    """A promise beside what was measured; ``is_met`` is null where nothing was measured."""

    promised: Span
    measured: Span | None
    is_met: bool | None


class VerdictReport(Value):
    """What the findings add up to."""

    standing: Standing
    reasons: tuple[str, ...]


class RunReport(Value):
    """The whole report."""

    format: Literal[1] = 1
    run: str
    kind: str
    target: str
    plan: str
    """Digest of the plan."""
    who: str
    where: str
    why: str
    account: str
    region: str
    endpoint: str | None
    source: str
    clone: str
    moment: Instant | None
    status: RunStatus
    note: str
    began: Instant
    ended: Instant | None
    steps: tuple[StepReport, ...]
    findings: tuple[Finding, ...]
    verdict: VerdictReport | None
    objectives: dict[Literal["rpo", "rto"], ObjectiveReport]
    newest: Instant | None
    """The newest data found in the clone."""
    newest_in: str
    rows: int | None
    journal: JournalLine | None = None
    """Where the record behind this ends; always there in what is written now."""
    proof: str = Field(default="")
    """What the clone's server had to prove before anything of a password left."""
    next: str = Field(default="")
    """The command that a person would type next."""


def run_report(plan: Plan, state: RunState, *, then: str = "") -> dict[str, Any]:
    """The report as JSON-ready data. ``then`` is the next command, where there is one."""
    measured, promised, verdict = state.measured, plan.objectives, state.verdict
    return RunReport(
        run=state.run,
        kind=plan.kind,
        target=plan.target.name,
        plan=state.plan,
        who=state.who,
        where=state.where,
        why=state.why,
        account=plan.identity.account,
        region=plan.identity.region,
        endpoint=plan.identity.endpoint,
        proof="" if isinstance(plan.request, CleanRequest) else proof_of(plan, state),
        source=plan.source,
        clone=plan.clone,
        moment=plan.moment,
        status=state.status,
        note=state.note,
        began=state.began,
        ended=state.ended,
        steps=tuple(_step(plan, state.step(step.id), number) for number, step in enumerate(plan.steps)),
        findings=state.findings,
        verdict=VerdictReport(standing=verdict.standing, reasons=verdict.reasons) if verdict else None,
        objectives={
            "rpo": objective(promised.rpo, measured.rpo),
            "rto": objective(promised.rto, measured.rto),
        },
        newest=measured.newest,
        newest_in=measured.newest_in,
        rows=measured.rows,
        journal=journal_line(state),
        next=then,
    ).plain()


def schema() -> dict[str, Any]:
    """JSON Schema of the report, as it is written."""
    made = RunReport.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | made


def objective(promised: Span, measured: Span | None) -> ObjectiveReport:
    """A promise against a measurement."""
    return ObjectiveReport(
        promised=promised, measured=measured, is_met=None if measured is None else measured <= promised
    )


def _step(plan: Plan, state: StepState, number: int) -> StepReport:
    step = plan.steps[number]
    return StepReport(
        id=step.id,
        sentence=sentence(step.action),
        reason=step.reason,
        status=state.status,
        began=state.began,
        ended=state.ended,
        took=state.ended - state.began if state.began and state.ended else None,
        attempts=state.attempts,
        retries=state.retries,
        was_adopted=state.was_adopted,
        request_ids=state.request_ids,
        note=state.note,
    )
