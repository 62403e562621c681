"""Where AWS is less kind than one would build it: the lab is as unkind, or a wrong product looks right."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

import psycopg
import pytest

from daybreak.lab.control.clock import Clock
from daybreak.lab.control.kindness import Kindness
from daybreak.lab.rds.clusters.servers import connections_of
from daybreak.lab.rds.durations import DURATIONS
from daybreak.lab.rds.front import LAG_SECONDS, Publishing
from tests.fix_lab import TRUST
from tests.fix_rds import HOME, PASSWORD, Account, refused

MASTER = {"Engine": "aurora-postgresql", "MasterUsername": "embi_admin", "MasterUserPassword": PASSWORD}


@pytest.fixture(scope="module")
def account(shared_account: Account) -> Account:
    """One account for all of them."""
    return shared_account


@pytest.mark.sweep
def test_a_member_is_never_protected_itself(account: Account) -> None:
    """The protection is the cluster's; who asks the instance learns nothing."""
    account.create("guarded", DeletionProtection=True)
    account.add("guarded", "guarded-1")
    assert account.cluster("guarded")["DeletionProtection"] is True
    assert account.instance("guarded-1")["DeletionProtection"] is False


def test_an_automated_snapshot_is_named_with_its_type(account: Account) -> None:
    """By its name and by its ARN: without the type AWS looks among the manual ones."""
    account.create("daily")
    answer = account.call("DescribeDBClusterSnapshots", DBClusterIdentifier="daily", SnapshotType="automated")
    first = answer["DBClusterSnapshots"][0]
    for name in (first["DBClusterSnapshotIdentifier"], first["DBClusterSnapshotArn"]):
        assert refused(account, "DescribeDBClusterSnapshots", DBClusterSnapshotIdentifier=name) == (
            "InvalidParameterCombination"
        )
        found = account.call("DescribeDBClusterSnapshots", DBClusterSnapshotIdentifier=name, SnapshotType="automated")
        assert [each["DBClusterSnapshotArn"] for each in found["DBClusterSnapshots"]] == [first["DBClusterSnapshotArn"]]


def test_aws_backup_makes_no_type_of_cluster_snapshots(account: Account) -> None:
    """AWS documents it for DB instances only; it may answer all the same, so a test may switch it on."""
    of = {"SnapshotType": "awsbackup"}
    assert refused(account, "DescribeDBClusterSnapshots", **of) == "InvalidParameterValue"
    account.rds.kindnesses.grant(Kindness.AWS_BACKUP)
    assert account.call("DescribeDBClusterSnapshots", **of) == {"DBClusterSnapshots": []}
    account.rds.kindnesses.grant(Kindness.AWS_BACKUP, granted=False)
    assert refused(account, "DescribeDBClusterSnapshots", **of) == "InvalidParameterValue"


def test_a_new_cluster_is_backed_up_before_it_is_available(account: Account) -> None:
    """And even then AWS answers no restorable times for a while, nor restores from them."""
    account.call("CreateDBCluster", DBClusterIdentifier="young", **MASTER)
    account.pass_time(DURATIONS["create-cluster"].fixed)
    account.until(lambda: account.cluster("young")["Status"] == "backing-up")
    instance = {"DBInstanceIdentifier": "young-1", "DBClusterIdentifier": "young", "Engine": "aurora-postgresql"}
    assert refused(account, "CreateDBInstance", **instance, DBInstanceClass="db.r6g.large") == (
        "InvalidDBClusterStateFault"
    )
    account.pass_time(DURATIONS["first-backup"].fixed)
    account.until(lambda: account.cluster("young")["Status"] == "available")
    restore: dict[str, Any] = {
        "DBClusterIdentifier": "old",
        "SourceDBClusterIdentifier": "young",
        "UseLatestRestorableTime": True,
    }
    assert refused(account, "RestoreDBClusterToPointInTime", **restore) == "InvalidDBClusterStateFault"
    assert not {"EarliestRestorableTime", "LatestRestorableTime"} & set(account.cluster("young"))
    of = {"DbClusterResourceId": account.cluster("young")["DbClusterResourceId"]}
    assert (
        "RestoreWindow" not in account.call("DescribeDBClusterAutomatedBackups", **of)["DBClusterAutomatedBackups"][0]
    )
    account.pass_time(DURATIONS["first-window"].fixed)
    account.until(lambda: "LatestRestorableTime" in account.cluster("young"))
    assert "RestoreWindow" in account.call("DescribeDBClusterAutomatedBackups", **of)["DBClusterAutomatedBackups"][0]


def monitor(account: Account) -> str:
    """A role that Enhanced Monitoring may take."""
    role = {"RoleName": f"monitor-{uuid.uuid4().hex}", "AssumeRolePolicyDocument": TRUST}
    return str(account.world.client("iam", HOME).create_role(**role)["Role"]["Arn"])


def is_in(account: Account, instance: str, status: str) -> bool:
    """Whether the instance has that status."""
    return bool(account.instance(instance)["DBInstanceStatus"] == status)


