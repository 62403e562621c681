"""Which snapshots are copies of ours, how old their data is, and what is due. Pure.

The law: a copy is ours by its tags, in our own account, and of this very cluster by its resource id. What lacks any of it is
somebody else's: it is not counted, not waited for and never removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from daybreak.model.actions import AwaitSnapshot, AwsChange, CopySnapshot
from daybreak.model.copies import CopiesSeen
from daybreak.model.plan import Plan
from daybreak.model.run import RunState
from daybreak.model.statuses import AVAILABLE
from daybreak.model.tags import COPY_FOR_TAG, COPY_OF_TAG, NONCE_TAG
from daybreak.model.world import Snapshot
from daybreak.plan.moments import moments_of_snapshot

WHOLE = 100
"""The percent at which a snapshot is complete."""

HOPELESS_SNAPSHOT = frozenset({"failed", "incompatible-restore", "incompatible-parameters", "deleting", "deleted"})
"""Statuses from which no snapshot becomes complete."""

_GOING = frozenset({"deleting", "deleted"})

DUE_AT = 0.9
"""The part of the promised interval after which a copy is due. A scheduler comes a little earlier or later each time: one that
came a minute too early would find nothing due, and the next would come an interval too late."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def copy_origin(snapshot: Snapshot) -> str | None:
    """The resource id of the cluster that a snapshot of ours holds; ``None`` for any other, and where AWS says another one."""
    origin = snapshot.tags.get(COPY_OF_TAG)
    is_it = snapshot.kind == "manual" and snapshot.resource_id in (None, origin)
    return origin if is_it else None


def copy_maker(snapshot: Snapshot) -> str | None:
    """The nonce of the run that made it."""
    return snapshot.tags.get(NONCE_TAG) or None


def is_complete(snapshot: Snapshot) -> bool:
    """Whether a restore could be made from it: nothing is missing of it."""
    return snapshot.status == AVAILABLE and snapshot.percent >= WHOLE


def moment_of(snapshot: Snapshot) -> datetime:
    """The moment that it holds, never a later one; long ago where nothing vouches for one."""
    held = moments_of_snapshot(snapshot, {})
    return held.latest or _LONG_AGO


def is_newer(one: Snapshot, other: Snapshot) -> bool:
    """Whether ``one`` holds a later moment than ``other``."""
    return moment_of(one) > moment_of(other)


@dataclass(frozen=True)
class Copies:
    """Our copies of one cluster in one region."""

    complete: tuple[Snapshot, ...] = ()
    """The newest first."""
    in_flight: tuple[Snapshot, ...] = ()
    """The newest first."""
    failed: tuple[Snapshot, ...] = ()

    @property
    def newest(self) -> datetime | None:
        """The moment of the newest complete one."""
        return moment_of(self.complete[0]) if self.complete else None

    def due(self, every: timedelta) -> datetime | None:
        """When the next copy is due; ``None`` where there is no complete one, so that it is due at once."""
        return self.newest + every * DUE_AT if self.newest is not None else None

    def is_due(self, every: timedelta, now: datetime) -> bool:
        """Whether a new copy is to be made now."""
        due = self.due(every)
        return not self.in_flight and (due is None or due <= now)


def own_snapshots(snapshots: Iterable[Snapshot], origin: str, account: str, region: str) -> tuple[Snapshot, ...]:
    """The snapshots that were taken or copied for ``region``, the newest moment first; ``origin`` is the cluster's resource id."""
    own = [
        each
        for each in snapshots
        if copy_origin(each) == origin
        and copy_maker(each) is not None
        and each.tags.get(COPY_FOR_TAG) == region
        and each.arn.split(":")[4:5] == [account]
    ]
    return tuple(sorted(own, key=lambda each: (moment_of(each), each.identifier), reverse=True))


def copies_of(seen: CopiesSeen, origin: str, account: str) -> Copies:
    """Our copies of the cluster with this resource id, in the region that was looked at."""
    own = own_snapshots(seen.snapshots, origin, account, seen.region)
    return Copies(
        complete=tuple(filter(is_complete, own)),
        in_flight=tuple(each for each in own if not is_complete(each) and each.status not in HOPELESS_SNAPSHOT),
        failed=tuple(each for each in own if each.status in HOPELESS_SNAPSHOT - _GOING),
    )


def snapshots_left(taken: Iterable[Snapshot], copies: Copies) -> tuple[Snapshot, ...]:
    """The snapshots at home that runs took to copy them and did not remove, as far as they are of no more use.

    ``taken`` are ours. One that is newer than every complete copy stays: another run may be about to copy it.
    """
    failed = {each.source for each in copies.failed}
    newest = copies.newest
    return tuple(
        each
        for each in taken
        if each.status not in _GOING
        and (
            each.arn in failed or each.status in HOPELESS_SNAPSHOT or (newest is not None and moment_of(each) <= newest)
        )
    )


def time_taken(plan: Plan, state: RunState, action: AwsChange) -> str:
    """When the snapshot was taken that an action copies, as the run's own wait for it read it; empty where none did."""
    if not isinstance(action, CopySnapshot):
        return ""
    name, region = action.source.rpartition(":")[2], action.source_region
    for step in plan.steps:
        if isinstance(step.action, AwaitSnapshot) and (step.action.snapshot, step.action.region) == (name, region):
            return str(state.step(step.id).result.get("created", ""))
    return ""
