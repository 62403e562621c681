"""Each guard of each kind of plan, broken by a second client of the lab between intent and sending: nothing is sent, the run says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from daybreak.app.custody import Leftover, plan_clean
from daybreak.app.planning import PitrWish, plan_pitr
from daybreak.app.snapshots import SnapshotWish, plan_snapshot
from daybreak.model.actions import Validate, Wait
from daybreak.model.guards import (
    Absent,
    Approved,
    AsPlanned,
    Fenced,
    FoundFit,
    Guard,
    NotServing,
    NotTheSource,
    OfRunOrAbsent,
    OldEnough,
    Ours,
    OursOrAbsent,
    Outlived,
    PastKeeping,
    Recent,
    Renamable,
    Sets,
    Unchanged,
    Unwritten,
)
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Step
from daybreak.model.run import Event, StepIntended
from daybreak.model.tags import NONCE_TAG
from daybreak.model.things import Thing
from tests import fix_worlds
from tests.chaos.fix_account import Account, Source
from tests.chaos.simulation import Case, case_of, pitr_case, snapshot_case
from tests.fix_lab import eventually

WHOLE = Source(
    settings={"DeletionProtection": True},
    parameters={"work_mem": "16384"},
    endpoints=({"EndpointType": "READER", "StaticMembers": [2]},),
)
"""A source of which a plan has a step of every kind."""


# -- the kinds of plan: made on the lab, and made in a simulated world to know beforehand what there is to break


def _pitr(account: Account, source: Source = WHOLE) -> Plan:
    account.found(source)
    return plan_pitr(account.app, PitrWish(account.name, "latest"))


def _of_default_group(account: Account) -> Plan:
    return _pitr(account, Source())


def _of_deleted(account: Account) -> Plan:
    account.found(Source())
    resource = (account.cluster(account.name) or {})["DbClusterResourceId"]
    account.remove_cluster(account.name, keeps_backups=True)
    return plan_pitr(account.app, PitrWish(account.name, "latest", resource_id=resource))


def _of_snapshot(account: Account) -> Plan:
    account.found(WHOLE)
    account.make_snapshot(f"{account.name}-kept")
    return plan_snapshot(account.app, SnapshotWish(account.name, f"{account.name}-kept"))


def _clean(account: Account) -> Plan:
    plan = _pitr(account)
    assert account.carried_out(plan).status == "finished"
    return plan_clean(account.app, Leftover(plan.run))


def _whole() -> Observation:
    return fix_worlds.observation(cluster=fix_worlds.cluster(is_protected=True), surroundings=fix_worlds.surroundings())


@dataclass(frozen=True)
class Kind:
    """One kind of plan."""

    made: Callable[[Account], Plan]
    foreseen: Callable[[], Case]
    """The same kind in a simulated world: what there is to break must be known before a lab is there."""


KINDS = {
    "copied-group": Kind(_pitr, lambda: pitr_case("copied-group", _whole())),
    "created-group": Kind(_of_default_group, lambda: case_of("created-group")),
    "deleted-source": Kind(_of_deleted, lambda: case_of("deleted-source")),
    "snapshot": Kind(_of_snapshot, lambda: snapshot_case("snapshot", _whole())),
    "clean": Kind(_clean, lambda: case_of("clean-protected")),
}


# -- what another client can do


def usurp(account: Account, thing: Thing) -> None:
    """Another run has the thing, or makes one of its name."""
    another = [{"Key": NONCE_TAG, "Value": fix_worlds.ANOTHER}]
    if account.described(thing) is not None:
        account.rds.add_tags_to_resource(ResourceName=account.arn(thing), Tags=another)
        return
    match thing.kind:
        case "cluster":
            account.make_cluster(thing.name, Tags=another)
        case "db":
            account.make_cluster(f"{account.name}-other")
            account.make_instance(thing.name, f"{account.name}-other", Tags=another)
        case "cluster-pg":
            account.make_group(thing.name, {}, Tags=another)
        case "cluster-endpoint":
            account.make_endpoint(thing.name, account.name, EndpointType="ANY", Tags=another)
    eventually(lambda: account.described(thing) is not None)


def remove(account: Account, thing: Thing) -> None:
    """Somebody deletes the thing."""
    if thing.kind == "cluster":
        account.remove_cluster(thing.name)
    else:
        account.rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName=thing.name)


def exchange(account: Account, thing: Thing) -> None:
    """Somebody deletes the thing, and makes another one of that name."""
    if thing.kind == "cluster-snapshot":
        account.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=thing.name)
        account.make_snapshot(thing.name)
    else:
        account.remove_cluster(thing.name)
        account.make_cluster(thing.name)


def reset(account: Account, thing: Thing) -> None:
    """Somebody gives a parameter group other values than it had."""
    seen = account.rds.describe_db_cluster_parameters(DBClusterParameterGroupName=thing.name, Source="user")
    values = {each["ParameterName"]: each.get("ParameterValue") for each in seen["Parameters"]}
    if values:
        account.rds.reset_db_cluster_parameter_group(DBClusterParameterGroupName=thing.name, ResetAllParameters=True)
        return
    other = {"ParameterName": "log_min_duration_statement", "ParameterValue": "7", "ApplyMethod": "pending-reboot"}
    account.rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=thing.name, Parameters=[other])


def move(account: Account, thing: Thing) -> None:
    """Somebody gives a cluster another parameter group."""
    group = f"{account.name}-elsewhere"
    account.make_group(group, {})
    account.rds.modify_db_cluster(
        DBClusterIdentifier=thing.name, DBClusterParameterGroupName=group, ApplyImmediately=True
    )


@dataclass(frozen=True)
class Way:
    """One way to break a guard, and what the run must say of it."""

    name: str
    act: Callable[[Account, Thing], None]
    says: str


_USURPED = Way("another's", usurp, "{thing} exists and was not created by this run")
_REMOVED = Way("no", remove, "{thing} is gone")
_EXCHANGED = Way("exchanged", exchange, "{thing} should have the {field} {value}, and now it has ")
_MOVED = Way("moved", move, "{thing} should have the {field} {value}, and now it has ")
_RESET = Way("reset", reset, "{thing} was changed: ")


def ways_to_break(guard: Guard) -> tuple[Way, ...]:
    """What another client of the account can do against a guard."""
    match guard:
        case OursOrAbsent():
            return (_USURPED,)
        case Ours():
            return (_USURPED, _REMOVED)
        case Absent():
            return ()  # a clone that is there after all: tests/app/test_closed.py
        case Unwritten():
            return ()  # a clone is written to in story 48
        case Renamable():
            return ()  # names move in story 53
        case Unchanged():
            return ()  # destinations have worlds of their own: tests/execute/hands/test_destinations.py
        case AsPlanned(field="writer"):
            return ()  # a global database is moved in a story of its own
        case AsPlanned(field="parameter_group"):
            return (_MOVED,)
        case AsPlanned(field="engine_version"):
            return ()  # an upgrade takes the lab longer than a test; tests/chaos/test_guards.py breaks it
        case AsPlanned():
            return (_EXCHANGED,)
        case Sets():
            return (_RESET,)
        case NotTheSource() | OldEnough() | Recent() | FoundFit() | Approved():
            return ()  # the call and the journal decide these: nobody outside can break them
        case Fenced() | OfRunOrAbsent() | Outlived() | NotServing() | PastKeeping():
            return ()  # no plan of these kinds has one: tests/execute/hands/test_sql.py and tests/chaos/test_guards.py break them


@dataclass(frozen=True)
class Breach:
    """One guard of one step of one kind of plan, and a way to break it."""

    kind: str
    step: str
    """The step's name without its number."""
    guard: str
    thing: str
    field: str
    """What must be as planned; empty where the guard speaks of no field."""
    way: Way

    @property
    def id(self) -> str:
        """For a test's name."""
        return f"{self.kind}-{self.step}-{self.way.name}-{self.thing}"

    def place(self, plan: Plan) -> tuple[Step, Guard]:
        """The step and the guard in a plan of that kind."""
        step = next(each for each in plan.steps if _name(each) == self.step)
        found = [
            each
            for each in step.guards
            if (each.kind, _kind(each), _field(each)) == (self.guard, self.thing, self.field)
        ]
        assert len(found) == 1
        return step, found[0]


