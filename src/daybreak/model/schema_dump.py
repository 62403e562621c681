"""Schema dump: the SQL that makes the objects of a cluster's databases, kept for the day when only rows are left."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.value import Instant, Value
from daybreak.model.world import Identity


class DumpedSchema(Value):
    """One database's."""

    database: str
    server_version: str
    program: str
    """What made it, such as ``pg_dump 16.10``."""
    contents: str
    """SHA-256 of the SQL without the lines that are drawn anew each time: where it is equal, so is the content."""
    sql: str
    """The SQL, compressed by gzip, in base64."""
    note: str = ""
    """What a reader must know: that the program is of another major version than the server."""


class SchemaDump(Value):
    """The definitions of a cluster's databases. ``format`` is raised when a reader would misread it."""

    format: Literal[1] = 1
    target: str
    taken: Instant
    """By our clock."""
    identity: Identity
    cluster: str
    resource_id: str | None = None
    databases: tuple[DumpedSchema, ...]
    left_out: dict[str, str] = Field(default_factory=dict)
    """Databases of which none was made, and why."""

    def is_of(self, identity: Identity, cluster: str | None) -> bool:
        """Whether it is of the cluster of that name in that account, region and endpoint."""
        return self.cluster == cluster and self.identity.is_place_of(identity)

    def of(self, database: str) -> DumpedSchema | None:
        """That of one database; ``None`` where it has none."""
        return next((each for each in self.databases if each.database == database), None)

    def is_same(self, other: SchemaDump) -> bool:
        """Whether both hold the same definitions of the same databases."""
        ours, theirs = ({each.database: each.contents for each in one.databases} for one in (self, other))
        return (ours, self.left_out, self.resource_id) == (theirs, other.left_out, other.resource_id)
