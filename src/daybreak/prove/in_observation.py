"""The defects of a cluster's configuration: they change only what was observed, and nothing at AWS.

The law: source and clone of a proof are twins with everything that a cluster can have, so each defect is the one difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from daybreak.model import checks
from daybreak.model.checks import Check
from daybreak.model.world import (
    Cluster,
    ConnectPolicy,
    CustomEndpoint,
    Domain,
    Instance,
    Key,
    Member,
    ParameterGroup,
    ProxyTarget,
    Role,
    Scaling,
    SecurityGroup,
    Surroundings,
)
from daybreak.prove.defect import Defect
from daybreak.validate.visit import Subject

PRODUCTION = "production.invalid"
"""Where the twin that plays the source would answer: a name that no name server knows."""

_KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-1111-1111-111111111111"
_ROLE = "arn:aws:iam::000000000000:role/s3-import"
_SOURCE = "daybreak-proof-source"


def clone_of(cluster: Cluster) -> Cluster:
    """The cluster of a proof, with everything that a cluster can have."""
    return cluster.model_copy(
        update={
            "identifier": cluster.identifier,
            "resource_id": "cluster-PROOFCLONE",
            "status": "available",
            "members": _members(cluster.identifier),
            "parameter_group": "proof-parameters",
            "subnet_group": "proof-subnets",
            "security_groups": ("sg-0proof",),
            "is_encrypted": True,
            "kms_key": _KEY,
            "has_iam_auth": True,
            "log_exports": ("postgresql",),
            "is_protected": True,
            "copies_tags": True,
            "backup_retention": timedelta(days=30),
            "backup_window": "03:00-04:00",
            "maintenance_window": "sun:05:00-sun:06:00",
            "roles": (Role(arn=_ROLE, feature="s3Import", status="ACTIVE"),),
            "master_secret": "arn:aws:secretsmanager:us-east-1:000000000000:secret:proof",
            "has_pending_changes": False,
            "lifecycle": "open-source-rds-extended-support",
            "network_type": "IPV4",
            "domains": (Domain(directory="d-0proof", role="kerberos", status="joined"),),
            "upgrades_itself": False,
            "insights_mode": "advanced",
            "activity_stream": "async",
            "tags": {"Application": "proof", "Environment": "production"},
        }
    )


def source_of(clone: Cluster) -> Cluster:
    """The clone's twin, which plays its source."""
    return clone.model_copy(
        update={
            "identifier": _SOURCE,
            "resource_id": "cluster-PROOFSOURCE",
            "arn": clone.arn.replace(clone.identifier, _SOURCE),
            "endpoint": PRODUCTION,
            "reader_endpoint": f"reader.{PRODUCTION}",
            "members": _members(_SOURCE),
        }
    )


def _members(cluster: str) -> tuple[Member, ...]:
    return tuple(
        Member(
            identifier=f"{cluster}-{number}", is_writer=number == 1, tier=number - 1, parameter_group_status="in-sync"
        )
        for number in (1, 2)
    )


def instances_of(cluster: Cluster) -> tuple[Instance, ...]:
    """A writer and a reader."""
    return tuple(
        Instance(
            identifier=f"{cluster.identifier}-{number}",
            cluster=cluster.identifier,
            status="available",
            instance_class="db.r6g.large",
            engine=cluster.engine,
            engine_version=cluster.engine_version,
            endpoint=cluster.endpoint,
            tier=number - 1,
            parameter_group="proof-instance-parameters",
            parameter_group_status="in-sync",
            ca="rds-ca-rsa2048-g1",
            has_performance_insights=True,
            performance_insights_retention=7,
            copies_tags=True,
            tags={"Application": "proof"},
        )
        for number in (1, 2)
    )


def surroundings_of(cluster: Cluster) -> Surroundings:
    """What leads to a cluster and what is around it."""
    return Surroundings(
        parameter_group=ParameterGroup(
            name="proof-parameters",
            family="aurora-postgresql",
            parameters={"log_statement": "ddl", "pgaudit.log": "ddl"},
        ),
        security_groups=(
            SecurityGroup(
                identifier="sg-0proof",
                name="proof",
                vpc="vpc-0proof",
                opens_ports=((cluster.port, cluster.port),),
                rules=(f"tcp {cluster.port}-{cluster.port} from 10.20.0.0/16",),
            ),
        ),
        subnets=("subnet-1", "subnet-2"),
        key=Key(arn=_KEY, is_enabled=True),
        endpoints=(CustomEndpoint(identifier=f"{cluster.identifier}-reporting", kind="READER"),),
        scaling=Scaling(low=1, high=3),
        proxies=(ProxyTarget(proxy="proof-proxy", target_group="default", status="AVAILABLE"),),
        connect_policies=(ConnectPolicy(name="login", holder="policy", resource_ids=(cluster.resource_id,)),),
    )


def _cluster(**changes: Any) -> Callable[[Subject], Subject]:
    return lambda subject: replace(subject, clone=subject.clone.model_copy(update=changes))


def _writer(**changes: Any) -> Callable[[Subject], Subject]:
    def change(subject: Subject) -> Subject:
        first, *others = subject.instances
        return replace(subject, instances=(first.model_copy(update=changes), *others))

    return change


