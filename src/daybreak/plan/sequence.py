"""The sequence that gives steps their ids, and each step the guards and the undo of its action."""

from __future__ import annotations

from typing import Any

from daybreak.model.actions import Action
from daybreak.model.guards import Guard
from daybreak.model.plan import Estimate, Step, StepId
from daybreak.plan.guarding import guards_of
from daybreak.plan.undoing import undo_of


class Sequence:
    """Steps in the order of adding; each gets the id ``NN-slug``.

    ``region`` is where they act, ``untouchable`` the names that none of them may change: the source's.
    """

    def __init__(self, region: str, untouchable: tuple[str, ...]) -> None:
        self.steps: list[Step] = []
        self._region = region
        self._untouchable = untouchable

    def add(
        self,
        slug: str,
        action: Action,
        reason: str,
        estimate: Estimate,
        *,
        guards: tuple[Guard, ...] = (),
        **more: Any,
    ) -> StepId:
        """Append a step and return its id; ``guards`` are asked besides the action's own, ``more`` holds optional fields of ``Step``."""
        identifier = StepId(f"{len(self.steps) + 1:02d}-{slug}")
        asked = (*guards_of(action, self._region, self._untouchable), *guards)
        step = Step(
            id=identifier,
            action=action,
            reason=reason,
            estimate=estimate,
            guards=asked,
            undo=undo_of(action, self._region),
            **more,
        )
        self.steps.append(step)
        return identifier
