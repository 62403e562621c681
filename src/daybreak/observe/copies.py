"""Look at a target's copies: at the region that has them, and at the one that they are copied from. Changes nothing."""

from __future__ import annotations

from datetime import datetime

from daybreak.model.backups import region_in
from daybreak.model.copies import CopiesSeen
from daybreak.model.observation import Observation
from daybreak.model.targets import Target
from daybreak.model.world import Identity, Snapshot
from daybreak.observe.look import Lookout
from daybreak.plan.copies import HOPELESS_SNAPSHOT, is_complete


def look_at_copies(away: Lookout, region: str, target: Target) -> CopiesSeen:
    """What the region of the copies shows of them, and of all that is in flight there."""
    promise = target.snapshot_copies.get(region)
    return CopiesSeen(
        region=region,
        snapshots=away.snapshots(target.cluster),
        in_flight=sum(_is_coming(each, region) for each in away.manual_snapshots()),
        key=away.key(promise.key) if promise is not None and promise.key else None,
    )


def _is_coming(snapshot: Snapshot, region: str) -> bool:
    """Whether it is a copy from another region that is in flight."""
    is_under_way = not is_complete(snapshot) and snapshot.status not in HOPELESS_SNAPSHOT
    return is_under_way and snapshot.source is not None and region_in(snapshot.source) != region


def look_at_home(home: Lookout, identity: Identity, target: Target, copies: CopiesSeen, now: datetime) -> Observation:
    """What the source's region shows of it, beside the copies that were seen before; ``identity`` is of the region of the copies."""
    return Observation(
        seen=now,
        identity=identity,
        cluster=home.cluster(target.cluster),
        snapshots=home.snapshots(target.cluster),
        copies=copies,
    )
