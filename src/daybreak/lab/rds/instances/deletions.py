"""Instances stopped (never) and deleted."""

from __future__ import annotations

from typing import Any

from daybreak.lab.control.jobs import Job, Work
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination
from daybreak.lab.rds.clusters.clusters import promote
from daybreak.lab.rds.clusters.naming import give_back_host
from daybreak.lab.rds.desk import Call, changes, job, members_of
from daybreak.lab.rds.events import emit, emit_failover
from daybreak.lab.rds.instances.changes import begin
from daybreak.lab.rds.instances.instances import (
    InstanceJob,
    find_instance,
)
from daybreak.lab.rds.known import find_cluster, require_status
from daybreak.lab.rds.membership import refuse_last_instance


def _refuse_member(call: Call) -> Doc:
    """Refuse: a member stops and starts only with its cluster."""
    instance = find_instance(call, call.params["DBInstanceIdentifier"])
    raise invalid_combination(
        f"The DB instance {instance['DBInstanceIdentifier']} is a member of a DB cluster: "
        "stop and start are only supported for the whole DB cluster."
    )


changes("StopDBInstance", "DBInstanceIdentifier")(_refuse_member)
changes("StartDBInstance", "DBInstanceIdentifier")(_refuse_member)


@changes("DeleteDBInstance", "DBInstanceIdentifier", "SkipFinalSnapshot", "FinalDBSnapshotIdentifier")
def delete_instance(call: Call) -> Doc:
    """Begin to delete a member; the data is the cluster's and stays."""
    instance = find_instance(call, call.params["DBInstanceIdentifier"])
    name = instance["DBInstanceIdentifier"]
    if instance["DBInstanceStatus"] == "deleting":
        raise fault("InvalidDBInstanceStateFault", f"Instance {name} is already being deleted.")
    call.get("SkipFinalSnapshot")  # nothing depends on it: a member never has a snapshot of its own
    if call.get("FinalDBSnapshotIdentifier"):
        raise invalid_combination("FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance.")
    cluster = find_cluster(call, instance["DBClusterIdentifier"])
    refuse_last_instance(call, cluster, name)
    if cluster["Status"] in ("stopped", "stopping", "starting"):
        require_status(cluster, "available")
    for other in call.desk.control.jobs(call.region, instance=name):
        call.desk.control.cancel(other)
    return begin(call, instance, "deleting", "delete-instance")


@job("delete-instance")
class DeleteInstance(InstanceJob):
    """Stops at once; a reader takes over if there is one, else the endpoint is dead."""

    def early(self, job: Job) -> Work | None:
        """Make a reader the writer, or stop the server."""
        instance, state = self.instance(job), self.desk.state
        if instance is None or not instance.get("_writer"):
            return None
        cluster = instance["DBClusterIdentifier"]
        members = members_of(state, job.region, cluster)
        heirs = [row for row in members if not row.get("_writer") and row["DBInstanceStatus"] == "available"]
        if heirs:
            target = heirs[0]["DBInstanceIdentifier"]
            emit_failover(self.desk, job.region, cluster, members, target)
            promote(self.desk, job.region, cluster, target)
            emit(self.desk, job.region, "failover-completed", cluster, name=target)
        return lambda: self.desk.fleet.restart(job.region, job.args["resource"], job.args["version"])

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The instance is gone."""
        instance = self.desk.state.drop("instance", job.region, job.args["instance"])
        if instance is None:
            return
        give_back_host(self.desk, job.region, instance)
        emit(self.desk, job.region, "instance-deleted", job.args["instance"])
        for row in members_of(self.desk.state, job.region, instance["DBClusterIdentifier"])[:1]:
            if not row.get("_writer"):  # it was not available when its writer went: it becomes the writer now
                self.desk.state.change("instance", job.region, row["DBInstanceIdentifier"], _writer=True)
                self.desk.fleet.settle_soon(job.region, job.args["resource"])
