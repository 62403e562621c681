"""Taking back any part of a run returns the world to its start, and nothing is touched on the way that no guard names."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daybreak.assess.guarding import things_asked
from daybreak.journal.folder import FolderStore
from daybreak.model.names import clean_name
from daybreak.model.observation import Observation
from daybreak.model.plan import AwsCall, Estimate, Plan, RunId
from daybreak.model.requests import CleanRequest
from daybreak.model.run import Event, RunState, StepDone
from daybreak.plan.calls import call_of, stamp_of
from daybreak.plan.operation_rows import ChangeOperation
from daybreak.plan.operations import OPERATIONS, touches_of
from daybreak.plan.rollback import Deed, take_back
from daybreak.plan.sequence import Sequence
from daybreak.report.iam_policy import policy_of
from tests import fix_worlds
from tests.chaos.simulated_aws import SimulatedAws, world_of
from tests.chaos.simulation import CASES, Simulation, case_of, scratch
from tests.plan.test_every_plan import worlds

RESTORES = [
    name
    for name in CASES
    if not name.startswith(("clean", "copy", "cutover", "rollback", "keyed", "names", "export", "archive"))
]
"""What is taken back by its undos alone; a cutover is by a plan of its own (``test_cutover_sweep``)."""


def things_in(aws: SimulatedAws) -> dict[str, Any]:
    """All that the account holds, once what is under way is over."""
    aws.clock.elapsed += 3600
    return {
        name: {
            key: (copy.deepcopy(thing.body), dict(thing.tags))
            for key, thing in sorted(shelf.items())
            if thing.gone_at is None or thing.gone_at > aws.clock.elapsed
        }
        for name, shelf in zip(
            ("clusters", "instances", "groups", "endpoints", "snapshots", "exports"), aws.shelves(), strict=True
        )
    }


def walk_until(plan: Plan, aws: SimulatedAws, store: FolderStore, steps: int) -> RunState:
    """Carry a plan out, and end it by a person's request when so many steps are done."""
    store.create(plan)
    done: list[str] = []

    def count(event: Event) -> None:
        if isinstance(event.body, StepDone):
            done.append(event.body.step)
            if len(done) == steps:
                store.ask(plan.run, "abort", "ann@north", "enough")

    return Simulation(aws=aws, plan=plan, store=store, on_told=count).live()


def rollback_of(plan: Plan, state: RunState) -> Plan:
    """The plan that takes back what a run did, made of its own undos alone."""
    sequence = Sequence(plan.identity.region, (plan.source,))
    deeds = [
        Deed(step.id, step.undo, (*step.after, *step.after_settled))
        for step in plan.steps
        if state.step(step.id).status == "done"
    ]
    take_back(deeds, sequence)
    request = CleanRequest(target=plan.target.name, run=plan.run, nonce=state.nonce, suffix="9x4")
    return plan.model_copy(
        update={
            "run": RunId(clean_name(plan.run, "9x4")),
            "request": request,
            "steps": tuple(sequence.steps),
            "estimate": Estimate(low=plan.estimate.low, high=plan.estimate.high, evidence="the undos"),
        }
    )


def check_touches(plan: Plan, calls: list[AwsCall]) -> None:
    """Each call touches only what the guards of a step of its plan speak of."""
    named = {thing for step in plan.steps for thing in things_asked(step.guards)}
    assert [call.operation for call in calls if not named.issuperset(touches_of(call))] == []


def take_all_back(plan: Plan, aws: SimulatedAws, steps: int) -> None:
    """Carry out that much of a plan, take it back, and hold the world against its start."""
    start = things_in(copy.deepcopy(aws))
    with scratch() as folder:
        store = FolderStore(folder)
        state = walk_until(plan, aws, store, steps)
        check_touches(plan, aws.sent)
        back = rollback_of(plan, state)
        if back.steps:
            sent = len(aws.sent)
            store.create(back)
            ended = Simulation(aws=aws, plan=back, store=store).live()
            assert ended.status == "finished", ended.note
            check_touches(back, aws.sent[sent:])
    assert things_in(aws) == start


@pytest.mark.sample("created-group", "region")
@pytest.mark.parametrize("kind", RESTORES)
def test_any_prefix_of_a_run_can_be_taken_back(kind: str) -> None:
    """By its own undos, in reverse, whatever the last step was."""
    case = case_of(kind)
    for steps in range(1, len(case.plan.steps) + 1):
        take_all_back(case.plan, copy.deepcopy(case.world), steps)


def _taken_back_in(world: Observation, share: float, *, is_read_only: bool) -> None:
    plan = fix_worlds.plan(request=fix_worlds.pitr_request(is_read_only=is_read_only), seen=world)
    take_all_back(plan, world_of(world), 1 + int(share * (len(plan.steps) - 1)))


_WORLDS = {"world": worlds(), "share": st.floats(0, 1), "is_read_only": st.booleans()}


@settings(max_examples=10, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(**_WORLDS)
def test_any_prefix_in_any_world_can_be_taken_back(*, world: Observation, share: float, is_read_only: bool) -> None:
    """Clusters with fifteen instances and with none, serverless, protected, deleted."""
    _taken_back_in(world, share, is_read_only=is_read_only)


@pytest.mark.sweep
@pytest.mark.timeout(7200)
@settings(max_examples=10_000, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(**_WORLDS)
def test_any_prefix_in_ten_thousand_worlds_can_be_taken_back(
    *, world: Observation, share: float, is_read_only: bool
) -> None:
    """The same, in all of an hour."""
    _taken_back_in(world, share, is_read_only=is_read_only)


@pytest.mark.parametrize("kind", CASES)
def test_the_policy_allows_the_changes_that_are_sent_and_no_other(kind: str) -> None:
    """None is missing, and none of those that nobody has to ask for is unused."""
    case = case_of(kind)
    with scratch() as folder:
        simulation = case.simulation(FolderStore(folder))
        assert simulation.live().status == "finished"
    sent = {f"{call.service}:{call.operation}" for call in simulation.aws.sent}
    allowed = {
        action
        for statement in policy_of(case.plan)["Statement"]
        for action in statement["Action"]
        if _is_change(action)
    }
    assert sent <= allowed
    stamp = stamp_of(case.plan)
    # What waits for a request, or is left where its guards do not hold, may be sent in another run of this plan.
    maybe = [step for step in case.plan.steps if step.is_on_request or step.when_refused == "forgo"]
    asked = [call_of(step.action, stamp, fix_worlds.REGION) for step in maybe]
    # Tags go with the call that makes a thing, and AWS asks for the right to set them all the same.
    assert allowed - sent <= {"rds:AddTagsToResource", *(f"rds:{call.operation}" for call in asked if call)}


def _is_change(action: str) -> bool:
    service, _, name = action.partition(":")
    row = OPERATIONS.get((service, name))
    # What AWS demands besides has no row, but for a tag of RDS's.
    return isinstance(row, ChangeOperation)
