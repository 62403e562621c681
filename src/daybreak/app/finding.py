"""The clone of a run as it is now, whatever it is named: a cutover may have given it the source's name."""

from __future__ import annotations

from daybreak.model.actions import AwaitCluster
from daybreak.model.plan import Plan
from daybreak.model.run import RunState
from daybreak.model.world import Cluster
from daybreak.observe.look import Lookout


def find_clone(lookout: Lookout, plan: Plan, state: RunState | None) -> Cluster | None:
    """The cluster that a run made, by the resource id that its journal recorded; by its name where the journal has none.

    ``None`` where AWS knows neither. A cluster of that name with another resource id is returned where the run's own is gone: who
    asks sees by its tags that it is another. Raises ``AwsFault`` as looking does.
    """
    named = lookout.cluster(plan.clone)
    waits = [step.id for step in plan.steps if isinstance(step.action, AwaitCluster)]
    known = next((found for each in waits if state and (found := state.step(each).result.get("resource_id"))), None)
    if known is None or (named is not None and named.resource_id == known):
        return named
    return lookout.cluster_of_id(str(known)) or named
