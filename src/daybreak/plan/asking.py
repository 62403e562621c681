"""Whether a run waits for a person's approval."""

from __future__ import annotations

from daybreak.model.actions import AwaitApproval
from daybreak.model.plan import Plan
from daybreak.model.run import RunState


def is_asking(plan: Plan, state: RunState) -> bool:
    """Whether the run goes on with nothing before somebody approves its plan."""
    asked = (step.id for step in plan.steps if isinstance(step.action, AwaitApproval))
    return state.status == "running" and any(state.step(step).status == "intended" for step in asked)


def may_be_approved_by(plan: Plan, state: RunState, person: str) -> bool:
    """Whether somebody may approve a run, as far as their ``user@host`` shows it: who they are to AWS is asked when they do."""
    by_another = any(step.action.by_another for step in plan.steps if isinstance(step.action, AwaitApproval))
    return not (by_another and person in state.carriers)
