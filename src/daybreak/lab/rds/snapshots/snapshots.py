"""Cluster snapshots: create, describe, share and delete."""

from __future__ import annotations

import uuid
from typing import Any

from daybreak.lab.control.jobs import Job, Work
from daybreak.lab.control.kindness import Kindness
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination, invalid_value
from daybreak.lab.rds.desk import Call, Desk, DeskJob, changes, job, looks, public, resource_id
from daybreak.lab.rds.durations import seconds
from daybreak.lab.rds.encryption import NOT_ENCRYPTED, under_key
from daybreak.lab.rds.events import emit, failure_sentence
from daybreak.lab.rds.identifiers import new_identifier, resolve_name
from daybreak.lab.rds.known import find_cluster, require_status
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.snapshots.queue import begin_next
from daybreak.lab.rds.tagging import check_tags

MOST_MANUAL = 100
MOST_SHARES = 20
SHARED = "shared-snapshot"
"""Our kind of document for a snapshot that another account shares with us, kept by its ARN."""


def find_snapshot(call: Call, value: str) -> Doc:
    """The snapshot a name or ARN in this region points at."""
    target = resolve_name(value, "cluster-snapshot", call.region, call.desk.account)
    found = call.state.get("snapshot", call.region, target.id)
    if found is None or target.region != call.region or target.account != call.desk.account:
        raise fault("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot not found: {value}")
    return found


def find_offered_snapshot(call: Call, value: str) -> Doc:
    """The snapshot that a name or ARN points at, including those that other accounts share with us under their ARN."""
    target = resolve_name(value, "cluster-snapshot", call.region, call.desk.account)
    if target.account == call.desk.account:
        return find_snapshot(call, value)
    found = call.state.get(SHARED, call.region, value)
    if found is None or target.region != call.region:
        raise fault("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot not found: {value}")
    return found


def require_available(snapshot: Doc) -> None:
    """Refuse what needs a complete snapshot."""
    if snapshot["Status"] != "available":
        raise fault(
            "InvalidDBClusterSnapshotStateFault",
            f"The DB cluster snapshot {snapshot['DBClusterSnapshotIdentifier']} is in {snapshot['Status']} state.",
        )


def new_snapshot_name(call: Call, parameter: str, value: str, *, longest: int = 63) -> str:
    """The identifier of a new manual snapshot, if it is free and the quota allows one more."""
    name = new_identifier(parameter, value, longest=longest)
    if call.state.get("snapshot", call.region, name):
        raise fault("DBClusterSnapshotAlreadyExistsFault", f"Cannot create the snapshot because {name} already exists.")
    manual = [row for row in call.state.all("snapshot", call.region) if row["SnapshotType"] == "manual"]
    if len(manual) >= MOST_MANUAL:
        raise fault("SnapshotQuotaExceededFault", "Cannot create more than 100 manual cluster snapshots")
    return name


def snapshot_of(desk: Desk, region: str, cluster: Doc, name: str, **own: Any) -> Doc:
    """Keep the document of a new snapshot of this cluster; what is not in it is lost with the cluster.

    ``own`` holds the members that are not the cluster's: SnapshotType, TagList, and ``_moment`` of an automated one.
    """
    group = desk.state.get("subnet-group", region, cluster["DBSubnetGroup"])
    taken = (
        "AvailabilityZones",
        "DBClusterIdentifier",
        "Engine",
        "EngineMode",
        "EngineVersion",
        "ClusterCreateTime",
        "MasterUsername",
        "StorageEncrypted",
        "StorageEncryptionType",
        "KmsKeyId",
        "IAMDatabaseAuthenticationEnabled",
        "StorageType",
        "DbClusterResourceId",
        "BackupRetentionPeriod",
        "PreferredBackupWindow",
        "_gigabytes",
        "_port",
    )
    document: Doc = {
        **{member: cluster[member] for member in taken if member in cluster},
        "DBClusterSnapshotIdentifier": name,
        "DBClusterSnapshotArn": desk.arn(region, "cluster-snapshot", name),
        "SnapshotCreateTime": desk.clock.now(),
        "Status": "creating",
        "AllocatedStorage": 0,  # AWS records neither size nor port of a cluster's snapshot (FACTS 4.1)
        "Port": 0,
        "LicenseModel": "postgresql-license",
        "_place": resource_id("snapshot-"),
        "_database": cluster.get("DatabaseName"),
        "_shared": [],
        **own,
    }
    if group is not None:
        document["VpcId"] = group["VpcId"]
    return desk.state.put("snapshot", region, name, document)


