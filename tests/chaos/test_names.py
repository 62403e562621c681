"""After a cutover by names: whose a cluster is says its resource id, and nothing of ours takes a name for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from shutil import copytree

import pytest

from daybreak.app.custody import Leftover, plan_clean
from daybreak.app.finding import find_clone
from daybreak.app.listing import list_runs
from daybreak.app.moving import plan_rollback
from daybreak.errors import Refused
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import RenameCluster
from daybreak.model.destinations import NameSwap
from daybreak.model.plan import Plan, RunId
from daybreak.model.requests import CutoverRequest
from daybreak.model.run import RunFinished
from daybreak.observe.look import Lookout
from daybreak.observe.writers import by_writer
from daybreak.plan.renaming import swap_in
from tests import fix_worlds
from tests.chaos.fix_cutover import ENDPOINT, SimulatedApp, at_rest, case, restored_state, target
from tests.chaos.simulated_aws import SimulatedAws
from tests.chaos.simulation import Simulation

SOURCE = fix_worlds.SOURCE


@pytest.fixture(scope="module")
def moved() -> Iterator[tuple[SimulatedAws, Path, Simulation]]:
    """The account and the state after the clone took the source's name."""
    made = case("cutover", (ENDPOINT,))
    with restored_state() as state:
        simulation = made.simulation(FolderStore(state))
        assert simulation.live().status == "finished"
        yield simulation.aws, state, simulation


@pytest.fixture
def app(moved: tuple[SimulatedAws, Path, Simulation]) -> SimulatedApp:
    """The use cases in that account and state."""
    aws, state, _ = moved
    return SimulatedApp(aws, state, target((ENDPOINT,)))


@pytest.fixture
def swap(moved: tuple[SimulatedAws, Path, Simulation]) -> NameSwap:
    """How the names were exchanged."""
    found = swap_in(moved[2].plan)
    assert found is not None
    return found


def reasons(refused: Refused) -> str:
    """All that was said."""
    return "; ".join((refused.message, *refused.reasons))


def test_no_clean_up_reaches_what_serves_nor_what_the_way_back_needs(app: SimulatedApp, swap: NameSwap) -> None:
    """Neither by the run, nor by the name that production has."""
    with pytest.raises(Refused) as by_run:
        plan_clean(app, Leftover(swap.own))
    assert f'traffic was moved to it, which is named "{SOURCE}" now' in reasons(by_run.value)
    for name in (SOURCE, swap.away):
        with pytest.raises(Refused):
            plan_clean(app, Leftover(name, is_cluster=True))


def test_the_clone_is_found_by_the_id_that_its_run_recorded(app: SimulatedApp, swap: NameSwap) -> None:
    """So its rows can be compared, and its journal held against its tag."""
    plan, state = app.store.plan(swap.own), app.store.chain(swap.own).state()
    found = find_clone(Lookout(app.world), plan, state)
    assert found is not None
    assert (found.identifier, found.resource_id) == (SOURCE, swap.clone_id)
    assert find_clone(Lookout(app.world), plan, None) is None, "without a journal nothing but the name is known"


def test_a_server_is_reached_at_an_address_that_no_other_cluster_ever_had(app: SimulatedApp, swap: NameSwap) -> None:
    """The endpoint that applications know led to the source a moment ago."""
    lookout = Lookout(app.world)
    for id, label in ((swap.source_id, SOURCE), (swap.clone_id, swap.own)):
        cluster = lookout.cluster_of_id(id)
        assert cluster is not None
        host = by_writer(lookout, cluster).endpoint
        assert host is not None
        assert host != cluster.endpoint
        assert app.world.server_at(host) == label


def test_the_way_back_is_planned_by_the_ids_whatever_the_configuration_says_since(
    moved: tuple[SimulatedAws, Path, Simulation], swap: NameSwap
) -> None:
    """Somebody took the destination out: the names would stay as they are."""
    aws, state, simulation = moved
    elsewhere = SimulatedApp(aws, state, target(()))
    back = plan_rollback(elsewhere, simulation.plan.run)
    assert swap_in(back) == swap
    renamed = [(each.cluster, each.name) for step in back.steps if isinstance(each := step.action, RenameCluster)]
    assert renamed == [(SOURCE, swap.own), (swap.away, SOURCE)]


def test_a_clone_from_which_the_traffic_was_led_on_has_a_way_to_be_removed(
    moved: tuple[SimulatedAws, Path, Simulation], tmp_path: Path
) -> None:
    """A second cutover gave its name away, and no command of its own run reached it: each names the one that does."""
    aws, folder, simulation = moved
    swap = swap_in(simulation.plan)
    assert swap is not None
    copied = copytree(folder, tmp_path / "state")
    app = SimulatedApp(deepcopy(at_rest(aws)), copied, target((ENDPOINT,)))
    later = led_on(simulation.plan, swap)
    app.store.create(later)
    with app.attach(later.run) as journal:
        journal.append(RunFinished(outcome="done"))
    assert [each.then for each in list_runs(app) if each.run == simulation.plan.run] == [
        f"daybreak rollback {later.run}"
    ]
    with pytest.raises(Refused, match=f"{later.run} led the traffic on from {swap.own}") as refused:
        plan_rollback(app, simulation.plan.run)
    assert refused.value.hints == (f"daybreak rollback {later.run}",)

    there = "embi-aurora-away-again"
    app.world.clusters[there] = app.world.clusters.pop(SOURCE)
    app.world.clusters[there].body["DBClusterIdentifier"] = there
    with pytest.raises(Refused, match=f'named "{there}" by now: it served, and {later.run} led the traffic on') as kept:
        plan_clean(app, Leftover(swap.own))
    assert f"--db-cluster-identifier {there} --final-db-snapshot-identifier" in "; ".join(kept.value.hints)
    del app.world.clusters[there]
    with suppress(Refused):
        assert plan_clean(app, Leftover(swap.own)).run, "what is left of it when somebody has removed it"


def led_on(plan: Plan, swap: NameSwap) -> Plan:
    """A later cutover by names that has nothing left to do: its source is the clone of the first one."""
    assert isinstance(plan.request, CutoverRequest)
    request = plan.request.model_copy(update={"run": "embi-aurora-pitr-202401161430-9x8", "suffix": "9x9"})
    steps = []
    for step in plan.steps:
        if isinstance(step.action, RenameCluster):
            own = {"resource_id": "cluster-LATER", "cluster": request.run}
            away = {"resource_id": swap.clone_id, "name": "embi-aurora-away-again"}
            steps.append(
                step.model_copy(update={"action": step.action.model_copy(update=own if step.action.is_own else away)})
            )
    run = RunId(plan.run.replace(plan.run[-3:], "9x9"))
    return plan.model_copy(
        update={"run": run, "request": request, "clone": request.run, "steps": tuple(steps), "gap": None}
    )
