"""Approving: a person says yes to a plan as it stands, where its owner wants a second one.

The law: what is approved is one digest, shown first. Whoever can write the state can forge an approval: it guards against
mistakes, and not against somebody who has the state.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from daybreak.app.app import App
from daybreak.app.ending import next_of
from daybreak.assess.approving import (
    NEEDS_SHARED_STATE,
    Approvals,
    Person,
    approvals_in,
    is_lost_by_carrying_out,
    why_not_another,
)
from daybreak.assess.persons import NAME_YOURSELF, why_nobody
from daybreak.errors import Refused
from daybreak.model.actions import AwaitApproval
from daybreak.model.guards import Approved
from daybreak.model.names import comma_list, printable
from daybreak.model.plan import Plan
from daybreak.model.run import Approval, RunApproved, RunState
from daybreak.plan.amending import amend, digest_with
from daybreak.plan.asking import is_asking

_LEAST_DIGITS = 12
"""The fewest characters of a digest that name one plan; screens show so many."""

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
    nobody can say who this person is, or the plan is not the one of ``digest``, whole or its first twelve characters or more.
    """
    if digest is not None:
        hold_to_digest(digest)
    plan, chain = app.store.plan(run), app.store.chain(run)
    present = app.hold_to(plan.identity, app.aws(plan.identity.region))
    state = chain.state() if chain.events else None
    found = digest_with(state.plan, state.amendments) if state else plan.digest()
    action = next((step.action for step in plan.steps if isinstance(step.action, AwaitApproval)), None)
    person = Person(app.person(), present.caller)
    by_another = action is not None and action.by_another
    reasons = _reasons(app, plan, state, person, by_another=by_another)
    if digest is not None and not found.startswith(digest.lower()):
        reasons.append(
            f'the plan as it stands has the digest {found}, not "{printable(digest)}": it was amended, or is another'
        )
    if action is None:
        reasons = [f'the plan of "{run}" asks for no approval']
    if reasons or action is None:
        then = [NAME_YOURSELF] if by_another and why_nobody(person.caller) else []
        then += [NEEDS_SHARED_STATE] if by_another and app.is_state_local else []
        if not by_another or (state and state.ended) or not why_not_another(person, _approvals_of(app, plan, state)):
            then += [next_of(app, plan, state) if state else f"daybreak resume {run}"]
        elif why_nobody(person.caller):
            then += [f"daybreak approve {run}"]
        else:
            then += [f"daybreak watch {run}" if state and is_asking(plan, state) else f"daybreak resume {run}"]
            then += [
                f"who neither planned it nor carries it out, and reaches this state, types: daybreak approve {run}"
            ]
        raise Refused(f'the plan of "{run}" cannot be approved', *then, reasons=tuple(reasons))
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


def hold_to_carrier(app: App, plan: Plan, state: RunState | None, caller: str) -> None:
    """Raise ``Refused`` for whoever approved the run and would carry it out: what they approved would be approved no more."""
    action = next((step.action for step in plan.steps if isinstance(step.action, AwaitApproval)), None)
    if action is None or not action.by_another or not _still_asks(plan, state):
        return
    asked = _approvals_of(app, plan, state)
    left = (each.approval for each in app.store.inbox(plan.run))
    given = (*asked.given, *(Approval(**each.model_dump(exclude={"type"}), at=app.now()) for each in left if each))
    if is_lost_by_carrying_out(Person(app.person(), caller), replace(asked, given=given)):
        raise Refused(
            f'you approved "{plan.run}" as {caller}, and your approval counts no more if you carry it out',
            f"let one of these go on, or anybody who did not approve it: {comma_list(asked.involved)}",
            f"or another person approves it first: daybreak approve {plan.run}",
        )


def _still_asks(plan: Plan, state: RunState | None) -> bool:
    """Whether anything that needs the approval is still to be done."""
    return any(
        (isinstance(step.action, AwaitApproval) or any(isinstance(guard, Approved) for guard in step.guards))
        and (state is None or state.step(step.id).status != "done")
        for step in plan.steps
    )


def hold_to_digest(text: str) -> None:
    """Raise ``Refused`` for what names no plan: less than twelve characters of a digest would approve whatever stands there."""
    if not re.fullmatch(rf"[0-9a-fA-F]{{{_LEAST_DIGITS},64}}", text):
        raise Refused(
            f'"{printable(text)}" names no plan: --digest takes the {_LEAST_DIGITS} to 64 hexadecimal characters that a digest begins with',
            "without --digest the plan is shown with its digest before it asks",
        )


def _approvals_of(app: App, plan: Plan, state: RunState | None) -> Approvals:
    """What was approved of a run, and who planned or carries it out."""
    return approvals_in(plan, state, app.now(), is_state_local=app.is_state_local)


def _reasons(app: App, plan: Plan, state: RunState | None, person: Person, *, by_another: bool) -> list[str]:
    reasons = []
    if state is not None and state.ended is not None:
        reasons.append(f"the run has ended: {state.status}")
    asked = _approvals_of(app, plan, state)
    if by_another and (why := why_not_another(person, asked)):
        reasons.append(why)
    return reasons
