"""What the simulated AWS holds, in the shapes in which AWS answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from daybreak.model.world import Cluster, Instance, Snapshot


def group_body(name: str, values: dict[str, str]) -> dict[str, Any]:
    """A cluster parameter group in wire shape, with the values a person set beside it."""
    return {
        "DBClusterParameterGroupName": name,
        "DBParameterGroupFamily": "aurora-postgresql16",
        "DBClusterParameterGroupArn": f"arn:aws:rds:us-east-1:123456789012:cluster-pg:{name}",
        "Description": name,
        "Parameters": values,
    }


def restored_body(name: str, params: dict[str, Any]) -> dict[str, Any]:
    """The clone's wire shape: what the call carried, and AWS's defaults for what it cannot carry."""
    carried = {key: value for key, value in params.items() if key not in {"Tags", "VpcSecurityGroupIds"}}
    return carried | {
        "DbClusterResourceId": "cluster-CLONE",
        "DBClusterArn": f"arn:aws:rds:us-east-1:123456789012:cluster:{name}",
        "Engine": "aurora-postgresql",
        "EngineVersion": "16.6",
        "Endpoint": f"{name}.cluster-c1a2b3d4e5f6.us-east-1.rds.amazonaws.com",
        "Port": params.get("Port", 5432),
        "DBClusterParameterGroup": params["DBClusterParameterGroupName"],
        "DBSubnetGroup": params.get("DBSubnetGroupName"),
        "VpcSecurityGroups": [{"VpcSecurityGroupId": each} for each in params["VpcSecurityGroupIds"]],
        "StorageEncrypted": "KmsKeyId" in params,
        "DeletionProtection": params.get("DeletionProtection", False),
        "BackupRetentionPeriod": params.get("BackupRetentionPeriod", 1),
        "PreferredBackupWindow": params.get("PreferredBackupWindow", "00:00-00:30"),
        "PreferredMaintenanceWindow": "mon:00:00-mon:00:30",
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
        "DBParameterGroupName": instance.parameter_group,
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
