"""Changes inside a real database, carried out by the real interpreter: one effect, whatever is lost and whoever dies."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from daybreak.errors import Bug, Paused
from daybreak.execute.writing import Sql
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import ChangeSql, LoadRows, SqlStatement
from daybreak.model.attempts import StepReached, StepStaged
from daybreak.model.guards import Fenced
from daybreak.model.plan import Step
from daybreak.model.run import Event, RunState, StepUncertain
from daybreak.model.things import Thing
from tests.chaos.simulation import Crash, Killed, Simulation
from tests.fix_hands import CLONE, LOGIN, Bench, fresh, types_of
from tests.fix_lab import eventually
from tests.fix_postgres import Wire

STEP = "04-change-sql"
LOAD = "04-load-rows"
ROWS = 2_000
ATTACHING = 2
"""Appends of a process that begins a run, before any that is reported."""


def change(database: str, text: str = "INSERT INTO public.t VALUES (1)", **more: object) -> ChangeSql:
    """A change that leaves a row."""
    statement = SqlStatement(what="put a row into t", text=text, look="SELECT EXISTS (SELECT FROM public.t)")
    fields = {
        "cluster": CLONE,
        "database": database,
        "login": LOGIN,
        "limit": timedelta(seconds=1),
        "change": statement,
    }
    return ChangeSql(**(fields | more))  # type: ignore[arg-type]


def load(bench: Bench, **more: object) -> LoadRows:
    """A load of two thousand rows in twenty parts."""
    file = bench.folder / "rows.copy"
    file.write_bytes(b"".join(b"%d\n" % number for number in range(ROWS)))
    data = file.read_bytes()
    fields = {
        "cluster": CLONE,
        "database": bench.database,
        "login": LOGIN,
        "table": ("public", "t"),
        "columns": ("a",),
        "file": str(file),
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "part": len(data) // 20,
        "limit": timedelta(seconds=5),
    }
    return LoadRows(**(fields | more))  # type: ignore[arg-type]


ASLEEP = b"SELECT count(*)::int FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = pg_catalog.current_database()"
CREATED = SqlStatement(
    what="make u",
    text="CREATE TABLE public.u ()",
    look="SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'u')",
)


def replace_steps(bench: Bench, simulation: Simulation, steps: tuple[Step, ...]) -> Simulation:
    """The same run with these steps, frozen anew."""
    plan = simulation.plan.model_copy(update={"steps": steps})
    store = FolderStore(bench.folder / "again")
    store.create(plan)
    return replace(simulation, plan=plan, store=store)


def to_the_end(simulation: Simulation, crash: Crash | None = None) -> RunState:
    """The end of a run whose first process may be killed."""
    try:
        return simulation.live(crash)
    except Killed:
        return simulation.live()


def test_a_change_is_made_once_and_its_transaction_is_in_the_journal(bench: Bench) -> None:
    """The number stands before the commit, so that whoever comes later can ask what became of it."""
    simulation = bench.simulation(change(bench.database))
    state = simulation.live()
    assert (state.status, bench.count()) == ("finished", 1)
    assert types_of(simulation.told, STEP) == ["step.intended", "step.staged", "step.done"]
    [staged] = [each.body for each in simulation.told if isinstance(each.body, StepStaged)]
    assert state.step(STEP).result == {"transaction": staged.transaction}
    assert state.step(STEP).staged is None, "nothing of it is in doubt any more"


def test_what_is_there_already_is_found_and_not_done_again(bench: Bench) -> None:
    """Nothing is staged, and the step says that it was found."""
    bench.server.run(bench.database, "INSERT INTO public.t VALUES (7)")
    simulation = bench.simulation(change(bench.database))
    state = simulation.live()
    assert (state.step(STEP).was_adopted, bench.count()) == (True, 1)
    assert types_of(simulation.told, STEP) == ["step.intended", "step.done"]


@pytest.mark.parametrize("mode", ["before", "torn", "after"])
def test_whoever_dies_leaves_one_effect(bench: Bench, mode: str) -> None:
    """At every append of the step; the look alone would not know a change whose effect another change removed meanwhile."""
    with fresh(bench) as here:
        whole = here.simulation(change(here.database))
        whole.live()
        appends = len(whole.told)
    for number in range(appends - 3, appends + ATTACHING):
        with fresh(bench) as here:
            simulation = here.simulation(change(here.database))
            ended = to_the_end(simulation, Crash(number, mode))  # type: ignore[arg-type]
            assert (ended.status, here.count()) == ("finished", 1), number


@pytest.mark.sweep
@pytest.mark.parametrize("arrives", [False, True])
def test_a_lost_commit_is_looked_up_and_not_guessed(cut_bench: Bench, wire: Wire, *, arrives: bool) -> None:
    """The line breaks as the commit leaves: the server knows by the number whether it arrived."""
    simulation = cut_bench.simulation(change(cut_bench.database))
    broken = wire.is_mute if arrives else wire.is_cut

    def on_told(event: Event) -> None:
        if isinstance(event.body, StepStaged) and len(uncertain) == 0:
            broken.set()
        if isinstance(event.body, StepUncertain):
            uncertain.append(event.body.why)
            broken.clear()

    uncertain: list[str] = []
    simulation.on_told = on_told
    state = simulation.live()
    assert (state.status, cut_bench.count(), len(uncertain)) == ("finished", 1, 1)
    assert state.step(STEP).was_adopted is arrives
    stagings = types_of(simulation.told, STEP).count("step.staged")
    assert stagings == (1 if arrives else 2)


def test_a_lost_commit_counts_although_its_effect_is_gone(bench: Bench) -> None:
    """Somebody removed the row since: to put it in again would be a second effect, and only the number shows it."""
    simulation = bench.simulation(change(bench.database))
    with pytest.raises(Killed):  # after the commit, before the event that says so
        simulation.live(Crash(_append_after_staging(bench), "before"))
    assert bench.count() == 1
    bench.server.run(bench.database, "DELETE FROM public.t")
    state = simulation.live()
    assert (state.status, state.step(STEP).was_adopted, bench.count()) == ("finished", True, 0)


def _append_after_staging(bench: Bench) -> int:
    """The number of the append that follows the one with the transaction's number."""
    with fresh(bench) as here:
        simulation = here.simulation(change(here.database))
        simulation.live()
        [number] = [place for place, each in enumerate(simulation.told) if isinstance(each.body, StepStaged)]
    bench.server.run(bench.database, "TRUNCATE public.t")
    return number + 1 + ATTACHING


