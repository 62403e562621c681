"""Global databases: a secondary in another region that reads, and takes over by a switch-over, a fail-over, or by leaving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daybreak.lab.company.names import CLUSTER
from tests.fix_lab import LabUnderTest, eventually, start
from tests.lab.regions.fix_regions import (
    AWAY,
    GLOBAL,
    HOME,
    SECONDARY,
    Reach,
    add_instance,
    becomes,
    beside,
    cluster,
    code,
    global_cluster,
    kill,
    make_global,
)

STAMP = "insert into stamps (n) select coalesce(max(n), 0) + 1 from stamps returning n"
COUNT = "select count(*) from stamps"


def with_stamps(lab: LabUnderTest) -> tuple[Reach, str, str]:
    """The login, the primary's host, and the secondary's for readers; the table of stamps has arrived there."""
    secondary, reach = make_global(lab), Reach(lab)
    home = str(cluster(lab, CLUSTER, HOME)["Endpoint"])
    with reach.session(home) as session:
        session.execute("create table stamps (n int primary key, at timestamptz default clock_timestamp())")
    away = str(secondary["ReaderEndpoint"])
    eventually(lambda: bool(reach.answer(away, "select to_regclass('stamps') is not null")))
    return reach, home, away


def has_stamps(reach: Reach, host: str, number: int) -> bool:
    """Whether so many stamps can be read there."""
    return reach.answers(host) and bool(reach.answer(host, COUNT) == number)


def at_rest(lab: LabUnderTest) -> bool:
    """Whether the global database changes nothing, and everybody follows."""
    found = global_cluster(lab)
    states = {each["SynchronizationStatus"] for each in found["GlobalClusterMembers"]}
    return bool(found["Status"] == "available" and states == {"connected"})


def writer(lab: LabUnderTest) -> str:
    """The ARN of the primary."""
    (arn,) = [each["DBClusterArn"] for each in global_cluster(lab)["GlobalClusterMembers"] if each["IsWriter"]]
    return str(arn)


@pytest.mark.sweep
def test_a_secondary_reads_what_its_primary_wrote_and_says_whom_it_follows(own_lab: LabUnderTest) -> None:
    """One global database, seen from both regions and from the clusters in it."""
    reach, home, away = with_stamps(own_lab)
    reach.answer(home, STAMP)
    eventually(lambda: bool(reach.answer(away, COUNT) == 1))
    with reach.session(away) as session, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        session.execute("delete from stamps")
    primary, secondary = cluster(own_lab, CLUSTER, HOME), cluster(own_lab, SECONDARY, AWAY)
    assert not reach.answers(secondary["Endpoint"])  # nobody answers at a secondary's writer endpoint
    assert secondary["ReplicationSourceIdentifier"] == primary["DBClusterArn"]
    assert primary["ReadReplicaIdentifiers"] == [secondary["DBClusterArn"]]
    assert primary["GlobalClusterIdentifier"] == secondary["GlobalClusterIdentifier"] == GLOBAL
    assert [each["IsClusterWriter"] for each in secondary["DBClusterMembers"]] == [False]
    ends = own_lab.client("rds", AWAY).describe_db_cluster_endpoints(DBClusterIdentifier=SECONDARY)
    assert {each["EndpointType"]: each["Status"] for each in ends["DBClusterEndpoints"]} == {
        "WRITER": "inactive",
        "READER": "available",
    }
    found = global_cluster(own_lab, HOME)
    assert found == global_cluster(own_lab, AWAY)
    assert (found["Status"], found["StorageEncrypted"], found["Endpoint"]) == ("available", True, home)
    assert [(each["IsWriter"], each["Readers"]) for each in found["GlobalClusterMembers"]] == [
        (True, [secondary["DBClusterArn"]]),
        (False, []),
    ]
    assert secondary["LatestRestorableTime"] <= datetime.now(UTC)
    filters = [{"Name": "region", "Values": ["eu-west-1"]}]
    assert own_lab.client("rds").describe_global_clusters(Filters=filters)["GlobalClusters"] == []


@pytest.mark.sweep
def test_the_lag_is_what_a_test_sets_and_cloudwatch_shows_it(own_lab: LabUnderTest) -> None:
    """Who states what a secondary would lose must be able to be wrong."""
    reach, home, away = with_stamps(own_lab)
    own_lab.remote.lag(SECONDARY, None, region=AWAY)
    reach.answer(home, STAMP)
    own_lab.remote.lag(SECONDARY, 3, region=AWAY)
    written = reach.answer(home, "select at from stamps")
    eventually(lambda: bool(reach.answer(away, COUNT) == 1))
    assert datetime.now(UTC) - written >= timedelta(seconds=2.5)
    (point, *_) = own_lab.client("cloudwatch", AWAY).get_metric_statistics(
        Namespace="AWS/RDS",
        MetricName="AuroraGlobalDBReplicationLag",
        Dimensions=[{"Name": "DBClusterIdentifier", "Value": SECONDARY}],
        StartTime=written - timedelta(minutes=10),
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    assert point["Maximum"] > 0


@pytest.mark.sweep
def test_a_switchover_loses_nothing_and_turns_the_roles_around(own_lab: LabUnderTest) -> None:
    """Also what was written while the secondary was behind; the old primary follows then."""
    reach, home, away = with_stamps(own_lab)
    own_lab.remote.lag(SECONDARY, None, region=AWAY)
    for _ in range(5):
        reach.answer(home, STAMP)
    arn = cluster(own_lab, SECONDARY, AWAY)["DBClusterArn"]
    rds = own_lab.client("rds", AWAY)
    begun = rds.switchover_global_cluster(GlobalClusterIdentifier=GLOBAL, TargetDbClusterIdentifier=arn)[
        "GlobalCluster"
    ]
    assert (begun["Status"], begun["FailoverState"]["IsDataLossAllowed"]) == ("switching-over", False)
    assert cluster(own_lab, SECONDARY, AWAY)["Status"] == "promoting"
    eventually(lambda: at_rest(own_lab), within=60)
    assert writer(own_lab) == arn
    assert reach.answer(cluster(own_lab, SECONDARY, AWAY)["Endpoint"], COUNT) == 5
    assert reach.answer(away, STAMP) == 6
    assert global_cluster(own_lab)["Endpoint"] == cluster(own_lab, SECONDARY, AWAY)["Endpoint"]
    becomes(own_lab, CLUSTER, HOME)
    eventually(lambda: reach.answers(home) and bool(reach.answer(home, COUNT) == 6))
    with reach.session(home) as session, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        session.execute(STAMP)
    assert "FailoverState" not in global_cluster(own_lab)


def test_a_failover_without_the_first_region_loses_what_had_not_arrived(own_lab: LabUnderTest) -> None:
    """And the old primary, when its region is back, is made anew; what it had lost is in a snapshot there."""
    reach, home, away = with_stamps(own_lab)
    reach.answer(home, STAMP)
    eventually(lambda: bool(reach.answer(away, COUNT) == 1))
    own_lab.remote.lag(SECONDARY, None, region=AWAY)
    reach.answer(home, STAMP)
    west = own_lab.client("rds", AWAY)
    name = {
        "GlobalClusterIdentifier": GLOBAL,
        "TargetDbClusterIdentifier": cluster(own_lab, SECONDARY, AWAY)["DBClusterArn"],
    }
    with own_lab.fault("region_down", region=HOME):
        assert code(west.switchover_global_cluster, **name)[0] == "InvalidGlobalClusterStateFault"
        begun = west.failover_global_cluster(**name, AllowDataLoss=True)["GlobalCluster"]
        assert begun["FailoverState"]["IsDataLossAllowed"]
        eventually(lambda: global_cluster(own_lab)["Status"] == "available")
        promoted = becomes(own_lab, SECONDARY, AWAY)
        assert reach.answer(promoted["Endpoint"], COUNT) == 1
        reach.answer(promoted["Endpoint"], STAMP)
        states = {
            each["IsWriter"]: each["SynchronizationStatus"] for each in global_cluster(own_lab)["GlobalClusterMembers"]
        }
        assert states == {True: "connected", False: "pending-resync"}
    eventually(lambda: at_rest(own_lab), within=60)
    eventually(lambda: reach.answers(home) and bool(reach.answer(home, COUNT) == 2))
    snapshots = own_lab.client("rds").describe_db_cluster_snapshots(SnapshotType="automated")["DBClusterSnapshots"]
    (kept,) = [each for each in snapshots if "unplanned-global-failover" in each["DBClusterSnapshotIdentifier"]]
    own_lab.client("rds").restore_db_cluster_from_snapshot(
        DBClusterIdentifier="lost-and-found", SnapshotIdentifier=kept["DBClusterSnapshotArn"],
        Engine="aurora-postgresql", DBSubnetGroupName="embi-db-subnet-group",
        VpcSecurityGroupIds=[cluster(own_lab, CLUSTER, HOME)["VpcSecurityGroups"][0]["VpcSecurityGroupId"]],
    )  # fmt: skip
    becomes(own_lab, "lost-and-found", HOME)
    assert reach.answer(add_instance(own_lab, "lost-and-found", HOME)["Endpoint"], COUNT) == 2


@pytest.mark.sweep
def test_a_global_database_goes_on_after_the_lab_was_killed(place: Path) -> None:
    """Its roles, its addresses and its lag are on disk, and so is a change of roles that had begun."""
    lab = start(place, speed=6000)
    reach, home, away = with_stamps(lab)
    arn = cluster(lab, SECONDARY, AWAY)["DBClusterArn"]
    reach.answer(home, STAMP)
    kill(lab)
    lab = start(place, speed=6000)
    eventually(lambda: reach.answers(away) and bool(reach.answer(away, COUNT) == 1))
    reach.answer(home, STAMP)
    lab.ask("POST", "clock", {"speed": 0})
    west = lab.client("rds", AWAY)
    west.switchover_global_cluster(GlobalClusterIdentifier=GLOBAL, TargetDbClusterIdentifier=arn)
    kill(lab)
    lab = start(place, speed=6000)
    eventually(lambda: at_rest(lab), within=60)
    assert writer(lab) == arn
    assert reach.answer(cluster(lab, SECONDARY, AWAY)["Endpoint"], COUNT) == 2
    eventually(lambda: reach.answers(home) and bool(reach.answer(home, COUNT) == 2))


def open_group(lab: LabUnderTest, region: str) -> str:
    """A group in the region's default network that lets this machine in."""
    ec2 = lab.client("ec2", region)
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    group = str(ec2.create_security_group(GroupName="open", Description="for a test", VpcId=vpc)["GroupId"])
    rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "127.0.0.1/32"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    return group


