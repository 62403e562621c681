"""Approving: a person says yes to a plan as it stands, where its owner wants a second one.

The law: what is approved is one digest, shown first. Whoever can write the state can forge an approval: it guards against
mistakes, and not against somebody who has the state.
"""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.app.app import App
from daybreak.app.ending import next_of
from daybreak.assess.approving import approvals_in, is_involved
from daybreak.errors import Refused
from daybreak.model.actions import AwaitApproval
from daybreak.model.names import printable
from daybreak.model.plan import Plan
from daybreak.model.run import RunApproved, RunState
from daybreak.plan.amending import amend, digest_with

_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


@dataclass(frozen=True)
class ToApprove:
    """A plan that waits for an approval: as it stands, its digest with the amendments, and who would approve it."""

    plan: Plan
    digest: str
    action: AwaitApproval
    caller: str


def look_at_plan(app: App, run: str, digest: str | None = None) -> ToApprove:
    """The plan of a run as it stands, for a person who may approve it.

    Raises ``Refused`` with every reason against it: nobody asks for one, the run has ended, this person planned or carries it out,
    or the plan is not the one of ``digest``.
    """
    plan, chain = app.store.plan(run), app.store.chain(run)
    present = app.hold_to(plan.identity, app.aws(plan.identity.region))
    state = chain.state() if chain.events else None
    found = digest_with(state.plan, state.amendments) if state else plan.digest()
    action = next((step.action for step in plan.steps if isinstance(step.action, AwaitApproval)), None)
    reasons = _reasons(app, plan, state, (app.person(), present.caller), by_another=action is None or action.by_another)
    if digest is not None and not found.startswith(digest):
        reasons.append(
            f'the plan as it stands has the digest {found}, not "{printable(digest)}": it was amended, or is another'
        )
    if action is None:
        reasons = [f'the plan of "{run}" asks for no approval']
    if reasons or action is None:
        then = next_of(app, plan, state) if state else f"daybreak resume {run}"
        raise Refused(f'the plan of "{run}" cannot be approved', then, reasons=tuple(reasons))
    standing = amend(plan, state.amendments) if state else plan
    return ToApprove(standing, found, action, present.caller)


def approve(app: App, shown: ToApprove, why: str) -> RunApproved:
    """Leave the approval for whoever carries out the run, who records it; returns it."""
    given = RunApproved(
        by=app.person(),
        caller=shown.caller,
        plan=shown.digest,
        expires=app.now() + shown.action.valid,
        why=why,
    )
    # Each has a name of its own: one that expired, or is of an older digest, must not stand in another's way.
    name = f"approve-{given.digest()[:16].translate(_LETTERS)}"
    app.store.ask(shown.plan.run, name, given.by, why, given)
    return given


def _reasons(app: App, plan: Plan, state: RunState | None, person: tuple[str, str], *, by_another: bool) -> list[str]:
    reasons = []
    if state is not None and state.ended is not None:
        reasons.append(f"the run has ended: {state.status}")
    if state is None:
        is_own = person[1] == plan.identity.caller
    else:
        is_own = is_involved(person, approvals_in(plan, state, app.now(), is_state_local=app.is_state_local))
    if by_another and is_own:
        reasons.append(f"{person[0]} ({person[1]}) planned or carries out this run, and another person must approve it")
    return reasons
