"""Cost: what reading took of a server that serves its own people, beside what it may take."""

from __future__ import annotations

from daybreak.model.value import Span, Value


class Cost(Value):
    """The peaks of what all our sessions at one server took together, each beside its bound.

    Locks are those that our own looks saw, one each half second: a part that is shorter may have held more, up to the bound that
    each part is cut by. Connections and the length of a transaction are exact.
    """

    server: str = ""
    """Which server, as HOST:PORT; empty where there is only one."""
    locks: int
    """The most entries of the server's lock table that a look saw, those of the fast path excepted."""
    most_locks: int | None = None
    """How many entries we may fill; ``None`` where the size of the table was never asked, because nothing needed locks."""
    connections: int
    most_connections: int
    snapshot: Span
    """The longest transaction: as long as it was open, the server kept what its people deleted."""
    longest_snapshot: Span
    rested: Span
    """How long nothing was read because the server suffered."""
