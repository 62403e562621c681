"""Restores: a new cluster from a snapshot, or from a moment of another cluster's backups.

The law: a clone has what the call asked for and AWS's defaults, not its source's configuration, except for the few things
that AWS inherits (FACTS 4.1, FACTS 4.2). Nothing is restored across regions.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from daybreak.lab.control.jobs import Job, Work
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination, invalid_value
from daybreak.lab.rds import networks
from daybreak.lab.rds.clusters import asked
from daybreak.lab.rds.clusters.clusters import NewCluster, view
from daybreak.lab.rds.desk import Call, changes, cluster_by_resource, job, resource_id
from daybreak.lab.rds.durations import seconds
from daybreak.lab.rds.encryption import NOT_ENCRYPTED, UNDER_AWS_OWNED, under_key
from daybreak.lab.rds.known import find_cluster, window_of
from daybreak.lab.rds.snapshots.snapshots import find_offered_snapshot, require_available
from daybreak.lab.rds.tagging import check_tags

_NOT_ON_PITR = (
    "MonitoringRoleArn",
    "MonitoringInterval",
    "EnablePerformanceInsights",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
)


@changes("RestoreDBClusterFromSnapshot", "SnapshotIdentifier", "DatabaseName", *asked.TAKEN)
def restore_from_snapshot(call: Call) -> Doc:
    """Begin to make a cluster from a snapshot, named by identifier or by an ARN of this region."""
    name = asked.check_new_cluster(call)
    snapshot = find_offered_snapshot(call, call.params["SnapshotIdentifier"])
    require_available(snapshot)
    if snapshot["SnapshotType"] == "shared" and snapshot["StorageEncrypted"]:
        # documented in the guide ("shared and encrypted: make a copy"); the code and the sentence are a guess
        raise fault("InvalidDBClusterSnapshotStateFault", "Copy an encrypted snapshot of another account first.")
    # guess: without EngineVersion the snapshot's own; the model says "the default version of the region" (FACTS 4.9)
    version = asked.choose_version(call, snapshot["EngineVersion"])
    _check_not_older(version, snapshot["EngineVersion"])
    # guess: a name in the call is recorded, and makes no database; terraform sends it with every restore
    database = call.get("DatabaseName", snapshot.get("_database"))
    settings = _settings(call, name, snapshot, version, database)
    cluster = _begin(call, name, version, settings, snapshot)
    args = {
        "resource": cluster["DbClusterResourceId"],
        "version": version,
        "place": snapshot["_place"],
        "moment": snapshot.get("_moment"),
        "from": [snapshot["DbClusterResourceId"], snapshot["EngineVersion"]],
    }
    kind = "restore-from-snapshot"
    call.desk.control.submit(kind, call.region, name, seconds(kind, snapshot["_gigabytes"]), args)
    return {"DBCluster": view(call.desk, call.region, cluster)}


@changes(
    "RestoreDBClusterToPointInTime",
    "RestoreType",
    "SourceDBClusterIdentifier",
    "SourceDbClusterResourceId",
    "RestoreToTime",
    "UseLatestRestorableTime",
    *_NOT_ON_PITR,
    *asked.TAKEN,
)
def restore_to_point_in_time(call: Call) -> Doc:
    """Begin to make a cluster with what another one held at a moment."""
    name = asked.check_new_cluster(call)
    for parameter in _NOT_ON_PITR:
        if call.get(parameter) is not None:
            raise invalid_combination(f"{parameter} is only supported for Limitless databases.")  # FACTS 4.2
    is_clone = _is_clone(call)
    source, database = _source(call, is_clone=is_clone)
    moment = _moment(call, source, is_clone=is_clone)
    settings = _settings(call, name, source, source["EngineVersion"], database)
    if is_clone:
        settings["CloneGroupId"] = source.get("CloneGroupId") or resource_id("clone-").lower()
        if source["Status"] != "retained":
            group = settings["CloneGroupId"]
            call.state.change("cluster", call.region, source["DBClusterIdentifier"], CloneGroupId=group)
    cluster = _begin(call, name, source["EngineVersion"], settings, source)
    args = {
        "resource": cluster["DbClusterResourceId"],
        "version": source["EngineVersion"],
        "from": source["DbClusterResourceId"],
        "moment": moment,
    }
    kind = "clone-cluster" if is_clone else "restore-to-point-in-time"
    call.desk.control.submit(kind, call.region, name, seconds(kind, source["_gigabytes"]), args)
    return {"DBCluster": view(call.desk, call.region, cluster)}


# -- what is restored -------------------------------------------------------------------------------------------------


def _is_clone(call: Call) -> bool:
    return bool(call.get("RestoreType") == "copy-on-write")


def _source(call: Call, *, is_clone: bool) -> tuple[Doc, str | None]:
    """The live cluster or the retained backup to restore from, and its database's name."""
    name, resource = call.get("SourceDBClusterIdentifier"), call.get("SourceDbClusterResourceId")
    if bool(name) == bool(resource):
        raise invalid_combination(
            "Exactly one of SourceDBClusterIdentifier and SourceDbClusterResourceId must be specified."
        )  # guess: the sentence
    if name:
        # guess, strict: an ARN of another region is not found; Aurora has no point in time restore across regions
        source = find_cluster(call, name)
        return source, source.get("DatabaseName")
    live = cluster_by_resource(call.state, call.region, resource)
    if live is not None:
        return live, live.get("DatabaseName")
    retained = call.state.get("backup", call.region, resource)
    if retained is None:
        raise fault("DBClusterAutomatedBackupNotFoundFault", f"No automated backup found for DB cluster {resource}.")
    if is_clone:
        raise fault("InvalidDBClusterStateFault", "A deleted cluster cannot be cloned.")  # guess
    return retained, retained.get("_database")