# -- looking ----------------------------------------------------------------------------------------------------------


def view(desk: Desk, region: str, snapshot: Doc) -> Doc:
    """The snapshot as AWS shows it; its progress moves with the clock."""
    result = public(snapshot)
    if snapshot["Status"] == "available":
        return {**result, "PercentProgress": 100}
    jobs = desk.control.jobs(region, snapshot=snapshot["DBClusterSnapshotIdentifier"])
    share = jobs[0].progress(desk.clock.simulation_time()) if jobs else 0.0
    return {**result, "PercentProgress": min(99, int(share * 100))}


FILTERS = {
    "db-cluster-id": lambda row: row["DBClusterIdentifier"],
    "db-cluster-snapshot-id": lambda row: row["DBClusterSnapshotIdentifier"],
    "snapshot-type": lambda row: row["SnapshotType"],
    "engine": lambda row: row["Engine"],
}


@looks(
    "DescribeDBClusterSnapshots",
    "DBClusterIdentifier",
    "DBClusterSnapshotIdentifier",
    "DbClusterResourceId",
    "SnapshotType",
    "IncludeShared",
    *PAGES,
)
def describe_snapshots(call: Call) -> Doc:
    """One snapshot, those of one cluster, or all of them in pages; those of other accounts only on request."""
    kind = call.get("SnapshotType")
    is_generous = bool(call.get("IncludeShared")) or kind == "shared"
    name = call.get("DBClusterSnapshotIdentifier")
    if name and call.get("DBClusterIdentifier"):
        raise invalid_combination("DBClusterIdentifier and DBClusterSnapshotIdentifier cannot be given together.")
    _check_type(call, kind, name)
    if name:
        rows = [find_offered_snapshot(call, name) if is_generous else find_snapshot(call, name)]
    else:
        rows = call.state.all("snapshot", call.region) + (call.state.all(SHARED, call.region) if is_generous else [])
    if cluster := call.get("DBClusterIdentifier"):
        # guess: nothing is found of a cluster that is gone. The model wants an existing one and has no code for another;
        # the snapshots of a deleted cluster are found by its name all the same.
        id = resolve_name(cluster, "cluster", call.region, call.desk.account).id
        rows = [row for row in rows if row["DBClusterIdentifier"] == id]
    if resource := call.get("DbClusterResourceId"):
        rows = [row for row in rows if row["DbClusterResourceId"] == resource]
    if kind:
        rows = [row for row in rows if row["SnapshotType"] == kind]
    answer = page(call, filter_rows(call, rows, FILTERS), "DBClusterSnapshots")
    answer["DBClusterSnapshots"] = [view(call.desk, call.region, row) for row in answer["DBClusterSnapshots"]]
    return answer


def _check_type(call: Call, kind: str | None, name: str | None) -> None:
    """Refuse a type that cluster snapshots have not, and an automated snapshot that is asked for without its type."""
    if kind == "awsbackup" and not call.desk.kindnesses.grants(Kindness.AWS_BACKUP):
        # guess: that it is refused, and how; AWS documents the type for the snapshots of DB instances (FACTS 4.10)
        raise invalid_value("SnapshotType must be one of automated, manual, shared, public.")
    if kind not in (None, "automated", "manual", "shared", "public", "awsbackup"):
        raise invalid_value(f"Invalid snapshot type: {kind}")
    if kind is None and name and name.rpartition("cluster-snapshot:")[2].startswith("rds:"):
        # guess: the code; the model says that the type must be given with such an identifier
        raise invalid_combination("SnapshotType must be specified for the identifier of an automated snapshot.")


# -- taking -----------------------------------------------------------------------------------------------------------


@changes("CreateDBClusterSnapshot", "DBClusterSnapshotIdentifier", "DBClusterIdentifier", "Tags")
def create_snapshot(call: Call) -> Doc:
    """Begin to take a manual snapshot."""
    cluster = find_cluster(call, call.params["DBClusterIdentifier"])
    require_status(cluster, "available")
    name = new_snapshot_name(call, "DBClusterSnapshotIdentifier", call.params["DBClusterSnapshotIdentifier"])
    tags = check_tags(call.get("Tags", []))
    if not tags and cluster["CopyTagsToSnapshot"]:
        tags = cluster["TagList"]
    snapshot = snapshot_of(call.desk, call.region, cluster, name, SnapshotType="manual", TagList=tags)
    begin_copying(call.desk, call.region, cluster, snapshot)
    return {"DBClusterSnapshot": view(call.desk, call.region, snapshot)}


