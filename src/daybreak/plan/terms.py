"""The terms a plan is made on, and the sequence that gives steps their ids; the clock's only way into a planner."""

from __future__ import annotations

from typing import Any

from daybreak.model.plan import Estimate, Guard, Step, StepId
from daybreak.model.value import Instant, Value


class Terms(Value):
    """When the plan is made, how long it holds, how long the clone is kept, and whose local time is echoed."""

    created: Instant
    expires: Instant
    keep_until: Instant | None
    zone: str


class Sequence:
    """Steps in the order they are added; each gets the id ``NN-slug``."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def add(self, slug: str, action: Any, reason: str, estimate: Estimate, **more: Any) -> StepId:
        """Append a step and return its id; ``more`` are the optional fields of ``Step``."""
        identifier = StepId(f"{len(self.steps) + 1:02d}-{slug}")
        self.steps.append(Step(id=identifier, action=action, reason=reason, estimate=estimate, **more))
        return identifier


def creating(name: str, source: str) -> tuple[Guard, ...]:
    """The guards of a step that creates ``name``."""
    return Guard(kind="ours-or-absent", resource=name), Guard(kind="not-the-source", resource=source)


def changing(name: str, source: str) -> tuple[Guard, ...]:
    """The guards of a step that changes what must be there already."""
    return Guard(kind="ours-only", resource=name), Guard(kind="not-the-source", resource=source)


def removing(name: str) -> tuple[Guard, ...]:
    """The guards of a step that removes or changes ``name``."""
    return (Guard(kind="ours-only", resource=name),)
