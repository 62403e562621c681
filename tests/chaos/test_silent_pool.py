"""A PgBouncer that dies anywhere in a cutover: clients that do not come through it are never shut out for its sake."""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from random import Random

import pytest

from daybreak.app.moving import plan_of_taking_back
from daybreak.errors import Paused
from daybreak.journal.folder import FolderStore
from daybreak.model.run import Event, RunState
from tests import fix_worlds
from tests.chaos.fix_cutover import SimulatedApp
from tests.chaos.simulation import Simulation, scratch, survived
from tests.chaos.test_cutover_sweep import check_taken_back, check_whole, made


def silent_from(number: int, *, comes_back: bool) -> str:
    """The pool dies with that event: the cutover is whole, goes back by itself, or never closed anything; what became of it.

    Where it ``comes_back``, a person has started it anew by the time that the run is resumed.
    """
    with scratch() as folder:
        store = FolderStore(folder)
        simulation = made("record").case.simulation(store, asked=False)
        aws, plan, before = simulation.aws, simulation.plan, copy.deepcopy(simulation.aws)
        [pool] = aws.pools.values()
        count = itertools.count(1)

        def die(_event: Event) -> None:
            pool.is_silent = pool.is_silent or next(count) == number

        simulation.on_told = die
        try:
            state = simulation.live()
        except Paused:
            sides_open = [not aws.servers[each].is_closed for each in (fix_worlds.SOURCE, plan.clone)]
            assert any(sides_open), "nobody can write anywhere until a person comes"
            return "asked" if sides_open[1] and aws.inside(plan.clone) else "paused"
        finally:
            simulation.on_told, aws.after_effect, aws.before_change = (lambda _event: None), _nothing, _nothing
        pool.is_silent = pool.is_silent and not comes_back
        app = SimulatedApp(aws, store._root, plan.target)
        if state.status == "finished":
            check_whole(simulation, "record")
            return "whole"
        back = plan_of_taking_back(app, plan.run)
        assert back is not None, state.note
        aws.effects.clear()
        aws.sent.clear()
        store.create(back)
        second = Simulation(aws=aws, plan=back, store=store, asked=False, nonces=itertools.count(100))
        ended = survived(second)
        assert isinstance(ended, RunState), ended
        assert ended.status == "finished", ended.note
        check_taken_back(aws, before, plan.clone)
        return "taken back"


def _nothing(_call: object) -> None:
    return None


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_pool_that_dies_leaves_nobody_shut_out(*, comes_back: bool) -> None:
    """At some events, before the fence and within the gap."""
    numbers = Random(14).sample(range(1, made("record").events), 10)
    assert {silent_from(each, comes_back=comes_back) for each in numbers} <= {"taken back", "asked", "whole", "paused"}


@pytest.mark.sweep
def test_a_pool_that_dies_anywhere_leaves_nobody_shut_out(capsys: pytest.CaptureFixture[str]) -> None:
    """At every event."""
    numbers = range(1, made("record").events)
    ends = Counter(silent_from(each, comes_back=back) for each in numbers for back in (False, True))
    with capsys.disabled():
        print(f" {dict(ends)}", end="")  # noqa: T201 - the count is evidence
