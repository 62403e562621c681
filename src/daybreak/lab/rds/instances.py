"""Instances: members of a cluster; the first one is the writer and brings the cluster's server up."""

from __future__ import annotations

from typing import Any

from daybreak.lab.control.jobs import Job, Work
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination, invalid_value
from daybreak.lab.rds import catalog, networks, parameter_groups
from daybreak.lab.rds.clusters import asked, servers
from daybreak.lab.rds.clusters.clusters import promote
from daybreak.lab.rds.desk import Call, Desk, DeskJob, changes, job, looks, members_of, public, resource_id
from daybreak.lab.rds.durations import seconds
from daybreak.lab.rds.events import emit, emit_failover, failure_sentence
from daybreak.lab.rds.identifiers import new_identifier, resolve_name
from daybreak.lab.rds.known import find_cluster, require_status
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.tags import check_tags

MOST_MEMBERS = 16

_OF_THE_CLUSTER = (
    "DBName",
    "MasterUsername",
    "MasterUserPassword",
    "ManageMasterUserPassword",
    "BackupRetentionPeriod",
    "PreferredBackupWindow",
    "VpcSecurityGroupIds",
    "Port",
    "StorageEncrypted",
    "KmsKeyId",
    "EnableIAMDatabaseAuthentication",
    "DeletionProtection",
    "EnableCloudwatchLogsExports",
    "StorageType",
    "Iops",
    "DatabaseInsightsMode",
)
"""Parameters that only a call for the cluster takes."""

_PLAIN = {
    "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "PubliclyAccessible": "PubliclyAccessible",
    "CopyTagsToSnapshot": "CopyTagsToSnapshot",
    "MonitoringInterval": "MonitoringInterval",
    "MonitoringRoleArn": "MonitoringRoleArn",
    "PromotionTier": "PromotionTier",
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
    "PerformanceInsightsKMSKeyId": "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "CACertificateIdentifier": "CACertificateIdentifier",
}
"""Parameters that are kept as they come, by the member they become."""


def find_instance(call: Call, value: str) -> Doc:
    """The instance a name or ARN in this region points at."""
    target = resolve_name(value, "db", call.region, call.desk.account)
    found = call.state.get("instance", call.region, target.id)
    if found is None or target.region != call.region or target.account != call.desk.account:
        raise fault("DBInstanceNotFoundFault", f"DBInstance {target.id} not found.")
    return found


def require_available(instance: Doc) -> None:
    """Refuse what an instance can only do while it is available."""
    if instance["DBInstanceStatus"] != "available":
        raise fault(
            "InvalidDBInstanceStateFault",
            f"Database instance is not in available state: {instance['DBInstanceStatus']}.",
        )


# -- looking ----------------------------------------------------------------------------------------------------------


def view(desk: Desk, region: str, instance: Doc) -> Doc:
    """The instance as AWS shows it; many of its members are its cluster's."""
    result = public(instance)
    apply_status = servers.parameter_status(desk, region, parameter_groups.INSTANCE, instance)
    result["DBParameterGroups"] = [
        {"DBParameterGroupName": instance["_parameter_group"], "ParameterApplyStatus": apply_status}
    ]
    cluster = desk.state.get("cluster", region, instance["DBClusterIdentifier"])
    if cluster is None:
        return result
    shared = (
        "MasterUsername",
        "EngineVersion",
        "VpcSecurityGroups",
        "StorageEncrypted",
        "StorageEncryptionType",
        "KmsKeyId",
        "BackupRetentionPeriod",
        "PreferredBackupWindow",
        "IAMDatabaseAuthenticationEnabled",
        "NetworkType",
        "EngineLifecycleSupport",
        "DatabaseInsightsMode",
        "EnabledCloudwatchLogsExports",
    )
    result |= {name: cluster[name] for name in shared if name in cluster}
    if cluster.get("DatabaseName"):
        result["DBName"] = cluster["DatabaseName"]
    group = desk.state.get("subnet-group", region, cluster["DBSubnetGroup"])
    if group is not None:
        result["DBSubnetGroup"] = {
            name: value for name, value in public(group).items() if name != "SupportedNetworkTypes"
        }
    name = instance["CACertificateIdentifier"]
    result["CertificateDetails"] = {"CAIdentifier": name, "ValidTill": instance["InstanceCreateTime"] + catalog.VALID}
    result["StorageType"] = cluster.get("StorageType", "aurora")
    if instance["DBInstanceStatus"] not in ("creating", "failed", "insufficient-capacity", "incompatible-network"):
        endpoint = {"Address": cluster["Endpoint"], "Port": cluster["Port"], "HostedZoneId": cluster["HostedZoneId"]}
        result["Endpoint"] = endpoint
    return result


