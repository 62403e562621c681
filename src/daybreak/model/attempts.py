"""What the journal keeps of an attempt at a step, so that whoever comes later finds out, or asks, what became of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.archives import ArchiveStored
from daybreak.model.plan import StepId
from daybreak.model.value import Value


class ProcessMark(Value):
    """A process, so that whoever comes later finds it again and takes no other for it."""

    pid: int
    """Its number, which is also that of its session."""
    host: str
    """The machine on which the number counts."""
    began: str = ""
    """When it began, as the system counts that since it was booted, with the boot; empty where the system does not say."""


class StepStarted(Value):
    """A program is about to begin, in a process of its own; durable before its first instruction."""

    type: Literal["step.started"] = "step.started"
    step: StepId
    process: ProcessMark


class StepEnded(Value):
    """An attempt came to an end that is known, and that is not what the step is for."""

    type: Literal["step.ended"] = "step.ended"
    step: StepId
    why: str
    has_begun: bool
    """Whether anything of it began. Where nothing did, nothing took effect, and it may be tried again."""


class StepStaged(Value):
    """What the step changes stands in a transaction or an upload that is about to be committed; durable before the commit leaves."""

    type: Literal["step.staged"] = "step.staged"
    step: StepId
    transaction: str | None
    """Its number, by which the server knows what became of it; ``None`` where nothing got one."""
    place: int | None = None
    """How far a load is once it is committed, in bytes of its file."""
    rows: int | None = None
    """How many rows it has loaded by then, in all."""
    deleted: dict[str, int] = Field(default_factory=dict, exclude_if=lambda found: not found)
    """How many rows it has deleted, of each table that it replaces."""
    upload: str | None = Field(default=None, exclude_if=lambda found: found is None)
    """What a bucket calls what was begun there; ``None`` where nothing was."""
    stored: ArchiveStored | None = Field(default=None, exclude_if=lambda found: found is None)
    """What that is about to become, by which the bucket shows what became of it; ``None`` while parts are still sent."""


class StepReached(Value):
    """A load's part is committed: from this place it goes on."""

    type: Literal["step.reached"] = "step.reached"
    step: StepId
    place: int
    rows: int
    """Loaded by now, in all."""


class OpenOutcome(Value):
    """What nobody but a person can judge of a step's newest attempt, whatever became of the step or the run since."""

    is_known: bool
    """Whether the attempt's end is known; else it is in doubt what took effect."""
    why: str = ""
