"""The pools in front of a target, as their consoles show them."""

from __future__ import annotations

from daybreak.app.app import App
from daybreak.errors import DaybreakError
from daybreak.execute.pooling import Pools
from daybreak.model.destinations import DatabaseAddress, SideAddresses, Whereto
from daybreak.model.names import printable
from daybreak.model.pools import PgBouncer, PoolSeen
from daybreak.model.targets import Target


def look_at_pools(app: App, target: Target, sides: SideAddresses) -> tuple[PoolSeen, ...]:
    """Each pool of the target; one that could not be asked says why."""
    door = app.pools(app.aws(target.region), app.environ)
    return tuple(_look_at(door, each, sides) for each in target.pools)


def _look_at(door: Pools, pool: PgBouncer, sides: SideAddresses) -> PoolSeen:
    try:
        state = door.state(pool)
    except DaybreakError as error:
        return PoolSeen(pool=pool, unfit=f"does not say where it points: {error.message}")
    if state is None:
        return PoolSeen(pool=pool, unfit=f"shows no database {printable(pool.database)}: SHOW DATABASES lists them")
    here = DatabaseAddress(host=state.host, port=state.port)
    found: tuple[Whereto, ...] = tuple(side for side in ("source", "clone") if here in sides.of(side).values())
    return PoolSeen(
        pool=pool,
        host=state.host,
        port=state.port,
        points_at=found[0] if found else "elsewhere",
        is_paused=state.is_paused,
    )
