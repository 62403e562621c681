"""Restores: what comes back is what was there at the moment, and what AWS loses is lost."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from tests.fix_rds import AWAY, HOME, Account, refused

PITR = "RestoreDBClusterToPointInTime"


@pytest.fixture(scope="module")
def account(shared_account: Account) -> Account:
    """One account for all of them."""
    return shared_account


@pytest.fixture(scope="module")
def source(account: Account) -> dict[str, Any]:
    """A cluster with everything that can be lost, and two rows a moment apart."""
    group = account.open_group()
    account.call(
        "CreateDBClusterParameterGroup",
        DBClusterParameterGroupName="own",
        DBParameterGroupFamily=f"aurora-postgresql{max(account.rds.majors)}",
        Description="d",
    )
    account.create(
        "source",
        StorageEncrypted=True,
        VpcSecurityGroupIds=[group],
        DBClusterParameterGroupName="own",
        DeletionProtection=True,
        EnableCloudwatchLogsExports=["postgresql"],
        EnableIAMDatabaseAuthentication=True,
        CopyTagsToSnapshot=True,
        StorageType="aurora-iopt1",
        BackupRetentionPeriod=30,
        Tags=[{"Key": "cost", "Value": "42"}],
        ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 4},
    )
    account.add("source", "source-1")
    with account.connect("source") as session:
        session.execute("create table moments (label text)")
        session.execute("insert into moments values ('before')")
    account.rds.tick()
    return account.cluster("source")


def restore(account: Account, name: str, **params: Any) -> dict[str, Any]:
    """A point in time restore of the source that is available, without instances."""
    given = {"UseLatestRestorableTime": True, "SourceDBClusterIdentifier": "source", **params}
    account.call(PITR, DBClusterIdentifier=name, **{key: value for key, value in given.items() if value is not None})
    return account.become(name)


def labels(account: Account, name: str) -> list[str]:
    """What the table holds."""
    with account.connect(name) as session:
        return [str(row[0]) for row in session.execute("select label from moments order by label").fetchall()]


def test_a_moment_between_two_rows_brings_back_the_first(account: Account, source: dict[str, Any]) -> None:
    """This is what the whole product is for."""
    with account.connect("source") as session:
        time.sleep(0.01)
        row = session.execute("select clock_timestamp()").fetchone()
        assert row is not None
        time.sleep(0.01)
        session.execute("insert into moments values ('after')")
    account.rds.tick()
    groups = [row["VpcSecurityGroupId"] for row in source["VpcSecurityGroups"]]
    restore(account, "then", UseLatestRestorableTime=None, RestoreToTime=row[0], VpcSecurityGroupIds=groups)
    account.add("then", "then-1")
    assert labels(account, "then") == ["before"]
    assert "after" in labels(account, "source")


def test_a_restored_cluster_has_lost_what_aws_loses(account: Account, source: dict[str, Any]) -> None:
    """A product that relies on inheritance must fail here, not in an account."""
    clone = restore(account, "loss")
    major = max(account.rds.majors)
    assert clone["DBClusterParameterGroup"] == f"default.aurora-postgresql{major}"
    assert clone["DeletionProtection"] is False
    assert clone["CopyTagsToSnapshot"] is False
    assert clone["IAMDatabaseAuthenticationEnabled"] is False
    assert clone.get("EnabledCloudwatchLogsExports", []) == []
    assert "StorageType" not in clone
    assert "ServerlessV2ScalingConfiguration" not in clone
    assert clone["DBClusterMembers"] == []
    assert clone["VpcSecurityGroups"] != source["VpcSecurityGroups"]
    assert clone["DbClusterResourceId"] != source["DbClusterResourceId"]
    for same in ("EngineVersion", "DatabaseName", "MasterUsername", "KmsKeyId", "BackupRetentionPeriod"):
        assert clone[same] == source[same], same


def test_aws_encrypts_under_its_own_key_what_nobody_asks_a_key_for(account: Account) -> None:
    """It says that such storage is not encrypted, also of its backups; a key that is asked for replaces AWS's own."""
    key = account.world.client("kms", HOME).create_key()["KeyMetadata"]["Arn"]
    assert encryption(account.create("plain")) == (False, "sse-rds", None)
    account.add("plain", "plain-1")
    account.rds.tick()
    given: dict[str, Any] = {"SourceDBClusterIdentifier": "plain", "UseLatestRestorableTime": True}
    account.call(PITR, DBClusterIdentifier="plain-again", **given)
    assert encryption(account.become("plain-again")) == (False, "sse-rds", None)
    account.call(PITR, DBClusterIdentifier="keyed", KmsKeyId=key, **given)
    assert encryption(account.become("keyed")) == (True, "sse-kms", key)
    (backup,) = account.call("DescribeDBClusterAutomatedBackups", DBClusterIdentifier="plain")[
        "DBClusterAutomatedBackups"
    ]
    (member,) = account.call("DescribeDBInstances", DBInstanceIdentifier="plain-1")["DBInstances"]
    assert encryption(backup) == encryption(member) == (False, "sse-rds", None)
    account.rds.pretend(HOME, "cluster", "plain", {"StorageEncryptionType": "none"})
    account.call(PITR, DBClusterIdentifier="bare", **given)
    assert encryption(account.become("bare")) == (False, "none", None)


