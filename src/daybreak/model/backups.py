"""Backups: everything from which a target can be brought back, in whatever region, and what was asked to find it. Facts only.

The law: a region that did not answer is never an empty one, so the questions and what became of them are part of what was
seen.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from daybreak.model.tags import NONCE_TAG
from daybreak.model.value import Instant, Span, Value
from daybreak.model.world import (
    AutomatedBackup,
    Cluster,
    Instance,
    Key,
    Offers,
    Origin,
    Quota,
    Snapshot,
)


def region_in(arn: str | None) -> str | None:
    """The region that an ARN names; ``None`` where it names none.

    >>> region_in("arn:aws:rds:eu-west-1:123456789012:cluster-snapshot:nightly"), region_in("nightly")
    ('eu-west-1', None)
    """
    parts = (arn or "").split(":")
    return parts[3] or None if len(parts) > 5 else None


def account_in(arn: str | None) -> str | None:
    """The account that an ARN names; ``None`` where it names none."""
    parts = (arn or "").split(":")
    return parts[4] or None if len(parts) > 5 else None


# -- what AWS lists besides clusters, snapshots and automated backups


class RecoveryPoint(Value):
    """A recovery point of AWS Backup, as ``ListRecoveryPointsByResource`` lists it."""

    arn: str
    vault: str
    status: str
    created: Instant | None = None
    """When the point was made; a copied one holds an earlier moment."""
    key: str | None = None
    """The ARN of the KMS key that it is under."""
    is_aws_owned_key: bool = False
    metadata: dict[str, str] = Field(default_factory=dict)
    """What AWS Backup recorded for a restore; empty where it was not asked."""


EXPORTS_UNDER_WAY = frozenset({"STARTING", "IN_PROGRESS", "CANCELING"})
"""The statuses of an export at which AWS is still at work."""

MOST_EXPORTS = 5
"""How many exports AWS lets an account have under way (FACTS 4.7)."""


class ExportTask(Value):
    """An export to S3, as ``DescribeExportTasks`` describes it: Parquet files, and no dump (FACTS 4.7)."""

    identifier: str
    source: str
    """The ARN of the snapshot or cluster that was exported."""
    status: str
    snapshot_time: Instant | None = None
    started: Instant | None = None
    ended: Instant | None = None
    bucket: str = ""
    prefix: str = ""
    warning: str | None = None
    failure: str | None = None
    percent: int | None = Field(default=None, exclude_if=lambda found: found is None)
    """How much of it is done, as AWS says it."""

    @property
    def is_under_way(self) -> bool:
        """Whether AWS is at it, or is about to end it: it counts against the limits then."""
        return self.status in EXPORTS_UNDER_WAY

    @property
    def tags(self) -> dict[str, str]:
        """What stands for tags, which AWS gives no export: the last part of its prefix is the nonce of the run that started it."""
        return {NONCE_TAG: self.prefix.rstrip("/").rpartition("/")[2]}


class GlobalMember(Value):
    """A cluster of a global database."""

    arn: str
    is_writer: bool
    sync: str | None = None
    """AWS's ``SynchronizationStatus``: ``connected`` or ``pending-resync``; ``None`` where AWS does not say."""


class GlobalDatabase(Value):
    """An Aurora global database, as ``DescribeGlobalClusters`` describes it."""

    identifier: str
    status: str
    members: tuple[GlobalMember, ...] = ()
    moving_to: str | None = None
    """The ARN of the cluster that AWS is about to make the writer; ``None`` while nothing moves."""
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def writer(self) -> str | None:
        """The ARN of the cluster that is written to."""
        return next((each.arn for each in self.members if each.is_writer), None)


class Lag(Value):
    """How far a secondary was behind, at the newest minute of which CloudWatch has data."""

    at: Instant
    """The beginning of that minute."""
    behind: Span


# -- the backups


class Continuous(Value):
    """The continuous backup of a living cluster."""

    kind: Literal["continuous"] = "continuous"
    region: str
    cluster: Cluster

    @property
    def name(self) -> str:
        """The cluster."""
        return self.cluster.identifier

    @property
    def stored(self) -> Origin:
        """The record of engine and key."""
        return self.cluster


class _OfSnapshot(Value):
    region: str
    snapshot: Snapshot

    @property
    def name(self) -> str:
        """The snapshot's identifier."""
        return self.snapshot.identifier

    @property
    def stored(self) -> Origin:
        """The record of engine and key."""
        return self.snapshot


class AutomatedSnapshot(_OfSnapshot):
    """A snapshot that AWS took by itself; it goes with the retention."""

    kind: Literal["automated-snapshot"] = "automated-snapshot"


class ManualSnapshot(_OfSnapshot):
    """A snapshot that somebody took, or copied in its own region; it stays until somebody deletes it."""

    kind: Literal["manual-snapshot"] = "manual-snapshot"


class SharedSnapshot(_OfSnapshot):
    """A snapshot of another account, which may take it back at any time. It goes by its ARN only."""

    kind: Literal["shared-snapshot"] = "shared-snapshot"

    @property
    def name(self) -> str:
        """The snapshot's ARN."""
        return self.snapshot.arn


class SnapshotCopy(_OfSnapshot):
    """A copy of another region's snapshot, also while it is still being made."""

    kind: Literal["snapshot-copy"] = "snapshot-copy"


class _OfAutomatedBackup(Value):
    region: str
    backup: AutomatedBackup

    @property
    def name(self) -> str:
        """The resource id of its cluster."""
        return self.backup.resource_id

    @property
    def stored(self) -> Origin:
        """The record of engine and key."""
        return self.backup


