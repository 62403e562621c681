"""A PgBouncer in virtual time: it holds its clients, lets them go by itself when their time is over, and may fall silent.

The law: nothing ends a process of another machine, so the keeper of an earlier life lets the clients go at its own time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from daybreak.errors import Unreachable
from daybreak.execute.beside import News, PoolGoes, PoolHeld, Staged
from daybreak.execute.pooling import Pools
from daybreak.model.actions import PausePool, PoolOrder, ResumePool
from daybreak.model.attempts import ProcessMark
from daybreak.model.pools import PgBouncer
from daybreak.model.things import Thing
from daybreak.postgres.leash import Leash
from daybreak.postgres.pools import PoolState
from tests.chaos.simulated_parts import SimulatedPool
from tests.chaos.simulated_servers import SimulatedServers


class SimulatedPools(Pools):
    """The door to the pools of a simulated account."""

    def __init__(self, world: SimulatedServers, may_change: Iterable[Thing] = ()) -> None:
        super().__init__(world, {}, may_change)  # type: ignore[arg-type]
        self._world, self._own = world, dict[str, float]()

    def state(self, pool: PgBouncer) -> PoolState:
        """What its console shows."""
        found = self._ask(pool)
        return PoolState(found.name, 5432, found.holds(self._world.clock.elapsed))

    def pause(self, action: PausePool, hand_over: Callable[[News], None], leash: Leash) -> PoolHeld:
        """Hold its clients, with a keeper beside."""
        self._hold(action)
        self._ask(action.pool)
        Staged(None, process=ProcessMark(pid=1, host="elsewhere")).await_record(hand_over, leash)
        found, now = self._ask(action.pool), self._world.clock.elapsed
        deadline = now + action.pool.pause.total_seconds()
        found.held_since = now
        found.deadlines.append(deadline)
        self._own[action.pool.host] = deadline
        self._note("PAUSE", action, found)
        return PoolHeld(is_held=True)

    def resume(self, action: ResumePool, leash: Leash) -> PoolGoes:
        """Let them go on, where the name leads by then."""
        self._hold(action)
        found = self._ask(action.pool)
        was_held = found.holds(self._world.clock.elapsed)
        found.held_since = None
        if (own := self._own.pop(action.pool.host, None)) is not None:
            found.deadlines.remove(own)
        self._note("RESUME", action, found)
        return PoolGoes(was_held)

    def _ask(self, pool: PgBouncer) -> SimulatedPool:
        found = self._world.pools[pool.host]
        if found.is_silent:
            raise Unreachable(f"{pool.host} does not answer")
        return found

    def _note(self, order: str, action: PoolOrder, found: SimulatedPool) -> None:
        found.orders += 1  # it leaves the same effect however often it is given
        self._world.note_effect(order, f"{action.pool.host} {found.orders}")
