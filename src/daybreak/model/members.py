"""Every member of AWS's answer about a cluster and an instance, and what becomes of it in a clone.

The law: each member has one row. It is carried (a call of ours sends it), compared, one that cannot be the same, or one that
says nothing of a clone; the last two have a reason. What is carried is compared too. Plans, findings and their numbers follow
from these rows, and a member that AWS adds is in no row until somebody decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from daybreak.model.names import printable


class Treatment(StrEnum):
    """What becomes of a member in a clone."""

    CARRIED = "carried"
    COMPARED = "compared"
    OWN = "cannot be the same"
    MUTE = "says nothing"


@dataclass(frozen=True)
class Row:
    """One member of AWS's answer."""

    treatment: Treatment
    field: str = ""
    """Our field that holds it, of ``Cluster`` or ``Instance``."""
    parameter: str = ""
    """The parameter that carries it."""
    reason: str = ""
    """Why it cannot be the same, or says nothing."""


def _rows_of_carried(**members: str) -> dict[str, Row]:
    """Rows of members by ``field`` or ``field parameter``; a parameter is named where it is not called as the member."""
    rows = {}
    for member, words in members.items():
        field, _, parameter = words.partition(" ")
        rows[member] = Row(Treatment.CARRIED, field, parameter or member)
    return rows


def _rows_of_compared(**members: str) -> dict[str, Row]:
    return {member: Row(Treatment.COMPARED, field) for member, field in members.items()}


def _rows_of_others(treatment: Treatment, reasons: dict[str, str]) -> dict[str, Row]:
    """Rows without a field: the members of one reason are separated by blanks."""
    return {member: Row(treatment, reason=reason) for reason, members in reasons.items() for member in members.split()}


_RESERVED = "AWS keeps it for later"

CLUSTER: dict[str, Row] = {
    **_rows_of_carried(
        AutoMinorVersionUpgrade="upgrades_itself",
        BackupRetentionPeriod="backup_retention",
        CopyTagsToSnapshot="copies_tags",
        DBClusterParameterGroup="parameter_group DBClusterParameterGroupName",
        DBSubnetGroup="subnet_group DBSubnetGroupName",
        DatabaseInsightsMode="insights_mode",
        DeletionProtection="is_protected",
        DomainMemberships="domains Domain",
        EnabledCloudwatchLogsExports="log_exports EnableCloudwatchLogsExports",
        EngineLifecycleSupport="lifecycle",
        IAMDatabaseAuthenticationEnabled="has_iam_auth EnableIAMDatabaseAuthentication",
        KmsKeyId="kms_key",
        NetworkType="network_type",
        PerformanceInsightsEnabled="has_performance_insights EnablePerformanceInsights",
        PerformanceInsightsKMSKeyId="performance_insights_key",
        PerformanceInsightsRetentionPeriod="performance_insights_retention",
        Port="port",
        PreferredBackupWindow="backup_window",
        PreferredMaintenanceWindow="maintenance_window",
        ServerlessV2ScalingConfiguration="serverless",
        StorageType="storage_type",
        TagList="tags Tags",
        VpcSecurityGroups="security_groups VpcSecurityGroupIds",
    ),
    **_rows_of_compared(
        ActivityStreamMode="activity_stream",
        ActivityStreamStatus="activity_stream",
        AssociatedRoles="roles",
        DatabaseName="database",
        Engine="engine",
        EngineMode="engine_mode",
        EngineVersion="engine_version",
        GlobalClusterIdentifier="global_cluster",
        GlobalWriteForwardingRequested="forwards_writes_globally",
        HttpEndpointEnabled="has_http_endpoint",
        InternetAccessGatewayEnabled="is_express",
        LocalWriteForwardingStatus="forwards_writes",
        MasterUserSecret="master_secret",
        MasterUsername="master_username",
        PendingModifiedValues="has_pending_changes",
        StorageEncrypted="is_encrypted",
        StorageEncryptionType="is_encrypted",
        VPCNetworkingEnabled="is_express",
    ),
    **_rows_of_others(
        Treatment.OWN,
        {
            "each cluster has its own": (
                "DBClusterIdentifier DBClusterArn DbClusterResourceId ClusterCreateTime Endpoint ReaderEndpoint CloneGroupId"
            ),
            "a clone's backups begin with itself": "EarliestRestorableTime LatestRestorableTime",
            "the instances are compared one by one": "DBClusterMembers",
            "a name is given once in a region; the endpoints are compared by where they lead": "CustomEndpoints",
            "a stream has a name of its own": "ActivityStreamKinesisStreamName",
            "a clone is made by a restore": "CrossAccountClone AwsBackupRecoveryPointArn",
        },
    ),
    **_rows_of_others(
        Treatment.MUTE,
        {
            "its state, which other checks judge": "Status PercentProgress",
            "AWS chooses it": "AvailabilityZones MultiAZ HostedZoneId ServerlessV2PlatformVersion UpgradeRolloutOrder",
            "Aurora's storage has no such setting": "AllocatedStorage Iops StorageThroughput",
            "Aurora MySQL has it": "EarliestBacktrackTime BacktrackWindow BacktrackConsumedChangeRecords",
            "Aurora PostgreSQL has none": "CharacterSetName DBClusterOptionGroupMemberships RdsCustomClusterConfiguration",
            "clusters that are not Aurora's have it": (
                "DBClusterInstanceClass PubliclyAccessible MonitoringInterval MonitoringRoleArn CertificateDetails"
            ),
            "a source of that kind is refused": (
                "Capacity ScalingConfigurationInfo LimitlessDatabase ClusterScalabilityType"
            ),
            "a clone replicates from nobody": "ReplicationSourceIdentifier ReadReplicaIdentifiers",
            "it goes with the activity stream, which is compared": "ActivityStreamKmsKeyId",
            "it follows what was requested, which is compared": "GlobalWriteForwardingStatus",
            "it is a time at which something may happen": "AutomaticRestartTime IOOptimizedNextAllowedModificationTime",
            _RESERVED: "StatusInfos DBSystemId",
        },
    ),
}
"""The members of AWS's ``DBCluster``."""

