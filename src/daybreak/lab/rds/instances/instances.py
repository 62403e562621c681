"""Instances looked at and made: the first member of a cluster is the writer and brings the cluster's server up."""

from __future__ import annotations

from typing import Any

from daybreak.lab.control.jobs import Job, Work
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination, invalid_value
from daybreak.lab.rds import catalog, networks, parameter_groups, watching
from daybreak.lab.rds.clusters import asked, servers
from daybreak.lab.rds.clusters.naming import own_host
from daybreak.lab.rds.desk import Call, Desk, DeskJob, changes, job, looks, members_of, public, resource_id
from daybreak.lab.rds.durations import seconds
from daybreak.lab.rds.events import emit, failure_sentence
from daybreak.lab.rds.identifiers import new_identifier, resolve_name
from daybreak.lab.rds.known import find_cluster, require_status
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.tagging import check_tags

MOST_MEMBERS = 16

OF_THE_CLUSTER = (
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

PLAIN = {
    "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "PubliclyAccessible": "PubliclyAccessible",
    "CopyTagsToSnapshot": "CopyTagsToSnapshot",
    "PromotionTier": "PromotionTier",
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
        host, port = instance.get("_host") or cluster["ReaderEndpoint"], cluster["Port"]
        result["Endpoint"] = {"Address": host, "Port": port, "HostedZoneId": cluster["HostedZoneId"]}
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
    *OF_THE_CLUSTER,
    *PLAIN,
    *watching.SETTINGS,
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
        "_host": own_host(call.desk, cluster["Port"]),
        **own_settings(call, cluster, {}),
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
    for parameter in OF_THE_CLUSTER:
        if call.get(parameter) not in (None, cluster.get(parameter)):
            raise invalid_combination(
                f"The requested DB Instance will be a member of a DB Cluster. Set {parameter} for the DB Cluster."
            )
    if call.get("EngineVersion") not in (None, cluster["EngineVersion"]):
        raise invalid_combination("The engine version that you requested for your DB instance does not match.")
    if (group := call.get("DBSubnetGroupName")) and group.lower() != cluster["DBSubnetGroup"]:
        networks.subnet_group(call, group)
        raise invalid_combination("The DB subnet group of a member must be that of its DB cluster.")
    check_class(call.params["DBInstanceClass"], cluster)
    catalog.check_certificate(call, "CACertificateIdentifier")
    if len(members_of(call.state, call.region, cluster["DBClusterIdentifier"])) >= MOST_MEMBERS:
        raise fault("InstanceQuotaExceededFault", "DB Instance quota exceeded for this DB cluster")
    return cluster


def own_settings(call: Call, cluster: Doc, instance: Doc) -> Doc:
    """The members that the call gives of an instance's own, if AWS takes them beside the cluster's and the instance's."""
    new = {member: call.get(parameter) for parameter, member in PLAIN.items() if call.get(parameter) is not None}
    if weekly := new.get("PreferredMaintenanceWindow"):
        times = asked.check_times(cluster["PreferredBackupWindow"], weekly)
        new["PreferredMaintenanceWindow"] = times["PreferredMaintenanceWindow"]
    return new | watching.settings(call, instance)


def check_class(name: str, cluster: Doc) -> None:
    """Refuse a class that does not exist, or that the cluster is not ready for."""
    if name not in catalog.INSTANCE_CLASSES:
        raise invalid_value(f"Invalid DB Instance class: {name}")
    if name == "db.serverless" and "ServerlessV2ScalingConfiguration" not in cluster:
        raise fault(
            "InvalidDBClusterStateFault",
            "Set the Serverless v2 scaling configuration on the parent DB cluster before creating a Serverless v2 DB "
            "instance.",
        )


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

    def boot(self, job: Job) -> Work | None:
        """Start an instance's server with its groups' values as they are now, unless it is gone."""
        instance = self.instance(job)
        if instance is None:
            return None
        servers.boot(self.desk, job.region, instance)
        return self.settle(job)

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
        return self.boot(job)

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The instance is there; what it has beside PostgreSQL is configured, or it is available."""
        instance = self.instance(job)
        if instance is None:
            return
        emit(self.desk, job.region, "instance-created", job.args["instance"])
        self.configure(job, _steps_left(self.desk, job.region, instance))

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


def _steps_left(desk: Desk, region: str, instance: Doc) -> list[str]:
    """The statuses through which a new instance passes until it is available."""
    cluster = desk.state.get("cluster", region, instance["DBClusterIdentifier"]) or {}
    steps = {
        "configuring-enhanced-monitoring": instance["MonitoringInterval"],
        "configuring-iam-database-auth": cluster.get("IAMDatabaseAuthenticationEnabled"),
        "configuring-log-exports": cluster.get("EnabledCloudwatchLogsExports"),
    }
    return [status for status, is_wanted in steps.items() if is_wanted]