def _name(step: Step) -> str:
    return step.id.partition("-")[2]


def _kind(guard: Guard) -> str:
    return "" if isinstance(guard, NotTheSource | Recent | FoundFit | Approved) else guard.thing.kind


def _field(guard: Guard) -> str:
    return guard.field if isinstance(guard, AsPlanned) else ""


def breaches(kind: str, plan: Plan) -> Iterator[Breach]:
    """Every guard of every step of a plan, with each way to break it."""
    for step in plan.steps:
        if step.is_on_request:
            continue
        for guard in step.guards:
            for way in ways_to_break(guard):
                yield Breach(kind, _name(step), guard.kind, _kind(guard), _field(guard), way)


def every_breach() -> Iterator[Any]:
    """All of them. The ordinary run takes the first of each way to break a guard about a kind of thing, and one of each plan."""
    seen: set[object] = set()
    for kind, made in KINDS.items():
        for breach in breaches(kind, made.foreseen().plan):
            news = {(breach.guard, breach.thing, breach.way.name), kind} - seen
            seen |= news
            yield pytest.param(breach, id=breach.id, marks=() if news else pytest.mark.sweep)


@pytest.mark.sample(
    "copied-group-create-writer-moved-cluster",
    "snapshot-restore-cluster-exchanged-cluster-snapshot",
    "clean-lift-protection-another's-cluster",
)
@pytest.mark.parametrize("breach", list(every_breach()))
def test_nothing_is_sent_where_another_client_breaks_a_guard(account: Account, breach: Breach) -> None:
    """The intent is durable, another client acts, and the look before the sending finds what it did."""
    plan = KINDS[breach.kind].made(account)
    step, guard = breach.place(plan)
    assert not isinstance(guard, NotTheSource | Recent | FoundFit | Approved)
    before: list[int] = []
    left: list[Any] = []

    def meddle(event: Event) -> None:
        if isinstance(event.body, StepIntended) and event.body.step == step.id and not before:
            before.append(account.newest())
            breach.way.act(account, guard.thing)
            left.append(account.tags(guard.thing))

    state = account.carried_out(plan, meddle)
    assert before, "the step was never begun"
    sent = account.changes(before[0])
    if step.when_refused == "hold" and breach.way is _USURPED:
        # The run can do without the step, and goes on with what is its own.
        assert [each for each in sent if each["identifier"] in _own(step, guard)] == []
    else:
        assert sent == []
    assert account.tags(guard.thing) == left[0], "what is another's was touched"
    said = f"{state.note} {state.step(step.id).note}"
    why = breach.way.says.format(thing=guard.thing.words(), **_planned(guard))
    lost_tag = f"{guard.thing.words()} does not carry the tag"  # of what this run created itself
    assert any(f"step {step.id}: {each}" in said for each in (why, lost_tag)), said
    assert state.step(step.id).status != "done", "a later guard noticed it, and this one did not"
    assert state.status != "finished"


