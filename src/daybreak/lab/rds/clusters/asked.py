"""What a call asks for a cluster: the settings that create and both restores share, checked as AWS checks them.

The law: we check everything before we change anything. What a call leaves out becomes AWS's default, never the source's
setting, unless AWS inherits it (FACTS 4.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination, invalid_value
from daybreak.lab.rds import networks, parameter_groups, watching, windows
from daybreak.lab.rds.addresses import Address
from daybreak.lab.rds.clusters import naming
from daybreak.lab.rds.desk import Call, resource_id
from daybreak.lab.rds.durations import DEFAULT_GIGABYTES
from daybreak.lab.rds.identifiers import new_identifier
from daybreak.lab.rds.values import LIFECYCLES

ENGINE = "aurora-postgresql"
LOG_TYPES = frozenset({"instance", "postgresql", "iam-db-auth-error"})
STORAGE_TYPES = ("aurora", "aurora-iopt1")
MOST_CLUSTERS = 40
MOST_ROLES = 5
"""The most roles of one cluster."""

SERVICES = ("DatabaseInsightsMode", *watching.SETTINGS)
"""Parameters of what watches a cluster."""

TAKEN = (
    "DBClusterIdentifier",
    "Engine",
    "EngineVersion",
    "EngineMode",
    "DBSubnetGroupName",
    "VpcSecurityGroupIds",
    "DBClusterParameterGroupName",
    "EnableCloudwatchLogsExports",
    "EnableIAMDatabaseAuthentication",
    "EnableLocalWriteForwarding",
    "DeletionProtection",
    "CopyTagsToSnapshot",
    "EngineLifecycleSupport",
    "AutoMinorVersionUpgrade",
    "PreferredMaintenanceWindow",
    "PreferredBackupWindow",
    "BackupRetentionPeriod",
    "NetworkType",
    "AssociatedRoles",
    "StorageType",
    "ServerlessV2ScalingConfiguration",
    "KmsKeyId",
    "Port",
    "Tags",
    *SERVICES,
)
"""The parameters that create and both restores share."""


def check_new_cluster(call: Call) -> str:
    """The new cluster's identifier, if it is valid and free."""
    name = new_identifier("DBClusterIdentifier", str(call.params["DBClusterIdentifier"]))
    if call.state.get("cluster", call.region, name) is not None:
        raise fault("DBClusterAlreadyExistsFault", "DB Cluster already exists")
    if len(call.state.all("cluster", call.region)) >= MOST_CLUSTERS:
        raise fault("DBClusterQuotaExceededFault", "DB Cluster quota exceeded")
    if call.get("EngineMode", "provisioned") != "provisioned":
        raise invalid_combination("The engine mode you requested is currently unavailable.")
    return name


def choose_version(call: Call, default: str | None = None) -> str:
    """The requested engine version, or the default; refuses all that the region does not list."""
    if (engine := call.get("Engine", ENGINE)) != ENGINE:
        raise invalid_combination(f"Invalid DB engine: {engine}")
    fleet = call.desk.fleet
    version = call.get("EngineVersion") or default or fleet.installs()[fleet.majors()[-1]].version
    return version if version == default else choose_known_version(call, version)


def choose_known_version(call: Call, version: str) -> str:
    """The version, if the region lists it (in AWS many, here one of each major), or that of a bare major."""
    listed = {str(major): each.version for major, each in call.desk.fleet.installs().items()}
    if version not in (*listed, *listed.values()):
        raise invalid_combination(f"Cannot find version {version} for {ENGINE}")
    return listed.get(version, version)


def parts(version: str) -> list[int]:
    """The numbers of a version, for comparing."""
    return [int(each) for each in version.split(".") if each.isdigit()]


def cluster_settings(call: Call, version: str) -> Doc:
    """The members that both create and restore take from the call, or from AWS's defaults."""
    group = networks.choose_subnet_group(call)
    return {
        "DBSubnetGroup": group["DBSubnetGroupName"],
        "VpcSecurityGroups": networks.choose_security_groups(call, group["VpcId"]),
        "DBClusterParameterGroup": parameter_groups.choose_group(
            call, parameter_groups.CLUSTER, call.get("DBClusterParameterGroupName"), version
        ),
        "AvailabilityZones": networks.zones_of(group),
        "EnabledCloudwatchLogsExports": log_types(call.get("EnableCloudwatchLogsExports", []), version),
        "IAMDatabaseAuthenticationEnabled": call.get("EnableIAMDatabaseAuthentication", False),
        "DeletionProtection": call.get("DeletionProtection", False),
        "CopyTagsToSnapshot": call.get("CopyTagsToSnapshot", False),
        "EngineLifecycleSupport": call.get("EngineLifecycleSupport", LIFECYCLES[0]),
        "NetworkType": networks.network_type(call, group),
        "AssociatedRoles": roles_to_associate(call),
        **storage(call),
        **scaling(call),
    }


def storage(call: Call) -> Doc:
    """The storage type; a cluster without the member has plain ``aurora``."""
    kind = call.get("StorageType", "aurora")
    if kind not in STORAGE_TYPES:
        raise invalid_combination(f"Invalid storage type for DB engine {ENGINE}: {kind}")
    return {"StorageType": kind} if kind != "aurora" else {}


