"""Breach: why a guard does not hold."""

from __future__ import annotations

from daybreak.model.value import Value


class Breach(Value):
    """Why a guard does not hold, and what to do about it."""

    why: str
    hints: tuple[str, ...] = ()
    is_for_good: bool = False
    """Whether it ends the run, also where the run can do without the step: what the run stands on is gone or not its own."""
    is_for_person: bool = False
    """Whether a person can mend it while the run waits: then it pauses, whatever its plan says of a refusal."""
