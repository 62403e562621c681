"""Copies of snapshots into another region: what AWS wants of them, how they go wrong, and that the rows are there in the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from daybreak.lab.company.names import CLUSTER
from tests.fix_lab import LabUnderTest, eventually, private
from tests.lab.regions.fix_regions import (
    AWAY,
    ENGINE,
    HOME,
    Reach,
    add_instance,
    becomes,
    beside,
    cluster,
    code,
    key_of,
)

pytestmark = pytest.mark.sweep(held_by=("tests/stories/test_43_copy.py",))

MANUAL = "embi-before-release-2024-01"


@pytest.fixture
def slow_lab() -> Iterator[LabUnderTest]:
    """The sample company at a clock that stands still."""
    with private(speed=0) as lab:
        yield lab


def source(lab: LabUnderTest) -> str:
    """The ARN of the company's manual snapshot."""
    return str(snapshot(lab, MANUAL, HOME)["DBClusterSnapshotArn"])


def snapshot(lab: LabUnderTest, name: str, region: str = AWAY) -> dict[str, Any]:
    """The snapshot as described now."""
    rds = lab.client("rds", region)
    found: dict[str, Any] = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)
    return dict(found["DBClusterSnapshots"][0])


def copy(lab: LabUnderTest, name: str, **more: Any) -> dict[str, Any]:
    """Begin a copy into the second region, as boto3 sends it for a source region."""
    given = {"SourceDBClusterSnapshotIdentifier": source(lab), "KmsKeyId": key_of(lab, AWAY), "SourceRegion": HOME}
    answer = lab.client("rds", AWAY).copy_db_cluster_snapshot(TargetDBClusterSnapshotIdentifier=name, **given, **more)
    return dict(answer["DBClusterSnapshot"])


def pass_time(lab: LabUnderTest, hours: float) -> None:
    """Let simulated time pass."""
    lab.ask("POST", "clock", {"advance": hours * 3600})


def states(lab: LabUnderTest, *names: str) -> list[tuple[str, int]]:
    """Status and progress of each copy."""
    found = [snapshot(lab, name) for name in names]
    return [(each["Status"], each["PercentProgress"]) for each in found]


def test_a_copy_brings_the_rows_into_a_region_that_is_then_alone(own_lab: LabUnderTest) -> None:
    """The first region is gone with its key, its snapshot and its cluster; the rows are those of the snapshot."""
    reach = Reach(own_lab)
    kept = reach.answer(cluster(own_lab, CLUSTER, HOME)["Endpoint"], "select count(*) from employees")
    reach.answer(
        cluster(own_lab, CLUSTER, HOME)["Endpoint"], "with gone as (delete from employees returning 1) select 1"
    )
    copy(own_lab, "dr")
    eventually(lambda: snapshot(own_lab, "dr")["Status"] == "available")
    rds = own_lab.client("rds", AWAY)
    with own_lab.fault("region_down", region=HOME):
        made = snapshot(own_lab, "dr")
        assert made["SourceDBClusterSnapshotArn"].split(":")[3] == HOME
        assert ("VpcId" in made, made["KmsKeyId"], made["SnapshotType"]) == (False, key_of(own_lab, AWAY), "manual")
        rds.restore_db_cluster_from_snapshot(DBClusterIdentifier="risen", SnapshotIdentifier="dr", **beside(own_lab))
        becomes(own_lab, "risen", AWAY)
        risen = add_instance(own_lab, "risen", AWAY)
        assert reach.answer(risen["Endpoint"], "select count(*) from employees") == kept
        assert code(rds.restore_db_cluster_to_point_in_time, DBClusterIdentifier="never",
                    SourceDBClusterIdentifier=f"arn:aws:rds:{HOME}:123456789012:cluster:{CLUSTER}",
                    UseLatestRestorableTime=True)[0] == "DBClusterNotFoundFault"  # fmt: skip
        backups = rds.describe_db_cluster_automated_backups()["DBClusterAutomatedBackups"]
        assert [(each["DBClusterIdentifier"], each["Region"]) for each in backups] == [("risen", AWAY)]
        filters = [{"Name": "db-cluster-id", "Values": [CLUSTER]}]
        assert rds.describe_db_cluster_automated_backups(Filters=filters)["DBClusterAutomatedBackups"] == []
        assert code(rds.copy_db_cluster_snapshot, TargetDBClusterSnapshotIdentifier="late", SourceRegion=HOME,
                    SourceDBClusterSnapshotIdentifier=made["SourceDBClusterSnapshotArn"])[0] == "InternalFailure"  # fmt: skip


