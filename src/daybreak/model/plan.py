"""Plan: complete data about what will be done, in which order and why; one value, one digest.

The law: what is printed, approved, executed and reported is this value. There is no dry-run mode: a dry run is a plan that
was not started. A plan pins account, region and endpoint, and expires.
"""

from __future__ import annotations

from typing import Any, Literal, NewType

from pydantic import Field

from daybreak.model.actions import Action
from daybreak.model.guards import Guard, Unwritten
from daybreak.model.requests import FailOverRequest, Request
from daybreak.model.targets import Objectives, Target
from daybreak.model.undo import Undo
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
    """The steps that are waited for too, and may come to nothing: done, forgone, failed, or never asked for."""
    guards: tuple[Guard, ...] = ()
    estimate: Estimate
    undo: Undo | None = None
    """How this step is taken back; ``None`` for one that only looks."""
    when_refused: Literal["fail", "fail-last", "pause", "hold", "forgo"] = "fail"
    """What becomes of the run when the step is refused for good: it fails, it takes what only waits for the step to settle and
    fails then, it pauses for a person, the step is held up until all the others are through, or the run goes on without it and
    what needs it. What is late or can be done without never throws away what took hours, and what cleans up is never left undone."""
    is_on_request: bool = False
    """Whether the step is taken only when a person asks for it."""
    openings: tuple[Opening, ...] = ()


class Gap(Value):
    """The time in which nobody can write anywhere, and in which a run takes everything back by itself.

    It lasts from the step that closes the source until clients work at the clone. Within it whatever stops the run ends it, and
    where nobody has written in the clone, all of it is taken back; once somebody has, nothing goes back by itself.
    """

    opens: StepId
    closes: StepId
    budget: Span
    """How long it may last."""
    unwritten: Unwritten
    """What says whether a client has written in the clone."""


KeyedKind = Literal[
    "role",
    "data-api",
    "event-subscription",
    "alarm",
    "autoscaling",
    "connect-policy",
    "proxy",
    "endpoint",
    "managed-secret",
    "integration",
    "slot",
    "unknown",
]
"""The kinds of what does not follow the traffic by itself; ``unknown`` is what could not be asked, or never is."""


class Keyed(Value):
    """One thing that is keyed to the source's name, address or resource id, and does not follow the traffic by itself."""

    kind: KeyedKind
    what: str
    """What it is, and what clients or people miss without it."""
    step: StepId | None = None
    """The step that makes it again at the clone; ``None`` where a person has to."""
    by_hand: tuple[AwsCall, ...] = ()
    """The calls by which a person does, in their order."""


FORMAT = 2
"""The ``format`` of the plans that this release makes and carries out."""

PlanFormat = Literal[1, 2]
"""Raised when a reader of the old form would misread the new one. Of format 1 nothing was released: its guards and undos were
words that nothing asked, so such a plan is shown and cleaned up after, and is not carried out."""


class Plan(Value):
    """Everything that a run will do."""

    format: PlanFormat = 2
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
    gap: Gap | None = Field(default=None, exclude_if=lambda found: found is None)
    """The gap of a cutover; ``None`` in a plan that has none."""
    keyed: tuple[Keyed, ...] = Field(default=(), exclude_if=lambda found: not found)
    """What is keyed to the source and does not follow a cutover by itself."""

    @property
    def kind(self) -> str:
        """The kind of the plan, which is the kind of its request."""
        return self.request.kind

    @property
    def way(self) -> str:
        """The kind as people call it: AWS moves a writer in two ways."""
        return self.request.way if isinstance(self.request, FailOverRequest) else self.kind

    def step(self, identifier: str) -> Step:
        """The step of that id; raises ``KeyError`` when there is none."""
        for step in self.steps:
            if step.id == identifier:
                return step
        raise KeyError(identifier)


def as_read_now(plain: Any) -> Any:
    """A stored plan of any format that this release opens, in the fields of today; anything else as it is.

    The guards and undos of format 1 were words that nothing asked, so they are left out rather than claimed.
    """
    if not isinstance(plain, dict) or plain.get("format", 1) != 1 or not isinstance(plain.get("steps"), list):
        return plain
    steps = [
        {name: value for name, value in step.items() if name not in ("guards", "undo")}
        if isinstance(step, dict)
        else step
        for step in plain["steps"]
    ]
    return plain | {"format": 1, "steps": steps}


class Refusal(Value):
    """Why there is no plan: every reason at once, each with what to do about it."""

    what: str
    reasons: tuple[str, ...]
    hints: tuple[str, ...] = ()