def begin_copying(desk: Desk, region: str, cluster: Doc, snapshot: Doc) -> None:
    """Begin the job that fills a snapshot from a live cluster."""
    name = snapshot["DBClusterSnapshotIdentifier"]
    args = {
        "snapshot": name,
        "place": None if "_moment" in snapshot else snapshot["_place"],
        "resource": cluster["DbClusterResourceId"],
        "version": cluster["EngineVersion"],
    }
    desk.control.submit("create-snapshot", region, name, seconds("create-snapshot", cluster["_gigabytes"]), args)
    is_automated = snapshot["SnapshotType"] == "automated"
    emit(desk, region, "automated-creating" if is_automated else "snapshot-creating", name)


class SnapshotJob(DeskJob):
    """A job that ends in a complete snapshot."""

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The snapshot is available."""
        finish_snapshot(self.desk, job.region, job.args["snapshot"])

    def fail(self, job: Job, status: str, message: str) -> None:
        """The snapshot is left in that status."""
        name = job.args["snapshot"]
        if self.desk.state.get("snapshot", job.region, name) is None:
            return
        reason = failure_sentence(status, message, "cluster snapshot", name)
        emit(self.desk, job.region, "snapshot-failed", name, reason=reason)
        self.desk.state.change("snapshot", job.region, name, Status=status)

    def clear_up(self, job: Job) -> None:
        """Delete the copy of a snapshot that was deleted meanwhile."""
        place = job.args.get("place")
        if place is not None and self.desk.state.get("snapshot", job.region, job.args["snapshot"]) is None:
            self.desk.fleet.erase_snapshot(job.region, place)


@job("create-snapshot")
class CreateSnapshot(SnapshotJob):
    """Copies what the cluster holds when the job begins."""

    def early(self, job: Job) -> Work | None:
        """Copy; an automated snapshot is only a moment, there is nothing to copy."""
        args, fleet = job.args, self.desk.fleet
        if args["place"] is None:
            return None
        return lambda: fleet.snapshot(job.region, (args["resource"], args["version"]), args["place"])


def finish_snapshot(desk: Desk, region: str, name: str) -> None:
    """The snapshot is available, unless it was deleted meanwhile."""
    snapshot = desk.state.get("snapshot", region, name)
    if snapshot is None:
        return
    desk.state.change("snapshot", region, name, Status="available")
    emit(desk, region, "automated-created" if snapshot["SnapshotType"] == "automated" else "snapshot-created", name)


def begin_final_snapshot(call: Call, cluster: Doc, value: str) -> None:
    """Keep the document of the snapshot with which a deletion begins; the deletion's own job fills it."""
    require_status(cluster, "available")
    name = new_snapshot_name(
        call, "FinalDBSnapshotIdentifier", value, longest=255
    )  # the model has 255 for this one [M]
    tags = cluster["TagList"] if cluster["CopyTagsToSnapshot"] else []
    snapshot_of(call.desk, call.region, cluster, name, SnapshotType="manual", TagList=tags)
    emit(call.desk, call.region, "snapshot-creating", name)


def finish_final_snapshot(desk: Desk, region: str, value: str) -> None:
    """The final snapshot is available."""
    finish_snapshot(desk, region, value.lower())


# -- deleting and sharing ---------------------------------------------------------------------------------------------


@changes("DeleteDBClusterSnapshot", "DBClusterSnapshotIdentifier")
def delete_snapshot(call: Call) -> Doc:
    """Delete a manual snapshot, also one that is still being copied."""
    snapshot = find_snapshot(call, call.params["DBClusterSnapshotIdentifier"])
    name = snapshot["DBClusterSnapshotIdentifier"]
    if snapshot["SnapshotType"] != "manual":
        raise fault("InvalidDBClusterSnapshotStateFault", f"Only manual snapshots may be deleted: {name}")
    if snapshot["Status"] == "creating":
        require_available(snapshot)
    for each in call.desk.control.jobs(call.region, snapshot=name):
        call.desk.control.cancel(each)
    drop_snapshot(call.desk, call.region, snapshot)
    begin_next(call.desk)
    emit(call.desk, call.region, "snapshot-deleted", name)
    return {"DBClusterSnapshot": {**view(call.desk, call.region, snapshot), "Status": "deleted"}}


