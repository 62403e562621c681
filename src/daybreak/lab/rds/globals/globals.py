"""Global clusters made, described, changed and deleted."""

from __future__ import annotations

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination
from daybreak.lab.rds.clusters import asked
from daybreak.lab.rds.desk import Call, Desk, changes, looks, public, resource_id
from daybreak.lab.rds.encryption import UNDER_AWS_OWNED
from daybreak.lab.rds.identifiers import new_identifier
from daybreak.lab.rds.known import find_cluster, require_status
from daybreak.lab.rds.membership import (
    KIND,
    NOWHERE,
    find_global,
    is_secondary,
    members_of_global,
    primary_of,
    secondaries_of,
)
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.tagging import check_tags
from daybreak.lab.rds.values import LIFECYCLES

MOST = 5
"""Guess: the most global clusters of one account."""
OF_THE_SOURCE = ("DatabaseName", "Engine", "EngineVersion", "StorageEncrypted")
"""What a call that names a source must not give [M]."""


def view(desk: Desk, found: Doc) -> Doc:
    """The global cluster as AWS shows it."""
    name = found["GlobalClusterIdentifier"]
    members = members_of_global(desk.state, name)
    primary = primary_of(desk.state, name)
    readers = [row["DBClusterArn"] for _, row in secondaries_of(desk.state, name)]
    shown = {
        **public(found),
        "GlobalClusterMembers": [
            {
                "DBClusterArn": row["DBClusterArn"],
                "Readers": [] if is_secondary(row) else readers,
                "IsWriter": not is_secondary(row),
                "SynchronizationStatus": "pending-resync" if row.get("_is_behind") else "connected",
                # guess: that a primary has the member too; it forwards nothing
                "GlobalWriteForwardingStatus": "disabled",
            }
            for _, row in members
        ],
    }
    if primary is not None:
        # AWS gives it a name of its own, which always leads to the primary; here names are addresses, so it is the primary's.
        shown["Endpoint"] = primary[1]["Endpoint"]
    return shown


@changes(
    "CreateGlobalCluster",
    "GlobalClusterIdentifier",
    "SourceDBClusterIdentifier",
    "EngineLifecycleSupport",
    "DeletionProtection",
    "Tags",
    *OF_THE_SOURCE,
)
def create_global(call: Call) -> Doc:
    """Make a global cluster, around a cluster that leads it or still empty; guess: at once."""
    name = new_identifier("GlobalClusterIdentifier", call.params["GlobalClusterIdentifier"])
    if call.state.get(KIND, NOWHERE, name):
        raise fault("GlobalClusterAlreadyExistsFault", f"Global cluster {name} already exists.")
    if len(call.state.all(KIND, NOWHERE)) >= MOST:
        raise fault("GlobalClusterQuotaExceededFault", "Global cluster quota exceeded.")
    source = _source(call)
    document: Doc = {
        "GlobalClusterIdentifier": name,
        "GlobalClusterResourceId": resource_id("cluster-").lower(),
        "GlobalClusterArn": call.desk.arn(NOWHERE, KIND, name),
        "Status": "available",
        "DeletionProtection": call.get("DeletionProtection", False),
        "EngineLifecycleSupport": call.get("EngineLifecycleSupport", LIFECYCLES[0]),
        "TagList": check_tags(call.get("Tags", [])),
        **(_traits_of(source) if source else _traits_asked(call)),
    }
    call.state.put(KIND, NOWHERE, name, document)
    if source:
        id = source["DBClusterIdentifier"]
        call.state.change("cluster", call.region, id, GlobalClusterIdentifier=name, _role="primary")
    return {"GlobalCluster": view(call.desk, document)}


def _source(call: Call) -> Doc | None:
    """The cluster that is to lead, if the call names one."""
    given = [name for name in OF_THE_SOURCE if call.get(name) is not None]
    value = call.get("SourceDBClusterIdentifier")
    if not value:
        return None
    if given:
        raise invalid_combination(f"{given[0]} cannot be specified together with SourceDBClusterIdentifier.")
    cluster = find_cluster(call, value)
    require_status(cluster, "available")
    if "GlobalClusterIdentifier" in cluster:  # guess: code and sentence
        raise fault("InvalidDBClusterStateFault", "The DB cluster is already a member of a global cluster.")
    return cluster


