"""Report: what was promised, done, checked and measured, as one noun, from which text, pages and JSON are written.

The law: fields are added, never renamed or given another meaning. A change that must do that raises ``format``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.answers import Silence
from daybreak.model.cost import Cost
from daybreak.model.delta import Delta
from daybreak.model.findings import Detail, Level, Reason, Standing
from daybreak.model.loss import Loss
from daybreak.model.value import Instant, Span, Value


class Occasion(Value):
    """When and by what a report is made, and what only its maker knows."""

    made: Instant
    version: str
    """The version of Daybreak."""
    next: str = ""
    """The command that a person would type next."""
    way_in: str = ""
    """The psql command that opens the clone; empty where its endpoint was not seen, or where it is gone."""
    sides: tuple[str, ...] = ()
    """What is open or closed of a move's two sides, and what changes that; each a sentence."""


class Promise(Value):
    """An objective beside what was measured; ``is_met`` is null where one of them is missing, or it is not shown."""

    name: Literal["RPO", "RTO"]
    promised: Span | None
    measured: Span | None
    is_met: bool | None
    why_not: str = ""
    """Why what was measured does not show that the promise is kept; empty where it does, and where it is missed."""


class Witness(Value):
    """What the clone was compared with: what it is, since when, and its digest where it has one."""

    kind: Literal["living source", "capsule", "kept backup", "baseline", "none"]
    stands_for: Instant | None = None
    sha256: str = ""
    place: str = ""


class StepLine(Value):
    """One step: its order, its outcome, and how long it took against its estimate."""

    id: str
    sentence: str
    reason: str
    status: str
    began: Instant | None
    ended: Instant | None
    took: Span | None
    estimate_low: Span
    estimate_high: Span
    evidence: str
    """What the estimate rests on."""
    attempts: int
    retries: int
    was_adopted: bool
    """Whether its effect was found in the world, because a reply was lost."""
    request_ids: tuple[str, ...]
    note: str


class AmendmentLine(Value):
    """What a person changed on the standing plan."""

    step: str
    sentence: str
    """The change in words."""
    field: str
    old: str | None
    new: str | None
    by: str
    at: Instant


class ApprovalLine(Value):
    """Who approved the plan as it stood, and until when that counted."""

    by: str
    caller: str
    """Who that was to AWS."""
    plan: str
    """Digest of the plan with its amendments, as the person saw it."""
    expires: Instant
    why: str
    at: Instant


class JournalLine(Value):
    """The record behind the report: how long it is, where it ends, and what protects it against change."""

    events: int
    tail: str
    """Digest of the newest event, which covers every event before it."""
    anchor: int | None
    """The number of the event that the clone's tag names with its digest; null where no tag holds one."""
    ends_without_anchor: bool
    """Whether the run is over and nothing outside of the journal would show that it was cut or rewritten."""


class CheckLine(Value):
    """One check; ``standing`` is null where a box of the runbook was not asked."""

    check: str
    level: Level
    title: str
    box: int | None
    """Its number among the runbook's boxes, from 1; null for a check beyond them."""
    standing: Standing | None
    expected: str
    found: str
    asked: str
    """The query or call that gave the answer."""
    took: Span | None
    why: str
    details: tuple[Detail, ...]


class Difference(Value):
    """One field in which the clone differs from its source, and why it may."""

    of: str
    """The check that found it."""
    field: str
    source: str
    clone: str
    standing: Standing
    why: str


class Figures(Value):
    """What was counted and measured."""

    lost: Loss | None = None
    """What does not come back, computed from the moment and the accident; null where nothing was restored."""
    newest: Instant | None = None
    """The newest row in the clone that is not after the moment: evidence of how far it reaches, and no loss."""
    newest_in: str = ""
    rows: int | None = None
    deltas: dict[str, Delta | Silence] = Field(default_factory=dict)
    """What the source lost against the clone, by database, the source being base; or why it was not asked; empty without a
    source. The name is empty where an earlier release wrote it."""
    costs: tuple[Cost, ...] = ()
    """What reading took of the source, at its peaks, of each server of it that was asked."""
    checks: dict[Literal["fit", "unfit", "unknown", "waived", "left out", "beyond reach", "not asked"], int]
    """How many checks stand how."""
    asking: Span
    """How long the answers of all checks took, added up."""