def _around(**changes: Any) -> Callable[[Subject], Subject]:
    return lambda subject: replace(subject, surroundings=subject.surroundings.model_copy(update=changes))


def _without_reader(subject: Subject) -> Subject:
    clone = subject.clone.model_copy(update={"members": subject.clone.members[:1]})
    return replace(subject, clone=clone, instances=subject.instances[:1])


def _pending_reboot(subject: Subject) -> Subject:
    members = tuple(
        each.model_copy(update={"parameter_group_status": "pending-reboot"}) for each in subject.clone.members
    )
    clone = subject.clone.model_copy(update={"members": members})
    return _writer(parameter_group_status="pending-reboot")(replace(subject, clone=clone))


def _default_group(subject: Subject) -> Subject:
    name = "default.aurora-postgresql" + subject.clone.engine_version.partition(".")[0]
    group = ParameterGroup(name=name, family=name.removeprefix("default."))
    return _around(parameter_group=group)(_cluster(parameter_group=name)(subject))


def _open_to_all(subject: Subject) -> Subject:
    groups = tuple(
        group.model_copy(update={"rules": ("tcp 5432-5432 from 0.0.0.0/0", *group.rules)})
        for group in subject.surroundings.security_groups
    )
    return _around(security_groups=groups)(subject)


def _old_policy(subject: Subject) -> Subject:
    source = subject.action.source_seen
    named = (source.resource_id,) if source else ()
    return _around(connect_policies=(ConnectPolicy(name="login", holder="policy", resource_ids=named),))(subject)


def _defect(name: str, check: Check, change: Callable[[Subject], Subject]) -> Defect:
    return Defect(name, check, change=change, asks_sql=False)


CLUSTER: tuple[Defect, ...] = (
    _defect("cluster not available", checks.CLUSTER_STATUS, _cluster(status="inaccessible-encryption-credentials")),
    _defect("instance not available", checks.INSTANCE_STATUS, _writer(status="storage-full")),
    _defect("endpoint closed", checks.ENDPOINT, _cluster(port=1)),
    _defect("engine minor differs", checks.ENGINE_VERSION, _cluster(engine_version="99.9")),
    _defect("unencrypted", checks.ENCRYPTION, _cluster(is_encrypted=False, kms_key=None)),
    _defect("pending reboot", checks.PARAMETERS, _pending_reboot),
    _defect("default parameter group", checks.PARAMETER_PARITY, _default_group),
    _defect("retention of one day", checks.CLUSTER_PARITY, _cluster(backup_retention=timedelta(days=1))),
    _defect("IAM authentication off", checks.CLUSTER_PARITY, _cluster(has_iam_auth=False)),
    _defect("managed secret absent", checks.CLUSTER_PARITY, _cluster(master_secret=None)),
    _defect("tags missing", checks.CLUSTER_PARITY, _cluster(tags={"Environment": "production"})),
    _defect(
        "Extended Support changed",
        checks.CLUSTER_PARITY,
        _cluster(lifecycle="open-source-rds-extended-support-disabled"),
    ),
    _defect("Kerberos domain missing", checks.CLUSTER_PARITY, _cluster(domains=())),
    _defect("minor upgrades on", checks.CLUSTER_PARITY, _cluster(upgrades_itself=True)),
    _defect("Database Insights not advanced", checks.CLUSTER_PARITY, _cluster(insights_mode="standard")),
    _defect("activity stream off", checks.CLUSTER_PARITY, _cluster(activity_stream="off")),
    _defect("wrong class", checks.INSTANCE_PARITY, _writer(instance_class="db.t4g.medium")),
    _defect("certificate authority differs", checks.INSTANCE_PARITY, _writer(ca="rds-ca-2019")),
    _defect("Performance Insights off", checks.INSTANCE_PARITY, _writer(has_performance_insights=False)),
    _defect("no reader", checks.INSTANCE_PARITY, _without_reader),
)
"""The defects of the cluster and its instances."""

SURROUNDINGS: tuple[Defect, ...] = (
    _defect("default security group", checks.SECURITY_GROUPS, _cluster(security_groups=("sg-0default",))),
    _defect("security group open to all", checks.SECURITY_GROUPS, _open_to_all),
    _defect("publicly accessible", checks.PUBLIC_ACCESS, _writer(is_public=True)),
    _defect("wrong KMS key", checks.KMS, _cluster(kms_key=_KEY.replace("1111", "2222"))),
    _defect("IAM role missing", checks.IAM_ROLES, _cluster(roles=())),
    _defect("log exports off", checks.AUDIT_LOGGING, _cluster(log_exports=())),
    _defect("deletion protection off", checks.DELETION_PROTECTION, _cluster(is_protected=False)),
    _defect("login policy names the old resource id", checks.CONNECT_POLICIES, _old_policy),
    _defect("proxy target missing", checks.SURROUNDINGS_PARITY, _around(proxies=())),
    _defect("autoscaling missing", checks.SURROUNDINGS_PARITY, _around(scaling=None)),
    _defect("custom endpoint missing", checks.SURROUNDINGS_PARITY, _around(endpoints=())),
)
"""The defects around a cluster, and of who can reach it."""
