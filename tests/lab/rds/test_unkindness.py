"""Where AWS is less kind than one would build it: the lab is as unkind, or a wrong product looks right."""

from __future__ import annotations

import pytest

from daybreak.lab.control.kindness import Kindness
from tests.fix_rds import Account, refused


@pytest.fixture(scope="module")
def account(shared_account: Account) -> Account:
    """One account for all of them."""
    return shared_account


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
