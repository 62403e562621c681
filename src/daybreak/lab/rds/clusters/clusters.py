"""Clusters: describe, stop, start and fail over, and what all ways of making one share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from daybreak.lab.control.jobs import Job, Work
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.rds import networks
from daybreak.lab.rds.clusters import servers
from daybreak.lab.rds.desk import Call, Desk, DeskJob, changes, job, looks, members_of, public
from daybreak.lab.rds.durations import seconds
from daybreak.lab.rds.events import emit, emit_failover, failure_sentence
from daybreak.lab.rds.known import find_cluster, require_status, window_of
from daybreak.lab.rds.membership import is_secondary, links_of, refuse_stop
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.parameter_groups import CLUSTER
from daybreak.lab.rds.snapshots.backups import begin_automated_snapshot

STAYS_STOPPED = timedelta(days=7)


# -- looking ----------------------------------------------------------------------------------------------------------


def view(desk: Desk, region: str, cluster: Doc, members: Sequence[Doc] | None = None) -> Doc:
    """The cluster as AWS shows it."""
    members = members_of(desk.state, region, cluster["DBClusterIdentifier"]) if members is None else members
    status = servers.parameter_status(desk, region, CLUSTER, cluster)
    result = public(cluster)
    window = window_of(desk, cluster)
    if window is not None:
        result["EarliestRestorableTime"], result["LatestRestorableTime"] = window
    result |= links_of(desk, cluster)
    result["MultiAZ"] = len({member["AvailabilityZone"] for member in members}) > 1
    result["DBClusterMembers"] = [
        {
            "DBInstanceIdentifier": member["DBInstanceIdentifier"],
            # guess: a secondary of a global database has readers only
            "IsClusterWriter": bool(member.get("_writer")) and not is_secondary(cluster),
            "DBClusterParameterGroupStatus": status,
            "PromotionTier": member["PromotionTier"],
        }
        for member in members
    ]
    endpoints = [
        row["Endpoint"]
        for row in desk.state.all("endpoint", region)
        if row["DBClusterIdentifier"] == cluster["DBClusterIdentifier"]
    ]
    return {**result, "CustomEndpoints": endpoints} if endpoints else result


FILTERS = {
    "clone-group-id": lambda row: row.get("CloneGroupId"),
    "db-cluster-id": lambda row: row["DBClusterIdentifier"],
    "db-cluster-resource-id": lambda row: row["DbClusterResourceId"],
    "domain": lambda row: [],
    "engine": lambda row: row["Engine"],
}


@looks("DescribeDBClusters", "DBClusterIdentifier", *PAGES)
def describe_clusters(call: Call) -> Doc:
    """One cluster by name or ARN, or all of them in pages."""
    if name := call.get("DBClusterIdentifier"):
        rows = filter_rows(call, [find_cluster(call, name)], FILTERS)
    else:
        rows = filter_rows(call, call.state.all("cluster", call.region), FILTERS)
    answer = page(call, rows, "DBClusters")
    members: dict[str, list[Doc]] = {}
    for row in call.state.all("instance", call.region):
        members.setdefault(row["DBClusterIdentifier"], []).append(row)
    answer["DBClusters"] = [
        view(call.desk, call.region, row, _writer_first(members.get(row["DBClusterIdentifier"], [])))
        for row in answer["DBClusters"]
    ]
    return answer


def _writer_first(members: list[Doc]) -> list[Doc]:
    return sorted(members, key=lambda row: (not row.get("_writer"), row["PromotionTier"], row["DBInstanceIdentifier"]))


# -- making -----------------------------------------------------------------------------------------------------------


class NewCluster(DeskJob):
    """The end that all ways of making a cluster share."""

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The cluster is there, still without instances, and its first backup begins."""
        cluster = self.cluster(job)
        if cluster is None:
            return
        name = cluster["DBClusterIdentifier"]
        self.desk.state.change("cluster", job.region, name, Status="backing-up", _windowless=True)
        emit(self.desk, job.region, "cluster-created", name)
        begin_automated_snapshot(self.desk, job.region, name)
        args = {"resource": job.args["resource"]}
        self.desk.control.follow(job, "first-backup", seconds("first-backup"), args)

    def fail(self, job: Job, status: str, message: str) -> None:
        """The cluster stays behind in that status, without any data."""
        fail_cluster(self.desk, job, status, message, _broken=True)

    def clear_up(self, job: Job) -> None:
        """Delete the volume of a cluster that is gone."""
        if self.cluster(job) is None:
            self.desk.fleet.erase(job.region, job.args["resource"])


class _Beginning(DeskJob):
    """What happens to a new cluster that is already there."""

    def fail(self, job: Job, status: str, message: str) -> None:
        """The cluster is left in that status."""
        fail_cluster(self.desk, job, status, message)


