"""Which snapshots are copies of ours, how old their data is, and what is due. Pure.

The law: a copy is ours by its tags where nothing else that AWS or a journal of ours says contradicts them (``plan.marks``), in our
own account, and of this very cluster by its resource id. What lacks any of it is somebody else's, or in doubt: it is not counted,
not waited for and never removed. And none goes because of a newer one for which only tags speak: a journal must.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from daybreak.model.actions import AwaitSnapshot, AwsChange, CopySnapshot
from daybreak.model.copies import CopiesSeen, CopyRecord
from daybreak.model.names import is_same_name, printable
from daybreak.model.plan import Plan
from daybreak.model.run import RunState
from daybreak.model.statuses import AVAILABLE
from daybreak.model.tags import COPY_FOR_TAG
from daybreak.model.value import stamp
from daybreak.model.world import Snapshot
from daybreak.plan.marks import (
    ROUNDING,
    contradiction_of,
    copy_maker,
    copy_origin,
    run_of,
    time_claimed,
)
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


def is_complete(snapshot: Snapshot) -> bool:
    """Whether a restore could be made from it: nothing is missing of it."""
    return snapshot.status == AVAILABLE and snapshot.percent >= WHOLE


def moment_of(snapshot: Snapshot, known: Mapping[str, Snapshot] | None = None) -> datetime:
    """The moment that it holds, never a later one; long ago where nothing vouches for one. ``known`` are those seen, by ARN."""
    held = moments_of_snapshot(snapshot, known or {})
    return held.latest or _LONG_AGO


def is_newer(one: Snapshot, other: Snapshot) -> bool:
    """Whether ``one`` holds a later moment than ``other``."""
    return moment_of(one) > moment_of(other)


def doubt_of(snapshot: Snapshot, record: CopyRecord | None, known: Mapping[str, Snapshot]) -> str:
    """Why a snapshot with our tags is not, or may not be, what they say; empty where nothing speaks against it.

    ``record`` is what a journal here says of the run in its tag; ``None`` where none here speaks of it.
    """
    if why := contradiction_of(snapshot):
        return why
    run, taken = printable(run_of(snapshot)), time_claimed(snapshot)
    if record is not None and record.nonce != copy_maker(snapshot):
        return f'its nonce is not the one in the journal of "{run}"'
    if snapshot.source is None or snapshot.created is None or taken is None:
        return ""
    if record is not None and not is_same_name(record.source, snapshot.source):
        return f'it was copied from {printable(snapshot.source)}, and by its journal "{run}" did not copy that'
    if record is not None and record.taken is not None and abs(record.taken - taken) > ROUNDING:
        return f'its tag says that it holds {stamp(taken)}, and the journal of "{run}" says {stamp(record.taken)}'
    held = moments_of_snapshot(snapshot, known).latest
    if held is None or held + ROUNDING < taken:
        seen = (
            f"what it was copied from holds {stamp(held)}" if held else "AWS shows no time of what it was copied from"
        )
        return f"its tag says that it holds {stamp(taken)}, and {seen}"
    return ""


@dataclass(frozen=True)
class Copies:
    """Our copies of one cluster in one region."""

    complete: tuple[Snapshot, ...] = ()
    """The newest first."""
    in_flight: tuple[Snapshot, ...] = ()
    """The newest first."""
    failed: tuple[Snapshot, ...] = ()
    doubted: tuple[tuple[Snapshot, str], ...] = ()
    """Snapshots with our tags that are not, or may not be, what these say, each with the reason."""
    vouched: frozenset[str] = frozenset()
    """The names of those of which a journal here says that its run made them: only for these an older one goes."""
    known: Mapping[str, Snapshot] = field(default_factory=dict)
    """Every snapshot that was seen, by ARN."""

    def moment(self, copy: Snapshot) -> datetime:
        """The moment that one of them holds."""
        return moment_of(copy, self.known)

    @property
    def newest(self) -> datetime | None:
        """The moment of the newest complete one."""
        return self.moment(self.complete[0]) if self.complete else None

    def of_journals(self, copies: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
        """Those of the copies that a journal here speaks for."""
        return tuple(each for each in copies if each.identifier in self.vouched)

    def older_than(self, newer: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
        """The complete ones that are older than each of ``newer``, the newest first."""
        first = min(map(self.moment, newer), default=datetime.max.replace(tzinfo=UTC))
        return tuple(each for each in self.complete if self.moment(each) < first)

    def due(self, every: timedelta) -> datetime | None:
        """When the next copy is due; ``None`` where there is no complete one, so that it is due at once."""
        return self.newest + every * DUE_AT if self.newest is not None else None

    def is_due(self, every: timedelta, now: datetime) -> bool:
        """Whether a new copy is to be made now."""
        due = self.due(every)
        return not self.in_flight and (due is None or due <= now)


def own_snapshots(
    snapshots: Iterable[Snapshot], origin: str, account: str, copies: CopiesSeen, known: Mapping[str, Snapshot]
) -> tuple[tuple[Snapshot, ...], tuple[tuple[Snapshot, str], ...]]:
    """The snapshots that were taken or copied for the region of ``copies``, the newest moment first, and those in doubt.

    ``origin`` is the cluster's resource id.
    """
    records = {each.run: each for each in copies.records}
    tagged = [
        each
        for each in snapshots
        if copy_origin(each) == origin
        and each.tags.get(COPY_FOR_TAG) == copies.region
        and each.arn.split(":")[4:5] == [account]
    ]
    doubts = [(each, doubt_of(each, records.get(run_of(each)), known)) for each in tagged]
    own = [each for each, why in doubts if not why]
    own.sort(key=lambda each: (moment_of(each, known), each.identifier), reverse=True)
    return tuple(own), tuple((each, why) for each, why in doubts if why)


def copies_of(seen: CopiesSeen, origin: str, account: str, elsewhere: Iterable[Snapshot] = ()) -> Copies:
    """Our copies of the cluster with this resource id, in the region that was looked at; ``elsewhere`` are other regions' snapshots."""
    known = {each.arn: each for each in (*seen.snapshots, *elsewhere) if each.arn}
    own, doubted = own_snapshots(seen.snapshots, origin, account, seen, known)
    return Copies(
        complete=tuple(filter(is_complete, own)),
        in_flight=tuple(each for each in own if not is_complete(each) and each.status not in HOPELESS_SNAPSHOT),
        failed=tuple(each for each in own if each.status in HOPELESS_SNAPSHOT - _GOING),
        doubted=doubted,
        vouched=frozenset(each.run for each in seen.records),
        known=known,
    )


def copy_record(plan: Plan, state: RunState) -> CopyRecord:
    """What the record of a run says of the copy that it made."""
    for step in plan.steps:
        if isinstance(step.action, CopySnapshot):
            written = time_taken(plan, state, step.action)
            taken = datetime.fromisoformat(written) if written else step.action.taken
            return CopyRecord(run=plan.run, nonce=state.nonce, source=step.action.source, taken=taken)
    return CopyRecord(run=plan.run, nonce=state.nonce)


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
