"""Position: where an order stands in the world, with what was seen of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from daybreak.model.value import Value


class Position(StrEnum):
    """Where an order stands."""

    SO = "so"
    UNDER_WAY = "under-way"
    ABSENT = "absent"
    UNLISTED = "unlisted"
    """AWS does not show what is to be removed. Only the answer to the removal shows whether it is gone."""
    STALLED = "stalled"
    """Nothing is under way that would make it so: AWS shows it late, or a person has to act."""
    BARRED = "barred"
    """A guard of the step does not hold."""
    HOPELESS = "hopeless"


class OrderStanding(Value):
    """Where an order stands, with what was seen."""

    place: Position
    seen: str = ""
    hints: tuple[str, ...] = ()
    is_for_good: bool = False
    """Whether what bars it ends the run, whatever the step's plan says of a refusal."""
    is_for_person: bool = False
    """Whether a person can mend what bars it, while the run waits."""
    result: dict[str, Any] = Field(default_factory=dict)


DOUBTED = frozenset({Position.UNLISTED, Position.BARRED, Position.HOPELESS})
"""What one answer alone does not prove, because an empty or a garbled answer looks the same."""
