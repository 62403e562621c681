"""Which cutover led the traffic on from a clone that had taken it: that clone is the source of another one since. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from daybreak.model.plan import Plan
from daybreak.model.requests import CutoverRequest
from daybreak.plan.renaming import swap_in


def cutover_from(run: str, standing: Iterable[Plan]) -> Plan | None:
    """The cutover that led the traffic away from a restore's clone; ``None`` where none did.

    ``standing`` are the cutovers that came to their end and were not taken back. A clone that took its source's name is known by its
    resource id: its name is another cluster's by then.
    """
    moves = [plan for plan in standing if isinstance(plan.request, CutoverRequest) and not plan.request.completes]
    to_it = [swap_in(plan) for plan in moves if isinstance(plan.request, CutoverRequest) and plan.request.run == run]
    ids = {swap.clone_id for swap in to_it if swap}
    return next((plan for plan in moves if plan.source == run or _source_id(plan) in ids), None)


def name_left(cutover: Plan) -> str:
    """What the source of a cutover is named after it."""
    swap = swap_in(cutover)
    return swap.away if swap else cutover.source


def _source_id(plan: Plan) -> str:
    swap = swap_in(plan)
    return swap.source_id if swap else ""