def test_a_new_instance_is_configured_while_it_answers(account: Account) -> None:
    """Each thing that AWS sets up beside PostgreSQL is a status of its own; SQL works before the last has passed."""
    group = account.open_group()
    logs = {"EnableIAMDatabaseAuthentication": True, "EnableCloudwatchLogsExports": ["postgresql"]}
    account.create("watched", VpcSecurityGroupIds=[group], **logs)
    instance = {"DBInstanceIdentifier": "watched-1", "DBClusterIdentifier": "watched", "Engine": "aurora-postgresql"}
    account.call(
        "CreateDBInstance",
        **instance,
        DBInstanceClass="db.r6g.large",
        MonitoringInterval=60,
        MonitoringRoleArn=monitor(account),
    )
    account.pass_time(DURATIONS["create-instance"].fixed)
    for status in ("configuring-enhanced-monitoring", "configuring-iam-database-auth", "configuring-log-exports"):
        account.until(partial(is_in, account, "watched-1", status))
        assert account.answers("watched")
        account.pass_time(DURATIONS["configure-instance"].fixed)
    account.until(partial(is_in, account, "watched-1", "available"))
    account.call(
        "CreateDBInstance", **{**instance, "DBInstanceIdentifier": "watched-2"}, DBInstanceClass="db.r6g.large"
    )
    account.pass_time(DURATIONS["create-instance"].fixed)
    account.until(partial(is_in, account, "watched-2", "configuring-iam-database-auth"))


def test_the_latest_restorable_time_moves_in_steps_of_minutes() -> None:
    """A moment of just now is not in the window yet, and who does not wait for it is refused."""
    clock = Clock(1)
    publishing = Publishing(clock)
    assert publishing.is_due("a")
    assert not publishing.is_due("a")
    assert publishing.is_due("b")
    clock.advance(LAG_SECONDS / 2)
    assert not publishing.is_due("a")
    clock.advance(LAG_SECONDS / 2)
    assert publishing.is_due("a")
    clock.set_speed(0)
    assert publishing.is_due("a")
    assert publishing.is_due("a")


def said(account: Account, kind: str, name: str) -> list[str]:
    """The events of one resource, in words."""
    answer = account.call("DescribeEvents", SourceType=kind, SourceIdentifier=name, Duration=60)
    return [event["Message"] for event in answer["Events"]]


def test_events_are_worded_as_aws_words_them(account: Account) -> None:
    """A restore is a cluster created, and a change of settings says nothing: who waits for such an event waits for ever."""
    account.create("teller")
    zones = [f"us-east-1{letter}" for letter in "abb"]
    for number, zone in enumerate(zones, 1):
        account.add("teller", f"teller-{number}", AvailabilityZone=zone, PromotionTier=number)
    restore: dict[str, Any] = {"SourceDBClusterIdentifier": "teller", "UseLatestRestorableTime": True}
    account.call("RestoreDBClusterToPointInTime", DBClusterIdentifier="told", **restore)
    account.become("told")
    assert said(account, "db-cluster", "told") == ["DB cluster created"]
    account.call("ModifyDBCluster", DBClusterIdentifier="teller", BackupRetentionPeriod=3)
    account.become("teller")
    for target in ("teller-2", "teller-3"):
        account.call("FailoverDBCluster", DBClusterIdentifier="teller", TargetDBInstanceIdentifier=target)
        account.become("teller")
    assert said(account, "db-cluster", "teller")[1:] == [
        "Started cross AZ failover to DB instance: teller-2",
        "Completed failover to DB instance: teller-2",
        "Started same AZ failover to DB instance: teller-3",
        "Completed failover to DB instance: teller-3",
    ]
    account.call(
        "ModifyDBInstance",
        DBInstanceIdentifier="teller-1",
        MonitoringInterval=30,
        PromotionTier=7,
        MonitoringRoleArn=monitor(account),
    )
    account.instance_becomes("teller-1")
    assert said(account, "db-instance", "teller-1") == ["DB instance created", "Monitoring Interval changed to 30"]
    account.call("CreateDBClusterSnapshot", DBClusterIdentifier="told", DBClusterSnapshotIdentifier="told-it")
    account.pass_time()
    account.until(lambda: account.snapshot("told-it")["Status"] == "available")
    account.call("DeleteDBClusterSnapshot", DBClusterSnapshotIdentifier="told-it")
    assert said(account, "db-cluster-snapshot", "told-it") == [
        "Creating manual cluster snapshot",
        "Manual cluster snapshot created",
        "Deleted manual snapshot",
    ]


def room_of(account: Account, cluster: str) -> str:
    """The server's own word for how many connections it takes."""
    with account.connect(cluster) as session:
        row = session.execute("show max_connections").fetchone()
    assert row is not None
    return str(row[0])


