"""The server of a cluster by the address of its writer's instance, which leads to no other cluster while their names move."""

from __future__ import annotations

from daybreak.aws.faults import AwsFault
from daybreak.errors import Unreachable
from daybreak.model.world import Cluster
from daybreak.observe.look import Lookout


def by_writer(lookout: Lookout, cluster: Cluster) -> Cluster:
    """The cluster with the endpoint of its writer's instance in the place of its own.

    A resolver may remember for minutes where a cluster's name led before it was another's; an instance keeps its name. Raises
    ``Unreachable`` where AWS shows no such endpoint: the cluster's own name would prove nothing.
    """
    writer = next((each.identifier for each in cluster.members if each.is_writer), None)
    try:
        instance = lookout.instance(writer) if writer else None
    except AwsFault as fault:
        raise Unreachable(fault.message) from fault
    if instance is None or not instance.endpoint:
        raise Unreachable(f'AWS shows no endpoint of the writer of "{cluster.identifier}"')
    return cluster.model_copy(update={"endpoint": instance.endpoint})
