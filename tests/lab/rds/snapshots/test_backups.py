"""Automated backups: the daily round, and what it throws away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daybreak.lab.rds.windows import last_start
from tests.fix_rds import Account


@pytest.mark.parametrize(
    ("window", "now", "moment"),
    [
        ("07:00-07:30", "2026-03-02T07:00:00", "2026-03-02T07:00:00"),
        ("07:00-07:30", "2026-03-02T06:59:59", "2026-03-01T07:00:00"),
        ("23:45-00:15", "2026-03-02T00:05:00", "2026-03-01T23:45:00"),
    ],
)
def test_a_daily_window_opened_last_today_or_yesterday(window: str, now: str, moment: str) -> None:
    """A lab that was off during the window takes the snapshot when it comes back."""
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert last_start(window, at) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


def test_the_first_automated_snapshot_costs_no_copy_and_shows_its_progress(account: Account) -> None:
    """Every cluster has one from its first minute; it must not keep the first instance waiting."""
    account.create("a")
    (snapshot,) = account.call("DescribeDBClusterSnapshots", SnapshotType="automated")["DBClusterSnapshots"]
    assert (snapshot["Status"], snapshot["PercentProgress"]) == ("creating", 0)
    account.pass_time(90)
    (snapshot,) = account.call("DescribeDBClusterSnapshots", SnapshotType="automated")["DBClusterSnapshots"]
    assert 40 <= snapshot["PercentProgress"] <= 60
    assert list(account.folder.glob("*/snapshots/*")) == []
    assert abs(snapshot["SnapshotCreateTime"] - datetime.now(UTC)) < timedelta(minutes=5)


def test_backups_of_a_live_cluster_are_listed_with_their_window(account: Account) -> None:
    """What init and status read when a cluster is there, and when only its backups are."""
    made = account.create("a", BackupRetentionPeriod=30)
    (backup,) = account.call("DescribeDBClusterAutomatedBackups", DBClusterIdentifier="a")["DBClusterAutomatedBackups"]
    assert backup["Status"] == "active"
    assert backup["RestoreWindow"]["LatestTime"] == made["LatestRestorableTime"]
    assert backup["DbClusterResourceId"] == made["DbClusterResourceId"]
    for lost in ("DBClusterParameterGroup", "VpcSecurityGroups", "DBSubnetGroup", "DeletionProtection"):
        assert lost not in backup