@pytest.mark.sweep
def test_every_other_secondary_follows_the_new_primary(own_lab: LabUnderTest) -> None:
    """It is behind until it has been made anew, and cannot be chosen meanwhile."""
    reach, home, _ = with_stamps(own_lab)
    third = "eu-west-1"
    key = own_lab.client("kms", third).create_key()["KeyMetadata"]["Arn"]
    own_lab.client("rds", third).create_db_cluster(
        DBClusterIdentifier="embi-eu", GlobalClusterIdentifier=GLOBAL, Engine="aurora-postgresql", KmsKeyId=key,
        VpcSecurityGroupIds=[open_group(own_lab, third)],
    )  # fmt: skip
    becomes(own_lab, "embi-eu", third)
    add_instance(own_lab, "embi-eu", third)
    reach.answer(home, STAMP)
    arns = {
        name: cluster(own_lab, name, region)["DBClusterArn"] for name, region in ((SECONDARY, AWAY), ("embi-eu", third))
    }
    it = {"GlobalClusterIdentifier": GLOBAL}
    west = own_lab.client("rds", AWAY)
    with own_lab.fault("stuck", action="rebuild-secondary"):
        west.switchover_global_cluster(**it, TargetDbClusterIdentifier=arns[SECONDARY])
        eventually(lambda: global_cluster(own_lab)["Status"] == "available")
        assert code(west.switchover_global_cluster, **it, TargetDbClusterIdentifier=arns["embi-eu"])[0] == (
            "InvalidDBClusterStateFault"
        )
    eventually(lambda: at_rest(own_lab), within=60)
    reach.answer(cluster(own_lab, SECONDARY, AWAY)["Endpoint"], STAMP)
    for name, region in ((CLUSTER, HOME), ("embi-eu", third)):
        host = becomes(own_lab, name, region)["ReaderEndpoint"]
        eventually(partial(has_stamps, reach, host, 2))


