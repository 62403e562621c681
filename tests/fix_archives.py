"""Builders of worlds for archives of a clone: the clone, its database, this machine, and what the bucket has of earlier ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from daybreak.model.archives import ArchiveSeen, ArchiveWorld, CloneToDump, DatabaseToDump
from daybreak.model.findings import Standing
from daybreak.model.manifests import Manifest, ManifestTable
from daybreak.model.observation import Observation
from daybreak.model.requests import MakeArchiveRequest
from tests import fix_worlds

BUCKET = "embi-aurora-backup-exports-123456789012"
CLONE = "embi-aurora-pitr-202401151430-7k2"
CLONE_ID = "cluster-CLONE"
YEAR = timedelta(days=365)


def request(**changes: Any) -> MakeArchiveRequest:
    """An archive of the clone, kept for a year."""
    defaults: dict[str, Any] = {"target": "embi", "run": CLONE, "bucket": BUCKET, "prefix": "exports/", "keep": YEAR}
    return MakeArchiveRequest(**(defaults | {"most": 10 << 30, "suffix": "7k2"} | changes))


def clone(**changes: Any) -> CloneToDump:
    """A clone that is fit."""
    defaults: dict[str, Any] = {
        "run": CLONE,
        "cluster": CLONE,
        "resource_id": CLONE_ID,
        "database": "embi",
        "login": "env:EMBI_LOGIN",
        "major": 16,
        "standing": Standing.FIT,
        "verdict": "fit",
    }
    return CloneToDump(**(defaults | changes))


def manifest(name: str, taken: datetime, **changes: Any) -> Manifest:
    """What stands beside an archive that was taken then, and was to be kept for a year."""
    defaults: dict[str, Any] = {
        "archive": f"{name}.dump",
        "bytes": 7,
        "sha256": "0" * 64,
        "target": "embi",
        "run": CLONE,
        "cluster": CLONE,
        "database": "embi",
        "verdict": "fit",
        "taken": taken,
        "server": "16.6",
        "program": "pg_dump 16.6",
        "tables": (ManifestTable(schema_name="shop", name="orders", rows=3),),
        "keep_until": taken + YEAR,
    }
    return Manifest(**(defaults | changes))


def kept(year: int, **changes: Any) -> ArchiveSeen:
    """An archive of a year, whole unless it is said otherwise."""
    taken, name = datetime(year, 1, 1, tzinfo=UTC), f"of-{year}"
    size = changes.pop("size", 7)
    return ArchiveSeen(key=f"exports/{name}.dump", bytes=size, manifest=manifest(name, taken, **changes))


def world(**changes: Any) -> ArchiveWorld:
    """Everything is there, and one archive of 2020 is past its time beside two newer ones."""
    defaults: dict[str, Any] = {
        "clone": clone(),
        "database": DatabaseToDump(bytes=3 << 30, tables=12),
        "program": 16,
        "room": 20 << 30,
        "kept": (kept(2020), kept(2022), kept(2023)),
    }
    return ArchiveWorld(**(defaults | changes))


def observation(**changes: Any) -> Observation:
    """What a plan of an archive looks at."""
    return fix_worlds.observation(archive=world(**changes))
