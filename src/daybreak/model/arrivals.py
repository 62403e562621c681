"""Arrivals: what was seen of the clients at the side to which the traffic was moved."""

from __future__ import annotations

from pydantic import Field

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
    pages: tuple[str, ...] = Field(default=(), exclude_if=lambda found: not found)
    """The names of the application's pages that were well for as long."""
    logins: tuple[str, ...] = Field(default=(), exclude_if=lambda found: not found)
    """The places through which the application's own login got there for as long, in words."""


class ProbeBegun(Value):
    """What came of the order to begin a probe."""

    why: str = ""
    """Why it measures nothing; empty where a write of its was accepted, and it goes on."""


class GapMeasured(Value):
    """The gap as a client felt it that wrote without a pause, by the clock of the machine on which it ran."""

    least: Span = Span(0)
    """From the first write that the old side refused to the last one before the new side took one."""
    most: Span = Span(0)
    """From the sending of the last write that the old side took to the first answer of the new side."""
    every: Span = Span(0)
    """How long it rested between two writes."""
    round_trip: Span = Span(0)
    """The longer of the two round trips that the bounds go by."""
    writes: int = 0
    """How many writes were accepted, by both sides."""
    through: str = ""
    """The place through which it wrote, in words."""
    why: str = ""
    """Why nothing was measured; empty where it was."""


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
