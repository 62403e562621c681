"""The one table of AWS operations: what may be sent, what it touches, and what AWS demands of the caller for it.

The law: nothing is sent or printed that has no row here. The gateway's guard, the ``aws`` lines and the IAM policy read
this table, and nobody keeps a second list. AWS's Service Authorization Reference gives the kinds of resources, the forms of
their ARNs, and the actions that AWS demands besides the call's own. The journal's calls to S3 stand outside: they are no
part of a plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from daybreak.errors import Bug
from daybreak.model.destinations import record_name, target_name
from daybreak.model.keyed import subscription_entry
from daybreak.model.plan import AwsCall
from daybreak.model.things import ResourceKind, Thing
from daybreak.plan.occasions import ReadOccasion
from daybreak.plan.operation_rows import ChangeOperation, Condition, Demand, ReadOperation, ResourceName, plain_name


def _records_in(params: Mapping[str, Any]) -> tuple[str, ...]:
    """The records that a batch changes."""
    sets = [change["ResourceRecordSet"] for change in params["ChangeBatch"]["Changes"]] if params else []
    zone = str(params.get("HostedZoneId", "")).rpartition("/")[2]
    return tuple(record_name(zone, each["Name"], each["Type"], each.get("SetIdentifier")) for each in sets)


def _proxy_targets_in(params: Mapping[str, Any]) -> tuple[str, ...]:
    """The places of clusters in a proxy that a call gives or takes; the clusters stay as they are."""
    place = plain_name(str(params.get("DBProxyName", ""))), plain_name(str(params.get("TargetGroupName", "")))
    return tuple(target_name(*place, plain_name(name)) for name in params.get("DBClusterIdentifiers", ()))


def _of_targets(name: str) -> ChangeOperation:
    """A call that registers clusters in a proxy's target group, or takes them out."""
    named = (
        _changes("TargetGroupName", "target-group"),
        _changes("DBProxyName", "db-proxy"),
        _uses("DBClusterIdentifiers", "cluster"),
    )
    return ChangeOperation("rds", name, named, parts=_proxy_targets_in, kind_of_parts="proxy-target")


def _of_role(name: str) -> ChangeOperation:
    """A call that gives a cluster a role, or takes it; AWS lets only that caller do either who may pass the role on."""
    passing = Demand("RoleArn", ("iam:PassRole",), "role", "{RoleArn}")
    return ChangeOperation("rds", name, (_changes("DBClusterIdentifier", "cluster"),), (passing,))


def _entries_in(params: Mapping[str, Any]) -> tuple[str, ...]:
    """The entry of an event subscription that a call makes or takes; all its others stay."""
    name = plain_name(str(params.get("SubscriptionName", "")))
    return (subscription_entry(name, str(params.get("SourceIdentifier", ""))),)


def _exports_in(params: Mapping[str, Any]) -> tuple[str, ...]:
    """The export that a call starts or ends: to IAM it is no resource."""
    name = params.get("ExportTaskIdentifier")
    return (plain_name(str(name)),) if name else ()


def _of_subscription(name: str) -> ChangeOperation:
    """A call that lets an event subscription report one source more, or one less."""
    named = (_changes("SubscriptionName", "es"),)
    return ChangeOperation("rds", name, named, parts=_entries_in, kind_of_parts="subscription-entry")


def _makes(parameter: str, kind: ResourceKind) -> ResourceName:
    return ResourceName(parameter, kind, "makes")


def _changes(parameter: str, kind: ResourceKind) -> ResourceName:
    return ResourceName(parameter, kind, "changes")


def _uses(parameter: str, kind: ResourceKind) -> ResourceName:
    return ResourceName(parameter, kind, "uses")


