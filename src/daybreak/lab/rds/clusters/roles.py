"""IAM roles of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.rds.clusters import asked
from daybreak.lab.rds.desk import Call, changes
from daybreak.lab.rds.known import find_cluster, require_status


@changes("AddRoleToDBCluster", "DBClusterIdentifier", "RoleArn", "FeatureName")
def add_role(call: Call) -> Doc:
    """Give the cluster a role that IAM has."""
    cluster = find_cluster(call, call.params["DBClusterIdentifier"])
    require_status(cluster, "available")
    roles = cluster.get("AssociatedRoles", [])
    roles = [*roles, asked.role_to_add(call, roles, _role(call.params))]
    call.state.change("cluster", call.region, cluster["DBClusterIdentifier"], AssociatedRoles=roles)
    return {}


@changes("RemoveRoleFromDBCluster", "DBClusterIdentifier", "RoleArn", "FeatureName")
def remove_role(call: Call) -> Doc:
    """Take a role away from the cluster."""
    cluster = find_cluster(call, call.params["DBClusterIdentifier"])
    require_status(cluster, "available")
    gone = _role(call.params)
    roles = cluster.get("AssociatedRoles", [])
    left = [role for role in roles if _role(role) != gone]
    if len(left) == len(roles):
        raise fault("DBClusterRoleNotFoundFault", f"Role ARN {gone['RoleArn']} cannot be found for the DB cluster.")
    call.state.change("cluster", call.region, cluster["DBClusterIdentifier"], AssociatedRoles=left)
    return {}


def _role(given: Mapping[str, Any]) -> Doc:
    feature = given.get("FeatureName")
    return {"RoleArn": given["RoleArn"], **({"FeatureName": feature} if feature else {})}
