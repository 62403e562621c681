"""Baseline: row counts, freshness and content of a database at one moment, kept to compare a clone with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.inventory import Inventory
from daybreak.model.value import Instant, Value
from daybreak.model.world import Identity


class TableBaseline(Value):
    """One table at the moment."""

    name: str
    """Schema and name, as ``Table.full`` writes them."""
    rows: int
    is_exact: bool = True
    """False where the planner's estimate stands for a count."""
    clock: str = ""
    newest: Instant | None = None
    fingerprint: str | None = None
    """Order-independent digest of the content; comparable only between servers of one major version and encoding."""
    size: int = 0
    """Bytes on disk."""


class Baseline(Value):
    """What a database held at one consistent snapshot. ``format`` is raised when a reader would misread it."""

    format: Literal[1] = 1
    target: str
    taken: Instant
    """By our clock."""
    stands_for: Instant
    """By the server's clock, when the snapshot was taken: every commit up to then is in it."""
    identity: Identity
    resource_id: str | None = None
    database: str
    server_version: str
    encoding: str = ""
    """The server's encoding, such as ``UTF8``; empty where it was not noted."""
    next_xid: int | None = None
    """The first transaction that the snapshot cannot see. A clone whose own is the same holds exactly the same rows."""
    tables: tuple[TableBaseline, ...]
    left_out: dict[str, str] = Field(default_factory=dict)
    """Tables that could not be read, and why. The baseline is no witness of those."""
    inventory: Inventory