_CLUSTERS = "it is the cluster's, and compared there"

INSTANCE: dict[str, Row] = {
    **_rows_of_carried(
        AutoMinorVersionUpgrade="upgrades_itself",
        CACertificateIdentifier="ca",
        CopyTagsToSnapshot="copies_tags",
        DBInstanceClass="instance_class",
        DBParameterGroups="parameter_group DBParameterGroupName",
        Engine="engine",
        MonitoringInterval="monitoring_interval",
        MonitoringRoleArn="monitoring_role",
        PerformanceInsightsEnabled="has_performance_insights EnablePerformanceInsights",
        PerformanceInsightsKMSKeyId="performance_insights_key",
        PerformanceInsightsRetentionPeriod="performance_insights_retention",
        PreferredMaintenanceWindow="maintenance_window",
        PromotionTier="tier",
        PubliclyAccessible="is_public",
        TagList="tags Tags",
    ),
    **_rows_of_compared(
        DatabaseInsightsMode="insights_mode",
        EngineVersion="engine_version",
        PendingModifiedValues="has_pending_changes",
    ),
    **_rows_of_others(
        Treatment.OWN,
        {
            "each instance has its own": (
                "DBInstanceIdentifier DBInstanceArn DbiResourceId InstanceCreateTime Endpoint EnhancedMonitoringResourceArn "
                "CertificateDetails"
            ),
            "it names the cluster": "DBClusterIdentifier",
            "a clone's backups begin with itself": "LatestRestorableTime",
            "a clone is made by a restore": "AwsBackupRecoveryPointArn",
            "a reservation is for one instance": "DBCapacityReservationIdentifier",
        },
    ),
    **_rows_of_others(
        Treatment.MUTE,
        {
            "its state, which other checks judge": (
                "DBInstanceStatus StatusInfos PercentProgress StorageVolumeStatus StorageOperationStatus "
                "StorageOperationPercentProgress ActivityStreamPolicyStatus"
            ),
            _CLUSTERS: (
                "MasterUsername MasterUserSecret DBName VpcSecurityGroups DBSubnetGroup BackupRetentionPeriod "
                "PreferredBackupWindow StorageType StorageEncrypted StorageEncryptionType KmsKeyId DomainMemberships "
                "IAMDatabaseAuthenticationEnabled EnabledCloudwatchLogsExports DeletionProtection AssociatedRoles NetworkType "
                "EngineLifecycleSupport ActivityStreamStatus ActivityStreamMode ActivityStreamKmsKeyId "
                "ActivityStreamKinesisStreamName"
            ),
            "AWS chooses it": "AvailabilityZone SecondaryAvailabilityZone MultiAZ UpgradeRolloutOrder LicenseModel BackupTarget",
            "Aurora's storage has no such setting": (
                "AllocatedStorage MaxAllocatedStorage Iops StorageThroughput DedicatedLogVolume AdditionalStorageVolumes "
                "IsStorageConfigUpgradeAvailable"
            ),
            "instances that are not Aurora's have it": (
                "DBSecurityGroups DbInstancePort OptionGroupMemberships ProcessorFeatures ListenerEndpoint CustomerOwnedIpEnabled "
                "CharacterSetName NcharCharacterSetName Timezone TdeCredentialArn MultiTenant AutomationMode "
                "ResumeFullAutomationModeTime CustomIamInstanceProfile DBInstanceAutomatedBackupsReplications ReplicaMode "
                "ActivityStreamEngineNativeAuditFieldsIncluded"
            ),
            "a clone replicates from nobody": (
                "ReadReplicaSourceDBInstanceIdentifier ReadReplicaDBInstanceIdentifiers ReadReplicaDBClusterIdentifiers "
                "ReadReplicaSourceDBClusterIdentifier"
            ),
            "it is a time at which something may happen": "AutomaticRestartTime",
            _RESERVED: "DBSystemId",
        },
    ),
}
"""The members of AWS's ``DBInstance``, for an instance of Aurora."""