def encryption(said: dict[str, Any]) -> tuple[Any, Any, Any]:
    """What AWS says of the encryption of something."""
    return said["StorageEncrypted"], said["StorageEncryptionType"], said.get("KmsKeyId")


def test_how_long_until_a_pause_is_kept_only_where_the_range_begins_at_nothing(account: Account) -> None:
    """AWS has five minutes for it where nobody says, and shows none for a range that never pauses."""

    def made(name: str, **scaling: float) -> Any:
        return account.create(name, ServerlessV2ScalingConfiguration={"MaxCapacity": 4, **scaling})[
            "ServerlessV2ScalingConfiguration"
        ]

    assert made("pausing", MinCapacity=0, SecondsUntilAutoPause=900)["SecondsUntilAutoPause"] == 900
    assert made("resting", MinCapacity=0)["SecondsUntilAutoPause"] == 300
    assert "SecondsUntilAutoPause" not in made("awake", MinCapacity=0.5)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Domain": "d-1"}, "InvalidParameterCombination"),
        ({"DomainIAMRoleName": "kerberos"}, "InvalidParameterCombination"),
        ({"NetworkType": "DUAL"}, "NetworkTypeNotSupported"),
        ({"EnableVPCNetworking": False, "EnableInternetAccessGateway": True}, "InvalidParameterCombination"),
        ({"DatabaseInsightsMode": "advanced"}, "InvalidParameterCombination"),
    ],
)
def test_what_the_lab_does_not_have_is_refused_and_not_forgotten(
    account: Account, given: dict[str, Any], code: str
) -> None:
    """A parameter that is swallowed looks like one that was taken."""
    params = {"MasterUsername": "owner", "MasterUserPassword": "Long-enough-1", "Engine": "aurora-postgresql", **given}
    assert refused(account, "CreateDBCluster", DBClusterIdentifier="x", **params) == code


def test_a_clusters_own_switches_are_kept_and_a_restore_loses_them(account: Account) -> None:
    """Minor upgrades, insights and write forwarding are set by a change of the cluster, before or after."""
    given: dict[str, Any] = {
        "AutoMinorVersionUpgrade": False,
        "EnablePerformanceInsights": True,
        "PerformanceInsightsRetentionPeriod": 465,
        "DatabaseInsightsMode": "advanced",
        "EnableLocalWriteForwarding": True,
    }
    switches = (
        "AutoMinorVersionUpgrade",
        "PerformanceInsightsEnabled",
        "DatabaseInsightsMode",
        "LocalWriteForwardingStatus",
    )
    made = account.create("switched", **given)
    assert [made[each] for each in switches] == [False, True, "advanced", "enabled"]
    account.add("switched", "switched-1")
    account.rds.tick()
    account.call(
        PITR,
        DBClusterIdentifier="lost",
        SourceDBClusterIdentifier="switched",
        UseLatestRestorableTime=True,
        BackupRetentionPeriod=14,
        PreferredBackupWindow="01:00-01:30",
    )
    clone = account.become("lost")
    assert [clone[each] for each in switches] == [True, False, "standard", "disabled"]
    assert (clone["BackupRetentionPeriod"], clone["PreferredBackupWindow"]) == (14, "01:00-01:30")
    account.call("ModifyDBCluster", DBClusterIdentifier="lost", ApplyImmediately=True, **given)
    clone = account.become("lost")
    assert [clone[each] for each in switches] == [False, True, "advanced", "enabled"]
    assert account.add("lost", "lost-1")["DatabaseInsightsMode"] == "advanced", "an instance has its cluster's"


