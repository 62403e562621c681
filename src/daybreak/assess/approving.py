"""Whether a plan is approved as it stands. Pure.

The law: an approval is of one digest, that of the plan with its amendments; whatever is amended is approved anew. Nobody approves
what they planned or carry out, where another person is asked for: neither by another name of theirs at AWS, nor from the same
account of a machine. What counted when a run closed both sides counts until one of them is open. Whoever can write the state can forge an approval: it keeps people from mistakes, and not from each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from daybreak.assess.breach import Breach
from daybreak.assess.persons import NAME_YOURSELF, may_be_one, why_nobody
from daybreak.model.actions import AwaitApproval
from daybreak.model.plan import Plan
from daybreak.model.run import Approval, RunApproved, RunState
from daybreak.model.value import stamp
from daybreak.plan.amending import digest_with
from daybreak.plan.gaps import both_closed_since

_FAR_AHEAD = datetime.max.replace(tzinfo=UTC)
"""When every approval has expired: who does not say what time it is, has none."""


@dataclass(frozen=True)
class Approvals:
    """What was approved, as the journal has it."""

    plan: str = ""
    """The digest of the plan as it stands."""
    now: datetime = _FAR_AHEAD
    given: tuple[Approval, ...] = ()
    involved: tuple[str, ...] = ()
    """Everybody who planned or carries out the run, on their machines and at AWS."""
    run: str = ""
    closed: datetime | None = None
    """Since when nobody can write on either side by the run's deed: what counted then must not end before somebody can."""
    is_state_local: bool = False
    """Whether the run is kept in a folder, which no other account of a machine reaches."""


@dataclass(frozen=True)
class Person:
    """Somebody who approves or carries out a run."""

    by: str
    """``user@host``, as the operating system says it."""
    caller: str
    """Who that is to AWS, as an ARN with the session's name."""


NEEDS_SHARED_STATE = "a folder is one account's: an approval needs a state that both people reach, s3://BUCKET/PREFIX"
"""What to do where nobody else reaches the state."""


def approvals_in(plan: Plan, state: RunState | None, now: datetime, *, is_state_local: bool) -> Approvals:
    """What a run's journal says of approvals; ``state`` is ``None`` for a run that has not begun.

    None counts for longer than its plan says, since it was recorded: whoever approved wrote its end by a clock of their own.
    """
    carriers = state.carriers if state else ()
    valid = next((step.action.valid for step in plan.steps if isinstance(step.action, AwaitApproval)), None)
    given = state.approvals if state else ()
    return Approvals(
        plan=digest_with(state.plan, state.amendments) if state else plan.digest(),
        now=now,
        given=tuple(each if valid is None else _within(each, valid) for each in given),
        involved=tuple(dict.fromkeys((*carriers, plan.identity.caller))),
        run=plan.run,
        closed=both_closed_since(plan, state) if state else None,
        is_state_local=is_state_local,
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
    more = [NAME_YOURSELF] if any(why_nobody(each.caller) for each in asked.given) else []
    more += [NEEDS_SHARED_STATE] if asked.is_state_local else []
    who = "another person types: " if by_another else ""  # whoever reads it carries the run out, and would be refused
    return Breach(why=why, hints=(f"{who}daybreak approve {asked.run}", *more), is_for_person=True)


def why_not_another(person: Person, asked: Approvals) -> str:
    """Why somebody does not count as another person than those who planned or carry out the run; empty where they do."""
    if why := why_nobody(person.caller):
        return f"{why}, and another person must approve this run"
    same = _same_as(person, asked)
    if same is None:
        return ""
    known = "" if same in (person.by, person.caller) else f", as {same}"
    return f"{person.by} ({person.caller}) planned or carries out this run{known}, and another person must approve it"


def is_lost_by_carrying_out(person: Person, asked: Approvals) -> bool:
    """Whether the approval that counts is this person's own, so that none would count any more once they carry the run out."""
    then = replace(asked, involved=(*asked.involved, person.by, person.caller))
    return approval_of(asked, by_another=True) is not None and approval_of(then, by_another=True) is None


def is_recorded(given: RunApproved, state: RunState) -> bool:
    """Whether the journal has that approval already: a request to a run stays where it was left."""
    return any(
        (each.by, each.caller, each.plan, each.expires) == (given.by, given.caller, given.plan, given.expires)
        for each in state.approvals
    )


def _within(given: Approval, valid: timedelta) -> Approval:
    """The approval, ending no later than ``valid`` after it was recorded."""
    return given.model_copy(update={"expires": min(given.expires, given.at + valid)})


def _why_not(given: Approval, asked: Approvals, *, by_another: bool) -> str:
    if given.plan != asked.plan:
        return f"{given.by} approved the plan at {stamp(given.at)} as it was then; it was amended since"
    if given.expires <= (asked.closed or asked.now):
        return f"the approval of {given.by} expired at {stamp(given.expires)}"
    return why_not_another(Person(given.by, given.caller), asked) if by_another else ""


def _same_as(person: Person, asked: Approvals) -> str | None:
    """By which of the names of those involved they may be the same person; ``None`` where by none."""
    return next(
        (
            each
            for each in asked.involved
            if (may_be_one(person.caller, each) if each.startswith("arn:") else person.by == each)
        ),
        None,
    )
