"""Clones for a program, and the words about one that people and programs share.

The law: no price is made up. AWS's prices are not in any answer that Daybreak asks for, so a clone's cost per hour is unknown, and
what is billed by the hour is named instead.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from daybreak.model.clones import Clone, Serving
from daybreak.model.names import comma_list, printable
from daybreak.model.value import stamp
from daybreak.report.words import span_words

NO_PRICE = "unknown: AWS does not say a price where Daybreak asks"


def capacity_words(clone: Clone) -> str:
    """What of a clone is billed by the hour.

    Its instances by their class, serverless ones by their range in capacity units.
    """
    counted = Counter(each.instance_class for each in clone.instances)
    classes = [f"{number} × {printable(name)}" for name, number in sorted(counted.items())]
    scales = clone.cluster.serverless
    if scales and "db.serverless" in counted:
        classes.append(f"each {scales.low:g} to {scales.high:g} ACU")
    return comma_list(classes) if classes else "no instance, storage alone"


def age_words(clone: Clone, now: datetime) -> str:
    """How old it is, and until when it is kept."""
    age = f"{span_words(now - clone.cluster.created)} old" if clone.cluster.created else "of unknown age"
    if clone.expires is None:
        return f"{age}, no tag says until when it is kept"
    return f"{age}, {'expired at' if clone.expires < now else 'kept until'} {stamp(clone.expires)}"


def use_words(serving: Serving) -> str:
    """Whether it serves, and what shows it."""
    signs = [f"the target {each} names it" for each in serving.named_by or ()]
    signs += ["a cutover to it is recorded"] if serving.is_cut_over else []
    signs += [f"sessions of {comma_list(serving.inside)}"] if serving.inside else []
    match serving.is_serving:
        case True:
            return f"yes: {comma_list(signs)}"
        case False:
            return "no"
        case _:
            return f"unknown: {serving.why}" if serving.why else "unknown"


def clone_document(clone: Clone, serving: Serving, now: datetime) -> dict[str, Any]:
    """One clone as plain data."""
    scales = clone.cluster.serverless
    return {
        "clone": clone.identifier,
        "account": clone.home.account,
        "region": clone.home.region,
        "status": clone.cluster.status,
        "source": clone.source or None,
        "run": clone.run,
        "state": clone.state or None,
        "created": stamp(clone.cluster.created) if clone.cluster.created else None,
        "age_seconds": int((now - clone.cluster.created).total_seconds()) if clone.cluster.created else None,
        "expires": stamp(clone.expires) if clone.expires else None,
        "instances": {each.identifier: each.instance_class for each in clone.instances},
        "acu": {"low": scales.low, "high": scales.high} if scales else None,
        "cost_per_hour": None,
        "serves": serving.is_serving,
        "serving": serving.plain(),
    }
