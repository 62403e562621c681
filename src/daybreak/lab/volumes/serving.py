"""How the server of a volume runs: in public for its cluster, or alone for a repair.

The law: whatever it writes reaches the volume's archive in both cases: a hole in the log would end the window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from daybreak.lab.gates.gates import Gate, gates
from daybreak.lab.gates.tls import Authority
from daybreak.lab.servers.node import SUPERUSER, Node
from daybreak.lab.servers.template import ALONE, MODEST
from daybreak.lab.volumes.archive import Archive


@dataclass(frozen=True)
class Listen:
    """Where a cluster answers, and which authority vouches for it; when it is not ``reachable``, nothing listens there."""

    host: str
    port: int
    authority: Authority
    reachable: bool = True


def configuration(archive: Archive, reaching: Mapping[str, str]) -> dict[str, str]:
    """The whole configuration of a cluster's server; the lab's own settings win over the cluster's parameters."""
    return {**MODEST, **reaching, **_archive_settings(archive), "listen_addresses": ""}


def open_gate(node: Node, listen: Listen, *, strict: bool) -> None:
    """Let clients in at the cluster's address, if it is reachable; ``strict`` means only those that encrypt."""
    if listen.reachable:
        identity = listen.authority.identity(listen.host)
        gates().open(Gate(listen.host, listen.port, str(node.socket), str(identity), SUPERUSER, strict))


def close_gate(node: Node, listen: Listen) -> None:
    """Let no client in any more, and cut the sessions."""
    gates().close(listen.host, listen.port, str(node.socket))


@contextmanager
def alone(node: Node, archive: Archive) -> Iterator[None]:
    """Run the server for the length of the block so that only we can reach it."""
    node.start({**ALONE, "wal_level": "logical", **_archive_settings(archive)})
    try:
        yield
    finally:
        node.stop()


def _archive_settings(archive: Archive) -> dict[str, str]:
    return {"archive_mode": "on", "archive_command": archive.command}
