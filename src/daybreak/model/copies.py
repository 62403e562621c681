"""Copies of a target's snapshots in another region, as a look at both regions shows them."""

from __future__ import annotations

from daybreak.model.value import Instant, Value
from daybreak.model.world import Key, Snapshot

MOST_IN_FLIGHT = 5
"""How many copies from other regions AWS lets an account have in flight in one region (FACTS 4.6)."""


class CopiesSeen(Value):
    """What the region of the copies shows."""

    region: str
    snapshots: tuple[Snapshot, ...] = ()
    """Its snapshots of clusters of the target's name, oldest first; those of other accounts too."""
    in_flight: int = 0
    """How many copies of clusters' snapshots from other regions are in flight there, of the whole account."""
    key: Key | None = None
    """The key that the configuration names; ``None`` where it names none, or the region shows none of that name."""


class CopyReport(Value):
    """How the copies of a target in one region stand, where there is nothing to do."""

    target: str
    region: str
    words: str
    """Why there is nothing to do, and until when."""
    run: str | None = None
    """The run that is at it, where another process carries one out."""
    complete: tuple[str, ...] = ()
    """Our complete copies of the cluster, the newest first."""
    newest: Instant | None = None
    """The moment of the newest complete one."""
    due: Instant | None = None
    """From when on the next one is due; ``None`` where no moment says it."""
