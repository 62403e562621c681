"""Snapshots and what outlives a cluster: taken, copied, shared, restored, retained."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fix_rds import AWAY, HOME, Account, refused

COPY, RESTORE = "CopyDBClusterSnapshot", "RestoreDBClusterFromSnapshot"
ENGINE = "aurora-postgresql"


@pytest.fixture(scope="module")
def account(shared_account: Account) -> Account:
    """One account for all of them."""
    return shared_account


@pytest.fixture(scope="module")
def group(account: Account) -> str:
    """A security group that lets everybody in."""
    return account.open_group()


@pytest.fixture(scope="module")
def source(account: Account, group: str) -> dict[str, Any]:
    """An encrypted cluster with one row, and a manual snapshot of it."""
    key = account.world.client("kms", HOME).create_key()["KeyMetadata"]["Arn"]
    account.create("source", KmsKeyId=key, VpcSecurityGroupIds=[group], Tags=[{"Key": "k", "Value": "v"}])
    account.add("source", "source-1")
    with account.connect("source") as session:
        session.execute("create table kept (n int)")
        session.execute("insert into kept values (7)")
    account.call("CreateDBClusterSnapshot", DBClusterIdentifier="source", DBClusterSnapshotIdentifier="manual")
    done(account, "manual")
    return account.cluster("source")


def done(account: Account, name: str, region: str = HOME) -> dict[str, Any]:
    """The snapshot, available."""
    account.pass_time()
    account.until(lambda: bool(account.snapshot(name, region)["Status"] == "available"))
    return account.snapshot(name, region)


def kept(account: Account, name: str, group: str) -> list[int]:
    """The rows of a restored cluster."""
    account.call("ModifyDBCluster", DBClusterIdentifier=name, VpcSecurityGroupIds=[group], ApplyImmediately=True)
    account.become(name)
    account.add(name, f"{name}-1")
    with account.connect(name) as session:
        return [int(row[0]) for row in session.execute("select n from kept").fetchall()]


def test_a_snapshot_comes_back_by_name_and_by_arn(account: Account, source: dict[str, Any], group: str) -> None:
    """The runbook names it by id, other tools by ARN."""
    arn = account.snapshot("manual")["DBClusterSnapshotArn"]
    for name, identifier in (("by-name", "manual"), ("by-arn", arn)):
        account.call(RESTORE, DBClusterIdentifier=name, SnapshotIdentifier=identifier, Engine=ENGINE)
        clone = account.become(name)
        assert clone["KmsKeyId"] == source["KmsKeyId"]
        assert clone["DBClusterMembers"] == []
    assert kept(account, "by-arn", group) == [7]


def test_a_snapshot_records_neither_port_nor_size(account: Account, source: dict[str, Any]) -> None:
    """AWS says 0 for both, and refuses a port of 0."""
    taken = account.snapshot("manual")
    assert (taken["Port"], taken["AllocatedStorage"]) == (0, 0)
    sent: dict[str, Any] = {"DBClusterIdentifier": "x", "SnapshotIdentifier": "manual", "Engine": ENGINE, "Port": 0}
    assert refused(account, RESTORE, **sent) == "InvalidParameterValue"


def test_the_first_automated_snapshot_is_there_at_once_and_restores(
    account: Account, source: dict[str, Any], group: str
) -> None:
    """It holds what the cluster held when it was taken: nothing yet."""
    rows = account.call("DescribeDBClusterSnapshots", DBClusterIdentifier="source", SnapshotType="automated")
    (first,) = rows["DBClusterSnapshots"]
    name = first["DBClusterSnapshotIdentifier"]
    assert name.startswith("rds:source-20")
    assert refused(account, "DeleteDBClusterSnapshot", DBClusterSnapshotIdentifier=name) == (
        "InvalidDBClusterSnapshotStateFault"
    )
    account.call(RESTORE, DBClusterIdentifier="from-first", SnapshotIdentifier=name, Engine=ENGINE)
    account.become("from-first")
    params = {"SourceDBClusterSnapshotIdentifier": name, "TargetDBClusterSnapshotIdentifier": "first-copy"}
    account.call(COPY, **params, CopyTags=True)
    assert done(account, "first-copy")["SnapshotType"] == "manual"


def test_a_copy_to_another_region_needs_a_key_there_and_moves_with_the_clock(
    account: Account, source: dict[str, Any]
) -> None:
    """The only way of Aurora's data to another region here."""
    arn = account.snapshot("manual")["DBClusterSnapshotArn"]
    params = {"SourceDBClusterSnapshotIdentifier": arn, "TargetDBClusterSnapshotIdentifier": "far"}
    assert refused(account, COPY, region=AWAY, **params) == "InvalidParameterCombination"
    foreign = {**params, "KmsKeyId": source["KmsKeyId"]}
    assert refused(account, COPY, region=AWAY, **foreign) == "KMSKeyNotAccessibleFault"
    key = account.world.client("kms", AWAY).create_key()["KeyMetadata"]["Arn"]
    account.call(COPY, region=AWAY, **params, KmsKeyId=key, CopyTags=True)
    assert account.snapshot("far", AWAY)["Status"] == "copying"
    before = account.snapshot("far", AWAY)["PercentProgress"]
    account.pass_time(1800)
    assert before < account.snapshot("far", AWAY)["PercentProgress"] < 100
    assert refused(account, RESTORE, region=AWAY, DBClusterIdentifier="x", SnapshotIdentifier="far", Engine=ENGINE) == (
        "InvalidDBClusterSnapshotStateFault"
    )
    copy = done(account, "far", AWAY)
    assert (copy["KmsKeyId"], copy["SourceDBClusterSnapshotArn"]) == (key, arn)
    account.call(RESTORE, region=AWAY, DBClusterIdentifier="far", SnapshotIdentifier="far", Engine=ENGINE)
    assert account.become("far", region=AWAY)["KmsKeyId"] == key


