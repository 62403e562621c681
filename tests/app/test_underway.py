"""One move at a time: a cutover that begins where another one stands closes nothing, and its rollback opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from daybreak.app.beginning import AnotherAtIt
from daybreak.app.ending import next_of, state_of_run
from daybreak.app.moving import CutoverWish, plan_cutover, plan_rollback
from daybreak.app.running import Watchers, carry_out, start
from daybreak.app.underway import refuse_second_move
from daybreak.errors import Interrupted, Refused
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import ChangeSql
from daybreak.model.plan import Plan
from daybreak.model.requests import RollbackRequest
from daybreak.model.run import Event, RunState, StepIntended
from tests.chaos.fix_cutover import SimulatedApp, at_rest, ended_after, restored, restored_state, target, world
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


def test_of_two_that_were_planned_together_one_moves() -> None:
    """Two people sat before the same question: whoever begins later changes nothing, and is led to the other."""
    with restored_state() as folder:
        aws = world()
        ann, ben = (SimulatedApp(aws, folder, target(), name) for name in ("ann", "ben"))
        first, second = (plan_cutover(app, CutoverWish(restored()[2])) for app in (ann, ben))
        start(ann, first)
        start(ben, second)
        ann.stopping.set()
        with pytest.raises(Interrupted):
            carry_out(ann, first.run, Watchers())
        before = len(aws.sent)
        with pytest.raises(AnotherAtIt) as refused:
            carry_out(ben, second.run, Watchers())
        assert refused.value.run == first.run
        assert refused.value.hints == (f"daybreak resume {first.run}",)
        assert len(aws.sent) == before
        _, ended = state_of_run(ben, second.run)
        assert ended.status == "aborted"
        assert next_of(ben, second, ended) == f"daybreak cutover {restored()[2]}"


def test_the_older_of_two_waits_until_the_younger_gives_way() -> None:
    """Both made their beginning durable before either looked; a younger one that died then gives way when it is resumed."""
    with restored_state() as folder:
        aws = world()
        app = SimulatedApp(aws, folder, target())
        first, second = (plan_cutover(app, CutoverWish(restored()[2])) for _ in range(2))
        made_of(app, first, is_stopping=True)
        aws.clock.elapsed += 1
        made_of(app, second, is_stopping=True)
        with pytest.raises(AnotherAtIt):
            carry_out(app, second.run, Watchers())
        app.stopping.set()
        with pytest.raises(Interrupted):
            carry_out(app, first.run, Watchers())


def test_of_two_rollbacks_one_goes_back() -> None:
    """The other would fail at a clone that is closed, and be taken for the one that left the source closed."""
    with a_cutover_that_ended(is_closed=True) as (app, simulation):
        at_rest(app.world)
        first, second = (plan_rollback(app, simulation.plan.run) for _ in range(2))
        start(app, first)
        start(app, second)
        app.stopping.set()
        with pytest.raises(Interrupted):
            carry_out(app, first.run, Watchers())
        app.stopping.clear()
        with pytest.raises(AnotherAtIt):
            carry_out(app, second.run, Watchers())
        assert carry_out(app, first.run, Watchers()).status == "finished"
        refuse_second_move(app, target(), restored()[2], target().region)
