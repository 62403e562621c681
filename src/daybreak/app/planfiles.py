"""Plans as files: a place for one, checked before any question is asked; and one read back, which is refused when it was edited.

The law: a plan replaces nothing except another plan. The content of a file is believed only with its digest.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daybreak.errors import Refused
from daybreak.files import MOST_KEPT, content
from daybreak.model.names import printable
from daybreak.model.plan import FORMAT, Plan
from daybreak.model.value import digest

AGAIN = "make it again: daybreak plan --help  # lists the kinds of plans"
_ELSEWHERE = "name another file with --file"


def hold_place(file: Path, *, is_forced: bool) -> None:
    """Raise ``Refused`` for a place that holds something other than a plan, or a plan without ``--force``."""
    if not os.path.lexists(file):
        _hold_folder(file.parent)
        return
    try:
        held = _read_document(file, follows=False)
    except Refused as trouble:
        raise Refused(
            f"{trouble.message}; only a plan may be replaced",
            _ELSEWHERE,
            "or look at the file, and remove it",
        ) from trouble
    if not is_forced:
        raise Refused(
            f'"{file}" exists already, and holds {_describe(held)}',
            "add --force to replace it",
            _ELSEWHERE,
        )
    _hold_folder(file.parent)


def read_plan(file: Path) -> Plan:
    """The plan in a file that ``plan … --file`` or ``-o json`` wrote; raises ``Refused`` when it is damaged or was edited."""
    try:
        held = _read_document(file, follows=True)
    except Refused as trouble:
        raise Refused(trouble.message, AGAIN) from trouble
    again = _again(held)
    try:
        plan = Plan.model_validate(held["plan"])
    except ValidationError as trouble:
        raise _unfit(file, held, trouble, again) from trouble
    if plan.digest() != held["digest"]:
        raise Refused(
            f'the plan "{file}" was changed after it was made: its digest is {plan.digest()[:12]}…, the file says '
            f"{str(held['digest'])[:12]}…",
            again,
        )
    return plan


def _again(held: dict[str, Any]) -> str:
    """How a plan of the kind that the file says is made anew; of an edited file no other word of it is believed."""
    request = held["plan"].get("request") if isinstance(held["plan"], dict) else None
    kind = request.get("kind") if isinstance(request, dict) else None
    return f"make it again: {_COMMANDS[kind]}" if isinstance(kind, str) and kind in _COMMANDS else AGAIN


_COMMANDS = {
    "pitr": "daybreak plan pitr TARGET --to MOMENT --file FILE",
    "snapshot": "daybreak plan snapshot TARGET --file FILE",
    "region": "daybreak plan region TARGET --file FILE",
    "fail-over": "daybreak plan region TARGET --file FILE",
    "export": "daybreak plan export TARGET --from S3-URL --table NAME --file FILE",
    "copy": "daybreak copy TARGET",
    "clean": "daybreak clean RUN",
}


def _read_document(file: Path, *, follows: bool) -> dict[str, Any]:
    """The content of a plan's file, not yet believed; raises ``Refused`` when the file is not a plan's."""
    try:
        held = json.loads(content(file, MOST_KEPT, follows=follows).decode("utf-8"))
    except (OSError, UnicodeDecodeError) as trouble:
        raise Refused(f'the plan "{file}" cannot be read: {getattr(trouble, "strerror", None) or trouble}') from trouble
    except (ValueError, RecursionError) as trouble:
        raise Refused(f'the plan "{file}" is not JSON: {trouble}') from trouble
    if not isinstance(held, dict) or set(held) != {"digest", "plan"}:
        raise Refused(f'"{file}" is not a plan: it must hold "digest" and "plan"')
    return held


def _unfit(file: Path, held: dict[str, Any], trouble: ValidationError, again: str) -> Refused:
    """The refusal of a plan that does not fit this release. One with its digest is unchanged, so a newer release wrote it."""
    reasons = tuple(f"{'.'.join(map(str, error['loc']))}: {error['msg'].lower()}" for error in trouble.errors())
    if isinstance(held["plan"], dict) and held["plan"].get("format") in range(1, FORMAT):
        return Refused(f'the plan "{file}" was made by an older release, whose guards cannot be asked', again)
    if not _is_as_written(held):
        return Refused(f'the plan "{file}" does not fit this release', again, reasons=reasons)
    found = held["plan"].get("format", FORMAT) if isinstance(held["plan"], dict) else FORMAT
    form = f": it has format {printable(str(found))}, and this one reads {FORMAT}" if found != FORMAT else ""
    return Refused(
        f'the plan "{file}" was made by a newer release of Daybreak{form}',
        "use that release",
        f"or {again}",
        reasons=reasons,
    )


def _is_as_written(held: dict[str, Any]) -> bool:
    try:
        return bool(digest(held["plan"]) == held["digest"])
    except (ValueError, RecursionError):  # JSON that was never a plan of ours, such as NaN
        return False


def _describe(held: dict[str, Any]) -> str:
    run = held["plan"].get("run") if isinstance(held["plan"], dict) else None
    return f'the plan of "{printable(run)}"' if isinstance(run, str) else "a plan"


def _hold_folder(folder: Path) -> None:
    """Raise ``Refused`` for a folder that does not exist, or in which nothing can be written."""
    if not folder.is_dir():
        raise Refused(f'there is no folder "{folder}" to keep the plan in', _ELSEWHERE)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refused(f'nothing can be written in the folder "{folder}"', _ELSEWHERE)