FILTERS = {
    "db-cluster-id": lambda row: row["DBClusterIdentifier"],
    "db-instance-id": lambda row: row["DBInstanceIdentifier"],
    "dbi-resource-id": lambda row: row["DbiResourceId"],
    "domain": lambda row: [],
    "engine": lambda row: row["Engine"],
}


@looks("DescribeDBInstances", "DBInstanceIdentifier", *PAGES)
def describe_instances(call: Call) -> Doc:
    """One instance by name or ARN, or all of them in pages."""
    if name := call.get("DBInstanceIdentifier"):
        rows = filter_rows(call, [find_instance(call, name)], FILTERS)
    else:
        rows = filter_rows(call, call.state.all("instance", call.region), FILTERS)
    answer = page(call, rows, "DBInstances")
    answer["DBInstances"] = [view(call.desk, call.region, row) for row in answer["DBInstances"]]
    return answer


# -- making -----------------------------------------------------------------------------------------------------------


@changes(
    "CreateDBInstance",
    "DBInstanceIdentifier",
    "DBClusterIdentifier",
    "DBInstanceClass",
    "Engine",
    "EngineVersion",
    "DBParameterGroupName",
    "DBSubnetGroupName",
    "AvailabilityZone",
    "Tags",
    *_OF_THE_CLUSTER,
    *_PLAIN,
)
def create_instance(call: Call) -> Doc:
    """Begin to make a member of an available cluster."""
    name = new_identifier("DBInstanceIdentifier", call.params["DBInstanceIdentifier"])
    cluster = _check_cluster(call, name)
    members = members_of(call.state, call.region, cluster["DBClusterIdentifier"])
    version = cluster["EngineVersion"]
    group = parameter_groups.choose_group(call, parameter_groups.INSTANCE, call.get("DBParameterGroupName"), version)
    instance: Doc = {
        "DBInstanceIdentifier": name,
        "DBInstanceArn": call.desk.arn(call.region, "db", name),
        "DbiResourceId": resource_id("db-"),
        "DBInstanceClass": call.params["DBInstanceClass"],
        "DBInstanceStatus": "creating",
        "Engine": asked.ENGINE,
        "LicenseModel": "postgresql-license",
        "DBClusterIdentifier": cluster["DBClusterIdentifier"],
        "AllocatedStorage": 1,
        "InstanceCreateTime": call.desk.clock.now(),
        "AvailabilityZone": _zone(call, cluster, members),
        "MultiAZ": False,
        "DBSecurityGroups": [],
        "OptionGroupMemberships": [{"OptionGroupName": _option_group(version), "Status": "in-sync"}],
        "ReadReplicaDBInstanceIdentifiers": [],
        "DomainMemberships": [],
        "AssociatedRoles": [],
        "PendingModifiedValues": {},
        "CustomerOwnedIpEnabled": False,
        "DedicatedLogVolume": False,
        "DeletionProtection": False,  # of a member, whatever its cluster has
        "StorageThroughput": 0,
        "UpgradeRolloutOrder": "second",
        "DbInstancePort": 0,
        "PreferredMaintenanceWindow": cluster["PreferredMaintenanceWindow"],
        "AutoMinorVersionUpgrade": True,
        "PubliclyAccessible": False,
        "CopyTagsToSnapshot": False,
        "MonitoringInterval": 0,
        "PromotionTier": 1,
        "PerformanceInsightsEnabled": False,
        "CACertificateIdentifier": catalog.DEFAULT_CERTIFICATE,
        "BackupTarget": "region",
        "TagList": check_tags(call.get("Tags", [])),
        "_parameter_group": group,
        "_writer": not any(member.get("_writer") for member in members),
        "_up": False,
        **{member: call.get(parameter) for parameter, member in _PLAIN.items() if call.get(parameter) is not None},
    }
    call.state.put("instance", call.region, name, instance)
    args = {"instance": name, "resource": cluster["DbClusterResourceId"], "version": version}
    call.desk.control.submit("create-instance", call.region, name, seconds("create-instance"), args)
    return {"DBInstance": view(call.desk, call.region, instance)}


