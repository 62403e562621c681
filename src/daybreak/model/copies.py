"""Copies of a target's snapshots in another region, as a look at both regions shows them."""

from __future__ import annotations

from daybreak.model.value import Instant, Value
from daybreak.model.world import Key, Snapshot

MOST_IN_FLIGHT = 5
"""How many copies from other regions AWS lets an account have in flight in one region (FACTS 4.6)."""


class CopyRecord(Value):
    """What a run's journal in this state says of the copy that the run made."""

    run: str
    """The run's name, which its copy has too."""
    nonce: str | None
    source: str = ""
    """The ARN of what it copied; empty for a run that made no copy."""
    taken: Instant | None = None
    """When that was taken; ``None`` where the journal does not say it."""


class CopiesSeen(Value):
    """What the region of the copies shows."""

    region: str
    snapshots: tuple[Snapshot, ...] = ()
    """Its snapshots of clusters of the target's name, oldest first; those of other accounts too."""
    records: tuple[CopyRecord, ...] = ()
    """What the journals in this state say of the runs that the tags of these snapshots name."""
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
    doubted: tuple[str, ...] = ()
    """Each snapshot that only seems to be a copy of ours, with the reason: it counts for nothing and stays."""
    newest: Instant | None = None
    """The moment of the newest complete one."""
    due: Instant | None = None
    """From when on the next one is due; ``None`` where no moment says it."""
