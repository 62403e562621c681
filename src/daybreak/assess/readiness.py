"""Which steps of a plan can be taken now, and which come to nothing. Pure.

The law: a step needs done what stands in its ``after``, and comes to nothing with it. What stands in ``after_settled`` it only
waits for: a step that is forgone, failed or never asked for keeps nobody waiting. One that is held up keeps waiting whoever waits for it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from daybreak.model.plan import Plan, Step, StepId
from daybreak.model.run import RunState
from daybreak.plan.amending import is_taken, steps_unasked


@dataclass(frozen=True)
class Readiness:
    """Where the steps of a plan stand to each other."""

    ready: tuple[Step, ...]
    """The steps that can be taken now, in the plan's order."""
    given_up: tuple[tuple[Step, str], ...]
    """The steps to forgo now, each with the reason."""
    stuck: frozenset[StepId]
    """The steps that are held up, or wait for one that is."""


def readiness_of(plan: Plan, state: RunState, held: Collection[StepId]) -> Readiness:
    """Where the steps stand; ``held`` are those that were refused since this process has the run."""
    done, dropped, stuck = set(), set(), set(held)
    unasked = steps_unasked(plan, state.amendments)
    given_up, ready = [], []
    for step in plan.steps:  # a plan names a step after those that it needs
        status = state.step(step.id).status
        if status == "done":
            done.add(step.id)
        elif status == "forgone" or (status == "failed" and step.when_refused == "fail-last"):
            dropped.add(step.id)
        elif step.id in unasked:
            continue
        elif not is_taken(step, state.amendments):
            given_up.append((step, "a person wants the run to do without it"))
            dropped.add(step.id)
        elif missing := dropped.intersection(step.after):
            given_up.append((step, f"it needs {min(missing)}"))
            dropped.add(step.id)
        elif stuck.intersection((*step.after, *step.after_settled)):
            stuck.add(step.id)
        elif step.id not in stuck:
            settled = done | dropped | unasked
            if done.issuperset(step.after) and settled.issuperset(step.after_settled):
                ready.append(step)
    return Readiness(tuple(ready), tuple(given_up), frozenset(stuck))
