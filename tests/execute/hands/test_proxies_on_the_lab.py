"""A proxy of the lab is looked at, planned and moved, with replies that get lost, and its clients come out at the other cluster."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daybreak.aws.gateway import Access, Aws
from daybreak.errors import Paused
from daybreak.model.destinations import DestinationSeen, ProxyDestination, Whereto
from daybreak.model.world import Cluster
from daybreak.observe.destinations import Regions, look_at_destinations
from daybreak.observe.look import Lookout
from daybreak.plan.pointing import objection_to, orders_of, sides_of
from tests.execute.hands.test_destinations_on_the_lab import Town, plan_of
from tests.fix_lab import TRUST, LabUnderTest, eventually, private

SOURCE, CLONE = "front-source", "front-clone"
WORD = "correct-horse-battery-staple"


@dataclass
class Front:
    """A proxy that leads to one of two clusters."""

    lab: LabUnderTest
    name: str

    def aws(self) -> Aws:
        """A door that changes nothing."""
        return Aws(Access(region="us-east-1", endpoint_url=self.lab.url))

    def clusters(self) -> dict[Whereto, Cluster]:
        """Both sides as AWS describes them."""
        lookout = Lookout(self.aws())
        source, clone = lookout.cluster(SOURCE), lookout.cluster(CLONE)
        assert source is not None
        assert clone is not None
        return {"source": source, "clone": clone}

    def seen(self) -> DestinationSeen:
        """The proxy as it is now."""
        both = self.clusters()
        sides = sides_of(both["source"], both["clone"])
        place = ProxyDestination(name=self.name)
        (found,) = look_at_destinations([place], self.aws().in_region, Regions("us-east-1", "us-east-1"), sides, both)
        return found

    def host(self) -> str:
        """The proxy's endpoint."""
        return str(self.lab.client("rds").describe_db_proxies(DBProxyName=self.name)["DBProxies"][0]["Endpoint"])

    def marker(self) -> str:
        """Which cluster answers there."""
        where: dict[str, Any] = {"host": self.host(), "port": 5432, "dbname": "embi", "user": "owner"}
        with psycopg.connect(**where, password=WORD, connect_timeout=10) as session:
            row = session.execute("select name from marker").fetchone()
            return str(row[0]) if row else ""


def is_available(rds: Any, kind: str, name: str) -> bool:
    """Whether AWS calls a cluster or an instance available."""
    if kind == "cluster":
        return bool(rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["Status"] == "available")
    return bool(
        rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DBInstanceStatus"] == "available"
    )


def mark(host: str, port: int, name: str) -> bool:
    """Write into a cluster which it is; false while it lets nobody in."""
    where: dict[str, Any] = {"host": host, "port": port, "dbname": "embi", "user": "owner", "password": WORD}
    try:
        with psycopg.connect(**where) as session:
            session.execute(f"create table marker as select '{name}' as name".encode())
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    """One for all; each test leaves it leading to the source."""
    with private(speed=6000, empty=True) as lab:
        rds, ec2 = lab.client("rds"), lab.client("ec2")
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        group = ec2.create_security_group(GroupName="open", Description="open", VpcId=vpc)["GroupId"]
        rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        engine = "aurora-postgresql"
        for name in (SOURCE, CLONE):
            rds.create_db_cluster(
                DBClusterIdentifier=name, Engine=engine, MasterUsername="owner", MasterUserPassword=WORD, DatabaseName="embi",
                VpcSecurityGroupIds=[group],
            )  # fmt: skip
        for name in (SOURCE, CLONE):
            eventually(partial(is_available, rds, "cluster", name))
            size = {"Engine": engine, "DBInstanceClass": "db.r6g.large"}
            rds.create_db_instance(DBInstanceIdentifier=f"{name}-1", DBClusterIdentifier=name, **size)
        for name in (SOURCE, CLONE):
            eventually(partial(is_available, rds, "instance", f"{name}-1"))
            seen = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
            eventually(partial(mark, str(seen["Endpoint"]), int(seen["Port"]), name))
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AWS_ACCESS_KEY_ID", lab.root.id)
            environment.setenv("AWS_SECRET_ACCESS_KEY", lab.root.secret)
            yield _proxy(lab, group)


