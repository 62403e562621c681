"""The deletion of a cluster: its conditions, the final snapshot, and what is left afterwards."""

from __future__ import annotations

from typing import Any

from daybreak.lab.control.jobs import Job, Work
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination
from daybreak.lab.rds.addresses import Address
from daybreak.lab.rds.clusters.clusters import fail_cluster, view
from daybreak.lab.rds.clusters.naming import give_back_host
from daybreak.lab.rds.desk import Call, DeskJob, changes, job, members_of
from daybreak.lab.rds.durations import seconds
from daybreak.lab.rds.events import emit
from daybreak.lab.rds.known import find_cluster, require_status
from daybreak.lab.rds.membership import refuse_deletion
from daybreak.lab.rds.snapshots.backups import after_deletion
from daybreak.lab.rds.snapshots.snapshots import begin_final_snapshot, finish_final_snapshot

_DELETABLE_OTHERWISE = ("available", "stopped")
_BUSY = frozenset(
    {"creating", "deleting", "stopping", "starting", "modifying", "renaming", "failing-over", "migrating"}
)


_GOES_ON = frozenset({"delete-instance", "create-snapshot"})
"""Jobs that the deletion of their cluster does not end: a snapshot that has begun is finished first."""


@changes(
    "DeleteDBCluster", "DBClusterIdentifier", "SkipFinalSnapshot", "FinalDBSnapshotIdentifier", "DeleteAutomatedBackups"
)
def delete_cluster(call: Call) -> Doc:
    """Begin to delete a cluster without instances; its backups go with it unless the call keeps them."""
    cluster = find_cluster(call, call.params["DBClusterIdentifier"])
    final = _check_delete(call, cluster)
    name, resource = cluster["DBClusterIdentifier"], cluster["DbClusterResourceId"]
    for other in call.desk.control.jobs(call.region, resource=resource):
        if other.kind not in _GOES_ON:
            call.desk.control.cancel(other)
    if final is not None:
        begin_final_snapshot(call, cluster, final)
    changed = call.state.change("cluster", call.region, name, Status="deleting")
    args = {
        "resource": resource,
        "version": cluster["EngineVersion"],
        "final": final,
        "keep": not call.get("DeleteAutomatedBackups", True) and not cluster.get("_broken"),
        "secret": cluster.get("MasterUserSecret", {}).get("SecretArn"),
    }
    call.desk.control.submit("delete-cluster", call.region, name, seconds("delete-cluster"), args)
    return {"DBCluster": view(call.desk, call.region, changed)}


def _check_delete(call: Call, cluster: Doc) -> str | None:
    """Refuse what AWS refuses; return the identifier of the final snapshot, if the call asks for one."""
    refuse_deletion(call, cluster)
    if cluster["DeletionProtection"]:
        raise invalid_combination("Cannot delete protected Cluster, please disable deletion protection and try again.")
    if cluster["Status"] in _BUSY:
        require_status(cluster, *_DELETABLE_OTHERWISE)
    members = members_of(call.state, call.region, cluster["DBClusterIdentifier"])
    if any(member["DBInstanceStatus"] != "deleting" for member in members):
        raise fault(
            "InvalidDBClusterStateFault",
            "Cluster cannot be deleted, it still contains DB instances in non-deleting state.",
        )
    final, skip = call.get("FinalDBSnapshotIdentifier"), call.get("SkipFinalSnapshot", False)
    if final and skip:
        raise invalid_combination("FinalDBSnapshotIdentifier can't be specified if SkipFinalSnapshot is specified.")
    if not final and not skip:
        raise invalid_combination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
    if final and cluster.get("_broken"):
        require_status(cluster, "available")
    return str(final) if final else None


@job("delete-cluster")
class DeleteCluster(DeskJob):
    """Takes the final snapshot first, deletes when its members are gone."""

    def early(self, job: Job) -> Work | None:
        """Take the final snapshot."""
        args = job.args
        if args["final"] is None:
            return None
        source = (args["resource"], args["version"])
        snapshot = self.desk.state.get("snapshot", job.region, args["final"].lower())
        place = snapshot["_place"] if snapshot else None
        return (lambda: self.desk.fleet.snapshot(job.region, source, place)) if place else None

    def late(self, job: Job, early: Any) -> Work:
        """Delete the data, and the secret that RDS managed for it."""
        args, desk = job.args, self.desk

        def work() -> None:
            if args["keep"]:
                desk.fleet.retire(job.region, args["resource"], args["version"], keep_backups=True)
            else:
                desk.fleet.erase(job.region, args["resource"])
            if args["secret"]:
                secrets = desk.world.client("secretsmanager", job.region)
                secrets.delete_secret(SecretId=args["secret"], ForceDeleteWithoutRecovery=True)

        return work

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The cluster is gone, with everything that belonged only to it."""
        cluster = self.cluster(job)
        if cluster is None:
            return
        name = cluster["DBClusterIdentifier"]
        if job.args["final"] is not None:
            finish_final_snapshot(self.desk, job.region, job.args["final"])
        after_deletion(self.desk, job.region, cluster, keep=job.args["keep"])
        for member in members_of(self.desk.state, job.region, name):
            give_back_host(self.desk, job.region, member)
            self.desk.state.drop("instance", job.region, member["DBInstanceIdentifier"])
        for row in self.desk.state.all("endpoint", job.region):
            if row["DBClusterIdentifier"] == name:
                self.desk.state.drop("endpoint", job.region, row["DBClusterEndpointIdentifier"])
        self.desk.state.drop("cluster", job.region, name)
        for host in {cluster["Endpoint"], cluster["ReaderEndpoint"]}:
            self.desk.fleet.addresses.give_back(Address(host, cluster["Port"]))
        emit(self.desk, job.region, "cluster-deleted", name)

    def fail(self, job: Job, status: str, message: str) -> None:
        """The cluster is left in that status."""
        fail_cluster(self.desk, job, status, message)
