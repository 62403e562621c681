"""Which values AWS takes: for each parameter that the lab reads its form, or who checks it instead.

The law: a value that AWS refuses never reaches an operation. A closed set in botocore's model holds of itself; what the model
only says in words stands in `FORMS`; every other parameter stands in `ELSEWHERE` with whoever refuses it. A test walks
botocore's model for every operation served, so that no parameter is in none of the three.
AWS documents the values and seldom the sentence: the sentences here are guesses, the code is that of a bad value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from daybreak.lab.protocol.codec import operation_model
from daybreak.lab.protocol.errors import invalid_value
from daybreak.lab.rds import windows
from daybreak.lab.rds.reserved import RESERVED

ENGINE_FEATURES = ("Bedrock", "Comprehend", "Lambda", "SageMaker", "s3Export", "s3Import")
"""What a role may be for in Aurora PostgreSQL [D]; the model only points at the engine's own list."""

MONTHS = 23
INSIGHTS_DAYS = frozenset({7, 731, *(31 * month for month in range(1, MONTHS + 1))})
"""For how many days Performance Insights may be kept: a week, two years, or whole months of 31 days [M]."""

LIFECYCLES = ("open-source-rds-extended-support", "open-source-rds-extended-support-disabled")


@dataclass(frozen=True)
class Form:
    """What AWS takes for a parameter."""

    takes: Callable[[Any], bool]
    words: str
    """The values in words, for the end of "must be"."""
    wrong: Any
    """A value that it does not take, for the test that walks all of them."""


def _one_of(*values: Any) -> Form:
    return Form(lambda value: value in values, " | ".join(map(str, values)), "banana" if "banana" not in values else "")


def _from_to(least: float, most: float, *, step: float = 0) -> Form:
    def takes(value: float) -> bool:
        return least <= value <= most and not (step and value % step)

    words = f"{least} to {most}" + (f" in steps of {step}" if step else "")
    return Form(takes, words, most + 1)


def _like(pattern: str, words: str, wrong: str, *, but: Collection[str] = ()) -> Form:
    form = re.compile(pattern)
    return Form(lambda value: bool(form.fullmatch(value)) and value.lower() not in but, words, wrong)


_DATABASE = r"[A-Za-z][A-Za-z0-9_]{0,62}"
_ACCOUNT = r"\d{12}|all"

FORMS: Mapping[str, Form] = {
    "AssociatedRoles.FeatureName": _one_of(*ENGINE_FEATURES),
    "Auth.SecretArn": _like(r"arn:aws[a-z-]*:secretsmanager:.*", "the ARN of a secret", "no-arn-of-any-secret"),
    "BackupRetentionPeriod": _from_to(1, 35),
    # guess: the underscore; the model says "up to 64 alphanumeric characters" for every engine, PostgreSQL cuts at 63
    "DatabaseName": Form(
        lambda name: name == "" or bool(re.fullmatch(_DATABASE, name) and name.lower() != "rdsadmin"),
        "a letter, then letters, digits and underscores, and not rdsadmin",
        "drop table; --",
    ),
    "Duration": _from_to(1, 14 * 24 * 60),
    "EndpointType": Form(lambda kind: kind.upper() in ("READER", "WRITER", "ANY"), "READER | WRITER | ANY", "BANANA"),
    "EngineLifecycleSupport": _one_of(*LIFECYCLES),
    "FeatureName": _one_of(*ENGINE_FEATURES),
    "IdleClientTimeout": _from_to(1, 28_800),  # eight hours [D]
    # Aurora PostgreSQL takes underscores and 63 characters [D]; the model's 16 letters or numbers are MySQL's.
    "MasterUsername": _like(
        r"(?!(?i:pg_|rds_))[A-Za-z][A-Za-z0-9_]{0,62}",
        "1 to 63 letters, digits or underscores, the first a letter, and no reserved word",
        'a"b c',
        but=RESERVED,
    ),
    "MonitoringInterval": _one_of(0, 1, 5, 10, 15, 30, 60),
    "NetworkType": _one_of("IPV4", "DUAL"),
    "PerformanceInsightsRetentionPeriod": Form(
        lambda days: days in INSIGHTS_DAYS, f"7, 731, or 31 times 1 to {MONTHS}", 8
    ),
    "Port": _from_to(1150, 65535),
    "PreferredBackupWindow": Form(windows.is_daily, "hh24:mi-hh24:mi, at least 30 minutes", "99:99-99:99"),
    "PreferredMaintenanceWindow": Form(
        windows.is_weekly, "ddd:hh24:mi-ddd:hh24:mi, at least 30 minutes", "sun:04:00-sun:04:10"
    ),
    "PromotionTier": _from_to(0, 15),
    "RestoreType": _one_of("full-copy", "copy-on-write"),
    "ServerlessV2ScalingConfiguration.MaxCapacity": _from_to(1, 256, step=0.5),
    "ServerlessV2ScalingConfiguration.MinCapacity": _from_to(0, 256, step=0.5),
    "ServerlessV2ScalingConfiguration.SecondsUntilAutoPause": _from_to(300, 86_400),
    "SourceType": _one_of(
        "db-instance",
        "db-parameter-group",
        "db-security-group",
        "db-snapshot",
        "db-cluster",
        "db-cluster-snapshot",
        "custom-engine-version",
        "db-proxy",
        "blue-green-deployment",
        "db-shard-group",
        "zero-etl",
    ),
    "Source": _one_of("user", "system", "engine-default"),
    "ValuesToAdd": _like(_ACCOUNT, "the number of an account, or all", "x"),
    "ValuesToRemove": _like(_ACCOUNT, "the number of an account, or all", "x"),
}
"""By the path of the parameter; what each operation means by a name is the same in all of them."""