class KeptBackup(_OfAutomatedBackup):
    """The continuous backup that AWS kept of a deleted cluster."""

    kind: Literal["kept-backup"] = "kept-backup"


class ReplicatedBackup(_OfAutomatedBackup):
    """A continuous backup of a cluster in another region, where AWS lists any: it documents no such backup of Aurora (FACTS 4.6)."""

    kind: Literal["replicated-backup"] = "replicated-backup"


class VaultPoint(Value):
    """A recovery point of AWS Backup. Where RDS lists it as a snapshot too, RDS can restore it."""

    kind: Literal["recovery-point"] = "recovery-point"
    region: str
    point: RecoveryPoint | None = None
    """``None`` where RDS lists the snapshot and AWS Backup was not asked, or did not list it."""
    snapshot: Snapshot | None = None
    """``None`` where only AWS Backup can restore it."""

    @property
    def name(self) -> str:
        """The snapshot's identifier, or the recovery point's ARN."""
        return self.snapshot.identifier if self.snapshot else self.point.arn if self.point else ""

    @property
    def stored(self) -> Origin | None:
        """The record of engine and key; ``None`` where only AWS Backup has it."""
        return self.snapshot


class GlobalSecondary(Value):
    """A secondary cluster of the global database that the target belongs to."""

    kind: Literal["global-secondary"] = "global-secondary"
    region: str
    database: str
    """The identifier of the global database."""
    member: GlobalMember
    cluster: Cluster | None = None
    """The secondary itself; ``None`` where it could not be looked at."""
    lag: Lag | None = None
    """``None`` where CloudWatch has no data."""

    @property
    def name(self) -> str:
        """The secondary's identifier."""
        return self.member.arn.rpartition(":")[2]

    @property
    def stored(self) -> Origin | None:
        """The record of engine and key."""
        return self.cluster


class Export(Value):
    """An export to S3: rows without definitions, from which no cluster can be restored."""

    kind: Literal["export"] = "export"
    region: str
    task: ExportTask

    @property
    def name(self) -> str:
        """The task's identifier."""
        return self.task.identifier

    @property
    def stored(self) -> Origin | None:
        """It is nothing of RDS's any more."""
        return None


Backup = Annotated[
    Continuous
    | AutomatedSnapshot
    | ManualSnapshot
    | SharedSnapshot
    | SnapshotCopy
    | KeptBackup
    | ReplicatedBackup
    | VaultPoint
    | GlobalSecondary
    | Export,
    Field(discriminator="kind"),
]
"""Everything from which a target, or its rows, can be brought back."""


class MomentsHeld(Value):
    """The moments that a backup can give back, and how that is known."""

    earliest: Instant | None = None
    """Of a window; ``None`` for a backup that holds one moment."""
    latest: Instant | None = None
    """The latest moment that it surely holds; ``None`` where nothing vouches for one."""
    at_most: Instant | None = None
    """No later moment is in it; ``None`` where not even that is known."""
    evidence: str


# -- what was asked


class RegionQuestion(Value):
    """A question to one region, and what became of it."""

    what: str
    """What was asked for, as people call it."""
    operation: str
    outcome: Literal["answered", "refused", "silent"]
    why: str = ""
    """Why there is no answer."""


ABOUT_BACKUPS = frozenset(
    {
        "DescribeDBClusters",
        "DescribeDBClusterAutomatedBackups",
        "DescribeDBClusterSnapshots",
        "DescribeExportTasks",
        "DescribeGlobalClusters",
        "ListRecoveryPointsByResource",
    }
)
"""The operations whose answers show backups; the others show what a restore from them needs."""


class RegionSeen(Value):
    """All that one region said of a target, and what a restore there would find. What was not answered is ``None``."""

    region: str
    asked: tuple[RegionQuestion, ...] = ()
    account: str | None = None
    endpoint: str | None = None
    cluster: Cluster | None = None
    """The cluster of the target's name in this region; ``None`` also where it was not answered."""
    instances: tuple[Instance, ...] = ()
    backups: tuple[AutomatedBackup, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    points: tuple[RecoveryPoint, ...] = ()
    exports: tuple[ExportTask, ...] = ()
    global_databases: tuple[GlobalDatabase, ...] = ()
    secondary: Cluster | None = None
    """The member of the target's global database that is in this region."""
    lag: Lag | None = None
    size: int | None = None
    """Bytes of the target's volume."""
    keys: dict[str, Key | None] = Field(default_factory=dict)
    """By the name that a backup gives; ``None`` for one that is gone or hidden from us. One that is missing was not answered."""
    subnet_groups: tuple[str, ...] | None = None
    security_groups: tuple[str, ...] | None = None
    parameter_groups: tuple[str, ...] | None = None
    """The cluster parameter groups."""
    quotas: tuple[Quota, ...] | None = None
    offers: dict[str, Offers] = Field(default_factory=dict)
    """By engine version."""

    @property
    def is_unseen(self) -> bool:
        """Whether no question about backups was answered: the region may hold anything."""
        return not any(each.outcome == "answered" for each in self.asked if each.operation in ABOUT_BACKUPS)

    @property
    def is_silent(self) -> bool:
        """Whether it is unseen because it did not answer."""
        return self.is_unseen and any(each.outcome == "silent" for each in self.asked)

    def gaps(self) -> tuple[RegionQuestion, ...]:
        """The questions about backups without an answer: what they would have shown may be there."""
        return tuple(each for each in self.asked if each.outcome != "answered" and each.operation in ABOUT_BACKUPS)
