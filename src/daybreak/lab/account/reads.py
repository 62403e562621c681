"""What is read of a call to a service that moto plays: of the calls listed here each parameter is read, or refused by name.

The law: moto passes over what it does not know, so a parameter that nobody answers for is refused. The list holds the calls
that Daybreak sends, but those to S3, and the two by which a person changes a login. Of any other call moto reads what it
pleases, and the documentation says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from botocore.model import StructureShape

from daybreak.lab.account.asked import Asked, plain_paths
from daybreak.lab.protocol.boto import service_model
from daybreak.lab.protocol.errors import AwsError

READ: Mapping[tuple[str, str], str] = {
    ("application-autoscaling", "DescribeScalableTargets"): "ServiceNamespace ResourceIds ScalableDimension",
    ("application-autoscaling", "DescribeScalingPolicies"): "ServiceNamespace ResourceId ScalableDimension PolicyNames",
    ("backup", "GetRecoveryPointRestoreMetadata"): "BackupVaultName RecoveryPointArn",
    ("backup", "ListRecoveryPointsByResource"): "ResourceArn",
    ("backup", "StartRestoreJob"): "RecoveryPointArn Metadata IamRoleArn IdempotencyToken ResourceType",
    (
        "application-autoscaling",
        "PutScalingPolicy",
    ): "ServiceNamespace ResourceId ScalableDimension PolicyName PolicyType"
    " StepScalingPolicyConfiguration TargetTrackingScalingPolicyConfiguration",
    (
        "application-autoscaling",
        "RegisterScalableTarget",
    ): "ServiceNamespace ResourceId ScalableDimension MinCapacity MaxCapacity RoleARN SuspendedState",
    ("cloudwatch", "PutMetricAlarm"): "AlarmName AlarmDescription ActionsEnabled OKActions AlarmActions"
    " InsufficientDataActions MetricName Namespace Statistic ExtendedStatistic Dimensions Period Unit EvaluationPeriods"
    " DatapointsToAlarm Threshold ComparisonOperator TreatMissingData EvaluateLowSampleCountPercentile Metrics"
    " ThresholdMetricId Tags",
    ("cloudwatch", "DescribeAlarms"): "AlarmNames AlarmNamePrefix MaxRecords StateValue ActionPrefix",
    ("cloudwatch", "GetMetricStatistics"): "Namespace MetricName Dimensions StartTime EndTime Period Statistics Unit",
    ("ec2", "DescribeRegions"): "Filters RegionNames",
    ("ec2", "DescribeRouteTables"): "Filters RouteTableIds",
    ("ec2", "DescribeSecurityGroups"): "Filters GroupIds GroupNames",
    ("iam", "GetAccountAuthorizationDetails"): "Filter MaxItems",
    ("kms", "DescribeKey"): "KeyId",
    ("kms", "GetKeyPolicy"): "KeyId PolicyName",
    ("route53", "ChangeResourceRecordSets"): "HostedZoneId ChangeBatch",
    ("route53", "GetChange"): "Id",
    ("route53", "GetHostedZone"): "Id",
    (
        "route53",
        "ListResourceRecordSets",
    ): "HostedZoneId StartRecordName StartRecordType StartRecordIdentifier MaxItems",
    ("secretsmanager", "DescribeSecret"): "SecretId",
    ("secretsmanager", "GetSecretValue"): "SecretId VersionId VersionStage",
    ("secretsmanager", "ListSecretVersionIds"): "SecretId IncludeDeprecated",
    ("secretsmanager", "PutSecretValue"): "SecretId ClientRequestToken SecretString SecretBinary VersionStages",
    ("secretsmanager", "UpdateSecretVersionStage"): "SecretId VersionStage RemoveFromVersionId MoveToVersionId",
    ("ssm", "GetParameter"): "Name WithDecryption",
    ("ssm", "GetParameterHistory"): "Name WithDecryption MaxResults NextToken",
    ("ssm", "PutParameter"): "Name Description Value Type KeyId Overwrite AllowedPattern Tags Tier DataType",
    ("sts", "GetCallerIdentity"): "",
}
"""By service and operation the parameters that are read, by moto or by the lab's own checks."""

ONE_PAGE: Mapping[tuple[str, str], tuple[str, str]] = {
    ("iam", "GetAccountAuthorizationDetails"): ("MaxItems", "1000"),
    ("cloudwatch", "DescribeAlarms"): ("MaxRecords", "100"),
}
"""Where moto answers all in one page: the parameter of the page's size, and the one size that is taken, AWS's largest."""

_CODES = {"ec2": "InvalidParameterCombination", "iam": "InvalidInput", "cloudwatch": "InvalidParameterCombination"}


def check_read(asked: Asked) -> None:
    """Refuse a parameter that nobody reads."""
    call = asked.call
    if call.service == "ec2" and asked.text("DryRun").lower() == "true":
        raise _not_here("ec2", "DryRun")
    listed = READ.get((call.service, call.operation))
    if listed is None:
        return
    size, largest = ONE_PAGE.get((call.service, call.operation), ("", ""))
    if asked.text(size) not in ("", largest):
        raise _not_here(call.service, size)
    read = frozenset(listed.split())
    given = set(plain_paths(asked))
    for name, on_wire in _names(call.service, call.operation):
        if name not in read and any(path.partition(".")[0] in on_wire for path in given):
            raise _not_here(call.service, name)


def _not_here(service: str, name: str) -> AwsError:
    return AwsError(_CODES.get(service, "ValidationException"), f"not available in the lab: {name}")


def _names(service: str, operation: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each parameter of the model's, with the names that it has on the wire."""
    shape = service_model(service).operation_model(operation).input_shape
    members = shape.members if isinstance(shape, StructureShape) else {}
    for name, member in members.items():
        also = member.serialization.get("name", name)
        yield name, frozenset({name, also, also[:1].upper() + also[1:]})
