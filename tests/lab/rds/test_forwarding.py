"""A proxy that really leads its clients somewhere: to the writer of what is registered, over TLS, and nowhere else."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.fix_lab import TRUST
from tests.fix_rds import HOME, PASSWORD, Account, refused

CLUSTERS = ("led-here", "led-there")


class Front:
    """A proxy with a secret, and two clusters to which it can lead."""

    def __init__(self, account: Account) -> None:
        self.account, self.name = account, f"front-{uuid.uuid4().hex[:8]}"
        iam = account.world.client("iam", HOME)
        role = iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        self.secret = account.world.put_secret(HOME, self.name, json.dumps({"username": "app", "password": "x"}))
        subnets = [each.id for each in account.world.default_subnets(HOME)][:2]
        account.call(
            "CreateDBProxy", DBProxyName=self.name, EngineFamily="POSTGRESQL", RoleArn=role, VpcSubnetIds=subnets,
            Auth=[{"SecretArn": self.secret}], VpcSecurityGroupIds=[account.open_group()],
        )  # fmt: skip
        account.pass_time()
        account.until(lambda: self.seen()["Status"] == "available")

    def seen(self) -> dict[str, Any]:
        """The proxy as AWS describes it."""
        found: dict[str, Any] = self.account.call("DescribeDBProxies", DBProxyName=self.name)["DBProxies"][0]
        return found

    def targets(self) -> list[dict[str, Any]]:
        """The health of its instances."""
        rows = self.account.call("DescribeDBProxyTargets", DBProxyName=self.name)["Targets"]
        return [row["TargetHealth"] for row in rows if "TargetHealth" in row]

    def lead(self, *clusters: str) -> None:
        """Let it lead to one, or to none."""
        rows = self.account.call("DescribeDBProxyTargets", DBProxyName=self.name)["Targets"]
        for row in rows:
            if row["Type"] == "TRACKED_CLUSTER":
                gone = [row["RdsResourceId"]]
                self.account.call("DeregisterDBProxyTargets", DBProxyName=self.name, DBClusterIdentifiers=gone)
        for each in clusters:
            self.account.call("RegisterDBProxyTargets", DBProxyName=self.name, DBClusterIdentifiers=[each])
        self.account.rds._forwarding.settle()  # else it is so a moment later

    def connect(self, **more: Any) -> psycopg.Connection[Any]:
        """A client's session through it."""
        where = {"host": self.seen()["Endpoint"], "port": 5432, "dbname": "embi", "user": "embi_admin"}
        return psycopg.connect(**where, password=PASSWORD, connect_timeout=20, autocommit=True, **more)

    def refusal(self) -> str:
        """What a client hears that is not let through."""
        try:
            self.connect().close()
        except psycopg.OperationalError as error:
            return str(error)
        return ""

    def place(self) -> str:
        """The marker of the server to which it leads a client now."""
        with self.connect() as session:
            row = session.execute("select name from marker").fetchone()
            return str(row[0]) if row else ""


@pytest.fixture(scope="module")
def front(shared_account: Account) -> Front:
    """One for all: two clusters, each with a table that says which it is."""
    group = shared_account.open_group()
    for name in CLUSTERS:
        shared_account.create(name, VpcSecurityGroupIds=[group])
        shared_account.add(name, f"{name}-1")
        with shared_account.connect(name) as session:
            session.execute(f"create table marker as select '{name}' as name".encode())
    return Front(shared_account)


@contextmanager
def without_group(front: Front, cluster: str) -> Iterator[None]:
    """The cluster's security group lets nobody in meanwhile."""
    before = front.account.cluster(cluster)["VpcSecurityGroups"][0]["VpcSecurityGroupId"]
    ec2 = front.account.world.client("ec2", HOME)
    rules = ec2.describe_security_groups(GroupIds=[before])["SecurityGroups"][0]["IpPermissions"]
    ec2.revoke_security_group_ingress(GroupId=before, IpPermissions=rules)
    try:
        yield
    finally:
        ec2.authorize_security_group_ingress(GroupId=before, IpPermissions=rules)


