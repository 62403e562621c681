"""Arrivals: what was seen of the clients at the side to which the traffic was moved."""

from __future__ import annotations

from daybreak.model.value import Instant, Span, Value


class FirstWrite(Value):
    """When the first write of a client was made at the new side, by its clock.

    A server counts it up to a second later while the client works, and up to ten seconds later where it became idle.
    """

    after: Instant | None
    """The last look at which no transaction had been given out; ``None`` where the first look was too late to say."""
    by: Instant
    """The first look at which it was counted."""


class Arrived(Value):
    """Clients work at the new side, as it was wanted, for as long as it was wanted."""

    clients: int
    """How many sessions of others were there at the last look."""
    wanted: int
    """How many were to be there at least."""
    first_write: FirstWrite | None
    """``None`` where none was seen, and none was wanted."""
    writes: str
    """What was written there since, in words."""
    held: Span
    """For how long all of it held."""


class Warmed(Value):
    """What was read into a cluster's memory before clients came."""

    relations: int
    """Tables and indexes."""
    size: int
    """Bytes."""
    left: int = 0
    """How many more were hot at the other side, for which there was no time, no room, or no right."""
    why: str = ""
    """Why it ended before all of them; empty where it did not."""
