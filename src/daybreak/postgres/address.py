"""Where a database answers, and what the server there must prove first.

The law: no address exists without that decision, so no caller can open a session and forget it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from daybreak.model.destinations import DatabaseAddress
from daybreak.model.names import printable
from daybreak.model.trust import Trust
from daybreak.model.world import Cluster
from daybreak.postgres.leash import Leash

FALLBACK_DATABASE = "postgres"
"""The database that every server has; used where no database is named."""


@dataclass(frozen=True)
class Address:
    """A place where a database answers. ``host`` is the endpoint that AWS returned: the name that the server must prove."""

    host: str
    port: int
    database: str
    trust: Trust
    leash: Leash | None = field(default=None, compare=False, repr=False)
    """What ends every session that is opened here, where somebody may give up what is asked."""
    alias: str = ""
    """The name by which it is looked up instead, such as a record of DNS that leads to ``host``; what must be proven is the same."""
    socket: str = ""
    """The folder of the server's socket on this machine, for a server that we started; ``host`` is then only its name in words.
    A field of its own: nothing that AWS or a person names as a host can lead there."""

    @property
    def server(self) -> str:
        """The server alone, as HOST:PORT."""
        return f"{printable(self.host)}:{self.port}"

    def __str__(self) -> str:
        return f"{self.server}/{printable(self.database)}"


def address_by(place: DatabaseAddress, database: str, trust: Trust, leash: Leash, alias: str = "") -> Address:
    """The address to which a place leads by which applications find the database; ``alias`` is the name that is looked up."""
    return Address(place.host, place.port, database, trust, leash, alias)


def address_inside(sockets: Path, port: int, database: str) -> Address:
    """The address of a server that we started on this machine, by the folder of its socket: the folder proves who listens there."""
    return Address("the throw-away server", port, database, Trust(), socket=str(sockets))


ServerPlace = Cluster | DatabaseAddress
"""A cluster as AWS shows it, or the address at which it was last seen where AWS shows nothing."""


def address_of(server: ServerPlace, database: str | None, trust: Trust, leash: Leash | None = None) -> Address:
    """The address of a cluster's database: the endpoint that AWS returned, now or earlier, never one that we built."""
    host = server.host if isinstance(server, DatabaseAddress) else server.endpoint or ""
    return Address(host, server.port, database or FALLBACK_DATABASE, trust, leash)
