"""An estate: one account in several regions, in AWS's wire shapes, with the truth about what each backup holds.

The law: the truth (``held``) is never in an answer; a restore shows it (``Estate.restored``). What AWS may do either way (a
copy's time) is a fact of the estate, so that a reader who trusts one way is found out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from daybreak.aws.faults import AwsFault, category_of
from daybreak.model.plan import AwsCall
from daybreak.model.ranked_backups import Catalogue
from daybreak.model.replies import Category, Trouble
from daybreak.model.targets import Network, Target
from daybreak.observe.backups import look_at_regions
from daybreak.plan.backups import Sources, catalogue_of
from tests import fix_worlds
from tests.fix_worlds import ACCOUNT, GROUP, KEY, NOW, REGION, SOURCE

HOME, AWAY = REGION, "us-west-2"
RESOURCE = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
OTHER_ACCOUNT = "999988887777"
KEY_AWAY = f"arn:aws:kms:{AWAY}:{ACCOUNT}:key/aaaaaaaa-1111-2222-3333-444455556666"
FOREIGN_KEY = f"arn:aws:kms:{HOME}:{OTHER_ACCOUNT}:key/bbbbbbbb-1111-2222-3333-444455556666"
SUBNETS = {HOME: "embi-db-subnet-group", AWAY: "embi-db-subnet-group-dr"}
GROUPS = {HOME: GROUP, AWAY: "sg-0fedcba9876543210"}
CLUSTER_ARN = f"arn:aws:rds:{HOME}:{ACCOUNT}:cluster:{SOURCE}"
VERSION = "16.6"


def target(**changes: Any) -> Target:
    """The target with a network in both regions."""
    network = {each: Network(subnet_group=SUBNETS[each], security_groups=(GROUPS[each],)) for each in SUBNETS}
    return fix_worlds.target(**({"network": network} | changes))


def snapshot_arn(name: str, region: str = HOME, account: str = ACCOUNT) -> str:
    """The ARN of a snapshot."""
    return f"arn:aws:rds:{region}:{account}:cluster-snapshot:{name}"


def automated_name(at: datetime) -> str:
    """The name that AWS gives an automated snapshot."""
    return f"rds:{SOURCE}-{at:%Y-%m-%d-%H-%M}"


@dataclass
class Place:
    """One region: what it lists, what is wrong with it, and the truth about its backups."""

    region: str
    clusters: dict[str, dict[str, Any]] = field(default_factory=dict)
    instances: list[dict[str, Any]] = field(default_factory=list)
    backups: list[dict[str, Any]] = field(default_factory=list)
    snapshots: list[dict[str, Any]] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    exports: list[dict[str, Any]] = field(default_factory=list)
    globals: list[dict[str, Any]] = field(default_factory=list)
    lag: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    """The state of each key that can be looked at."""
    groups: tuple[str, ...] = ("embi-aurora-params",)
    quotas: list[dict[str, Any]] = field(default_factory=list)
    classes: tuple[str, ...] = ("db.r6g.large", "db.r7g.large")
    fails: dict[str, Category] = field(default_factory=dict)
    """Operations that fail, ``*`` for all, by what the failure means; ``LOST`` without an answer."""
    hangs: float = 0.0
    """Seconds before any answer."""
    asked: list[str] = field(default_factory=list)

    # -- the door

    def read(self, call: AwsCall) -> dict[str, Any]:
        """Answer a read."""
        self.asked.append(call.operation)
        if self.hangs:
            time.sleep(self.hangs)
        if category := self.fails.get(call.operation, self.fails.get("*")):
            raise AwsFault(Trouble(category=category, code=_CODES[category], message="the estate says so"))
        answer: dict[str, Any] = getattr(self, f"_{call.operation}")(call.params)
        return answer

    def pages(self, call: AwsCall, items: str) -> Iterator[dict[str, Any]]:
        """Answer a paged read, of one page."""
        yield from self.read(call)[items]

    def _GetCallerIdentity(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/dba-oncall"}

    def _DescribeRegions(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Regions": [{"RegionName": each} for each in (HOME, AWAY, "eu-west-1")]}

    def _DescribeDBClusters(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = params["DBClusterIdentifier"]
        if name not in self.clusters:
            raise _no("DBClusterNotFoundFault")
        return {"DBClusters": [self.clusters[name]]}

    def _DescribeDBInstances(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"DBInstances": self.instances}

    def _DescribeDBClusterAutomatedBackups(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"DBClusterAutomatedBackups": self.backups}

    def _DescribeDBClusterSnapshots(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if params.get("SnapshotType") == "awsbackup":
            raise _no("InvalidParameterValue")
        wanted = params["Filters"][0]["Values"]
        return {"DBClusterSnapshots": [each for each in self.snapshots if each["DBClusterIdentifier"] in wanted]}

    def _DescribeGlobalClusters(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"GlobalClusters": self.globals}

    def _DescribeExportTasks(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"ExportTasks": self.exports}

    def _DescribeDBSubnetGroups(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"DBSubnetGroups": [{"DBSubnetGroupName": SUBNETS[self.region]}] if self.region in SUBNETS else []}

    def _DescribeDBClusterParameterGroups(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"DBClusterParameterGroups": [{"DBClusterParameterGroupName": each} for each in self.groups]}

    def _DescribeAccountAttributes(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"AccountQuotas": self.quotas}

    def _DescribeSecurityGroups(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        wanted = params["Filters"][0]["Values"]
        return {"SecurityGroups": [{"GroupId": each} for each in wanted if each == GROUPS.get(self.region)]}

    def _ListRecoveryPointsByResource(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"RecoveryPoints": self.points if params["ResourceArn"] == CLUSTER_ARN else []}

    def _GetRecoveryPointRestoreMetadata(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        recorded = {"Engine": "aurora-postgresql", "EngineVersion": VERSION, "EngineMode": "provisioned"}
        return {"RestoreMetadata": recorded | {"Port": "0", "AvailabilityZones": '["us-east-1a"]'}}

    def _DescribeKey(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = params["KeyId"]
        if name not in self.keys:
            raise _no("AccessDeniedException" if OTHER_ACCOUNT in name else "NotFoundException")
        state = self.keys[name]
        return {"KeyMetadata": {"Arn": name, "Enabled": state == "Enabled", "KeyState": state}}

    def _DescribeOrderableDBInstanceOptions(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"OrderableDBInstanceOptions": [{"DBInstanceClass": each} for each in self.classes]}

    def _DescribeCertificates(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Certificates": []}

    def _GetMetricStatistics(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if params["MetricName"] == "VolumeBytesUsed":
            return {"Datapoints": [{"Maximum": 40.0 * 1024**3}]}
        return {"Datapoints": self.lag}


_CODES = {
    Category.LOST: "ReadTimeoutError",
    Category.DENIED: "AccessDenied",
    Category.EXPIRED: "InvalidClientTokenId",
    Category.THROTTLED: "Throttling",
}


def _no(code: str) -> AwsFault:
    return AwsFault(Trouble(category=category_of(code, 400), code=code, message="the estate has none"))


@dataclass
class Estate:
    """Two regions of the runbook's account, at ``now``; ``held`` is what a restore from each backup shows, by its name."""

    now: datetime = NOW
    home: Place = field(default_factory=lambda: Place(HOME, keys={KEY: "Enabled"}))
    away: Place = field(default_factory=lambda: Place(AWAY, keys={KEY_AWAY: "Enabled"}, groups=()))
    held: dict[str, datetime | tuple[datetime, datetime]] = field(default_factory=dict)
    """One moment, or both ends of a window."""
    has_capsule: bool = True

    # -- what there is

    def lives(self, lag: timedelta = timedelta(minutes=4), moments: timedelta = timedelta(days=30)) -> Estate:
        """The cluster lives at home."""
        earliest, latest = self.now - moments, (self.now - lag).replace(microsecond=0)
        self.home.clusters[SOURCE] = cluster_body() | {
            "EarliestRestorableTime": earliest,
            "LatestRestorableTime": latest,
        }
        self.home.instances = [
            {"DBInstanceIdentifier": f"{SOURCE}-1", "DBClusterIdentifier": SOURCE, "DBInstanceClass": "db.r6g.large"}
        ]
        self.held[SOURCE] = (earliest, latest)
        return self

    def snapshot(self, place: Place, name: str, held: datetime, **more: Any) -> dict[str, Any]:
        """A snapshot of the cluster that holds a moment; ``more`` is in wire shape."""
        key = KEY if place.region == HOME else KEY_AWAY
        body = snapshot_body(name, place.region, held, key) | more
        place.snapshots.append(body)
        self.held[body["DBClusterSnapshotArn"]] = held
        return body

    def copy(self, name: str, source: str, held: datetime, **more: Any) -> dict[str, Any]:
        """A copy away of a snapshot at home; ``SnapshotCreateTime`` is the held moment unless ``more`` says otherwise."""
        return self.snapshot(self.away, name, held, SourceDBClusterSnapshotArn=snapshot_arn(source), **more)

    def kept(self, place: Place, earliest: datetime, latest: datetime, **more: Any) -> None:
        """A continuous backup without a cluster; ``more`` is in wire shape."""
        key = KEY if place.region == HOME else KEY_AWAY
        body = backup_body(key) | {"RestoreWindow": {"EarliestTime": earliest, "LatestTime": latest}} | more
        place.backups.append(body)
        self.held[f"{body['DbClusterResourceId']} in {place.region}"] = (earliest, latest)

    def secondary(self, behind: timedelta, sync: str = "connected", *, points: int = 1) -> None:
        """A global database with a secondary away, and what CloudWatch has of its lag."""
        arn = f"arn:aws:rds:{AWAY}:{ACCOUNT}:cluster:embi-dr"
        self.away.clusters["embi-dr"] = cluster_body() | {
            "DBClusterIdentifier": "embi-dr",
            "DBClusterArn": arn,
            "DbClusterResourceId": "cluster-SECONDARY",
            "KmsKeyId": KEY_AWAY,
            "DBClusterMembers": [{"DBInstanceIdentifier": "embi-dr-1", "IsClusterWriter": False}],
        }
        members = [
            {"DBClusterArn": CLUSTER_ARN, "IsWriter": True},
            {"DBClusterArn": arn, "IsWriter": False, "SynchronizationStatus": sync},
        ]
        found = {"GlobalClusterIdentifier": "embi-global", "Status": "available", "GlobalClusterMembers": members}
        self.home.globals = [found]
        self.away.globals = [found]
        minute = self.now.replace(second=0, microsecond=0) - timedelta(minutes=1)
        self.away.lag = [
            {"Timestamp": minute - timedelta(minutes=each), "Maximum": behind.total_seconds() * 1000}
            for each in range(points)
        ]
        self.held[arn] = self.now - behind

    # -- what is made of it

    def catalogue(
        self, wanted: datetime | None = None, *, regions: tuple[str, ...] = (HOME, AWAY), within: float = 5.0
    ) -> Catalogue:
        """The catalogue, by the real look and the real decision."""
        doors = {each.region: each for each in (self.home, self.away) if each.region in regions}
        made = target()
        seen = look_at_regions(doors, made, HOME, self.now, timedelta(seconds=within))
        capsule = fix_worlds.capsule(taken=self.now - timedelta(days=1)) if self.has_capsule else None
        sources = Sources(
            target=made,
            home=HOME,
            now=self.now,
            wanted=wanted,
            kept=capsule.cluster if capsule else None,
            kept_instances=capsule.instances if capsule else (),
            kept_at=capsule.taken if capsule else None,
        )
        return catalogue_of(sources, seen)

    def restored(self, name: str, wanted: datetime | None) -> datetime | None:
        """The moment that a restore from a backup shows; ``None`` where AWS refuses the moment."""
        held = self.held[name]
        if not isinstance(held, tuple):
            return held
        earliest, latest = held
        moment = latest if wanted is None else min(wanted, latest)
        return moment if moment >= earliest else None


