"""Look again while AWS is at work on a cluster: a status that passes says nothing of a clone (FACTS 4.10)."""

from __future__ import annotations

from collections.abc import Callable

from daybreak.model.statuses import PASSING
from daybreak.model.world import Cluster, Instance
from daybreak.observe.look import Lookout

MOST_LOOKS = 12
"""How often a passing status is looked at again; then it is judged as it is."""


def is_settled(cluster: Cluster, inside: tuple[Instance, ...]) -> bool:
    """Whether no status of a cluster and its instances is a passing one."""
    return not PASSING.intersection((cluster.status, *(each.status for each in inside)))


def look_until_settled(
    lookout: Lookout, cluster: Cluster, inside: tuple[Instance, ...], rest: Callable[[], None]
) -> tuple[Cluster, tuple[Instance, ...]]:
    """The cluster and its instances once no status of theirs is a passing one, or as they are after the last look.

    ``rest`` is called before each look. Raises ``AwsFault`` as looking does.
    """
    for _ in range(MOST_LOOKS):
        if is_settled(cluster, inside):
            break
        rest()
        now = lookout.cluster(cluster.identifier)
        if now is None:
            break
        cluster, inside = now, lookout.inside(now)
    return cluster, inside
