"""What it takes to know before RDS is asked to export a snapshot, or to end an export."""

from __future__ import annotations

from datetime import datetime

from daybreak.model.observation import Observation
from daybreak.model.requests import CleanRequest, MakeExportRequest
from daybreak.model.targets import Target
from daybreak.model.world import Identity
from daybreak.observe.look import Lookout


def look_at_snapshots(
    lookout: Lookout, identity: Identity, request: MakeExportRequest, target: Target, now: datetime
) -> Observation:
    """Look at the source, its snapshots, the key that the files get, and every export of the region."""
    return Observation(
        seen=now,
        identity=identity,
        cluster=lookout.cluster(target.cluster),
        snapshots=lookout.snapshots(target.cluster),
        key=lookout.key(request.key),
        exports=lookout.exports(),
    )


def look_at_export(lookout: Lookout, identity: Identity, request: CleanRequest, now: datetime) -> Observation:
    """Look at the export that a run started."""
    task = lookout.export(request.task)
    return Observation(seen=now, identity=identity, exports=(task,) if task else ())
