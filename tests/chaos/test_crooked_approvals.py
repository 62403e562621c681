"""Approvals that are no second person's yes to this plan: no kind of run that asks for one changes anything by them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest

from daybreak.errors import Paused
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import AwaitApproval
from daybreak.model.guards import Approved
from daybreak.model.plan import Plan
from daybreak.model.run import Event, RunApproved
from daybreak.model.value import Span
from daybreak.plan.guarding import is_change
from tests import fix_moves, fix_worlds
from tests.chaos import fix_exports
from tests.chaos.simulated_aws import world_of
from tests.chaos.simulation import CASES, Case, Simulation, case_of, scratch
from tests.chaos.test_ended_approvals import BOSS, LASTS, approved

HOUR = timedelta(hours=1)


def _abroad() -> Case:
    seen, by = fix_worlds.away_observation(), fix_worlds.away_target(approval=LASTS)
    return Case("region", fix_worlds.plan(request=fix_worlds.region_request(), seen=seen, by=by), world_of(seen))


def _moved() -> Case:
    by, seen = fix_worlds.away_target(approval=LASTS), fix_moves.seen()
    return Case("fail-over", fix_worlds.plan(request=fix_moves.request(), seen=seen, by=by), world_of(seen))


def _restored(**wish: Any) -> Case:
    seen = fix_worlds.observation(surroundings=fix_worlds.surroundings())
    return Case("restore", fix_worlds.plan(seen=seen, by=fix_worlds.target(approval=LASTS), **wish), world_of(seen))


ASKING: dict[str, Callable[[], Case]] = {
    "pitr": _restored,
    "snapshot": lambda: _restored(request=fix_worlds.snapshot_request()),
    "region": _abroad,
    "fail-over": _moved,
    "cutover": lambda: approved("cutover")[0],
    "rollback": lambda: approved("rollback")[0],
    "make-export": lambda: fix_exports.case(Case, "export", LASTS),
    "make-archive": lambda: fix_exports.case(Case, "archive", LASTS),
}
"""Each kind of run that asks for a second person's yes, by its planner."""
NEVER_ASKS = {"copy", "clean"}
"""What touches no cluster that serves, or removes only what a run made: copies run by schedule, and nobody would say yes."""


@cache
def asking(kind: str) -> Case:
    """The case of that kind."""
    return ASKING[kind]()


def given(made: Plan, now: datetime, **changes: Any) -> RunApproved:
    """An approval that counts, but for what is changed in it."""
    fields: dict[str, Any] = {"by": "boss@desk", "caller": BOSS, "plan": made.digest(), "expires": now + LASTS}
    return RunApproved(**(fields | changes))


def _named(name: str, role: str = "dba") -> str:
    return f"arn:aws:sts::{fix_worlds.ACCOUNT}:assumed-role/{role}/{name}"


def _planner_in(form: str) -> Callable[[Plan, datetime], dict[str, Any]]:
    return lambda plan, _: {"caller": form.format(plan.identity.caller.rpartition("/")[2])}


CROOKED: dict[str, Callable[[Plan, datetime], dict[str, Any]]] = {
    "of another digest": lambda *_: {"plan": "0" * 64},
    "of another run": lambda plan, _: {"plan": plan.model_copy(update={"run": f"{plan.run}x"}).digest()},
    "of yesterday": lambda _, now: {"expires": now - timedelta(days=1)},
    "by a clock that is behind": lambda _, now: {"expires": now - 3 * HOUR + LASTS},
    "by the planner": lambda plan, _: {"caller": plan.identity.caller},
    "by the planner in another role": _planner_in(_named("{}", "admin")),
    "by the planner in capitals": lambda plan, _: {"caller": _named(plan.identity.caller.rpartition("/")[2].upper())},
    "by the planner's mail": _planner_in(_named("{}@example.com", "admin")),
    "from the carrier's account": lambda *_: {"by": "dba@laptop"},
    "by a session that a program named": lambda *_: {"caller": _named("botocore-session-1796033310")},
    "by nobody": lambda *_: {"caller": ""},
    "by a role without a session": lambda *_: {"caller": f"arn:aws:iam::{fix_worlds.ACCOUNT}:role/"},
}