def _proxy(lab: LabUnderTest, group: str) -> Front:
    rds, name = lab.client("rds"), f"front-{uuid.uuid4().hex[:8]}"
    role = lab.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    login = json.dumps({"username": "owner", "password": WORD})
    secret = lab.client("secretsmanager").create_secret(Name=name, SecretString=login)["ARN"]
    subnets = [each["SubnetId"] for each in lab.client("ec2").describe_subnets()["Subnets"]][:2]
    rds.create_db_proxy(
        DBProxyName=name, EngineFamily="POSTGRESQL", RoleArn=role, VpcSubnetIds=subnets, VpcSecurityGroupIds=[group],
        Auth=[{"SecretArn": secret}],
    )  # fmt: skip
    eventually(lambda: rds.describe_db_proxies(DBProxyName=name)["DBProxies"][0]["Status"] == "available")
    rds.register_db_proxy_targets(DBProxyName=name, DBClusterIdentifiers=[SOURCE])
    front = Front(lab, name)
    eventually(lambda: front.seen().unfit is None)
    return front


@pytest.mark.parametrize("effect", [None, "drop_before", "drop_after", "error_after"])
def test_a_proxy_is_moved_to_the_clone_and_back(
    front: Front, tmp_path: Path, effect: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever becomes of a reply, its clients come out at the cluster that was meant, and no password is anywhere."""
    town, both = Town(front.lab, tmp_path / "state", front.name, ""), front.clusters()
    sides, ways = sides_of(both["source"], both["clone"]), (("source", "clone"), ("clone", "source"))
    for here, there in ways:
        seen = front.seen()
        assert (seen.points_at, seen.unfit, objection_to(seen, here, sides)) == (here, None, None)  # type: ignore[arg-type]
        assert front.marker() == both[here].identifier  # type: ignore[index]
        ends = both[here], both[there]  # type: ignore[index]
        orders = orders_of(seen, sides.of(here)["writer"], sides.of(there)["writer"], ends)  # type: ignore[arg-type]
        with ExitStack() as faults:
            for action in ("DeregisterDBProxyTargets", "RegisterDBProxyTargets") if effect else ():
                args = {"args": {"code": "InternalFailure", "status": 500}} if effect == "error_after" else {}
                faults.enter_context(front.lab.fault(str(effect), action=action, times=1, **args))
            state, told = town.carried_out(plan_of("move", *orders))
        assert state.status == "finished", [getattr(event.body, "why", "") for event in told]
        assert front.marker() == both[there].identifier  # type: ignore[index]
        files = "\n".join(path.read_text() for path in town.folder.rglob("*") if path.is_file())
        printed = [*capfd.readouterr(), repr(told), seen.canonical().decode(), files]
        assert [WORD in each for each in printed] == [False] * len(printed)


def test_what_is_in_the_proxys_way_is_seen_before_and_named_while_it_is_waited_for(
    front: Front, tmp_path: Path
) -> None:
    """Without its secret it lets nobody through, wherever it leads: AWS's reason is the run's, and mended it goes on."""
    town, both = Town(front.lab, tmp_path / "state", front.name, ""), front.clusters()
    sides, seen = sides_of(both["source"], both["clone"]), front.seen()
    orders = orders_of(seen, sides.source["writer"], sides.clone["writer"], (both["source"], both["clone"]))
    vault = front.lab.client("secretsmanager")
    vault.delete_secret(SecretId=front.name)
    try:
        eventually(lambda: "nobody can read there as whom" in (front.seen().unfit or ""))
        with pytest.raises(Paused, match="AUTH_FAILURE: Proxy does not have any registered credentials"):
            town.carried_out(plan_of("move", *orders))
    finally:
        vault.restore_secret(SecretId=front.name)
    eventually(lambda: front.seen().points_at == "clone")
    back = orders_of(front.seen(), sides.clone["writer"], sides.source["writer"], (both["clone"], both["source"]))
    state, _ = town.carried_out(plan_of("back", *back))
    assert state.status == "finished"
    assert front.marker() == SOURCE
