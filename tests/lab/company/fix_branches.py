"""Branches of the company: the same database in a cluster of another name and another PostgreSQL, in a running lab.

The law: as the scenario, over the wire like anybody. A branch takes the networks, the key and the application of the head
office, and has an owner, parameter groups and instances of its own; nothing leads to it by name.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from functools import partial
from typing import Any

from daybreak.errors import Refused
from daybreak.lab.company import names, scenario
from daybreak.lab.company.configuration import configuration
from daybreak.lab.protocol.boto import make_client
from daybreak.lab.remote import REGION, RemoteLab, authority, connection_proof


@dataclass(frozen=True)
class Branch:
    """A cluster with the company's database, and where its passwords are kept."""

    lab: RemoteLab
    cluster: str

    @property
    def login(self) -> str:
        """The name of the owner's secret."""
        return f"{self.cluster}/master"

    def configuration(self, **options: str) -> str:
        """A daybreak.toml with this branch as its one target, ``embi``."""
        return configuration(
            self.lab.url, authority(self.lab.folder), cluster=self.cluster, login=self.login, **options
        )


def found(lab: RemoteLab, cluster: str, version: str, *, readers: int = 1) -> Branch:
    """Make a branch of that engine version (a major is enough) and return when it is whole."""
    rds = _client(lab, "rds")
    vault = _client(lab, "secretsmanager")
    branch, password = Branch(lab, cluster), secrets.token_urlsafe(18)
    application = json.loads(vault.get_secret_value(SecretId=names.APPLICATION_SECRET)["SecretString"])["password"]
    head = _described(rds, names.CLUSTER)
    engines = rds.describe_db_engine_versions(Engine="aurora-postgresql", EngineVersion=version)["DBEngineVersions"]
    if not engines:
        raise Refused(f"there is no PostgreSQL {version} on this machine")
    engine = engines[-1]
    _make_groups(rds, cluster, engine["DBParameterGroupFamily"])
    rds.create_db_cluster(
        DBClusterIdentifier=cluster, Engine="aurora-postgresql", EngineVersion=engine["EngineVersion"],
        DatabaseName=names.DATABASE, MasterUsername=names.OWNER, MasterUserPassword=password,
        StorageEncrypted=True, KmsKeyId=head["KmsKeyId"], DBSubnetGroupName=head["DBSubnetGroup"],
        VpcSecurityGroupIds=[each["VpcSecurityGroupId"] for each in head["VpcSecurityGroups"]],
        DBClusterParameterGroupName=cluster, EnableCloudwatchLogsExports=["postgresql"],
        EnableIAMDatabaseAuthentication=True, DeletionProtection=True, BackupRetentionPeriod=30,
        PreferredBackupWindow="03:00-04:00", PreferredMaintenanceWindow="sun:05:00-sun:06:00",
        CopyTagsToSnapshot=True, Tags=names.TAGS,
    )  # fmt: skip
    scenario.until(lambda: _described(rds, cluster)["Status"] == "available", f"cluster '{cluster}'")
    _make_instances(rds, cluster, 1 + readers)
    place = _described(rds, cluster)
    scenario.fill((place["Endpoint"], place["Port"]), password, application, connection_proof(lab.folder))
    lab.do(cluster, "extend")
    login = {"username": names.OWNER, "password": password}
    vault.create_secret(Name=branch.login, SecretString=json.dumps(login))
    lab.ask("POST", "tick", {})
    return branch


def _make_groups(rds: Any, name: str, family: str) -> None:
    for kind, settings in (("cluster_", names.CLUSTER_SETTINGS), ("", names.INSTANCE_SETTINGS)):
        word = f"DB{kind.rstrip('_').capitalize()}ParameterGroupName"
        group = {word: name}
        getattr(rds, f"create_db_{kind}parameter_group")(
            **group, DBParameterGroupFamily=family, Description="a branch's own"
        )
        getattr(rds, f"modify_db_{kind}parameter_group")(**group, Parameters=scenario.as_parameters(settings))


def _make_instances(rds: Any, cluster: str, number: int) -> None:
    instances = [f"{cluster}-{each}" for each in range(1, number + 1)]
    for tier, name in enumerate(instances):
        rds.create_db_instance(
            DBInstanceIdentifier=name, DBClusterIdentifier=cluster, DBInstanceClass="db.r6g.large",
            Engine="aurora-postgresql", PromotionTier=tier, Tags=names.TAGS, DBParameterGroupName=cluster,
        )  # fmt: skip
    for name in instances:
        scenario.until(partial(_is_available, rds, name), f"instance '{name}'")


def _is_available(rds: Any, instance: str) -> bool:
    answer = rds.describe_db_instances(DBInstanceIdentifier=instance)
    return bool(answer["DBInstances"][0]["DBInstanceStatus"] == "available")


def _described(rds: Any, cluster: str) -> dict[str, Any]:
    return dict(rds.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"][0])


def _client(lab: RemoteLab, service: str) -> Any:
    return make_client(service, REGION, lab.access_key, secret=lab.secret_key, url=lab.url)