ELSEWHERE: Mapping[str, str] = {
    "it names something, and whoever looks it up refuses what is not there or has another form": "Auth.UserName"
    " AvailabilityZone CACertificateIdentifier CertificateIdentifier DBClusterEndpointIdentifier DBClusterIdentifier"
    " DBClusterIdentifiers DBClusterParameterGroupName DBClusterSnapshotIdentifier DBInstanceClass DBInstanceIdentifier"
    " DBInstanceIdentifiers DBParameterGroupFamily DBParameterGroupName DBSubnetGroupName DbClusterResourceId Engine EngineMode"
    " EngineVersion ExcludedMembers FinalDBSnapshotIdentifier KmsKeyId MasterUserSecretKmsKeyId MonitoringRoleArn"
    " NewDBClusterIdentifier PerformanceInsightsKMSKeyId ResourceArn ResourceIdentifier ResourceName"
    " AssociatedRoles.RoleArn RoleArn SnapshotIdentifier SourceDBClusterIdentifier"
    " SourceDBClusterParameterGroupIdentifier SourceDBClusterSnapshotIdentifier SourceDBParameterGroupIdentifier"
    " SourceDbClusterResourceId StaticMembers SubnetIds TargetDBClusterParameterGroupIdentifier"
    " DbClusterIdentifier IntegrationIdentifier SnsTopicArn SourceIds SubscriptionName TargetDBClusterSnapshotIdentifier TargetDBInstanceIdentifier TargetDBParameterGroupIdentifier TargetGroupName"
    " VpcSecurityGroupIds VpcSubnetIds DBProxyName ExportTaskIdentifier SourceArn S3BucketName IamRoleArn",
    "its refusal has another code than that of a bad value": "AttributeName CloudwatchLogsExportConfiguration"
    ".DisableLogTypes CloudwatchLogsExportConfiguration.EnableLogTypes EnableCloudwatchLogsExports Marker"
    " MasterUserPassword MaxRecords PreSignedUrl S3Prefix ExportOnly SnapshotType StorageType Filters.Name Tags.Key Tags.Value"
    " Parameters.ParameterName Parameters.ParameterValue",
    "it is compared, and what compares with nothing finds nothing": "EventCategories Filters.Values LicenseModel"
    " SourceIdentifier TagKeys",
    "it is free text": "DBSubnetGroupDescription Description TargetDBClusterParameterGroupDescription"
    " TargetDBParameterGroupDescription",
    "a member of a cluster may give only what its cluster has": "DBName Iops",
}
"""Parameters without a form of their own, by who refuses their wrong values."""


def check_values(operation: str, given: Mapping[str, Any]) -> None:
    """Refuse a call that gives a value which AWS does not take; whatever the lab does not read is refused before."""
    shape = operation_model(operation).input_shape
    for name, value in given.items():
        if shape is not None and value is not None:
            _check(shape.members[name], value, name)


def _check(shape: Shape, value: Any, path: str) -> None:
    for where, at, each in leaves(shape, value, path):
        form = FORMS.get(at) or of_model(where)
        if form is not None and not form.takes(each):
            raise invalid_value(f"Invalid value {each} for parameter {at}: must be {form.words}.")


def leaves(shape: Shape, value: Any, path: str) -> Iterator[tuple[Shape, str, Any]]:
    """Each scalar in a value, with its shape and the path of its parameter."""
    if isinstance(shape, ListShape):
        for each in value:
            yield from leaves(shape.member, each, path)
    elif isinstance(shape, StructureShape):
        for name, each in value.items():
            yield from leaves(shape.members[name], each, f"{path}.{name}")
    else:
        yield shape, path, value


def of_model(shape: Shape) -> Form | None:
    """The form that botocore's model itself gives: a closed set, or a length."""
    if values := shape.metadata.get("enum"):
        return _one_of(*values)
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    if shape.type_name != "string" or most is None:
        return None
    pattern = re.compile(shape.metadata.get("pattern", r"(?s:.*)"))
    words = f"{least} to {most} characters" + (f" like {pattern.pattern}" if "pattern" in shape.metadata else "")
    return Form(lambda text: least <= len(text) <= most and bool(pattern.fullmatch(text)), words, "x" * (most + 1))
