"""A plan that acts in two regions: each step changes, looks and waits where it is placed, and is taken back there."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from daybreak.errors import DaybreakError
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import (
    AwaitCluster,
    CreateParameterGroup,
    DeleteCluster,
    RestoreFromSnapshot,
    SetParameters,
)
from daybreak.model.plan import Plan
from daybreak.model.run import RunState
from daybreak.plan import estimates
from daybreak.plan.sequence import Sequence
from daybreak.plan.touching import things_touched
from daybreak.report.iam_policy import policy_of
from tests import fix_worlds
from tests.chaos.simulated_aws import SimulatedAws, world_of
from tests.chaos.simulated_parts import Resource
from tests.chaos.simulation import Simulation, scratch
from tests.chaos.test_undo import rollback_of, things_in
from tests.chaos.wire_shapes import group_body

HOME, AWAY = "us-east-1", "eu-west-1"
GROUP, CLONE = "embi-clone-quarantine", "embi-clone"


@pytest.fixture
def plan() -> Plan:
    """One group of a name in each region, and a cluster in the one that is away."""
    sequence = Sequence(HOME, (fix_worlds.SOURCE,))
    family = "aurora-postgresql16"
    made = [
        sequence.add(
            f"create-{region}",
            CreateParameterGroup(group=GROUP, family=family, description="d", region=place),
            "why",
            estimates.CALL,
        )
        for region, place in (("home", None), ("away", AWAY))
    ]
    values = SetParameters(group=GROUP, parameters={"max_logical_replication_workers": "0"}, region=AWAY)
    filled = sequence.add("set-away", values, "why", estimates.CALL, after=(made[1],))
    restore = RestoreFromSnapshot(
        snapshot="before-release",
        clone=CLONE,
        engine="aurora-postgresql",
        engine_version="16.6",
        parameter_group=GROUP,
        security_groups=("sg-0123456789abcdef0",),
        region=AWAY,
    )
    stored = sequence.add("restore-away", restore, "why", estimates.CALL, after=(filled,))
    sequence.add("await-away", AwaitCluster(clone=CLONE, region=AWAY), "why", estimates.CALL, after=(stored,))
    whole = fix_worlds.plan()
    return whole.model_copy(update={"steps": tuple(sequence.steps), "clone": CLONE})


def regions(clock_of: SimulatedAws) -> tuple[SimulatedAws, SimulatedAws]:
    """Both regions on one clock; what the observed world holds is at home, and only the snapshot is away."""
    home = copy.deepcopy(clock_of)
    away = SimulatedAws(home.clock, AWAY, snapshots=copy.deepcopy(home.snapshots))
    return home, away


def carried_out(plan: Plan, home: SimulatedAws, away: SimulatedAws, folder: Path) -> RunState | DaybreakError:
    """The end of a run of the plan in both regions."""
    store = FolderStore(folder)
    store.create(plan)
    try:
        return Simulation(aws=home, plan=plan, store=store, abroad=(away,)).live()
    except DaybreakError as error:
        return error


def test_each_step_acts_and_is_taken_back_where_it_is_placed(plan: Plan) -> None:
    """The same name in two regions is two things; the journal's calls say which."""
    home, away = regions(world_of(fix_worlds.observation()))
    before = things_in(copy.deepcopy(home)), things_in(copy.deepcopy(away))
    with scratch() as folder:
        state = carried_out(plan, home, away, folder / "one")
        assert isinstance(state, RunState)
        assert state.status == "finished"
        assert [call.operation for call in home.sent] == ["CreateDBClusterParameterGroup"]
        assert [call.operation for call in away.sent][-1] == "RestoreDBClusterFromSnapshot"
        assert {call.region for call in home.sent} == {HOME}
        assert {call.region for call in away.sent} == {AWAY}
        assert CLONE in away.clusters
        assert CLONE not in home.clusters
        back = rollback_of(plan, state)
        assert {step.action.region for step in back.steps if isinstance(step.action, DeleteCluster)} == {AWAY}
        ended = carried_out(back, home, away, folder / "two")
        assert isinstance(ended, RunState)
        assert ended.status == "finished", ended.note
    assert (things_in(home), things_in(away)) == before


@pytest.mark.parametrize("where", [HOME, AWAY])
def test_a_foreign_thing_bars_only_the_region_that_it_is_in(plan: Plan, where: str) -> None:
    """The guard looks where the step acts."""
    home, away = regions(world_of(fix_worlds.observation()))
    there = home if where == HOME else away
    there.groups[GROUP] = Resource(group_body(GROUP, {}), {"daybreak:nonce": "another"})
    with scratch() as folder:
        ended = carried_out(plan, home, away, folder)
    assert isinstance(ended, RunState)
    assert (ended.status, "was not created by this run" in ended.note) == ("failed", True)
    assert there.sent == []


def test_touches_and_permissions_name_the_region(plan: Plan) -> None:
    """What is permitted in one region is not in the other."""
    touched = {(thing.kind, thing.name, thing.region) for thing in things_touched(plan)}
    assert touched == {
        ("cluster-pg", GROUP, HOME),
        ("cluster-pg", GROUP, AWAY),
        ("cluster", CLONE, AWAY),
    }
    making = [
        statement["Resource"]
        for statement in policy_of(plan)["Statement"]
        if "rds:RestoreDBClusterFromSnapshot" in statement["Action"]
    ]
    assert all(f":{AWAY}:" in arn for arns in making for arn in arns)
