"""What RDS writes beside the Parquet files of an export: what was exported, and what became of each table (FACTS 4.7).

The members are those of exports that others have shown; no document of AWS's lists them. What is not there is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from daybreak.archive.damage import UnreadableArchive, unreadable_at
from daybreak.model.exports import StoredObject

MOST = 16 << 20
"""The longest of these documents that is read, in bytes."""
COMPLETE = "COMPLETE"
_LONGEST = 2048


@dataclass(frozen=True, slots=True)
class ExportInfo:
    """What an export says of itself; empty where it does not say it."""

    task: str
    source: str
    """The ARN of the snapshot or cluster."""
    status: str
    snapshot_time: str


@dataclass(frozen=True, slots=True)
class TableStatus:
    """What became of one table: its name as ``database.schema.table``, and RDS's word."""

    target: str
    status: str
    parts: int | None = None
    """Into how many ranges RDS divided it, and how many of them it exported; ``None`` where that is not said."""
    parts_done: int | None = None
    warning: str = ""


def export_info(name: str, document: bytes) -> ExportInfo:
    """The document ``export_info_*.json``; raises ``UnreadableArchive`` for one that names no export task."""
    said = _object(name, document)
    task = _text(said, "exportTaskIdentifier")
    if not task:
        raise unreadable_at(name, 0, "it names no export task")
    return ExportInfo(task, _text(said, "sourceArn"), _text(said, "status").upper(), _text(said, "snapshotTime"))


def tables_info(name: str, document: bytes) -> tuple[TableStatus, ...]:
    """A document ``export_tables_info_*.json``; raises ``UnreadableArchive`` for one without a list of tables."""
    rows = _object(name, document).get("perTableStatus")
    if not isinstance(rows, list):
        raise unreadable_at(name, 0, "it has no list of tables")
    return tuple(
        TableStatus(_text(each, "target"), _text(each, "status").upper(), *_parts(each), _text(each, "warningMessage"))
        for each in rows
        if isinstance(each, dict) and _text(each, "target")
    )


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The files of one exported table."""

    database: str
    table: str
    """``schema.table``, as the folder is called."""
    files: tuple[StoredObject, ...]

    @property
    def target(self) -> str:
        """Its name as the list of tables has it."""
        return f"{self.database}.{self.table}"


def files_by_table(folder: str, objects: Iterable[StoredObject]) -> tuple[TableFiles, ...]:
    """Everything below the folder of each table, whatever it is called: AWS may change the names of the files."""
    found: dict[tuple[str, str], list[StoredObject]] = {}
    for each in objects:
        parts = each.key.removeprefix(folder).split("/")
        if len(parts) > 2:  # database, table, and a file
            found.setdefault((parts[0], parts[1]), []).append(each)
    return tuple(TableFiles(*names, tuple(files)) for names, files in sorted(found.items()))


def _object(name: str, document: bytes) -> dict[str, Any]:
    try:
        said = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise _no_json(name) from error
    if not isinstance(said, dict):
        raise _no_json(name)
    return said


def _parts(row: dict[str, Any]) -> tuple[int | None, int | None]:
    figures: Any = row.get("tableStatistics")
    figures = figures.get("partitioningInfo") if isinstance(figures, dict) else None
    members = ("numberOfPartitions", "numberOfCompletedPartitions")
    found = [figures.get(member) if isinstance(figures, dict) else None for member in members]
    parts, done = (number if type(number) is int else None for number in found)
    return parts, done


def _no_json(name: str) -> UnreadableArchive:
    return unreadable_at(name, 0, "it should hold a JSON object")


def _text(said: dict[str, Any], member: str) -> str:
    found = said.get(member)
    return found[:_LONGEST] if isinstance(found, str) else ""
