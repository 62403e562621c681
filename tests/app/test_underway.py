"""One move at a time: a cutover that begins where another one stands closes nothing, and its rollback opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from daybreak.app.moving import CutoverWish, plan_cutover, plan_rollback
from daybreak.app.underway import refuse_second_move
from daybreak.errors import Refused
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import ChangeSql
from daybreak.model.plan import Plan
from daybreak.model.requests import RollbackRequest
from daybreak.model.run import Event, RunState, StepIntended
from tests.chaos.fix_cutover import SimulatedApp, ended_after, restored, restored_state, target, world
from tests.chaos.simulation import Simulation


def made_of(app: SimulatedApp, plan: Plan, *, is_stopping: bool = False) -> Simulation:
    """A plan's run in the account; where it ``is_stopping``, it has begun and did nothing."""
    store = FolderStore(app.folder)
    store.create(plan)
    made = Simulation(aws=app.world, plan=plan, store=store)
    if is_stopping:
        made.attached().close()
    return made


@contextmanager
def a_cutover_that_ended(*, is_closed: bool) -> Iterator[tuple[SimulatedApp, Simulation]]:
    """A cutover that a person ended right after its source was closed, or right before."""
    with restored_state() as folder:
        app = SimulatedApp(world(), folder, target())
        plan = plan_cutover(app, CutoverWish(restored()[2]))
        [door, *_] = [number for number, step in enumerate(plan.steps) if isinstance(step.action, ChangeSql)]
        simulation = made_of(app, plan)
        assert ended_after(simulation, door + is_closed).status == "aborted"
        yield app, simulation


def _refusal(app: SimulatedApp) -> Refused:
    with pytest.raises(Refused) as refused:
        plan_cutover(app, CutoverWish(restored()[2]))
    return refused.value


def _went_back(app: SimulatedApp, simulation: Simulation, *, until: int | None) -> tuple[Plan, RunState]:
    """The rollback of that cutover, and how it ended."""
    back = plan_rollback(app, simulation.plan.run)
    return back, ended_after(made_of(app, back), until)


def test_a_source_that_another_cutover_keeps_closed_is_not_cut_over() -> None:
    """Its roles lack LOGIN already: the second one would take it from nobody, and its rollback would end well with a closed source."""
    with a_cutover_that_ended(is_closed=True) as (app, simulation):
        refused = _refusal(app)
        assert f"{simulation.plan.run} ended before its end, and keeps {simulation.plan.target.cluster} closed" in str(
            refused
        )
        assert refused.hints == (f"daybreak rollback {simulation.plan.run}",)


def test_a_cutover_that_closed_nothing_stands_in_nobodys_way() -> None:
    """There is nothing that it would have to open."""
    with a_cutover_that_ended(is_closed=False) as (app, _):
        refuse_second_move(app, target(), restored()[2], target().region)


def test_a_rollback_that_waits_is_ended_first() -> None:
    """Resumed later, it would open the source while the other clone serves."""
    with a_cutover_that_ended(is_closed=True) as (app, simulation):
        back = plan_rollback(app, simulation.plan.run)
        made_of(app, back, is_stopping=True)
        assert _refusal(app).hints == (f"daybreak resume {back.run}",)


def test_taken_back_it_stands_in_nobodys_way_and_is_not_taken_back_twice() -> None:
    """What a person closed since is not opened by an old run."""
    with a_cutover_that_ended(is_closed=True) as (app, simulation):
        back, ended = _went_back(app, simulation, until=None)
        assert ended.status == "finished"
        refuse_second_move(app, target(), restored()[2], target().region)
        with pytest.raises(Refused, match=f"was taken back already, by {back.run}"):
            plan_rollback(app, simulation.plan.run)


def test_a_cutover_that_has_not_ended_is_named() -> None:
    """Two of them at once would each close what the other opens."""
    with restored_state() as folder:
        app = SimulatedApp(world(), folder, target())
        plan = plan_cutover(app, CutoverWish(restored()[2]))
        made_of(app, plan, is_stopping=True)
        words = f"daybreak resume {plan.run}  # or go back: daybreak rollback {plan.run}"
        assert _refusal(app).hints == (words,)


def test_a_role_that_a_person_closed_stays_closed_on_the_way_back() -> None:
    """The fence was refused as a whole, so there is nothing of it to take back."""
    with restored_state() as folder:
        app = SimulatedApp(world(), folder, target())
        plan = plan_cutover(app, CutoverWish(restored()[2]))
        door, change = next((step, step.action.change) for step in plan.steps if isinstance(step.action, ChangeSql))
        simulation = made_of(app, plan)
        roles = app.world.servers[plan.target.cluster].roles
        name = next(name for name, may in roles.items() if may and f'"{name}"' in change.text)

        def close(event: Event) -> None:
            if isinstance(event.body, StepIntended) and event.body.step == door.id:
                roles[name] = False

        simulation.on_told = close
        ended = simulation.live()
        assert ended.status == "failed"
        assert f"somebody took LOGIN from {name}" in ended.note
        request = plan_rollback(app, plan.run).request
        assert isinstance(request, RollbackRequest)
        assert door.id not in {deed.step for deed in request.deeds}
