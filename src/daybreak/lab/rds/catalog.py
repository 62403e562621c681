"""What the region offers: engine versions, instance classes, quotas, certificates; small and honest.

An engine version is listed when this machine has that PostgreSQL; an instance class is a name, not a size.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.rds.clusters.asked import ENGINE, LOG_TYPES, MOST_CLUSTERS, MOST_ROLES
from daybreak.lab.rds.desk import Call, looks
from daybreak.lab.rds.identifiers import arn_parts
from daybreak.lab.rds.paging import PAGES, Reader, filter_rows, page
from daybreak.lab.rds.parameter_groups import MOST_GROUPS
from daybreak.lab.rds.parameters import family
from daybreak.lab.rds.values import ENGINE_FEATURES

_SIZES = {
    "db.r5": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge"),
    "db.r6g": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"),
    "db.r6i": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge", "32xlarge"),
    "db.r7g": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"),
    "db.r8g": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge", "48xlarge"),
    "db.t3": ("medium", "large"),
    "db.t4g": ("medium", "large"),
    "db.x2g": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"),
}

INSTANCE_CLASSES = frozenset({f"{line}.{size}" for line, sizes in _SIZES.items() for size in sizes} | {"db.serverless"})
"""The instance classes that Aurora PostgreSQL takes."""

DEFAULT_CERTIFICATE = "rds-ca-rsa2048-g1"
CERTIFICATES = (DEFAULT_CERTIFICATE, "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")
"""The certificate authorities an instance can have."""
VALID = timedelta(days=365)
"""How long the certificate of an instance's own server is valid."""


@looks("DescribeDBEngineVersions", "Engine", "EngineVersion", "DBParameterGroupFamily", "DefaultOnly", *PAGES)
def describe_versions(call: Call) -> Doc:
    """The Aurora PostgreSQL versions this machine can run."""
    rows = [_version(call, major) for major in call.desk.fleet.majors()]
    if engine := call.get("Engine"):
        rows = [row for row in rows if row["Engine"] == engine]
    if version := call.get("EngineVersion"):
        rows = [row for row in rows if version in (row["EngineVersion"], row["MajorEngineVersion"])]
    if name := call.get("DBParameterGroupFamily"):
        rows = [row for row in rows if row["DBParameterGroupFamily"] == name]
    if call.get("DefaultOnly"):
        rows = rows[-1:]
    known = {
        "engine": lambda row: row["Engine"],
        "engine-version": lambda row: row["EngineVersion"],
        "db-parameter-group-family": lambda row: row["DBParameterGroupFamily"],
        "engine-mode": lambda row: row["SupportedEngineModes"],
        "status": lambda row: row["Status"],
    }
    return page(call, filter_rows(call, rows, known), "DBEngineVersions")


def _version(call: Call, major: int) -> Doc:
    version = call.desk.fleet.installs()[major].version
    return {
        "Engine": ENGINE,
        "EngineVersion": version,
        "MajorEngineVersion": str(major),
        "DBParameterGroupFamily": family(version),
        "DBEngineDescription": "Aurora PostgreSQL",
        "DBEngineVersionDescription": f"Aurora PostgreSQL (compatible with PostgreSQL {version})",
        "ValidUpgradeTarget": [],
        "ExportableLogTypes": sorted(LOG_TYPES),
        "SupportsLogExportsToCloudwatchLogs": True,
        "SupportsReadReplica": False,
        "SupportedEngineModes": ["provisioned"],
        "SupportedFeatureNames": list(ENGINE_FEATURES),
        "Status": "available",
        "SupportsParallelQuery": False,
        "SupportsGlobalDatabases": False,
        "SupportsBabelfish": False,
        "SupportsCertificateRotationWithoutRestart": True,
        "SupportedCACertificateIdentifiers": list(CERTIFICATES),
        "SupportsLocalWriteForwarding": False,
    }


@looks(
    "DescribeOrderableDBInstanceOptions", "Engine", "EngineVersion", "DBInstanceClass", "LicenseModel", "Vpc", *PAGES
)
def describe_orderable(call: Call) -> Doc:
    """Every class with every version."""
    rows: list[Doc] = []
    if call.params["Engine"] == ENGINE:
        zones = [{"Name": f"{call.region}{letter}"} for letter in "abc"]
        versions = [call.desk.fleet.installs()[major].version for major in call.desk.fleet.majors()]
        rows = [_option(version, name, zones) for version in versions for name in sorted(INSTANCE_CLASSES)]
    if version := call.get("EngineVersion"):
        major = version.partition(".")[0]
        rows = [row for row in rows if row["EngineVersion"].partition(".")[0] == major]
    if name := call.get("DBInstanceClass"):
        rows = [row for row in rows if row["DBInstanceClass"] == name]
    if terms := call.get("LicenseModel"):
        rows = [row for row in rows if row["LicenseModel"] == terms]
    if call.get("Vpc") is False:  # outside a VPC there is nothing any more
        rows = []
    return page(call, filter_rows(call, rows, {}), "OrderableDBInstanceOptions", maximum=1000)


