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
    """Where a cluster answers, which authority vouches for it, and from which ranges of addresses clients get in."""

    host: str
    port: int
    authority: Authority
    admitted: tuple[str, ...] = ("0.0.0.0/0",)
    also: tuple[str, ...] = ()
    """Other addresses at which it answers as well."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every address at which it answers."""
        return (self.host, *self.also)


def configuration(archive: Archive, reaching: Mapping[str, str]) -> dict[str, str]:
    """The whole configuration of a cluster's server; the lab's own settings win over the cluster's parameters."""
    return {**MODEST, **reaching, **_archive_settings(archive), "listen_addresses": ""}


def open_gate(node: Node, listen: Listen, *, strict: bool) -> None:
    """Let the admitted clients in at the cluster's address; ``strict`` means only those that encrypt."""
    server = str(node.socket)
    for host in listen.hosts:
        identity = listen.authority.identity(host)
        gates().open(Gate(host, listen.port, server, str(identity), SUPERUSER, strict, listen.admitted))


def close_gate(node: Node, listen: Listen) -> None:
    """Let no client in any more, and cut the sessions."""
    for host in listen.hosts:
        gates().close(host, listen.port, str(node.socket))


def leave_gates(node: Node, before: Listen, now: Listen) -> None:
    """Let no client in any more where the server answered before and answers no longer; who is in stays."""
    for host in set(before.hosts) - set(now.hosts):
        gates().close(host, before.port, str(node.socket), keeps=True)


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