def test_the_runbooks_own_commands_find_nothing_in_the_other_region(slow_lab: LabUnderTest) -> None:
    """Steps 2 and 3 of its chapter on a lost region: no backup of an Aurora cluster is replicated, and none is restored there."""
    rds, lost = slow_lab.client("rds", AWAY), cluster(slow_lab, CLUSTER, HOME)
    assert code(rds.describe_db_cluster_automated_backups, DbClusterResourceId=lost["DbClusterResourceId"])[0] == (
        "DBClusterAutomatedBackupNotFoundFault"
    )
    name = {"DBClusterIdentifier": "embi-aurora-dr", "UseLatestRestorableTime": True}
    restore = rds.restore_db_cluster_to_point_in_time
    assert code(restore, **name, SourceDBClusterIdentifier=lost["DBClusterArn"])[0] == "DBClusterNotFoundFault"
    assert code(restore, **name, SourceDbClusterResourceId=lost["DbClusterResourceId"])[0] == (
        "DBClusterAutomatedBackupNotFoundFault"
    )
    assert rds.describe_db_clusters()["DBClusters"] == []


def test_of_many_copies_some_wait_without_progress_and_a_sixth_is_refused(slow_lab: LabUnderTest) -> None:
    """One that is deleted while it waits or runs gives its place to the next."""
    names = [f"dr-{number}" for number in range(5)]
    for name in names:
        assert copy(slow_lab, name)["Status"] == "copying"
    with pytest.raises(Exception, match=r"SnapshotQuotaExceeded.*Cannot copy more than 5 snapshots across regions"):
        copy(slow_lab, "dr-6")
    pass_time(slow_lab, 0.5)
    assert [progress > 0 for _, progress in states(slow_lab, *names)] == [True, True, True, False, False]
    rds = slow_lab.client("rds", AWAY)
    for name in (names[3], names[0]):
        rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
    pass_time(slow_lab, 0.25)
    assert [progress > 0 for _, progress in states(slow_lab, names[1], names[2], names[4])] == [True, True, True]
    pass_time(slow_lab, 3)
    eventually(lambda: {state for state, _ in states(slow_lab, names[1], names[2], names[4])} == {"available"})
    copy(slow_lab, "dr-7")


def test_a_copy_fails_with_its_key_and_waits_for_its_source(slow_lab: LabUnderTest) -> None:
    """A key that is disabled meanwhile, a region that is away meanwhile, and a job that fails."""
    rds, kms = slow_lab.client("rds", AWAY), slow_lab.client("kms", AWAY)
    copy(slow_lab, "no-key")
    kms.disable_key(KeyId=key_of(slow_lab, AWAY).rpartition("/")[2])
    pass_time(slow_lab, 3)
    eventually(lambda: snapshot(slow_lab, "no-key")["Status"] == "failed")
    events = rds.describe_events(SourceType="db-cluster-snapshot", SourceIdentifier="no-key")["Events"]
    assert "cannot be used" in events[-1]["Message"]
    refusal = code(
        rds.restore_db_cluster_from_snapshot, DBClusterIdentifier="x", SnapshotIdentifier="no-key", Engine=ENGINE
    )
    assert refusal[0] == "InvalidDBClusterSnapshotStateFault"
    with pytest.raises(Exception, match=r"KMSKeyNotAccessibleFault"):
        copy(slow_lab, "again")
    kms.enable_key(KeyId=key_of(slow_lab, AWAY).rpartition("/")[2])
    rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="no-key")
    copy(slow_lab, "again")
    with slow_lab.fault("region_down", region=HOME):
        pass_time(slow_lab, 3)
        assert snapshot(slow_lab, "again")["Status"] == "copying"
    eventually(lambda: snapshot(slow_lab, "again")["Status"] == "available")
    copy(slow_lab, "unlucky")
    with slow_lab.fault("fail", action="copy-snapshot-to-region", identifier="unlucky"):
        pass_time(slow_lab, 3)
        eventually(lambda: snapshot(slow_lab, "unlucky")["Status"] == "failed")
    slow_lab.client("kms").disable_key(KeyId=key_of(slow_lab, HOME).rpartition("/")[2])
    with pytest.raises(Exception, match=r"KMSKeyNotAccessibleFault.*source"):
        copy(slow_lab, "unreadable")


def test_tags_are_copied_on_request_and_awss_own_never(slow_lab: LabUnderTest) -> None:
    """A script that passes on what it reads of the source's tags is refused."""
    assert copy(slow_lab, "bare")["TagList"] == []
    tagged = copy(slow_lab, "tagged", CopyTags=True)["TagList"]
    assert {"Key": "Environment", "Value": "production"} in tagged
    assert copy(slow_lab, "own", Tags=[{"Key": "a", "Value": "b"}])["TagList"] == [{"Key": "a", "Value": "b"}]
    with pytest.raises(Exception, match=r"InvalidParameterValue.*aws:cloudformation:stack-name"):
        copy(slow_lab, "theirs", Tags=[{"Key": "aws:cloudformation:stack-name", "Value": "s"}])
    shares = slow_lab.client("rds", AWAY).describe_db_cluster_snapshot_attributes(DBClusterSnapshotIdentifier="own")
    (attribute,) = shares["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"]
    assert attribute["AttributeValues"] == []
