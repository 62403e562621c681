"""The frame around a plan's steps: who asked for what, where and until when. It is the same for every plan of one kind of target."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from daybreak.model.observation import Observation
from daybreak.model.plan import Estimate, Plan, Step
from daybreak.model.targets import Target
from daybreak.plan.terms import Terms

OF_STEPS = "the sum of its steps"
"""The evidence of an estimate that nothing else vouches for."""


def sum_of_steps(steps: tuple[Step, ...], evidence: str = OF_STEPS) -> Estimate:
    """How long steps take one after the other."""
    return Estimate(
        low=sum((step.estimate.low for step in steps), start=timedelta()),
        high=sum((step.estimate.high for step in steps), start=timedelta()),
        evidence=evidence,
    )


def frame(target: Target, seen: Observation, terms: Terms, **own: Any) -> Plan:
    """A plan with the identity and the time in which it was seen, and with its ``own`` fields; without an estimate it is the sum."""
    own.setdefault("estimate", sum_of_steps(own["steps"]))
    return Plan(
        target=target,
        identity=seen.identity,
        created=terms.created,
        expires=terms.expires,
        zone=terms.zone,
        objectives=target.objectives,
        **own,
    )
