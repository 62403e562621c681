"""How a volume follows one of another region: pieces of the leader's log arrive in its own archive, and its server, which only
reads, replays them from there.

The law: what has arrived is all there is. A follower that is promoted reads nothing of its leader, so what had not arrived is
lost. The last moment in its archive is never later than what its server has, or will have when it has replayed.
"""

from __future__ import annotations

import re

from daybreak.lab.servers.binaries import give
from daybreak.lab.servers.node import Node
from daybreak.lab.servers.spawner import spawner
from daybreak.lab.volumes.archive import SEGMENT, Archive
from daybreak.lab.volumes.bringing import first_segment

SIGNAL = "standby.signal"
LEAST_CONNECTIONS = 100
"""What a follower's server takes at the least: a smaller one would stop to replay when its leader's class grows to the usual."""

_AS_LARGE = {
    "max_connections": "max_connections setting",
    "max_worker_processes": "max_worker_processes setting",
    "max_wal_senders": "max_wal_senders setting",
    "max_prepared_transactions": "max_prepared_xacts setting",
    "max_locks_per_transaction": "max_locks_per_xact setting",
}
"""Settings that must not be smaller than the leader's, and how ``pg_controldata`` names the leader's."""


def settings(node: Node, archive: Archive, asked: dict[str, str]) -> dict[str, str]:
    """The settings of a server that follows, beside those that were asked for."""
    known = dict(
        re.findall(
            r"^(\w+ setting): +(\d+)$",
            spawner().run([node.install.bin / "pg_controldata", "-D", node.data]),
            re.MULTILINE,
        )
    )
    large = {
        name: str(max(int(known.get(word, 0)), _whole(asked.get(name)), LEAST_CONNECTIONS if "conn" in name else 0))
        for name, word in _AS_LARGE.items()
    }
    return {
        **asked,
        **large,
        "hot_standby": "on",
        "archive_mode": "off",
        "restore_command": archive.fetching,
        "recovery_target_timeline": "latest",
        "wal_retrieve_retry_interval": "100ms",
    }


def _whole(value: str | None) -> int:
    return int(value) if value and value.isdigit() else 0


def mark(node: Node) -> None:
    """Make the next start of a stopped server one that follows."""
    signal = node.data / SIGNAL
    signal.touch(mode=0o600)
    give(signal)


def unmark(node: Node) -> None:
    """Make the next start of a stopped server one that leads."""
    (node.data / SIGNAL).unlink(missing_ok=True)


def send_rest(node: Node, archive: Archive, other: Archive) -> None:
    """Send what a stopped leader wrote after the last moment that it published: nothing is lost when it hands over."""
    last = first_segment(node)
    have, _ = other.mark
    for folder in (archive.log, node.data / "pg_wal"):
        for file in sorted(folder.iterdir()):
            if SEGMENT.fullmatch(file.name) and have < file.name <= last and not other.has(file.name):
                other.take(file)