def cluster_body() -> dict[str, Any]:
    """The cluster in wire shape, without its window."""
    return {
        "DBClusterIdentifier": SOURCE,
        "DbClusterResourceId": RESOURCE,
        "DBClusterArn": CLUSTER_ARN,
        "Status": "available",
        "Engine": "aurora-postgresql",
        "EngineVersion": VERSION,
        "DBClusterParameterGroup": "embi-aurora-params",
        "DBSubnetGroup": SUBNETS[HOME],
        "VpcSecurityGroups": [{"VpcSecurityGroupId": GROUP}],
        "StorageEncrypted": True,
        "KmsKeyId": KEY,
        "DBClusterMembers": [{"DBInstanceIdentifier": f"{SOURCE}-1", "IsClusterWriter": True}],
    }


def snapshot_body(name: str, region: str, created: datetime, key: str) -> dict[str, Any]:
    """A snapshot in wire shape, as AWS answers one of Aurora: port and size are 0."""
    return {
        "DBClusterSnapshotIdentifier": name,
        "DBClusterSnapshotArn": snapshot_arn(name, region),
        "DBClusterIdentifier": SOURCE,
        "DbClusterResourceId": RESOURCE,
        "SnapshotType": "automated" if name.startswith("rds:") else "manual",
        "Status": "available",
        "PercentProgress": 100,
        "SnapshotCreateTime": created,
        "Engine": "aurora-postgresql",
        "EngineVersion": VERSION,
        "Port": 0,
        "AllocatedStorage": 0,
        "StorageEncrypted": True,
        "KmsKeyId": key,
    }


def backup_body(key: str) -> dict[str, Any]:
    """A continuous backup that was kept, in wire shape, without its window."""
    return {
        "DBClusterIdentifier": SOURCE,
        "DbClusterResourceId": RESOURCE,
        "DBClusterArn": CLUSTER_ARN,
        "Status": "retained",
        "Engine": "aurora-postgresql",
        "EngineVersion": VERSION,
        "StorageEncrypted": True,
        "KmsKeyId": key,
    }