def _check_cluster(call: Call, name: str) -> Doc:
    if call.params["Engine"] != asked.ENGINE:
        raise invalid_combination(f"Invalid DB engine: {call.params['Engine']}")
    if not call.get("DBClusterIdentifier"):
        raise invalid_combination(f"The engine {asked.ENGINE} needs a DB cluster.")  # guess: the sentence
    if call.state.get("instance", call.region, name):
        raise fault("DBInstanceAlreadyExistsFault", "DB instance already exists")
    cluster = find_cluster(call, call.params["DBClusterIdentifier"])
    require_status(cluster, "available")  # guess: the code for an instance in a cluster that is still being made
    for parameter in _OF_THE_CLUSTER:
        if call.get(parameter) not in (None, cluster.get(parameter)):
            raise invalid_combination(
                f"The requested DB Instance will be a member of a DB Cluster. Set {parameter} for the DB Cluster."
            )
    if call.get("EngineVersion") not in (None, cluster["EngineVersion"]):
        raise invalid_combination("The engine version that you requested for your DB instance does not match.")
    if (group := call.get("DBSubnetGroupName")) and group.lower() != cluster["DBSubnetGroup"]:
        networks.subnet_group(call, group)
        raise invalid_combination("The DB subnet group of a member must be that of its DB cluster.")
    _check_class(call.params["DBInstanceClass"], cluster)
    catalog.check_certificate(call, "CACertificateIdentifier")
    if len(members_of(call.state, call.region, cluster["DBClusterIdentifier"])) >= MOST_MEMBERS:
        raise fault("InstanceQuotaExceededFault", "DB Instance quota exceeded for this DB cluster")
    _check_tier(call)
    return cluster


def _check_class(name: str, cluster: Doc) -> None:
    if name not in catalog.INSTANCE_CLASSES:
        raise invalid_value(f"Invalid DB Instance class: {name}")
    if name == "db.serverless" and "ServerlessV2ScalingConfiguration" not in cluster:
        raise fault(
            "InvalidDBClusterStateFault",
            "Set the Serverless v2 scaling configuration on the parent DB cluster before creating a Serverless v2 DB "
            "instance.",
        )


def _check_tier(call: Call) -> None:
    if not 0 <= call.get("PromotionTier", 1) <= 15:
        raise invalid_value("Invalid promotion tier. Must be between 0 and 15.")


def _option_group(version: str) -> str:
    return f"default:{asked.ENGINE}-{version.partition('.')[0]}"


def _zone(call: Call, cluster: Doc, members: list[Doc]) -> str:
    zones = cluster["AvailabilityZones"]
    zone = call.get("AvailabilityZone", zones[len(members) % len(zones)])
    if zone not in zones:
        raise invalid_combination(f"The subnet group of the DB cluster does not cover {zone}.")
    return str(zone)


class InstanceJob(DeskJob):
    """Something that happens to one instance."""

    broken_status = "incompatible-parameters"
    """When a server does not start, its groups' values are nearly always the cause."""

    def instance(self, job: Job) -> Doc | None:
        """The instance, unless it is gone."""
        return self.desk.state.get("instance", job.region, job.args["instance"])

    def fail(self, job: Job, status: str, message: str) -> None:
        """The instance is left in that status."""
        name = job.args["instance"]
        if self.instance(job) is None:
            return
        reason = failure_sentence(status, message, "instance", name)
        emit(self.desk, job.region, "instance-failed", name, reason=reason)
        self.desk.state.change("instance", job.region, name, DBInstanceStatus=status)
        self.desk.fleet.settle_soon(job.region, job.args["resource"])

    def settle(self, job: Job) -> Work:
        """Let the server follow the documents."""
        return lambda: self.desk.fleet.settle(job.region, job.args["resource"], job.args["version"])

    def available(self, job: Job, event: str | None = None) -> None:
        """The instance is available."""
        if self.instance(job) is not None:
            self.desk.state.change("instance", job.region, job.args["instance"], DBInstanceStatus="available")
            if event:
                emit(self.desk, job.region, event, job.args["instance"])


@job("create-instance")
class CreateInstance(InstanceJob):
    """Starts the server at the deadline; until then nothing answers."""

    def late(self, job: Job, early: Any) -> Work | None:
        """Boot; available only when it accepts connections."""
        instance = self.instance(job)
        if instance is None:
            return None
        servers.boot(self.desk, job.region, instance)
        return self.settle(job)

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The instance is there; what it has beside PostgreSQL is configured, or it is available."""
        instance = self.instance(job)
        if instance is None:
            return
        emit(self.desk, job.region, "instance-created", job.args["instance"])
        self.configure(job, _left_to_configure(self.desk, job.region, instance))

    def configure(self, job: Job, left: list[str]) -> None:
        """Go on with the first of these statuses, or be available."""
        status = left[0] if left else "available"
        self.desk.state.change("instance", job.region, job.args["instance"], DBInstanceStatus=status)
        if left:
            args = {**job.args, "left": left[1:]}
            self.desk.control.follow(job, "configure-instance", seconds("configure-instance"), args)


@job("configure-instance")
class ConfigureInstance(CreateInstance):
    """Keeps a new instance from being available, while its server answers already; guess: how long, and in which order."""

    def late(self, job: Job, early: Any) -> Work | None:
        """Nothing: the server runs."""
        return None

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The next one, or the end."""
        if self.instance(job) is not None:
            self.configure(job, job.args["left"])


