"""RDS Proxies: recorded with their target groups and targets; no connection is pooled here.

The law: a proxy is a document. Its targets come from the clusters as they are now, so a renamed cluster appears under its new
name, and one that is gone leads nowhere.
"""

from __future__ import annotations

from typing import Any

from daybreak.lab.control.jobs import Job
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination, invalid_value
from daybreak.lab.rds import networks
from daybreak.lab.rds.desk import (
    Call,
    DeskJob,
    changes,
    cluster_by_resource,
    job,
    looks,
    members_of,
    public,
    resource_id,
)
from daybreak.lab.rds.durations import seconds
from daybreak.lab.rds.identifiers import new_identifier
from daybreak.lab.rds.known import find_cluster, require_status
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.tagging import check_tags

GROUP = "default"
"""The one target group that a proxy has."""
MOST_PROXIES = 20


@changes(
    "CreateDBProxy",
    "DBProxyName",
    "EngineFamily",
    "DefaultAuthScheme",
    "Auth",
    "RoleArn",
    "VpcSubnetIds",
    "VpcSecurityGroupIds",
    "RequireTLS",
    "IdleClientTimeout",
    "DebugLogging",
    "Tags",
)
def create_proxy(call: Call) -> Doc:
    """Begin to make a proxy; nothing listens at its endpoint."""
    name = new_identifier("DBProxyName", call.params["DBProxyName"])
    if call.state.get("proxy", call.region, name):
        raise fault("DBProxyAlreadyExistsFault", f"DB proxy {name} already exists.")
    if len(call.state.all("proxy", call.region)) >= MOST_PROXIES:
        raise fault("DBProxyQuotaExceededFault", "DB proxy quota exceeded.")
    if call.params["EngineFamily"] != "POSTGRESQL":
        raise invalid_value(f"Invalid engine family: {call.params['EngineFamily']}")
    networks.check_role(call, call.params["RoleArn"])
    subnets = networks.check_subnets(call, call.params["VpcSubnetIds"])
    groups = call.get("VpcSecurityGroupIds", [])
    networks.check_security_groups(call, groups, subnets[0].vpc)
    now, arn = call.desk.clock.now(), resource_id("prx-").lower()
    document: Doc = {
        "DBProxyName": name,
        "DBProxyArn": call.desk.arn(call.region, "db-proxy", arn),
        "Status": "creating",
        "EngineFamily": "POSTGRESQL",
        "VpcId": subnets[0].vpc,
        "VpcSecurityGroupIds": groups,
        "VpcSubnetIds": call.params["VpcSubnetIds"],
        "DefaultAuthScheme": call.get("DefaultAuthScheme", "NONE"),
        "Auth": [_auth(each) for each in call.get("Auth", [])],
        "RoleArn": call.params["RoleArn"],
        "Endpoint": f"{name}.proxy-lab.{call.region}.rds.invalid",
        "RequireTLS": call.get("RequireTLS", False),
        "IdleClientTimeout": call.get("IdleClientTimeout", 1800),
        "DebugLogging": call.get("DebugLogging", False),
        "CreatedDate": now,
        "UpdatedDate": now,
        "_group_arn": call.desk.arn(call.region, "target-group", resource_id("prx-tg-").lower()),
        "_tags": check_tags(call.get("Tags", [])),
        "_clusters": [],
    }
    call.state.put("proxy", call.region, name, document)
    call.desk.control.submit("create-proxy", call.region, name, seconds("create-proxy"), {"proxy": name})
    return {"DBProxy": public(document)}


def _auth(given: Doc) -> Doc:
    return {"AuthScheme": "SECRETS", "IAMAuth": "DISABLED", **given}


@looks("DescribeDBProxies", "DBProxyName", *PAGES)
def describe_proxies(call: Call) -> Doc:
    """One proxy by name, or all of them in pages."""
    name = call.get("DBProxyName")
    rows = [_find(call, name)] if name else call.state.all("proxy", call.region)
    return page(call, [public(row) for row in filter_rows(call, rows, {})], "DBProxies", maximum=100)


@looks("DescribeDBProxyTargetGroups", "DBProxyName", "TargetGroupName", *PAGES)
def describe_groups(call: Call) -> Doc:
    """The proxy's one target group."""
    proxy = _with_group(call)
    row: Doc = {
        "DBProxyName": proxy["DBProxyName"],
        "TargetGroupName": GROUP,
        "TargetGroupArn": proxy["_group_arn"],
        "IsDefault": True,
        "Status": "available",
        "ConnectionPoolConfig": {
            "MaxConnectionsPercent": 100,
            "MaxIdleConnectionsPercent": 50,
            "ConnectionBorrowTimeout": 120,
            "SessionPinningFilters": [],
        },
        "CreatedDate": proxy["CreatedDate"],
        "UpdatedDate": proxy["UpdatedDate"],
    }
    return page(call, filter_rows(call, [row], {}), "TargetGroups", maximum=100)


@looks("DescribeDBProxyTargets", "DBProxyName", "TargetGroupName", *PAGES)
def describe_targets(call: Call) -> Doc:
    """The clusters registered and their instances, as they are now."""
    proxy = _with_group(call)
    rows = [target for resource in proxy["_clusters"] for target in _targets(call, resource)]
    return page(call, filter_rows(call, rows, {}), "Targets", maximum=100)