def test_clients_come_through_to_the_registered_writer_and_are_moved_with_it(front: Front) -> None:
    """One name, whatever is behind it; who was led to the old one is cut off."""
    front.lead("led-here")
    assert front.place() == "led-here"
    with front.connect() as session:
        assert session.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchone() is not None
        front.lead("led-there")
        front.account.until(lambda: front.place() == "led-there")
        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")


def test_a_client_of_a_proxy_that_leads_nowhere_is_held(front: Front) -> None:
    """It waits, and is led to what is registered meanwhile."""
    front.lead()
    found: list[str] = []
    waiting = threading.Thread(target=lambda: found.append(front.place()), daemon=True)
    waiting.start()
    time.sleep(0.3)
    assert found == []
    front.lead("led-there")
    waiting.join(20)
    assert found == ["led-there"]


@pytest.mark.sweep
def test_a_client_that_is_held_for_too_long_gets_awss_words(front: Front) -> None:
    """After two minutes of the lab's own time."""
    front.lead()
    front.account.clock.set_speed(600)
    try:
        front.account.until(lambda: "Timed-out waiting to acquire database connection" in front.refusal())
    finally:
        front.account.clock.set_speed(0)


def test_health_begins_with_registering_and_says_what_is_in_the_way(front: Front) -> None:
    """As AWS's own model has it: registering, unavailable, available; a lost secret and a closed group have names."""
    front.lead("led-here")
    assert front.targets() == [{"State": "REGISTERING"}]
    front.account.pass_time(25)
    assert front.targets()[0]["Reason"] == "PENDING_PROXY_CAPACITY"
    front.account.pass_time(25)
    front.account.until(lambda: front.targets() == [{"State": "AVAILABLE"}])
    with without_group(front, "led-here"):
        front.account.until(lambda: front.targets() == [{"State": "UNAVAILABLE", "Reason": "UNREACHABLE"}])
    front.account.until(lambda: front.targets() == [{"State": "AVAILABLE"}])
    vault = front.account.world.client("secretsmanager", HOME)
    vault.delete_secret(SecretId=front.secret)
    words = {
        "State": "UNAVAILABLE",
        "Reason": "AUTH_FAILURE",
        "Description": "Proxy does not have any registered credentials",
    }
    front.account.until(lambda: front.targets() == [words])
    vault.restore_secret(SecretId=front.secret)
    front.account.until(lambda: front.targets() == [{"State": "AVAILABLE"}])


def test_a_cluster_whose_instance_is_being_made_is_refused(front: Front) -> None:
    """In AWS's own words; and one cluster at a time."""
    front.lead()
    account = front.account
    account.call(
        "CreateDBInstance", DBInstanceIdentifier="led-there-2", DBClusterIdentifier="led-there",
        DBInstanceClass="db.r6g.large", Engine="aurora-postgresql",
    )  # fmt: skip
    it: dict[str, Any] = {"DBProxyName": front.name, "DBClusterIdentifiers": ["led-there"]}
    assert refused(account, "RegisterDBProxyTargets", **it) == "InvalidDBInstanceState"
    account.instance_becomes("led-there-2")
    account.call("RegisterDBProxyTargets", **it)
    assert refused(account, "RegisterDBProxyTargets", **it) == "DBProxyTargetAlreadyRegisteredFault"
    account.call("DeregisterDBProxyTargets", **it)
    assert refused(account, "DeregisterDBProxyTargets", **it) == "DBProxyTargetNotFoundFault"


def test_a_cluster_of_another_vpc_is_refused(front: Front) -> None:
    """A proxy and its cluster are in one."""
    account = front.account
    front.lead()
    place = ("proxy", HOME, front.name)
    own = account.rds._state.get(*place)
    assert own is not None
    with account.rds._state.transaction():
        account.rds._state.change(*place, VpcId="vpc-0other")
    it: dict[str, Any] = {"DBProxyName": front.name, "DBClusterIdentifiers": ["led-here"]}
    assert refused(account, "RegisterDBProxyTargets", **it) == "InvalidParameterValue"
    with account.rds._state.transaction():
        account.rds._state.change(*place, VpcId=own["VpcId"])
    account.call("RegisterDBProxyTargets", **it)