def scaling(call: Call) -> Doc:
    """The range of Serverless v2, if the call gives one."""
    given: Doc | None = call.get("ServerlessV2ScalingConfiguration")
    if given is None:
        return {}
    low, high = given.get("MinCapacity"), given.get("MaxCapacity")
    if low is None or high is None or low > high:
        raise invalid_value("Serverless v2 capacity needs a minimum and a maximum that is not smaller.")
    if low and "SecondsUntilAutoPause" in given:
        # anomalyco/sst#5276 quotes the answer [I]
        raise invalid_value("SecondsUntilAutoPause can only be specified when minimum capacity is 0.")
    shown = {} if low else {"SecondsUntilAutoPause": given.get("SecondsUntilAutoPause", 300)}
    return {"ServerlessV2ScalingConfiguration": {"MinCapacity": low, "MaxCapacity": high, **shown}}


def services(call: Call, cluster: Doc) -> Doc:
    """The members of what watches a cluster: what the call gives, else the cluster's."""
    mode = call.get("DatabaseInsightsMode")
    new = watching.settings(call, cluster) | ({"DatabaseInsightsMode": mode} if mode else {})
    now = {**cluster, **new}
    has_long_insights = (
        now.get("PerformanceInsightsEnabled") and now.get("PerformanceInsightsRetentionPeriod", 7) >= 465
    )
    if now.get("DatabaseInsightsMode") == "advanced" and not has_long_insights:
        raise invalid_combination("Advanced Database Insights needs Performance Insights kept for at least 465 days.")
    return new


def log_types(types: list[str], version: str) -> list[str]:
    """The logs to export, if the engine has them all."""
    if wrong := sorted(set(types) - LOG_TYPES):
        raise invalid_combination(
            f"You cannot use the log types '{', '.join(wrong)}' with engine version {ENGINE} {version}. "
            f"For supported log types, see the documentation."
        )
    return sorted(set(types))


def retention(call: Call, default: int) -> int:
    """The backup retention in days."""
    return int(call.get("BackupRetentionPeriod", default))


def roles_to_associate(call: Call) -> list[Doc]:
    """The roles in the call itself."""
    roles: list[Doc] = []
    for role in call.get("AssociatedRoles", []):
        roles.append(role_to_add(call, roles, role))
    return roles


def role_to_add(call: Call, worn: Sequence[Doc], role: Mapping[str, Any]) -> Doc:
    """A role as a cluster lists it beside those that it has, if IAM has it and it is for one of the engine's features."""
    new = {"RoleArn": role["RoleArn"], "FeatureName": role.get("FeatureName"), "Status": "ACTIVE"}
    if not new["FeatureName"]:
        # guess: the sentence; Aurora PostgreSQL wants the feature, and the clients' help calls it optional
        raise invalid_value(f"The feature-name parameter must be provided with the current operation for {ENGINE}.")
    networks.check_role(call, new["RoleArn"])
    if new in worn:
        raise fault("DBClusterRoleAlreadyExistsFault", f"Role ARN {new['RoleArn']} already exists for the DB cluster.")
    if len(worn) >= MOST_ROLES:
        raise fault("DBClusterRoleQuotaExceededFault", "You have exceeded the maximum number of IAM roles.")
    return new


def times_of_new(call: Call, name: str) -> Doc:
    """The windows of a new cluster: what the call asks for, else what AWS chooses beside it."""
    daily, weekly = call.get("PreferredBackupWindow"), call.get("PreferredMaintenanceWindow")
    daily = daily or windows.usual_daily(name, weekly)
    return check_times(daily, weekly or windows.usual_weekly(daily))


def check_times(daily: str, weekly: str) -> Doc:
    """The two windows of one cluster; refuses two that meet [M]. The sentence is a guess."""
    if windows.meet(daily, weekly):
        raise invalid_value("The backup window and maintenance window must not overlap.")
    return {"PreferredBackupWindow": daily, "PreferredMaintenanceWindow": weekly.lower()}


def reader_address(call: Call, port: int) -> str:
    """An address of its own for the readers' endpoint of a cluster at that port."""
    return call.desk.fleet.addresses.take(port).host


def new_cluster(call: Call, name: str, version: str, settings: Doc, *, port: int = 5432) -> Doc:
    """Make the document of a new cluster, and take an address for it; ``port`` is for a call that names none."""
    desk, asked_port = call.desk, int(call.get("Port", port))
    kept = naming.addresses_of_name(desk, call.region, name, asked_port)
    address = Address(kept["Endpoint"], kept["Port"]) if kept else desk.fleet.addresses.take(asked_port)
    resource = resource_id("cluster-")
    fixed: dict[str, Any] = {
        "DBClusterIdentifier": name,
        "DBClusterArn": desk.arn(call.region, "cluster", name),
        "DbClusterResourceId": resource,
        "Engine": ENGINE,
        "EngineVersion": version,
        "EngineMode": "provisioned",
        "Status": "creating",
        "AllocatedStorage": 1,
        "Endpoint": address.host,
        "ReaderEndpoint": address.host,
        "Port": address.port,
        "HostedZoneId": "Z2R2ITUGPM61AM",
        "ClusterCreateTime": desk.clock.now(),
        "CrossAccountClone": False,
        "HttpEndpointEnabled": False,
        "AutoMinorVersionUpgrade": call.get("AutoMinorVersionUpgrade", True),
        "LocalWriteForwardingStatus": "enabled" if call.get("EnableLocalWriteForwarding") else "disabled",
        "PerformanceInsightsEnabled": False,
        "ActivityStreamStatus": "stopped",
        "DomainMemberships": [],
        "ReadReplicaIdentifiers": [],
        "UpgradeRolloutOrder": "second",
        "DatabaseInsightsMode": "standard",
        "_port": asked_port,
        "_gigabytes": DEFAULT_GIGABYTES,
    }
    return {**fixed, **services(call, {}), **settings}
