"""Endpoints of a cluster: the writer's and the readers', which every cluster has, and custom ones."""

from __future__ import annotations

from typing import Any

from daybreak.lab.control.jobs import Job
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination, invalid_value
from daybreak.lab.rds.desk import Call, DeskJob, changes, job, looks, members_of, public, resource_id
from daybreak.lab.rds.durations import seconds
from daybreak.lab.rds.identifiers import new_identifier
from daybreak.lab.rds.known import find_cluster, require_status
from daybreak.lab.rds.membership import is_secondary
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.tagging import check_tags

MOST_CUSTOM = 5


@changes(
    "CreateDBClusterEndpoint",
    "DBClusterIdentifier",
    "DBClusterEndpointIdentifier",
    "EndpointType",
    "StaticMembers",
    "ExcludedMembers",
    "Tags",
)
def create_endpoint(call: Call) -> Doc:
    """Begin to make a custom endpoint; here it is one more name of the cluster's one address."""
    name = new_identifier("DBClusterEndpointIdentifier", call.params["DBClusterEndpointIdentifier"])
    cluster = find_cluster(call, call.params["DBClusterIdentifier"])
    require_status(cluster, "available")
    if call.state.get("endpoint", call.region, name):
        raise fault("DBClusterEndpointAlreadyExistsFault", f"DB cluster endpoint {name} already exists.")
    own = [
        row
        for row in call.state.all("endpoint", call.region)
        if row["DBClusterIdentifier"] == cluster["DBClusterIdentifier"]
    ]
    if len(own) >= MOST_CUSTOM:
        raise fault("DBClusterEndpointQuotaExceededFault", "A DB cluster can have at most 5 custom endpoints.")
    document: Doc = {
        "DBClusterEndpointIdentifier": name,
        "DBClusterIdentifier": cluster["DBClusterIdentifier"],
        "DBClusterEndpointResourceIdentifier": resource_id("cluster-endpoint-"),
        "Endpoint": cluster["ReaderEndpoint"],
        "Status": "creating",
        "EndpointType": "CUSTOM",
        "DBClusterEndpointArn": call.desk.arn(call.region, "cluster-endpoint", name),
        **_type(call),
        **_members(call, cluster["DBClusterIdentifier"]),
        "_tags": check_tags(call.get("Tags", [])),
    }
    call.state.put("endpoint", call.region, name, document)
    _begin(call, "create-endpoint", name)
    return public(document)


@looks("DescribeDBClusterEndpoints", "DBClusterIdentifier", "DBClusterEndpointIdentifier", *PAGES)
def describe_endpoints(call: Call) -> Doc:
    """The endpoints of one cluster or of all, custom ones and their own."""
    clusters = call.state.all("cluster", call.region)
    if name := call.get("DBClusterIdentifier"):
        clusters = [find_cluster(call, name)]
    names = {cluster["DBClusterIdentifier"] for cluster in clusters}
    rows = [public(row) for row in call.state.all("endpoint", call.region) if row["DBClusterIdentifier"] in names]
    rows += [_own(cluster, kind) for cluster in clusters for kind in ("WRITER", "READER")]
    if id := call.get("DBClusterEndpointIdentifier"):
        rows = [row for row in rows if row.get("DBClusterEndpointIdentifier") == id.lower()]
    known = {
        "db-cluster-endpoint-type": lambda row: row["EndpointType"],
        "db-cluster-endpoint-custom-type": lambda row: row.get("CustomEndpointType", ""),
        "db-cluster-endpoint-id": lambda row: row.get("DBClusterEndpointIdentifier", ""),
        "db-cluster-endpoint-status": lambda row: row["Status"],
    }
    return page(call, filter_rows(call, rows, known), "DBClusterEndpoints")


@changes("ModifyDBClusterEndpoint", "DBClusterEndpointIdentifier", "EndpointType", "StaticMembers", "ExcludedMembers")
def modify_endpoint(call: Call) -> Doc:
    """Change the type or the members."""
    row = _find(call)
    if row["Status"] != "available":
        raise fault("InvalidDBClusterEndpointStateFault", f"The endpoint is in {row['Status']} state.")
    members = _members(call, row["DBClusterIdentifier"])
    new = {"StaticMembers": None, "ExcludedMembers": None, **members} if members else {}
    if call.get("EndpointType"):
        new |= _type(call)
    return public(call.state.change("endpoint", call.region, row["DBClusterEndpointIdentifier"], **new))


@changes("DeleteDBClusterEndpoint", "DBClusterEndpointIdentifier")
def delete_endpoint(call: Call) -> Doc:
    """Begin to delete a custom endpoint."""
    row = _find(call)
    name = row["DBClusterEndpointIdentifier"]
    if row["Status"] == "deleting":
        raise fault("InvalidDBClusterEndpointStateFault", "The endpoint is in deleting state.")
    changed = call.state.change("endpoint", call.region, name, Status="deleting")
    _begin(call, "delete-endpoint", name)
    return public(changed)


def _own(cluster: Doc, kind: str) -> Doc:
    status = "available" if cluster["Status"] == "available" else "creating"
    if kind == "WRITER" and is_secondary(cluster):
        status = "inactive"
    endpoint = cluster["Endpoint" if kind == "WRITER" else "ReaderEndpoint"]
    name = cluster["DBClusterIdentifier"]
    return {"DBClusterIdentifier": name, "Endpoint": endpoint, "Status": status, "EndpointType": kind}


def _find(call: Call) -> Doc:
    name = call.lower("DBClusterEndpointIdentifier")
    row = call.state.get("endpoint", call.region, name)
    if row is None:
        raise fault("DBClusterEndpointNotFoundFault", f"DB cluster endpoint {name} not found.")
    return row


def _type(call: Call) -> Doc:
    kind = call.params["EndpointType"].upper()
    if kind not in ("READER", "ANY"):
        raise invalid_value(f"Invalid endpoint type: {kind}")
    return {"CustomEndpointType": kind}


def _members(call: Call, cluster: str) -> Doc:
    static, excluded = call.get("StaticMembers"), call.get("ExcludedMembers")
    if static and excluded:
        raise invalid_combination("StaticMembers and ExcludedMembers cannot be given together.")
    known = {row["DBInstanceIdentifier"] for row in members_of(call.state, call.region, cluster)}
    for name in [*(static or []), *(excluded or [])]:
        if name.lower() not in known:
            raise fault("DBInstanceNotFoundFault", f"DBInstance {name} not found.")
    if static is None and excluded is None:
        return {}
    return {"StaticMembers": [*(static or [])], "ExcludedMembers": [*(excluded or [])]}


def _begin(call: Call, kind: str, name: str) -> None:
    call.desk.control.submit(kind, call.region, name, seconds(kind), {"endpoint": name})


@job("create-endpoint")
class CreateEndpoint(DeskJob):
    """Only takes time."""

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The endpoint is available."""
        self.fail(job, "available", "")

    def fail(self, job: Job, status: str, message: str) -> None:
        """The endpoint is left in that status."""
        if self.desk.state.get("endpoint", job.region, job.args["endpoint"]) is not None:
            self.desk.state.change("endpoint", job.region, job.args["endpoint"], Status=status)


@job("delete-endpoint")
class DeleteEndpoint(CreateEndpoint):
    """Only takes time."""

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The endpoint is gone."""
        self.desk.state.drop("endpoint", job.region, job.args["endpoint"])