def _moment(call: Call, source: Doc, *, is_clone: bool) -> datetime | None:
    """The moment to restore; ``None`` for AWS's clone, which takes what is there now."""
    asked_for: datetime | None = call.get("RestoreToTime")
    latest = call.get("UseLatestRestorableTime", False)
    if asked_for is not None and latest:
        raise invalid_combination("Cannot specify both RestoreToTime and UseLatestRestorableTime")
    if is_clone and asked_for is not None:
        raise invalid_combination("RestoreToTime can't be specified if RestoreType is copy-on-write")
    if asked_for is None and not latest:
        raise invalid_combination("Either RestoreToTime or UseLatestRestorableTime must be specified")
    window = window_of(call.desk, source)
    if window is None or source["Status"] == "deleting" or source.get("_broken"):
        raise fault(
            "InvalidDBClusterStateFault",
            f"DB cluster {source['DBClusterIdentifier']} has no restorable time yet: {source['Status']}.",
        )  # guess: the code; that nothing can be restored while the window is null is documented
    if is_clone:
        return None
    if asked_for is None:
        return window[1]
    if not window[0] <= asked_for < window[1]:
        # guess: neither code nor sentence is documented; the product must check the window itself
        raise invalid_value(
            f"The requested restore time {asked_for.isoformat()} is not within the restorable window "
            f"{window[0].isoformat()} to {window[1].isoformat()}."
        )
    return asked_for


def _settings(call: Call, name: str, source: Doc, version: str, database: str | None) -> Doc:
    """What the call asks for, AWS's defaults, and the few things that AWS inherits."""
    tags = check_tags(call.get("Tags", []))
    inherited: Doc = {
        "MasterUsername": source["MasterUsername"],
        "BackupRetentionPeriod": asked.retention(call, source["BackupRetentionPeriod"]),
        **asked.times_of_new(call, name),
        "TagList": tags or source.get("TagList", []),  # passing any drops the source's (FACTS 4.1)
        "_gigabytes": source["_gigabytes"],
        "DatabaseName": database or "",
    }
    return {**asked.cluster_settings(call, version), **inherited, **_encryption(call, source)}


def _encryption(call: Call, source: Doc) -> Doc:
    """The members of encryption: encrypted stays encrypted, with the requested key or the source's, which must be usable."""
    key = call.get("KmsKeyId")
    if key is None and not source["StorageEncrypted"]:
        # guess: what AWS's own key encrypts stays under it, and what nothing encrypts stays so; which is not known (FACTS 4.8)
        return UNDER_AWS_OWNED if source.get("StorageEncryptionType") == "sse-rds" else NOT_ENCRYPTED
    if key is not None and source["StorageEncrypted"]:
        networks.usable_key(call, source["KmsKeyId"])
    return under_key(networks.usable_key(call, key or source["KmsKeyId"]))


def _check_not_older(version: str, snapshot: str) -> None:
    if asked.parts(version) < asked.parts(snapshot):
        raise invalid_combination(
            f"The engine version you requested for your restored DB cluster ({version}) is earlier than the engine "
            f"version of the DB cluster snapshot ({snapshot})."
        )
    if asked.parts(version)[0] != asked.parts(snapshot)[0]:
        raise invalid_combination("The lab does not upgrade to another major version while it restores.")


def _begin(call: Call, name: str, version: str, settings: Doc, source: Doc) -> Doc:
    """Keep the document of the new cluster; without a Port it is the source's."""
    cluster = asked.new_cluster(call, name, version, settings, port=source["_port"])
    return call.state.put("cluster", call.region, name, cluster)


@job("restore-from-snapshot")
class RestoreFromSnapshot(NewCluster):
    """Makes a volume of a snapshot's copy."""

    def early(self, job: Job) -> Work:
        """Copy the files at once; of an automated snapshot, restore its moment."""
        args, fleet = job.args, self.desk.fleet
        if args["moment"] is not None:
            source = (args["from"][0], args["from"][1])
            return lambda: fleet.restore(job.region, source, args["resource"], args["moment"])
        return lambda: fleet.from_snapshot(job.region, args["place"], args["resource"], args["version"])


@job("restore-to-point-in-time")
class RestoreToPointInTime(NewCluster):
    """Makes a volume of another one's backups."""

    def early(self, job: Job) -> Work:
        """Replay to the moment at once; it is there long before the cluster is available."""
        args, fleet = job.args, self.desk.fleet
        source = (args["from"], args["version"])
        return lambda: fleet.restore(job.region, source, args["resource"], args["moment"])


@job("clone-cluster")
class CloneCluster(NewCluster):
    """Makes a volume of what another one holds now."""

    def early(self, job: Job) -> Work:
        """Publish what is there, then replay all of it."""
        args, fleet = job.args, self.desk.fleet

        def work() -> Any:
            fleet.tick(args["from"])
            fleet.restore(job.region, (args["from"], args["version"]), args["resource"], None)

        return work
