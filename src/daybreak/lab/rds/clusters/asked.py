"""What a call asks for a cluster: the settings that create and both restores share, checked as AWS checks them.

The law: we check everything before we change anything. What a call leaves out becomes AWS's default, never the source's
setting, unless AWS inherits it (FACTS 4.2).
"""

from __future__ import annotations

from typing import Any

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination, invalid_value
from daybreak.lab.rds import networks, parameter_groups
from daybreak.lab.rds.desk import Call, resource_id
from daybreak.lab.rds.durations import DEFAULT_GIGABYTES
from daybreak.lab.rds.identifiers import new_identifier

ENGINE = "aurora-postgresql"
LOG_TYPES = frozenset({"instance", "postgresql", "iam-db-auth-error"})
STORAGE_TYPES = ("aurora", "aurora-iopt1")
MOST_CLUSTERS = 40

SERVICES = {
    "DatabaseInsightsMode": "DatabaseInsightsMode",
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
    "PerformanceInsightsKMSKeyId": "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "MonitoringInterval": "MonitoringInterval",
    "MonitoringRoleArn": "MonitoringRoleArn",
}
"""Parameters of what watches a cluster, by the member they become."""

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
    """The requested engine version, or the default; refuses a major that is not installed."""
    if (engine := call.get("Engine", ENGINE)) != ENGINE:
        raise invalid_combination(f"Invalid DB engine: {engine}")
    fleet = call.desk.fleet
    version = call.get("EngineVersion") or default or fleet.installs()[fleet.majors()[-1]].version
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) not in fleet.majors():
        raise invalid_combination(f"Cannot find version {version} for {ENGINE}")
    return str(fleet.install(version).version if version == major else version)


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
        "EngineLifecycleSupport": call.get("EngineLifecycleSupport", "open-source-rds-extended-support"),
        "PreferredMaintenanceWindow": call.get("PreferredMaintenanceWindow", "sun:04:00-sun:04:30"),
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
    if low is None or high is None or not 0 <= low <= high or not 1 <= high <= 256 or low * 2 % 1 or high * 2 % 1:
        raise invalid_value("Serverless v2 capacity must be between 0 and 256 ACUs in steps of 0.5, minimum first.")
    pause = given.get("SecondsUntilAutoPause", 300)
    if not 300 <= pause <= 86400:
        raise invalid_value("Seconds until auto pause must be between 300 and 86400.")
    # guess: one for a range that does not begin at 0 is ignored; AWS documents only that it is not shown
    shown = {"SecondsUntilAutoPause": pause} if low == 0 else {}
    return {"ServerlessV2ScalingConfiguration": {"MinCapacity": low, "MaxCapacity": high, **shown}}


def services(call: Call, cluster: Doc) -> Doc:
    """The members of what watches a cluster: what the call gives, else the cluster's."""
    new = {member: call.get(name) for name, member in SERVICES.items() if call.get(name) is not None}
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
    days = int(call.get("BackupRetentionPeriod", default))
    if not 1 <= days <= 35:
        raise invalid_value(f"Invalid backup retention period: {days}. Must be between 1 and 35.")
    return days


def roles_to_associate(call: Call) -> list[Doc]:
    """The roles in the call itself."""
    roles = call.get("AssociatedRoles", [])
    for role in roles:
        networks.check_role(call, role["RoleArn"])
    return [{**role, "Status": "ACTIVE"} for role in roles]


def backup_window(call: Call, name: str) -> str:
    """The requested backup window, or half an hour that depends on the name."""
    if window := call.get("PreferredBackupWindow"):
        return str(window)
    minutes = 180 + 30 * (sum(name.encode()) % 16)  # RDS picks from an eight hour block of the region
    begin, end = divmod(minutes, 60), divmod(minutes + 30, 60)
    return f"{begin[0]:02}:{begin[1]:02}-{end[0]:02}:{end[1]:02}"


def new_cluster(call: Call, name: str, version: str, settings: Doc, *, port: int = 5432) -> Doc:
    """Make the document of a new cluster, and take an address for it; ``port`` is for a call that names none."""
    desk, asked_port = call.desk, int(call.get("Port", port))
    if not 1150 <= asked_port <= 65535:
        raise invalid_value(f"Invalid port: {asked_port}. Must be between 1150 and 65535.")
    address = desk.fleet.addresses.take(asked_port)
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
