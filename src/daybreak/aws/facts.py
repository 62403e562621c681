"""AWS's answers to our nouns: dictionaries in, frozen values out. Pure.

The law: what every such answer holds is ``needed``, so an answer without it is unreadable and not a defect of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from daybreak.aws.replies import require
from daybreak.model.value import canonical
from daybreak.model.world import (
    AWS_OWNED,
    AutomatedBackup,
    Cluster,
    CustomEndpoint,
    Domain,
    Endpoint,
    Instance,
    Key,
    Member,
    OfferedClass,
    ParameterGroup,
    Quota,
    Role,
    Scaling,
    SecurityGroup,
    ServerlessRange,
    Snapshot,
    Window,
)

_TCP = frozenset({"tcp", "-1"})
_EVERY_PORT = (0, 65535)


def tags_of(items: list[dict[str, str]] | None) -> dict[str, str]:
    """A tag list as a dictionary."""
    return {require(item, "Key"): item.get("Value", "") for item in items or []}


def window_of(earliest: Any, latest: Any) -> Window | None:
    """A restorable window; ``None`` while either end is null: the restore behind it is not complete (FACTS 4.3).

    Both ends are the outermost whole seconds inside it, because a restore takes whole seconds (FACTS 4.4).
    """
    if not earliest or not latest:
        return None
    within = earliest.replace(microsecond=0)
    return Window(
        earliest=within if within == earliest else within + timedelta(seconds=1), latest=latest.replace(microsecond=0)
    )


def value_of(body: dict[str, Any], name: str) -> Any:
    """A member whose 0, "", [] or {} mean that AWS recorded nothing; ``None`` then. Not for what can be false or zero."""
    return body.get(name) or None


def _encryption(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of ``Stored``. Under AWS's own key ``StorageEncrypted`` is false although it is encrypted (FACTS 4.8).

    An answer that contradicts itself counts as not encrypted.
    """
    kind = value_of(body, "StorageEncryptionType")
    is_encrypted = kind == AWS_OWNED or (bool(body.get("StorageEncrypted")) and kind != "none")
    return {"is_encrypted": is_encrypted, "encryption": kind, "kms_key": value_of(body, "KmsKeyId")}


def _retention(body: dict[str, Any]) -> timedelta | None:
    days = value_of(body, "BackupRetentionPeriod")
    return timedelta(days=days) if days else None


def _size(body: dict[str, Any]) -> int | None:
    """The size of a backup in gigabytes; for Aurora AWS mostly says 0 or 1 and means that it does not know (FACTS 4.1)."""
    size = body.get("AllocatedStorage") or 0
    return size if size > 1 else None


def cluster_of(body: dict[str, Any]) -> Cluster:
    """A member of ``DescribeDBClusters``."""
    serverless = body.get("ServerlessV2ScalingConfiguration")
    return Cluster(
        identifier=require(body, "DBClusterIdentifier"),
        resource_id=body.get("DbClusterResourceId", ""),
        arn=body.get("DBClusterArn", ""),
        status=body.get("Status", "unknown"),
        engine=body.get("Engine", ""),
        engine_version=body.get("EngineVersion", ""),
        engine_mode=body.get("EngineMode"),
        endpoint=body.get("Endpoint"),
        reader_endpoint=body.get("ReaderEndpoint"),
        port=body.get("Port") or 5432,
        database=value_of(body, "DatabaseName"),
        master_username=value_of(body, "MasterUsername"),
        created=body.get("ClusterCreateTime"),
        window=window_of(body.get("EarliestRestorableTime"), body.get("LatestRestorableTime")),
        members=tuple(
            Member(
                identifier=require(member, "DBInstanceIdentifier"),
                is_writer=bool(member.get("IsClusterWriter")),
                tier=member.get("PromotionTier", 1),
                parameter_group_status=member.get("DBClusterParameterGroupStatus"),
            )
            for member in body.get("DBClusterMembers", [])
        ),
        parameter_group=body.get("DBClusterParameterGroup", ""),
        subnet_group=body.get("DBSubnetGroup"),
        security_groups=tuple(require(group, "VpcSecurityGroupId") for group in body.get("VpcSecurityGroups", [])),
        **_encryption(body),
        storage_type=body.get("StorageType") or "aurora",
        has_iam_auth=bool(body.get("IAMDatabaseAuthenticationEnabled")),
        log_exports=tuple(sorted(body.get("EnabledCloudwatchLogsExports", []))),
        is_protected=bool(body.get("DeletionProtection")),
        copies_tags=bool(body.get("CopyTagsToSnapshot")),
        backup_retention=timedelta(days=body.get("BackupRetentionPeriod") or 1),
        backup_window=body.get("PreferredBackupWindow"),
        maintenance_window=body.get("PreferredMaintenanceWindow"),
        serverless=ServerlessRange(
            low=require(serverless, "MinCapacity"),
            high=require(serverless, "MaxCapacity"),
            seconds_until_pause=value_of(serverless, "SecondsUntilAutoPause"),
        )
        if serverless
        else None,
        roles=tuple(
            Role(arn=require(role, "RoleArn"), feature=role.get("FeatureName"), status=role.get("Status"))
            for role in body.get("AssociatedRoles", [])
        ),
        master_secret=(body.get("MasterUserSecret") or {}).get("SecretArn"),
        has_http_endpoint=bool(body.get("HttpEndpointEnabled")),
        lifecycle=body.get("EngineLifecycleSupport"),
        has_pending_changes=_is_pending(body.get("PendingModifiedValues")),
        **_switches(body),
        tags=tags_of(body.get("TagList")),
    )


