"""Plan: complete data about what will be done, in which order and why; one value, one digest.

The law: what is printed, approved, executed and reported is this value. There is no dry-run mode: a dry run is a plan that
was not started. A plan pins account, region and endpoint, and expires.
"""

from __future__ import annotations

from typing import Any, Literal, NewType

from pydantic import Field

from daybreak.model.actions import Action
from daybreak.model.requests import Request
from daybreak.model.targets import Objectives, Target
from daybreak.model.value import Instant, Span, Value
from daybreak.model.world import Identity, Window

StepId = NewType("StepId", str)
RunId = NewType("RunId", str)


class AwsCall(Value):
    """One AWS API call as data: executed, printed as an ``aws`` line, and the source of the IAM policy."""

    service: str
    operation: str
    """The operation's name in AWS's model, such as ``RestoreDBClusterToPointInTime``."""
    params: dict[str, Any]
    region: str


class Estimate(Value):
    """How long something takes, between two bounds, and on what evidence."""

    low: Span
    high: Span
    evidence: str


class Guard(Value):
    """What must hold right before a step acts. A guard that does not hold stops the run, and nothing is done."""

    kind: Literal["not-the-source", "ours-or-absent", "ours-only", "reads-only"]
    resource: str

    def sentence(self) -> str:
        """The guard in words."""
        match self.kind:
            case "not-the-source":
                return f"{self.resource} is the source and is never changed"
            case "ours-or-absent":
                return f"nothing of the name {self.resource} exists, or it carries the nonce of this run"
            case "ours-only":
                return f"{self.resource} carries the nonce of the run that created it"
            case "reads-only":
                return f"only reads from {self.resource}"


OpenField = Literal["instance_class", "zone", "ca", "login"]
"""The fields of an action that a plan may leave open to amendment."""


class Opening(Value):
    """A field of a step's action that a person may change on the standing run, by an amendment."""

    field: OpenField
    offers: tuple[str, ...] = ()
    """The values that AWS offered when the plan was made; a person may type another one."""


class Step(Value):
    """One order with its reason, its guard, its estimate and its undo."""

    id: StepId
    action: Action
    reason: str
    after: tuple[StepId, ...] = ()
    """The steps that must be done before."""
    after_settled: tuple[StepId, ...] = ()
    """The steps that are waited for too, and may come to nothing: done, forgone, held up, or never asked for."""
    guards: tuple[Guard, ...] = ()
    estimate: Estimate
    undo: str = ""
    """How to take this step back, in words; empty when there is nothing to take back."""
    when_refused: Literal["fail", "pause", "hold"] = "fail"
    """What becomes of the run when AWS refuses the step for good: it fails, it pauses for a person, or the step is held up
    until all the others are through. What is late or can be done without never throws away what took hours."""
    is_on_request: bool = False
    """Whether the step is taken only when a person asks for it."""
    openings: tuple[Opening, ...] = ()


class Plan(Value):
    """Everything that a run will do. ``format`` is raised when a reader of the old form would misread the new one."""

    format: Literal[1] = 1
    run: RunId
    """The run is named for its clone; one plan is carried out once."""
    request: Request
    target: Target
    identity: Identity
    created: Instant
    expires: Instant
    zone: str
    """The time zone of the person who planned, for echoing local time."""
    source: str
    clone: str
    window: Window | None = None
    moment: Instant | None = None
    """The moment that the plan aims at; for ``latest`` the latest one at planning."""
    objectives: Objectives
    estimate: Estimate
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    """What a person should know before saying yes."""
    keep_until: Instant | None = None
    """When the clone may be considered forgotten; written into its ``daybreak:expires`` tag."""
    tags: dict[str, str] = Field(default_factory=dict)
    """The tags of everything that the run creates, besides the plan's digest; values in angle brackets are drawn later."""
    parity: tuple[str, ...] = Field(default_factory=tuple)
    """Each intended difference between clone and source, with its reason."""

    @property
    def kind(self) -> str:
        """The kind of the plan, which is the kind of its request."""
        return self.request.kind

    def step(self, identifier: str) -> Step:
        """The step of that id; raises ``KeyError`` when there is none."""
        for step in self.steps:
            if step.id == identifier:
                return step
        raise KeyError(identifier)


class Refusal(Value):
    """Why there is no plan: every reason at once, each with what to do about it."""

    what: str
    reasons: tuple[str, ...]
    hints: tuple[str, ...] = ()