def test_a_cluster_without_a_database_answers_an_empty_name(account: Account) -> None:
    """AWS does not leave the member out."""
    account.create("nameless", DatabaseName="")
    assert account.cluster("nameless")["DatabaseName"] == ""


def test_tags_are_copied_only_when_none_are_given(account: Account, source: dict[str, Any]) -> None:
    """The runbook's two tags drop the cost tags."""
    assert restore(account, "copied")["TagList"] == source["TagList"]
    given = [{"Key": "Purpose", "Value": "pitr"}]
    assert restore(account, "given", Tags=given)["TagList"] == given


def test_the_endpoint_is_dead_until_an_instance_is_available_and_a_group_lets_in(
    account: Account, source: dict[str, Any]
) -> None:
    """Without a security group of its own a restored cluster answers nobody."""
    restore(account, "shut")
    assert not account.answers("shut")
    account.call(
        "CreateDBInstance",
        DBInstanceIdentifier="shut-1",
        DBClusterIdentifier="shut",
        DBInstanceClass="db.r6g.large",
        Engine="aurora-postgresql",
    )
    assert not account.answers("shut")
    account.instance_becomes("shut-1")
    assert not account.answers("shut"), "the default group lets nobody in"
    groups = [row["VpcSecurityGroupId"] for row in source["VpcSecurityGroups"]]
    account.call("ModifyDBCluster", DBClusterIdentifier="shut", VpcSecurityGroupIds=groups, ApplyImmediately=True)
    account.become("shut")
    assert account.answers("shut")


def test_the_window_is_null_until_the_restore_is_complete(account: Account, source: dict[str, Any]) -> None:
    """Restore completeness shows in the window; nothing can be restored from half a cluster."""
    account.call(PITR, DBClusterIdentifier="half", SourceDBClusterIdentifier="source", UseLatestRestorableTime=True)
    half = account.cluster("half")
    assert half["Status"] == "creating"
    assert "LatestRestorableTime" not in half
    assert "EarliestRestorableTime" not in half
    params: dict[str, Any] = {"SourceDBClusterIdentifier": "half", "UseLatestRestorableTime": True}
    assert refused(account, PITR, DBClusterIdentifier="quarter", **params) == "InvalidDBClusterStateFault"
    instance: dict[str, Any] = {
        "DBInstanceClass": "db.r6g.large",
        "Engine": "aurora-postgresql",
        "DBClusterIdentifier": "half",
    }
    assert refused(account, "CreateDBInstance", DBInstanceIdentifier="i", **instance) == "InvalidDBClusterStateFault"
    assert "LatestRestorableTime" in account.become("half")


def test_what_aws_refuses_is_refused_and_nothing_is_made(account: Account, source: dict[str, Any]) -> None:
    """Each of these was accepted by another test double."""
    latest, early = source["LatestRestorableTime"], source["EarliestRestorableTime"]
    hour = timedelta(hours=1)
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "InvalidParameterCombination"),
        ({"UseLatestRestorableTime": True, "RestoreToTime": latest}, "InvalidParameterCombination"),
        ({"RestoreToTime": latest + hour}, "InvalidParameterValue"),
        ({"RestoreToTime": early - hour}, "InvalidParameterValue"),
        ({"RestoreToTime": early, "RestoreType": "copy-on-write"}, "InvalidParameterCombination"),
        ({"UseLatestRestorableTime": True, "RestoreType": "half"}, "InvalidParameterValue"),
        ({"UseLatestRestorableTime": True, "DBSubnetGroupName": "nope"}, "DBSubnetGroupNotFoundFault"),
        ({"UseLatestRestorableTime": True, "VpcSecurityGroupIds": ["sg-xxxxxxxxx"]}, "InvalidParameterValue"),
        ({"UseLatestRestorableTime": True, "KmsKeyId": "alias/nope"}, "KMSKeyNotAccessibleFault"),
        ({"UseLatestRestorableTime": True, "DBClusterParameterGroupName": "nope"}, "DBClusterParameterGroupNotFound"),
        ({"UseLatestRestorableTime": True, "MonitoringInterval": 60}, "InvalidParameterCombination"),
        ({"UseLatestRestorableTime": True, "EnablePerformanceInsights": True}, "InvalidParameterCombination"),
        ({"UseLatestRestorableTime": True, "DBClusterIdentifier": "source"}, "DBClusterAlreadyExistsFault"),
        ({"UseLatestRestorableTime": True, "DBClusterIdentifier": "a--b"}, "InvalidParameterValue"),
        ({"UseLatestRestorableTime": True, "SourceDBClusterIdentifier": "nope"}, "DBClusterNotFoundFault"),
        ({"UseLatestRestorableTime": True, "SourceDbClusterResourceId": "cluster-X"}, "InvalidParameterCombination"),
    ]
    for params, code in cases:
        given = {"DBClusterIdentifier": "new", "SourceDBClusterIdentifier": "source", **params}
        assert refused(account, PITR, **given) == code, params
    assert refused(account, "DescribeDBClusters", DBClusterIdentifier="new") == "DBClusterNotFoundFault"


