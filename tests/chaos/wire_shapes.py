"""What the simulated AWS holds, in the shapes in which AWS answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from daybreak.model.members import CLUSTER, Row
from daybreak.model.world import AutomatedBackup, Cluster, Instance, Snapshot

_SHAPED: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "DBParameterGroups": lambda name, _params: [{"DBParameterGroupName": name}],
    "DomainMemberships": lambda name, params: [{"Domain": name, "IAMRoleName": params.get("DomainIAMRoleName")}],
    "VpcSecurityGroups": lambda names, _params: [{"VpcSecurityGroupId": each} for each in names],
}
"""The members of AWS's answer that are no bare parameter of a call."""


def members_of(rows: dict[str, Row], params: dict[str, Any]) -> dict[str, Any]:
    """What AWS will answer of a thing by the parameters of a call that makes or changes it."""
    told = {member: row.parameter for member, row in rows.items() if row.parameter in params}
    if params.get("StorageType") == "aurora":
        del told["StorageType"]  # AWS names only the other one
    return {
        member: _SHAPED[member](params[name], params) if member in _SHAPED else params[name]
        for member, name in told.items()
    }


def group_body(
    name: str, values: dict[str, str], family: str = "aurora-postgresql16", about: str = ""
) -> dict[str, Any]:
    """A cluster parameter group in wire shape, with the values a person set beside it."""
    return {
        "DBClusterParameterGroupName": name,
        "DBParameterGroupFamily": family,
        "DBClusterParameterGroupArn": f"arn:aws:rds:us-east-1:123456789012:cluster-pg:{name}",
        "Description": about,
        "Parameters": values,
    }


def restored_body(name: str, params: dict[str, Any], origin: dict[str, Any]) -> dict[str, Any]:
    """The clone's wire shape: what the call carried, what comes from its origin, and AWS's defaults for the rest."""
    defaults = {"Port": origin.get("Port", 5432), "DeletionProtection": False, "BackupRetentionPeriod": 1}
    return {
        **defaults,
        **members_of(CLUSTER, params),
        "DBClusterIdentifier": name,
        "DbClusterResourceId": "cluster-CLONE",
        "DBClusterArn": f"arn:aws:rds:us-east-1:123456789012:cluster:{name}",
        "Engine": origin["Engine"],
        "EngineVersion": params.get("EngineVersion", origin["EngineVersion"]),
        "Endpoint": f"{name}.cluster-c1a2b3d4e5f6.us-east-1.rds.amazonaws.com",
        "StorageEncrypted": "KmsKeyId" in params,
    }


def cluster_body(cluster: Cluster) -> dict[str, Any]:
    """A cluster that was observed, in wire shape."""
    return {
        "DBClusterIdentifier": cluster.identifier,
        "DbClusterResourceId": cluster.resource_id,
        "DBClusterArn": cluster.arn,
        "Engine": cluster.engine,
        "EngineVersion": cluster.engine_version,
        "Endpoint": cluster.endpoint,
        "Port": cluster.port,
        "DBClusterParameterGroup": cluster.parameter_group,
        "DeletionProtection": cluster.is_protected,
        "EarliestRestorableTime": datetime(2023, 12, 16, tzinfo=UTC),
        "LatestRestorableTime": datetime(2024, 1, 15, 14, 48, tzinfo=UTC),
    }


def instance_body(instance: Instance) -> dict[str, Any]:
    """An instance that was observed, in wire shape."""
    return {
        "DBInstanceIdentifier": instance.identifier,
        "DBClusterIdentifier": instance.cluster,
        "DBInstanceClass": instance.instance_class,
        "DBParameterGroups": [{"DBParameterGroupName": instance.parameter_group}],
    }


def snapshot_body(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot that was observed, in wire shape."""
    return {
        "DBClusterSnapshotIdentifier": snapshot.identifier,
        "DBClusterSnapshotArn": snapshot.arn,
        "DBClusterIdentifier": snapshot.cluster,
        "DbClusterResourceId": snapshot.resource_id,
        "SnapshotType": snapshot.kind,
        "Status": snapshot.status,
        "SnapshotCreateTime": snapshot.created,
        "Engine": snapshot.engine,
        "EngineVersion": snapshot.engine_version,
    }


def backup_body(backup: AutomatedBackup) -> dict[str, Any]:
    """A kept backup that was observed, in wire shape, as far as a restore asks for it."""
    return {"DBClusterIdentifier": backup.cluster, "Engine": backup.engine, "EngineVersion": backup.engine_version}
