"""From documents to servers: whether a cluster's PostgreSQL should run, where, and with which parameters.

A cluster has one server here; its readers are other names of the writer. So the server runs while the writer is up.
"""

from __future__ import annotations

from dataclasses import replace

from daybreak.lab.control.kindness import Kindness
from daybreak.lab.control.store import Doc
from daybreak.lab.rds import networks
from daybreak.lab.rds.desk import Desk, cluster_by_resource, members_of
from daybreak.lab.rds.durations import PARAMETER_GROUP_REST
from daybreak.lab.rds.fleet import Wanted
from daybreak.lab.rds.membership import is_secondary
from daybreak.lab.rds.parameter_groups import CLUSTER, INSTANCE, Kind, group_of
from daybreak.lab.rds.parameters import values_of
from daybreak.lab.servers.aurora import KIND
from daybreak.lab.volumes.serving import Listen

DEAD = frozenset({"stopping", "stopped", "deleting", "failed", "inaccessible-encryption-credentials", "storage-full"})
"""Statuses of a cluster or an instance in which nothing answers."""


def goal_of(desk: Desk, down: frozenset[str], region: str, resource: str) -> Wanted | None:
    """How the server of a volume should be now. It asks moto for security groups, so it may take milliseconds."""
    cluster = cluster_by_resource(desk.state, region, resource)
    if cluster is None:
        return None
    writer = next(iter(members_of(desk.state, region, cluster["DBClusterIdentifier"])), None)
    is_up = writer is not None and bool(writer.get("_up")) and writer["DBInstanceStatus"] not in DEAD
    host, also = cluster["Endpoint"], cluster["ReaderEndpoint"]
    if is_secondary(cluster):
        host = also
    own = tuple(
        row["_host"] for row in members_of(desk.state, region, cluster["DBClusterIdentifier"]) if row.get("_host")
    )
    hosts = tuple(dict.fromkeys((*(() if cluster.get("_is_spreading") and own else (host, also)), *own)))
    listen = Listen(hosts[0], cluster["Port"], desk.fleet.authority, also=hosts[1:])
    is_dead = cluster["Status"] in DEAD or region in down or cluster.get("_is_behind")
    if writer is None or not is_up or is_dead:
        return Wanted(running=False, listen=listen, parameters={})
    listen = replace(listen, admitted=networks.admission(desk, region, cluster))
    effective = cluster.get("_effective", {}) if cluster.get("_is_group_in_force", True) else {}
    room = connections_of(writer.get("_class", ""), cluster)
    parameters = {"max_connections": str(room), **effective, **writer.get("_effective", {})}
    if desk.kindnesses.grants(Kindness.FUNCTIONS):
        parameters[KIND] = "on"
    return Wanted(running=True, listen=listen, parameters=parameters)


ROOM = 100
"""The connections that a server takes in a class of the usual sizes; Aurora's takes 1,660 in a ``large``."""
_SMALL = {"medium": 25, "large": 50}
"""Those of the burstable sizes, as few beside a usual one as in Aurora: 405 and 823."""


def connections_of(size: str, cluster: Doc) -> int:
    """How many connections a server of that class takes where no group sets ``max_connections``: fewer in less memory."""
    line, _, word = size.removeprefix("db.").partition(".")
    if line == "serverless":
        most = cluster.get("ServerlessV2ScalingConfiguration", {}).get("MaxCapacity", 256)
        return max(12, min(ROOM, int(most * 12.5)))  # in Aurora 189 with 1 ACU, 823 with 4
    return _SMALL.get(word, ROOM) if line.startswith("t") else ROOM


def boot(desk: Desk, region: str, instance: Doc) -> None:
    """Note that an instance starts: it takes its group's values as they are now, and the writer also the cluster group's."""
    name = instance["DBInstanceIdentifier"]
    own = group_of(desk, region, INSTANCE, instance["_parameter_group"])
    size = instance.get("_next_class") or instance["DBInstanceClass"]
    desk.state.change("instance", region, name, _up=True, _class=size, _effective=values_of(own) if own else {})
    cluster = desk.state.get("cluster", region, instance["DBClusterIdentifier"])
    if cluster is not None and instance.get("_writer"):
        group = group_of(desk, region, CLUSTER, cluster["DBClusterParameterGroup"])
        # guess: AWS shows the group as in force, and the server runs with the engine's own values.
        has_rested = (
            desk.clock.simulation_time() - (group or {}).get("_born", -PARAMETER_GROUP_REST) >= PARAMETER_GROUP_REST
        )
        values = values_of(group) if group else {}
        desk.state.change(
            "cluster", region, cluster["DBClusterIdentifier"], _effective=values, _is_group_in_force=has_rested
        )


def parameter_status(desk: Desk, region: str, kind: Kind, document: Doc) -> str:
    """``in-sync``, or ``pending-reboot`` while the server does not run with the group's values."""
    name = document["DBClusterParameterGroup" if kind is CLUSTER else "_parameter_group"]
    group = group_of(desk, region, kind, name)
    effective = document.get("_effective")
    if group is None or effective is None:
        return "in-sync"
    return "in-sync" if values_of(group) == effective else "pending-reboot"