def drop_snapshot(desk: Desk, region: str, snapshot: Doc) -> None:
    """Forget a snapshot, and its files a moment later."""
    desk.state.drop("snapshot", region, snapshot["DBClusterSnapshotIdentifier"])
    if "_moment" not in snapshot:
        desk.fleet.soon(lambda: desk.fleet.erase_snapshot(region, snapshot["_place"]))


@looks("DescribeDBClusterSnapshotAttributes", "DBClusterSnapshotIdentifier")
def describe_attributes(call: Call) -> Doc:
    """The accounts that share a snapshot."""
    return _attributes(find_snapshot(call, call.params["DBClusterSnapshotIdentifier"]))


@changes(
    "ModifyDBClusterSnapshotAttribute", "DBClusterSnapshotIdentifier", "AttributeName", "ValuesToAdd", "ValuesToRemove"
)
def modify_attribute(call: Call) -> Doc:
    """Share a manual snapshot with other accounts, or stop sharing it."""
    snapshot = find_snapshot(call, call.params["DBClusterSnapshotIdentifier"])
    if call.params["AttributeName"] != "restore":
        raise invalid_value(f"Invalid snapshot attribute: {call.params['AttributeName']}")
    require_available(snapshot)
    added = set(call.get("ValuesToAdd", []))
    _check_sharing(call, snapshot, added)
    shared = sorted((set(snapshot["_shared"]) | added) - set(call.get("ValuesToRemove", [])))
    if len(shared) > MOST_SHARES:
        raise fault(
            "SharedSnapshotQuotaExceededFault", "You have exceeded the maximum number of accounts to share with."
        )
    name = snapshot["DBClusterSnapshotIdentifier"]
    return _attributes(call.state.change("snapshot", call.region, name, _shared=shared))


def _check_sharing(call: Call, snapshot: Doc, added: set[str]) -> None:
    name = snapshot["DBClusterSnapshotIdentifier"]
    state_fault = "InvalidDBClusterSnapshotStateFault"  # guess: the code; that it is refused is documented (FACTS 4.6)
    if snapshot["SnapshotType"] != "manual":
        raise fault(state_fault, f"Only manual snapshots can be shared: {name}")
    if wrong := [value for value in added if value != "all" and not (value.isdigit() and len(value) == 12)]:
        raise invalid_value(f"Invalid account: {wrong[0]}")
    if not added or not snapshot["StorageEncrypted"]:
        return
    default = call.desk.world.key(call.region, "alias/aws/rds")
    if default is not None and default.arn == snapshot["KmsKeyId"]:
        raise fault(state_fault, "A snapshot that is encrypted with the default key cannot be shared.")
    if "all" in added:
        raise fault(state_fault, "An encrypted snapshot cannot be public.")


def _attributes(snapshot: Doc) -> Doc:
    attributes = [{"AttributeName": "restore", "AttributeValues": snapshot["_shared"]}]
    name = snapshot["DBClusterSnapshotIdentifier"]
    result = {"DBClusterSnapshotIdentifier": name, "DBClusterSnapshotAttributes": attributes}
    return {"DBClusterSnapshotAttributesResult": result}


def offer(desk: Desk, region: str, snapshot: str, account: str, *, encrypted: bool | None) -> str:
    """Keep another account's snapshot, shared with us, with the content of one of ours; return its ARN."""
    own = desk.state.get("snapshot", region, snapshot.lower())
    if own is None or own["Status"] != "available" or "_moment" in own:
        raise fault("DBClusterSnapshotNotFoundFault", f"No manual snapshot {snapshot} is available.")
    if not (account.isdigit() and len(account) == 12) or account == desk.account:
        raise invalid_value(f"Invalid account: {account}")
    arn = f"arn:aws:rds:{region}:{account}:cluster-snapshot:{snapshot.lower()}"
    is_encrypted = own["StorageEncrypted"] if encrypted is None else encrypted
    place = resource_id("snapshot-")
    desk.fleet.copy_snapshot((region, own["_place"]), region, place)
    document: Doc = {
        **own,
        "DBClusterSnapshotIdentifier": arn,  # a snapshot of another account goes by its ARN
        "DBClusterSnapshotArn": arn,
        "SnapshotType": "shared",
        "DbClusterResourceId": resource_id("cluster-"),
        "KmsKeyId": None,
        **(under_key(f"arn:aws:kms:{region}:{account}:key/{uuid.uuid4()}") if is_encrypted else NOT_ENCRYPTED),
        "TagList": [],  # tags are not shared
        "_place": place,
    }
    with desk.state.transaction():
        desk.state.put(SHARED, region, arn, {name: value for name, value in document.items() if value is not None})
    return arn
