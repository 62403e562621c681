"""The longest way through a plan by its estimates: what a person waits for, and what is made beside it. Pure.

There are two goals. *Judged*: the data was judged, and people can work. *Complete*: the whole clone was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from daybreak.model.actions import Validate
from daybreak.model.plan import Estimate, Plan, Step, StepId
from daybreak.model.value import Span
from daybreak.plan.amending import steps_unasked


@dataclass(frozen=True)
class LongestWay:
    """The longest way to a step, that step included: the steps on it by their upper bounds, and how long it is."""

    steps: frozenset[StepId]
    low: Span
    high: Span


@dataclass(frozen=True)
class Road:
    """The longest ways of a plan to its two goals; ``judged`` is ``None`` where the data is not judged by itself."""

    judged: LongestWay | None
    complete: LongestWay

    def share(self, whole: Estimate) -> Estimate | None:
        """The estimate of the judgement of the data, where ``whole`` is that of the whole.

        It is the part that the one way is of the other: where earlier runs say how long the whole takes, they say no more.
        """
        if self.judged is None:
            return None
        return Estimate(
            low=whole.low * (self.judged.low / self.complete.low) if self.complete.low else whole.low,
            high=whole.high * (self.judged.high / self.complete.high) if self.complete.high else whole.high,
            evidence=f"the way to the data's judgement, of the whole: {whole.evidence}",
        )


def road_of(plan: Plan) -> Road:
    """The longest ways of a plan; what nobody has asked for is on none."""
    unasked = steps_unasked(plan)
    steps = tuple(step for step in plan.steps if step.id not in unasked)
    parts = {step.action.part: step.id for step in steps if isinstance(step.action, Validate)}
    last = parts.get("clone") or parts.get(None) or steps[-1].id
    return Road(way_to(steps, parts["data"]) if "data" in parts else None, way_to(steps, last))


def way_to(steps: Iterable[Step], goal: StepId) -> LongestWay:
    """The longest way to a step; each of ``steps`` stands after those that it waits for."""
    high: dict[StepId, tuple[Span, frozenset[StepId]]] = {}
    low: dict[StepId, Span] = {}
    for step in steps:
        before = [name for name in (*step.after, *step.after_settled) if name in low]
        length, way = max((high[name] for name in before), key=lambda each: each[0], default=(timedelta(), frozenset()))
        high[step.id] = length + step.estimate.high, way | {step.id}
        low[step.id] = max((low[name] for name in before), default=timedelta()) + step.estimate.low
    return LongestWay(high[goal][1], low[goal], high[goal][0])
