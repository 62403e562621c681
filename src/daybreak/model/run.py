"""Run: a plan being carried out; the events of its journal, and the state that they add up to.

The law: the journal is the state. ``state_of`` folds events into everything that is known about a run. Nothing else is kept.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from daybreak.errors import Bug
from daybreak.model.anchor import Anchor, anchor_in
from daybreak.model.attempts import OpenOutcome, ProcessMark, StepEnded, StepReached, StepStaged, StepStarted
from daybreak.model.findings import Finding, Measured, Verdict
from daybreak.model.news import SourceMoved, VerdictRenewed
from daybreak.model.plan import OpenField, StepId
from daybreak.model.value import Instant, Value

AmendedField = OpenField | Literal["taken", "outcome"]
"""What an amendment changes: an open field, whether the step is taken (``yes``, ``no``), or what became of a command whose outcome
was lost (``done``: it did its work; ``again``: it shall run again)."""

GENESIS = "0" * 64
"""The ``previous`` digest of a journal's first event."""


class RunCreated(Value):
    """The run exists; its plan is frozen beside the journal under this digest."""

    type: Literal["run.created"] = "run.created"
    run: str
    plan: str
    """Digest of the plan."""
    why: str = ""
    nonce: str | None = None
    """Drawn when the run begins, and in a tag of all that it creates; ``None`` in a journal of a release without nonces."""


class RunAttached(Value):
    """A process took the run into its hands."""

    type: Literal["run.attached"] = "run.attached"
    who: str
    where: str
    version: str = ""
    caller: str = ""
    """Who that is to AWS, as an ARN; empty where AWS was not asked."""


class RunApproved(Value):
    """A person approved the plan as it stood."""

    type: Literal["run.approved"] = "run.approved"
    by: str
    """``user@host``."""
    caller: str
    """Who that is to AWS, as an ARN with the session's name."""
    plan: str
    """Digest of the plan with its amendments, as the person saw it."""
    expires: Instant
    why: str = ""


class StepIntended(Value):
    """A step begins; durable before its call leaves the machine."""

    type: Literal["step.intended"] = "step.intended"
    step: StepId
    attempt: int
    call: dict[str, Any] | None = None
    """The exact AWS call; ``None`` for a step that only looks."""


class StepSent(Value):
    """AWS answered the call with success."""

    type: Literal["step.sent"] = "step.sent"
    step: StepId
    request_id: str | None = None


class StepRetried(Value):
    """AWS refused for now; the step will be tried again after a pause."""

    type: Literal["step.retried"] = "step.retried"
    step: StepId
    why: str
    pause: float
    """Seconds until the next try."""


class StepUncertain(Value):
    """The call left, and its effect is not known. The world is looked at before anything else."""

    type: Literal["step.uncertain"] = "step.uncertain"
    step: StepId
    why: str


class StepSeen(Value):
    """While waiting, the world looks different from the last time: a status changed."""

    type: Literal["step.seen"] = "step.seen"
    step: StepId
    seen: str


class StepDone(Value):
    """The order of the step holds; ``adopted`` when its effect was found in the world instead of in a reply."""

    type: Literal["step.done"] = "step.done"
    step: StepId
    was_adopted: bool = False
    result: dict[str, Any] = Field(default_factory=dict)


class StepForgone(Value):
    """The step could not be done, and the run goes on without it: no later step needs it."""

    type: Literal["step.forgone"] = "step.forgone"
    step: StepId
    why: str
    hints: tuple[str, ...] = ()


class StepHeldUp(Value):
    """AWS refused a step that the others can do without: the run goes on, and pauses for it at the end."""

    type: Literal["step.held"] = "step.held"
    step: StepId
    why: str
    hints: tuple[str, ...] = ()


class StepFailed(Value):
    """The step cannot be done; the run ends as failed."""

    type: Literal["step.failed"] = "step.failed"
    step: StepId
    why: str
    hints: tuple[str, ...] = ()


class FindingMade(Value):
    """One check of a validation answered."""

    type: Literal["finding.made"] = "finding.made"
    step: StepId
    finding: Finding


