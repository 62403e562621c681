"""Which clusters belong to a global database, which of them leads, and what a member may not do by itself.

The law: a cluster's document says what it belongs to, so a cluster that is gone belongs to nothing. ``_role`` is ``primary`` or
``secondary``; a secondary with ``_is_behind`` has lost its leader's thread and is made anew.
"""

from __future__ import annotations

from daybreak.lab.control.store import Doc, State
from daybreak.lab.protocol.codec import fault
from daybreak.lab.rds.desk import Call, Desk, members_of

KIND = "global-cluster"
"""Our kind of document, and AWS's word in the ARN; it belongs to no region."""
NOWHERE = ""

Member = tuple[str, Doc]
"""A member's region and document."""


def find_global(call: Call, value: str) -> Doc:
    """The global cluster of that name; guess: every region knows it."""
    found = call.state.get(KIND, NOWHERE, value.lower())
    if found is None:
        raise fault("GlobalClusterNotFoundFault", f"Global cluster {value} not found.")
    return found


def members_of_global(state: State, name: str) -> list[Member]:
    """The members of a global cluster, the primary first."""
    rows = [
        (region, row) for region, _, row in state.everywhere("cluster") if row.get("GlobalClusterIdentifier") == name
    ]
    return sorted(rows, key=lambda member: (is_secondary(member[1]), member[0]))


def is_secondary(cluster: Doc) -> bool:
    """Whether a cluster follows another one, and takes no write."""
    return bool(cluster.get("_role") == "secondary")


def primary_of(state: State, name: str) -> Member | None:
    """The member that leads; ``None`` while there is none."""
    return next((member for member in members_of_global(state, name) if not is_secondary(member[1])), None)


def secondaries_of(state: State, name: str) -> list[Member]:
    """The members that follow."""
    return [member for member in members_of_global(state, name) if is_secondary(member[1])]


def place_of(region: str, cluster: Doc) -> tuple[str, str, str]:
    """Region, resource id and version of a member's volume."""
    return region, cluster["DbClusterResourceId"], cluster["EngineVersion"]


def has_instance(desk: Desk, region: str, cluster: Doc) -> bool:
    """Whether an instance of the cluster is available."""
    rows = members_of(desk.state, region, cluster["DBClusterIdentifier"])
    return any(row["DBInstanceStatus"] == "available" for row in rows)


def links_of(desk: Desk, cluster: Doc) -> Doc:
    """What a cluster shows of the others: whom it follows, and who follows it."""
    name = cluster.get("GlobalClusterIdentifier")
    if name is None:
        return {}
    if not is_secondary(cluster):
        return {"ReadReplicaIdentifiers": [row["DBClusterArn"] for _, row in secondaries_of(desk.state, name)]}
    primary = primary_of(desk.state, name)
    return {"ReplicationSourceIdentifier": primary[1]["DBClusterArn"]} if primary else {}


# -- what a member may not do -----------------------------------------------------------------------------------------


def refuse_deletion(call: Call, cluster: Doc) -> None:
    """Refuse to delete a member; both sentences are AWS's own, as people report them."""
    name = cluster.get("GlobalClusterIdentifier")
    if name is None:
        return
    if not is_secondary(cluster) and secondaries_of(call.state, name):
        raise fault(
            "InvalidGlobalClusterStateFault",
            "Unable to delete cluster that is a primary member of global cluster while there are other global cluster members",
        )
    raise fault(
        "InvalidDBClusterStateFault",
        "This cluster is a part of a global cluster, please remove it from globalcluster first",
    )


def refuse_last_instance(call: Call, cluster: Doc, instance: str) -> None:
    """Refuse to delete the last instance of a primary that is followed; the sentence is AWS's own, as people report it."""
    name = cluster.get("GlobalClusterIdentifier")
    if name is None or is_secondary(cluster) or not secondaries_of(call.state, name):
        return
    rows = members_of(call.state, call.region, cluster["DBClusterIdentifier"])
    if all(row["DBInstanceIdentifier"] == instance or row["DBInstanceStatus"] == "deleting" for row in rows):
        raise fault(
            "InvalidDBClusterStateFault",
            "Cannot delete the last instance of the master cluster. Delete the replica cluster before deleting the last "
            "master cluster instance.",
        )


def refuse_stop(cluster: Doc) -> None:
    """Refuse to stop or start a member by itself, as the guide says; guess: code and sentence."""
    if "GlobalClusterIdentifier" in cluster:
        raise fault("InvalidDBClusterStateFault", "A DB cluster of a global cluster cannot be stopped or started.")


def refuse_write(cluster: Doc, what: str) -> None:
    """Refuse what would write to a cluster that only follows; guess: code and sentence."""
    if is_secondary(cluster):
        raise fault("InvalidDBClusterStateFault", f"{what} of a secondary DB cluster cannot be changed.")
