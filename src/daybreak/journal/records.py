"""What both stores keep beside the events, and the refusals that they share."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from datetime import datetime
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import Any, get_args

from pydantic import Field, ValidationError

from daybreak.errors import Failed, Refused
from daybreak.journal.damage import Damaged, Newer, damage_of_event, damage_of_plan, refusal_of_newer
from daybreak.model.names import IDENTIFIER, comma_list, printable
from daybreak.model.plan import Plan, PlanFormat, as_read_now
from daybreak.model.run import Event, RunApproved, RunAttached, RunCreated
from daybreak.model.value import Value, canonical, digest, stamp

RELEASE = version("daybreak")
"""This release, as each process that attaches to a run records it."""

_LONGEST = 120
_REQUEST = re.compile(r"[a-z]{1,20}(?:-[a-z]{1,20})?")


ABORT = "abort"
"""The request to end a run."""


class Message(Value):
    """A request to the process that holds a run, such as ``abort``; the first one stands."""

    request: str
    by: str
    why: str = ""
    approval: RunApproved | None = None
    """The approval that it brings, where it does."""
    unreadable: str = Field(default="", exclude=True)
    """Why nobody can read what was left under this request; empty where it was read."""


def is_run_name(text: str) -> bool:
    """Whether ``text`` can name a run; such a text is also safe as a file name and as a part of a key."""
    return len(text) <= _LONGEST and IDENTIFIER.fullmatch(text) is not None


def check_run_name(text: str) -> None:
    """Raise ``Refused`` for a text that cannot name a run, such as a path in a plan that a person edited."""
    if not is_run_name(text):
        raise Refused(f'"{printable(text)}" cannot name a run', "use the name that the plan gave")


def check_request(request: str) -> str:
    """Return ``request`` when a file may be named after it; raises ``Refused`` otherwise."""
    if not _REQUEST.fullmatch(request):
        raise Refused(f'"{printable(request)}" is not something to ask of a run', "ask to abort")
    return request


def bytes_of_plan(plan: Plan) -> bytes:
    """The stored form of a plan: the plan with its digest, as in the file that a person saves, so that an edit is seen."""
    return canonical({"digest": plan.digest(), "plan": plan.plain()})


def plan_in(data: bytes, events: tuple[Event, ...], where: str) -> Plan:
    """The plan in a file's bytes; raises ``Damaged`` when it is not the one that the first event names.

    When the run has not begun, only the digest beside the plan can show a change: raises ``Refused`` when it differs or is
    missing. Raises ``Newer`` when the plan is as it was frozen, and this release does not know all of it. The digest is that of the
    stored data, not of the model that it is read into: a later release may know more fields.
    """
    named, plain = _parts(data, where)
    created = events[0].body if events else None
    if isinstance(created, RunCreated) and digest(plain) != created.plan:
        raise damage_of_plan("is not the one this run was created with", where)
    if created is None and digest(plain) != named:
        raise Refused(f'the plan in "{where}" was changed after it was frozen, and nothing was begun', "make it again")
    try:
        # Instants and enumerations are read in their JSON form.
        return Plan.model_validate_json(json.dumps(as_read_now(plain)))
    except ValidationError as error:
        raise _newer_plan(plain, error, where, events) from error


def creation(plan: Plan, data: bytes, where: str, nonce: str) -> RunCreated:
    """The first event of a run with that frozen plan and that nonce."""
    return RunCreated(run=plan.run, plan=digest(_parts(data, where)[1]), why=plan.request.why, nonce=nonce)


def creation_time_in(data: bytes | None) -> str:
    """When a stored plan was made, for sorting; empty when it cannot be read."""
    try:
        plain = json.loads(data or b"{}")
    except ValueError:
        return ""
    plain = plain.get("plan", plain) if isinstance(plain, dict) else None
    return str(plain.get("created", "")) if isinstance(plain, dict) else ""


def request_in(data: bytes, where: str) -> Message:
    """The request in a file's bytes."""
    try:
        return Message.model_validate_json(data)
    except ValidationError as error:
        raise Failed(f'the request in "{where}" cannot be read', "remove it, and ask again") from error


def requests_left(found: Iterable[tuple[str, bytes | None]]) -> tuple[Message, ...]:
    """The requests that were left at these places, also those that nobody can read; without those that are gone again.

    One that cannot be read must not end a run, nor hide the others.
    """
    return tuple(_request_left(data, where) for where, data in found if data is not None)


