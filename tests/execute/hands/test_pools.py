"""A real PgBouncer, held and let go by the real interpreter: no client sees an error, and none is held for longer than its time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from daybreak.errors import Bug, Failed, Paused, Uncertain, Unreachable
from daybreak.execute.beside import InThread
from daybreak.execute.doors import Doors
from daybreak.execute.pooling import Pools
from daybreak.execute.timing import SystemTiming
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import Action, PausePool, ResumePool, RunCommand
from daybreak.model.destinations import DatabaseAddress
from daybreak.model.plan import Plan
from daybreak.model.pools import PoolSeen
from daybreak.model.run import RunState, RunWarned
from daybreak.plan import estimates
from daybreak.plan.amending import Wishes, amendments_for
from daybreak.plan.pools import steps_to_move, steps_to_pause, steps_to_resume
from daybreak.plan.sequence import Sequence
from daybreak.plan.touching import things_touched
from tests import fix_worlds
from tests.chaos.simulated_aws import world_of
from tests.chaos.simulation import Crash, Killed, Simulation, scratch
from tests.fix_folders import new_folder
from tests.fix_lab import eventually
from tests.fix_pools import Bouncer, bouncing, pgbouncer
from tests.fix_postgres import PASSWORD, Server, started, stopped

pytestmark = pytest.mark.skipif(pgbouncer() is None, reason="this machine has no PgBouncer")

ENVIRON = {"POOL_USERNAME": "boss", "POOL_PASSWORD": PASSWORD}


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[Server, Server]]:
    """The server that is left and the one that is gone to, each with the application's table."""
    both = (started(new_folder("dbpg-")), started(new_folder("dbpg-")))
    for each in both:
        each.run("postgres", f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'", "CREATE DATABASE shop OWNER app")
        each.run("shop", "CREATE TABLE ledger (token text)", "ALTER TABLE ledger OWNER TO app")
    yield both
    for each in both:
        stopped(each)


@pytest.fixture
def bouncer(sides: tuple[Server, Server]) -> Iterator[Bouncer]:
    """A PgBouncer that points at the first."""
    with bouncing(sides[0].host, sides[0].port, "shop", {"app": PASSWORD}) as running:
        yield running


def address(server: Server) -> DatabaseAddress:
    """Where a server answers."""
    return DatabaseAddress(host=server.host, port=server.port)


def plan_of(*actions: Action) -> Plan:
    """A plan that does these things one after the other."""
    sequence = Sequence("us-east-1", (fix_worlds.SOURCE,))
    for action in actions:
        after = (sequence.steps[-1].id,) if sequence.steps else ()
        slug = action.kind.partition("@")[0]
        sequence.add(slug, action, "why", estimates.CALL, after=after, when_refused="pause")
    return fix_worlds.plan().model_copy(update={"steps": tuple(sequence.steps)})


@dataclass
class Pooled(Simulation):
    """A run with pools in front of its database."""

    pools: Pools | None = None

    def doors(self, after_append: Callable[[], None] = lambda: None) -> Doors:
        """The same doors, and the one to the pools."""
        assert self.pools is not None
        return replace(super().doors(after_append), pools=self.pools)


@contextmanager
def simulated(*actions: Action, environ: Mapping[str, str] = ENVIRON) -> Iterator[Pooled]:
    """A run of that plan that has not begun."""
    with scratch() as folder:
        store, plan = FolderStore(folder), plan_of(*actions)
        store.create(plan)
        aws = world_of(fix_worlds.observation())
        pools = Pools(aws, environ, things_touched(plan))
        real: dict[str, Any] = {"timing": SystemTiming(threading.Event()), "beside": InThread()}
        yield Pooled(aws=aws, plan=plan, store=store, pools=pools, environ={"PATH": os.environ["PATH"]}, **real)


def warnings(simulation: Simulation) -> list[str]:
    """What a person should look at."""
    return [each.body.why for each in simulation.told if isinstance(each.body, RunWarned)]


def keepers() -> list[int]:
    """The processes that let clients go in time, and that we started."""
    return [
        each.pid
        for each in psutil.Process().children()
        if each.status() != psutil.STATUS_ZOMBIE and "daybreak.postgres.pool_keeper" in each.cmdline()
    ]


class Clients:
    """Applications behind a pool; each write that is acknowledged is kept, and each error."""

    def __init__(self, bouncer: Bouncer, number: int) -> None:
        self._bouncer, self._stop = bouncer, threading.Event()
        self.acknowledged: list[str] = []
        self.errors: list[str] = []
        self._threads = [threading.Thread(target=self._write, args=(each,), daemon=True) for each in range(number)]

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        eventually(lambda: len(self.acknowledged) > 20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join(20)

    def _write(self, own: int) -> None:
        number = 0
        while not self._stop.is_set():
            try:
                with self._bouncer.connect("app") as session:
                    while not self._stop.is_set():
                        token, number = f"{own}-{number}", number + 1
                        session.execute("INSERT INTO ledger VALUES (%s)", (token,))
                        self.acknowledged.append(token)
                        time.sleep(0.002)
            except psycopg.Error as error:
                self.errors.append(str(error))
                time.sleep(0.05)


def tokens(server: Server) -> set[str]:
    """Every write that a server holds."""
    with server.connection("shop") as session:
        return {str(each) for [each] in session.execute("SELECT token FROM ledger").fetchall()}


def test_no_client_sees_an_error_while_the_pool_moves(bouncer: Bouncer, sides: tuple[Server, Server]) -> None:
    """Pause, point elsewhere, go on: every write is on one side, and nobody was sent out."""
    old, new = sides
    seen = (PoolSeen(pool=bouncer.pool()),)
    steps = (
        *steps_to_pause(seen),
        *steps_to_move(seen, address(new), address(old)),
        *steps_to_resume(seen, address(new)),
    )
    with Clients(bouncer, 5) as clients, simulated(*(each.action for each in steps)) as simulation:
        state = simulation.live()
        assert state.status == "finished", state.note
        before = len(clients.acknowledged)
        eventually(lambda: len(clients.acknowledged) > before + 20)
    assert clients.errors == []
    assert set(clients.acknowledged) == tokens(old) ^ tokens(new)
    assert set(clients.acknowledged[-5:]) <= tokens(new)
    assert warnings(simulation) == []
    assert keepers() == []
    assert "correct horse" not in "".join(each.model_dump_json() for each in simulation.told)


@pytest.mark.sweep
def test_a_transaction_that_does_not_end_lets_everybody_go_on(bouncer: Bouncer) -> None:
    """The fence holds without a pause: the run goes on, and says that clients will see errors."""
    with bouncer.connect("app") as long:
        long.execute("BEGIN")
        long.execute("INSERT INTO ledger VALUES ('long')")
        with simulated(PausePool(pool=bouncer.pool(pause=2))) as simulation:
            assert simulation.live().status == "finished"
        [why] = warnings(simulation)
        assert "is not held: its transactions did not end within 1 s" in why
        assert not bouncer.is_paused
        long.execute("ROLLBACK")
    with bouncer.connect("app") as another:
        another.execute("SELECT 1")
    assert keepers() == []


@pytest.mark.sweep
def test_the_time_is_over_whatever_becomes_of_daybreak(bouncer: Bouncer) -> None:
    """Daybreak is killed right after the pause: its clients go on by themselves."""
    pool = bouncer.pool(pause=3).model_dump_json()
    killed = subprocess.run(
        [sys.executable, "-m", "tests.execute.hands.pausing_process", pool],
        env=ENVIRON | {"PATH": os.environ["PATH"]},
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    assert bouncer.is_paused, "a pause is forgotten by nobody"
    eventually(lambda: not bouncer.is_paused, within=20)
    with bouncer.connect("app") as session:
        session.execute("SELECT 1")


@pytest.mark.parametrize("appends", [6, 7, 8, 9, 10])
def test_whoever_dies_holds_nobody_for_ever(bouncer: Bouncer, appends: int) -> None:
    """At each append of pause and resume: the next process finishes it, and sends the first one's keeper home."""
    with simulated(PausePool(pool=bouncer.pool()), ResumePool(pool=bouncer.pool())) as simulation:
        with suppress(Killed):
            simulation.live(Crash(appends, "after"))
        state = simulation.live()
        assert (state.status, bouncer.is_paused) == ("finished", False), state.note
    eventually(lambda: keepers() == [])


_KILLED = "tests.execute.hands.repointing_process"
_SLOW = """
import os, sys, time
from pathlib import Path

Path(sys.argv[2]).touch()
time.sleep(1)
os.execv(sys.executable, [sys.executable, *sys.argv[3:]])
"""


def test_whoever_is_killed_within_the_command_that_points_a_pool_home_holds_nobody(
    bouncer: Bouncer, sides: tuple[Server, Server], tmp_path: Path
) -> None:
    """It goes on by itself; the next process asks a person, and by their word the pool is where it should be, and its clients go on."""
    begun, pool = tmp_path / "begun", bouncer.pool()
    slow = (sys.executable, "-c", _SLOW, "x", str(begun), *pool.repoint[1:])
    seen = (PoolSeen(pool=pool.model_copy(update={"repoint": slow})),)
    old, new = sides
    steps = (
        *steps_to_pause(seen),
        *steps_to_move(seen, address(new), address(old)),
        *steps_to_resume(seen, address(new)),
    )
    with simulated(*(each.action for each in steps)) as simulation:
        assert isinstance(simulation.store, FolderStore)
        killed = subprocess.Popen(
            [sys.executable, "-m", _KILLED, str(simulation.store._root), simulation.plan.run],
            env=ENVIRON | {"PATH": os.environ["PATH"]},
        )
        eventually(begun.exists, within=60)
        killed.kill()
        killed.wait()
        with pytest.raises(Uncertain) as asked:
            simulation.live()
        assert any("--outcome" in each for each in asked.value.hints)
        with simulation.attached() as journal:
            [step] = [each.id for each in simulation.plan.steps if isinstance(each.action, RunCommand)]
            wish = Wishes(outcomes=(f"{step}=again",))
            [event] = amendments_for(simulation.plan, journal.state(), wish, "ann@desk")
            journal.append(event)
        assert simulation.live().status == "finished"
    assert not bouncer.is_paused
    with bouncer.console() as console:
        state = console.state_of("shop")
        assert state is not None
        assert (state.host, state.port) == (new.host, new.port)
    eventually(lambda: keepers() == [])


def test_a_pool_that_does_not_point_where_it_should_is_held_on(bouncer: Bouncer, sides: tuple[Server, Server]) -> None:
    """What the owner's command wrote is looked at before anybody goes on."""
    nothing = RunCommand(what="x", command=(sys.executable, "-c", ""), limit=5)  # type: ignore[arg-type]
    wrong = ResumePool(pool=bouncer.pool(), address=address(sides[1]))
    with simulated(PausePool(pool=bouncer.pool()), nothing, wrong) as simulation:
        with pytest.raises(Paused, match=rf"points at 127.0.0.1:{sides[0].port}, and should point at"):
            simulation.live()
        assert bouncer.is_paused
        subprocess.run(
            wrong.pool.repoint,
            env={"DAYBREAK_HOST": "127.0.0.1", "DAYBREAK_PORT": str(sides[1].port), "DAYBREAK_DATABASE": "shop"},
            check=True,
        )
        assert simulation.live().status == "finished"
        assert not bouncer.is_paused
    eventually(lambda: keepers() == [])


def test_clients_that_went_on_by_themselves_are_named(bouncer: Bouncer) -> None:
    """Somebody resumed the pool meanwhile, or its process died: the report says that clients saw errors, and blames no limit."""
    with simulated(PausePool(pool=bouncer.pool()), ResumePool(pool=bouncer.pool())) as simulation:

        def on_told(event: Any) -> None:
            if event.body.type == "step.done" and "pause" in event.body.step:
                with bouncer.console() as console:
                    assert console.resume("shop")

        simulation.on_told = on_told
        state: RunState = simulation.live()
    assert state.status == "finished"
    [why] = warnings(simulation)
    assert "were let go before its limit of 30 s" in why
    assert "somebody resumed it, or PgBouncer was started anew" in why


def test_the_door_holds_only_what_the_plan_touches(bouncer: Bouncer) -> None:
    """Below everything that could forget it."""
    with simulated(PausePool(pool=bouncer.pool())) as simulation:
        simulation.pools = Pools(simulation.aws, ENVIRON)
        with pytest.raises(Bug, match="was not opened for"):
            simulation.live()
    assert not bouncer.is_paused


def test_a_console_says_why_not(bouncer: Bouncer) -> None:
    """A no is a no; an order that waits ends with its time, and the pause that it began is taken back over another session."""
    with bouncer.console() as console:
        assert console.state_of("nothing") is None
        with pytest.raises(Failed, match="no such database: nothing"):
            console.pause("nothing", 1)
        assert console.resume("shop") is False
    with bouncer.connect("app") as long:
        long.execute("BEGIN")
        with bouncer.console() as console, pytest.raises(Unreachable, match="within the time limit"):
            console.pause("shop", 0.3)
        assert bouncer.is_paused
        with bouncer.console() as console:
            assert console.resume("shop") is True
        assert not bouncer.is_paused
