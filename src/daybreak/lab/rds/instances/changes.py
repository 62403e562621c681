"""Instances rebooted and changed."""

from __future__ import annotations

from typing import Any

from daybreak.lab.control.jobs import Job, Work
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.errors import invalid_combination
from daybreak.lab.rds import catalog, parameter_groups, watching
from daybreak.lab.rds.desk import Call, changes, job
from daybreak.lab.rds.durations import seconds
from daybreak.lab.rds.events import emit
from daybreak.lab.rds.instances.instances import (
    OF_THE_CLUSTER,
    PLAIN,
    InstanceJob,
    check_class,
    find_instance,
    own_settings,
    require_available,
    view,
)
from daybreak.lab.rds.known import find_cluster


@changes("RebootDBInstance", "DBInstanceIdentifier", "ForceFailover")
def reboot_instance(call: Call) -> Doc:
    """Begin to restart an instance; for the writer, this restarts the cluster's server with the groups' values of that time."""
    instance = find_instance(call, call.params["DBInstanceIdentifier"])
    require_available(instance)
    if call.get("ForceFailover"):
        raise invalid_combination("ForceFailover cannot be specified for a member of a DB cluster.")
    return begin(call, instance, "rebooting", "reboot-instance")


def begin(call: Call, instance: Doc, status: str, kind: str, *, events: Doc | None = None, **members: Any) -> Doc:
    """Begin a job of that kind on the instance, which has that status and these members until it ends."""
    name = instance["DBInstanceIdentifier"]
    cluster = find_cluster(call, instance["DBClusterIdentifier"])
    changed = call.state.change("instance", call.region, name, DBInstanceStatus=status, **members)
    args = {
        "instance": name,
        "resource": cluster["DbClusterResourceId"],
        "version": cluster["EngineVersion"],
        "writer": bool(instance.get("_writer")),
        "events": events or {},
    }
    call.desk.control.submit(kind, call.region, name, seconds(kind), args)
    return {"DBInstance": view(call.desk, call.region, changed)}


@job("reboot-instance")
class RebootInstance(InstanceJob):
    """Stops at once and starts at the deadline; a reader is another name of the writer here, so nothing happens to it."""

    def early(self, job: Job) -> Work | None:
        """Stop the server if it was the writer's."""
        instance = self.instance(job)
        if instance is None or not job.args["writer"]:
            return None
        self.desk.state.change("instance", job.region, job.args["instance"], _up=False)
        emit(self.desk, job.region, "instance-shutdown", job.args["instance"])
        return lambda: self.desk.fleet.stop_server(job.args["resource"])

    def late(self, job: Job, early: Any) -> Work | None:
        """Boot."""
        return self.boot(job)

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The instance is available."""
        self.available(job, "instance-restarted")


@changes(
    "ModifyDBInstance",
    "DBInstanceIdentifier",
    "DBInstanceClass",
    "DBParameterGroupName",
    "ApplyImmediately",
    *OF_THE_CLUSTER,
    *PLAIN,
    *watching.SETTINGS,
)
def modify_instance(call: Call) -> Doc:
    """Begin to change the instance; another class waits as pending unless ApplyImmediately is given."""
    instance = find_instance(call, call.params["DBInstanceIdentifier"])
    require_available(instance)
    cluster = find_cluster(call, instance["DBClusterIdentifier"])
    for parameter in OF_THE_CLUSTER:
        if call.get(parameter) is not None:
            raise invalid_combination(
                f"{parameter} cannot be changed on a member of a DB cluster. Modify the DB cluster."
            )
    catalog.check_certificate(call, "CACertificateIdentifier")
    members = own_settings(call, cluster, instance)
    if group := call.get("DBParameterGroupName"):
        kind, version = parameter_groups.INSTANCE, cluster["EngineVersion"]
        members["_parameter_group"] = parameter_groups.choose_group(call, kind, group, version)
    kind_of_job, is_now = "modify-instance", bool(call.get("ApplyImmediately"))
    if (size := call.get("DBInstanceClass")) and size != instance["DBInstanceClass"]:
        check_class(size, cluster)
        if is_now:
            members["_next_class"], kind_of_job = size, "change-instance-class"
        members["PendingModifiedValues"] = {"DBInstanceClass": size}
    return begin(call, instance, "modifying", kind_of_job, events=_events_of(members), **members)


def _events_of(members: Doc) -> Doc:
    """The events that follow when these members have changed, with their words; most changes have none."""
    events: Doc = {}
    if group := members.get("_parameter_group"):
        events["group-changed"] = {"group": group}
    if "MonitoringInterval" in members:
        events["monitoring-changed"] = {"seconds": members["MonitoringInterval"]}
    return events


@job("modify-instance")
class ModifyInstance(InstanceJob):
    """A change without an outage."""

    def late(self, job: Job, early: Any) -> Work:
        """Let the server follow."""
        return self.settle(job)

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The instance is available."""
        for event, words in job.args.get("events", {}).items():
            emit(self.desk, job.region, event, job.args["instance"], **words)
        self.available(job)


@job("change-instance-class")
class ChangeClass(RebootInstance):
    """Another class comes with a restart."""

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The instance is available, in its new class."""
        instance = self.instance(job)
        if instance is not None:
            size = instance.get("_next_class", instance["DBInstanceClass"])
            changed: Doc = {"DBInstanceClass": size, "_next_class": None, "PendingModifiedValues": {}}
            self.desk.state.change("instance", job.region, job.args["instance"], **changed)
        self.available(job, "instance-class-applied")
