"""Amendments: what a person may change on a standing run, and the plan as it stands with what they changed.

The law: only what the plan left open can be amended, to a value that it listed or that a person typed. The frozen plan keeps
its digest; an approval that comes later binds to that digest and the amendments together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from daybreak.errors import Refused
from daybreak.model.actions import (
    AwaitInstance,
    CreateEndpoint,
    CreateInstance,
    ManagePassword,
    RunCommand,
    SetClusterOptions,
    Validate,
)
from daybreak.model.members import endpoint_leads, of_instance
from daybreak.model.names import printable
from daybreak.model.plan import OpenField, Opening, Plan, Step, StepId
from daybreak.model.run import AmendedField, Amendment, PlanAmended, RunState
from daybreak.model.targets import LOGIN, LOGIN_ALLOWED
from daybreak.model.value import Value, digest, stamp

MANAGED = "managed:clone"
"""The login that is the secret which AWS keeps for the clone's master, once the run has asked AWS to manage it."""

OPTIONS: dict[OpenField, str] = {
    "instance_class": "--instance-class",
    "zone": "--zone",
    "ca": "--certificate",
    "login": "--login",
}
"""The option of ``resume`` that amends each open field."""


_FORMS: dict[OpenField, tuple[str, str]] = {
    "instance_class": (r"db\.[a-z0-9.-]+", 'an instance class such as "db.r6g.large"'),
    "zone": (r"[a-z]+-[a-z0-9-]+[a-z]", 'an Availability Zone such as "us-east-1b"'),
    "ca": (r"[A-Za-z0-9-]+", 'a certificate authority such as "rds-ca-rsa2048-g1"'),
    "login": (LOGIN, LOGIN_ALLOWED),
}
"""How the value of each field is spelled, and in words."""


class Wishes(Value):
    """What a person asks to be changed, as they typed it; each value may be ``STEP=VALUE`` for one step alone."""

    values: tuple[tuple[OpenField, str], ...] = ()
    without: tuple[str, ...] = ()
    """Ids of steps that the run shall do without."""
    is_password_managed: bool = False
    """Whether AWS shall manage the password of the clone's master."""
    outcomes: tuple[str, ...] = ()
    """What became of programs whose outcome is open, each as ``STEP=done`` or ``STEP=again``."""

    def __bool__(self) -> bool:
        return bool(self.values or self.without or self.is_password_managed or self.outcomes)


def amendments_for(plan: Plan, state: RunState, wishes: Wishes, by: str) -> tuple[PlanAmended, ...]:
    """The events that make these wishes so; raises ``Refused`` with a reason for each wish that the plan does not allow."""
    if wishes and state.ended is not None:
        raise Refused(f'the run "{state.run}" has ended: nothing of it can be amended', f"daybreak show {state.run}")
    wishful = _Wishful(amend(plan, state.amendments), state, by)
    for field, typed in wishes.values:
        wishful.change(field, typed)
    for name in wishes.without:
        wishful.leave_out(name)
    if wishes.is_password_managed:
        wishful.manage_password()
    for typed in wishes.outcomes:
        wishful.settle(typed)
    if wishful.reasons:
        message = f'the run "{state.run}" cannot be amended like that'
        raise Refused(message, wishful.words_of_open(), reasons=tuple(wishful.reasons))
    return tuple(wishful.made)