@pytest.mark.sweep
def test_a_secondary_that_leaves_stands_alone(own_lab: LabUnderTest) -> None:
    """The guide's older way out of an outage: detach and promote."""
    reach, home, _ = with_stamps(own_lab)
    west = own_lab.client("rds", AWAY)
    arns = {
        name: cluster(own_lab, name, region)["DBClusterArn"] for name, region in ((CLUSTER, HOME), (SECONDARY, AWAY))
    }
    it = {"GlobalClusterIdentifier": GLOBAL}
    assert code(west.remove_from_global_cluster, **it, DbClusterIdentifier=arns[CLUSTER])[0] == (
        "InvalidGlobalClusterStateFault"
    )
    with own_lab.fault("region_down", region=HOME):
        west.remove_from_global_cluster(**it, DbClusterIdentifier=arns[SECONDARY])
        alone = becomes(own_lab, SECONDARY, AWAY)
        assert "GlobalClusterIdentifier" not in alone
        assert reach.answer(alone["Endpoint"], STAMP) == 1
    assert code(west.remove_from_global_cluster, **it, DbClusterIdentifier=arns[SECONDARY]) == (
        "InvalidParameterValue",
        f"{arns[SECONDARY]} is not found in global cluster {GLOBAL}",
    )
    eventually(lambda: reach.answers(home))
    assert reach.answer(home, STAMP) == 1
    own_lab.client("rds").remove_from_global_cluster(**it, DbClusterIdentifier=arns[CLUSTER])
    west.delete_global_cluster(**it)
    assert west.describe_global_clusters()["GlobalClusters"] == []