def test_a_lock_that_others_hold_is_waited_for_in_short_tries(bench: Bench) -> None:
    """Each try holds up others for no longer than its limit; the run goes on as soon as the lock is free."""
    action = change(bench.database, lock=timedelta(seconds=0.2))
    simulation = bench.simulation(action)
    with bench.server.connection(bench.database) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE t")

        def on_told(event: Event) -> None:
            if event.body.type == "step.retried":
                other.execute("ROLLBACK")

        simulation.on_told = on_told
        assert simulation.live().status == "finished"
    assert types_of(simulation.told, STEP) == ["step.intended", "step.retried", "step.staged", "step.done"]


@pytest.mark.parametrize(
    ("text", "says"),
    [("INSERT INTO public.missing VALUES (1)", "does not exist"), ("DELETE FROM public.t", "does not show its effect")],
)
def test_a_definite_no_of_the_server_ends_the_step(bench: Bench, text: str, says: str) -> None:
    """It is said in the server's words, and nothing is changed."""
    state = bench.simulation(change(bench.database, text)).live()
    assert (state.status, bench.count()) == ("failed", 0)
    assert says in state.note


def test_a_refused_login_is_an_answer(bench: Bench) -> None:
    """It is not tried for an hour, which could lock the account: a person is asked at the first no."""
    simulation = bench.simulation(change(bench.database))
    simulation.environ["CLONE_PASSWORD"] = "wrong"
    with pytest.raises(Paused) as caught:
        simulation.live()
    assert "does not take the login" in caught.value.message
    assert "step.retried" not in types_of(simulation.told, STEP)


