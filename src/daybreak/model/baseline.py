"""Baseline: row counts, freshness and content of a database at one moment, kept to compare a clone with."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from daybreak.model.birth import TURN
from daybreak.model.inventory import Inventory
from daybreak.model.value import Instant, Value
from daybreak.model.world import Identity


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


class Baseline(Value):
    """What a database held, each table at one consistent snapshot. ``format`` is raised when a reader would misread it.

    In format 1 all tables are of one snapshot, and only the baseline has ``next_xid``. Format 2 notes it for each table.
    """

    format: Literal[1, 2] = 2
    target: str
    taken: Instant
    """By our clock."""
    stands_for: Instant
    """By the server's clock: the last instant at which a table was read. Nothing later is in it; what a table holds is what
    was committed by its own instant."""
    identity: Identity
    resource_id: str | None = None
    database: str
    server_version: str
    encoding: str = ""
    """The server's encoding, such as ``UTF8``; empty where it was not noted."""
    next_xid: int | None = None
    """The first transaction that the one snapshot of all tables cannot see; ``None`` where there were several."""
    following: int | None = None
    """A transaction that had not begun when the tables were listed, as rows carry it."""
    fingerprint_version: int | None = None
    """The way in which the fingerprints were computed; ``None`` where there are none, or it was not noted."""
    tables: tuple[TableBaseline, ...]
    left_out: dict[str, str] = Field(default_factory=dict)
    """Tables that could not be read, and why. The baseline is no witness of those."""
    inventory: Inventory

    def next_xid_of(self, table: TableBaseline) -> int | None:
        """The first transaction that one table's rows cannot show, without epoch. A clone whose own is the same has the same rows."""
        whole = self.next_xid if self.format == 1 else table.next_xid
        return None if whole is None else whole % TURN

    @property
    def instants(self) -> tuple[datetime, datetime]:
        """The first and the last instant at which a table was read."""
        taken = [each.taken for each in self.tables if each.taken is not None] or [self.stands_for]
        return min(taken), max(taken)
