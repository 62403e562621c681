"""Story 40: a clone of a subscriber takes nothing from production's publisher, until somebody lifts its quarantine."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_cli import CONFIGURATION, waiving
from tests.fix_lab import LabUnderTest, eventually

PASSWORD = "only-for-this-story"
BATCH = 50
TABLE = "create table orders (id integer primary key, updated_at timestamptz not null default clock_timestamp())"
PATIENCE = 60.0


@dataclass(frozen=True)
class Replication:
    """A publisher, production's subscriber that follows it, and the parameter group of both."""

    lab: LabUnderTest
    name: str

    @property
    def publisher(self) -> str:
        """Whose orders are copied."""
        return f"{self.name}-publisher"

    @property
    def subscriber(self) -> str:
        """Production's copy of the orders: the source of the restore."""
        return f"{self.name}-subscriber"

    def ask(self, cluster: str, statement: str) -> Any:
        """Run a statement as the owner; the one value that it answers, if any."""
        facts = self.described(cluster)
        with closing(
            psycopg.connect(
                host=facts["Endpoint"],
                port=facts["Port"],
                dbname="shop",
                user="owner",
                password=PASSWORD,
                autocommit=True,
            )
        ) as connection:
            done = connection.execute(statement)
            row = done.fetchone() if done.description else None
            return row[0] if row else None

    def described(self, cluster: str) -> dict[str, Any]:
        """A cluster as AWS describes it."""
        found = self.lab.client("rds").describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
        return dict(found[0])

    def orders(self, cluster: str) -> int:
        """How many orders a cluster knows."""
        return int(self.ask(cluster, "select count(*) from orders"))

    def take(self, first: int, last: int | None = None) -> None:
        """Customers order at the publisher."""
        self.ask(self.publisher, f"insert into orders select generate_series({first}, {last or first})")

    def slot(self) -> tuple[str, bool]:
        """How far the slot's owner has confirmed what it took, and whether anybody is connected to it."""
        row = self.ask(self.publisher, "select row(confirmed_flush_lsn::text, active)::text from pg_replication_slots")
        position, active = row.strip("()").split(",")
        return position, active == "t"

    def pause_production(self) -> None:
        """Production's subscriber is down for a while: whoever comes to the slot now gets what is meant for it."""
        self.ask(self.subscriber, "alter subscription orders disable")
        eventually(lambda: not self.slot()[1], within=PATIENCE)

    def resume_production(self) -> None:
        """Production's subscriber is back."""
        self.ask(self.subscriber, "alter subscription orders enable")

    def create(self, cluster: str, **more: Any) -> None:
        """A cluster with one instance."""
        rds = self.lab.client("rds")
        rds.create_db_cluster(
            DBClusterIdentifier=cluster,
            Engine="aurora-postgresql",
            DatabaseName="shop",
            MasterUsername="owner",
            MasterUserPassword=PASSWORD,
            DBClusterParameterGroupName=self.name,
            StorageEncrypted=True,
            **more,
        )
        self.add_instance(cluster)

    def add_instance(self, cluster: str) -> None:
        """The first instance of a cluster, and the wait until it answers."""
        rds = self.lab.client("rds")
        eventually(lambda: self.described(cluster)["Status"] == "available", within=PATIENCE)
        rds.create_db_instance(
            DBInstanceIdentifier=f"{cluster}-1",
            DBClusterIdentifier=cluster,
            DBInstanceClass="db.r6g.large",
            Engine="aurora-postgresql",
        )
        self.wait_for_instance(cluster)

    def wait_for_instance(self, cluster: str) -> None:
        """Wait until the first instance is available."""
        rds = self.lab.client("rds")

        def is_available() -> bool:
            answer = rds.describe_db_instances(DBInstanceIdentifier=f"{cluster}-1")["DBInstances"][0]
            return bool(answer["DBInstanceStatus"] == "available")

        eventually(is_available, within=PATIENCE)

    def delete(self, cluster: str) -> None:
        """Remove a cluster, if it is there."""
        rds = self.lab.client("rds")
        if rds.describe_db_clusters(Filters=[{"Name": "db-cluster-id", "Values": [cluster]}])["DBClusters"]:
            rds.delete_db_instance(DBInstanceIdentifier=f"{cluster}-1", SkipFinalSnapshot=True)
            rds.delete_db_cluster(DBClusterIdentifier=cluster, SkipFinalSnapshot=True)


def set_up(shop: Replication) -> None:
    """The parameter group, both clusters, and eleven orders that have arrived."""
    rds = shop.lab.client("rds")
    model = shop.described("embi-aurora-cluster")
    major = model["EngineVersion"].split(".")[0]
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName=shop.name, DBParameterGroupFamily=f"aurora-postgresql{major}", Description="a shop"
    )
    on = {"ParameterName": "rds.logical_replication", "ParameterValue": "1", "ApplyMethod": "pending-reboot"}
    # A subscriber of an embedded build speaks no TLS.
    clear = {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "pending-reboot"}
    rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=shop.name, Parameters=[on, clear])
    network = {
        "EngineVersion": model["EngineVersion"],
        "DBSubnetGroupName": model["DBSubnetGroup"],
        "VpcSecurityGroupIds": [group["VpcSecurityGroupId"] for group in model["VpcSecurityGroups"]],
    }
    for cluster in (shop.publisher, shop.subscriber):
        shop.create(cluster, **network)
        shop.ask(cluster, TABLE)
    shop.take(1, 10)
    at = shop.described(shop.publisher)
    shop.ask(shop.publisher, "create publication orders for table orders")
    way = f"host={at['Endpoint']} port={at['Port']} dbname=shop user=owner password={PASSWORD}"
    shop.ask(shop.subscriber, f"create subscription orders connection '{way}' publication orders")
    shop.take(11)
    eventually(lambda: shop.orders(shop.subscriber) == 11, within=PATIENCE)


