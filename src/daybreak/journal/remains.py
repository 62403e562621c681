"""What can still be read of a run whose record cannot be read whole: enough to identify what is its own.

The law: only data with its digest counts, line by line and the plan as a whole. Changed bytes prove nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from daybreak.journal.chain import facts_of
from daybreak.model.tags import NONCE_TAG
from daybreak.model.value import Value, digest


class Remains(Value):
    """What is known of a run besides its name; a field that is ``None`` or empty could not be read."""

    run: str
    nonce: str | None = None
    """The run's own nonce, from its first event or from the tags of a call that it intended."""
    plan: dict[str, Any] | None = None
    """Its plan as plain data, as it was frozen, whichever release froze it."""


def remains_of(run: str, plan: bytes | None, journals: Iterable[bytes]) -> Remains:
    """The remains of a run, from its plan's bytes and those of its journal files."""
    facts = [facts for data in journals for line in data.splitlines(keepends=True) if (facts := facts_of(line))]
    created = next((each for each in facts if each.get("type") == "run.created"), {})
    nonces = [created.get("nonce"), *map(_tag_of, facts)]
    return Remains(
        run=run,
        nonce=next((nonce for nonce in nonces if isinstance(nonce, str) and nonce), None),
        plan=_plan_if_frozen(plan, created.get("plan")),
    )


def _tag_of(facts: dict[str, Any]) -> str | None:
    """The nonce in the tags of an intended call."""
    call = facts.get("call")
    params = call.get("params") if isinstance(call, dict) else None
    tags = params.get("Tags") if isinstance(params, dict) else None
    found = [each.get("Value") for each in tags or () if isinstance(each, dict) and each.get("Key") == NONCE_TAG]
    return found[0] if found and isinstance(found[0], str) else None


def _plan_if_frozen(data: bytes | None, named: object) -> dict[str, Any] | None:
    try:
        plain = json.loads(data or b"")
    except (ValueError, RecursionError):
        return None
    digests = [named]
    if isinstance(plain, dict) and set(plain) == {"digest", "plan"}:
        digests.append(plain["digest"])
        plain = plain["plan"]
    return plain if isinstance(plain, dict) and digest(plain) in digests else None
