"""An approval: of one digest, by another person, for so long; nothing is changed without it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from daybreak.assess.approving import Person, approval_of, approvals_in, why_not_another
from daybreak.errors import Paused
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import AnchorJournal, Validate
from daybreak.model.plan import StepId
from daybreak.model.run import Event, RunApproved, RunWarned, StepSeen, state_of
from daybreak.plan.amending import Wishes, amendments_for, digest_with
from daybreak.plan.asking import is_asking
from daybreak.report.text.progress import Sightings
from tests import fix_worlds
from tests.chaos.simulated_aws import world_of
from tests.chaos.simulation import Simulation, scratch

ASK = StepId("01-await-approval")
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


def inbox_of(simulation: Simulation) -> Path:
    """Where requests to the run are left."""
    assert isinstance(simulation.store, FolderStore)
    return simulation.store._runs / simulation.plan.run / "inbox"


def test_nothing_is_changed_before_somebody_else_says_yes(waiting: Simulation) -> None:
    """It waits, then pauses with the command that a second person types; nothing left this machine."""
    with pytest.raises(Paused) as caught:
        waiting.live()
    assert waiting.aws.sent == []
    assert "nobody has approved the plan as it stands" in caught.value.message
    assert f"another person types: daybreak approve {waiting.plan.run}" in caught.value.hints


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


def test_a_clock_that_is_ahead_approves_for_no_longer(waiting: Simulation) -> None:
    """Its end is written where the approval is given, or by whoever edits it; it counts since it was recorded, and for so long."""
    plan = waiting.plan
    leave(waiting, approval(waiting, expires=waiting.aws.clock.now() + timedelta(days=365)))
    state = waiting.live()
    [given] = state.approvals
    found = [
        approval_of(approvals_in(plan, state, given.at + after, is_state_local=False), by_another=True) is not None
        for after in (timedelta(hours=1), timedelta(hours=2))
    ]
    assert found == [True, False]


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
    assert [each.body.type for each in waiting.told[:4]] == ["step.intended", "step.seen", "run.approved", "step.done"]


def test_each_reason_is_an_event_once(waiting: Simulation) -> None:
    """Whoever watches from elsewhere has the journal alone; it does not grow while nothing changes."""

    def on_told(event: Event) -> None:
        if event.body.type == "step.seen" and "nobody" in getattr(event.body, "seen", ""):
            leave(waiting, approval(waiting, by="dba@laptop"))

    waiting.on_told = on_told
    with pytest.raises(Paused):
        waiting.live()
    seen = [event.body.seen for event in waiting.told if isinstance(event.body, StepSeen)]
    assert [each.partition(";")[0] for each in seen] == [
        "nobody has approved the plan as it stands",
        f"dba@laptop ({BOSS}) planned or carries out this run, and another person must approve it",
    ]
    assert all(f"daybreak approve {waiting.plan.run}" in each for each in seen)


def test_a_log_says_at_once_that_a_person_is_asked(waiting: Simulation) -> None:
    """The first sight of any other wait says nothing new; of this one it says what somebody must do."""
    sightings = Sightings(waiting.plan)
    said = sightings.line(ASK, "nobody has approved the plan as it stands", fix_worlds.NOW)
    assert "nobody has approved the plan as it stands" in said
    assert sightings.line(ASK, "nobody has approved the plan as it stands", fix_worlds.NOW) == ""


def test_while_it_waits_the_run_is_asking(waiting: Simulation) -> None:
    """So `runs` and `show` name who has to do something; before and after that it is not."""
    asking = []

    def on_told(event: Event) -> None:
        asking.append((event.body.type, is_asking(waiting.plan, state_of(waiting.store.events(waiting.plan.run)))))
        if event.body.type == "step.seen" and len(asking) < 3:
            leave(waiting, approval(waiting))

    waiting.on_told = on_told
    waiting.live()
    assert asking[1:4] == [("step.seen", True), ("run.approved", True), ("step.done", False)]
    with_another_end = state_of(waiting.store.events(waiting.plan.run))
    assert not is_asking(waiting.plan, with_another_end)


@pytest.mark.parametrize(
    "session",
    [
        "botocore-session-1796033310", "AWS-CLI-session-1796033310", "AWSCLI-Session", "aws-go-sdk-1796033310123456789",
        "1796033310123456789", "i-0123456789abcdef0", "aws-sdk-js-1796033310", "default_session", "GitHubActions",
        "deploy-1796033310", "5a1c2f9e-8c1d-4b1a-9a57-0d0a3c9b7f11", "0123456789abcdef0123456789abcdef",
    ],
)  # fmt: skip
def test_a_session_that_a_program_named_is_nobody(session: str) -> None:
    """An ordinary profile draws another one for each process, so its owner would be "another person" to themselves."""
    asked = approvals_in(fix_worlds.plan(), None, fix_worlds.NOW, is_state_local=False)
    drawn = Person("boss@desk", f"arn:aws:sts::123456789012:assumed-role/boss/{session}")
    assert f'a program drew the name "{session}" of its session' in why_not_another(drawn, asked)


def test_an_approval_by_nobody_counts_for_nothing(waiting: Simulation) -> None:
    """Also one that an older release left; what to do about it is said."""
    leave(waiting, approval(waiting, caller="arn:aws:sts::123456789012:assumed-role/dba/botocore-session-1796033310"))
    with pytest.raises(Paused, match="names nobody") as caught:
        waiting.live()
    assert waiting.aws.sent == []
    assert any("role_session_name" in hint for hint in caught.value.hints)


@pytest.mark.parametrize(
    ("planner", "approver", "counts"),
    [
        ("sts::1:assumed-role/dba/botocore-session-1796033310", "sts::1:assumed-role/dba/ann", False),
        ("sts::1:assumed-role/deploy/botocore-session-1796033310", "sts::1:assumed-role/dba/ann", True),
        ("sts::1:assumed-role/dba/ann", "sts::1:assumed-role/admin/Ann", False),
        ("iam::1:user/ann", "sts::1:assumed-role/dba/ann", False),
        ("sts::1:assumed-role/dba/bob@example.com", "sts::1:assumed-role/dba/ann@example.com", True),
        ("sts::1:assumed-role/dba/bob", "sts::1:assumed-role/dba/aws-clive", True),
    ],
)
def test_who_may_be_the_same_person_is_no_other(planner: str, approver: str, *, counts: bool) -> None:
    """Of one name in whatever role, and of one role where one of both names nobody."""
    plan = fix_worlds.plan(by=fix_worlds.target().model_copy(update={"approval": timedelta(hours=2)}))
    plan = plan.model_copy(update={"identity": fix_worlds.identity(caller=f"arn:aws:{planner}")})
    asked = approvals_in(plan, None, fix_worlds.NOW, is_state_local=False)
    assert (why_not_another(Person("ann@desk", f"arn:aws:{approver}"), asked) == "") is counts


@pytest.mark.parametrize("is_state_local", [True, False])
def test_the_same_account_of_a_machine_is_the_same_person(waiting: Simulation, *, is_state_local: bool) -> None:
    """Wherever the state is: two keys do not make two people."""
    with pytest.raises(Paused):
        waiting.live()
    state = state_of(waiting.store.events(waiting.plan.run))
    asked = approvals_in(waiting.plan, state, fix_worlds.NOW, is_state_local=is_state_local)
    assert why_not_another(Person("dba@laptop", BOSS), asked)
    assert not why_not_another(Person("boss@desk", BOSS), asked)


def test_an_approval_that_ends_before_the_tag_does_not_cost_the_verdict(waiting: Simulation) -> None:
    """All is restored and judged by then; the run says that the tag is missing."""
    leave(waiting, approval(waiting))
    judged = [step.id for step in waiting.plan.steps if isinstance(step.action, Validate)]

    def on_told(event: Event) -> None:
        if event.body.type == "step.done" and event.body.step == judged[-1]:
            waiting.aws.clock.elapsed += 3 * 3600

    waiting.on_told = on_told
    state = waiting.live()
    assert (state.status, state.verdict is not None) == ("finished", True)
    [anchor] = [step.id for step in waiting.plan.steps if isinstance(step.action, AnchorJournal)]
    assert (state.step(anchor).status, state.anchor) == ("forgone", None)
    assert "expired at" in state.step(anchor).note


def test_a_request_that_nobody_can_read_ends_nothing(waiting: Simulation) -> None:
    """The run says so once, and goes on; the approval beside it counts."""
    inbox = inbox_of(waiting)
    leave(waiting, approval(waiting), "approve-b")
    (inbox / "approve-a.json").write_bytes(b"{")
    (inbox / "approve-c.json").mkdir()
    state = waiting.live()
    assert state.status == "finished"
    warned = [each.body for each in waiting.told if isinstance(each.body, RunWarned)]
    assert sorted(each.about for each in warned) == ["request approve-a", "request approve-c"]


def test_an_abort_that_nobody_can_read_pauses_the_run(waiting: Simulation) -> None:
    """Somebody may want its end: nothing more is sent before a person has looked."""
    leave(waiting, approval(waiting))
    file = inbox_of(waiting) / "abort.json"
    file.write_bytes(b"")
    with pytest.raises(Paused, match="cannot be read"):
        waiting.live()
    assert waiting.aws.sent == []
    assert waiting.store.chain(waiting.plan.run).state().status == "paused"
    file.unlink()
    assert waiting.live().status == "finished"