@changes("RegisterDBProxyTargets", "DBProxyName", "TargetGroupName", "DBInstanceIdentifiers", "DBClusterIdentifiers")
def register_targets(call: Call) -> Doc:
    """Let the proxy lead to a cluster; as on AWS it takes one at a time."""
    proxy = _with_group(call)
    _require_available(proxy)
    clusters = _clusters_of(call)
    live = [each for each in proxy["_clusters"] if cluster_by_resource(call.state, call.region, each)]
    if len(clusters) != 1 or live:
        # guess: the sentence; the model says "one or more" and the guide that a proxy has one target at a time
        raise fault("DBProxyTargetAlreadyRegisteredFault", "A DB proxy leads to one DB cluster at a time.")
    require_status(clusters[0], "available")
    resource = clusters[0]["DbClusterResourceId"]
    call.state.change("proxy", call.region, proxy["DBProxyName"], _clusters=[resource])
    return {"DBProxyTargets": _targets(call, resource)}


@changes("DeregisterDBProxyTargets", "DBProxyName", "TargetGroupName", "DBInstanceIdentifiers", "DBClusterIdentifiers")
def deregister_targets(call: Call) -> Doc:
    """Let the proxy lead there no more."""
    proxy = _with_group(call)
    gone = {cluster["DbClusterResourceId"] for cluster in _clusters_of(call)}
    if not gone or not gone <= set(proxy["_clusters"]):
        raise fault("DBProxyTargetNotFoundFault", "The proxy does not lead there.")
    left = [each for each in proxy["_clusters"] if each not in gone]
    call.state.change("proxy", call.region, proxy["DBProxyName"], _clusters=left)
    return {}


@changes("DeleteDBProxy", "DBProxyName")
def delete_proxy(call: Call) -> Doc:
    """Begin to delete the proxy; the clusters it led to do not notice."""
    proxy = _find(call, call.params["DBProxyName"])
    if proxy["Status"] == "deleting":
        raise fault("InvalidDBProxyStateFault", f"DB proxy {proxy['DBProxyName']} is being deleted.")
    name = proxy["DBProxyName"]
    changed = call.state.change("proxy", call.region, name, Status="deleting")
    call.desk.control.submit("delete-proxy", call.region, name, seconds("delete-proxy"), {"proxy": name})
    return {"DBProxy": public(changed)}


def _find(call: Call, name: str) -> Doc:
    found = call.state.get("proxy", call.region, name.lower())
    if found is None:
        raise fault("DBProxyNotFoundFault", f"DB proxy {name} not found.")
    return found


def _with_group(call: Call) -> Doc:
    proxy = _find(call, call.params["DBProxyName"])
    if call.get("TargetGroupName", GROUP) != GROUP:
        raise fault("DBProxyTargetGroupNotFoundFault", f"Target group {call.params['TargetGroupName']} not found.")
    return proxy


def _clusters_of(call: Call) -> list[Doc]:
    if call.get("DBInstanceIdentifiers"):
        raise invalid_combination("Instances of a DB cluster cannot be registered; register the DB cluster.")
    return [find_cluster(call, name) for name in call.get("DBClusterIdentifiers", [])]


def _require_available(proxy: Doc) -> None:
    if proxy["Status"] != "available":
        raise fault("InvalidDBProxyStateFault", f"DB proxy {proxy['DBProxyName']} is in {proxy['Status']} state.")


def _targets(call: Call, resource: str) -> list[Doc]:
    """A registered cluster and each of its instances, as the proxy lists them; empty when the cluster is gone."""
    cluster = cluster_by_resource(call.state, call.region, resource)
    if cluster is None:
        return []
    name = cluster["DBClusterIdentifier"]
    tracked: Doc = {"RdsResourceId": name, "Port": cluster["Port"], "Type": "TRACKED_CLUSTER"}
    return [tracked, *(_instance(cluster, member) for member in members_of(call.state, call.region, name))]


def _instance(cluster: Doc, member: Doc) -> Doc:
    is_up = member["DBInstanceStatus"] == "available"
    return {
        "Endpoint": cluster["Endpoint"],
        "TrackedClusterId": cluster["DBClusterIdentifier"],
        "RdsResourceId": member["DBInstanceIdentifier"],
        "Port": cluster["Port"],
        "Type": "RDS_INSTANCE",
        "Role": "READ_WRITE" if member.get("_writer") else "READ_ONLY",
        "TargetHealth": {"State": "AVAILABLE"} if is_up else {"State": "UNAVAILABLE", "Reason": "UNREACHABLE"},
    }


@job("create-proxy")
class CreateProxy(DeskJob):
    """Only takes time."""

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The proxy is available."""
        self.fail(job, "available", "")

    def fail(self, job: Job, status: str, message: str) -> None:
        """The proxy is left in that status."""
        if self.desk.state.get("proxy", job.region, job.args["proxy"]) is not None:
            self.desk.state.change("proxy", job.region, job.args["proxy"], Status=status)


@job("delete-proxy")
class DeleteProxy(CreateProxy):
    """Only takes time."""

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The proxy is gone."""
        self.desk.state.drop("proxy", job.region, job.args["proxy"])
