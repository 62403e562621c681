"""What AWS takes to make a clone: the parameters of the calls that restore its storage and make its instances. Pure.

The law: nothing is left to AWS's defaults (FACTS 4.2).
"""

from __future__ import annotations

from typing import Any

from daybreak.model.actions import (
    CreateInstance,
    Restore,
    RestoreFromSnapshot,
    RestoreToMoment,
)
from daybreak.model.moment import At
from daybreak.model.value import iso


def body_of_restore(action: RestoreToMoment, stamp: dict[str, str]) -> dict[str, Any]:
    """What AWS takes to restore to a moment."""
    source = (
        {"SourceDbClusterResourceId": action.resource_id}
        if action.resource_id
        else {"SourceDBClusterIdentifier": action.source}
    )
    at = (
        {"RestoreToTime": iso(action.moment.instant)}
        if isinstance(action.moment, At)
        else {"UseLatestRestorableTime": True}
    )
    return {"DBClusterIdentifier": action.clone, **source, **at, **_body_of_storage(action, stamp)}


def body_of_snapshot_restore(action: RestoreFromSnapshot, stamp: dict[str, str]) -> dict[str, Any]:
    """What AWS takes to restore a snapshot."""
    return {
        "DBClusterIdentifier": action.clone,
        "SnapshotIdentifier": action.snapshot,
        "Engine": action.engine,
        # Without a version AWS takes the region's default, or upgrades in silence (FACTS 4.9).
        "EngineVersion": action.engine_version,
        "DatabaseName": action.database,
        **_body_of_storage(action, stamp),
    }


def _body_of_storage(action: Restore, stamp: dict[str, str]) -> dict[str, Any]:
    """The parameters that both restore calls take, all explicit: AWS fills in its own default for a missing one (FACTS 4.2)."""
    return {
        "DBClusterParameterGroupName": action.parameter_group,
        "DBSubnetGroupName": action.subnet_group,
        "VpcSecurityGroupIds": list(action.security_groups),
        "Port": action.port or None,
        "KmsKeyId": action.kms_key,
        "StorageType": action.storage_type,
        "EnableIAMDatabaseAuthentication": action.has_iam_auth,
        "EnableCloudwatchLogsExports": list(action.log_exports) or None,
        "DeletionProtection": action.is_protected,
        "CopyTagsToSnapshot": action.copies_tags,
        "ServerlessV2ScalingConfiguration": {
            "MinCapacity": action.serverless.low,
            "MaxCapacity": action.serverless.high,
            **({"SecondsUntilAutoPause": pause} if (pause := action.serverless.seconds_until_pause) else {}),
        }
        if action.serverless
        else None,
        # From its birth: a clone whose retention comes later lives on one day until then.
        "BackupRetentionPeriod": action.backup_retention.days if action.backup_retention else None,
        "PreferredBackupWindow": action.backup_window,
        "NetworkType": action.network_type,
        "Domain": action.domain,
        "DomainIAMRoleName": action.domain_role,
        # AWS's default enrolls in Extended Support, which costs; without it AWS upgrades a version past its end (FACTS 4.9).
        "EngineLifecycleSupport": action.lifecycle,
        "Tags": tag_list(action.tags | stamp),
    }


def body_of_instance(action: CreateInstance, stamp: dict[str, str]) -> dict[str, Any]:
    """What AWS takes to make an instance."""
    return {
        "DBInstanceIdentifier": action.instance,
        "DBClusterIdentifier": action.clone,
        "DBInstanceClass": action.instance_class,
        "Engine": action.engine,
        "AvailabilityZone": action.zone,
        "PromotionTier": action.tier,
        "DBParameterGroupName": action.parameter_group,
        # Always sent: a default must never make a clone public.
        "PubliclyAccessible": False,
        "AutoMinorVersionUpgrade": action.upgrades_itself,
        "CACertificateIdentifier": action.ca,
        "CopyTagsToSnapshot": action.copies_tags or None,
        "MonitoringInterval": action.monitoring_interval or None,
        "MonitoringRoleArn": action.monitoring_role if action.monitoring_interval else None,
        "EnablePerformanceInsights": action.has_performance_insights or None,
        "PerformanceInsightsRetentionPeriod": action.performance_insights_retention
        if action.has_performance_insights
        else None,
        "PerformanceInsightsKMSKeyId": action.performance_insights_key if action.has_performance_insights else None,
        "PreferredMaintenanceWindow": action.maintenance_window,
        "Tags": tag_list(action.tags | stamp),
    }


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """Tags as AWS takes them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
