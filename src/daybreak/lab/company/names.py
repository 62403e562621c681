"""The names of what the sample company has: its cluster, logins, groups, regions and tags."""

from __future__ import annotations

from dataclasses import dataclass

CLUSTER = "embi-aurora-cluster"
DATABASE = "embi"
OWNER = "embi_admin"
SECRET = "embi/aurora/master"  # noqa: S105 - its name
APPLICATION = "embi_app"
APPLICATION_SECRET = "embi/app"  # noqa: S105 - its name
KEY_ALIAS = "alias/embi-aurora-backup"
PARAMETERS = "embi-aurora-params"
INSTANCE_PARAMETERS = "embi-aurora-instance-params"
CLUSTER_SETTINGS = {
    "log_min_duration_statement": "500",
    "log_statement": "ddl",
    "work_mem": "16384",
    "rds.logical_replication": "1",
    "max_prepared_transactions": "10",
}
INSTANCE_SETTINGS = {"random_page_cost": "1.1"}
STATIC = frozenset({"rds.logical_replication", "max_prepared_transactions"})
ENDPOINT_PARAMETER = "/embi/production/database/endpoint"
TAGS = [
    {"Key": "Application", "Value": "embi"},
    {"Key": "Environment", "Value": "production"},
    {"Key": "CostCenter", "Value": "CC-1020"},
    {"Key": "Owner", "Value": "data-platform"},
]


@dataclass(frozen=True)
class Place:
    """The part of the account in one region."""

    region: str
    network: str
    subnet_group: str


PRIMARY = Place("us-east-1", "10.20", "embi-db-subnet-group")
RECOVERY = Place("us-west-2", "10.30", "embi-db-subnet-group-dr")
