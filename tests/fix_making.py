"""Builders of worlds for `daybreak exports make`: the runbook's cluster, its snapshot, a key, and exports that AWS lists."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from daybreak.model.backups import ExportTask
from daybreak.model.observation import Observation
from daybreak.model.requests import MakeExportRequest
from daybreak.model.world import Key
from tests import fix_worlds

BUCKET = "embi-aurora-backup-exports-123456789012"
ROLE = f"arn:aws:iam::{fix_worlds.ACCOUNT}:role/embi-export"


def request(**changes: Any) -> MakeExportRequest:
    """An export of the newest snapshot, with all that it holds."""
    defaults: dict[str, Any] = {"target": "embi", "bucket": BUCKET, "prefix": "exports/", "role": ROLE}
    return MakeExportRequest(**(defaults | {"key": fix_worlds.KEY, "suffix": "7k2"} | changes))


def observation(**changes: Any) -> Observation:
    """What a plan of an export looks at."""
    defaults: dict[str, Any] = {"snapshots": (fix_worlds.snapshot(),), "key": Key(arn=fix_worlds.KEY, is_enabled=True)}
    return fix_worlds.observation(**(defaults | changes))


def task(identifier: str = "somebodys", **changes: Any) -> ExportTask:
    """An export that AWS is at."""
    defaults: dict[str, Any] = {
        "identifier": identifier,
        "source": fix_worlds.snapshot("another", kind="manual").arn,
        "status": "IN_PROGRESS",
        "started": fix_worlds.NOW - timedelta(minutes=9),
        "bucket": BUCKET,
        "prefix": "exports/theirs",
        "percent": 40,
    }
    return ExportTask(**(defaults | changes))
