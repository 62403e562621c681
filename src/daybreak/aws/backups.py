"""AWS's answers about what holds a database besides clusters and snapshots: recovery points, exports, global databases. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from daybreak.aws.facts import tags_of, value_of
from daybreak.aws.replies import require
from daybreak.model.backups import ExportTask, GlobalDatabase, GlobalMember, Lag, RecoveryPoint

_AWS_OWNED = "AWS_OWNED_KMS_KEY"


def recovery_point_of(body: dict[str, Any]) -> RecoveryPoint:
    """A member of ``ListRecoveryPointsByResource``."""
    return RecoveryPoint(
        arn=require(body, "RecoveryPointArn"),
        vault=body.get("BackupVaultName", ""),
        status=body.get("Status", "unknown"),
        created=body.get("CreationDate"),
        key=value_of(body, "EncryptionKeyArn"),
        is_aws_owned_key=body.get("EncryptionKeyType") == _AWS_OWNED,
    )


def export_task_of(body: dict[str, Any]) -> ExportTask:
    """A member of ``DescribeExportTasks``."""
    return ExportTask(
        identifier=require(body, "ExportTaskIdentifier"),
        source=body.get("SourceArn", ""),
        status=body.get("Status", "unknown"),
        snapshot_time=body.get("SnapshotTime"),
        started=body.get("TaskStartTime"),
        ended=body.get("TaskEndTime"),
        bucket=body.get("S3Bucket", ""),
        prefix=body.get("S3Prefix", ""),
        warning=value_of(body, "WarningMessage"),
        failure=value_of(body, "FailureCause"),
        percent=body.get("PercentProgress"),
    )


def global_database_of(body: dict[str, Any]) -> GlobalDatabase:
    """A member of ``DescribeGlobalClusters``."""
    return GlobalDatabase(
        identifier=require(body, "GlobalClusterIdentifier"),
        status=body.get("Status", "unknown"),
        members=tuple(
            GlobalMember(
                arn=require(member, "DBClusterArn"),
                is_writer=bool(member.get("IsWriter")),
                sync=value_of(member, "SynchronizationStatus"),
            )
            for member in body.get("GlobalClusterMembers", [])
        ),
        moving_to=value_of(body.get("FailoverState") or {}, "ToDbClusterArn"),
        tags=tags_of(body.get("TagList")),
    )


def lag_of(points: list[dict[str, Any]]) -> Lag | None:
    """The newest of the ``Datapoints`` of a lag in milliseconds, by its greatest value; ``None`` where there is none."""
    newest = max(points, key=lambda point: require(point, "Timestamp"), default=None)
    if newest is None:
        return None
    return Lag(at=require(newest, "Timestamp"), behind=timedelta(milliseconds=float(require(newest, "Maximum"))))
