"""Somebody deleted the cluster itself: its kept backup is found by name and comes back as a fit clone."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_lab import LabUnderTest, eventually

ROWS = 321


@dataclass(frozen=True)
class Victim:
    """A cluster that is gone, and what is needed to bring it back."""

    name: str
    resource_id: str
    password: str
    security_group: str


def _describe(lab: LabUnderTest, name: str) -> Any:
    return lab.client("rds").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]


def _is_gone(lab: LabUnderTest, name: str) -> bool:
    rds = lab.client("rds")
    listed = rds.describe_db_clusters(Filters=[{"Name": "db-cluster-id", "Values": [name]}])["DBClusters"]
    return not listed


@pytest.fixture
def victim(lab: LabUnderTest) -> Iterator[Victim]:
    """A cluster with one table, deleted with its automated backups kept."""
    name, password, rds = f"victim-{uuid.uuid4().hex[:6]}-cluster", uuid.uuid4().hex, lab.client("rds")
    group = _describe(lab, "embi-aurora-cluster")["VpcSecurityGroups"][0]["VpcSecurityGroupId"]
    rds.create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        MasterUsername="owner",
        MasterUserPassword=password,
        DatabaseName="shop",
        DBSubnetGroupName="embi-db-subnet-group",
        VpcSecurityGroupIds=[group],
        BackupRetentionPeriod=7,
        StorageEncrypted=True,
    )
    eventually(lambda: _describe(lab, name)["Status"] == "available")
    rds.create_db_instance(
        DBInstanceIdentifier=f"{name}-1",
        DBClusterIdentifier=name,
        DBInstanceClass="db.r6g.large",
        Engine="aurora-postgresql",
    )
    eventually(lambda: _status_of_instance(lab, f"{name}-1") == "available")
    cluster = _describe(lab, name)
    address = {
        "host": cluster["Endpoint"],
        "port": cluster["Port"],
        "dbname": "shop",
        "user": "owner",
        "password": password,
    }
    with psycopg.connect(**address) as connection:
        connection.execute("create table orders (id int primary key, updated_at timestamptz not null default now())")
        connection.execute("insert into orders select generate_series(1, %s)", (ROWS,))
    lab.ask("POST", "tick")
    rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1")
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    eventually(lambda: _is_gone(lab, name))
    yield Victim(name, cluster["DbClusterResourceId"], password, group)
    rds.delete_db_cluster_automated_backup(DbClusterResourceId=cluster["DbClusterResourceId"])


def _status_of_instance(lab: LabUnderTest, name: str) -> str:
    found: str = lab.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0][
        "DBInstanceStatus"
    ]
    return found


def _configuration(victim: Victim) -> str:
    return f"""\
[targets.shop]
cluster  = "{victim.name}"
region   = "us-east-1"
database = "shop"
login    = "env:SHOP"
objectives = {{ rpo = "5m", rto = "4h", retention = "7d" }}
network.us-east-1 = {{ subnet_group = "embi-db-subnet-group", security_groups = ["{victim.security_group}"] }}
tables."public.orders" = {{ min_rows = {ROWS}, freshness = "updated_at" }}
"""


def test_a_deleted_cluster_comes_back_from_its_kept_backup(lab: LabUnderTest, victim: Victim, tmp_path: Path) -> None:
    """The worst accident is the one that takes the cluster with it; the backup that AWS kept must be enough."""
    login = {"SHOP_USERNAME": "owner", "SHOP_PASSWORD": victim.password}
    ada = lab.person(tmp_path, login)
    ada.configure(_configuration(victim))
    plan = ada.daybreak("plan", "pitr", "shop", "--to", "latest", "-o", "json").json()["plan"]
    calls = [step["action"] for step in plan["steps"] if step["action"]["kind"].startswith("restore-to-moment")]
    assert calls[0]["resource_id"] == victim.resource_id
    assert any("the source cluster is deleted" in note for note in plan["notes"])
    assert "brings it back from its kept backup" in ada.daybreak("capture", "shop").err
    done = ada.daybreak("restore", "pitr", "shop", "--to", "latest", "--yes", "-o", "json")
    report = done.json()
    found = {finding["check"]: finding for finding in report["checks"]}
    assert [finding for finding in found.values() if finding["standing"] == "unfit"] == []
    assert f"{ROWS} rows" in json.dumps(report["checks"])
    # Nobody kept a capsule or a baseline, so what the source looked like is not known any more: the verdict cannot be fit.
    assert done.code == 3
    unknown = {name: finding["why"] for name, finding in found.items() if finding["standing"] == "unknown"}
    assert {"parity.cluster", "data.columns", "security.roles", "application.health"} <= unknown.keys()
    told = ("no capsule kept it", "daybreak baseline TARGET", "[targets.NAME.")
    assert [name for name, why in unknown.items() if not any(words in why for words in told)] == []
    assert ada.daybreak("clean", ada.runs()[0], "--yes").code == 0
