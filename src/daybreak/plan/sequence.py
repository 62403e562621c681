"""The sequence that gives steps their ids, and each step the guards and the undo of its action."""

from __future__ import annotations

from typing import Any

from daybreak.model.actions import Action, AwaitApproval
from daybreak.model.guards import Approved, Guard
from daybreak.model.plan import Estimate, Step, StepId
from daybreak.model.value import Span
from daybreak.plan import estimates
from daybreak.plan.guarding import guards_of, is_change
from daybreak.plan.undoing import undo_of

_PATIENCE = Span(hours=1)
"""How long an approval is waited for before the run pauses."""


class Sequence:
    """Steps in the order of adding; each gets the id ``NN-slug``.

    ``region`` is where they act, ``untouchable`` the names that none of them may change: the source's. Where ``approval`` is given,
    another person's approval comes first, counts for so long, and guards every change.
    """

    def __init__(self, region: str, untouchable: tuple[str, ...], approval: Span | None = None) -> None:
        self.steps: list[Step] = []
        self._region = region
        self._untouchable = untouchable
        self._approved: StepId | None = None
        if approval is not None:
            why = "its owner wants a second person to say yes; nothing is changed before"
            action = AwaitApproval(within=_PATIENCE, valid=approval)
            self._approved = self.add("await-approval", action, why, estimates.APPROVAL)

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
        if self._approved is not None:
            asked = (*asked, Approved()) if is_change(action) else asked
            more["after"] = more.get("after") or (self._approved,)
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