def test_a_small_class_takes_few_connections(account: Account) -> None:
    """A clone that is scaled down may refuse what the source took; a group's own value wins."""
    account.create("small", VpcSecurityGroupIds=[account.open_group()])
    account.add("small", "small-1", DBInstanceClass="db.t4g.medium")
    assert room_of(account, "small") == "25"
    change = {"DBInstanceIdentifier": "small-1", "DBInstanceClass": "db.r6g.large"}
    account.call("ModifyDBInstance", **change, ApplyImmediately=True)
    account.instance_becomes("small-1")
    assert room_of(account, "small") == "100"
    family = account.call("DescribeDBEngineVersions", DefaultOnly=True)["DBEngineVersions"][0]["DBParameterGroupFamily"]
    group = {"DBClusterParameterGroupName": "roomy"}
    account.call("CreateDBClusterParameterGroup", **group, DBParameterGroupFamily=family, Description="d")
    own = [{"ParameterName": "max_connections", "ParameterValue": "40", "ApplyMethod": "pending-reboot"}]
    account.call("ModifyDBClusterParameterGroup", **group, Parameters=own)
    account.call("ModifyDBCluster", DBClusterIdentifier="small", **group)
    account.become("small")
    account.call("RebootDBInstance", DBInstanceIdentifier="small-1")
    account.instance_becomes("small-1")
    assert room_of(account, "small") == "40"


@pytest.mark.parametrize(
    ("size", "most", "room"),
    [
        ("db.serverless", 1, 12),
        ("db.serverless", 4, 50),
        ("db.serverless", 64, 100),
        ("db.t3.large", None, 50),
        ("db.r6g.large", None, 100),
        ("", None, 100),
    ],
)
def test_the_room_follows_the_memory(size: str, most: int | None, room: int) -> None:
    """Serverless takes what its largest size has memory for."""
    cluster = {} if most is None else {"ServerlessV2ScalingConfiguration": {"MaxCapacity": most}}
    assert connections_of(size, cluster) == room


def test_one_network_type_is_served(account: Account) -> None:
    """Neither a new cluster nor a changed one gets two, because no subnet group has them."""
    new = {**MASTER, "DBClusterIdentifier": "dual", "NetworkType": "DUAL"}
    assert refused(account, "CreateDBCluster", **new) == "NetworkTypeNotSupported"
    account.create("single")
    change = {"DBClusterIdentifier": "single", "NetworkType": "DUAL"}
    assert refused(account, "ModifyDBCluster", **change) == "NetworkTypeNotSupported"
    options = account.call("DescribeOrderableDBInstanceOptions", Engine="aurora-postgresql")
    assert {tuple(each["SupportedNetworkTypes"]) for each in options["OrderableDBInstanceOptions"]} == {("IPV4",)}


def test_functions_that_aurora_refuses_are_refused(account: Account) -> None:
    """Each with its own state, so that a question about something else does not die of it; a test may want them."""
    account.create("aurora", VpcSecurityGroupIds=[account.open_group()])
    account.add("aurora", "aurora-1")
    questions = {
        "select pg_current_wal_lsn()": "55000",
        "select pg_current_wal_insert_lsn()": "55000",
        "select pg_current_wal_flush_lsn()": "55000",
        "select pg_stat_get_wal()": "0A000",
        "select * from pg_stat_wal": "0A000",
        "select pg_stat_get_wal_receiver()": "0A000",
        "select * from pg_stat_wal_receiver": "0A000",
        "select pg_last_wal_receive_lsn()": "0A000",
    }
    assert {question: state_of(account, question) for question in questions} == questions
    account.rds.kindnesses.grant(Kindness.FUNCTIONS)
    account.rds.world_changed()
    account.until(lambda: {state_of(account, question) for question in questions} == {""})
    account.rds.kindnesses.grant(Kindness.FUNCTIONS, granted=False)
    account.rds.world_changed()
    account.until(lambda: state_of(account, "select * from pg_stat_wal") == "0A000")


def state_of(account: Account, question: str) -> str:
    """The state with which the server refuses a question; empty when it answers."""
    with account.connect("aurora") as session:
        try:
            session.execute(question.encode())
        except psycopg.Error as error:
            return str(error.sqlstate)
    return ""


def test_where_the_log_is_logical_its_end_is_told(account: Account) -> None:
    """A publisher knows how far it has written, in Aurora as well."""
    family = account.call("DescribeDBEngineVersions", DefaultOnly=True)["DBEngineVersions"][0]["DBParameterGroupFamily"]
    group = {"DBClusterParameterGroupName": "logical"}
    account.call("CreateDBClusterParameterGroup", **group, DBParameterGroupFamily=family, Description="d")
    on = [{"ParameterName": "rds.logical_replication", "ParameterValue": "1", "ApplyMethod": "pending-reboot"}]
    account.call("ModifyDBClusterParameterGroup", **group, Parameters=on)
    account.pass_time()
    account.create("publisher", VpcSecurityGroupIds=[account.open_group()], **group)
    account.add("publisher", "publisher-1")
    with account.connect("publisher") as session:
        row = session.execute("select pg_current_wal_lsn()::text ~ '/'").fetchone()
    assert row == (True,)