@job("first-backup")
class FirstBackup(_Beginning):
    """Keeps a new cluster from being available for a while; guess: how long, and that every cluster has it."""

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The cluster is available; what its backups reach is not known yet."""
        cluster = self.cluster(job)
        if cluster is not None:
            self.desk.state.change("cluster", job.region, cluster["DBClusterIdentifier"], Status="available")
            self.desk.control.follow(job, "first-window", seconds("first-window"), job.args)


@job("first-window")
class FirstWindow(_Beginning):
    """Until it ends a new cluster answers no restorable times; guess: how long."""

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The restorable times are published."""
        cluster = self.cluster(job)
        if cluster is not None:
            self.desk.state.change("cluster", job.region, cluster["DBClusterIdentifier"], _windowless=None)


def fail_cluster(desk: Desk, job: Job, status: str, message: str, **members: Any) -> None:
    """Put the job's cluster into a failed status and say why."""
    cluster = next(
        (row for row in desk.state.all("cluster", job.region) if row["DbClusterResourceId"] == job.args["resource"]),
        None,
    )
    if cluster is None:
        return
    name = cluster["DBClusterIdentifier"]
    # A client that sees the status finds its reason: the event is there first.
    emit(desk, job.region, "cluster-failed", name, reason=failure_sentence(status, message, "cluster", name))
    desk.state.change("cluster", job.region, name, Status=status, **members)
    desk.fleet.settle_soon(job.region, job.args["resource"])


# -- stopping, starting, failing over ---------------------------------------------------------------------------------


@changes("StopDBCluster", "DBClusterIdentifier")
def stop_cluster(call: Call) -> Doc:
    """Begin to stop the cluster with all its instances."""
    cluster = find_cluster(call, call.params["DBClusterIdentifier"])
    refuse_stop(cluster)
    require_status(cluster, "available")
    _require_members(call, cluster, "available")
    return _all_members(call, cluster, "stopping", "stop-cluster")


@changes("StartDBCluster", "DBClusterIdentifier")
def start_cluster(call: Call) -> Doc:
    """Begin to start a stopped cluster."""
    cluster = find_cluster(call, call.params["DBClusterIdentifier"])
    refuse_stop(cluster)
    require_status(cluster, "stopped", "inaccessible-encryption-credentials-recoverable")
    if cluster.get("KmsKeyId"):
        networks.usable_key(call, cluster["KmsKeyId"])
    return _all_members(call, cluster, "starting", "start-cluster")


def start_long_stopped(desk: Desk) -> None:
    """Start the clusters that have been stopped for seven days of real time, as Aurora does."""
    now = desk.clock.now()
    for region, name, cluster in desk.state.everywhere("cluster"):
        if cluster["Status"] == "stopped" and cluster.get("AutomaticRestartTime", now) < now:
            emit(desk, region, "cluster-auto-started", name)
            _all_members(Call(desk, region, {}), cluster, "starting", "start-cluster")


def _require_members(call: Call, cluster: Doc, status: str) -> None:
    for member in members_of(call.state, call.region, cluster["DBClusterIdentifier"]):
        if member["DBInstanceStatus"] != status:
            raise fault(
                "InvalidDBInstanceStateFault",
                f"DB instance {member['DBInstanceIdentifier']} is in {member['DBInstanceStatus']} state.",
            )


def _all_members(call: Call, cluster: Doc, status: str, kind: str) -> Doc:
    name = cluster["DBClusterIdentifier"]
    changed = call.state.change("cluster", call.region, name, Status=status)
    for member in members_of(call.state, call.region, name):
        call.state.change("instance", call.region, member["DBInstanceIdentifier"], DBInstanceStatus=status)
    args = {"resource": cluster["DbClusterResourceId"], "version": cluster["EngineVersion"]}
    call.desk.control.submit(kind, call.region, name, seconds(kind), args)
    return {"DBCluster": view(call.desk, call.region, changed)}


@job("stop-cluster")
class StopCluster(DeskJob):
    """Stops the server at once and reports it later, as Aurora does."""

    def early(self, job: Job) -> Work:
        """Stop the server."""
        return lambda: self.desk.fleet.stop_server(job.args["resource"])

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """Everything is stopped, for seven days at most."""
        cluster = self.cluster(job)
        if cluster is None:
            return
        name = cluster["DBClusterIdentifier"]
        again = self.desk.clock.now() + STAYS_STOPPED
        self.desk.state.change("cluster", job.region, name, Status="stopped", AutomaticRestartTime=again)
        for member in members_of(self.desk.state, job.region, name):
            id = member["DBInstanceIdentifier"]
            self.desk.state.change("instance", job.region, id, DBInstanceStatus="stopped", _up=False)
            emit(self.desk, job.region, "instance-stopped", id)
        emit(self.desk, job.region, "cluster-stopped", name)

    def fail(self, job: Job, status: str, message: str) -> None:
        """The cluster is left in that status."""
        fail_cluster(self.desk, job, status, message)


