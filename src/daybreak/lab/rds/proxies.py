"""RDS Proxies: recorded with their target groups and targets; where clients are led, ``daybreak.lab.rds.forwarding`` says.

The law: a proxy is a document. Its targets come from the clusters as they are now, so a renamed cluster appears under its new
name, and one that is gone leads nowhere.
"""

from __future__ import annotations

import logging
from typing import Any

from daybreak.lab.control.jobs import Job
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination, invalid_value
from daybreak.lab.rds import networks
from daybreak.lab.rds.addresses import Address
from daybreak.lab.rds.desk import (
    Call,
    Desk,
    DeskJob,
    changes,
    cluster_by_resource,
    job,
    looks,
    members_of,
    public,
    resource_id,
)
from daybreak.lab.rds.durations import PROXY_GETS_ROOM, PROXY_REGISTERS, seconds
from daybreak.lab.rds.forwarding import address_of
from daybreak.lab.rds.identifiers import new_identifier
from daybreak.lab.rds.known import find_cluster, require_status
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.tagging import check_tags

log = logging.getLogger(__name__)

GROUP = "default"
"""The one target group that a proxy has."""
MOST_PROXIES = 20
PORT = 5432
"""Where a proxy for PostgreSQL answers, whatever the port of its cluster is."""
REGISTRABLE = ("available", "modifying", "backing-up")
"""The statuses of an instance in which AWS registers its cluster: its own refusal names them [I: terraform-provider-aws#19096]."""


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
    """Begin to make a proxy; its endpoint is an address of its own, at PostgreSQL's port."""
    name = new_identifier("DBProxyName", call.params["DBProxyName"])
    if call.state.get("proxy", call.region, name):
        raise fault("DBProxyAlreadyExistsFault", f"DB proxy {name} already exists.")
    if len(call.state.all("proxy", call.region)) >= MOST_PROXIES:
        raise fault("DBProxyQuotaExceededFault", "DB proxy quota exceeded.")
    if call.params["EngineFamily"] != "POSTGRESQL":
        raise invalid_value(f"Invalid engine family: {call.params['EngineFamily']}")
    networks.check_role(call, call.params["RoleArn"])
    subnets = networks.check_subnets(call, call.params["VpcSubnetIds"])
    groups = [each["VpcSecurityGroupId"] for each in networks.choose_security_groups(call, subnets[0].vpc)]
    address = call.desk.fleet.addresses.take(PORT)
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
        "RequireTLS": call.get("RequireTLS", False),
        "IdleClientTimeout": call.get("IdleClientTimeout", 1800),
        "DebugLogging": call.get("DebugLogging", False),
        "CreatedDate": now,
        "UpdatedDate": now,
        "_group_arn": call.desk.arn(call.region, "target-group", resource_id("prx-tg-").lower()),
        "_tags": check_tags(call.get("Tags", [])),
        "_clusters": [],
        **_whereabouts(address),
    }
    call.state.put("proxy", call.region, name, document)
    call.desk.control.submit("create-proxy", call.region, name, seconds("create-proxy"), {"proxy": name})
    return {"DBProxy": public(document)}


def take_addresses_again(desk: Desk) -> None:
    """Take the address of every proxy of an earlier process; one of an earlier release, which led nowhere, gets an address now."""
    rows = desk.state.everywhere("proxy")
    for _, name, proxy in rows:
        if "_port" in proxy and not desk.fleet.addresses.take_again(address_of(proxy)):
            log.warning("%s is taken by another process, %s", proxy["Endpoint"], name)
    for region, name, proxy in rows:
        if "_port" not in proxy:
            with desk.state.transaction():
                desk.state.change("proxy", region, name, **_whereabouts(desk.fleet.addresses.take(PORT)))


def _whereabouts(address: Address) -> Doc:
    """What a proxy's document says of where it answers."""
    return {
        "Endpoint": address.host,
        "EndpointNetworkType": "IPV4",
        "TargetConnectionNetworkType": "IPV4",
        "_port": address.port,
    }


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
    rows = [target for resource in proxy["_clusters"] for target in _targets(call, proxy, resource)]
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
    _check_target(call, proxy, clusters[0])
    resource, now = clusters[0]["DbClusterResourceId"], call.desk.clock.simulation_time()
    changed = call.state.change(
        "proxy", call.region, proxy["DBProxyName"], _clusters=[resource], _since=now, _obstacle=None
    )
    call.desk.on_proxies()
    return {"DBProxyTargets": _targets(call, changed, resource)}


