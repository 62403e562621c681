"""How a data directory becomes a volume's: copy stopped servers, replay logs to a moment.

The law: a server that recovers is alone: it does not listen on TCP, starts no workers of subscribers, archives nothing, and
takes no parameter of its cluster.
"""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from daybreak.errors import Failed
from daybreak.lab.servers.binaries import give
from daybreak.lab.servers.node import Node
from daybreak.lab.servers.spawner import spawner
from daybreak.lab.servers.template import ALONE
from daybreak.lab.servers.tree import copy_data, copy_file, remove
from daybreak.lab.volumes.archive import SEGMENT, Archive


def recover(node: Node, target: datetime | None, source: Archive | None = None) -> None:
    """Replay the log in ``pg_wal`` up to and including ``target`` (``None``: all of it), and stop the server.

    With a ``source`` the log is in that archive.
    """
    settings = {
        **ALONE,
        "hot_standby": "off",
        "archive_mode": "off",
        "restore_command": source.fetching if source else "false",  # without one everything is in pg_wal already
        "recovery_target_timeline": "latest",
        "shared_buffers": "32MB",
        "max_wal_size": "4GB",  # no restart point in the middle
        "track_commit_timestamp": "on",  # else what the source recorded would be forgotten before the first start
    }
    if target is not None:
        settings["recovery_target_time"] = target.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
        settings["recovery_target_inclusive"] = "on"
        settings["recovery_target_action"] = "promote"
    signal_file = node.data / "recovery.signal"
    signal_file.touch(mode=0o600)
    give(signal_file)
    node.start(settings)
    node.stop()


def add_cold_base(node: Node, archive: Archive) -> datetime:
    """Copy a stopped server's data as a base; return the first moment that it can reach."""
    segment = first_segment(node)
    forget_old_log(node, segment)
    moment = datetime.now(UTC)
    draft = archive.draft()
    copy_at_rest(node, draft)
    archive.add(draft, moment, segment)
    return moment


def copy_at_rest(node: Node, target: Path) -> None:
    """Copy a stopped server's data with the one piece of log from which it starts."""
    copy_data(node.data, target)
    copy_ancestry(node.data, target)
    segment = first_segment(node)
    copy_file(node.data / "pg_wal" / segment, target / "pg_wal" / segment)


STATE = re.compile(r"^Database cluster state: +(.*)$", re.MULTILINE)


def rests(node: Node) -> bool:
    """Whether a server was stopped cleanly, not by a power cut."""
    state = STATE.search(spawner().run([node.install.bin / "pg_controldata", "-D", node.data]))
    return state is not None and state.group(1) == "shut down"


def first_segment(node: Node) -> str:
    """The piece of log from which a stopped server starts."""
    said = spawner().run([node.install.bin / "pg_controldata", "-D", node.data])
    state = STATE.search(said)
    found = re.search(r"^Latest checkpoint's REDO WAL file: +(\w+)$", said, re.MULTILINE)
    if found is None or state is None or state.group(1) != "shut down":
        raise Failed(f"the data in '{node.home.name}' was not shut down cleanly: '{state.group(1) if state else said}'")
    return found.group(1)


def forget_old_log(node: Node, first: str) -> None:
    """Delete a stopped server's log before ``first``, and after it the pieces kept for reuse."""
    folder = node.data / "pg_wal"
    for file in folder.iterdir():
        if SEGMENT.match(file.name) and file.name != first:
            file.unlink()
    for entry in (folder / "archive_status").iterdir():
        if entry.name.partition(".")[0] != first:
            entry.unlink()


def copy_ancestry(source: Path, target: Path) -> None:
    """Copy the history of a data directory's timelines.

    The first piece of log after a restore begins with what was written before, and cannot be read without the history.
    """
    for file in (source / "pg_wal").glob("*.history"):
        copy_file(file, target / "pg_wal" / file.name)


def adopt_copy(source: Path, data: Path) -> None:
    """Copy a data directory together with its log."""
    copy_data(source, data)
    copy_ancestry(source, data)
    for file in (source / "pg_wal").iterdir():
        if SEGMENT.fullmatch(file.name):
            copy_file(file, data / "pg_wal" / file.name)


def delete_data(node: Node) -> None:
    """Delete the data and the log of a stopped server."""
    remove(node.data)
    node.log.unlink(missing_ok=True)
    shutil.rmtree(node.sockets, ignore_errors=True)
