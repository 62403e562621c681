"""The IAM policy that a plan needs: every call that it makes, on the resources that it names, and the reads around them.

The law: the changes come from the same calls that we send, so a plan and its policy cannot drift apart. Each change names its
resources, so the policy allows changes only to what the plan makes. AWS's Service Authorization Reference gives the forms of
the ARNs, and the actions that AWS requires besides the call's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from daybreak.model.actions import CreateInstance, Restore, RestoreFromSnapshot, Validate
from daybreak.model.plan import AwsCall, Plan
from daybreak.plan.calls import call_of, stamp_of

Permission = tuple[str, str]
"""An action, and the ARN of a resource on which it must be allowed."""

_KINDS = {
    "DBClusterEndpointIdentifier": "cluster-endpoint",
    "DBClusterIdentifier": "cluster",
    "SnapshotIdentifier": "cluster-snapshot",
    "SourceDBClusterIdentifier": "cluster",
    "SourceDbClusterResourceId": "cluster-auto-backup",
    "DBInstanceIdentifier": "db",
    "DBSubnetGroupName": "subgrp",
    "DBClusterParameterGroupName": "cluster-pg",
    "SourceDBClusterParameterGroupIdentifier": "cluster-pg",
    "TargetDBClusterParameterGroupIdentifier": "cluster-pg",
    "DBParameterGroupName": "pg",
    "ResourceName": "cluster",
}
"""Each parameter of a change that names a resource, and the resource's kind."""

_TAGGED = (
    "DBClusterEndpointIdentifier",
    "DBInstanceIdentifier",
    "DBClusterIdentifier",
    "TargetDBClusterParameterGroupIdentifier",
    "DBClusterParameterGroupName",
    "ResourceName",
)
"""The parameter that names what a change makes and tags: the first of these that the change has."""

_NAMED_READS = {
    "rds:DescribeDBClusters": "cluster:*",
    "rds:DescribeDBInstances": "db:*",
    "rds:DescribeDBClusterParameterGroups": "cluster-pg:*",
    "rds:DescribeDBClusterParameters": "cluster-pg:*",
    "rds:ListTagsForResource": "cluster-pg:*",
}
"""What every run looks at; AWS gives a list only to a caller who may see all of the kind."""

_RESTORE_READS = {"rds:DescribeDBSubnetGroups": "subgrp:*"}
_SNAPSHOT_READS = {"rds:DescribeDBClusterSnapshots": "cluster-snapshot:*"}
_ENDPOINT_READS = {"rds:DescribeDBClusterEndpoints": "cluster-endpoint:*"}
_DELETED_SOURCE_READS = {"rds:DescribeDBClusterAutomatedBackups": "cluster-auto-backup:*"}

_AROUND_READS = {
    "rds:DescribeDBParameterGroups": "pg:*",
    "rds:DescribeDBProxies": "db-proxy:*",
    "rds:DescribeDBProxyTargets": "db-proxy:*",
}
_READS_OF_OTHERS = (
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "iam:GetAccountAuthorizationDetails",
)
"""What belongs to a cluster but comes from services other than RDS."""