def test_another_cluster_of_the_name_is_left_alone(bench: Bench) -> None:
    """The guard is asked right before the change, at AWS: the endpoint may be somebody else's by now."""
    simulation = bench.simulation(change(bench.database))

    def on_told(event: Event) -> None:
        if event.body.type == "step.intended" and getattr(event.body, "step", "") == STEP:
            simulation.aws.clusters[CLONE].tags = {"daybreak:nonce": "another"}

    simulation.on_told = on_told
    state = simulation.live()
    assert (state.status, bench.count()) == ("failed", 0)
    assert "does not carry the tag daybreak:nonce=" in state.note


def test_a_cluster_that_is_not_the_planned_one_is_left_alone(bench: Bench) -> None:
    """A change on a cluster that is not the run's own names its resource id, which AWS gives only once."""
    simulation = bench.simulation(change(bench.database, resource_id="cluster-ANOTHER"))
    state = simulation.live()
    assert (state.status, bench.count()) == ("failed", 0)
    assert "should have the resource id cluster-ANOTHER" in state.note


def test_the_door_changes_only_what_the_plan_touches(bench: Bench) -> None:
    """Below everything that could forget it: a door that was opened for nothing changes nothing."""
    simulation = bench.simulation(change(bench.database))
    simulation.sql = Sql(simulation.aws, simulation.environ, simulation.plan.target.trust)
    with pytest.raises(Bug, match="was not opened for"):
        simulation.live()
    assert bench.count() == 0


def test_nothing_is_changed_while_the_fence_has_a_hole(bench: Bench) -> None:
    """Asked right before the change, of the privileges themselves."""
    cluster = Thing(kind="cluster", name=CLONE, region="us-east-1")
    fence = Fenced(thing=cluster, database=bench.database, login=LOGIN)
    bench.server.run(bench.database, "DROP ROLE IF EXISTS clerk", "CREATE ROLE clerk LOGIN")
    try:
        state = bench.simulation(change(bench.database), guards=(fence,)).live()
        assert (state.status, bench.count()) == ("failed", 0)
        assert "is not fenced: clerk (" in state.note
        with fresh(bench) as here:
            here.server.run(here.database, "ALTER ROLE clerk NOLOGIN")
            simulation = here.simulation(change(here.database), guards=(fence,))
            assert simulation.live().status == "finished"
    finally:
        bench.server.run(bench.database, "DROP ROLE clerk")


@pytest.mark.sweep
def test_a_long_change_holds_up_no_other_step(bench: Bench) -> None:
    """It waits at the server, and the walk goes on: what does not stand on it is done meanwhile."""
    slow = SqlStatement(
        what="fill t",
        text="INSERT INTO public.t SELECT 1 FROM pg_sleep(3)",
        look="SELECT EXISTS (SELECT FROM public.t)",
    )
    first = change(bench.database, change=slow, limit=timedelta(seconds=30))
    simulation = bench.simulation(first, change(bench.database, change=CREATED))
    long, other = simulation.plan.steps[3:]
    beside = other.model_copy(update={"after": long.after})
    simulation = replace_steps(bench, simulation, (*simulation.plan.steps[:3], long, beside))
    assert simulation.live().status == "finished"
    done = [each.body.step for each in simulation.told if each.body.type == "step.done"]
    assert done[-2:] == [other.id, long.id]


# -- loads


def test_a_file_is_loaded_part_by_part(bench: Bench) -> None:
    """Each part is a transaction, named before its commit; the last event says how many rows there are."""
    simulation = bench.simulation(load(bench))
    state = simulation.live()
    assert (state.status, bench.count()) == ("finished", ROWS)
    places = [each.body.place for each in simulation.told if isinstance(each.body, StepReached)]
    assert len(places) >= 19
    assert places == sorted(set(places))
    assert state.step(LOAD).result["rows"] == ROWS