def test_there_is_no_restore_across_regions(account: Account, source: dict[str, Any]) -> None:
    """Aurora has none; the runbook's steps for another region cannot work."""
    given = {"DBClusterIdentifier": "far", "UseLatestRestorableTime": True}
    arn = source["DBClusterArn"]
    assert refused(account, PITR, region=AWAY, SourceDBClusterIdentifier=arn, **given) == "DBClusterNotFoundFault"


def test_a_disabled_key_refuses_a_restore(account: Account, source: dict[str, Any]) -> None:
    """The data is there and cannot be read: the caller must hear about the key."""
    kms = account.world.client("kms", HOME)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    account.call("CreateDBCluster", **_new("locked"), KmsKeyId=key)
    account.become("locked")
    kms.disable_key(KeyId=key.rpartition("/")[2])
    params: dict[str, Any] = {"SourceDBClusterIdentifier": "locked", "UseLatestRestorableTime": True}
    assert refused(account, PITR, DBClusterIdentifier="x", **params) == "KMSKeyNotAccessibleFault"
    kms.enable_key(KeyId=key.rpartition("/")[2])
    account.call(PITR, DBClusterIdentifier="x", **params)


def _new(name: str) -> dict[str, Any]:
    given = {"Engine": "aurora-postgresql", "MasterUsername": "embi_admin", "MasterUserPassword": "Secret-123"}
    return {"DBClusterIdentifier": name, **given}


@pytest.mark.parametrize("status", ["failed", "incompatible-restore", "inaccessible-encryption-credentials"])
def test_a_restore_can_fail_in_any_of_aws_s_ways(account: Account, source: dict[str, Any], status: str) -> None:
    """boto3's waiter polls on through some of them; the product must not."""
    rule = {"effect": "fail", "action": "restore-to-point-in-time", "identifier": "bad", "times": 1}
    account.faults.add({**rule, "args": {"status": status, "message": "planted"}})
    account.call(PITR, DBClusterIdentifier="bad", SourceDBClusterIdentifier="source", UseLatestRestorableTime=True)
    account.become("bad", status)
    events = account.call("DescribeEvents", SourceType="db-cluster", SourceIdentifier="bad")["Events"]
    assert events[-1]["EventCategories"] == ["failure"]
    if status.startswith("inaccessible"):
        assert "can't access the KMS encryption key" in events[-1]["Message"]
    account.call("DeleteDBCluster", DBClusterIdentifier="bad", SkipFinalSnapshot=True)
    account.pass_time()
    account.until(lambda: "bad" not in account.names())


def test_a_clone_has_what_is_there_now(account: Account, source: dict[str, Any]) -> None:
    """copy-on-write takes the present, not the latest restorable time."""
    with account.connect("source") as session:
        session.execute("insert into moments values ('now')")
    groups = [row["VpcSecurityGroupId"] for row in source["VpcSecurityGroups"]]
    clone = restore(account, "clone", RestoreType="copy-on-write", VpcSecurityGroupIds=groups)
    account.add("clone", "clone-1")
    assert "now" in labels(account, "clone")
    assert clone["CloneGroupId"] == account.cluster("source")["CloneGroupId"]


def test_a_restored_cluster_can_be_restored_but_not_to_before_it_was(account: Account, source: dict[str, Any]) -> None:
    """Its window is its own (FACTS 4.4)."""
    clone = restore(account, "first")
    params: dict[str, Any] = {"SourceDBClusterIdentifier": "clone", "RestoreToTime": source["LatestRestorableTime"]}
    assert clone["EarliestRestorableTime"] > source["LatestRestorableTime"]
    assert refused(account, PITR, DBClusterIdentifier="again", **params) == "InvalidParameterValue"
