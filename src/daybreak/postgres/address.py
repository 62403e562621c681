"""Where a database answers, and what whoever answers there must prove first.

The law: there is no address without that decision, so no session can be opened by somebody who did not think of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.model.names import printable
from daybreak.model.trust import Trust
from daybreak.model.world import Cluster

FALLBACK_DATABASE = "postgres"
"""The database that every server has, where nobody named one."""


@dataclass(frozen=True)
class Address:
    """Where a database answers. ``host`` is the endpoint that AWS returned: the name that the server must prove."""

    host: str
    port: int
    database: str
    trust: Trust

    def __str__(self) -> str:
        return f"{printable(self.host)}:{self.port}/{printable(self.database)}"


def address_of(cluster: Cluster, database: str | None, trust: Trust) -> Address:
    """Where a cluster's database answers: at the endpoint AWS returned, never a built one."""
    return Address(cluster.endpoint or "", cluster.port, database or FALLBACK_DATABASE, trust)
