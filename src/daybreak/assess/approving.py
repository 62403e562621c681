"""Whether a plan is approved as it stands. Pure.

The law: an approval is of one digest, that of the plan with its amendments; whatever is amended is approved anew. Nobody approves
what they planned or carry out, where another person is asked for. Whoever can write the state can forge an approval: it keeps
people from mistakes, and not from each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from daybreak.assess.breach import Breach
from daybreak.model.plan import Plan
from daybreak.model.run import Approval, RunApproved, RunState
from daybreak.model.value import stamp
from daybreak.plan.amending import digest_with

_FAR_AHEAD = datetime.max.replace(tzinfo=UTC)
"""When every approval has expired: who does not say what time it is, has none."""


@dataclass(frozen=True)
class Approvals:
    """What was approved, as the journal has it."""

    plan: str = ""
    """The digest of the plan as it stands."""
    now: datetime = _FAR_AHEAD
    given: tuple[Approval, ...] = ()
    involved: frozenset[str] = frozenset()
    """Everybody who planned or carries out the run, on this machine and at AWS."""
    run: str = ""


def approvals_in(plan: Plan, state: RunState, now: datetime, *, is_state_local: bool) -> Approvals:
    """What a run's journal says of approvals.

    Where the state is a folder, an account of the machine is a person; elsewhere many people may share one, and only who they are
    to AWS distinguishes them.
    """
    people = (each for each in state.carriers if is_state_local or each.startswith("arn:"))
    return Approvals(
        plan=digest_with(state.plan, state.amendments),
        now=now,
        given=state.approvals,
        involved=frozenset((*people, plan.identity.caller)),
        run=state.run,
    )


def approval_of(asked: Approvals, *, by_another: bool) -> Approval | None:
    """The newest approval that counts; ``None`` where there is none."""
    return next((each for each in reversed(asked.given) if not _why_not(each, asked, by_another=by_another)), None)


def disapproval_of(asked: Approvals, *, by_another: bool) -> Breach | None:
    """Why the plan does not count as approved; ``None`` where it does."""
    if approval_of(asked, by_another=by_another):
        return None
    reasons = [_why_not(each, asked, by_another=by_another) for each in asked.given]
    why = reasons[-1] if reasons else "nobody has approved the plan as it stands"
    return Breach(why=why, hints=(f"daybreak approve {asked.run}",), is_for_person=True)


def is_involved(person: Iterable[str], asked: Approvals) -> bool:
    """Whether somebody, by any of the names given, planned or carries out the run."""
    return not asked.involved.isdisjoint(person)


def is_recorded(given: RunApproved, state: RunState) -> bool:
    """Whether the journal has that approval already: a request to a run stays where it was left."""
    return any(
        (each.by, each.caller, each.plan, each.expires) == (given.by, given.caller, given.plan, given.expires)
        for each in state.approvals
    )


def _why_not(given: Approval, asked: Approvals, *, by_another: bool) -> str:
    if given.plan != asked.plan:
        return f"{given.by} approved the plan at {stamp(given.at)} as it was then; it was amended since"
    if given.expires <= asked.now:
        return f"the approval of {given.by} expired at {stamp(given.expires)}"
    if by_another and is_involved((given.by, given.caller), asked):
        return f"{given.by} planned or carries out this run, and another person must approve it"
    return ""