@pytest.mark.sample("after")
@pytest.mark.parametrize("mode", ["before", "torn", "after"])
def test_whoever_dies_in_a_load_leaves_each_row_once(bench: Bench, mode: str) -> None:
    """At every append of a load in four parts: none is lost, and none is there twice."""
    with fresh(bench) as here:
        whole = here.simulation(load(here, part=load(here).size // 4))
        whole.live()
        appends = len(whole.told)
        first = next(place for place, each in enumerate(whole.told) if getattr(each.body, "step", "") == LOAD)
    for number in range(first + ATTACHING, appends + ATTACHING):
        with fresh(bench) as here:
            simulation = here.simulation(load(here, part=load(here).size // 4))
            ended = to_the_end(simulation, Crash(number, mode))  # type: ignore[arg-type]
            assert ended.status == "finished", number
            assert here.count() == ROWS, number
            assert ended.step(LOAD).result["rows"] == ROWS


@pytest.mark.sample("True")
@pytest.mark.parametrize("arrives", [False, True])
def test_a_part_whose_commit_was_lost_is_there_once(cut_bench: Bench, wire: Wire, *, arrives: bool) -> None:
    """Without a crash: the load itself asks what became of the part, and goes on."""
    simulation = cut_bench.simulation(load(cut_bench, limit=timedelta(seconds=1)))
    broken = wire.is_mute if arrives else wire.is_cut
    staged: list[Event] = []

    def on_told(event: Event) -> None:
        if isinstance(event.body, StepStaged):
            staged.append(event)
            if len(staged) == 3:
                broken.set()
                heal.start()

    heal = threading.Timer(2.2, broken.clear)
    simulation.on_told = on_told
    state = simulation.live()
    assert (state.status, cut_bench.count()) == ("finished", ROWS)


@pytest.mark.parametrize("is_there", [True, False])
def test_another_file_is_not_loaded(bench: Bench, *, is_there: bool) -> None:
    """Its places would mean other rows. The run has restored a cluster by then: it pauses and says so in its journal."""
    action = load(bench)
    file = Path(action.file)
    planned = file.read_bytes()
    file.write_bytes(planned.replace(b"7\n", b"8\n", 1)) if is_there else file.unlink()
    simulation = bench.simulation(action)
    with pytest.raises(Paused, match="not the one that was planned" if is_there else "cannot be read"):
        simulation.live()
    assert bench.count() == 0
    state = simulation.store.chain(simulation.plan.run).state()
    assert (state.status, state.exit_code) == ("paused", 75)
    file.write_bytes(planned)
    assert (simulation.live().status, bench.count()) == ("finished", ROWS)


@pytest.mark.parametrize("trouble", ["login", "file"])
def test_a_load_that_others_can_do_without_holds_up_itself_alone(bench: Bench, trouble: str) -> None:
    """What the server or the folder refuses it is a refusal of this step, by the step's own policy."""
    action = load(bench, login="env:LOADER")
    simulation = bench.simulation(action, change(bench.database, change=CREATED))
    held, other = simulation.plan.steps[3:]
    held = held.model_copy(update={"when_refused": "hold"})
    other = other.model_copy(update={"after": held.after})
    again = replace_steps(bench, simulation, (*simulation.plan.steps[:3], held, other))
    again.environ |= {"LOADER_USERNAME": again.environ["CLONE_USERNAME"], "LOADER_PASSWORD": "wrong"}
    if trouble == "file":
        again.environ["LOADER_PASSWORD"] = again.environ["CLONE_PASSWORD"]
        Path(action.file).unlink()
    with pytest.raises(Paused, match="does not take the login" if trouble == "login" else "cannot be read"):
        again.live()
    assert types_of(again.told, held.id)[-1] == "step.held"
    assert types_of(again.told, other.id)[-1] == "step.done"


@pytest.mark.sample("hold")
@pytest.mark.parametrize("policy", ["fail", "pause", "hold"])
def test_a_part_is_committed_only_while_the_guards_hold(bench: Bench, policy: str) -> None:
    """Each part is a sending: once the clone is another's, no row goes there, and the place that was reached is kept."""
    simulation = bench.simulation(load(bench))
    steps = [*simulation.plan.steps[:3], simulation.plan.steps[3].model_copy(update={"when_refused": policy})]
    simulation = replace_steps(bench, simulation, tuple(steps))
    mine: dict[str, str] = {}

    def on_told(event: Event) -> None:
        if isinstance(event.body, StepReached) and not mine:
            clone = simulation.aws.clusters[CLONE]
            mine.update(clone.tags)
            clone.tags = {"daybreak:nonce": "another"}

    simulation.on_told = on_told
    if policy == "fail":
        assert simulation.live().status == "failed"
    else:
        with pytest.raises(Paused, match="does not carry the tag"):
            simulation.live()
    parts = types_of(simulation.told, LOAD)
    assert (parts.count("step.staged"), parts.count("step.reached")) == (1, 1)
    known = simulation.store.chain(simulation.plan.run).state().step(LOAD)
    assert 0 < bench.count() == known.rows < ROWS
    if policy != "fail":
        simulation.aws.clusters[CLONE].tags = mine
        assert (simulation.live().status, bench.count()) == ("finished", ROWS)


@pytest.mark.sweep
def test_a_change_is_committed_only_while_the_guards_hold(bench: Bench) -> None:
    """Its statement may take long, and the guards were asked before it."""
    slow = SqlStatement(
        what="fill t",
        text="INSERT INTO public.t SELECT 1 FROM pg_sleep(1)",
        look="SELECT EXISTS (SELECT FROM public.t)",
    )
    simulation = bench.simulation(change(bench.database, change=slow, limit=timedelta(seconds=20)))

    def take_away() -> None:
        with bench.server.connection(bench.database) as other:
            eventually(lambda: other.execute(ASLEEP).fetchall() == [(1,)])
        simulation.aws.clusters[CLONE].tags = {"daybreak:nonce": "another"}

    thief = threading.Thread(target=take_away)
    thief.start()
    state = simulation.live()
    thief.join()
    assert (state.status, bench.count()) == ("failed", 0)
    assert "step.staged" not in types_of(simulation.told, STEP)


def test_a_file_that_ends_early_for_the_server_is_refused_before_a_row_is_there(bench: Bench) -> None:
    """The server would stop at that line, say nothing, and the load would count all bytes as loaded."""
    for data in (b"1\n\\.\n2\n", b"\\.\r\n1\n", b"1\n\\."):
        with fresh(bench) as here:
            action = load(here)
            Path(action.file).write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            planned = action.model_copy(update={"sha256": digest, "size": len(data), "part": 2})
            state = here.simulation(planned).live()
            assert (state.status, here.count()) == ("failed", 0)
            assert f"ends for the server at byte {data.index(bytes([92]))}" in state.note


def test_a_row_that_a_trigger_drops_is_not_counted_as_loaded(bench: Bench) -> None:
    """The parts before it stay; the part with it does not."""
    bench.server.run(
        bench.database,
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN new.a <> 1500 THEN new END; END $$",
        "CREATE TRIGGER g BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION f()",
    )
    state = bench.simulation(load(bench)).live()
    assert state.status == "failed"
    assert "the server took" in state.note
    assert bench.count() == state.step(LOAD).rows < 1500


def test_a_row_that_the_server_refuses_ends_the_load_and_keeps_what_is_there(bench: Bench) -> None:
    """The parts before it stay, and the journal says up to where."""
    bench.server.run(bench.database, "ALTER TABLE public.t ADD CHECK (a <> 1500)")
    simulation = bench.simulation(load(bench))
    state = simulation.live()
    assert state.status == "failed"
    assert 0 < bench.count() == state.step(LOAD).rows < 1500
