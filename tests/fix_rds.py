"""An RDS in this process: moto around it, a real PostgreSQL behind it, and its answers read as boto3 reads them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.parsers import create_parser

from daybreak.lab.account.world import World
from daybreak.lab.control.clock import Clock
from daybreak.lab.control.faults import Faults
from daybreak.lab.protocol import codec
from daybreak.lab.protocol.errors import AwsError
from daybreak.lab.rds.front import Rds, Settings
from tests.fix_folders import new_folder
from tests.fix_lab import eventually

HOME, AWAY = "us-east-1", "us-west-2"
ACCOUNT = "123456789012"
PASSWORD = "Correct-horse-7"
HOUR = 3600.0


@pytest.fixture(scope="session")
def world() -> World:
    """moto's account, shared by every test of this process; asked without a socket."""
    return make_world()


def make_world() -> World:
    """moto in this process."""
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return World(DomainDispatcherApplication(create_backend_app), ACCOUNT)


@dataclass
class Account:
    """One RDS under test, at home in one region."""

    rds: Rds
    world: World
    clock: Clock
    faults: Faults
    folder: Path

    def call(self, operation: str, *, region: str = HOME, **params: Any) -> dict[str, Any]:
        """One call, its answer rendered and parsed again by botocore: what the model does not know fails here."""
        result = self.rds.handle(region, operation, params, caller_arn=f"arn:aws:iam::{ACCOUNT}:root")
        body = codec.render(operation, result, "request")
        shape: Any = codec.operation_model(operation).output_shape
        response = {"status_code": 200, "headers": {}, "body": body}
        answer: dict[str, Any] = create_parser("query").parse(response, shape)
        answer.pop("ResponseMetadata")
        return answer

    def cluster(self, name: str, region: str = HOME) -> dict[str, Any]:
        """The cluster as described now."""
        answer = self.call("DescribeDBClusters", region=region, DBClusterIdentifier=name)
        found: dict[str, Any] = answer["DBClusters"][0]
        return found

    def names(self, region: str = HOME) -> list[str]:
        """The identifiers of all clusters."""
        return [row["DBClusterIdentifier"] for row in self.call("DescribeDBClusters", region=region)["DBClusters"]]

    def instance(self, name: str) -> dict[str, Any]:
        """The instance as described now."""
        found: dict[str, Any] = self.call("DescribeDBInstances", DBInstanceIdentifier=name)["DBInstances"][0]
        return found

    def snapshot(self, name: str, region: str = HOME) -> dict[str, Any]:
        """The snapshot as described now."""
        answer = self.call("DescribeDBClusterSnapshots", region=region, DBClusterSnapshotIdentifier=name)
        found: dict[str, Any] = answer["DBClusterSnapshots"][0]
        return found

    def until(self, is_so: Callable[[], bool], *, within: float = 30.0) -> None:
        """Wait for real work; simulated time does not move by itself here."""
        eventually(is_so, within=within)

    def pass_time(self, seconds: float = 3 * HOUR) -> None:
        """Let simulated time pass."""
        self.clock.advance(seconds)

    def become(self, name: str, status: str = "available", region: str = HOME) -> dict[str, Any]:
        """Let time pass until the cluster has that status."""
        self.pass_time()
        self.until(lambda: self.cluster(name, region)["Status"] == status)
        if status == "available":
            self.until(lambda: "LatestRestorableTime" in self.cluster(name, region))
        return self.cluster(name, region)

    def instance_becomes(self, name: str, status: str = "available") -> dict[str, Any]:
        """Let time pass until the instance has that status."""
        self.pass_time()
        self.until(lambda: bool(self.instance(name)["DBInstanceStatus"] == status))
        return self.instance(name)

    def create(self, name: str, **params: Any) -> dict[str, Any]:
        """A cluster that is available, without instances."""
        given = {
            "Engine": "aurora-postgresql",
            "MasterUsername": "embi_admin",
            "MasterUserPassword": PASSWORD,
            "DatabaseName": "embi",
            **params,
        }
        self.call("CreateDBCluster", DBClusterIdentifier=name, **given)
        return self.become(name)

    def add(self, cluster: str, name: str, **params: Any) -> dict[str, Any]:
        """An instance that is available."""
        given = {"DBInstanceClass": "db.r6g.large", "Engine": "aurora-postgresql", **params}
        self.call("CreateDBInstance", DBInstanceIdentifier=name, DBClusterIdentifier=cluster, **given)
        return self.instance_becomes(name)

    def open_group(self, region: str = HOME, port: int = 5432) -> str:
        """A security group in the default VPC that lets everybody in."""
        ec2 = self.world.client("ec2", region)
        vpc = self.world.default_vpc(region)
        name = f"open-{time.monotonic_ns()}"
        group = str(ec2.create_security_group(GroupName=name, Description="test", VpcId=vpc)["GroupId"])
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        return group

    def connect(self, name: str, password: str = PASSWORD) -> psycopg.Connection[tuple[Any, ...]]:
        """A session on a cluster's endpoint, as its master."""
        cluster = self.cluster(name)
        return psycopg.connect(
            host=cluster["Endpoint"],
            port=cluster["Port"],
            user="embi_admin",
            password=password,
            dbname="embi",
            autocommit=True,
            connect_timeout=5,
        )

    def answers(self, name: str) -> bool:
        """Whether a session can be had."""
        try:
            self.connect(name).close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture(scope="session")
def cache() -> Iterator[Path]:
    """PostgreSQL's programs and templates, made once for all tests of this process."""
    place = new_folder()
    yield place
    shutil.rmtree(place, ignore_errors=True)


def make_account(world: World, folder: Path, cache: Path, *, speed: float = 0) -> Account:
    """An RDS on that folder, started."""
    clock, faults = Clock(speed), Faults()
    rds = Rds(folder, clock, world, faults, ACCOUNT, settings=Settings(tick_seconds=0.2, cache=cache))
    rds.start()
    return Account(rds, world, clock, faults, folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that servers can reach."""
    place = new_folder()
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def shared_account(world: World, cache: Path) -> Iterator[Account]:
    """An account for all tests of a module, which leave alone what they did not make."""
    place = new_folder()
    made = make_account(world, place, cache)
    yield made
    made.rds.stop()
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def account(world: World, folder: Path, cache: Path) -> Iterator[Account]:
    """An empty account whose control plane stands still until time is let pass."""
    made = make_account(world, folder, cache)
    yield made
    made.rds.stop()


def refused(account: Account, operation: str, *, region: str = HOME, **params: Any) -> str:
    """The wire code a call is refused with."""
    with pytest.raises(AwsError) as caught:
        account.call(operation, region=region, **params)
    return caught.value.code