class PlanAmended(Value):
    """A person changed a field that the plan left open, or whether a step is taken. What is not amended stays as planned."""

    type: Literal["plan.amended"] = "plan.amended"
    step: StepId
    field: AmendedField
    old: str | None
    new: str | None
    by: str


class RunPaused(Value):
    """The run stopped at a safe place and can be resumed."""

    type: Literal["run.paused"] = "run.paused"
    why: str
    exit_code: int
    hints: tuple[str, ...] = ()
    """What a person can do about it; empty in a journal of an older release."""


class RunWarned(Value):
    """Something about the run that a person should look at, and that stops nothing; recorded once."""

    type: Literal["run.warned"] = "run.warned"
    about: str
    """What it is about: the same thing is not warned of again."""
    why: str


class RunAborted(Value):
    """A person ended the run. What it created is still there until it is cleaned."""

    type: Literal["run.aborted"] = "run.aborted"
    by: str
    why: str = ""


class RunFinished(Value):
    """The run is over: its verdict, or ``None`` when it failed before one could be reached."""

    type: Literal["run.finished"] = "run.finished"
    outcome: Literal["done", "failed"]
    verdict: Verdict | None = None
    measured: Measured = Measured()
    why: str = ""


Body = Annotated[
    RunCreated
    | RunAttached
    | RunApproved
    | SourceMoved
    | VerdictRenewed
    | StepIntended
    | StepStarted
    | StepEnded
    | StepSent
    | StepStaged
    | StepReached
    | StepRetried
    | StepUncertain
    | StepSeen
    | StepDone
    | StepForgone
    | StepFailed
    | StepHeldUp
    | FindingMade
    | PlanAmended
    | RunPaused
    | RunWarned
    | RunAborted
    | RunFinished,
    Field(discriminator="type"),
]
"""The content of an event."""


class Event(Value):
    """One line of a journal, chained to the one before by its digest."""

    number: int
    at: Instant
    writer: str
    """The number of one process's hold on the run. A process that lost its hold is fenced at its next append."""
    nonce: str
    """Distinguishes our own write from another's when a reply was lost."""
    previous: str
    body: Body


StepStatus = Literal["waiting", "intended", "sent", "staged", "uncertain", "done", "held", "forgone", "failed"]
RunStatus = Literal["running", "stopped", "silent", "paused", "aborted", "failed", "finished"]
"""``stopped`` (no process carries it) and ``silent`` (nobody can say whether one does) stand in no journal: ``assess.carrying``."""


class StepState(Value):
    """What is known about one step."""

    status: StepStatus = "waiting"
    began: Instant | None = None
    tried: Instant | None = None
    """When its newest attempt began."""
    ended: Instant | None = None
    attempts: int = 0
    retries: int = 0
    request_ids: tuple[str, ...] = ()
    was_adopted: bool = False
    staged: StepStaged | None = None
    """What was about to be committed; ``None`` where nothing of it is in doubt."""
    process: ProcessMark | None = None
    """The program that its newest attempt started."""
    outcome: OpenOutcome | None = None
    """What is open about its newest attempt; being held up does not settle it."""
    place: int = 0
    """How far a load is for certain, in bytes of its file."""
    rows: int = 0
    """How many rows it has loaded by then."""
    note: str = ""
    result: dict[str, Any] = Field(default_factory=dict)


class Approval(Value):
    """Who approved the plan as it stood, and until when that counts."""

    by: str
    caller: str
    plan: str
    """Digest of the plan with its amendments, as the person saw it."""
    expires: Instant
    why: str = ""
    at: Instant


class Amendment(Value):
    """What a person changed on a standing plan."""

    step: StepId
    field: AmendedField
    old: str | None
    """As it was before; ``None`` where nothing was said."""
    new: str | None
    by: str
    at: Instant


