"""A scratch database named by the real interpreter: it is there once, and nothing of scratch is left, whatever is lost and whoever dies."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from psycopg import sql

from daybreak.archive.owning import Belongings, Owned
from daybreak.archive.tokens import Token
from daybreak.execute.beside import News, Staged
from daybreak.execute.doors import NoExports
from daybreak.model.actions import NameDatabase
from daybreak.model.attempts import StepStaged
from daybreak.model.guards import FoundFit
from daybreak.model.receiver import DatabaseNamed, GivenBack, Receiver
from daybreak.model.run import Event, StepUncertain
from daybreak.postgres.address import ServerPlace
from daybreak.postgres.giving_back import give_back
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.new_database import close_scratch, name_database
from daybreak.postgres.reach import Reach
from daybreak.postgres.scratch_place import make_scratch, remove_scratch, scratch_name
from daybreak.postgres.session import Limits
from tests.chaos.simulation import Crash, Killed, Simulation
from tests.fix_hands import CLONE, LOGIN, Bench, fresh, types_of
from tests.fix_postgres import Server, Wire

STEP = "04-name-database"
LIMITS = Limits(statement=timedelta(seconds=5), whole=timedelta(seconds=40))
MINE = Belongings(
    owned=(
        Owned("TABLE t", "TABLE", (Token("name", "public"), Token("sign", "."), Token("name", "t")), "public", "gone"),
    )
)


@dataclass
class Scratch(NoExports):
    """A scratch database of a test on the worker's server, and what becomes of it."""

    server: Server
    port: int
    """Where the naming goes: the server's own, or that of a line to it that breaks."""
    scratch: str = field(default_factory=lambda: scratch_name(uuid.uuid4().hex[:16]))
    wanted: str = field(default_factory=lambda: f"wanted_{uuid.uuid4().hex[:8]}")
    kept: list[GivenBack] = field(default_factory=list)
    begun: int = 0

    def reach(self, port: int) -> Reach:
        """The server as whoever makes scratch."""
        login = Login(self.server.master.username, self.server.master.password)
        return Reach(replace(self.server.address("postgres"), port=port), login, Meter())

    def load(self) -> None:  # type: ignore[override]  # the test's own way to begin
        """One table of the throw-away role."""
        place = make_scratch(self.reach(self.server.port), self.scratch)
        with place.reach.session(LIMITS) as session:
            session.order(sql.SQL("SET default_transaction_read_only = off"))
            session.order(sql.SQL("CREATE TABLE public.t AS SELECT 1 AS a"))

    def name(
        self, action: NameDatabase, cluster: ServerPlace, hand_over: Callable[[News], None], leash: Leash
    ) -> DatabaseNamed:
        """As the workshop does it, but for the archive."""
        self.begun += 1
        place = self.reach(self.port)
        with place.session(LIMITS) as session:
            close_scratch(session, self.scratch)
        with place.within(self.scratch).session(LIMITS) as session:
            given = give_back(session, self.scratch, MINE, self.kept.append)

        def stage(number: str | None) -> None:
            Staged(number).await_record(hand_over, leash)

        with place.session(LIMITS) as session:
            name_database(session, self.scratch, self.wanted, stage)
        return DatabaseNamed(database=self.wanted, given=given or self.kept[-1])

    def recall(self, action: NameDatabase) -> DatabaseNamed:
        """What was kept."""
        return DatabaseNamed(database=self.wanted, given=self.kept[-1])

    def left(self) -> tuple[int, int, int]:
        """How many databases have the wanted name, how many the scratch name, and how many roles that."""
        count = "SELECT count(*) FROM pg_database WHERE datname = %s"
        with self.server.connection("postgres") as connection:
            [[wanted]] = connection.execute(count, (self.wanted,)).fetchall()
            [[scratch]] = connection.execute(count, (self.scratch,)).fetchall()
            [[role]] = connection.execute(
                "SELECT count(*) FROM pg_roles WHERE rolname = %s", (self.scratch,)
            ).fetchall()
        return int(str(wanted)), int(str(scratch)), int(str(role))


