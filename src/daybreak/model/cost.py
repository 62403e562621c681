"""Cost: what reading took of a server that serves its own people, beside what it may take."""

from __future__ import annotations

from daybreak.model.value import Span, Value


class Cost(Value):
    """The peaks of what all our sessions at one server took together, each beside its bound.

    Locks and connections are what was seen each half second and at the end of each part; a transaction's length is exact.
    """

    server: str = ""
    """Which server, as HOST:PORT; empty where there is only one."""
    locks: int
    """Entries of the server's lock table, those of the fast path excepted."""
    most_locks: int | None = None
    """How many entries we may fill; ``None`` where the size of the table was never asked, because nothing needed locks."""
    connections: int
    most_connections: int
    snapshot: Span
    """The longest transaction: as long as it was open, the server kept what its people deleted."""
    longest_snapshot: Span
    rested: Span
    """How long nothing was read because the server suffered."""
