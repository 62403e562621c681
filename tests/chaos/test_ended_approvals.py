"""A second person's yes that ends anywhere in a cutover and on its way back: it never leaves both sides closed until somebody says yes again."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from daybreak.app.moving import plan_of_taking_back
from daybreak.errors import Paused
from daybreak.journal.folder import FolderStore
from daybreak.model.run import Event, RunApproved
from daybreak.model.value import Span
from tests import fix_worlds
from tests.chaos import fix_cutover
from tests.chaos.fix_cutover import SimulatedApp, at_rest, planned_cutover, planned_rollback
from tests.chaos.simulation import Case, Simulation, scratch

LASTS = Span(hours=2)
BOSS = "arn:aws:sts::123456789012:assumed-role/dba/boss"
WAYS = ("cutover", "rollback")


def say_yes(simulation: Simulation, name: str = "approve-a") -> None:
    """Leave a second person's yes to the plan as it is."""
    expires = simulation.aws.clock.now() + LASTS
    given = RunApproved(by="boss@desk", caller=BOSS, plan=simulation.plan.digest(), expires=expires)
    simulation.store.ask(simulation.plan.run, name, given.by, given.why, given)


@cache
def approved(way: str) -> tuple[Case, int]:
    """The case of a target that asks for a yes, and how many events it takes."""
    target = fix_cutover.target(approval=LASTS)
    aws = fix_cutover.world()
    case = Case("cutover", planned_cutover(aws, target), at_rest(aws))
    with scratch() as folder:
        store = FolderStore(folder)
        simulation = case.simulation(store)
        say_yes(simulation)
        assert simulation.live().status == "finished"
        if way == "cutover":
            return case, len(simulation.told)
        back = Case("rollback", planned_rollback(simulation.aws, store, case.plan), at_rest(simulation.aws))
    with scratch() as folder:
        simulation = back.simulation(FolderStore(folder))
        say_yes(simulation)
        assert simulation.live().status == "finished"
        return back, len(simulation.told)


def ended_at(way: str, number: int) -> str:
    """The yes ends with that event; how the run stood then. Whoever says yes once more leads it to its end."""
    case, _ = approved(way)
    with scratch() as folder:
        store, count = FolderStore(folder), iter(range(1, 1000))
        simulation = case.simulation(store)
        say_yes(simulation)

        def told(_event: Event) -> None:
            if next(count) == number:
                simulation.aws.clock.elapsed += LASTS.total_seconds() + 60

        simulation.on_told = told
        try:
            status = simulation.live().status
        except Paused:
            status = "paused"
        servers = simulation.aws.servers
        both = [servers[name].is_closed for name in (fix_worlds.SOURCE, case.plan.clone)]
        if status == "paused":
            assert both != [True, True], "nobody can write until somebody says yes"
            simulation.on_told = lambda _event: None
            say_yes(simulation, "approve-b")
            assert simulation.live().status in ("finished", "failed")  # by then the verdict is old
        elif status == "failed":
            app = SimulatedApp(simulation.aws, folder, case.plan.target)
            assert both == [False, False]
            assert plan_of_taking_back(app, case.plan.run) is not None
        return status


@pytest.mark.parametrize("way", WAYS)
def test_a_yes_that_ends_leaves_a_side_on_which_clients_write(way: str) -> None:
    """At some events of each."""
    numbers = Random(way).sample(range(1, approved(way)[1]), 12)
    assert {ended_at(way, number) for number in numbers} >= {"paused"}


@pytest.mark.sweep
@pytest.mark.parametrize("way", WAYS)
def test_a_yes_that_ends_anywhere_leaves_a_side_on_which_clients_write(
    way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """At every event."""
    ends = [ended_at(way, number) for number in range(1, approved(way)[1])]
    with capsys.disabled():
        print(f" {way}: { {each: ends.count(each) for each in set(ends)} }", end="")  # noqa: T201 - the count is evidence