def _switches(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of a cluster that AWS turns on or off beside its storage; ``None`` where it does not say."""
    return {
        "network_type": value_of(body, "NetworkType"),
        "domains": _domains(body.get("DomainMemberships")),
        "upgrades_itself": body.get("AutoMinorVersionUpgrade"),
        "insights_mode": value_of(body, "DatabaseInsightsMode"),
        "has_performance_insights": body.get("PerformanceInsightsEnabled"),
        "performance_insights_retention": value_of(body, "PerformanceInsightsRetentionPeriod"),
        "performance_insights_key": value_of(body, "PerformanceInsightsKMSKeyId"),
        "activity_stream": _activity_stream(body),
        "forwards_writes": _is_on(body.get("LocalWriteForwardingStatus")),
        "global_cluster": value_of(body, "GlobalClusterIdentifier"),
        "replicates_from": value_of(body, "ReplicationSourceIdentifier"),
        "scalability": value_of(body, "ClusterScalabilityType"),
        # What a cluster must be made for is left out of the answer about any other.
        "forwards_writes_globally": bool(body.get("GlobalWriteForwardingRequested")),
        "is_express": bool(body.get("InternetAccessGatewayEnabled")) or body.get("VPCNetworkingEnabled") is False,
    }


def _domains(memberships: list[dict[str, Any]] | None) -> tuple[Domain, ...] | None:
    if memberships is None:
        return None
    return tuple(
        Domain(directory=require(each, "Domain"), role=value_of(each, "IAMRoleName"), status=value_of(each, "Status"))
        for each in memberships
    )


def _activity_stream(body: dict[str, Any]) -> str | None:
    status = value_of(body, "ActivityStreamStatus")
    if status in (None, "stopped", "stopping"):
        return None if status is None else "off"
    return value_of(body, "ActivityStreamMode") or str(status)


def _is_on(status: str | None) -> bool | None:
    """Whether something is on, or will be, by AWS's word for it."""
    return None if not status else status in ("enabled", "enabling", "requested")


def _is_pending(values: dict[str, Any] | None) -> bool:
    return any(value not in (None, {}, []) for value in (values or {}).values())


def instance_of(body: dict[str, Any]) -> Instance:
    """A member of ``DescribeDBInstances``."""
    groups = body.get("DBParameterGroups") or [{}]
    return Instance(
        identifier=require(body, "DBInstanceIdentifier"),
        cluster=body.get("DBClusterIdentifier"),
        status=body.get("DBInstanceStatus", "unknown"),
        instance_class=body.get("DBInstanceClass", ""),
        engine=body.get("Engine", ""),
        engine_version=body.get("EngineVersion"),
        endpoint=(body.get("Endpoint") or {}).get("Address"),
        tier=body.get("PromotionTier", 1),
        zone=body.get("AvailabilityZone"),
        parameter_group=groups[0].get("DBParameterGroupName"),
        parameter_group_status=groups[0].get("ParameterApplyStatus"),
        is_public=bool(body.get("PubliclyAccessible")),
        upgrades_itself=bool(body.get("AutoMinorVersionUpgrade", True)),
        ca=body.get("CACertificateIdentifier"),
        monitoring_interval=body.get("MonitoringInterval") or 0,
        monitoring_role=body.get("MonitoringRoleArn"),
        has_performance_insights=bool(body.get("PerformanceInsightsEnabled")),
        performance_insights_retention=body.get("PerformanceInsightsRetentionPeriod"),
        performance_insights_key=body.get("PerformanceInsightsKMSKeyId"),
        copies_tags=bool(body.get("CopyTagsToSnapshot")),
        maintenance_window=body.get("PreferredMaintenanceWindow"),
        has_pending_changes=_is_pending(body.get("PendingModifiedValues")),
        insights_mode=value_of(body, "DatabaseInsightsMode"),
        tags=tags_of(body.get("TagList")),
    )


def backup_of(body: dict[str, Any]) -> AutomatedBackup:
    """A member of ``DescribeDBClusterAutomatedBackups``."""
    restorable = body.get("RestoreWindow") or {}
    return AutomatedBackup(
        cluster=body.get("DBClusterIdentifier", ""),
        resource_id=body.get("DbClusterResourceId", ""),
        status=body.get("Status", ""),
        engine=body.get("Engine", ""),
        engine_version=body.get("EngineVersion", ""),
        window=window_of(restorable.get("EarliestTime"), restorable.get("LatestTime")),
        **_encryption(body),
        storage_type=body.get("StorageType"),
        has_iam_auth=bool(body.get("IAMDatabaseAuthenticationEnabled")),
        port=value_of(body, "Port"),
        master_username=value_of(body, "MasterUsername"),
        allocated=_size(body),
        engine_mode=value_of(body, "EngineMode"),
        retention=_retention(body),
        backup_window=value_of(body, "PreferredBackupWindow"),
        arn=value_of(body, "DBClusterAutomatedBackupsArn"),
        cluster_arn=value_of(body, "DBClusterArn"),
        tags=tags_of(body.get("TagList")),
    )


def parameter_group_of(body: dict[str, Any], parameters: dict[str, str], tags: dict[str, str]) -> ParameterGroup:
    """A member of ``DescribeDBClusterParameterGroups`` with the values a person set and its tags."""
    return ParameterGroup(
        name=require(body, "DBClusterParameterGroupName"),
        family=body.get("DBParameterGroupFamily", ""),
        description=body.get("Description", ""),
        arn=body.get("DBClusterParameterGroupArn", ""),
        parameters=parameters,
        tags=tags,
    )


def instance_parameter_group_of(
    body: dict[str, Any], parameters: dict[str, str], tags: dict[str, str]
) -> ParameterGroup:
    """A member of ``DescribeDBParameterGroups`` with the values a person set and its tags."""
    return ParameterGroup(
        name=require(body, "DBParameterGroupName"),
        family=body.get("DBParameterGroupFamily", ""),
        description=body.get("Description", ""),
        arn=body.get("DBParameterGroupArn", ""),
        parameters=parameters,
        tags=tags,
    )


def custom_endpoint_of(body: dict[str, Any]) -> CustomEndpoint:
    """A custom member of ``DescribeDBClusterEndpoints``."""
    return CustomEndpoint(
        identifier=require(body, "DBClusterEndpointIdentifier"),
        kind=body.get("CustomEndpointType", "ANY"),
        static_members=tuple(sorted(body.get("StaticMembers", []))),
        excluded_members=tuple(sorted(body.get("ExcludedMembers", []))),
    )


def scaling_of(target: dict[str, Any], policies: Iterable[dict[str, Any]]) -> Scaling:
    """A member of ``DescribeScalableTargets`` with those of ``DescribeScalingPolicies``."""
    return Scaling(
        low=target.get("MinCapacity", 0),
        high=target.get("MaxCapacity", 0),
        policies=tuple(sorted(canonical(_without(policy, _OF_ONE_POLICY)).decode() for policy in policies)),
    )


_OF_ONE_POLICY = frozenset({"PolicyARN", "Alarms", "CreationTime", "ResourceId", "ServiceNamespace"})
"""What AWS gave to one scaling policy of one cluster, and no other policy can have."""


def _without(body: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def quota_of(body: dict[str, Any]) -> Quota:
    """A member of ``DescribeAccountAttributes``."""
    return Quota(name=require(body, "AccountQuotaName"), used=body.get("Used") or 0, most=body.get("Max") or 0)


def class_on_offer(body: dict[str, Any]) -> OfferedClass:
    """A member of ``DescribeOrderableDBInstanceOptions``."""
    zones = tuple(sorted(require(zone, "Name") for zone in body.get("AvailabilityZones") or ()))
    return OfferedClass(name=require(body, "DBInstanceClass"), zones=zones)


def security_group_of(body: dict[str, Any]) -> SecurityGroup:
    """A member of ``DescribeSecurityGroups``."""
    return SecurityGroup(
        identifier=require(body, "GroupId"),
        name=body.get("GroupName", ""),
        vpc=body.get("VpcId"),
        opens_ports=tuple(
            (rule.get("FromPort", 0), rule.get("ToPort", 65535)) if rule.get("IpProtocol") != "-1" else _EVERY_PORT
            for rule in body.get("IpPermissions", [])
            if rule.get("IpProtocol") in _TCP
            and (rule.get("IpRanges") or rule.get("Ipv6Ranges") or rule.get("UserIdGroupPairs"))
        ),
        rules=tuple(sorted({way for rule in body.get("IpPermissions", []) for way in _ways_in(rule)})),
    )


def _ways_in(rule: dict[str, Any]) -> Iterator[str]:
    """Each source of a rule by itself, as ``SecurityGroup.rules`` writes it."""
    protocol = rule.get("IpProtocol", "-1")
    low = rule.get("FromPort")
    # ICMP has types where TCP has ports; -1 is any.
    ports = "" if low is None or protocol == "-1" else f" {low}-{rule.get('ToPort', low)}"
    for ranges, name in (
        ("IpRanges", "CidrIp"),
        ("Ipv6Ranges", "CidrIpv6"),
        ("PrefixListIds", "PrefixListId"),
        ("UserIdGroupPairs", "GroupId"),
    ):
        for source in rule.get(ranges, []):
            yield f"{'all' if protocol == '-1' else protocol}{ports} from {source.get(name) or source.get('GroupName', '?')}"


def key_of(body: dict[str, Any]) -> Key:
    """The answer of ``DescribeKey``."""
    facts = require(body, "KeyMetadata")
    return Key(
        arn=require(facts, "Arn"),
        is_enabled=bool(facts.get("Enabled")),
        state=facts.get("KeyState", "Enabled"),
        is_default=facts.get("KeyManager") == "AWS",
    )


def snapshot_of(body: dict[str, Any]) -> Snapshot:
    """A member of ``DescribeDBClusterSnapshots``."""
    return Snapshot(
        identifier=require(body, "DBClusterSnapshotIdentifier"),
        arn=body.get("DBClusterSnapshotArn", ""),
        cluster=body.get("DBClusterIdentifier", ""),
        resource_id=body.get("DbClusterResourceId"),
        kind=body.get("SnapshotType", ""),
        status=body.get("Status", ""),
        created=body.get("SnapshotCreateTime"),
        engine=body.get("Engine", ""),
        engine_version=body.get("EngineVersion", ""),
        **_encryption(body),
        storage_type=body.get("StorageType"),
        has_iam_auth=bool(body.get("IAMDatabaseAuthenticationEnabled")),
        port=value_of(body, "Port"),
        master_username=value_of(body, "MasterUsername"),
        engine_mode=value_of(body, "EngineMode"),
        retention=_retention(body),
        backup_window=value_of(body, "PreferredBackupWindow"),
        percent=body.get("PercentProgress", 100),
        allocated=_size(body),
        source=value_of(body, "SourceDBClusterSnapshotArn"),
        tags=tags_of(body.get("TagList")),
    )


def endpoint_of(body: dict[str, Any], tags: dict[str, str]) -> Endpoint:
    """A custom member of ``DescribeDBClusterEndpoints`` with its tags, which AWS returns in another answer."""
    return Endpoint(
        identifier=require(body, "DBClusterEndpointIdentifier"),
        cluster=body.get("DBClusterIdentifier", ""),
        kind=body.get("CustomEndpointType", "ANY"),
        status=body.get("Status", ""),
        address=body.get("Endpoint"),
        static_members=tuple(sorted(body.get("StaticMembers") or [])),
        excluded_members=tuple(sorted(body.get("ExcludedMembers") or [])),
        tags=tags,
    )
