"""Copies of PostgreSQL's files: of a data directory at rest or at work, and of pieces of its log.

The law: a copy never holds what belongs to the source's running server or to its subscribers.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from pathlib import Path

from daybreak.errors import Bug
from daybreak.lab.servers.binaries import account, give

LEFT_BEHIND = frozenset({"postmaster.pid", "postmaster.opts", "backup_label.old", "recovery.signal"})
"""Files of a data directory that describe one server's process or an earlier restore."""

EMPTIED = frozenset(
    {
        "pg_wal",
        "pg_wal/archive_status",
        "pg_wal/summaries",
        "pg_replslot",
        "pg_dynshmem",
        "pg_notify",
        "pg_serial",
        "pg_snapshots",
        "pg_stat_tmp",
        "pg_subtrans",
        "pg_logical/snapshots",
        "pg_logical/mappings",
    }
)
"""Folders whose content is not copied: log, slots, and what a start rebuilds. Their subfolders are made."""


def copy_data(source: Path, target: Path) -> None:
    """Copy a data directory without its log; skips files that vanish meanwhile, as a base backup may."""
    target.mkdir(mode=0o700, parents=True)
    give(target)
    _copy_folder(source, target, "")


def copy_whole(source: Path, target: Path) -> None:
    """Copy a folder with everything in it."""
    target.mkdir(mode=0o700, parents=True)
    give(target)
    # As a list: a copy that fails halfway would leave the iterator open.
    for entry in list(os.scandir(source)):
        if entry.is_dir(follow_symlinks=False):
            copy_whole(Path(entry.path), target / entry.name)
        else:
            _copy_if_there(entry.path, f"{target}/{entry.name}")


def copy_file(source: Path, target: Path) -> None:
    """Copy one file, over an existing one; the servers' account owns the copy."""
    target.unlink(missing_ok=True)
    if not _copy_if_there(str(source), str(target)):
        raise Bug(f"'{source.name}' is not where it was")


def remove(folder: Path) -> None:
    """Delete a folder with its content; it may be missing, and it may change meanwhile."""
    while folder.is_symlink() or folder.exists():
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _copy_folder(source: Path | str, target: Path | str, below: str) -> None:
    emptied = below.rstrip("/") in EMPTIED
    who = account()
    for entry in list(os.scandir(source)):
        name = below + entry.name
        copy = f"{target}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if entry.name == "pgsql_tmp" or (emptied and name not in EMPTIED):
                continue
            Path(copy).mkdir(mode=0o700)
            if who.lent:
                os.chown(copy, who.uid, who.gid)
            _copy_folder(entry.path, copy, f"{name}/")
        elif not emptied and name not in LEFT_BEHIND:
            _copy_if_there(entry.path, copy)


def _copy_if_there(source: str, target: str) -> bool:
    """Copy one file to a new one, unless it has vanished; return whether it was there."""
    who = account()
    try:
        reading = os.open(source, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _pour(reading, writing)
            if who.lent:
                os.fchown(writing, who.uid, who.gid)
        finally:
            os.close(writing)
    finally:
        os.close(reading)
    return True


class _Buffer(threading.local):
    """A buffer for each thread, reused for every file."""

    def __init__(self) -> None:
        self.room = bytearray(1 << 18)


_BUFFER = _Buffer()


def _pour(reading: int, writing: int) -> None:
    """Copy from descriptor to descriptor, up to the end of the file, even if it grows or shrinks meanwhile."""
    room = _BUFFER.room
    view = memoryview(room)
    while size := os.readv(reading, [room]):
        done = 0
        while done < size:
            done += os.write(writing, view[done:size])