RECORDED = frozenset(
    {
        "activity_stream", "domains", "forwards_writes", "forwards_writes_globally", "has_performance_insights",
        "insights_mode", "is_express", "network_type", "upgrades_itself",
    }
)  # fmt: skip
"""Fields in which ``None`` means that nobody recorded them, as in a capsule of an older release, and not that there is none."""


def fields_of(rows: dict[str, Row]) -> list[str]:
    """Our fields that are compared, each once."""
    return list(dict.fromkeys(row.field for row in rows.values() if row.field))


def of_instance(name: str, field: str) -> str:
    """The key under which one instance may differ in a field, or, with ``count``, be missing."""
    return f"{name}.{field}"


def endpoint_leads(kind: str, static: tuple[str, ...], excluded: tuple[str, ...]) -> str:
    """Where a custom endpoint leads, in words: its name is another in each cluster."""
    words = kind.upper() + (f" to {', '.join(sorted(static))}" if static else "")
    return printable(words + (f" but {', '.join(sorted(excluded))}" if excluded else ""))


def sum_of(rows: dict[str, Row], without: Iterable[str] = ()) -> str:
    """How many of AWS's members are compared and why not the others, in words; ``without`` are fields that nobody recorded.

    >>> sum_of({"Port": Row(Treatment.CARRIED, "port"), "Endpoint": Row(Treatment.OWN)})
    "1 of AWS's 2 members, as the source's; 1 cannot be the same"
    """
    left = frozenset(without)
    compared = sum(bool(row.field) and row.field not in left for row in rows.values())
    more = {
        "not recorded": sum(row.field in left for row in rows.values() if row.field),
        "cannot be the same": sum(row.treatment is Treatment.OWN for row in rows.values()),
        "say nothing of a clone": sum(row.treatment is Treatment.MUTE for row in rows.values()),
    }
    words = [f"{number} {what}" for what, number in more.items() if number]
    return f"{compared} of AWS's {len(rows)} members, as the source's" + (f"; {', '.join(words)}" if words else "")