class KeyedLine(Value):
    """One thing that is keyed to the source and does not follow a cutover by itself."""

    what: str
    """What it is, and the step that makes it again."""
    commands: tuple[str, ...] = ()
    """The commands by which a person makes it again, in their order."""


class Report(Value):
    """The whole report."""

    format: Literal[4] = 4
    kind: str
    """``pitr``, ``snapshot`` or ``clean`` for a run; ``validation`` for the checklist by itself."""
    headline: str
    """The verdict in one sentence."""
    standing: Standing | None
    """Null when no verdict was reached."""
    reasons: tuple[Reason, ...]
    """Everything that speaks against the clone, each with its check; or why there is no verdict."""
    scope: str = ""
    """What was asked about, such as ``standard depth``; empty where an earlier release wrote the verdict."""
    not_asked: tuple[Reason, ...] = ()
    """What was left out or waived: the verdict does not speak of it."""
    beyond: tuple[Reason, ...] = ()
    """What nobody can read; it counts against nothing."""
    run: str | None
    status: Literal["running", "stopped", "silent", "paused", "aborted", "failed", "finished"]
    note: str
    hints: tuple[str, ...] = ()
    """What a person can do about a pause."""
    target: str | None
    source: str | None
    clone: str
    server: str = ""
    """Where the clone answers, as HOST:PORT; empty where that was not seen."""
    moment: Instant | None
    """Null for ``latest`` where the moment was not looked up."""
    account: str
    caller: str
    region: str
    endpoint: str | None
    """Where AWS was asked, when it is not AWS's own endpoint."""
    elsewhere: dict[str, str] = Field(default_factory=dict)
    """The services that were asked elsewhere than RDS: the endpoint URL of each, or ``AWS`` where that is AWS's own."""
    proof: str = ""
    """What the clone's server had to prove before anything of a password left; empty where it was not asked."""
    who: str
    where: str
    why: str
    began: Instant
    ended: Instant | None
    took: Span
    data: Standing | None = None
    """What the data was judged as, by itself and before the whole clone was; null before that."""
    judged: Span | None = None
    """From the start to the judgement of the data, which is when people could work; null before, and where it did not come by itself."""
    complete: Span | None = None
    """From the start to the verdict of the whole clone; null before."""
    promises: tuple[Promise, ...]
    configuration: Witness
    """Where the knowledge of the source's configuration comes from."""
    baseline: Witness
    depth: str
    sample: int
    """Percent of the tables that were read through."""
    steps: tuple[StepLine, ...]
    amendments: tuple[AmendmentLine, ...] = ()
    """What people changed on the standing plan, oldest first."""
    approvals: tuple[ApprovalLine, ...] = ()
    """Who approved it, oldest first; empty where nobody was asked."""
    checks: tuple[CheckLine, ...]
    """Grouped by level; within a level the runbook's boxes come first, in its order."""
    differences: tuple[Difference, ...]
    permitted: tuple[str, ...]
    """The intended differences of the plan, in words."""
    figures: Figures
    notes: tuple[str, ...]
    carried: tuple[str, ...] = ()
    """What came of carrying the tables of an export, each a sentence; empty for any other run."""
    traffic: tuple[str, ...] = ()
    """What was measured of the traffic's move, each a sentence; empty for a run that moves none."""
    keyed: tuple[KeyedLine, ...] = ()
    """What does not follow a cutover by itself; empty for a run of another kind."""
    keep_until: Instant | None
    way_in: str = ""
    """The psql command that opens the clone, fit or not; empty where its endpoint was not seen, or where it is gone."""
    login: str = ""
    """Which login the clone takes, in words; empty where it takes the current one, or none was tried."""
    next: str
    plan: str | None
    """Digest of the plan."""
    plan_amended: str = ""
    """Digest of the plan and its amendments together; empty where there are none."""
    journal: JournalLine | None = None
    """Null for a validation by itself."""
    version: str
    made: Instant
