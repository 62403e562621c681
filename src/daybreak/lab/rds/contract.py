"""What the lab takes of each call, and what its answers hold: a parameter is modelled or refused, a member modelled or named
here as absent.

The law: an operation names the parameters that it reads where it is registered. What else AWS's model has is refused before
anything is changed. An operation that reads what it did not name, or leaves unread what it was given, is a bug of the lab.
Tests walk botocore's model for every operation served.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from daybreak.errors import Bug
from daybreak.lab.protocol.codec import operation_model
from daybreak.lab.protocol.errors import AwsError, invalid_combination

STRUCTURES: Mapping[str, frozenset[str]] = {
    "CloudwatchLogsExportConfiguration": frozenset({"EnableLogTypes", "DisableLogTypes"}),
    "DBClusterAssociatedRole": frozenset({"RoleArn", "FeatureName"}),
    "Filter": frozenset({"Name", "Values"}),
    "Parameter": frozenset({"ParameterName", "ParameterValue", "ApplyMethod"}),
    "ServerlessV2ScalingConfiguration": frozenset({"MinCapacity", "MaxCapacity", "SecondsUntilAutoPause"}),
    "Tag": frozenset({"Key", "Value"}),
    "UserAuthConfig": frozenset(
        {"Description", "UserName", "AuthScheme", "SecretArn", "IAMAuth", "ClientPasswordAuthType"}
    ),
}
"""The members that are read of each structure inside a parameter."""


class Params(Mapping[str, Any]):
    """The parameters of one call, which notes those that the operation reads."""

    def __init__(self, operation: str, taken: frozenset[str], given: Mapping[str, Any]) -> None:
        self._operation = operation
        self._taken = taken
        self._given = given
        self._unread = {name for name, value in given.items() if value is not None}

    def __getitem__(self, name: str) -> Any:
        """A parameter; raises `Bug` where AWS's model has it and the operation did not name it."""
        self._unread.discard(name)
        if name not in self._taken and name in members_of_call(self._operation):
            raise Bug(f"{self._operation} reads {name}, which it does not name")
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        """Refuse: to go through all of them would be to swallow them."""
        raise Bug(f"{self._operation} must name what it reads")

    def __len__(self) -> int:
        """How many the call gives."""
        return len(self._given)

    def check_read(self) -> None:
        """Raise `Bug` when the call gave something that the operation did not look at."""
        if self._unread:
            raise Bug(f"{self._operation} swallowed {', '.join(sorted(self._unread))}")


def members_of_call(operation: str) -> frozenset[str]:
    """Every parameter that AWS's model gives the operation."""
    shape = operation_model(operation).input_shape
    return frozenset(shape.members) if shape else frozenset()


def refuse_foreign(operation: str, taken: frozenset[str], given: Mapping[str, Any]) -> None:
    """Refuse a call that gives what the lab does not model."""
    shape = operation_model(operation).input_shape
    for name, value in given.items():
        if value is None or shape is None:
            continue
        if name not in taken:
            raise _not_here(name)
        for path in _foreign(shape.members[name], value, name):
            raise _not_here(path)


def _foreign(shape: Shape, value: Any, where: str) -> Iterator[str]:
    """The paths of the given members of structures that the lab does not read."""
    if isinstance(shape, ListShape):
        for each in value:
            yield from _foreign(shape.member, each, where)
    elif isinstance(shape, StructureShape):
        yield from (f"{where}.{name}" for name in value if name not in STRUCTURES.get(shape.name, frozenset()))


def _not_here(path: str) -> AwsError:
    return invalid_combination(f"not available in the lab: {path}")


# -- answers ----------------------------------------------------------------------------------------------------------

Members = Mapping[str, str]
"""Names of members, between blanks, by the structure that they belong to."""

