"""Look at what belongs to a cluster but is kept beside it, all at once; changes nothing.

The law: what we may not look at is reported as ``Unseen`` with its reason, because a restore must not wait for a permission
that only its report needs. Only a lost connection to RDS itself is raised, as for every other look. IAM and Application Auto
Scaling are other services, and may be out of reach where RDS is not: they never stop a restore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from daybreak.aws.facts import (
    custom_endpoint_of,
    instance_parameter_group_of,
    scaling_of,
    tags_of,
)
from daybreak.aws.faults import AwsFault
from daybreak.aws.policies import connect_policies_of
from daybreak.aws.replies import Markers, first, require
from daybreak.model.plan import AwsCall
from daybreak.model.world import (
    Cluster,
    ConnectPolicy,
    CustomEndpoint,
    Instance,
    Key,
    ParameterGroup,
    ProxyTarget,
    Scaling,
    SecurityGroup,
    Surroundings,
    Unseen,
)
from daybreak.observe.look import GONE, AwsReads, Lookout
from daybreak.plan.operations import aws_call

_AT_ONCE = 8
_MOST_PAGES = 20
"""The most pages of IAM's account details: a thousand users, groups, roles and policies each."""
_ELSEWHERE = frozenset({"scaling", "connect_policies"})
"""What services other than RDS answer."""


class _Hidden(Exception):
    """Something that we cannot see although AWS did not refuse."""


BY_NAME = ("endpoints", "scaling", "proxies", "connect_policies")
"""What is kept by a cluster's name or resource id, and so follows no traffic."""


def surroundings_of(
    aws: AwsReads,
    cluster: Cluster,
    instances: tuple[Instance, ...],
    *,
    group: ParameterGroup | None = None,
    only: tuple[str, ...] = (),
) -> Surroundings:
    """Look at what belongs to the cluster; ``group`` is its parameter group where it was already read.

    ``only`` names the fields that are asked for; empty is all of them.
    """
    look = _Look(aws, cluster, instances, group)
    questions: dict[str, Callable[[], Any]] = {
        "parameter_group": look.parameter_group,
        "instance_parameter_groups": look.instance_parameter_groups,
        "security_groups": look.security_groups,
        "subnets": look.subnets,
        "endpoints": look.endpoints,
        "scaling": look.scaling,
        "proxies": look.proxies,
        "connect_policies": look.connect_policies,
        "key": look.key,
    }
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        wanted = {what: question for what, question in questions.items() if not only or what in only}
        asked = {what: pool.submit(_answer, what, question) for what, question in wanted.items()}
        answers = {what: future.result() for what, future in asked.items()}
    unseen = tuple(answer for answer in answers.values() if isinstance(answer, Unseen))
    seen = {what: answer for what, answer in answers.items() if not isinstance(answer, Unseen)}
    return Surroundings(**seen, unseen=unseen)


def _answer(what: str, question: Callable[[], Any]) -> Any:
    try:
        return question()
    except _Hidden as hidden:
        return Unseen(what=what, why=str(hidden))
    except AwsFault as fault:
        if fault.trouble.category in GONE and what not in _ELSEWHERE:
            raise
        return Unseen(what=what, why=fault.message)


