"""AWS's answers about secrets, parameters, records and proxies, as nouns. Pure. A secret's value is in none of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import SecretStr

from daybreak.aws.facts import value_of
from daybreak.aws.replies import require
from daybreak.model.destinations import ParameterSeen, ProxySeen, RecordSet, RegisteredTarget, SecretSeen

_KNOWN = frozenset({"Name", "Type", "TTL", "ResourceRecords", "SetIdentifier"})


def secret_seen(body: dict[str, Any]) -> SecretSeen:
    """The answer to ``DescribeSecret``."""
    return SecretSeen(
        name=require(body, "Name"),
        stages={version: tuple(labels) for version, labels in (body.get("VersionIdsToStages") or {}).items()},
        key=value_of(body, "KmsKeyId"),
        is_rotated=bool(body.get("RotationEnabled")),
        manager=value_of(body, "OwningService"),
        primary_region=value_of(body, "PrimaryRegion"),
        is_deleted=body.get("DeletedDate") is not None,
    )


def newest_of(versions: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The newest among the members of ``GetParameterHistory``; an empty dictionary where there is no version."""
    return max(versions, key=lambda each: int(require(each, "Version")), default={})


def parameter_seen(newest: dict[str, Any], text: str | None) -> ParameterSeen:
    """A member of ``GetParameterHistory``, with the text that was read beside it."""
    return ParameterSeen(
        name=require(newest, "Name"),
        version=int(require(newest, "Version")),
        type=require(newest, "Type"),
        key=value_of(newest, "KeyId"),
        tier=value_of(newest, "Tier"),
        data_type=value_of(newest, "DataType"),
        description=value_of(newest, "Description"),
        pattern=value_of(newest, "AllowedPattern"),
        labels=tuple(newest.get("Labels") or ()),
        writer=value_of(newest, "LastModifiedUser"),
        text=None if text is None else SecretStr(text),
    )


RECOVERABLE = "ENABLED"
"""AWS's word for a hosted zone that has accelerated recovery."""


def recovery_of_zone(body: dict[str, Any]) -> str | None:
    """Whether a hosted zone can be changed while its control region is down, in AWS's word; ``None`` where it says nothing of it."""
    status: str | None = value_of(require(body, "HostedZone").get("Features") or {}, "AcceleratedRecoveryStatus")
    return status


def record_set_of(body: dict[str, Any]) -> RecordSet:
    """A member of ``ListResourceRecordSets``, whole."""
    return RecordSet(
        name=require(body, "Name"),
        type=require(body, "Type"),
        ttl=body.get("TTL"),
        values=tuple(require(each, "Value") for each in body.get("ResourceRecords") or ()),
        set_identifier=body.get("SetIdentifier"),
        more={name: value for name, value in body.items() if name not in _KNOWN},
    )


_NO_SCHEME = "NONE"


def proxy_seen(body: dict[str, Any], group: str, targets: Iterable[dict[str, Any]]) -> ProxySeen:
    """A member of ``DescribeDBProxies``, with the answers of ``DescribeDBRegisteredTargets`` for a target group of it."""
    logins = body.get("Auth") or ()
    return ProxySeen(
        name=require(body, "DBProxyName"),
        group=group,
        status=require(body, "Status"),
        vpc=value_of(body, "VpcId"),
        security_groups=tuple(body.get("VpcSecurityGroupIds") or ()),
        secrets=tuple(dict.fromkeys(arn for each in logins if (arn := value_of(each, "SecretArn")))),
        users=tuple(dict.fromkeys(user for each in logins if (user := value_of(each, "UserName")))),
        has_iam_auth=(value_of(body, "DefaultAuthScheme") or _NO_SCHEME) != _NO_SCHEME,
        targets=tuple(map(_proxy_target, targets)),
        endpoint=value_of(body, "Endpoint"),
    )


def _proxy_target(body: dict[str, Any]) -> RegisteredTarget:
    health = body.get("TargetHealth") or {}
    name, cluster = require(body, "RdsResourceId"), value_of(body, "TrackedClusterId")
    return RegisteredTarget(
        name=name,
        kind=require(body, "Type"),
        # A cluster may name itself there.
        cluster=None if require(body, "Type") == "TRACKED_CLUSTER" else cluster,
        role=value_of(body, "Role"),
        health=value_of(health, "State"),
        reason=value_of(health, "Reason"),
        description=value_of(health, "Description"),
    )
