"""Whether a run waits for a person's approval."""

from __future__ import annotations

from daybreak.model.actions import AwaitApproval
from daybreak.model.plan import Plan
from daybreak.model.run import RunState


def is_asking(plan: Plan, state: RunState) -> bool:
    """Whether the run goes on with nothing before somebody approves its plan."""
    asked = (step.id for step in plan.steps if isinstance(step.action, AwaitApproval))
    return state.status == "running" and any(state.step(step).status == "intended" for step in asked)