class RunState(Value):
    """Everything the journal knows about a run."""

    run: str
    plan: str
    why: str = ""
    nonce: str | None = None
    """What distinguishes the run's resources from another's; ``None`` where an older release began it. Such a run is not resumed."""
    status: RunStatus = "running"
    began: Instant
    ended: Instant | None = None
    who: str = ""
    where: str = ""
    writer: str = ""
    attachments: int = 0
    last: Instant
    events: int
    steps: dict[str, StepState] = Field(default_factory=dict)
    amendments: tuple[Amendment, ...] = ()
    """Oldest first: a later one of the same field replaces an earlier one."""
    approvals: tuple[Approval, ...] = ()
    """Oldest first."""
    moved: SourceMoved | None = None
    """In what the source looked otherwise than the plan saw it when the run began."""
    judged: VerdictRenewed | None = None
    """What the clone was judged anew since the plan was made; ``None`` where the plan's own verdict is the newest."""
    warned: tuple[str, ...] = ()
    """What was warned of."""
    carriers: tuple[str, ...] = ()
    """Everybody who has carried out the run so far, on their machines and to AWS."""
    findings: tuple[Finding, ...] = ()
    finders: tuple[StepId, ...] = ()
    """The step that made each of them."""
    verdict: Verdict | None = None
    measured: Measured = Measured()
    note: str = ""
    hints: tuple[str, ...] = ()
    """What a person can do about a pause."""
    exit_code: int | None = None
    tail: str = ""
    """Digest of the newest event as it is stored; empty for events that come from no store."""

    @property
    def anchor(self) -> Anchor | None:
        """The event that the clone's tag names; ``None`` where the run did not reach that step, or could not do it."""
        found = (anchor_in(step.result.get("anchor")) for step in self.steps.values() if step.status == "done")
        return next((each for each in found if each), None)

    def step(self, identifier: str) -> StepState:
        """The state of a step; a step that the journal does not mention is waiting."""
        return self.steps.get(identifier, StepState())


def state_of(events: tuple[Event, ...] | list[Event]) -> RunState:
    """Fold a journal into the run's state. Raises ``Bug`` when the first event is not ``run.created``."""
    tally = Tally()
    tally.add(events)
    return tally.state()


class Tally:
    """The fold of one journal, kept between events, so that a run that asks often where it stands folds each event once."""

    def __init__(self) -> None:
        self._run: dict[str, Any] = {}
        self._steps: dict[str, StepState] = {}
        self._findings: dict[tuple[StepId, str], Finding] = {}

    @property
    def events(self) -> int:
        """How many events are in it."""
        return int(self._run.get("events", 0))

    def add(self, events: tuple[Event, ...] | list[Event]) -> None:
        """Fold in the events that follow. Raises ``Bug`` when the first event of a journal is not ``run.created``."""
        for event in events:
            if not self._run:
                self._run = _beginning(event)
            self._run |= {"last": event.at, "events": event.number + 1} | _of_run(event, self._run)
            _of_step(event, self._steps, self._findings)

    def state(self) -> RunState:
        """Everything that is known by now."""
        if not self._run:
            raise Bug(_NO_BEGINNING)
        finders = tuple(step for step, _ in self._findings)
        return RunState(**self._run, steps=dict(self._steps), findings=tuple(self._findings.values()), finders=finders)


_NO_BEGINNING = "a journal must begin with run.created"


def _beginning(first: Event) -> dict[str, Any]:
    if not isinstance(first.body, RunCreated):
        raise Bug(_NO_BEGINNING)
    created = first.body
    about = {"run": created.run, "plan": created.plan, "why": created.why, "nonce": created.nonce}
    return about | {"began": first.at}


