"""Decide who may do which actions on which resources: moto keeps users, roles and policies, and we decide.

The law: one call may touch several resources (a restore names its source, its clone, a subnet group and a parameter
group), and IAM must allow each of them. The ARN forms follow the Service Authorization Reference.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from botocore.exceptions import ClientError

from daybreak.lab.access.keys import Keys
from daybreak.lab.access.policy import Question, Verdict, verdict
from daybreak.lab.account.keyring import Keyring
from daybreak.lab.account.world import World
from daybreak.lab.http.message import Request
from daybreak.lab.protocol.dialect import Call
from daybreak.lab.protocol.signing import Credential, Flaw, claim_of, flaw_of

_Known = TypeVar("_Known")

TagsOf = Callable[[str, str], Mapping[str, str]]
"""From region and ARN of something in RDS to its tags (empty when it does not exist)."""

_RDS_NAMES = {
    "DBClusterIdentifier": "cluster",
    "NewDBClusterIdentifier": "cluster",
    "SourceDBClusterIdentifier": "cluster",
    "DBInstanceIdentifier": "db",
    "NewDBInstanceIdentifier": "db",
    "DBClusterSnapshotIdentifier": "cluster-snapshot",
    "SourceDBClusterSnapshotIdentifier": "cluster-snapshot",
    "TargetDBClusterSnapshotIdentifier": "cluster-snapshot",
    "SnapshotIdentifier": "cluster-snapshot",
    "SourceArn": "cluster-snapshot",
    "FinalDBSnapshotIdentifier": "cluster-snapshot",
    "DBSubnetGroupName": "subgrp",
    "DBClusterParameterGroupName": "cluster-pg",
    "SourceDBClusterParameterGroupIdentifier": "cluster-pg",
    "TargetDBClusterParameterGroupIdentifier": "cluster-pg",
    "DBParameterGroupName": "pg",
    "SourceDBParameterGroupIdentifier": "pg",
    "TargetDBParameterGroupIdentifier": "pg",
    "DBClusterEndpointIdentifier": "cluster-endpoint",
    "DBProxyName": "db-proxy",
    "SubscriptionName": "es",
    "DBClusterIdentifiers.member.1": "cluster",
    "SourceDbClusterResourceId": "cluster-auto-backup",
    "DbClusterResourceId": "cluster-auto-backup",
    "DbClusterIdentifier": "cluster",
    "TargetDbClusterIdentifier": "cluster",
    "GlobalClusterIdentifier": "global-cluster",
}
_RDS_UNNAMED = {
    "DescribeDBClusters": "cluster",
    "DescribeDBInstances": "db",
    "DescribeDBClusterSnapshots": "cluster-snapshot",
    "DescribeDBSubnetGroups": "subgrp",
    "DescribeDBClusterParameterGroups": "cluster-pg",
    "DescribeDBParameterGroups": "pg",
    "DescribeDBClusterEndpoints": "cluster-endpoint",
    "DescribeDBProxies": "db-proxy",
    "DescribeEventSubscriptions": "es",
    "DescribeIntegrations": "integration",
    "DescribeDBClusterAutomatedBackups": "cluster-auto-backup",
    "DescribeGlobalClusters": "global-cluster",
    "DescribeExportTasks": "cluster-snapshot",
}
_S3_ACTIONS = {
    "ListBuckets": "ListAllMyBuckets",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "HeadObject": "GetObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
}
_FREE = frozenset({("sts", "GetCallerIdentity")})


class Identities(Protocol):
    """What gave out keys, and counts the changes of users, roles and policies."""

    @property
    def keyring(self) -> Keyring:
        """The secrets of the keys that were given out."""

    @property
    def identity_changes(self) -> int:
        """A count that stays the same while nothing changes."""


class Iam:
    """The gate in front of every service: it always proves who asks, and once `enforced` is set it checks what they may do."""

    def __init__(self, world: World, tags_of: TagsOf, identities: Identities, keys: Keys) -> None:
        self._world = world
        self._tags_of = tags_of
        self._identities = identities
        self._root = keys
        self._lock = threading.Lock()
        self._callers: dict[str, tuple[int, str]] = {}
        self._policies: dict[str, tuple[int, tuple[Mapping[str, Any], ...]]] = {}
        self.enforced = False
        self.expired: set[str] = set()
        """The expired access keys; every call with one is refused."""

    def flaw(self, request: Request) -> Flaw | None:
        """Why we do not believe that the request comes from the owner of its access key; ``None`` when we do."""
        claim = claim_of(request)
        if isinstance(claim, Flaw):
            return claim
        return flaw_of(request, claim, self._credential(claim.access_key), datetime.now(UTC))

    def is_root(self, access_key: str) -> bool:
        """Whether this is the lab's own key, which may do everything, as an account's root may."""
        return access_key == self._root.access_key

    def caller_arn(self, access_key: str) -> str:
        """The ARN of the key's owner."""
        return f"arn:aws:iam::{self._world.account}:root" if self.is_root(access_key) else self._caller(access_key)

    def denial(self, call: Call) -> str:
        """Why the caller may not do this; empty when they may."""
        if not self.enforced or self.is_root(call.access_key) or (call.service, call.operation) in _FREE:
            return ""
        caller = self._caller(call.access_key)
        policies = self._policies_of(caller)
        for question in questions(call, self._world, self._tags_of):
            answer = verdict(policies, question)
            if answer is not Verdict.ALLOWED:
                why = answer.value.format(action=question.action)
                action, resource = question.action, question.resource
                return f"User: {caller} is not authorized to perform: {action} on resource: {resource} {why}"
        return ""

    def _credential(self, access_key: str) -> Credential | None:
        if self.is_root(access_key):
            return Credential(self._root.secret_key)
        found = self._identities.keyring.credential(access_key)
        return found if found and self._caller(access_key) else None

    def _caller(self, access_key: str) -> str:
        """The ARN of the key's owner; empty when the key has no owner any more."""
        return self._remember(self._callers, access_key, lambda: self._world.caller(access_key) or "")

    def _policies_of(self, arn: str) -> tuple[Mapping[str, Any], ...]:
        return self._remember(self._policies, arn, lambda: policies_of(self._world, arn))

    def _remember(self, known: dict[str, tuple[int, _Known]], name: str, ask: Callable[[], _Known]) -> _Known:
        """What is known about the name since users, roles and policies last changed; else ask now and remember."""
        changes = self._identities.identity_changes
        with self._lock:
            kept = known.get(name)
        if kept and kept[0] == changes:
            return kept[1]
        found = ask()
        with self._lock:
            known[name] = (changes, found)
        return found