def policy_of(*plans: Plan) -> dict[str, Any]:
    """The policy document for a person who carries out these plans, ready for JSON; the same plans give the same document."""
    allowed: dict[str, set[str]] = {}
    grants: set[str] = set()
    for plan in plans:
        for action, resource in (*_changes(plan), *_reads(plan)):
            allowed.setdefault(action, set()).add(resource)
        grants |= set(_keys(plan))
    together: dict[tuple[str, ...], list[str]] = {}
    for action in sorted(allowed):
        together.setdefault(tuple(sorted(allowed[action])), []).append(action)
    statements = [_statement(actions, resources) for resources, actions in together.items()]
    if grants:
        # RDS makes this grant in the caller's name; without it nothing could open the restored storage.
        condition = {"Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}}}
        statements.append(_statement(["kms:CreateGrant"], tuple(sorted(grants))) | condition)
    return {"Version": "2012-10-17", "Statement": statements}


def _statement(actions: list[str], resources: tuple[str, ...]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


def _changes(plan: Plan) -> Iterator[Permission]:
    stamp = stamp_of(plan)
    for step in plan.steps:
        call = call_of(step.action, stamp, plan.identity.region)
        if call is not None:
            yield from _needs(call, _place(plan, "rds"))


_DIRECTORY = (
    "ds:AuthorizeApplication",
    "ds:DescribeDirectories",
    "ds:GetAuthorizedApplicationDetails",
    "ds:UnauthorizeApplication",
)
"""What AWS does in the caller's name when a cluster joins a directory."""


def _place(plan: Plan, service: str) -> str:
    """The beginning of a service's ARNs there; China and GovCloud are separate partitions."""
    partition = plan.identity.caller.split(":")[1]
    return f"arn:{partition}:{service}:{plan.identity.region}:{plan.identity.account}"


def _needs(call: AwsCall, place: str) -> Iterator[Permission]:
    def arn(parameter: str) -> str:
        name = str(call.params[parameter])
        return name if name.startswith("arn:") else f"{place}:{_KINDS[parameter]}:{name}"

    for parameter in _KINDS:
        if parameter in call.params:
            yield f"rds:{call.operation}", arn(parameter)
    if "Tags" in call.params:
        yield "rds:AddTagsToResource", arn(next(name for name in _TAGGED if name in call.params))
    if call.params.get("ManageMasterUserPassword"):
        yield from _needs_of_managed_password(place)
    if "MonitoringRoleArn" in call.params:
        yield "iam:PassRole", call.params["MonitoringRoleArn"]
    if "Domain" in call.params:
        for kind in _DIRECTORY:
            yield kind, "*"
    if role := call.params.get("DomainIAMRoleName"):
        partition, account = place.split(":")[1], place.split(":")[4]
        yield "iam:PassRole", f"arn:{partition}:iam::{account}:role/{role}"


def _needs_of_managed_password(place: str) -> Iterator[Permission]:
    """What AWS does in the caller's name when it begins to manage a master's password, and the read of its secret.

    The secret is of Secrets Manager's own key, so no other key has to be allowed.
    """
    partition, region, account = (place.split(":")[index] for index in (1, 3, 4))
    secret = f"arn:{partition}:secretsmanager:{region}:{account}:secret:rds!cluster-*"
    for operation in ("CreateSecret", "GetSecretValue", "ListSecretVersionIds", "RotateSecret", "TagResource"):
        yield f"secretsmanager:{operation}", secret
    yield "kms:DescribeKey", f"arn:{partition}:kms:{region}:{account}:key/*"


def _reads(plan: Plan) -> Iterator[Permission]:
    actions = [step.action for step in plan.steps]
    is_restore = any(isinstance(action, Restore) for action in actions)
    is_of_snapshot = any(isinstance(action, RestoreFromSnapshot) for action in actions)
    is_of_deleted = any(isinstance(each, Validate) and (each.capsule or not each.source_seen) for each in actions)
    kinds = _NAMED_READS | _ENDPOINT_READS | (_RESTORE_READS if is_restore else {})
    kinds |= _SNAPSHOT_READS if is_of_snapshot else {}
    kinds |= _DELETED_SOURCE_READS if is_of_deleted and not is_of_snapshot else {}
    for kind, resource in kinds.items():
        yield kind, f"{_place(plan, 'rds')}:{resource}"
    yield "rds:DescribeDBClusterEndpoints", f"{_place(plan, 'rds')}:cluster:*"
    yield "rds:ListTagsForResource", f"{_place(plan, 'rds')}:cluster-endpoint:*"
    if not is_restore:
        return
    yield from _around(plan)
    if is_of_deleted:
        yield "rds:DescribeEngineDefaultClusterParameters", "*"
    yield "ec2:DescribeSecurityGroups", "*"  # AWS knows no resource for these
    yield "cloudwatch:GetMetricStatistics", "*"
    yield "rds:DescribeAccountAttributes", "*"
    yield "rds:DescribeEvents", f"{_place(plan, 'rds')}:cluster:*"
    yield "rds:DescribeCertificates", "*"
    yield "rds:DescribeOrderableDBInstanceOptions", "*"
    for key in _keys(plan):
        yield "kms:DescribeKey", key
    application = plan.target.application.login if plan.target.application else None
    for reference in {plan.target.login, application, *(check.login for check in plan.target.checks)}:
        if reference:
            yield from _login(plan, reference)


def _around(plan: Plan) -> Iterator[Permission]:
    """The reads of what belongs to source and clone; only custom groups have values and tags."""
    for kind, resource in _AROUND_READS.items():
        yield kind, f"{_place(plan, 'rds')}:{resource}"
    for kind in _READS_OF_OTHERS:
        yield kind, "*"  # AWS knows no resource for these
    groups = {step.action.parameter_group for step in plan.steps if isinstance(step.action, CreateInstance)}
    if any(group and not group.startswith("default.") for group in groups):
        for kind in ("rds:DescribeDBParameters", "rds:ListTagsForResource"):
            yield kind, f"{_place(plan, 'rds')}:pg:*"


def _login(plan: Plan, reference: str) -> Iterator[Permission]:
    scheme, _, name = reference.partition(":")
    match scheme:
        case "secretsmanager":
            # AWS adds six characters to a secret's name.
            secret = name.partition("#")[0]
            own = f"{_place(plan, scheme)}:secret:{secret}-??????"
            # The clone has the password of its moment, which may be an older version's.
            for operation in ("GetSecretValue", "ListSecretVersionIds"):
                yield f"secretsmanager:{operation}", secret if secret.startswith("arn:") else own
        case "ssm":
            for operation in ("GetParameter", "GetParameterHistory"):
                yield f"ssm:{operation}", f"{_place(plan, scheme)}:parameter/{name.removeprefix('/').partition(':')[0]}"
        case "iam":
            # AWS chooses the clone's resource id.
            yield "rds-db:connect", f"{_place(plan, 'rds-db')}:dbuser:*/{name}"


def _keys(plan: Plan) -> Iterator[str]:
    for step in plan.steps:
        if isinstance(step.action, Restore) and step.action.kms_key:
            yield step.action.kms_key
