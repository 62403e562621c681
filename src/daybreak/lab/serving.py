"""How the server of a volume is told to run: in public for its cluster, or alone for a repair.

The law: whoever starts it, whatever it writes reaches the volume's archive: a hole in the log would end the window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from daybreak.lab.archive import Archive
from daybreak.lab.binaries import Install
from daybreak.lab.node import Node
from daybreak.lab.template import ALONE, MODEST
from daybreak.lab.tls import tls_settings


@dataclass(frozen=True)
class Listen:
    """Where the server answers; when it is not ``reachable`` it does not listen on TCP at all."""

    host: str
    port: int
    reachable: bool = True


def configuration(archive: Archive, install: Install, reaching: Mapping[str, str], listen: Listen) -> dict[str, str]:
    """Everything the server of a cluster is told; what the lab holds wins over the cluster's parameters."""
    held = {"listen_addresses": listen.host if listen.reachable else "", **_archived(archive)}
    if install.has_tls:
        held |= tls_settings(install)
    return {**MODEST, **reaching, **held}


@contextmanager
def alone(node: Node, archive: Archive) -> Iterator[None]:
    """The server runs, and only we can reach it."""
    node.start({**ALONE, "wal_level": "logical", **_archived(archive)})
    try:
        yield
    finally:
        node.stop()


def _archived(archive: Archive) -> dict[str, str]:
    return {"archive_mode": "on", "archive_command": archive.command}