def _option(version: str, name: str, zones: list[Doc]) -> Doc:
    return {
        "Engine": ENGINE,
        "EngineVersion": version,
        "DBInstanceClass": name,
        "LicenseModel": "postgresql-license",
        "AvailabilityZones": zones,
        "MultiAZCapable": False,
        "ReadReplicaCapable": False,
        "Vpc": True,
        "SupportsStorageEncryption": True,
        "StorageType": "aurora",
        "SupportsIops": False,
        "SupportsEnhancedMonitoring": True,
        "SupportsIAMDatabaseAuthentication": True,
        "SupportsPerformanceInsights": True,
        "SupportedEngineModes": ["provisioned"],
        "SupportsStorageAutoscaling": False,
        "OutpostCapable": False,
        "SupportsGlobalDatabases": False,
        "SupportedNetworkTypes": ["IPV4"],
        "SupportsClusters": True,
    }


@looks("DescribeAccountAttributes")
def describe_account(call: Call) -> Doc:
    """The quotas that the lab enforces, with their use."""
    state, region = call.state, call.region
    manual = [row for row in state.all("snapshot", region) if row["SnapshotType"] == "manual"]
    quotas = (
        ("DBClusters", len(state.all("cluster", region)), MOST_CLUSTERS),
        ("DBInstances", len(state.all("instance", region)), 640),
        ("ManualClusterSnapshots", len(manual), 100),
        ("DBClusterParameterGroups", len(state.all("cluster-parameter-group", region)), MOST_GROUPS),
        ("DBParameterGroups", len(state.all("parameter-group", region)), MOST_GROUPS),
        ("DBSubnetGroups", len(state.all("subnet-group", region)), 50),
        ("CustomEndpointsPerDBCluster", 0, 5),
        ("DBClusterRoles", 0, MOST_ROLES),
    )
    return {"AccountQuotas": [{"AccountQuotaName": name, "Used": used, "Max": most} for name, used, most in quotas]}


@looks("DescribePendingMaintenanceActions", "ResourceIdentifier", *PAGES)
def describe_maintenance(call: Call) -> Doc:
    """No pending maintenance, of anything that is there: there never is any."""
    if arn := call.get("ResourceIdentifier"):
        target = arn_parts(arn)
        kind = {"cluster": "cluster", "db": "instance"}.get(target.kind, "")
        if call.state.get(kind, target.region, target.id) is None:
            raise fault("ResourceNotFoundFault", f"The specified resource ARN {arn} was not found.")
    known: dict[str, Reader] = {"db-cluster-id": lambda row: [], "db-instance-id": lambda row: []}
    return page(call, filter_rows(call, [], known), "PendingMaintenanceActions")


@looks("DescribeCertificates", "CertificateIdentifier", *PAGES)
def describe_certificates(call: Call) -> Doc:
    """The certificate authorities; new instances get the first."""
    name = check_certificate(call, "CertificateIdentifier")
    rows = [_certificate(call.region, each) for each in CERTIFICATES if name in (None, each)]
    rows = filter_rows(call, rows, {})
    return {**page(call, rows, "Certificates"), "DefaultCertificateForNewLaunches": DEFAULT_CERTIFICATE}


def check_certificate(call: Call, parameter: str) -> str | None:
    """The requested certificate authority, if it exists."""
    name: str | None = call.get(parameter)
    if name not in (None, *CERTIFICATES):
        raise fault("CertificateNotFoundFault", f"Certificate not found: {name}")
    return name


def _certificate(region: str, name: str) -> Doc:
    return {
        "CertificateIdentifier": name,
        "CertificateType": "CA",
        "Thumbprint": "0" * 40,
        "ValidFrom": datetime(2021, 5, 21, tzinfo=UTC),
        "ValidTill": datetime(2061, 5, 21, tzinfo=UTC),
        "CertificateArn": f"arn:aws:rds:{region}::cert:{name}",
        "CustomerOverride": False,
    }
