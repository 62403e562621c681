"""What a fail-over needs to see: the global database and the secondary, both by the secondary's own region."""

from __future__ import annotations

from datetime import datetime

from daybreak.model.observation import Observation
from daybreak.model.requests import FailOverRequest
from daybreak.model.world import Identity
from daybreak.observe.look import Lookout


def look_at_global(lookout: Lookout, identity: Identity, request: FailOverRequest, now: datetime) -> Observation:
    """Look at the global database, the secondary and its instances; ``cluster`` is the secondary."""
    secondary = lookout.cluster(request.cluster)
    return Observation(
        seen=now,
        identity=identity,
        global_database=lookout.global_database(request.database),
        cluster=secondary,
        instances=lookout.inside(secondary) if secondary else (),
    )
