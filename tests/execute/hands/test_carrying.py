"""Tables carried into a database by the real interpreter: each row once, whatever is lost and whoever dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from daybreak.execute.beside import News
from daybreak.execute.doors import NoExports, RowSource
from daybreak.model.actions import CarryTables, WantedTable
from daybreak.model.attempts import StepStaged
from daybreak.model.creations import Creation
from daybreak.model.guards import FoundFit
from daybreak.model.receiver import ReceiverMode
from daybreak.model.run import Event, StepUncertain
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from daybreak.postgres.scratch_rows import ScratchRows
from tests.chaos.simulation import Crash, Killed, Simulation
from tests.fix_hands import CLONE, LOGIN, Bench, fresh, plan_of, types_of
from tests.fix_postgres import Server, Wire

STEP = "04-carry-tables"
ROWS = 500


@dataclass
class Rows(NoExports):
    """The scratch database of a test: a real one, on the same server."""

    server: Server
    database: str
    opened: int = 0

    @contextmanager
    def source(self, hand_over: Callable[[News], None], leash: Leash) -> Iterator[RowSource]:
        """Its rows."""
        self.opened += 1
        login = Login(self.server.master.username, self.server.master.password)
        yield ScratchRows(Reach(self.server.address(self.database), login, Meter()))


@pytest.fixture
def rows(server: Server, bench: Bench) -> Rows:
    """Five hundred rows of a table."""
    name = f"{bench.database}_scratch"
    server.run("postgres", f"CREATE DATABASE {name}")
    server.run(name, f"CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, {ROWS})")
    return Rows(server, name)


def carry(bench: Bench, mode: ReceiverMode = "empty") -> CarryTables:
    """The rows of t into t."""
    table = WantedTable(table=("public", "t"), into=("public", "t"), mode=mode)
    return CarryTables(cluster=CLONE, database=bench.database, login=LOGIN, tables=(table,), limit=timedelta(seconds=5))


def begun(bench: Bench, rows: Rows, mode: ReceiverMode = "empty") -> Simulation:
    """A run that carries them."""
    return bench.simulation(carry(bench, mode), exports=rows)


def test_all_rows_come_in_a_transaction_that_is_in_the_journal(bench: Bench, rows: Rows) -> None:
    """Its number stands before its commit, with how many rows it has."""
    simulation = begun(bench, rows)
    state = simulation.live()
    assert (state.status, bench.count()) == ("finished", ROWS)
    assert types_of(simulation.told, STEP) == ["step.intended", "step.staged", "step.done"]
    [staged] = [each.body for each in simulation.told if isinstance(each.body, StepStaged)]
    assert staged.rows == ROWS
    assert state.step(STEP).result == {"rows": {"public.t": ROWS}, "sequences": {}}


@pytest.mark.sample("before", "after")
@pytest.mark.parametrize("mode", ["before", "torn", "after"])
def test_whoever_dies_leaves_each_row_once(bench: Bench, rows: Rows, mode: str) -> None:
    """At every append of the step, where rows are added beside others: nothing but the number shows that they came."""
    with fresh(bench) as here:
        whole = begun(here, rows, "append")
        whole.live()
        appends = len(whole.told)
        first = next(place for place, each in enumerate(whole.told) if getattr(each.body, "step", "") == STEP)
    for number in range(first + 1, appends + 2):
        with fresh(bench) as here:
            simulation = begun(here, rows, "append")
            try:
                state = simulation.live(Crash(number, mode))  # type: ignore[arg-type]
            except Killed:
                state = simulation.live()
            assert (state.status, here.count()) == ("finished", ROWS), number


@pytest.mark.sample("before", "after")
@pytest.mark.parametrize("mode", ["before", "torn", "after"])
def test_whoever_dies_leaves_a_table_that_was_made_once_with_its_rows(bench: Bench, rows: Rows, mode: str) -> None:
    """At every append of the step, of a table that was not there: after the last life it is there, whole, and its verdict in the journal."""
    rows.server.run(
        rows.database,
        "CREATE INDEX of_a ON t (a)",
        "ALTER TABLE t ADD COLUMN s text DEFAULT current_setting('x.y', true)",
    )

    def begin(here: Bench) -> Simulation:
        here.server.run(here.database, "DROP TABLE IF EXISTS t")
        action = carry(here).model_copy(update={"creations": (Creation(into=("public", "t"), is_listed=False),)})
        return here.simulation(action, exports=rows)

    with fresh(bench) as here:
        whole = begin(here)
        whole.live()
        appends = len(whole.told)
        first = next(place for place, each in enumerate(whole.told) if getattr(each.body, "step", "") == STEP)
    for number in range(first + 1, appends + 2):
        with fresh(bench) as here:
            simulation = begin(here)
            try:
                state = simulation.live(Crash(number, mode))  # type: ignore[arg-type]
            except Killed:
                state = simulation.live()
            assert (state.status, here.count()) == ("finished", ROWS), number
            [finding] = state.findings
            assert [each.name for each in finding.details] == ["DEFAULT public.t s"], number


@pytest.mark.sweep
@pytest.mark.parametrize("arrives", [False, True])
def test_a_lost_commit_is_looked_up_and_not_guessed(cut_bench: Bench, wire: Wire, rows: Rows, *, arrives: bool) -> None:
    """The line breaks as the commit leaves: the server knows by the number whether it arrived."""
    simulation = begun(cut_bench, rows, "append")
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
    assert (state.status, cut_bench.count()) == ("finished", ROWS)
    assert uncertain
    assert state.step(STEP).was_adopted is arrives
    assert rows.opened == (1 if arrives else 2)


def test_nothing_is_carried_that_was_not_judged_fit(bench: Bench, rows: Rows) -> None:
    """A run that judged nothing has no verdict, and so it carries nothing."""
    simulation = bench.simulation(carry(bench), guards=(FoundFit(),), exports=rows)
    state = simulation.live()
    assert "what the run has judged so far is not judged" in state.note
    assert (bench.count(), rows.opened) == (0, 0)


def cleared_up_after(bench: Bench, rows: Rows) -> Simulation:
    """A run whose carrying is refused, and one step more that only waits for it to settle."""
    plan = plan_of(carry(bench))
    [*before, carried] = plan.steps
    refused = carried.model_copy(update={"when_refused": "fail-last"})
    cleaning = carried.model_copy(
        update={"id": "05-clean", "action": carry(bench, "append"), "after": (), "after_settled": (carried.id,)}
    )
    return bench.simulation_of(plan.model_copy(update={"steps": (*before, refused, cleaning)}), exports=rows)


def test_a_refused_carrying_fails_the_run_once_it_is_cleaned_up(bench: Bench, rows: Rows) -> None:
    """With the server's reason: what cleans up is done, and nobody reads of a run that finished."""
    bench.server.run(bench.database, "INSERT INTO t VALUES (1)")
    simulation = cleared_up_after(bench, rows)
    state = simulation.live()
    assert (state.status, state.verdict, bench.count()) == ("failed", None, ROWS + 1)
    assert (state.step(STEP).status, state.step("05-clean").status) == ("failed", "done")
    assert "is not empty" in state.note


def test_a_refused_carrying_is_not_tried_again_by_whoever_comes_after(bench: Bench, rows: Rows) -> None:
    """A process may die between its failure and what cleans up after it."""
    whole = 60
    for number in range(1, whole):
        with fresh(bench) as here:
            here.server.run(here.database, "INSERT INTO t VALUES (1)")
            simulation = cleared_up_after(here, rows)
            try:
                state = simulation.live(Crash(number, "after"))
            except Killed:
                state = simulation.live()
            else:
                break
            tries = types_of(simulation.told, STEP).count("step.failed")
            assert (state.status, tries, here.count()) == ("failed", 1, ROWS + 1), number
    assert 10 < number < whole - 1


def test_a_key_that_is_there_is_named(bench: Bench, rows: Rows) -> None:
    """Without it nobody finds the row that stands in the way."""
    bench.server.run(bench.database, "CREATE UNIQUE INDEX ON t (a); INSERT INTO t VALUES (7)")
    state = begun(bench, rows, "append").live()
    assert state.status == "failed"
    assert "Key (a)=(7) already exists" in state.note
