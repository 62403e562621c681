"""A cutover that fenced nothing, in the simulated account: what is said of it once the old server is back, and what closes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from daybreak.app.moving import CutoverWish, plan_cutover, plan_rollback
from daybreak.app.unclosed import Unclosed, look_at_unclosed
from daybreak.assess.ending import next_command
from daybreak.errors import Refused
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import EndSessions
from daybreak.model.plan import Plan
from daybreak.model.run import RunState
from tests.app.test_underway import a_cutover_that_ended, made_of
from tests.chaos.fix_cutover import SimulatedApp, ended_after, restored, restored_state, target, world
from tests.chaos.simulated_servers import SimulatedServer
from tests.fix_worlds import SOURCE


@dataclass
class Town:
    """The account after a cutover whose source answered nobody."""

    app: SimulatedApp
    plan: Plan
    old: SimulatedServer

    def look(self) -> Unclosed | None:
        """What is open."""
        state = self.app.state_or_none(self.plan.run)
        assert state is not None
        return look_at_unclosed(self.app, self.plan, state)

    def carry_out(self, plan: Plan, until: int | None = None) -> RunState:
        """A plan's run to its end, or to a person's."""
        return ended_after(made_of(self.app, plan), until)


@contextmanager
def unfenced(until: int | None = None) -> Iterator[Town]:
    """The old server is away while the traffic moves; the run may be ended after so many steps."""
    with restored_state() as folder:
        app = SimulatedApp(world(), folder, target())
        app.world.send_out(SOURCE)
        old = app.world.servers.pop(SOURCE)
        plan = plan_cutover(app, CutoverWish(restored()[2], unfenced=SOURCE))
        town = Town(app, plan, old)
        assert town.carry_out(plan, until).status == ("finished" if until is None else "aborted")
        yield town


def test_the_old_server_is_looked_at_until_it_is_closed() -> None:
    """Silent, back, closed by the run that completes the cutover, and opened again by the rollback."""
    with unfenced() as town:
        silent = town.look()
        assert silent is not None
        assert "it does not answer now" in silent.words[0]
        assert silent.then == "daybreak status embi"
        with pytest.raises(Refused) as refused:
            plan_cutover(town.app, CutoverWish(town.plan.run))
        assert "nothing is left that can be done now" in "; ".join(refused.value.reasons)

        town.app.world.servers[SOURCE] = town.old
        back = town.look()
        assert back is not None
        assert f"takes writes beside {town.plan.clone}: app, keeper, report can log in there" in back.words[0]
        assert back.then == f"daybreak cutover {town.plan.run}"
        with pytest.raises(Refused) as refused:
            plan_rollback(town.app, town.plan.run)
        assert f"close it first: daybreak cutover {town.plan.run}" in "; ".join(refused.value.reasons)

        closing = plan_cutover(town.app, CutoverWish(town.plan.run))
        assert [step for step in closing.steps if isinstance(step.action, EndSessions)]
        ended = town.carry_out(closing)
        assert (ended.status, town.old.is_closed) == ("finished", True)
        assert next_command(closing, ended) == f"daybreak rollback {town.plan.run}"
        assert town.look() is None
        with pytest.raises(Refused, match=f"completes {town.plan.run}, and goes back with it"):
            plan_rollback(town.app, closing.run)

        assert town.carry_out(plan_rollback(town.app, town.plan.run)).status == "finished"
        assert [name for name, may in town.old.entries.items() if may] == ["app", "report", "keeper"]
        with pytest.raises(Refused, match="was taken back, or somebody began to"):
            plan_cutover(town.app, CutoverWish(town.plan.run))


def test_one_that_was_ended_half_way_can_be_closed_too() -> None:
    """Clients may be at the clone already, and no rollback opens a way as long as the old server takes writes."""
    with unfenced() as whole:
        first = next(number for number, step in enumerate(whole.plan.steps, start=1) if "point" in step.id)
    with unfenced(until=first) as town:
        town.app.world.servers[SOURCE] = town.old
        found = town.look()
        assert found is not None
        assert town.carry_out(plan_cutover(town.app, CutoverWish(town.plan.run))).status == "finished"
        assert town.carry_out(plan_rollback(town.app, town.plan.run)).status == "finished"
        assert town.old.roles["app"]


def test_what_was_fenced_is_not_completed() -> None:
    """It is taken back instead; and what is said for a first move says nothing of this."""
    with a_cutover_that_ended(is_closed=True) as (app, simulation):
        with pytest.raises(Refused, match="did not come to its end"):
            plan_cutover(app, CutoverWish(simulation.plan.run))
        with pytest.raises(Refused, match="say nothing of that"):
            plan_cutover(app, CutoverWish(simulation.plan.run, unfenced=SOURCE))
        assert FolderStore(app.folder).runs()
