"""Plans drawn at random are carried out on the lab and in the simulated world, and both end alike, with the same things in them.

What is compared is what both answer: every member of AWS's answer that both worlds tell of a thing, but for those that
`daybreak.model.members` calls each thing's own; groups and endpoints as the product reads them. What a call of the plan carried
is told by both or by neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from daybreak.app.custody import Leftover, abort, plan_clean
from daybreak.app.planning import PitrWish, observe_for, plan_pitr
from daybreak.app.running import Watchers, carry_out
from daybreak.app.snapshots import SnapshotWish, plan_snapshot
from daybreak.errors import DaybreakError
from daybreak.journal.folder import FolderStore
from daybreak.journal.store import Store
from daybreak.model.members import CLUSTER, INSTANCE, Row, Treatment
from daybreak.model.plan import Plan
from daybreak.model.requests import CleanRequest
from daybreak.model.run import Event, RunState, StepDone
from daybreak.model.value import Value
from daybreak.observe.look import AwsReads, Lookout
from daybreak.observe.observation import look_at_remains
from daybreak.plan.operations import aws_call
from tests import fix_worlds
from tests.chaos.fix_account import Account
from tests.chaos.fix_drawn import Drawn, Trouble, calls_of, drawn, is_decided, last_step, trouble_in
from tests.chaos.simulated_aws import SimulatedAws, world_of
from tests.chaos.simulation import DRAWN, Simulation, scratch
from tests.fix_operations import names_touched
from tests.fix_worlds import REGION

SAMPLE, ALL = 8, 200
WHO, WHY = "ann@north", "enough"


# -- what a world tells


def things_in(aws: AwsReads, plan: Plan) -> dict[str, Any]:
    """All that a world tells of what a run of the plan can have made."""
    lookout, found = Lookout(aws), dict[str, Any]()
    for kind, operation, items in (
        ("cluster", "DescribeDBClusters", "DBClusters"),
        ("db", "DescribeDBInstances", "DBInstances"),
    ):
        own = [{"Name": "db-cluster-id", "Values": [plan.clone]}]
        for body in aws.pages(aws_call("rds", operation, {"Filters": own}, REGION), items):
            name = body["DBClusterIdentifier" if kind == "cluster" else "DBInstanceIdentifier"]
            found[f"{kind} {name}"] = _told(body, CLUSTER if kind == "cluster" else INSTANCE)
            if kind == "cluster":
                members = {each["DBInstanceIdentifier"]: each["IsClusterWriter"] for each in body["DBClusterMembers"]}
                found["members"] = members
    group = lookout.parameter_group(f"{plan.clone}-quarantine")
    for thing in (
        *([group] if group else ()),
        *(lookout.endpoints(plan.clone) if f"cluster {plan.clone}" in found else ()),
    ):
        found[f"{type(thing).__name__} {getattr(thing, 'name', '') or getattr(thing, 'identifier', '')}"] = _noun(thing)
    return found


def _told(body: Mapping[str, Any], rows: Mapping[str, Row]) -> dict[str, Any]:
    told = {name: value for name, value in body.items() if rows[name].treatment is not Treatment.OWN}
    told["TagList"] = {each["Key"]: each["Value"] for each in told["TagList"]}
    told["TagList"] = {key: "drawn" if key in DRAWN else value for key, value in told["TagList"].items()}
    return told


def _noun(thing: Value) -> dict[str, Any]:
    plain = thing.plain()
    plain.pop("address", None)  # each world has addresses of its own
    plain["tags"] = {key: "drawn" if key in DRAWN else value for key, value in plain["tags"].items()}
    return dict(plain)


def common(one: Any, other: Any) -> tuple[Any, Any]:
    """Both values, as far as both tell."""
    if isinstance(one, dict) and isinstance(other, dict):
        pairs = {key: common(one[key], other[key]) for key in one.keys() & other.keys()}
        return {key: pair[0] for key, pair in pairs.items()}, {key: pair[1] for key, pair in pairs.items()}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs_ = [common(*pair) for pair in zip(one, other, strict=True)]
        return [pair[0] for pair in pairs_], [pair[1] for pair in pairs_]
    return one, other


def check_alike(lab: dict[str, Any], simulated: dict[str, Any], plan: Plan) -> set[str]:
    """The same things in both worlds, with the same members; the members that were compared."""
    assert lab.keys() == simulated.keys()
    compared: set[str] = set()
    for thing, told in lab.items():
        kind, _, name = thing.partition(" ")
        if kind not in KINDS:
            assert told == simulated[thing], thing
            continue
        assert told["TagList"] == simulated[thing]["TagList"], thing
        here, there = common(told, simulated[thing])
        assert here == there, thing
        untold = _carried(plan, name, KINDS[kind]) & (told.keys() ^ simulated[thing].keys())
        assert untold == set(), "a call carried it, and one of the worlds does not tell it"
        compared |= {f"{kind}.{each}" for each in here}
    return compared


KINDS = {"cluster": CLUSTER, "db": INSTANCE}


def _carried(plan: Plan, name: str, rows: Mapping[str, Row]) -> set[str]:
    """The members that the call carried that made the thing."""
    made = [call for call in calls_of(plan).values() if call.operation.startswith(("Restore", "CreateDBI"))]
    call = next(each for each in made if names_touched(each)[0] == name)
    return {member for member, row in rows.items() if row.parameter in call.params}


def ending(plan: Plan, state: RunState) -> dict[str, Any]:
    """How a run was left: where it stands, and each of its changes."""
    changes = {step.id: state.step(step.id).status for step in plan.steps if is_decided(step)}
    every = {step.id: state.step(step.id).status for step in plan.steps} if state.status == "finished" else {}
    return {"status": state.status, "exit code": state.exit_code, "changes": changes, "steps": every}


# -- the two worlds


@dataclass
class Stop:
    """Gives a run up once a step is done."""

    store: Store
    plan: Plan
    step: str | None

    def __call__(self, event: Event) -> None:
        if isinstance(event.body, StepDone) and event.body.step == self.step:
            self.store.ask(self.plan.run, "abort", WHO, WHY)


def planned(account: Account, wish: Drawn) -> Plan:
    """The plan, made by the product's own look at the lab."""
    name = account.name
    wanted: Any = {"is_read_only": wish.is_read_only, "purpose": "staging" if wish.is_staging else "recovery"}
    account.found(wish.source)
    if wish.wanted == "snapshot":
        account.make_snapshot(f"{name}-kept")
        return plan_snapshot(account.app, SnapshotWish(name, f"{name}-kept", **wanted))
    resource = None
    if wish.wanted == "deleted":
        resource = (account.cluster(name) or {})["DbClusterResourceId"]
        account.remove_cluster(name, keeps_backups=True)
    return plan_pitr(account.app, PitrWish(name, "latest", resource_id=resource, **wanted))


