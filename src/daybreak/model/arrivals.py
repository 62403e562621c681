"""Arrivals: what was seen of the clients at the side to which the traffic was moved."""

from __future__ import annotations

from daybreak.model.value import Instant, Span, Value


class FirstWrite(Value):
    """The first write of a client that the new side counted: it was made between these two looks, or up to a second before.

    A server that works adds to its counters about once a second.
    """

    after: Instant
    """The look that did not show it, by the new side's clock."""
    by: Instant
    """The look that did."""


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