def _of_run(event: Event, state: dict[str, Any]) -> dict[str, Any]:
    match event.body:
        case RunAttached(who=who, where=where, caller=caller):
            held = {"who": who, "where": where, "writer": event.writer, "attachments": state.get("attachments", 0) + 1}
            people = (*state.get("carriers", ()), who, *([caller] if caller else []))
            held["carriers"] = tuple(dict.fromkeys(people))
            # A process that attaches to a run that has ended finds that it has, and does not change how it ended.
            return held if "ended" in state else held | {"status": "running", "note": "", "hints": ()}
        case RunPaused(why=why, exit_code=code, hints=hints):
            return {"status": "paused", "note": why, "exit_code": code, "hints": hints}
        case PlanAmended() as made:
            plain = made.model_dump(exclude={"type"})
            return {"amendments": (*state.get("amendments", ()), Amendment(**plain, at=event.at))}
        case RunApproved() as made:
            plain = made.model_dump(exclude={"type"})
            return {"approvals": (*state.get("approvals", ()), Approval(**plain, at=event.at))}
        case SourceMoved() as moved:
            return {"moved": moved}
        case VerdictRenewed() as judged:
            return {"judged": judged}
        case RunWarned(about=about):
            return {"warned": (*state.get("warned", ()), about)}
        case RunAborted(by=by, why=why):
            return {"status": "aborted", "ended": event.at, "note": f"aborted by {by}" + (f": {why}" if why else "")}
        case RunFinished() as end:
            status = "finished" if end.outcome == "done" else "failed"
            ended = {"status": status, "ended": event.at, "note": end.why}
            return ended | {"verdict": end.verdict, "measured": end.measured}
        case _:
            return {}


def _of_step(event: Event, steps: dict[str, StepState], findings: dict[tuple[StepId, str], Finding]) -> None:
    body = event.body
    of_run = (
        RunCreated,
        RunAttached,
        RunApproved,
        SourceMoved,
        VerdictRenewed,
        RunPaused,
        RunWarned,
        RunAborted,
        RunFinished,
    )
    if isinstance(body, of_run):
        return
    if isinstance(body, FindingMade):
        findings[body.step, body.finding.check] = body.finding
        return
    if isinstance(body, StepIntended):
        # What begins again asks everything again: what an earlier attempt found does not count, unless that may have been committed.
        doubted = body.step in steps and steps[body.step].staged is not None
        for stale in [key for key in findings if key[0] == body.step and not doubted]:
            del findings[stale]
    steps[body.step] = (was := steps.get(body.step, StepState())).model_copy(update=_step_news(event, was))


def _step_news(event: Event, before: StepState) -> dict[str, Any]:
    match event.body:
        case StepIntended(attempt=attempt, call=call):
            began, doubt = before.began or event.at, OpenOutcome(is_known=False) if call else None
            times = {"began": began, "tried": event.at, "attempts": attempt}
            return {"status": "intended", "note": "", "process": None, "outcome": doubt} | times
        case StepStarted(process=process):
            return {"process": process}
        case StepEnded(why=why, has_begun=has_begun):
            outcome = OpenOutcome(is_known=True, why=why) if has_begun else None
            return {"status": "waiting", "note": why, "outcome": outcome}
        case StepSent(request_id=request_id):
            return {
                "status": "sent",
                "request_ids": (*before.request_ids, request_id) if request_id else before.request_ids,
            }
        case StepStaged() as staged:
            return {"status": "staged", "staged": staged}
        case StepReached(place=place, rows=rows):
            return {"status": "intended", "staged": None, "place": place, "rows": rows}
        case StepRetried(why=why):
            return {"retries": before.retries + 1, "note": why}
        case StepUncertain(why=why):
            return {"status": "uncertain", "note": why, "outcome": OpenOutcome(is_known=False, why=why)}
        case StepSeen(seen=seen):
            return {"note": seen}
        case StepDone(was_adopted=was_adopted, result=result):
            # What is added to a result later does not make the work itself end later.
            ended = before.ended if before.status == "done" else event.at
            settled = {"status": "done", "staged": None, "outcome": None, "note": ""}
            return settled | {"ended": ended, "was_adopted": was_adopted, "result": result}
        case StepForgone(why=why):
            return {"status": "forgone", "ended": event.at, "note": why, "outcome": None}
        case StepHeldUp(why=why):
            return {"status": "held", "note": why}
        case StepFailed(why=why):
            return {"status": "failed", "ended": event.at, "note": why, "outcome": None}
        case PlanAmended():
            # Whatever came of it so far, it is to be done as amended: the look before the next sending finds what is there.
            return {"status": "waiting", "ended": None, "note": "", "outcome": None}
        case _:
            return {}