class _Wishful:
    """A person's wishes against a standing plan: the amendments that they make, and why some make none."""

    def __init__(self, plan: Plan, state: RunState, by: str) -> None:
        self._plan = plan
        self._state = state
        self._by = by
        self.made: list[PlanAmended] = []
        self.reasons: list[str] = []

    def change(self, field: OpenField, typed: str) -> None:
        """Change one field in each open step that is meant."""
        named, separator, value = typed.partition("=")
        # A reference may hold an equals sign, and only one step takes a login.
        separator = "" if field == "login" else separator
        is_named = bool(separator) and any(named in _names(step) for step in self._plan.steps)
        name, value = (named, value) if is_named else (None, typed)
        option, (pattern, allowed) = OPTIONS[field], _FORMS[field]
        open_here = [step for step in self._plan.steps if any(each.field == field for each in step.openings)]
        wanted = [step for step in open_here if name is None or name in _names(step)]
        if separator and not is_named and re.fullmatch(r"[0-9]{2}-[a-z0-9-]+|create-[a-z0-9-]+", named):
            ids = ", ".join(step.id for step in open_here)
            self.reasons.append(f'{option}: the plan has no step "{printable(named)}"; open are {ids}')
        elif not re.fullmatch(pattern, value):
            # What was typed is not repeated: it may be a password.
            of_one = "" if field == "login" else ", also as STEP=VALUE with a step's id"
            self.reasons.append(f"{option} takes {allowed}{of_one}")
        elif not open_here:
            self.reasons.append(f"{option}: the plan leaves nothing of that kind open")
        elif not wanted:
            ids = ", ".join(step.id for step in open_here)
            self.reasons.append(f'{option}: no step "{printable(name or "")}" is open to it; open are {ids}')
        elif not (to_do := [step for step in wanted if self._may_change(step)]):
            ids = " and ".join(step.id for step in wanted)
            are = "is" if len(wanted) == 1 else "are"
            self.reasons.append(f"{option}: {ids} {are} done, and what is done is not amended")
        else:
            self.made += [self._amend(step, field, getattr(step.action, field), value) for step in to_do]
            self.made += self._unask_password() if field == "login" else []

    def words_of_open(self) -> str:
        """What can still be amended of the run, by step and option."""
        taken = [step for step in self._plan.steps if self._may_change(step)]
        words = []
        for step in taken:
            options = [OPTIONS[each.field] for each in step.openings]
            options += ["--without"] if step.when_refused == "hold" else []
            if options:
                words.append(f"{step.id} by {', '.join(options)}")
        return f"open to amendment: {'; '.join(words)}" if words else "nothing of it is open to amendment any more"

    def _unask_password(self) -> list[PlanAmended]:
        """No managed password any more, where one was asked for and AWS refused it: a person names another login instead."""
        steps, said = self._plan.steps, self._state.amendments
        asked = [step for step in steps if step.is_on_request and is_taken(step, said)]
        return [
            self._amend(step, "taken", "yes", "no") for step in asked if self._state.step(step.id).status not in _OVER
        ]

    def leave_out(self, name: str) -> None:
        """Do without a step that the others can do without."""
        said = self._state.amendments
        may = [
            step
            for step in self._plan.steps
            if step.when_refused == "hold" or (step.is_on_request and is_taken(step, said))
        ]
        step = next((each for each in may if name in _names(each)), None)
        if step is None:
            ids = ", ".join(each.id for each in may)
            can = f"it can without {ids}" if ids else "it needs every step"
            self.reasons.append(f'--without: the run cannot do without "{printable(name)}"; {can}')
        elif (status := self._state.step(step.id).status) in _OVER and not self._may_change(step):
            self.reasons.append(f"--without: {step.id} is {status} already")
        else:
            self.made.append(self._amend(step, "taken", "yes", "no"))

    def manage_password(self) -> None:
        """Ask for a managed password, and for the login that goes with it."""
        step = next((each for each in self._plan.steps if each.is_on_request), None)
        logins = [each for each in self._plan.steps if any(opening.field == "login" for opening in each.openings)]
        if step is None:
            self.reasons.append("--manage-password: the plan has no such step")
        elif any(self._state.step(each.id).status == "done" for each in logins):
            self.reasons.append("--manage-password: a login has been let in already, so none is needed")
        elif not any(self._state.step(each.id).attempts for each in logins):
            self.reasons.append("--manage-password: no login has been tried at the clone yet")
        elif any(each.field == "login" for each in self.made):
            self.reasons.append("--manage-password and --login: name one of the two")
        else:
            self.made.append(self._amend(step, "taken", "no", "yes"))
            self.made += [self._amend(each, "login", getattr(each.action, "login", None), MANAGED) for each in logins]

    def settle(self, typed: str) -> None:
        """Say what became of a program whose outcome is open: nobody but a person can know, or decide to run it again."""
        name, _, said = typed.partition("=")
        programs = [step for step in self._plan.steps if isinstance(step.action, RunCommand)]
        lost = [each for each in programs if self._state.step(each.id).outcome is not None]
        step = next((each for each in lost if name in _names(each)), None)
        if step is None:
            ids = ", ".join(each.id for each in lost)
            asked = f"open are {ids}" if ids else "no program's outcome is open"
            self.reasons.append(f'--outcome: nobody asks about "{printable(name)}"; {asked}')
        elif any(each.step == step.id for each in self.made):
            self.reasons.append(f"--outcome: {step.id} was spoken of before in the same command: say one thing of it")
        elif said not in ("done", "again"):
            self.reasons.append(
                f"--outcome takes {step.id}=done where it did its work, {step.id}=again to run it again"
            )
        else:
            self.made.append(self._amend(step, "outcome", None, said))

    def _amend(self, step: Step, field: AmendedField, old: str | None, new: str) -> PlanAmended:
        before = [each.new for each in self.made if (each.step, each.field) == (step.id, field)]
        old = before[-1] if before else old
        return PlanAmended(step=step.id, field=field, old=old, new=new, by=self._by)

    def _may_change(self, step: Step) -> bool:
        """Whether a step is not over, or what waits for it is not: an instance that never came up is made again."""
        if self._state.step(step.id).status not in _OVER:
            return True
        waits = [each for each in self._plan.steps if step.id in each.after and isinstance(each.action, AwaitInstance)]
        return any(self._state.step(each.id).status not in _OVER for each in waits)


_OVER = ("done", "forgone")


def _names(step: Step) -> tuple[str, str]:
    """The names by which a person may mean a step: its id, with or without the number."""
    return step.id, step.id.partition("-")[2]