def _own(step: Step, guard: Guard) -> set[str]:
    """The names that a step is about, and what its guard speaks of."""
    assert not isinstance(guard, NotTheSource | Recent | FoundFit | Approved)
    own = {getattr(step.action, field, None) for field in ("instance", "endpoint")} - {None}
    return {*map(str, own), guard.thing.name}


def _planned(guard: Guard) -> dict[str, str]:
    return {"field": guard.noun, "value": guard.value} if isinstance(guard, AsPlanned) else {}


@pytest.mark.parametrize("kind", [pytest.param(each, marks=pytest.mark.sweep) for each in KINDS])
def test_the_lab_has_the_guards_that_were_foreseen(account: Account, kind: str) -> None:
    """What is broken above is all that a plan made on the lab has to break."""
    on_the_lab = {each.id for each in breaches(kind, KINDS[kind].made(account))}
    assert on_the_lab == {each.id for each in breaches(kind, KINDS[kind].foreseen().plan)}


def test_a_wait_and_a_validation_have_guards_too() -> None:
    """What only looks is guarded as well, and is broken above."""
    foreseen = [each for kind, made in KINDS.items() for each in breaches(kind, made.foreseen().plan)]
    looking = {
        type(step.action) for made in KINDS.values() for step in made.foreseen().plan.steps
        if isinstance(step.action, Wait | Validate) and step.guards and any(each.step == _name(step) for each in foreseen)
    }  # fmt: skip
    assert {each.__name__ for each in looking} == {"AwaitCluster", "AwaitInstance", "AwaitSql", "Validate"}