def policies_of(world: World, arn: str) -> tuple[Mapping[str, Any], ...]:
    """Every identity policy of the user (its groups' too) or of the role behind an assumed-role session."""
    iam = world.client("iam", "us-east-1")
    kind, _, name = arn.partition(":::")[2].partition("/") if ":::" in arn else arn.split(":", 5)[5].partition("/")
    if kind == "assumed-role":
        return tuple(_documents(iam, "role", name.partition("/")[0]))
    user = name.rpartition("/")[2]
    found = list(_documents(iam, "user", user))
    for group in iam.list_groups_for_user(UserName=user)["Groups"]:
        found.extend(_documents(iam, "group", group["GroupName"]))
    return tuple(found)


def _documents(iam: Any, kind: str, name: str) -> Iterator[Mapping[str, Any]]:
    key = {f"{kind.capitalize()}Name": name}
    try:
        for policy in getattr(iam, f"list_{kind}_policies")(**key)["PolicyNames"]:
            yield getattr(iam, f"get_{kind}_policy")(**key, PolicyName=policy)["PolicyDocument"]
        for attached in getattr(iam, f"list_attached_{kind}_policies")(**key)["AttachedPolicies"]:
            version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
            answer = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)
            yield answer["PolicyVersion"]["Document"]
    except ClientError:
        return


def questions(call: Call, world: World, tags_of: TagsOf) -> Iterator[Question]:
    """Every (action, resource, context) the call needs to be allowed."""
    context = {"aws:requestedregion": (call.region,), "aws:securetransport": ("false",)}
    if call.service == "rds":
        yield from _rds_questions(call, world.account, tags_of, context)
        return
    action = _S3_ACTIONS.get(call.operation, call.operation) if call.service == "s3" else call.operation
    for resource in _resources(call, world):
        yield Question(f"{call.service}:{action}", resource, context)