def test_what_aws_refuses_around_global_databases(own_lab: LabUnderTest) -> None:
    """In AWS's own words, where people have reported them."""
    make_global(own_lab)
    home, west = own_lab.client("rds"), own_lab.client("rds", AWAY)
    it: dict[str, Any] = {"GlobalClusterIdentifier": GLOBAL}
    arn = cluster(own_lab, CLUSTER, HOME)["DBClusterArn"]
    home.modify_db_cluster(DBClusterIdentifier=CLUSTER, DeletionProtection=False)
    becomes(own_lab, CLUSTER, HOME)
    gone: dict[str, Any] = {"SkipFinalSnapshot": True}
    assert code(home.delete_db_cluster, DBClusterIdentifier=CLUSTER, **gone) == (
        "InvalidGlobalClusterStateFault",
        "Unable to delete cluster that is a primary member of global cluster while there are other global cluster members",
    )
    assert code(west.delete_db_cluster, DBClusterIdentifier=SECONDARY, **gone) == (
        "InvalidDBClusterStateFault",
        "This cluster is a part of a global cluster, please remove it from globalcluster first",
    )
    home.delete_db_instance(DBInstanceIdentifier=f"{CLUSTER}-instance-2")
    refusal = code(home.delete_db_instance, DBInstanceIdentifier=f"{CLUSTER}-instance-1")
    assert refusal[0] == "InvalidDBClusterStateFault"
    assert refusal[1].startswith("Cannot delete the last instance of the master cluster.")
    assert code(home.stop_db_cluster, DBClusterIdentifier=CLUSTER)[0] == "InvalidDBClusterStateFault"
    assert code(west.modify_db_cluster, DBClusterIdentifier=SECONDARY, MasterUserPassword="Another-one-9")[0] == (
        "InvalidDBClusterStateFault"
    )
    new = {"DBClusterIdentifier": "third", **it, **beside(own_lab)}
    for parameter, word in (
        ("MasterUsername", "user name"),
        ("MasterUserPassword", "password"),
        ("DatabaseName", "database name"),
    ):
        assert code(own_lab.client("rds", "eu-west-1").create_db_cluster, **{**new, parameter: "embi_admin"}) == (
            "InvalidParameterCombination",
            f"Cannot specify {word} for cross region replication cluster",
        )
    assert code(west.create_db_cluster, **new)[0] == "InvalidGlobalClusterStateFault"
    del new["KmsKeyId"]
    assert code(own_lab.client("rds", "eu-west-1").create_db_cluster, **new)[0] in (
        "InvalidParameterCombination", "DBSubnetGroupNotFoundFault",
    )  # fmt: skip
    move = {**it, "TargetDbClusterIdentifier": arn}
    assert (
        code(west.failover_global_cluster, **move, AllowDataLoss=True, Switchover=True)[0]
        == "InvalidParameterCombination"
    )
    assert code(west.failover_global_cluster, **move, AllowDataLoss=True)[0] == "InvalidDBClusterStateFault"
    assert (
        code(west.switchover_global_cluster, **{**move, "TargetDbClusterIdentifier": "nobody"})[0]
        == "DBClusterNotFoundFault"
    )
    assert code(west.delete_global_cluster, **it) == (
        "InvalidGlobalClusterStateFault",
        f"Global Cluster arn:aws:rds::123456789012:global-cluster:{GLOBAL} is not empty",
    )
    assert code(west.create_global_cluster, **it, Engine="aurora-postgresql")[0] == "GlobalClusterAlreadyExistsFault"
    assert code(home.create_global_cluster, GlobalClusterIdentifier="two", SourceDBClusterIdentifier=arn)[0] == (
        "InvalidDBClusterStateFault"
    )
    both = {"SourceDBClusterIdentifier": arn, "Engine": "aurora-postgresql"}
    assert code(home.create_global_cluster, GlobalClusterIdentifier="two", **both)[0] == "InvalidParameterCombination"
    assert code(west.delete_global_cluster, GlobalClusterIdentifier="two")[0] == "GlobalClusterNotFoundFault"