ABSENT: Mapping[str, Members] = {
    "it belongs to another engine or to RDS Custom": {
        "DBCluster": "CharacterSetName EarliestBacktrackTime BacktrackWindow BacktrackConsumedChangeRecords DBSystemId"
        " RdsCustomClusterConfiguration DBClusterOptionGroupMemberships",
        "ClusterPendingModifiedValues": "RdsCustomClusterConfiguration",
        "DBClusterSnapshot": "DBSystemId",
        "DBInstance": "CharacterSetName NcharCharacterSetName Timezone TdeCredentialArn DBSystemId MultiTenant"
        " CustomIamInstanceProfile AutomationMode ResumeFullAutomationModeTime"
        " ActivityStreamEngineNativeAuditFieldsIncluded ActivityStreamPolicyStatus",
        "DBEngineVersion": "DatabaseInstallationFilesS3BucketName DatabaseInstallationFilesS3Prefix"
        " DatabaseInstallationFiles CustomDBEngineVersionManifest FailureReason Image DBEngineMediaType KMSKeyId"
        " CreateTime DefaultCharacterSet SupportedCharacterSets SupportedNcharCharacterSets SupportedTimezones",
    },
    "it belongs to a Multi-AZ DB cluster": {
        "DBCluster": "DBClusterInstanceClass Iops StorageThroughput PubliclyAccessible CertificateDetails StatusInfos",
        "ClusterPendingModifiedValues": "Iops AllocatedStorage CertificateDetails",
        "DBClusterSnapshot": "StorageThroughput",
        "DBClusterAutomatedBackup": "Iops StorageThroughput",
    },
    "it belongs to Aurora Serverless v1": {"DBCluster": "Capacity ScalingConfigurationInfo"},
    "it belongs to Limitless": {"DBCluster": "LimitlessDatabase ClusterScalabilityType"},
    "no cluster of a global database forwards writes": {
        "DBCluster": "GlobalWriteForwardingStatus GlobalWriteForwardingRequested"
    },
    "it belongs to express configuration": {"DBCluster": "VPCNetworkingEnabled InternetAccessGatewayEnabled"},
    "it belongs to an activity stream, and none is started": {
        "DBCluster": "ActivityStreamMode ActivityStreamKmsKeyId ActivityStreamKinesisStreamName",
        "DBInstance": "ActivityStreamMode ActivityStreamKmsKeyId ActivityStreamKinesisStreamName ActivityStreamStatus",
    },
    "it belongs to AWS Backup": {
        "DBCluster": "AwsBackupRecoveryPointArn",
        "DBInstance": "AwsBackupRecoveryPointArn",
        "DBClusterAutomatedBackup": "AwsBackupRecoveryPointArn",
    },
    "it belongs to Active Directory": {
        "DomainMembership": "Domain Status FQDN IAMRoleName OU AuthSecretArn DnsIps",
    },
    "it belongs to an instance outside a cluster": {
        "DBInstance": "LatestRestorableTime SecondaryAvailabilityZone ReadReplicaSourceDBInstanceIdentifier"
        " ReadReplicaSourceDBClusterIdentifier ReadReplicaDBClusterIdentifiers ReplicaMode StatusInfos Iops"
        " MaxAllocatedStorage ProcessorFeatures ListenerEndpoint DBInstanceAutomatedBackupsReplications"
        " AutomaticRestartTime MasterUserSecret PercentProgress IsStorageConfigUpgradeAvailable"
        " AdditionalStorageVolumes StorageVolumeStatus StorageOperationStatus StorageOperationPercentProgress"
        " DBCapacityReservationIdentifier",
        "PendingModifiedValues": "AllocatedStorage MasterUserPassword Port BackupRetentionPeriod MultiAZ EngineVersion"
        " LicenseModel Iops StorageThroughput DBInstanceIdentifier StorageType CACertificateIdentifier"
        " DBSubnetGroupName PendingCloudwatchLogsExports ProcessorFeatures AutomationMode ResumeFullAutomationModeTime"
        " MultiTenant IAMDatabaseAuthenticationEnabled DedicatedLogVolume Engine AdditionalStorageVolumes"
        " DBCapacityReservationIdentifier",
        "DBInstanceRole": "RoleArn FeatureName Status",
        "DBSecurityGroupMembership": "DBSecurityGroupName Status",
        "Outpost": "Arn",
    },
    "Aurora does it at once": {
        "DBCluster": "PercentProgress",
        "ClusterPendingModifiedValues": "PendingCloudwatchLogsExports IAMDatabaseAuthenticationEnabled"
        " BackupRetentionPeriod StorageType",
    },
    "there is none": {
        "UpgradeTarget": "Engine EngineVersion Description AutoUpgrade IsMajorVersionUpgrade SupportedEngineModes"
        " SupportsParallelQuery SupportsGlobalDatabases SupportsBabelfish SupportsLimitlessDatabase"
        " SupportsLocalWriteForwarding SupportsIntegrations",
        "ResourcePendingMaintenanceActions": "ResourceIdentifier PendingMaintenanceActionDetails",
        "Certificate": "CustomerOverrideValidTill",
        "Integration": "SourceArn TargetArn IntegrationName IntegrationArn KMSKeyId AdditionalEncryptionContext Status Tags"
        " DataFilter Description CreateTime Errors",
        "ConnectionPoolConfigurationInfo": "InitQuery",
        "RebootDBClusterResult": "DBCluster",
        "StartDBInstanceResult": "DBInstance",
        "StopDBInstanceResult": "DBInstance",
    },
}
"""The members that no answer of the lab holds, by the reason; AWS does not answer them of such resources either."""

IRRELEVANT: Mapping[str, Members] = {
    "AWS chooses it, and nobody can ask for it": {
        "DBCluster": "ServerlessV2PlatformVersion IOOptimizedNextAllowedModificationTime",
        "DBInstance": "EnhancedMonitoringResourceArn",
    },
    "it describes what can be bought": {
        "DBEngineVersion": "DBEngineVersionArn TagList SupportsLimitlessDatabase SupportsIntegrations"
        " ServerlessV2FeaturesSupport",
        "OrderableDBInstanceOption": "AvailabilityZoneGroup SupportsStorageThroughput MinStorageSize MaxStorageSize"
        " MinIopsPerDbInstance MaxIopsPerDbInstance MinIopsPerGib MaxIopsPerGib MinStorageThroughputPerDbInstance"
        " MaxStorageThroughputPerDbInstance MinStorageThroughputPerIops MaxStorageThroughputPerIops"
        " AvailableProcessorFeatures SupportsKerberosAuthentication SupportedActivityStreamModes"
        " SupportsDedicatedLogVolume SupportsAdditionalStorageVolumes SupportsHttpEndpoint"
        " AvailableAdditionalStorageVolumesOptions",
        "Parameter": "MinimumEngineVersion",
    },
}
"""The members that AWS answers and the lab does not, by the reason; the product reads none of them."""