def amend(plan: Plan, amendments: Iterable[Amendment]) -> Plan:
    """The plan with what was amended in its steps. Never printed or approved as a plan: its digest is another one."""
    steps = {step.id: step for step in plan.steps}
    permitted: dict[str, str] = {}
    for each in amendments:
        step = steps.get(each.step)
        if step is None:
            continue
        if each.field not in ("taken", "outcome"):
            steps[step.id] = step.model_copy(update={"action": step.action.model_copy(update={each.field: each.new})})
        permitted |= _allowances_of(step, each)
    return plan.model_copy(update={"steps": tuple(_permit(step, permitted) for step in steps.values())})


def _allowances_of(step: Step, made: Amendment) -> dict[str, str]:
    """The field in which the clone may differ from its source since a person amended the plan."""
    who = f"as {made.by} amended the plan at {stamp(made.at)}"
    match step.action, made.field:
        case CreateInstance(instance=instance), "instance_class" | "ca":
            return {of_instance(instance, made.field): f"{made.new}, {who}"}
        case ManagePassword(), "taken":
            return {"master_secret": f"AWS manages the password of the clone's master, {who}"}
        case CreateInstance(instance=instance), "taken":
            return {of_instance(instance, "count"): f"left out, {who}", "endpoints": f"without {instance}, {who}"}
        case CreateEndpoint() as action, "taken":
            return {endpoint_leads(action.type, action.static_members, action.excluded_members): f"left out, {who}"}
        case SetClusterOptions() as action, "taken":
            fields = action.model_dump(exclude={"kind", "clone"}, exclude_none=True)
            return dict.fromkeys(fields, f"AWS's default, {who}")
        case _:
            return {}


def _permit(step: Step, permitted: dict[str, str]) -> Step:
    if not permitted or not isinstance(step.action, Validate):
        return step
    joined = {**step.action.permitted, **permitted}
    return step.model_copy(update={"action": step.action.model_copy(update={"permitted": joined})})


def is_taken(step: Step, amendments: Iterable[Amendment]) -> bool:
    """Whether the run takes a step, by the plan and the newest amendment that speaks of it."""
    said = [each.new for each in amendments if each.step == step.id and each.field == "taken"]
    return said[-1] == "yes" if said else not step.is_on_request


def steps_unasked(plan: Plan, amendments: Iterable[Amendment] = ()) -> frozenset[StepId]:
    """The steps that nobody has asked for, and those that need one of them."""
    made = tuple(amendments)
    unasked: set[StepId] = set()
    for step in plan.steps:  # a plan names a step after those that it needs
        if (step.is_on_request and not is_taken(step, made)) or unasked.intersection(step.after):
            unasked.add(step.id)
    return frozenset(unasked)


def digest_with(plan: str, amendments: tuple[Amendment, ...]) -> str:
    """The digest of a plan, given by its own digest, together with its amendments; its own where there are none.

    What a person says became of a program is no other plan: whoever approved it need not say yes again.
    """
    counted = [each.plain() for each in amendments if each.field != "outcome"]
    return digest({"plan": plan, "amendments": counted}) if counted else plan


def ways_out(plan: Plan, step: Step, code: str = "") -> tuple[str, ...]:
    """What a person can do about a step that AWS refuses with this code, each as a command that works."""
    fields = _FIELDS_BY_CODE.get(code, ("instance_class", "zone") if "Capacity" in code or "capacity" in code else ())
    lines = [_way(plan, step, opening) for opening in step.openings if opening.field in fields]
    if step.when_refused == "hold":
        lines.append(f"do without {step.id}: daybreak resume {plan.run} --without {step.id}")
    return tuple(lines)


_FIELDS_BY_CODE: dict[str, tuple[OpenField, ...]] = {
    "InvalidParameterCombination": ("instance_class", "zone"),
    "InvalidParameterValue": ("instance_class", "zone", "ca"),
    "InsufficientDBInstanceCapacity": ("instance_class", "zone"),
    "InvalidDBClusterStateFault": ("instance_class",),
    "InvalidSubnet": ("zone",),
    "CertificateNotFound": ("ca",),
}
"""The open fields that may be to blame for a refusal, by AWS's code (FACTS 4.10)."""


def _way(plan: Plan, step: Step, opening: Opening) -> str:
    words, example = _WAYS[opening.field]
    others = f"  # offered: {', '.join(opening.offers)}" if len(opening.offers) > 1 else ""
    value = opening.offers[0] if opening.offers else example
    return words.format(run=plan.run, value=value, step=_names(step)[1]) + others


_WAYS: dict[OpenField, tuple[str, str]] = {
    "instance_class": ("take another class: daybreak resume {run} --instance-class {value}", "CLASS"),
    # Of one step alone: two instances in one zone would go down together.
    "zone": ("take another zone: daybreak resume {run} --zone {step}={value}", "ZONE"),
    "ca": ("take another authority: daybreak resume {run} --certificate {value}", "NAME"),
    "login": ("enter with another login: daybreak resume {run} --login {value}", "REFERENCE"),
}
"""The command that amends each open field, and what stands for a value that AWS did not offer."""
