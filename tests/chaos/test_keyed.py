"""A step that makes again what is keyed to the source is refused: the source serves, the other steps are done, and a person leaves it out."""

from __future__ import annotations

import pytest

from daybreak.errors import Paused
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import KeyedOrder
from daybreak.plan.amending import Wishes, amendments_for
from daybreak.plan.calls import call_of
from tests import fix_worlds
from tests.chaos.fix_cutover import ROLES, find_keyed
from tests.chaos.reply_faults import Fault
from tests.chaos.simulation import case_of, scratch


@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.INVALID])
@pytest.mark.parametrize("kind", ["set-role@1", "set-data-api@1", "set-subscription@1"])
def test_what_is_refused_keeps_the_run_before_the_gap_and_can_be_left_out(kind: str, fault: Fault) -> None:
    """Whoever may not pass a role on can move the traffic all the same, and knows what is missing."""
    with scratch() as folder:
        simulation = case_of("cutover").simulation(FolderStore(folder))
        aws, plan = simulation.aws, simulation.plan
        [step] = [each for each in plan.steps if each.action.kind == kind]
        call = call_of(step.action, {}, fix_worlds.REGION)
        assert call is not None
        aws.faults |= {(call.operation, number): fault for number in range(1, 10)}
        with pytest.raises(Paused) as paused:
            simulation.live()
        assert any(f"daybreak resume {plan.run} --without {step.id}" in hint for hint in paused.value.hints)
        state = simulation.store.chain(plan.run).state()
        others = [each.id for each in plan.steps if isinstance(each.action, KeyedOrder) and each.id != step.id]
        assert {state.step(each).status for each in others} == {"done"}
        assert plan.gap is not None
        assert state.step(plan.gap.opens).status == "waiting"
        assert aws.servers[fix_worlds.SOURCE].roles == ROLES, "the source serves"

        with simulation.attached() as journal:
            for event in amendments_for(plan, journal.state(), Wishes(without=(step.id,)), "ann@laptop"):
                journal.append(event)
        assert simulation.live().status == "finished"
        assert sorted(len(found) for found in find_keyed(aws).values()) == [1, 2, 2]
