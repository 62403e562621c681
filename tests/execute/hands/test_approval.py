"""An approval: of one digest, by another person, for so long; nothing is changed without it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from daybreak.errors import Paused
from daybreak.journal.folder import FolderStore
from daybreak.model.run import Event, RunApproved
from daybreak.plan.amending import Wishes, amendments_for, digest_with
from tests import fix_worlds
from tests.chaos.simulated_aws import world_of
from tests.chaos.simulation import Simulation, scratch

ASK = "01-await-approval"
BOSS = "arn:aws:sts::123456789012:assumed-role/dba/boss"


@pytest.fixture
def waiting() -> Iterator[Simulation]:
    """A restore whose owner wants a second person to say yes, for two hours each time."""
    target = fix_worlds.target().model_copy(update={"approval": timedelta(hours=2)})
    plan = fix_worlds.plan(by=target)
    with scratch() as folder:
        store = FolderStore(folder)
        store.create(plan)
        yield Simulation(aws=world_of(fix_worlds.observation()), plan=plan, store=store)


def approval(simulation: Simulation, **changes: object) -> RunApproved:
    """An approval that counts, but for what is changed in it."""
    now = simulation.aws.clock.now()
    fields = {"by": "boss@desk", "caller": BOSS, "plan": simulation.plan.digest(), "expires": now + timedelta(hours=2)}
    return RunApproved(**(fields | changes))  # type: ignore[arg-type]


def leave(simulation: Simulation, given: RunApproved, name: str = "approve-a") -> None:
    """Leave it for whoever carries out the run."""
    simulation.store.ask(simulation.plan.run, name, given.by, given.why, given)


def test_nothing_is_changed_before_somebody_else_says_yes(waiting: Simulation) -> None:
    """It waits, then pauses with the command that a second person types; nothing left this machine."""
    with pytest.raises(Paused) as caught:
        waiting.live()
    assert waiting.aws.sent == []
    assert "nobody has approved the plan as it stands" in caught.value.message
    assert f"daybreak approve {waiting.plan.run}" in caught.value.hints


def test_with_an_approval_it_is_carried_out_and_says_by_whom(waiting: Simulation) -> None:
    """The answer is an event of the journal."""
    leave(waiting, approval(waiting))
    state = waiting.live()
    assert state.status == "finished"
    assert state.step(ASK).result["caller"] == BOSS
    [given] = state.approvals
    assert (given.by, given.plan) == ("boss@desk", waiting.plan.digest())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"by": "dba@laptop"}, "carries out this run"),
        ({"caller": fix_worlds.plan().identity.caller}, "planned or carries out this run"),
        ({"plan": "0" * 64}, "as it was then"),
        ({"expires": fix_worlds.NOW - timedelta(seconds=1)}, "expired at"),
    ],
)
def test_an_approval_that_does_not_count_changes_nothing(
    waiting: Simulation, changes: dict[str, object], says: str
) -> None:
    """By whoever carries it out, of another digest, or of yesterday: each is no approval, and the run says why."""
    leave(waiting, approval(waiting, **changes))
    with pytest.raises(Paused) as caught:
        waiting.live()
    assert waiting.aws.sent == []
    assert says in caught.value.message


def test_an_approval_ends_while_the_run_goes_on(waiting: Simulation) -> None:
    """The guard is asked before every sending: what is sent after the end of the approval is not approved."""
    leave(waiting, approval(waiting, expires=waiting.aws.clock.now() + timedelta(minutes=5)))
    with pytest.raises(Paused, match="expired at"):
        waiting.live()
    assert waiting.aws.sent, "what was sent before was approved"
    leave(waiting, approval(waiting), "approve-b")
    assert waiting.live().status == "finished"


def test_a_later_approval_replaces_one_that_expired(waiting: Simulation) -> None:
    """Each has a name of its own in the inbox, and is recorded once."""
    leave(waiting, approval(waiting, expires=waiting.aws.clock.now() - timedelta(seconds=1)))
    with pytest.raises(Paused):
        waiting.live()
    leave(waiting, approval(waiting), "approve-b")
    state = waiting.live()
    assert state.status == "finished"
    assert len(state.approvals) == 2


def test_an_amendment_needs_an_approval_of_its_own(waiting: Simulation) -> None:
    """Who said yes to one plan did not say yes to another."""
    with pytest.raises(Paused):
        waiting.live()
    leave(waiting, approval(waiting))
    with waiting.attached() as journal:
        [event] = amendments_for(
            waiting.plan, journal.state(), Wishes(values=(("zone", "create-reader-2=us-east-1b"),)), "dba@laptop"
        )
        journal.append(event)
        amended = digest_with(journal.state().plan, journal.state().amendments)
    with pytest.raises(Paused, match="it was amended since"):
        waiting.live()
    leave(waiting, approval(waiting, plan=amended), "approve-b")
    assert waiting.live().status == "finished"


def test_every_change_is_guarded_and_nothing_else(waiting: Simulation) -> None:
    """A plan of a target that asks for none has neither the step nor the guard."""
    steps = waiting.plan.steps
    guarded = {step.id for step in steps if any(guard.kind == "approved" for guard in step.guards)}
    changing = {step.id for step in steps if step.undo is not None}
    assert guarded == changing
    assert all(ASK in step.after for step in steps[1:2])
    plain = fix_worlds.plan()
    assert not any(guard.kind == "approved" for step in plain.steps for guard in step.guards)


def test_an_approval_in_the_middle_of_a_run_is_recorded_when_it_comes(waiting: Simulation) -> None:
    """Whoever carries it out hears it while it waits."""

    def on_told(event: Event) -> None:
        if event.body.type == "step.intended" and getattr(event.body, "step", "") == ASK:
            leave(waiting, approval(waiting))

    waiting.on_told = on_told
    state = waiting.live()
    assert state.status == "finished"
    assert [each.body.type for each in waiting.told[:3]] == ["step.intended", "run.approved", "step.done"]