def test_at_most_five_copies_are_on_their_way(account: Account, source: dict[str, Any]) -> None:
    """And deleting a copy that is on its way gives its place back."""
    key = account.world.client("kms", AWAY).create_key()["KeyMetadata"]["Arn"]
    arn = account.snapshot("manual")["DBClusterSnapshotArn"]

    def copy(number: int) -> dict[str, Any]:
        name = f"flight-{number}"
        target = {"SourceDBClusterSnapshotIdentifier": arn, "TargetDBClusterSnapshotIdentifier": name}
        return {**target, "KmsKeyId": key}

    for number in range(5):
        account.call(COPY, region=AWAY, **copy(number))
    assert refused(account, COPY, region=AWAY, **copy(5)) == "SnapshotQuotaExceeded"
    account.call("DeleteDBClusterSnapshot", region=AWAY, DBClusterSnapshotIdentifier="flight-0")
    account.call(COPY, region=AWAY, **copy(5))


def test_sharing(account: Account, source: dict[str, Any]) -> None:
    """Only manual snapshots, and not under the default key."""
    share: dict[str, Any] = {"AttributeName": "restore", "ValuesToAdd": ["111122223333"]}
    modify = "ModifyDBClusterSnapshotAttribute"
    account.call(modify, DBClusterSnapshotIdentifier="manual", **share)
    answer = account.call("DescribeDBClusterSnapshotAttributes", DBClusterSnapshotIdentifier="manual")
    (attribute,) = answer["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"]
    assert attribute["AttributeValues"] == ["111122223333"]
    account.create("plain", StorageEncrypted=True)
    account.call("CreateDBClusterSnapshot", DBClusterIdentifier="plain", DBClusterSnapshotIdentifier="plain")
    done(account, "plain")
    assert (
        refused(account, modify, DBClusterSnapshotIdentifier="plain", **share) == "InvalidDBClusterSnapshotStateFault"
    )


def test_a_deleted_cluster_comes_back_from_what_was_retained(account: Account, group: str) -> None:
    """By its resource id, and only when its backups were kept."""
    delete = "DeleteDBCluster"
    made = account.create("gone", VpcSecurityGroupIds=[group], DeletionProtection=True)
    account.add("gone", "gone-1")
    with account.connect("gone") as session:
        session.execute("create table kept (n int)")
        session.execute("insert into kept values (9)")
    account.rds.tick()
    skip: dict[str, Any] = {"DBClusterIdentifier": "gone", "SkipFinalSnapshot": True}
    assert refused(account, delete, **skip) == "InvalidParameterCombination"
    account.call("ModifyDBCluster", DBClusterIdentifier="gone", DeletionProtection=False)
    account.become("gone")
    assert refused(account, delete, **skip) == "InvalidDBClusterStateFault"
    account.call("DeleteDBInstance", DBInstanceIdentifier="gone-1")
    assert refused(account, delete, DBClusterIdentifier="gone") == "InvalidParameterCombination"
    final: dict[str, Any] = {"DBClusterIdentifier": "gone", "FinalDBSnapshotIdentifier": "final"}
    account.call(delete, **final, DeleteAutomatedBackups=False)
    account.pass_time()
    account.until(lambda: "gone" not in account.names())
    assert account.snapshot("final")["Status"] == "available"
    resource = made["DbClusterResourceId"]
    (backup,) = account.call("DescribeDBClusterAutomatedBackups", DbClusterResourceId=resource)[
        "DBClusterAutomatedBackups"
    ]
    assert backup["Status"] == "retained"
    assert "DBClusterParameterGroup" not in backup
    account.call(
        "RestoreDBClusterToPointInTime",
        DBClusterIdentifier="risen",
        SourceDbClusterResourceId=resource,
        UseLatestRestorableTime=True,
    )
    account.become("risen")
    assert kept(account, "risen", group) == [9]
    account.call("DeleteDBClusterAutomatedBackup", DbClusterResourceId=resource)
    assert refused(account, "DescribeDBClusterAutomatedBackups", DbClusterResourceId=resource) == (
        "DBClusterAutomatedBackupNotFoundFault"
    )


