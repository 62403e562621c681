"""What is ordered of a pool: hold its clients back, and let them go on where the pool points then."""

from __future__ import annotations

from typing import Literal

from daybreak.model.actions.placed import Placed
from daybreak.model.destinations import DatabaseAddress
from daybreak.model.pools import PgBouncer


class PoolOrder(Placed):
    """Something of one pool, by its console. Run twice, it leaves one effect."""

    pool: PgBouncer


class PausePool(PoolOrder):
    """Hold a pool's clients: each goes on until its transaction ends, and waits before the next one.

    It never stops a run: where transactions do not end in time, the clients are let go, and the run goes on without a pause. A process
    of its own lets them go when the pool's time is over, whatever becomes of Daybreak.
    """

    kind: Literal["pause-pool@1"] = "pause-pool@1"


class ResumePool(PoolOrder):
    """Let a pool read its configuration, connect anew and go on."""

    kind: Literal["resume-pool@1"] = "resume-pool@1"
    address: DatabaseAddress | None = None
    """Where it must point before anybody goes on; ``None`` is wherever it points."""
