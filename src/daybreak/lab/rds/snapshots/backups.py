"""Automated backups: the windows of live clusters, what deleted ones left behind, and the daily snapshots.

An automated snapshot is a moment of the continuous backup and no copy: it costs nothing, is valid as long as the backup
reaches back to it, and goes with the backup. The lab takes such snapshots in the backup window of **real** time, because
their names and time stamps are real, and the first one as soon as a cluster is available.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.rds import windows
from daybreak.lab.rds.desk import Call, Desk, changes, cluster_by_resource, looks, public
from daybreak.lab.rds.identifiers import resolve_name
from daybreak.lab.rds.known import window_of
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.snapshots.snapshots import begin_copying, drop_snapshot, snapshot_of

_SHARED = (
    "Engine",
    "DBClusterIdentifier",
    "MasterUsername",
    "DbClusterResourceId",
    "IAMDatabaseAuthenticationEnabled",
    "ClusterCreateTime",
    "StorageEncrypted",
    "StorageEncryptionType",
    "AllocatedStorage",
    "EngineVersion",
    "DBClusterArn",
    "BackupRetentionPeriod",
    "PreferredBackupWindow",
    "EngineMode",
    "AvailabilityZones",
    "Port",
    "KmsKeyId",
    "StorageType",
    "TagList",
)
"""The members of a cluster that its automated backup records; the others are lost with the cluster (FACTS 4.2)."""


def backup_of(desk: Desk, region: str, cluster: Doc, status: str) -> Doc:
    """The automated backup of a cluster, as AWS shows it."""
    resource = cluster["DbClusterResourceId"]
    result: Doc = {member: cluster[member] for member in _SHARED if member in cluster}
    arn_id = "ab-" + resource.removeprefix("cluster-").lower()
    result |= {
        "DBClusterAutomatedBackupsArn": desk.arn(region, "cluster-auto-backup", arn_id),
        "Region": region,
        "LicenseModel": "postgresql-license",
        "Status": status,
    }
    group = desk.state.get("subnet-group", region, cluster["DBSubnetGroup"])
    if group is not None:
        result["VpcId"] = group["VpcId"]
    window = window_of(desk, cluster)
    if window is not None:
        result["RestoreWindow"] = {"EarliestTime": window[0], "LatestTime": window[1]}
    return result


FILTERS = {
    "status": lambda row: row["Status"],
    "db-cluster-id": lambda row: row["DBClusterIdentifier"],
    "db-cluster-resource-id": lambda row: row["DbClusterResourceId"],
}


@looks("DescribeDBClusterAutomatedBackups", "DbClusterResourceId", "DBClusterIdentifier", *PAGES)
def describe_backups(call: Call) -> Doc:
    """The backups of live clusters (``active``, ``creating``) and of deleted ones (``retained``)."""
    rows = [
        backup_of(call.desk, call.region, row, "creating" if row["Status"] == "creating" else "active")
        for row in call.state.all("cluster", call.region)
        if not row.get("_broken")
    ]
    rows += [public(row) for row in call.state.all("backup", call.region)]
    if resource := call.get("DbClusterResourceId"):
        rows = [row for row in rows if row["DbClusterResourceId"] == resource]
        if not rows:
            raise _not_found(resource)
    if name := call.get("DBClusterIdentifier"):
        id = resolve_name(name, "cluster", call.region, call.desk.account).id
        rows = [row for row in rows if row["DBClusterIdentifier"] == id]
    return page(call, filter_rows(call, rows, FILTERS), "DBClusterAutomatedBackups")


@changes("DeleteDBClusterAutomatedBackup", "DbClusterResourceId")
def delete_backup(call: Call) -> Doc:
    """Delete the backups that a deleted cluster left."""
    resource = call.params["DbClusterResourceId"]
    retained = call.state.get("backup", call.region, resource)
    if retained is None:
        if cluster_by_resource(call.state, call.region, resource) is not None:
            raise fault(
                "InvalidDBClusterAutomatedBackupStateFault",
                "The automated backup of a live DB cluster cannot be deleted.",
            )
        raise _not_found(resource)
    _drop_backup(call.desk, call.region, retained)
    return {"DBClusterAutomatedBackup": {**public(retained), "Status": "deleting"}}


def _not_found(resource: str) -> Exception:
    return fault("DBClusterAutomatedBackupNotFoundFault", f"No automated backup found for DB cluster {resource}.")


def _drop_backup(desk: Desk, region: str, backup: Doc) -> None:
    resource = backup["DbClusterResourceId"]
    desk.state.drop("backup", region, resource)
    _drop_automated_snapshots(desk, region, resource)
    desk.fleet.soon(lambda: desk.fleet.erase(region, resource))


def after_deletion(desk: Desk, region: str, cluster: Doc, *, keep: bool) -> None:
    """Keep the backups of a deleted cluster as retained ones, or drop them."""
    resource = cluster["DbClusterResourceId"]
    if not keep:
        _drop_automated_snapshots(desk, region, resource)
        return
    hidden = {
        "_port": cluster["_port"],
        "_gigabytes": cluster["_gigabytes"],
        "_database": cluster.get("DatabaseName"),
    }
    desk.state.put("backup", region, resource, {**backup_of(desk, region, cluster, "retained"), **hidden})


def _drop_automated_snapshots(desk: Desk, region: str, resource: str) -> None:
    for row in desk.state.all("snapshot", region):
        if row["SnapshotType"] == "automated" and row["DbClusterResourceId"] == resource:
            drop_snapshot(desk, region, row)


# -- the daily round --------------------------------------------------------------------------------------------------


def begin_automated_snapshot(desk: Desk, region: str, name: str) -> None:
    """Begin to take an automated snapshot of an available cluster."""
    cluster = desk.state.get("cluster", region, name)
    if cluster is None:
        return
    now = desk.clock.now()
    id = f"rds:{name}-{now:%Y-%m-%d-%H-%M}"
    desk.state.change("cluster", region, name, _last_automated=now)
    if desk.state.get("snapshot", region, id) is None:
        tags = cluster["TagList"] if cluster["CopyTagsToSnapshot"] else []
        window = desk.fleet.window(cluster["DbClusterResourceId"])
        moment = window[1] if window else now
        own = {"SnapshotType": "automated", "TagList": tags, "_moment": moment}
        begin_copying(desk, region, cluster, snapshot_of(desk, region, cluster, id, **own))


def take_due_snapshots(desk: Desk) -> None:
    """Begin the snapshots whose window has opened since the last one."""
    now = desk.clock.now()
    for region, name, cluster in desk.state.everywhere("cluster"):
        if cluster["Status"] != "available" or region in desk.down or "_last_automated" not in cluster:
            continue
        if cluster["_last_automated"] < windows.last_start(cluster["PreferredBackupWindow"], now):
            begin_automated_snapshot(desk, region, name)


def forget_expired(desk: Desk) -> list[tuple[str, datetime]]:
    """Drop what is older than its retention; return (resource id, moment) for each volume that may purge older backups."""
    now = desk.clock.now()
    volumes: list[tuple[str, datetime]] = []
    days: dict[str, int] = {}
    for _, _, cluster in desk.state.everywhere("cluster"):
        days[cluster["DbClusterResourceId"]] = cluster["BackupRetentionPeriod"]
        volumes.append((cluster["DbClusterResourceId"], now - timedelta(days=cluster["BackupRetentionPeriod"])))
    for region, resource, backup in desk.state.everywhere("backup"):
        limit = now - timedelta(days=backup["BackupRetentionPeriod"])
        if backup.get("RestoreWindow", {}).get("LatestTime", now) < limit:
            _drop_backup(desk, region, backup)
        else:
            days[resource] = backup["BackupRetentionPeriod"]
            volumes.append((resource, limit))
    for region, _, snapshot in desk.state.everywhere("snapshot"):
        if snapshot["SnapshotType"] == "automated":
            kept = timedelta(days=days.get(snapshot["DbClusterResourceId"], 0))
            if snapshot["SnapshotCreateTime"] < now - kept:
                drop_snapshot(desk, region, snapshot)
    return volumes