def _left_to_configure(desk: Desk, region: str, instance: Doc) -> list[str]:
    """The statuses through which a new instance passes until it is available."""
    cluster = desk.state.get("cluster", region, instance["DBClusterIdentifier"]) or {}
    steps = {
        "configuring-enhanced-monitoring": instance["MonitoringInterval"],
        "configuring-iam-database-auth": cluster.get("IAMDatabaseAuthenticationEnabled"),
        "configuring-log-exports": cluster.get("EnabledCloudwatchLogsExports"),
    }
    return [status for status, is_wanted in steps.items() if is_wanted]


# -- rebooting and changing -------------------------------------------------------------------------------------------


@changes("RebootDBInstance", "DBInstanceIdentifier", "ForceFailover")
def reboot_instance(call: Call) -> Doc:
    """Begin to restart an instance; for the writer, this restarts the cluster's server with the groups' values of that time."""
    instance = find_instance(call, call.params["DBInstanceIdentifier"])
    require_available(instance)
    if call.get("ForceFailover"):
        raise invalid_combination("ForceFailover cannot be specified for a member of a DB cluster.")
    return _begin(call, instance, "rebooting", "reboot-instance")


def _begin(call: Call, instance: Doc, status: str, kind: str, *, events: Doc | None = None, **members: Any) -> Doc:
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
        instance = self.instance(job)
        if instance is None:
            return None
        servers.boot(self.desk, job.region, instance)
        return self.settle(job)

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The instance is available."""
        self.available(job, "instance-restarted")


@changes(
    "ModifyDBInstance",
    "DBInstanceIdentifier",
    "DBInstanceClass",
    "DBParameterGroupName",
    "ApplyImmediately",
    *_OF_THE_CLUSTER,
    *_PLAIN,
)
def modify_instance(call: Call) -> Doc:
    """Begin to change the instance; another class waits as pending unless ApplyImmediately is given."""
    instance = find_instance(call, call.params["DBInstanceIdentifier"])
    require_available(instance)
    cluster = find_cluster(call, instance["DBClusterIdentifier"])
    for parameter in _OF_THE_CLUSTER:
        if call.get(parameter) is not None:
            raise invalid_combination(
                f"{parameter} cannot be changed on a member of a DB cluster. Modify the DB cluster."
            )
    _check_tier(call)
    catalog.check_certificate(call, "CACertificateIdentifier")
    members = {member: call.get(name) for name, member in _PLAIN.items() if call.get(name) is not None}
    if group := call.get("DBParameterGroupName"):
        kind, version = parameter_groups.INSTANCE, cluster["EngineVersion"]
        members["_parameter_group"] = parameter_groups.choose_group(call, kind, group, version)
    kind_of_job, is_now = "modify-instance", bool(call.get("ApplyImmediately"))
    if (size := call.get("DBInstanceClass")) and size != instance["DBInstanceClass"]:
        _check_class(size, cluster)
        if is_now:
            members["_next_class"], kind_of_job = size, "change-instance-class"
        members["PendingModifiedValues"] = {"DBInstanceClass": size}
    return _begin(call, instance, "modifying", kind_of_job, events=_events_of(members), **members)


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


# -- stopping (never) and deleting ------------------------------------------------------------------------------------


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
    if cluster["Status"] in ("stopped", "stopping", "starting"):
        require_status(cluster, "available")
    for other in call.desk.control.jobs(call.region, instance=name):
        call.desk.control.cancel(other)
    return _begin(call, instance, "deleting", "delete-instance")


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
        emit(self.desk, job.region, "instance-deleted", job.args["instance"])
        for row in members_of(self.desk.state, job.region, instance["DBClusterIdentifier"])[:1]:
            if not row.get("_writer"):  # it was not available when its writer went: it becomes the writer now
                self.desk.state.change("instance", job.region, row["DBInstanceIdentifier"], _writer=True)
                self.desk.fleet.settle_soon(job.region, job.args["resource"])
