"""Each command that a person is led to is one that works for them, and each sentence on a side is true of both."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.app.listing import list_runs
from daybreak.app.moving import CutoverWish, plan_cutover, plan_rollback
from daybreak.app.proving import control_of
from daybreak.app.running import Watchers, carry_out, start
from daybreak.app.validating import Case
from daybreak.assess.ending import next_command
from daybreak.errors import Interrupted, Refused
from daybreak.execute.doors import Scene
from daybreak.model.actions import AwaitApproval, Validate
from daybreak.model.findings import Standing
from daybreak.model.moment import At
from daybreak.model.run import RunState, StepState
from daybreak.model.tags import EXPIRES_TAG, LEFT, PRODUCTION, RUN_TAG
from daybreak.model.world import Cluster
from tests import fix_worlds
from tests.app.test_closed import CLOSED, said, stopped_cutover
from tests.app.test_completing import unfenced
from tests.app.test_underway import made_of
from tests.chaos.fix_cutover import (
    SimulatedApp,
    ended_after,
    restored,
    restored_state,
    target,
    world,
)
from tests.fix_worlds import NOW, SOURCE, identity


@pytest.mark.parametrize("mark", [PRODUCTION, LEFT])
def test_nothing_is_planted_where_traffic_was_moved(mark: str) -> None:
    """The server would count it, and then nobody could say what clients wrote."""
    with restored_state() as folder:
        app = SimulatedApp(world(), folder, target())
        name = restored()[2]

        def case(clone: Cluster) -> Case:
            action = Validate(clone=name, source=SOURCE, source_seen=None, instances_seen=(), moment=At(instant=NOW),
                              database="embi", login=None, quarantine={}, tables={}, checks=())  # fmt: skip
            return Case(action, Scene(clone, (), NOW, timedelta(hours=1)), identity(), app.settings.trust)

        tags = {RUN_TAG: name, EXPIRES_TAG: f"{mark}embi-aurora-cutover-202401151430-7k2"}
        with pytest.raises(Refused, match="would count as written by a client") as refused:
            control_of(app, case(fix_worlds.cluster(identifier=name, tags=tags)))
        assert f"ask it without planting anything: daybreak validate {name}" in refused.value.hints
        with pytest.raises(Refused, match="no login is known"):
            control_of(app, case(fix_worlds.cluster(identifier=name, tags={RUN_TAG: name})))


def test_who_carries_a_run_out_is_not_led_to_approve_it() -> None:
    """They would be refused: they watch, and another person is led to the approval."""
    plan = fix_worlds.plan(by=fix_worlds.target().model_copy(update={"approval": timedelta(hours=2)}))
    [asked] = [step for step in plan.steps if isinstance(step.action, AwaitApproval)]
    waiting = RunState(
        run=plan.run,
        plan=plan.digest(),
        began=NOW,
        last=NOW,
        events=2,
        carriers=("ann@desk",),
        steps={asked.id: StepState(status="intended")},
    )
    assert next_command(plan, waiting, reader="ann@desk") == f"daybreak watch {plan.run}"
    assert next_command(plan, waiting, reader="bob@desk") == f"daybreak approve {plan.run}"
    own = asked.model_copy(update={"action": asked.action.model_copy(update={"by_another": False})})
    alone = plan.model_copy(update={"steps": tuple(own if each is asked else each for each in plan.steps)})
    assert next_command(alone, waiting, reader="ann@desk") == f"daybreak approve {plan.run}"


def test_while_a_rollback_has_closed_nothing_clients_work_at_the_clone() -> None:
    """Who reads that nobody can write at the source would think that nobody can write at all."""
    with restored_state() as folder:
        app = SimulatedApp(world(), folder, target())
        plan = plan_cutover(app, CutoverWish(restored()[2]))
        assert ended_after(made_of(app, plan), None).status == "finished"
        back = plan_rollback(app, plan.run)
        start(app, back)
        app.stopping.set()
        with pytest.raises(Interrupted):
            carry_out(app, back.run, Watchers())
        both = f"{CLOSED}, and clients were led to {plan.clone}, which is open"
        assert said(app, plan.run).startswith(both)
        assert said(app, back.run).startswith(both)


def test_where_nobody_was_led_to_the_clone_nothing_is_said_of_it() -> None:
    """The source was closed, and no place was changed."""
    with stopped_cutover() as (app, plan, _):
        assert "which is open" not in said(app, plan.run)


def test_a_clone_that_is_not_fit_is_refused_with_the_reasons() -> None:
    """The run's own page may show an earlier verdict, which was fit: the command asks anew."""
    with restored_state(Standing.UNFIT) as folder:
        app = SimulatedApp(world(finds=Standing.UNFIT), folder, target())
        found = app.state_or_none(restored(Standing.UNFIT)[2])
        assert found is not None
        assert found.verdict is not None
        with pytest.raises(Refused) as refused:
            plan_cutover(app, CutoverWish(restored(Standing.UNFIT)[2]))
        [reason] = [each for each in refused.value.reasons if "is unfit by the verdict of" in each]
        assert all(each.text in reason for each in found.verdict.reasons)
        assert refused.value.hints == (f"daybreak validate {restored(Standing.UNFIT)[2]}",)


def next_in_list(app: SimulatedApp) -> dict[str, str]:
    """What `daybreak runs` says of each run."""
    return {each.run: each.then for each in list_runs(app)}


def test_the_list_leads_to_what_looks_at_a_source_that_nobody_closed() -> None:
    """Nothing goes back before it is closed, and whether it can be closed is asked there; then the way back is named."""
    with unfenced() as town:
        run = town.plan.run
        assert next_in_list(town.app)[run] == "daybreak status embi"
        town.app.world.servers[SOURCE] = town.old
        closing = plan_cutover(town.app, CutoverWish(run))
        assert town.carry_out(closing).status == "finished"
        assert next_in_list(town.app)[run] == next_in_list(town.app)[closing.run] == f"daybreak rollback {run}"
        back = plan_rollback(town.app, run)
        assert town.carry_out(back).status == "finished"
        assert next_in_list(town.app)[run] == next_in_list(town.app)[back.run], "it is not taken back twice"
