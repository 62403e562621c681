"""Lives of a control plane: killed, started again, reset, and with a region taken away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daybreak.lab.account.world import World
from daybreak.lab.rds.snapshots.copies import CopySnapshotToRegion
from tests.fix_rds import AWAY, HOME, Account, make_account

PITR = "RestoreDBClusterToPointInTime"

DYING = """
import os, signal, sys
from pathlib import Path
from tests.fix_rds import PASSWORD, make_account, make_world
account = make_account(make_world(), Path(sys.argv[1]), Path(sys.argv[2]))
group = account.world.default_security_group("us-east-1").id
account.create("source", VpcSecurityGroupIds=[group], Tags=[{"Key": "k", "Value": "v"}])
account.add("source", "source-1")
account.rds.tick()
account.call("RestoreDBClusterToPointInTime", DBClusterIdentifier="half", SourceDBClusterIdentifier="source",
             UseLatestRestorableTime=True)
account.call("CreateDBInstance", DBInstanceIdentifier="source-2", DBClusterIdentifier="source",
             DBInstanceClass="db.r6g.large", Engine="aurora-postgresql")
print(account.cluster("source")["Endpoint"], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def survivor(world: World, folder: Path, cache: Path) -> Iterator[tuple[Account, str]]:
    """A control plane on what a killed one left, and the address its cluster had."""
    root = Path(__file__).parents[3]
    answer = subprocess.run(
        [sys.executable, "-c", DYING, str(folder / "rds"), str(cache)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert answer.returncode == -signal.SIGKILL, answer.stderr
    account = make_account(world, folder / "rds", cache)
    yield account, answer.stdout.strip()
    account.rds.stop()


def test_a_killed_control_plane_goes_on_where_it_was(survivor: tuple[Account, str]) -> None:
    """Running clusters run on the same address; half a restore is wiped and made again; jobs go on."""
    account, address = survivor
    source = account.cluster("source")
    assert (source["Status"], source["Endpoint"]) == ("available", address)
    assert source["TagList"] == [{"Key": "k", "Value": "v"}]
    assert "LatestRestorableTime" in source
    assert account.cluster("half")["Status"] == "creating"
    assert account.instance("source-2")["DBInstanceStatus"] == "creating"
    account.until(lambda: account.cluster("source")["LatestRestorableTime"] > source["LatestRestorableTime"])
    assert account.become("half")["Status"] == "available"
    account.instance_becomes("source-2")


def test_a_folder_of_an_earlier_release_is_taken_up(world: World, folder: Path, cache: Path) -> None:
    """Its proxies led nowhere and had no port, and a copy on its way kept no key; neither may keep the lab from starting."""
    account = make_account(world, folder / "rds", cache)
    state = account.rds._state
    with state.transaction():
        old = {"DBProxyName": "old", "Endpoint": "old.rds.invalid", "Status": "available", "RequireTLS": False}
        old |= {"VpcSecurityGroupIds": [], "Auth": [], "DefaultAuthScheme": "NONE", "_clusters": [], "VpcId": "vpc-0"}
        state.put("proxy", HOME, "old", old)
        args = {"snapshot": "gone", "place": "gone", "from": [AWAY, "gone"]}
        account.rds._desk.control.submit("copy-snapshot-to-region", HOME, "gone", 1.0, args)
    [job] = account.rds._desk.control.jobs()
    assert CopySnapshotToRegion(account.rds._desk).late(job, None) is None
    account.rds.stop()
    again = make_account(world, folder / "rds", cache)
    [proxy] = again.call("DescribeDBProxies")["DBProxies"]
    assert any(each.startswith(f"{proxy['Endpoint']}:") for each in again.rds.endpoints())
    assert not proxy["Endpoint"].endswith(".invalid")
    again.rds._forwarding.settle()
    again.rds.stop()


@pytest.mark.sweep
def test_a_lost_region_takes_its_servers_and_its_jobs_along(account: Account) -> None:
    """Losing a region is more than an API that does not answer."""
    account.create("lost", VpcSecurityGroupIds=[account.open_group()])
    account.add("lost", "lost-1")
    account.rds.tick()
    account.call(PITR, DBClusterIdentifier="later", SourceDBClusterIdentifier="lost", UseLatestRestorableTime=True)
    account.rds.region_down(HOME, down=True)
    assert not account.answers("lost")
    account.pass_time()
    assert account.cluster("later")["Status"] == "creating"
    account.rds.region_down(HOME, down=False)
    account.until(lambda: account.answers("lost"))
    account.until(lambda: account.cluster("later")["Status"] == "available")
    assert account.names(AWAY) == []


@pytest.mark.sweep
def test_a_server_that_is_killed_comes_back(account: Account) -> None:
    """A crash of PostgreSQL is not the end of a cluster."""
    account.create("crash", VpcSecurityGroupIds=[account.open_group()])
    account.add("crash", "crash-1")
    (pid_file,) = account.folder.glob("*/volumes/*/data/postmaster.pid")
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    account.until(lambda: account.answers("crash"))


def test_a_reset_forgets_everything(account: Account) -> None:
    """A demonstration begins with an empty account."""
    account.create("old")
    account.rds.reset()
    assert account.names() == []
    assert list(account.folder.glob("*/volumes/*")) == []
    account.create("old")
    assert account.names() == ["old"]
