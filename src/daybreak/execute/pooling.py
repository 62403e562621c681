"""The door to the pools in front of a database: their clients are held, and let go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from daybreak.aws.secrets import LoginDoor
from daybreak.errors import Bug, DaybreakError, Failed, Unreachable
from daybreak.execute.beside import CalledOff, News, PoolGoes, PoolHeld, Staged
from daybreak.execute.database import login_at
from daybreak.execute.programs import mark_of
from daybreak.model.actions import PausePool, PoolOrder, ResumePool
from daybreak.model.moment import span_in_words
from daybreak.model.pools import PgBouncer
from daybreak.model.things import Thing
from daybreak.plan.touching import pool_named
from daybreak.postgres.address import Address
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import Login
from daybreak.postgres.pool_keeper import Keeper, start_keeper
from daybreak.postgres.pools import CONSOLE, Console, PoolState, open_console

_ASKING_AGAIN = 0.05
_TAKING = 1.0
"""Seconds in which PgBouncer reads a configuration that was just written."""


@dataclass
class Pools:
    """The pools that one run may hold. Logins are read anew for each order."""

    aws: LoginDoor
    environ: Mapping[str, str]
    may_change: Iterable[Thing] = field(default_factory=frozenset)
    _keepers: dict[PgBouncer, Keeper] = field(default_factory=dict)

    def state(self, pool: PgBouncer) -> PoolState | None:
        """The pool as its console shows it; ``None`` where it shows no such database. Raises as ``open_console`` does."""
        with self._console(pool) as console:
            return console.state_of(pool.database)

    def pause(self, action: PausePool, hand_over: Callable[[News], None], leash: Leash) -> PoolHeld:
        """Hold the pool's clients once every transaction has ended, or let them go on where that takes too long.

        It hands over ``Staged`` with the keeper's process before that. Raises ``Unreachable`` or ``Failed`` where the console cannot be
        asked: then nothing is held, or the keeper lets it go.
        """
        self._hold(action)
        pool, address, login = action.pool, self._address(action.pool, leash), self._login(action.pool)
        if pool in self._keepers:
            self._keepers.pop(pool).dismiss()
        keeper = start_keeper(address, login, pool.database, pool.pause)
        half = pool.pause / 2
        try:
            Staged(None, process=mark_of(keeper.process.pid)).await_record(hand_over, leash)
            with open_console(address, login) as console:
                console.pause(pool.database, half.total_seconds())
        except Unreachable as late:
            self._let_go(pool, keeper)
            if leash.is_called_off.is_set():
                raise CalledOff from late
            return PoolHeld(is_held=False, why=f"its transactions did not end within {span_in_words(half)}")
        except BaseException:
            self._let_go(pool, keeper)
            raise
        self._keepers[pool] = keeper
        return PoolHeld(is_held=True)

    def resume(self, action: ResumePool, leash: Leash) -> PoolGoes:
        """Let the pool read its configuration, and its clients go on there.

        Raises ``Failed`` where it does not point where it should: then its clients are held on, until their time is over.
        """
        self._hold(action)
        pool = action.pool
        with self._console(pool, leash) as console:
            console.renew(pool.database)
            self._see_address(action, console)
            was_held = console.resume(pool.database)
        if pool in self._keepers:
            self._keepers.pop(pool).dismiss()
        return PoolGoes(was_held)

    @staticmethod
    def _see_address(action: ResumePool, console: Console) -> None:
        if action.address is None:
            return
        until = time.monotonic() + _TAKING
        while True:
            state = console.state_of(action.pool.database)
            if state is not None and (state.host, state.port) == (action.address.host, action.address.port):
                return
            if time.monotonic() >= until:
                where = f"{state.host}:{state.port}" if state else "no database of that name"
                wanted = f"{action.address.host}:{action.address.port}"
                raise Failed(
                    f"{action.pool.words()} points at {where}, and should point at {wanted}",
                    "look at what the command of repoint wrote, and correct it",
                )
            time.sleep(_ASKING_AGAIN)

    def _let_go(self, pool: PgBouncer, keeper: Keeper) -> None:
        """Let the clients go at once; where the console does not take it, the keeper does when their time is over."""
        with suppress(DaybreakError):
            with self._console(pool) as console:
                console.resume(pool.database)
            keeper.dismiss()

    def _hold(self, action: PoolOrder) -> None:
        """Raise ``Bug`` for a pool that the run's plan does not touch."""
        touched = pool_named(action.pool, self.aws.region)
        if touched not in self.may_change:
            message = f"{touched.words()} would be held or let go, which this door was not opened for"
            raise Bug(message)

    @contextmanager
    def _console(self, pool: PgBouncer, leash: Leash | None = None) -> Iterator[Console]:
        with open_console(self._address(pool, leash), self._login(pool)) as console:
            yield console

    def _address(self, pool: PgBouncer, leash: Leash | None = None) -> Address:
        return Address(pool.host, pool.port, CONSOLE, pool.trust, leash)

    def _login(self, pool: PgBouncer) -> Login:
        return login_at(pool.login, self.aws, self.environ, self._address(pool))