@contextmanager
def scratch_on(server: Server, port: int | None = None) -> Iterator[Scratch]:
    """A loaded one; what is left of it goes."""
    made = Scratch(server, port or server.port)
    made.load()
    try:
        yield made
    finally:
        server.run("postgres", f"DROP DATABASE IF EXISTS {made.wanted} WITH (FORCE)")
        remove_scratch(made.reach(server.port), made.scratch)


def begun(bench: Bench, scratch: Scratch) -> Simulation:
    """A run that names it."""
    place = Receiver(cluster=CLONE, resource_id="cluster-A", database=scratch.wanted, login=LOGIN, entry=bench.database)
    action = NameDatabase(
        cluster=CLONE, database=bench.database, login=LOGIN, receiver=place, limit=timedelta(seconds=5)
    )
    return bench.simulation(action, exports=scratch)


NAMED = (1, 0, 0)


def test_it_gets_its_name_in_a_transaction_that_is_in_the_journal(bench: Bench, server: Server) -> None:
    """What it came to stands there too."""
    with scratch_on(server) as scratch:
        simulation = begun(bench, scratch)
        state = simulation.live()
        assert (state.status, scratch.left()) == ("finished", NAMED)
        assert types_of(simulation.told, STEP) == ["step.intended", "step.staged", "step.done"]
        named = DatabaseNamed.model_validate(state.step(STEP).result)
        assert named.given
        assert (named.given.missing, named.given.owners) == (("gone",), 0)


@pytest.mark.sweep
@pytest.mark.parametrize("mode", ["before", "torn", "after"])
def test_whoever_dies_leaves_one_database(bench: Bench, server: Server, mode: str) -> None:
    """At every append of the step; what was given is known afterwards."""
    with scratch_on(server) as scratch, fresh(bench) as here:
        whole = begun(here, scratch)
        whole.live()
        appends = len(whole.told)
        first = next(place for place, each in enumerate(whole.told) if getattr(each.body, "step", "") == STEP)
    for number in range(first + 1, appends + 2):
        with scratch_on(server) as scratch, fresh(bench) as here:
            simulation = begun(here, scratch)
            try:
                state = simulation.live(Crash(number, mode))  # type: ignore[arg-type]
            except Killed:
                state = simulation.live()
            assert (state.status, scratch.left()) == ("finished", NAMED), number
            named = DatabaseNamed.model_validate(state.step(STEP).result)
            assert named.given
            assert named.given.missing == ("gone",)


def test_nothing_is_named_that_was_not_judged_fit(bench: Bench, server: Server) -> None:
    """It stays scratch, which a clean-up removes."""
    with scratch_on(server) as scratch:
        with fresh(bench) as here:
            action = begun(here, scratch).plan.steps[3].action
        state = bench.simulation(action, guards=(FoundFit(),), exports=scratch).live()
        assert "what the run has judged so far is not judged" in state.note
        assert (scratch.left(), scratch.begun) == ((0, 1, 1), 0)


@pytest.mark.sample("True")
@pytest.mark.parametrize("arrives", [False, True])
def test_a_lost_commit_is_looked_up_and_not_guessed(
    cut_bench: Bench, server: Server, wire: Wire, *, arrives: bool
) -> None:
    """The line breaks as the commit leaves: the server knows by the number whether it arrived."""
    with scratch_on(server, cut_bench.port) as scratch:
        simulation = begun(cut_bench, scratch)
        broken = wire.is_mute if arrives else wire.is_cut
        uncertain: list[str] = []

        def on_told(event: Event) -> None:
            if isinstance(event.body, StepStaged) and not uncertain:
                broken.set()
            if isinstance(event.body, StepUncertain):
                uncertain.append(event.body.why)
                broken.clear()

        simulation.on_told = on_told
        state = simulation.live()
        assert (state.status, scratch.left()) == ("finished", NAMED)
        assert uncertain
        assert scratch.begun == (1 if arrives else 2)