class _Look:
    """The questions about one cluster, each answered by a field of ``Surroundings``."""

    def __init__(
        self, aws: AwsReads, cluster: Cluster, instances: tuple[Instance, ...], group: ParameterGroup | None
    ) -> None:
        self._aws = aws
        self._lookout = Lookout(aws)
        self._cluster = cluster
        self._instances = instances
        self._group = group if group and group.name == cluster.parameter_group else None

    def _call(self, operation: str, service: str = "rds", **params: Any) -> AwsCall:
        return aws_call(service, operation, params, self._aws.region)

    def parameter_group(self) -> ParameterGroup | None:
        found = self._group or self._lookout.parameter_group(self._cluster.parameter_group)
        if found is None:
            message = f'AWS knows no cluster parameter group "{self._cluster.parameter_group}"'
            raise _Hidden(message)
        return found

    def instance_parameter_groups(self) -> tuple[ParameterGroup, ...]:
        names = sorted({each.parameter_group for each in self._instances if each.parameter_group})
        return tuple(map(self._instance_group, names))

    def _instance_group(self, name: str) -> ParameterGroup:
        body = self._aws.read(self._call("DescribeDBParameterGroups", DBParameterGroupName=name))
        facts = first(body, "DBParameterGroups")
        if name.startswith("default."):  # no values can be set in a default group
            return instance_parameter_group_of(facts, {}, {})
        asked = self._call("DescribeDBParameters", DBParameterGroupName=name, Source="user")
        values = {
            require(item, "ParameterName"): item["ParameterValue"]
            for item in self._aws.pages(asked, "Parameters")
            if "ParameterValue" in item
        }
        tags = self._aws.read(self._call("ListTagsForResource", ResourceName=require(facts, "DBParameterGroupArn")))
        return instance_parameter_group_of(facts, values, tags_of(tags.get("TagList")))

    def security_groups(self) -> tuple[SecurityGroup, ...]:
        found = self._lookout.security_groups(self._cluster.security_groups)
        return tuple(sorted(found, key=lambda group: group.identifier))

    def subnets(self) -> tuple[str, ...]:
        if not self._cluster.subnet_group:
            return ()
        body = self._aws.read(self._call("DescribeDBSubnetGroups", DBSubnetGroupName=self._cluster.subnet_group))
        group = first(body, "DBSubnetGroups")
        return tuple(sorted(require(each, "SubnetIdentifier") for each in group.get("Subnets", [])))

    def endpoints(self) -> tuple[CustomEndpoint, ...]:
        chosen = [{"Name": "db-cluster-endpoint-type", "Values": ["custom"]}]
        call = self._call("DescribeDBClusterEndpoints", DBClusterIdentifier=self._cluster.identifier, Filters=chosen)
        bodies = self._aws.pages(call, "DBClusterEndpoints")
        found = [custom_endpoint_of(body) for body in bodies if body.get("DBClusterEndpointIdentifier")]
        return tuple(sorted(found, key=lambda endpoint: endpoint.identifier))

    def scaling(self) -> Scaling | None:
        name = f"cluster:{self._cluster.identifier}"
        asked: dict[str, Any] = {"ServiceNamespace": "rds", "ScalableDimension": "rds:cluster:ReadReplicaCount"}
        service = "application-autoscaling"
        body = self._aws.read(self._call("DescribeScalableTargets", service, **asked, ResourceIds=[name]))
        targets = body.get("ScalableTargets", [])
        if not targets:
            return None
        policies = self._aws.read(self._call("DescribeScalingPolicies", service, **asked, ResourceId=name))
        return scaling_of(targets[0], policies.get("ScalingPolicies", []))

    def proxies(self) -> tuple[ProxyTarget, ...]:
        return tuple(self._proxies())

    def _proxies(self) -> Iterator[ProxyTarget]:
        for proxy in self._aws.pages(self._call("DescribeDBProxies"), "DBProxies"):
            if proxy.get("EngineFamily", "POSTGRESQL") != "POSTGRESQL":
                continue
            name = require(proxy, "DBProxyName")
            if any(self._is_ours(target) for target in self._targets(name)):
                yield ProxyTarget(proxy=name, target_group="default", status=proxy.get("Status", ""))

    def _targets(self, proxy: str) -> list[dict[str, Any]]:
        """Where a proxy leads; nowhere if it was deleted after it was listed."""
        targets = self._aws.pages(self._call("DescribeDBProxyTargets", DBProxyName=proxy), "Targets")
        return self._lookout.while_there(lambda: list(targets)) or []

    def _is_ours(self, target: dict[str, Any]) -> bool:
        return self._cluster.identifier in (target.get("TrackedClusterId"), target.get("RdsResourceId"))

    def connect_policies(self) -> tuple[ConnectPolicy, ...]:
        found: list[ConnectPolicy] = []
        kinds = ["User", "Group", "Role", "LocalManagedPolicy"]
        params: dict[str, Any] = {"Filter": kinds, "MaxItems": 1000}
        markers = Markers("GetAccountAuthorizationDetails")
        for _ in range(_MOST_PAGES):
            body = self._aws.read(self._call("GetAccountAuthorizationDetails", "iam", **params))
            found += connect_policies_of(body, self._aws.region)
            if not body.get("IsTruncated"):
                return tuple(sorted(found, key=lambda policy: (policy.holder, policy.name)))
            params = params | {"Marker": markers.next(require(body, "Marker"))}
        message = f"the account has more users, roles and policies than {_MOST_PAGES} pages hold"
        raise _Hidden(message)

    def key(self) -> Key | None:
        if not self._cluster.kms_key:
            return None
        found = self._lookout.key(self._cluster.kms_key)
        if found is None:
            message = f'the key "{self._cluster.kms_key}" is gone, or hidden from us'
            raise _Hidden(message)
        return found