def walk(simulation: Simulation) -> RunState:
    """One process's walk in the simulated world; the state in which it leaves the run."""
    with suppress(DaybreakError):
        simulation.live()
    return simulation.store.chain(simulation.plan.run).state()


def settle(account: Account, simulated: SimulatedAws, plan: Plan) -> None:
    """Let both worlds end what is under way."""
    account.until_settled(plan.clone)
    simulated.clock.elapsed += 3600


@pytest.mark.sample("1")
@pytest.mark.parametrize(
    "number", [*range(SAMPLE), *(pytest.param(each, marks=pytest.mark.sweep) for each in range(SAMPLE, ALL))]
)
def test_both_worlds_end_alike(account: Account, record_property: Any, number: int) -> None:
    """The restore, the way on after what stopped it, and the clean-up: after each of them both worlds are alike."""
    wish = drawn(number)
    plan = planned(account, wish)
    aws = world_of(observe_for(account.app, plan.request, plan.target))
    trouble, already = trouble_in(plan, wish.trouble, wish.where) if wish.trouble else (None, 0)
    stop = last_step(plan, wish.where).id if wish.is_given_up else None
    with scratch() as folder:
        store = FolderStore(folder)
        store.create(plan)
        simulation = Simulation(aws=aws, plan=plan, store=store, on_told=Stop(store, plan, stop))
        state = _both_walk(account, simulation, trouble, already, stop)
        compared = _check(account, simulation, state)
        while state.status == "paused":
            state = _both_go_on(account, simulation)
            compared |= _check(account, simulation, state)
        _check_clean(account, simulation)
    record_property("compared", sorted(compared))
    record_property("ended", f"{plan.kind} {state.status}" + (f" after {wish.trouble}" if wish.trouble else ""))


def _both_walk(
    account: Account, simulation: Simulation, trouble: Trouble | None, already: int, stop: str | None
) -> RunState:
    with ExitStack() as planted:
        if trouble is not None:
            simulation.aws.faults[trouble.call.operation, trouble.number] = trouble.fault
            planted.enter_context(account.lab.fault(**trouble.rules(already)))
        walk(simulation)
        return account.carried_out(simulation.plan, Stop(account.app.store, simulation.plan, stop))


def _both_go_on(account: Account, simulation: Simulation) -> RunState:
    """Resume in both worlds, after what stopped the run has passed."""
    walk(simulation)
    with suppress(DaybreakError):
        carry_out(account.app, simulation.plan.run, Watchers())
    return account.app.store.chain(simulation.plan.run).state()


def _check(account: Account, simulation: Simulation, state: RunState) -> set[str]:
    plan, aws = simulation.plan, simulation.aws
    simulated = simulation.store.chain(plan.run).state()
    assert ending(plan, state) == ending(plan, simulated), (state.note, simulated.note)
    settle(account, aws, plan)
    return check_alike(things_in(account.app.aws(REGION), plan), things_in(aws, plan), plan)


def _check_clean(account: Account, simulation: Simulation) -> None:
    """What is left is cleaned up by the same steps in both worlds, and then nothing of it is there."""
    plan, aws = simulation.plan, simulation.aws
    state = account.app.store.chain(plan.run).state()
    if not any(state.step(name).status == "done" for name in calls_of(plan)):
        return  # it made nothing
    if state.ended is None:
        abort(account.app, plan.run, WHY)
    clean = plan_clean(account.app, Leftover(plan.run))
    assert isinstance(clean.request, CleanRequest)
    nonce = simulation.store.chain(plan.run).state().nonce
    request = clean.request.model_copy(update={"nonce": nonce})
    same = fix_worlds.plan(
        request=request, seen=look_at_remains(Lookout(aws), plan.identity, request, aws.clock.now()), by=plan.target
    )
    assert [step.plain() for step in same.steps] == [step.plain() for step in clean.steps]
    simulation.store.create(same)
    simulated = walk(Simulation(aws=aws, plan=same, store=simulation.store))
    assert ending(clean, account.carried_out(clean)) == ending(same, simulated)
    assert things_in(account.app.aws(REGION), plan) == things_in(aws, plan) == {}