def _of_text(when: str, service: str) -> Demand:
    """What KMS demands of who reads and writes a text, under whatever key: through the service alone, and by name of no key.

    A secret's call names no key, and a parameter's may name an alias, which is no resource of IAM's.
    """
    through = Condition("StringLike", "kms:ViaService", f"{service}.*.amazonaws.com*")
    return Demand(when, ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"), "key", "*", through)


def _right_to_tag(parameter: str, kind: ResourceKind) -> Demand:
    """The right to tag what the call makes, and nothing else of what it names."""
    return Demand("Tags", ("rds:AddTagsToResource",), kind, f"{{{parameter}}}")


_MONITORING = Demand("MonitoringRoleArn", ("iam:PassRole",), "role", "{MonitoringRoleArn}")

_MANAGED_PASSWORD = (
    Demand(
        "ManageMasterUserPassword",
        ("secretsmanager:CreateSecret", "secretsmanager:RotateSecret", "secretsmanager:TagResource"),
        "secret",
        "rds!cluster-*",
    ),
    # The secret is under Secrets Manager's own key, so no other key has to be allowed.
    Demand("ManageMasterUserPassword", ("kms:DescribeKey",), "key"),
)

_OF_KEYS = (
    # RDS makes this grant in the caller's name; without it nothing could open the new storage.
    Demand(
        "KmsKeyId", ("kms:CreateGrant",), "key", "{KmsKeyId}", Condition("Bool", "kms:GrantIsForAWSResource", "true")
    ),
)

_OF_RESTORES = (
    _right_to_tag("DBClusterIdentifier", "cluster"),
    *_OF_KEYS,
    Demand(
        "Domain",
        (
            "ds:AuthorizeApplication",
            "ds:DescribeDirectories",
            "ds:GetAuthorizedApplicationDetails",
            "ds:UnauthorizeApplication",
        ),
        None,
    ),
    Demand("DomainIAMRoleName", ("iam:PassRole",), "role", "{DomainIAMRoleName}"),
)

_OPTION_GROUP: tuple[ResourceKind, str] = ("og", "default:aurora-postgresql-*")
"""The option group that a restored cluster gets: AWS's own, since Aurora PostgreSQL has no options."""

_ALWAYS, _RESTORE = ReadOccasion.EVERY_RUN, ReadOccasion.RESTORE
_KEYED = ReadOccasion.OF_KEYED
_SECRET: dict[ReadOccasion, tuple[ResourceKind, ...]] = {
    ReadOccasion.LOGIN_OF_SECRETSMANAGER: ("secret",),
    ReadOccasion.MANAGED_LOGIN: ("secret",),
}

REQUESTED_ALIAS = "kms:RequestAlias"
"""The condition key that holds the alias by which a key was named."""
NAMES_OF_RECORDS = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
"""The key by which a policy limits a change in a zone to some names."""

_PARAMETER = (ReadOccasion.LOGIN_OF_SSM, ReadOccasion.OF_PARAMETER)

_READS = (
    ReadOperation("rds", "DescribeDBClusters", {_ALWAYS: ("cluster",)}),
    ReadOperation("rds", "DescribeDBInstances", {_ALWAYS: ("db",)}),
    ReadOperation("rds", "DescribeDBClusterEndpoints", {_ALWAYS: ("cluster", "cluster-endpoint")}),
    ReadOperation("rds", "DescribeDBClusterParameterGroups", {_ALWAYS: ("cluster-pg",)}),
    ReadOperation("rds", "DescribeDBClusterParameters", {_ALWAYS: ("cluster-pg",)}),
    ReadOperation(
        "rds",
        "ListTagsForResource",
        {_ALWAYS: ("cluster-endpoint", "cluster-pg"), ReadOccasion.OWN_INSTANCE_GROUPS: ("pg",)},
    ),
    ReadOperation("rds", "DescribeDBSubnetGroups", {_RESTORE: ("subgrp",)}),
    ReadOperation("rds", "DescribeDBParameterGroups", {_RESTORE: ("pg",)}),
    ReadOperation("rds", "DescribeDBParameters", {ReadOccasion.OWN_INSTANCE_GROUPS: ("pg",)}),
    ReadOperation("rds", "DescribeDBProxies", dict.fromkeys((_RESTORE, _KEYED, ReadOccasion.OF_PROXY), ("db-proxy",))),
    ReadOperation(
        "rds",
        "DescribeDBProxyTargets",
        dict.fromkeys((_RESTORE, _KEYED, ReadOccasion.OF_PROXY), ("db-proxy", "target-group")),
    ),
    ReadOperation(
        "rds",
        "DescribeDBClusterSnapshots",
        {
            ReadOccasion.OF_SNAPSHOT: ("cluster", "cluster-snapshot"),
            ReadOccasion.OF_COPIES: ("cluster", "cluster-snapshot"),
        },
    ),
    ReadOperation(
        "rds", "DescribeDBClusterAutomatedBackups", {ReadOccasion.OF_KEPT_BACKUP: ("cluster", "cluster-auto-backup")}
    ),
    ReadOperation("rds", "DescribeEngineDefaultClusterParameters", {ReadOccasion.OF_DELETED_SOURCE: ()}),
    ReadOperation("rds", "DescribeAccountAttributes", {_RESTORE: ()}),
    ReadOperation("rds", "DescribeCertificates", {_RESTORE: ()}),
    ReadOperation("rds", "DescribeEvents", {_RESTORE: ()}),
    ReadOperation("rds", "DescribeOrderableDBInstanceOptions", {_RESTORE: ()}),
    ReadOperation("rds", "DescribeEventSubscriptions", dict.fromkeys((_KEYED, ReadOccasion.OF_SUBSCRIPTION), ("es",))),
    ReadOperation("rds", "DescribeIntegrations", {_KEYED: ("integration",)}),
    ReadOperation("application-autoscaling", "DescribeScalableTargets", {_RESTORE: (), _KEYED: ()}),
    ReadOperation("application-autoscaling", "DescribeScalingPolicies", {_RESTORE: (), _KEYED: ()}),
    ReadOperation("cloudwatch", "DescribeAlarms", {_KEYED: ("alarm",)}),
    ReadOperation("cloudwatch", "GetMetricStatistics", {_RESTORE: ()}),
    ReadOperation(
        "rds",
        "DescribeGlobalClusters",
        {ReadOccasion.OF_CATALOGUE: ("global-cluster",), ReadOccasion.OF_FAIL_OVER: ("global-cluster",)},
    ),
    ReadOperation(
        "rds",
        "DescribeExportTasks",
        dict.fromkeys((ReadOccasion.OF_CATALOGUE, ReadOccasion.OF_EXPORT), ("cluster", "cluster-snapshot")),
    ),
    # AWS knows a recovery point's ARN under many services' names, so the star stands for it.
    ReadOperation("backup", "ListRecoveryPointsByResource", {ReadOccasion.OF_CATALOGUE: ()}),
    ReadOperation("backup", "GetRecoveryPointRestoreMetadata", {ReadOccasion.OF_CATALOGUE: ()}),
    ReadOperation("ec2", "DescribeRegions", {ReadOccasion.OF_CATALOGUE: ()}),
    ReadOperation("ec2", "DescribeRouteTables", {ReadOccasion.BY_HAND: ()}),
    ReadOperation("ec2", "DescribeSecurityGroups", {_RESTORE: (), ReadOccasion.OF_PROXY: ()}),
    ReadOperation("iam", "GetAccountAuthorizationDetails", {_RESTORE: (), _KEYED: ()}),
    ReadOperation("kms", "DescribeKey", {ReadOccasion.KEY: ("key",)}),
    ReadOperation("kms", "GetKeyPolicy", {ReadOccasion.BY_HAND: ("key",)}),
    ReadOperation("route53", "GetChange", {ReadOccasion.OF_CHANGES: ("change",)}),
    ReadOperation("route53", "GetHostedZone", {ReadOccasion.OF_CATALOGUE: ("hostedzone",)}),
    ReadOperation("route53", "ListResourceRecordSets", {ReadOccasion.OF_RECORD: ("hostedzone",)}),
    ReadOperation("secretsmanager", "DescribeSecret", {ReadOccasion.OF_SECRET: ("secret",)}),
    ReadOperation(
        "secretsmanager",
        "GetSecretValue",
        {**_SECRET, **dict.fromkeys((ReadOccasion.OF_SECRET, ReadOccasion.LOGIN_OF_PROXY), ("secret",))},
    ),
    # The clone has the password of its moment, which may be an older version's.
    ReadOperation("secretsmanager", "ListSecretVersionIds", _SECRET),
    ReadOperation("ssm", "GetParameter", dict.fromkeys(_PARAMETER, ("parameter",))),
    ReadOperation("ssm", "GetParameterHistory", dict.fromkeys(_PARAMETER, ("parameter",))),
    ReadOperation("sts", "GetCallerIdentity", {ReadOccasion.FREE: ()}),
)

_CHANGES = (
    ChangeOperation(
        "rds",
        "CopyDBClusterParameterGroup",
        (
            _makes("TargetDBClusterParameterGroupIdentifier", "cluster-pg"),
            _uses("SourceDBClusterParameterGroupIdentifier", "cluster-pg"),
        ),
        (_right_to_tag("TargetDBClusterParameterGroupIdentifier", "cluster-pg"),),
    ),
    ChangeOperation(
        "rds",
        "CreateDBClusterParameterGroup",
        (_makes("DBClusterParameterGroupName", "cluster-pg"),),
        (_right_to_tag("DBClusterParameterGroupName", "cluster-pg"),),
    ),
    ChangeOperation("rds", "ModifyDBClusterParameterGroup", (_changes("DBClusterParameterGroupName", "cluster-pg"),)),
    ChangeOperation(
        "rds",
        "RestoreDBClusterToPointInTime",
        (
            _makes("DBClusterIdentifier", "cluster"),
            _uses("SourceDBClusterIdentifier", "cluster"),
            _uses("SourceDbClusterResourceId", "cluster-auto-backup"),
            _uses("DBSubnetGroupName", "subgrp"),
            _uses("DBClusterParameterGroupName", "cluster-pg"),
        ),
        _OF_RESTORES,
        (_OPTION_GROUP,),
    ),
    ChangeOperation(
        "rds",
        "RestoreDBClusterFromSnapshot",
        (
            _makes("DBClusterIdentifier", "cluster"),
            _uses("SnapshotIdentifier", "cluster-snapshot"),
            _uses("DBSubnetGroupName", "subgrp"),
            _uses("DBClusterParameterGroupName", "cluster-pg"),
        ),
        _OF_RESTORES,
        (_OPTION_GROUP,),
    ),
    ChangeOperation(
        "rds",
        "ModifyDBCluster",
        (
            _changes("DBClusterIdentifier", "cluster"),
            _uses("DBClusterParameterGroupName", "cluster-pg"),
            _uses("NewDBClusterIdentifier", "cluster"),
        ),
        _MANAGED_PASSWORD,
        renames_to="NewDBClusterIdentifier",
    ),
    ChangeOperation("rds", "RebootDBInstance", (_changes("DBInstanceIdentifier", "db"),)),
    ChangeOperation(
        "rds",
        "CreateDBInstance",
        (
            _makes("DBInstanceIdentifier", "db"),
            _changes("DBClusterIdentifier", "cluster"),
            _uses("DBParameterGroupName", "pg"),
        ),
        (_right_to_tag("DBInstanceIdentifier", "db"), _MONITORING),
    ),
    ChangeOperation(
        "rds",
        "CreateDBClusterEndpoint",
        (_makes("DBClusterEndpointIdentifier", "cluster-endpoint"), _changes("DBClusterIdentifier", "cluster")),
        (_right_to_tag("DBClusterEndpointIdentifier", "cluster-endpoint"),),
    ),
    ChangeOperation("rds", "DeleteDBClusterEndpoint", (_changes("DBClusterEndpointIdentifier", "cluster-endpoint"),)),
    ChangeOperation("rds", "DeleteDBInstance", (_changes("DBInstanceIdentifier", "db"),)),
    ChangeOperation("rds", "DeleteDBCluster", (_changes("DBClusterIdentifier", "cluster"),)),
    ChangeOperation("rds", "DeleteDBClusterParameterGroup", (_changes("DBClusterParameterGroupName", "cluster-pg"),)),
    ChangeOperation(
        "rds",
        "CreateDBClusterSnapshot",
        (_makes("DBClusterSnapshotIdentifier", "cluster-snapshot"), _uses("DBClusterIdentifier", "cluster")),
        (_right_to_tag("DBClusterSnapshotIdentifier", "cluster-snapshot"),),
    ),
    ChangeOperation(
        "rds",
        "CopyDBClusterSnapshot",
        (
            _makes("TargetDBClusterSnapshotIdentifier", "cluster-snapshot"),
            _uses("SourceDBClusterSnapshotIdentifier", "cluster-snapshot"),
        ),
        (_right_to_tag("TargetDBClusterSnapshotIdentifier", "cluster-snapshot"), *_OF_KEYS),
    ),
    ChangeOperation("rds", "DeleteDBClusterSnapshot", (_changes("DBClusterSnapshotIdentifier", "cluster-snapshot"),)),
    ChangeOperation("rds", "AddTagsToResource", (_changes("ResourceName", "cluster"),)),
    _of_role("AddRoleToDBCluster"),
    _of_role("RemoveRoleFromDBCluster"),
    ChangeOperation("rds", "EnableHttpEndpoint", (_changes("ResourceArn", "cluster"),)),
    ChangeOperation("rds", "DisableHttpEndpoint", (_changes("ResourceArn", "cluster"),)),
    _of_subscription("AddSourceIdentifierToSubscription"),
    _of_subscription("RemoveSourceIdentifierFromSubscription"),
    ChangeOperation(
        "rds",
        "FailoverGlobalCluster",
        (_changes("GlobalClusterIdentifier", "global-cluster"), _changes("TargetDbClusterIdentifier", "cluster")),
    ),
    ChangeOperation(
        "rds",
        "SwitchoverGlobalCluster",
        (_changes("GlobalClusterIdentifier", "global-cluster"), _changes("TargetDbClusterIdentifier", "cluster")),
    ),
    ChangeOperation(
        "route53", "ChangeResourceRecordSets", (_changes("HostedZoneId", "hostedzone"),), parts=_records_in
    ),
    ChangeOperation(
        "secretsmanager",
        "PutSecretValue",
        (_changes("SecretId", "secret"),),
        (_of_text("SecretString", "secretsmanager"),),
    ),
    ChangeOperation("secretsmanager", "UpdateSecretVersionStage", (_changes("SecretId", "secret"),)),
    ChangeOperation("ssm", "PutParameter", (_changes("Name", "parameter"),), (_of_text("KeyId", "ssm"),)),
    _of_targets("RegisterDBProxyTargets"),
    _of_targets("DeregisterDBProxyTargets"),
    ChangeOperation(
        "rds",
        "StartExportTask",
        (_uses("SourceArn", "cluster-snapshot"),),
        (
            Demand("IamRoleArn", ("iam:PassRole",), "role", "{IamRoleArn}"),
            *_OF_KEYS,
            Demand("KmsKeyId", ("kms:DescribeKey",), "key", "{KmsKeyId}"),
        ),
        parts=_exports_in,
        kind_of_parts="export-task",
    ),
    ChangeOperation("rds", "CancelExportTask", (), parts=_exports_in, kind_of_parts="export-task"),
    # The cluster that it makes is named in its metadata alone, so nothing of ours could guard it.
    ChangeOperation("backup", "StartRestoreJob", (), is_by_hand=True),
    # They make again what is keyed to a source's name, and belong to their owners.
    ChangeOperation("application-autoscaling", "PutScalingPolicy", (), is_by_hand=True),
    ChangeOperation("application-autoscaling", "RegisterScalableTarget", (), is_by_hand=True),
    ChangeOperation("cloudwatch", "PutMetricAlarm", (), is_by_hand=True),
    ChangeOperation("rds", "CreateIntegration", (), is_by_hand=True),
)

Operation = ReadOperation | ChangeOperation

OPERATIONS: dict[tuple[str, str], Operation] = {(row.service, row.name): row for row in (*_READS, *_CHANGES)}
"""Every operation that we use, by service and name: two services may have operations of one name."""


def row_of(service: str, operation: str) -> Operation:
    """The operation's row. Raises ``Bug`` where it has none: what nobody described can be neither guarded nor allowed.

    >>> row_of("rds", "RebootDBCluster")
    Traceback (most recent call last):
    daybreak.errors.Bug: rds RebootDBCluster has no row in the table of operations
    """
    row = OPERATIONS.get((service, operation))
    if row is None:
        message = f"{service} {operation} has no row in the table of operations"
        raise Bug(message)
    return row


def change_of(call: AwsCall) -> ChangeOperation:
    """The row of a call that changes something; raises ``Bug`` for any other."""
    row = row_of(call.service, call.operation)
    if not isinstance(row, ChangeOperation):
        message = f"{call.operation} is not among the changes we make"
        raise Bug(message)
    return row


def touches_of(call: AwsCall) -> tuple[Thing, ...]:
    """What a call makes or changes: what it is about first. Raises ``Bug`` for a call that is no change."""
    return change_of(call).things_touched(call.params, call.region)


def things_named(call: AwsCall) -> tuple[Thing, ...]:
    """What a call names, also what it only uses. Raises ``Bug`` for a call that is no change."""
    return change_of(call).things_named(call.params, call.region)


def read_of(call: AwsCall) -> ReadOperation:
    """The row of a call that only reads; raises ``Bug`` for any other."""
    row = row_of(call.service, call.operation)
    if not isinstance(row, ReadOperation):
        message = f"{call.operation} is not among the reads we use"
        raise Bug(message)
    return row


def aws_call(service: str, operation: str, params: dict[str, Any], region: str) -> AwsCall:
    """A call, to be sent or printed; every one is made here. Raises ``Bug`` for an operation without a row."""
    row = row_of(service, operation)
    return AwsCall(service=row.service, operation=row.name, params=params, region=region)


def reads() -> Iterator[ReadOperation]:
    """The rows of the reads."""
    return (row for row in OPERATIONS.values() if isinstance(row, ReadOperation))