@job("start-cluster")
class StartCluster(DeskJob):
    """Starts the server when the time has come."""

    def late(self, job: Job, early: Any) -> Work:
        """Boot with the parameters as they are now."""
        cluster = self.cluster(job)
        if cluster is not None:
            for member in members_of(self.desk.state, job.region, cluster["DBClusterIdentifier"]):
                servers.boot(self.desk, job.region, member)
        return lambda: self.desk.fleet.settle(job.region, job.args["resource"], job.args["version"])

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """Everything is available."""
        cluster = self.cluster(job)
        if cluster is None:
            return
        name = cluster["DBClusterIdentifier"]
        self.desk.state.change("cluster", job.region, name, Status="available", AutomaticRestartTime=None)
        for member in members_of(self.desk.state, job.region, name):
            id = member["DBInstanceIdentifier"]
            self.desk.state.change("instance", job.region, id, DBInstanceStatus="available")
            emit(self.desk, job.region, "instance-started", id)
        emit(self.desk, job.region, "cluster-started", name)

    def fail(self, job: Job, status: str, message: str) -> None:
        """The cluster is left in that status."""
        fail_cluster(self.desk, job, status, message)


@changes("FailoverDBCluster", "DBClusterIdentifier", "TargetDBInstanceIdentifier")
def failover_cluster(call: Call) -> Doc:
    """Begin to make a reader the writer."""
    cluster = find_cluster(call, call.params["DBClusterIdentifier"])
    require_status(cluster, "available")
    members = members_of(call.state, call.region, cluster["DBClusterIdentifier"])
    heirs = [row for row in members if not row.get("_writer") and row["DBInstanceStatus"] == "available"]
    target = call.get("TargetDBInstanceIdentifier", heirs[0]["DBInstanceIdentifier"] if heirs else "").lower()
    if not any(row["DBInstanceIdentifier"] == target for row in heirs):
        raise fault(
            "InvalidDBClusterStateFault", f"DB cluster {cluster['DBClusterIdentifier']} has no reader to fail over to."
        )  # guess: the sentence; the code is one of the operation's own
    name = cluster["DBClusterIdentifier"]
    changed = call.state.change("cluster", call.region, name, Status="failing-over")
    emit_failover(call.desk, call.region, name, members, target)
    args = {"resource": cluster["DbClusterResourceId"], "version": cluster["EngineVersion"], "target": target}
    call.desk.control.submit("failover-cluster", call.region, name, seconds("failover-cluster"), args)
    return {"DBCluster": view(call.desk, call.region, changed)}


@job("failover-cluster")
class FailoverCluster(DeskJob):
    """Connections drop, and the writer is another instance."""

    def late(self, job: Job, early: Any) -> Work:
        """Change roles, then restart the server: a promoted reader boots with its own parameters."""
        cluster = self.cluster(job)
        if cluster is not None:
            promote(self.desk, job.region, cluster["DBClusterIdentifier"], job.args["target"])
        return lambda: self.desk.fleet.restart(job.region, job.args["resource"], job.args["version"])

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The cluster is available again."""
        cluster = self.cluster(job)
        if cluster is not None:
            name = cluster["DBClusterIdentifier"]
            self.desk.state.change("cluster", job.region, name, Status="available")
            emit(self.desk, job.region, "failover-completed", name, name=job.args["target"])

    def fail(self, job: Job, status: str, message: str) -> None:
        """The old writer stays; the cluster is left in that status."""
        fail_cluster(self.desk, job, status, message)


def promote(desk: Desk, region: str, cluster: str, target: str) -> None:
    """Make this instance the writer; the caller lets the server restart."""
    for member in members_of(desk.state, region, cluster):
        id = member["DBInstanceIdentifier"]
        changed = desk.state.change("instance", region, id, _writer=id == target)
        if id == target:
            servers.boot(desk, region, changed)


@changes("RebootDBCluster", "DBClusterIdentifier")
def reboot_cluster(call: Call) -> Doc:
    """Refused: the model says "only for a non-Aurora Multi-AZ DB cluster" (the code is a guess)."""
    cluster = find_cluster(call, call.params["DBClusterIdentifier"])
    raise fault(
        "InvalidDBClusterStateFault",
        f"DB cluster {cluster['DBClusterIdentifier']} is an Aurora DB cluster. Reboot its DB instances instead.",
    )
