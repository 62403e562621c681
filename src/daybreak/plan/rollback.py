"""The steps that take back what was done, in reverse.

The law: what is done last is taken back first, and nothing is taken back before all that stands on it. A clean-up is made of
this, and so is every rollback.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence as Listed
from dataclasses import dataclass

from daybreak.model.actions import (
    Action,
    AwaitClusterGone,
    AwaitExport,
    CancelExport,
    DeleteCluster,
    DeleteEndpoint,
    DeleteInstance,
    DeleteParameterGroup,
    SetClusterOptions,
)
from daybreak.model.plan import Estimate, StepId
from daybreak.model.undo import TakenBack, Undo
from daybreak.plan import estimates
from daybreak.plan.sequence import Sequence


@dataclass(frozen=True)
class Deed:
    """Something that was done, as far as taking it back needs to know it."""

    name: str
    undo: Undo | None
    after: tuple[str, ...] = ()
    """The names of the deeds that it stands on."""


def take_back(deeds: Listed[Deed], sequence: Sequence) -> None:
    """Add the steps that take these deeds back; each deed stands in the list after those that it stands on."""
    numbers: Counter[str] = Counter()
    ends: dict[str, tuple[StepId, ...]] = {}
    for deed in reversed(deeds):
        standing_on_it = (ends[each.name] for each in deeds if deed.name in each.after)
        before = tuple(dict.fromkeys(step for steps in standing_on_it for step in steps))
        for action in deed.undo.actions if isinstance(deed.undo, TakenBack) else ():
            slug, reason, estimate = _order(action, deed)
            numbers[slug] += 1
            numbered = f"{slug}-{numbers[slug]}" if isinstance(action, DeleteInstance | DeleteEndpoint) else slug
            before = (sequence.add(numbered, action, reason, estimate, after=before),)
        ends[deed.name] = before


def _order(action: Action, deed: Deed) -> tuple[str, str, Estimate]:
    """The slug of a step that takes something back, its reason, and its estimate."""
    match action:
        case SetClusterOptions(is_protected=False):
            return "lift-protection", "the clone took over the source's deletion protection", estimates.OPTIONS
        case DeleteInstance():
            return "delete-instance", "AWS refuses to delete a cluster that has instances", estimates.CALL
        case DeleteEndpoint():
            why = "a custom endpoint of a cluster that is gone would keep its name taken"
            return "delete-endpoint", why, estimates.CALL
        case DeleteCluster():
            why = (
                "a forgotten clone goes on costing money; no final snapshot is made: what is only in this clone is lost"
            )
            return "delete-cluster", why, estimates.CALL
        case AwaitClusterGone():
            return "await-gone", "the name is free again only when AWS has forgotten it", estimates.DELETION
        case CancelExport():
            return "cancel-export", "AWS would go on writing, and charge for it", estimates.CALL
        case AwaitExport():
            why = "an export counts against the limits of the account until AWS is at it no more"
            return "await-end", why, estimates.ENDING_OF_EXPORT
        case DeleteParameterGroup():
            why = "nothing uses the quarantine group once the clone is gone"
            return "delete-parameter-group", why, estimates.CALL
        case _:
            return f"undo-{action.kind.partition('@')[0]}", f"it takes back {deed.name}", estimates.CALL