def _rds_questions(
    call: Call, account: str, tags_of: TagsOf, context: Mapping[str, tuple[str, ...]]
) -> Iterator[Question]:
    tags = request_tags(call.params)
    asked = {**context, **{f"aws:requesttag/{key.lower()}": (value,) for key, value in tags.items()}}
    if tags:
        asked["aws:tagkeys"] = tuple(tags)
    resources = list(_rds_resources(call, account))
    for resource in resources:
        worn = {f"aws:resourcetag/{key.lower()}": (value,) for key, value in tags_of(call.region, resource).items()}
        yield Question(f"rds:{call.operation}", resource, {**asked, **worn})
    for name in ("RoleArn", "MonitoringRoleArn", "IamRoleArn"):
        if role := call.params.get(name):
            yield Question("iam:PassRole", role, context)
    if tags and call.operation != "AddTagsToResource":
        made = _new_arn(call, account)
        yield Question("rds:AddTagsToResource", made or resources[0], asked)


def _rds_resources(call: Call, account: str) -> Iterator[str]:
    found = False
    for name, kind in _RDS_NAMES.items():
        if value := call.params.get(name):
            found = True
            yield _rds_arn(call.region, account, kind, value)
    if arn := call.params.get("ResourceName") or call.params.get("ResourceArn"):
        found = True
        yield arn
    if not found:
        kind = _RDS_UNNAMED.get(call.operation, "")
        yield _rds_arn(call.region, account, kind, "*") if kind else "*"


def _new_arn(call: Call, account: str) -> str | None:
    """The ARN of what the call makes, which gets the call's tags."""
    for name in ("TargetDBClusterSnapshotIdentifier", "DBClusterSnapshotIdentifier", "DBInstanceIdentifier",
                 "DBClusterIdentifier", "TargetDBClusterParameterGroupIdentifier", "DBClusterParameterGroupName",
                 "TargetDBParameterGroupIdentifier", "DBParameterGroupName", "GlobalClusterIdentifier"):  # fmt: skip
        if value := call.params.get(name):
            return _rds_arn(call.region, account, _RDS_NAMES[name], value)
    return None


def _rds_arn(region: str, account: str, kind: str, name: str) -> str:
    if kind == "global-cluster":  # it is of no region
        region = ""
    return name if name.startswith("arn:") else f"arn:aws:rds:{region}:{account}:{kind}:{name}"


def request_tags(form: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a query request: ``Tags.Tag.1.Key`` and ``Tags.member.1.Key`` mean the same."""
    found: dict[str, str] = {}
    for name, value in form.items():
        if match := re.fullmatch(r"(Tags\.(?:\w+\.)?\d+)\.Key", name):
            found[str(value)] = str(form.get(f"{match.group(1)}.Value", ""))
    return found


def _resources(call: Call, world: World) -> list[str]:
    """The ARNs a call to any other service touches; a star where AWS knows no resource."""
    place = f"{call.service}:{call.region}:{world.account}"
    params = call.params
    match call.service:
        case "s3":
            return [f"arn:aws:s3:::{call.identifier}"] if call.identifier else ["*"]
        case "route53" if "Id" in params or "HostedZoneId" in params:
            kind = "change" if call.operation == "GetChange" else "hostedzone"
            return [f"arn:aws:route53:::{kind}/{params.get('Id') or params.get('HostedZoneId')}"]
        case "ssm":
            names = params.get("Names") or [params[key] for key in ("Name", "Path") if key in params]
            return [f"arn:aws:{place}:parameter/{str(name).lstrip('/')}" for name in names] or ["*"]
        case "secretsmanager" if name := params.get("SecretId") or params.get("Name"):
            return [world.secret_arn(call.region, str(name)) or f"arn:aws:{place}:secret:{name}-AAAAAA"]
        case "kms" if name := params.get("KeyId"):
            key = world.key(call.region, str(name))
            return [key.arn if key else f"arn:aws:{place}:key/{name}"]
        case "cloudwatch" if call.operation == "DescribeAlarms":
            return [f"arn:aws:{place}:alarm:*"]
        case "sns" if arn := params.get("TopicArn"):
            return [str(arn)]
        case "sts" if arn := params.get("RoleArn"):
            return [str(arn)]
        case "iam" if "RoleName" in params or "UserName" in params:
            kind = "role" if "RoleName" in params else "user"
            return [f"arn:aws:iam::{world.account}:{kind}/{params.get('RoleName') or params.get('UserName')}"]
    return ["*"]