def _check_target(call: Call, proxy: Doc, cluster: Doc) -> None:
    """Refuse a cluster that the proxy cannot lead to as it is now."""
    require_status(cluster, "available")
    vpc = networks.subnet_group(call, cluster["DBSubnetGroup"])["VpcId"]
    if vpc != proxy["VpcId"]:
        # guess: code and sentence; the guide says that both must be in one VPC
        raise invalid_value(f"The DB cluster is in {vpc} and the DB proxy is in {proxy['VpcId']}.")
    for member in members_of(call.state, call.region, cluster["DBClusterIdentifier"]):
        if (status := member["DBInstanceStatus"]) not in REGISTRABLE:
            words = ", ".join(_capitals(each) for each in REGISTRABLE)
            name = member["DBInstanceIdentifier"]
            raise fault(
                "InvalidDBInstanceStateFault",
                f"DB Instance {name} is in an unsupported state - {_capitals(status)}, needs to be in [{words}]",
            )


def _capitals(status: str) -> str:
    return status.upper().replace("-", "_")


@changes("DeregisterDBProxyTargets", "DBProxyName", "TargetGroupName", "DBInstanceIdentifiers", "DBClusterIdentifiers")
def deregister_targets(call: Call) -> Doc:
    """Let the proxy lead there no more."""
    proxy = _with_group(call)
    gone = {cluster["DbClusterResourceId"] for cluster in _clusters_of(call)}
    if not gone or not gone <= set(proxy["_clusters"]):
        raise fault("DBProxyTargetNotFoundFault", "The proxy does not lead there.")
    left = [each for each in proxy["_clusters"] if each not in gone]
    _require_available(proxy)
    call.state.change("proxy", call.region, proxy["DBProxyName"], _clusters=left, _obstacle=None)
    call.desk.on_proxies()
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


def _targets(call: Call, proxy: Doc, resource: str) -> list[Doc]:
    """A registered cluster and each of its instances, as the proxy lists them; empty when the cluster is gone."""
    cluster = cluster_by_resource(call.state, call.region, resource)
    if cluster is None:
        return []
    name = cluster["DBClusterIdentifier"]
    tracked: Doc = {
        "TargetArn": cluster["DBClusterArn"],
        "RdsResourceId": name,
        "Port": cluster["Port"],
        "Type": "TRACKED_CLUSTER",
    }
    age = call.desk.clock.simulation_time() - proxy.get("_since", 0.0)
    rows = members_of(call.state, call.region, name)
    return [tracked, *(_instance(cluster, member, _health(proxy, member, age)) for member in rows)]


def _health(proxy: Doc, member: Doc, age: float) -> Doc:
    """The health of an instance: registering at first, then without room, then by what is in the way (guess: in that order)."""
    if age < PROXY_REGISTERS or "_obstacle" not in proxy:  # nothing is called available before it was tried
        return {"State": "REGISTERING"}
    reason, words = "", ""
    if age < PROXY_REGISTERS + PROXY_GETS_ROOM:
        reason, words = "PENDING_PROXY_CAPACITY", "DBProxy Target is waiting for proxy to scale to desired capacity"
    elif proxy["_obstacle"]:
        reason, words = proxy["_obstacle"]
    elif member["DBInstanceStatus"] not in REGISTRABLE:
        reason = "UNREACHABLE"
    described = {"Description": words} if words else {}
    return {"State": "UNAVAILABLE", "Reason": reason} | described if reason else {"State": "AVAILABLE"}


def _instance(cluster: Doc, member: Doc, health: Doc) -> Doc:
    return {
        "TargetArn": member["DBInstanceArn"],
        "Endpoint": cluster["Endpoint"],
        "TrackedClusterId": cluster["DBClusterIdentifier"],
        "RdsResourceId": member["DBInstanceIdentifier"],
        "Port": cluster["Port"],
        "Type": "RDS_INSTANCE",
        "Role": "READ_WRITE" if member.get("_writer") else "READ_ONLY",
        "TargetHealth": health,
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
            self.desk.on_proxies()


@job("delete-proxy")
class DeleteProxy(CreateProxy):
    """Only takes time."""

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The proxy is gone, and its address is free."""
        proxy = self.desk.state.get("proxy", job.region, job.args["proxy"])
        self.desk.state.drop("proxy", job.region, job.args["proxy"])
        self.desk.on_proxies()
        if proxy is not None:
            address = address_of(proxy)
            self.desk.fleet.soon(lambda: self.desk.fleet.addresses.give_back(address))
