"""A run that changes something inside a real database: in a simulated account, with the real interpreter, journal and server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from daybreak.execute.beside import InThread, News, Undertaking, Work, WorkResult
from daybreak.execute.writing import Sql
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import Action, AwaitCluster, CreateParameterGroup, RestoreFromSnapshot
from daybreak.model.guards import Guard
from daybreak.model.plan import AwsCall, Plan
from daybreak.model.run import Event
from daybreak.plan import estimates
from daybreak.plan.sequence import Sequence
from daybreak.plan.touching import things_touched
from tests import fix_worlds
from tests.chaos.simulated_aws import world_of
from tests.chaos.simulated_parts import Clock
from tests.chaos.simulation import Simulation, scratch
from tests.fix_postgres import PASSWORD, Server, Wire

CLONE = "embi-clone"
GROUP = "embi-clone-quarantine"
LOGIN = "env:CLONE"


@dataclass(frozen=True)
class Passing:
    """Real threads beside a walk in virtual time: while the walk waits for them, its clock goes on too."""

    clock: Clock

    def begin(self, work: Work) -> Undertaking:
        """Begin the work in a thread."""
        return _Passing(InThread().begin(work), self.clock)


@dataclass(frozen=True)
class _Passing:
    real: Undertaking
    clock: Clock

    @property
    def is_over(self) -> bool:
        return self.real.is_over

    def wait(self, seconds: float) -> None:
        self.real.wait(seconds)
        self.clock.elapsed += min(seconds, 1.0)

    def news(self) -> tuple[News, ...]:
        return self.real.news()

    def result(self) -> WorkResult:
        return self.real.result()

    def call_off(self) -> None:
        self.real.call_off()


@dataclass
class Bench:
    """A place for runs of plans that act inside one database of a server."""

    folder: Path
    server: Server
    database: str
    port: int
    """Where the server is reached: its own, or a line's that can be cut."""
    environ: dict[str, str] = field(default_factory=dict)

    def count(self, table: str = "t") -> int:
        """How many rows a table has."""
        with self.server.connection(self.database) as connection:
            [[found]] = connection.execute(f"SELECT count(*) FROM public.{table}".encode()).fetchall()
            assert isinstance(found, int)
            return found

    def simulation(self, *actions: Action, guards: tuple[Guard, ...] = (), **changes: Any) -> Simulation:
        """A run that restores a clone and then does these things, one after the other; the clone's endpoint is the server's."""
        return self.simulation_of(plan_of(*actions, guards=guards), **changes)

    def simulation_of(self, plan: Plan, **changes: Any) -> Simulation:
        """A run of such a plan; the clone's endpoint is the server's."""
        aws = world_of(fix_worlds.observation())
        host, port = self.server.host, self.port

        def told(call: AwsCall, answer: dict[str, Any]) -> dict[str, Any]:
            if call.operation != "DescribeDBClusters":
                return answer
            return {"DBClusters": [each | {"Endpoint": host, "Port": port} for each in answer["DBClusters"]]}

        aws.told = told
        environ = {"CLONE_USERNAME": self.server.master.username, "CLONE_PASSWORD": PASSWORD} | self.environ
        sql = Sql(aws, environ, plan.target.trust, things_touched(plan))
        store = FolderStore(self.folder / plan.run)
        store.create(plan)
        return Simulation(
            aws=aws, plan=plan, store=store, sql=sql, beside=Passing(aws.clock), environ=environ, **changes
        )


def plan_of(*actions: Action, guards: tuple[Guard, ...] = ()) -> Plan:
    """A plan that restores a clone and then does these things, each with these guards besides its own."""
    sequence = Sequence("us-east-1", (fix_worlds.SOURCE,))
    restore = RestoreFromSnapshot(
        snapshot="before-release",
        clone=CLONE,
        engine="aurora-postgresql",
        engine_version="16.6",
        parameter_group=GROUP,
        security_groups=("sg-0123456789abcdef0",),
    )
    group = CreateParameterGroup(group=GROUP, family="aurora-postgresql16", description="quiet")
    last = sequence.add("group", group, "why", estimates.CALL)
    last = sequence.add("restore", restore, "why", estimates.CALL, after=(last,))
    last = sequence.add("await", AwaitCluster(clone=CLONE), "why", estimates.CALL, after=(last,))
    for action in actions:
        slug = action.kind.partition("@")[0]
        last = sequence.add(slug, action, "why", estimates.CALL, after=(last,), guards=guards)
    return fix_worlds.plan().model_copy(update={"steps": tuple(sequence.steps), "clone": CLONE, "run": CLONE})


@pytest.fixture
def bench(server: Server, database: str) -> Iterator[Bench]:
    """A place for runs, with a table ``t`` of one number."""
    server.run(database, "CREATE TABLE t (a int)")
    with scratch() as folder:
        yield Bench(folder, server, database, server.port)


@pytest.fixture
def cut_bench(bench: Bench, wire: Wire) -> Bench:
    """The same, reached by a line that can be cut."""
    return replace(bench, port=wire.port)


@contextmanager
def fresh(bench: Bench) -> Iterator[Bench]:
    """The same bench with an empty table and a folder of its own."""
    bench.server.run(bench.database, "TRUNCATE public.t")
    with scratch() as folder:
        yield replace(bench, folder=folder)


def types_of(events: list[Event], step: str) -> list[str]:
    """What happened to a step, in order."""
    return [each.body.type for each in events if getattr(each.body, "step", None) == step]
