"""The terms of a plan, and the sequence that gives steps their ids; the clock enters a planner only here."""

from __future__ import annotations

from typing import Any

from daybreak.model.actions import PARAMETER_GROUP_REST
from daybreak.model.plan import Estimate, Guard, Step, StepId
from daybreak.model.value import Instant, Span, Value


class Terms(Value):
    """When the plan is made, when it expires, how long the clone is kept, and which local time is shown."""

    created: Instant
    expires: Instant
    keep_until: Instant | None
    zone: str
    group_rest: Span = PARAMETER_GROUP_REST
    """How long a new parameter group rests before an instance starts under it."""


class Sequence:
    """Steps in the order of adding; each gets the id ``NN-slug``."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def add(self, slug: str, action: Any, reason: str, estimate: Estimate, **more: Any) -> StepId:
        """Append a step and return its id; ``more`` holds optional fields of ``Step``."""
        identifier = StepId(f"{len(self.steps) + 1:02d}-{slug}")
        self.steps.append(Step(id=identifier, action=action, reason=reason, estimate=estimate, **more))
        return identifier


def guards_to_create(name: str, source: str) -> tuple[Guard, ...]:
    """The guards of a step that creates ``name``."""
    return Guard(kind="ours-or-absent", resource=name), Guard(kind="not-the-source", resource=source)


def guards_to_change(name: str, source: str) -> tuple[Guard, ...]:
    """The guards of a step that changes what must already exist."""
    return Guard(kind="ours-only", resource=name), Guard(kind="not-the-source", resource=source)


def guards_to_remove(name: str) -> tuple[Guard, ...]:
    """The guards of a step that removes or changes ``name``."""
    return (Guard(kind="ours-only", resource=name),)