def _traits_of(cluster: Doc) -> Doc:
    kept = ("Engine", "EngineVersion", "DatabaseName", "StorageEncrypted", "StorageEncryptionType")
    return {name: cluster[name] for name in kept if name in cluster}


def _traits_asked(call: Call) -> Doc:
    if not call.get("Engine"):
        raise invalid_combination("Engine must be specified without SourceDBClusterIdentifier.")  # guess: the sentence
    version = asked.choose_version(call)
    is_encrypted = call.get("StorageEncrypted", False)
    how = {"StorageEncrypted": True, "StorageEncryptionType": "sse-kms"} if is_encrypted else UNDER_AWS_OWNED
    return {"Engine": asked.ENGINE, "EngineVersion": version, "DatabaseName": call.get("DatabaseName", ""), **how}


@looks("DescribeGlobalClusters", "GlobalClusterIdentifier", *PAGES)
def describe_globals(call: Call) -> Doc:
    """One global cluster or all of them; guess: from whatever region it is asked."""
    rows = call.state.all(KIND, NOWHERE)
    if name := call.get("GlobalClusterIdentifier"):
        rows = [find_global(call, name)]
    known = {
        "region": lambda row: [region for region, _ in members_of_global(call.state, row["GlobalClusterIdentifier"])]
    }
    answer = page(call, filter_rows(call, rows, known), "GlobalClusters")
    return {**answer, "GlobalClusters": [view(call.desk, row) for row in answer["GlobalClusters"]]}


@changes("ModifyGlobalCluster", "GlobalClusterIdentifier", "NewGlobalClusterIdentifier", "DeletionProtection")
def modify_global(call: Call) -> Doc:
    """Rename it, or change its protection."""
    found = find_global(call, call.params["GlobalClusterIdentifier"])
    require_rest(found)
    old = found["GlobalClusterIdentifier"]
    new = old
    if call.get("NewGlobalClusterIdentifier"):
        new = new_identifier("NewGlobalClusterIdentifier", call.params["NewGlobalClusterIdentifier"])
        if new != old and call.state.get(KIND, NOWHERE, new):
            raise fault("GlobalClusterAlreadyExistsFault", f"Global cluster {new} already exists.")
    members = members_of_global(call.state, old)
    call.state.drop(KIND, NOWHERE, old)
    changed = {
        **found,
        "GlobalClusterIdentifier": new,
        "GlobalClusterArn": call.desk.arn(NOWHERE, KIND, new),
        "DeletionProtection": call.get("DeletionProtection", found["DeletionProtection"]),
    }
    call.state.put(KIND, NOWHERE, new, changed)
    for region, row in members:
        call.state.change("cluster", region, row["DBClusterIdentifier"], GlobalClusterIdentifier=new)
    return {"GlobalCluster": view(call.desk, changed)}


@changes("DeleteGlobalCluster", "GlobalClusterIdentifier")
def delete_global(call: Call) -> Doc:
    """Delete an empty one."""
    found = find_global(call, call.params["GlobalClusterIdentifier"])
    name = found["GlobalClusterIdentifier"]
    if members_of_global(call.state, name):
        raise fault("InvalidGlobalClusterStateFault", f"Global Cluster {found['GlobalClusterArn']} is not empty")
    if found["DeletionProtection"]:
        # guess: code and sentence, after those of a cluster
        raise invalid_combination(
            "Cannot delete protected Global Cluster, please disable deletion protection and try again."
        )
    call.state.drop(KIND, NOWHERE, name)
    return {"GlobalCluster": {**view(call.desk, found), "Status": "deleting"}}


def require_rest(found: Doc) -> None:
    """Refuse what cannot be done while the global cluster changes its primary."""
    if found["Status"] != "available":
        raise fault(
            "InvalidGlobalClusterStateFault",
            f"Global cluster {found['GlobalClusterIdentifier']} is in {found['Status']} state.",
        )