@pytest.fixture
def shop(lab: LabUnderTest) -> Iterator[Replication]:
    """A shop with orders, and a copy of them."""
    shop = Replication(lab, f"shop-{uuid.uuid4().hex[:6]}")
    try:
        set_up(shop)
        yield shop
    finally:
        for cluster in (shop.publisher, shop.subscriber):
            shop.delete(cluster)


def moment_of(shop: Replication) -> datetime:
    """A moment in which production's subscription is enabled; later it is not, and the backup has come as far."""
    now = time.time()
    moment = datetime.fromtimestamp(int(now) + 1, UTC)
    time.sleep(moment.timestamp() - now + 0.1)
    shop.pause_production()
    eventually(lambda: bool(shop.described(shop.subscriber)["LatestRestorableTime"] > moment), within=PATIENCE)
    return moment


def restored_by_the_product(shop: Replication, moment: datetime, home: Path) -> str:
    """The name of a clone of the subscriber as Daybreak makes it."""
    shop.lab.client("secretsmanager").create_secret(
        Name=shop.name, SecretString=json.dumps({"username": "owner", "password": PASSWORD})
    )
    person = shop.lab.person(home)
    configuration = CONFIGURATION.replace("embi-aurora-cluster", shop.subscriber).replace('"embi"', '"shop"')
    unasked = waiving("application.connects", "application.health", "application.functions", "security.audit-logging")
    person.configure(configuration.replace("embi/aurora/master", shop.name) + unasked)
    done = person.daybreak(
        "restore", "pitr", "embi", "--to", moment.isoformat().replace("+00:00", "Z"), "--yes", "-o", "json"
    )
    assert done.code == 0, done.err + done.out
    return str(done.json()["clone"])


def test_a_restored_subscriber_takes_nothing_until_quarantine_is_lifted(shop: Replication, tmp_path: Path) -> None:
    """A clone that wakes up as a subscriber takes production's changes for itself, and nobody notices for days."""
    moment = moment_of(shop)
    before = shop.slot()
    shop.take(101, 100 + BATCH)
    clone = restored_by_the_product(shop, moment, tmp_path)
    try:
        time.sleep(1.5)  # a worker would have begun long ago
        assert shop.orders(clone) == 11
        assert shop.slot() == before
        shop.resume_production()
        eventually(lambda: shop.orders(shop.subscriber) == 11 + BATCH, within=PATIENCE)

        shop.pause_production()
        shop.take(201, 200 + BATCH)
        rds = shop.lab.client("rds")
        rds.modify_db_cluster(DBClusterIdentifier=clone, DBClusterParameterGroupName=shop.name, ApplyImmediately=True)
        eventually(lambda: shop.described(clone)["Status"] == "available", within=PATIENCE)
        assert shop.orders(clone) == 11, "a group is in force only after a reboot"
        rds.reboot_db_instance(DBInstanceIdentifier=f"{clone}-1")
        shop.wait_for_instance(clone)
        eventually(lambda: shop.orders(clone) == 11 + BATCH, within=PATIENCE)
    finally:
        shop.delete(clone)


@pytest.mark.sweep
def test_without_quarantine_the_same_clone_loses_productions_rows(shop: Replication) -> None:
    """The other half, so that the first one is seen to be able to fail: restored by hand, with the source's own group."""
    moment = moment_of(shop)
    shop.take(101, 100 + BATCH)
    clone, source = f"{shop.name}-at-large", shop.described(shop.subscriber)
    shop.lab.client("rds").restore_db_cluster_to_point_in_time(
        DBClusterIdentifier=clone,
        SourceDBClusterIdentifier=shop.subscriber,
        RestoreToTime=moment,
        DBSubnetGroupName=source["DBSubnetGroup"],
        VpcSecurityGroupIds=[group["VpcSecurityGroupId"] for group in source["VpcSecurityGroups"]],
        DBClusterParameterGroupName=shop.name,
    )
    try:
        shop.add_instance(clone)
        eventually(lambda: shop.orders(clone) == 11 + BATCH, within=PATIENCE)
        taken = shop.ask(shop.publisher, "select pg_current_wal_lsn()::text")
        confirmed = f"select confirmed_flush_lsn >= '{taken}' from pg_replication_slots"
        eventually(lambda: bool(shop.ask(shop.publisher, confirmed)), within=PATIENCE)
    finally:
        shop.delete(clone)
    eventually(lambda: not shop.slot()[1], within=PATIENCE)
    shop.resume_production()
    shop.take(999)
    eventually(lambda: shop.ask(shop.subscriber, "select count(*) from orders where id = 999") == 1, within=PATIENCE)
    assert shop.orders(shop.subscriber) == 12, f"{BATCH} orders never reached production"
