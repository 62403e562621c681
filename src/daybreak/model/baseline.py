"""Baseline: what the databases of a cluster held at one moment, kept to compare a clone with."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, model_validator

from daybreak.model.answers import LargeObject
from daybreak.model.birth import TURN
from daybreak.model.cost import Cost
from daybreak.model.inventory import Inventory, divide_inventory
from daybreak.model.value import Instant, Value
from daybreak.model.world import Identity

BY_CHOICE = "the configuration or the command leaves it out"
"""Why a database is not read that nobody wants to be."""


class TableBaseline(Value):
    """One table at the moment."""

    name: str
    """Schema and name, as ``Table.full`` writes them."""
    oid: int | None = None
    """The table's object id; ``None`` where it was not noted."""
    file: int = 0
    """The number of the file that its rows lay in, as ``Table.file``; 0 where it has none, had several, or it was not noted."""
    taken: Instant | None = None
    """By the server's clock, just after the snapshot was taken in which it was read; the last of several."""
    next_xid: int | None = None
    """The first transaction that its snapshot cannot see; ``None`` while one was under way, or where it has no snapshot of its
    own. With its epoch, which an earlier release left out."""
    rows: int
    is_exact: bool = True
    """False where the planner's estimate stands for a count, or where its parts were read at several instants."""
    note: str = ""
    """Why a count is not exact; empty where nothing has to be said."""
    clock: str = ""
    newest: Instant | None = None
    fingerprint: str | None = None
    """Order-independent digest of the content; comparable only between servers of one major version and encoding."""
    size: int = 0
    """Bytes on disk."""


class DatabaseBaseline(Value):
    """What one database held, each of its tables at one consistent snapshot."""

    target: str
    database: str
    stands_for: Instant
    """By the server's clock: the last instant at which one of its tables was read. What a table holds is what was committed by
    its own instant."""
    server_version: str
    encoding: str = ""
    """The database's encoding, such as ``UTF8``; empty where it was not noted."""
    next_xid: int | None = None
    """The first transaction that the one snapshot of all tables cannot see; ``None`` where there were several."""
    following: int | None = None
    """A transaction that had not begun when the tables were listed, as rows carry it."""
    fingerprint_version: int | None = None
    """The way in which the fingerprints were computed; ``None`` where there are none, or it was not noted."""
    tables: tuple[TableBaseline, ...]
    left_out: dict[str, str] = Field(default_factory=dict)
    """Tables and large objects that could not be read, and why. The baseline is no witness of those."""
    large_objects: tuple[LargeObject, ...] = ()
    """The content of its large objects, where fingerprints were wanted."""
    inventory: Inventory

    def next_xid_of(self, table: TableBaseline) -> int | None:
        """The first transaction that one table's rows cannot show, without epoch. A clone whose own is the same has the same rows."""
        return None if table.next_xid is None else table.next_xid % TURN

    @property
    def instants(self) -> tuple[datetime, datetime]:
        """The first and the last instant at which a table was read."""
        taken = [each.taken for each in self.tables if each.taken is not None] or [self.stands_for]
        return min(taken), max(taken)


class Baseline(Value):
    """What a cluster held, database by database. ``format`` is raised when a reader would misread it.

    Formats 1 and 2 hold one database; format 1 notes for all tables together which transactions they show. Both are read as 3.
    """

    format: Literal[3] = 3
    target: str
    taken: Instant
    """By our clock."""
    stands_for: Instant
    """By the server's clock: the last instant at which a table was read, in any database. Nothing later is in it."""
    identity: Identity
    cluster: str | None = None
    """The cluster's identifier; ``None`` where an earlier release did not note it."""
    resource_id: str | None = None
    databases: tuple[DatabaseBaseline, ...]
    """The databases that were read; the one that is entered first comes first."""
    shared: Inventory | None = None
    """What all databases share: the databases themselves, roles, settings; ``None`` where it was not read."""
    left_out: dict[str, str] = Field(default_factory=dict)
    """Databases that were not read, and why. The baseline is no witness of what is in them."""
    cost: Cost | None = None
    """What reading took of the cluster; ``None`` where an earlier release did not note it."""

    @model_validator(mode="before")
    @classmethod
    def _of_one_database(cls, held: Any) -> Any:
        """Read what earlier releases kept, which knew one database."""
        if not isinstance(held, dict) or held.get("format", 3) == 3:
            return held
        return _from_one_database(held)

    @property
    def instants(self) -> tuple[datetime, datetime]:
        """The first and the last instant at which a table was read."""
        spans = [each.instants for each in self.databases]
        return min(first for first, _ in spans), max(last for _, last in spans)

    def is_of(self, identity: Identity, cluster: str | None) -> bool:
        """Whether it is of the cluster of that name in that account, region and endpoint; others may have one of that name."""
        return self.cluster in (None, cluster) and self.identity.is_place_of(identity)

    def of(self, database: str) -> DatabaseBaseline | None:
        """What it knows of one database; ``None`` where it did not read it."""
        return next((each for each in self.databases if each.database == database), None)

    @property
    def is_whole(self) -> bool:
        """Whether everything was read that should be: every database but those left out by choice, every table and kind of object."""
        inventories = [each.inventory for each in self.databases] + ([self.shared] if self.shared else [])
        missed = [why for why in self.left_out.values() if why != BY_CHOICE]
        unread = (missed, *(each.left_out for each in self.databases), *(each.unlisted for each in inventories))
        return self.shared is not None and not any(unread)


_OF_THE_DATABASE = (
    "target",
    "database",
    "stands_for",
    "server_version",
    "encoding",
    "next_xid",
    "following",
    "fingerprint_version",
    "tables",
    "left_out",
    "inventory",
)


def _from_one_database(held: dict[str, Any]) -> dict[str, Any]:
    one = {name: held[name] for name in _OF_THE_DATABASE if name in held}
    if held.get("format") == 1 and held.get("next_xid") is not None:
        one["tables"] = [table | {"next_xid": held["next_xid"]} for table in held["tables"]]
    one["inventory"], shared = divide_inventory(held["inventory"])
    rest = {name: value for name, value in held.items() if name not in _OF_THE_DATABASE}
    return rest | {
        "format": 3,
        "target": held["target"],
        "stands_for": held["stands_for"],
        "databases": [one],
        "shared": shared,
    }