def test_events_tell_the_story(account: Account, source: dict[str, Any]) -> None:
    """What the report quotes."""
    answer = account.call("DescribeEvents", SourceType="db-cluster-snapshot", SourceIdentifier="manual")
    texts = [row["Message"] for row in answer["Events"]]
    assert texts[:2] == ["Creating manual cluster snapshot", "Manual cluster snapshot created"]
    assert refused(account, "DescribeEvents", SourceIdentifier="manual") == "InvalidParameterCombination"
    assert refused(account, "DescribeEvents", SourceType="tea") == "InvalidParameterValue"


OTHER = "210987654321"


def test_a_snapshot_of_another_account_is_seen_when_asked_for_and_restored_by_arn(
    account: Account, source: dict[str, Any], group: str
) -> None:
    """Without IncludeShared nobody sees it, and by its bare name it is nobody's."""
    arn = account.rds.offer_snapshot(HOME, "manual", OTHER, encrypted=False)
    rows = account.call("DescribeDBClusterSnapshots")["DBClusterSnapshots"]
    assert arn not in [row["DBClusterSnapshotArn"] for row in rows]
    assert refused(account, "DescribeDBClusterSnapshots", DBClusterSnapshotIdentifier=arn) == (
        "DBClusterSnapshotNotFoundFault"
    )
    (seen,) = account.call("DescribeDBClusterSnapshots", SnapshotType="shared")["DBClusterSnapshots"]
    named = account.call("DescribeDBClusterSnapshots", DBClusterSnapshotIdentifier=arn, IncludeShared=True)
    assert named["DBClusterSnapshots"] == [seen]
    assert (seen["DBClusterSnapshotIdentifier"], seen["SnapshotType"], seen["TagList"]) == (arn, "shared", [])
    account.call(RESTORE, DBClusterIdentifier="from-others", SnapshotIdentifier=arn, Engine=ENGINE)
    account.become("from-others")
    assert kept(account, "from-others", group) == [7]
    assert refused(account, "DeleteDBClusterSnapshot", DBClusterSnapshotIdentifier=arn) == (
        "DBClusterSnapshotNotFoundFault"
    )


def test_an_encrypted_snapshot_of_another_account_must_be_copied_with_a_key_of_ones_own(
    account: Account, source: dict[str, Any]
) -> None:
    """Their key is theirs: Aurora restores no snapshot that is both shared and encrypted."""
    arn = account.rds.offer_snapshot(HOME, "manual", "310987654321")
    wanted = {"DBClusterIdentifier": "never", "SnapshotIdentifier": arn, "Engine": ENGINE}
    assert refused(account, RESTORE, **wanted) == "InvalidDBClusterSnapshotStateFault"
    copy = {"SourceDBClusterSnapshotIdentifier": arn, "TargetDBClusterSnapshotIdentifier": "ours-now"}
    assert refused(account, COPY, **copy) == "InvalidParameterCombination"
    account.call(COPY, **copy, KmsKeyId=source["KmsKeyId"])
    assert (done(account, "ours-now")["SnapshotType"], done(account, "ours-now")["KmsKeyId"]) == (
        "manual",
        source["KmsKeyId"],
    )


def test_snapshots_are_asked_for_by_one_name(account: Account) -> None:
    """The model forbids both names; of a cluster that is not there nothing is found."""
    both = {"DBClusterIdentifier": "a", "DBClusterSnapshotIdentifier": "b"}
    assert refused(account, "DescribeDBClusterSnapshots", **both) == "InvalidParameterCombination"
    assert account.call("DescribeDBClusterSnapshots", DBClusterIdentifier="nobody")["DBClusterSnapshots"] == []