@pytest.mark.parametrize("kind", ASKING)
def test_no_run_takes_a_crooked_approval_for_a_yes(kind: str) -> None:
    """All of them are left there at once: it waits its hour and pauses, and nothing was changed."""
    with scratch() as folder:
        simulation = asking(kind).simulation(FolderStore(folder))
        plan, now = simulation.plan, simulation.aws.clock.now()
        for number, change in enumerate(CROOKED.values()):
            left = given(plan, now, **change(plan, now))
            simulation.store.ask(plan.run, f"approve-{chr(ord('a') + number)}", left.by, left.why, left)
        with pytest.raises(Paused, match=r"01-await-approval"):
            simulation.live()
        assert (simulation.aws.sent, dict(simulation.aws.effects)) == ([], {})
        assert len(simulation.store.chain(plan.run).state().approvals) == len(CROOKED)


@pytest.mark.parametrize("kind", ASKING)
def test_every_change_of_a_run_that_asks_is_guarded(kind: str) -> None:
    """Also what takes no name: a pool, a program of the owner's, an order in SQL."""
    steps = asking(kind).plan.steps
    assert isinstance(steps[0].action, AwaitApproval)
    changing = {step.id for step in steps if is_change(step.action)}
    assert changing
    assert {step.id for step in steps if any(isinstance(each, Approved) for each in step.guards)} == changing


def test_what_never_asks_is_named() -> None:
    """A new kind of run is decided about here, and stands in the guide."""
    kinds = {case_of(name).plan.kind for name in CASES}
    assert kinds - {asking(kind).plan.kind for kind in ASKING} == NEVER_ASKS


def _pitr(folder: Any) -> Simulation:
    return asking("pitr").simulation(FolderStore(folder))


def test_a_yes_that_is_taken_away_before_it_was_seen_is_none() -> None:
    """Once the run has seen it, it is in the journal, and taking the file away takes nothing back."""
    with scratch() as folder:
        simulation = _pitr(folder)
        left = given(simulation.plan, simulation.aws.clock.now())
        simulation.store.ask(simulation.plan.run, "approve-a", left.by, left.why, left)
        [file] = folder.rglob("approve-a.json")
        text = file.read_bytes()
        file.unlink()
        with pytest.raises(Paused, match="nobody has approved"):
            simulation.live()
        assert simulation.aws.sent == []
        file.write_bytes(text)

        def told(event: Event) -> None:
            if event.body.type == "run.approved":
                file.unlink()

        simulation.on_told = told
        simulation.aws.clock.elapsed -= HOUR.total_seconds()
        assert simulation.live().status == "finished"


def test_an_edited_yes_is_another_one_and_counts_for_no_longer() -> None:
    """Whoever can write the state can forge one; what was seen before stays, and the end of neither is beyond the owner's span."""
    with scratch() as folder:
        simulation = _pitr(folder)
        left = given(simulation.plan, simulation.aws.clock.now(), plan="0" * 64)
        simulation.store.ask(simulation.plan.run, "approve-a", left.by, left.why, left)
        with pytest.raises(Paused):
            simulation.live()
        [file] = folder.rglob("approve-a.json")
        far = left.model_copy(update={"expires": left.expires + timedelta(days=365), "plan": simulation.plan.digest()})
        file.write_bytes(file.read_bytes().replace(left.canonical(), far.canonical()))
        state = simulation.live()
        assert [each.plan == far.plan for each in state.approvals] == [False, True]
        until = state.step(simulation.plan.steps[0].id).result["until"]
        assert datetime.fromisoformat(until) <= simulation.aws.clock.now() + Span(hours=2)


@pytest.mark.parametrize("order", [("crooked", "honest"), ("honest", "crooked")])
def test_of_two_approvals_the_one_that_counts_counts(order: tuple[str, str]) -> None:
    """Whichever came last."""
    with scratch() as folder:
        simulation = _pitr(folder)
        plan, now = simulation.plan, simulation.aws.clock.now()
        yes = {"honest": given(plan, now), "crooked": given(plan, now, caller=plan.identity.caller)}
        for number, each in enumerate(order):
            simulation.store.ask(plan.run, f"approve-{'ab'[number]}", yes[each].by, "", yes[each])
        assert simulation.live().status == "finished"