def _request_left(data: bytes, where: str) -> Message:
    try:
        return request_in(data, where)
    except Failed:
        name = printable(PurePosixPath(where).stem)
        return Message(request=name, by="", unreadable=f'the request "{name}" in the run\'s inbox cannot be read')


def attachment(events: Iterable[Event]) -> Event | None:
    """The last ``run.attached``."""
    return next((event for event in reversed(tuple(events)) if isinstance(event.body, RunAttached)), None)


def refusal_of_second_creation(run: str) -> Refused:
    """The refusal to create a run a second time."""
    return Refused(
        f'there is a run "{run}" already: a plan is carried out once',
        f"carry it on: daybreak resume {run}",
        f"or look at it: daybreak show {run}",
    )


def no_such_run(run: str, known: Iterable[str], where: str) -> Refused:
    """The refusal of a run that does not exist, with the names that are similar."""
    names = tuple(known)
    near = [name for name in names if run and run in name][:3] or difflib.get_close_matches(run, names, n=3)
    newest = [f"the newest there: {comma_list(names[:3])}"] if names else []
    hints = [f"did you mean {name}?" for name in near] or ["daybreak runs  # lists them", *newest]
    hints.append("where it is kept elsewhere, name that place with --state")
    if not near and is_run_name(run):
        hints.append(f"if its state is lost: daybreak clean --cluster {run}")
    return Refused(f'there is no run "{printable(run)}" in "{where}"', *hints)


def loss_of_plan(where: str) -> Damaged:
    """The failure for a run whose plan is not there any more."""
    return damage_of_plan("is missing", where)


def loss_of_journal(where: str) -> Damaged:
    """The failure for a run that had begun, and whose journal is not there any more."""
    return damage_of_event(0, "the whole journal is gone, and the run had begun", where)


def refusal_of_old_plan(run: str, *, has_begun: bool) -> Refused:
    """The refusal to carry out a run whose plan has guards and undos that are only words; one that never began left nothing."""
    if not has_begun:
        return Refused(
            f'the run "{run}" was planned by an older release, whose guards cannot be asked; it never began, and created nothing',
            "make the plan again",
        )
    return Refused(
        f'the run "{run}" was planned by an older release, whose guards cannot be asked: it can be shown, ended and cleaned up after',
        f"daybreak abort {run}",
        f"daybreak clean {run}",
        "then make the plan again",
    )


def refusal_without_nonce(run: str) -> Refused:
    """The refusal to carry on a run that was begun before there were nonces."""
    return Refused(
        f'the run "{run}" was begun by an older release, which drew no nonce: what it created cannot be distinguished from another\'s',
        f"daybreak abort {run}",
        f"daybreak clean {run}",
        "then make the plan again",
    )


class Held(Refused):
    """Another process carries out the run."""


def refusal_of_second_writer(run: str, holder: Event | None, last: datetime | None) -> Held:
    """The refusal of a second writer."""
    hints = (f"follow it: daybreak watch {run}", f"or take it away from there: daybreak resume {run} --take-over")
    if holder is None or not isinstance(holder.body, RunAttached):
        return Held(f'the run "{run}" is being started by another process', *hints)
    seen = f", last heard of at {stamp(last)}" if last else ""
    body = holder.body
    return Held(f'the run "{run}" is held by {body.who} ({body.where}) since {stamp(holder.at)}{seen}', *hints)


def refusal_of_second_request(run: str, first: Message) -> Refused:
    """The refusal of a request that was made before."""
    return Refused(
        f'to {first.request} the run "{run}" was asked by {first.by} before', f"follow it: daybreak watch {run}"
    )


def _newer_plan(plain: Any, error: ValidationError, where: str, events: tuple[Event, ...]) -> Newer:
    """The refusal of a plan that has the digest it was frozen with: what does not fit was never meant for this release."""
    versions = [event.body.version for event in events if isinstance(event.body, RunAttached)]
    why = f"{error.error_count()} of its fields are not known here"
    if isinstance(plain, dict) and plain.get("format", 1) not in get_args(PlanFormat):
        why = f"it has format {printable(str(plain['format']))}, and this release reads {' and '.join(map(str, get_args(PlanFormat)))}"
    return refusal_of_newer("the plan", why, where, versions[-1] if versions else "")


def _parts(data: bytes, where: str) -> tuple[str | None, Any]:
    """The digest beside a stored plan, ``None`` where an older release wrote none; and the plan as plain data."""
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise damage_of_plan("is not JSON", where) from error
    if isinstance(plain, dict) and set(plain) == {"digest", "plan"}:
        return str(plain["digest"]), plain["plan"]
    return None, plain
