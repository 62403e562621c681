"""When a run's data was judged, when its whole clone was, and what the first judgement said. Pure."""

from __future__ import annotations

from daybreak.model.actions import Validate
from daybreak.model.findings import Measured, Standing, Verdict
from daybreak.model.plan import Plan
from daybreak.model.run import RunState, StepState
from daybreak.model.value import Span, Value


class Judgement(Value):
    """What a validation's step leaves in the journal: what was measured, and what its own findings add up to."""

    measured: Measured
    verdict: Verdict | None = None
    """``None`` in a journal of an earlier release."""


class Times(Value):
    """How long a run took, from its start, to what people wait for; ``None`` for what was not reached, or not asked by itself."""

    judged: Span | None = None
    """To the judgement of the data: when people can work."""
    complete: Span | None = None
    """To the verdict of the whole clone, with its readers, endpoints and options."""

    def rto(self, standing: Standing) -> Span | None:
        """What counts against the RTO, which promises when people can work again.

        That is the judgement of the data where the verdict bears it out: people worked from then on, whatever was still made
        beside them. A clone that is not fit gave nobody a database at that time, so there the end of the whole counts.
        """
        is_borne_out = standing in (Standing.FIT, Standing.WAIVED)
        return self.judged if is_borne_out and self.judged is not None else self.complete


def judgement_in(asked: StepState) -> Judgement:
    """What a validation's step left; a journal of an earlier release holds what was measured alone."""
    result = asked.result
    return Judgement.model_validate(result if "measured" in result else {"measured": result})


def times_of(plan: Plan, state: RunState) -> Times:
    """When the data was judged and when the whole was, by the steps that asked."""
    asked = {step.action.part: state.step(step.id) for step in plan.steps if isinstance(step.action, Validate)}
    spans = {part: each.ended - state.began for part, each in asked.items() if each.status == "done" and each.ended}
    return Times(judged=spans.get("data"), complete=spans.get("clone", spans.get(None)))


def verdict_of_data(plan: Plan, state: RunState) -> Verdict | None:
    """The judgement of the data, once it stands; ``None`` before, and where no step asks for it alone."""
    for step in plan.steps:
        if isinstance(step.action, Validate) and step.action.part == "data":
            asked = state.step(step.id)
            return judgement_in(asked).verdict if asked.status == "done" else None
    return None
