"""Each guard of each kind of plan, broken from outside between the intent and the sending: nothing is sent, and the run says why."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest

from daybreak.errors import DaybreakError
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import ArchiveOrder, CreateInstance, RemoveArchive, RenameCluster, SqlOrder, Validate, Wait
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
)
from daybreak.model.plan import Plan, Step
from daybreak.model.run import Event, RunState, StepIntended
from daybreak.model.tags import COPY_OF_TAG, EXPIRES_TAG, PRODUCTION, TAKEN_TAG
from daybreak.model.things import Thing
from tests import fix_worlds
from tests.chaos.simulated_aws import SimulatedAws
from tests.chaos.simulated_parts import Resource
from tests.chaos.simulation import CASES, Case, Simulation, case_of, scratch
from tests.chaos.wire_shapes import cluster_body, group_body, instance_body, snapshot_body

_KINDS = (
    "copied-group",
    "created-group",
    "deleted-source",
    "snapshot",
    "clean-protected",
    "copy",
    "copy-coming",
    "cutover",
    "rollback",
    "names",
    "names-back",
    "export",
    "export-end",
    "archive",
)


def shelf(aws: SimulatedAws, thing: Thing) -> dict[str, Resource]:
    """Where the simulated account keeps things of that kind."""
    return {
        "cluster": aws.clusters,
        "db": aws.instances,
        "cluster-pg": aws.groups,
        "cluster-endpoint": aws.endpoints,
        "cluster-snapshot": aws.taken,
        "export-task": aws.exports,
    }[thing.kind]


def usurp(aws: SimulatedAws, thing: Thing) -> None:
    """Another run has the thing, or makes one of its name."""
    things = shelf(aws, thing)
    if thing.name not in things:
        things[thing.name] = Resource(_SHAPES[thing.kind](thing.name) | {"_region": thing.region}, {})
    things[thing.name].tags = fix_worlds.another_runs(things[thing.name].tags)


_SHAPES: dict[str, Callable[[str], dict[str, Any]]] = {
    "cluster": lambda name: cluster_body(fix_worlds.cluster(identifier=name)),
    "db": lambda name: instance_body(fix_worlds.instance(1, identifier=name)),
    "cluster-pg": lambda name: group_body(name, {}),
    "cluster-endpoint": lambda name: {
        "DBClusterEndpointIdentifier": name,
        "DBClusterEndpointArn": f"arn:aws:rds:us-east-1:123456789012:cluster-endpoint:{name}",
        "DBClusterIdentifier": fix_worlds.SOURCE,
    },
    "cluster-snapshot": lambda name: {
        **snapshot_body(fix_worlds.snapshot(name, kind="manual")),
        "_since": 0.0,
        "_busy": "creating",
    },
    "export-task": lambda name: {
        "ExportTaskIdentifier": name,
        "SourceArn": "arn:aws:rds:us-east-1:123456789012:cluster-snapshot:another",
        "_below": "exports",
    },
}
"""What AWS answers of a thing of each kind that somebody else made."""


def remove(aws: SimulatedAws, thing: Thing) -> None:
    """Somebody deletes the thing."""
    del shelf(aws, thing)[thing.name]


def relabel(aws: SimulatedAws, thing: Thing) -> None:
    """Somebody makes it the copy of another cluster."""
    aws.taken[thing.name].tags |= {COPY_OF_TAG: "cluster-ANOTHER"}


def fail(aws: SimulatedAws, thing: Thing) -> None:
    """AWS finds that the copy is none."""
    aws.taken[thing.name].failed = "failed"


def backdate(aws: SimulatedAws, thing: Thing) -> None:
    """Somebody says that it holds an old moment."""
    aws.taken[thing.name].tags |= {TAKEN_TAG: "2020-01-01T00:00:00Z"}


def exchange(aws: SimulatedAws, guard: AsPlanned) -> None:
    """Another thing takes the name."""
    if guard.thing.kind == "cluster-snapshot":
        was = aws.snapshots[guard.thing.name]
        aws.snapshots[guard.thing.name] = was | {"SnapshotCreateTime": was["SnapshotCreateTime"] + timedelta(hours=1)}
    else:
        aws.clusters[guard.thing.name].body |= _ANOTHER[guard.field]
        aws.groups["another-group"] = Resource(group_body("another-group", {}), {})


_ANOTHER: dict[str, dict[str, Any]] = {
    "resource_id": {"DbClusterResourceId": "cluster-ANOTHER"},
    "engine_version": {"EngineVersion": "16.99"},
    "parameter_group": {"DBClusterParameterGroup": "another-group"},
}
"""How a cluster looks to which somebody did something."""


def reset(aws: SimulatedAws, guard: Sets) -> None:
    """Somebody resets the group's values, as ResetDBClusterParameterGroup does."""
    values = aws.groups[guard.thing.name].body["Parameters"]
    for name in guard.parameters:
        del values[name]


def load_a_library(aws: SimulatedAws, guard: Sets) -> None:
    """Somebody lets the group's servers load a library more."""
    aws.groups[guard.thing.name].body["Parameters"] |= {"shared_preload_libraries": "pg_cron"}


def let_in(aws: SimulatedAws, cluster: Thing) -> None:
    """Somebody gives a role its LOGIN back."""
    server = aws.servers[aws.label_of(cluster.name)]
    server.roles["app"], server.is_shut = True, False


def come_in(aws: SimulatedAws, cluster: Thing) -> None:
    """A session of somebody's is inside."""
    aws.applications[0].inside = aws.label_of(cluster.name)


def prepare(aws: SimulatedAws, cluster: Thing) -> None:
    """A transaction is prepared, which anybody who may log in can commit later."""
    aws.servers[aws.label_of(cluster.name)].prepared["left"] = "app"


def write_there(aws: SimulatedAws, place: Thing) -> None:
    """Somebody else changes what applications read."""
    match place.kind:
        case "secret":
            secret = aws.secrets[place.name]
            secret.versions["theirs"] = secret.versions[secret.labels["AWSCURRENT"]].replace("only-here", "new")
            secret.move("theirs")
        case "parameter":
            newest = aws.parameters[place.name][-1]
            aws.parameters[place.name].append(newest | {"Version": newest["Version"] + 1})
        case "proxy-target":
            aws.proxies[place.name.split("/")[0]].cluster = "another-cluster"
        case _:
            zone, name, *_ = place.name.split("/")
            aws.records[zone] = [each | ({"TTL": 77} if each["Name"] == name else {}) for each in aws.records[zone]]


def age(aws: SimulatedAws, within: timedelta) -> None:
    """A person takes so long to approve, or to resume."""
    aws.clock.elapsed += within.total_seconds()


def take_name(aws: SimulatedAws, name: str) -> None:
    """Somebody makes a cluster of that name."""
    aws.clusters[name] = copy.deepcopy(next(iter(aws.clusters.values())))
    aws.clusters[name].body |= {"DBClusterIdentifier": name, "DbClusterResourceId": "cluster-SOMEBODYS"}


def give_another_id(aws: SimulatedAws, name: str) -> None:
    """Somebody exchanges the cluster for another one of its name."""
    aws.clusters[name].body["DbClusterResourceId"] = "cluster-SOMEBODYS"


def serve(aws: SimulatedAws, cluster: Thing) -> None:
    """A cutover moves traffic to the clone."""
    aws.clusters[cluster.name].tags |= {EXPIRES_TAG: f"{PRODUCTION}embi-cutover"}


def _ways_to_keep(guard: PastKeeping) -> Iterator[tuple[str, Callable[[SimulatedAws], None]]]:
    """What somebody can do so that an archive is kept: to it, to its manifest, or to a newer one."""
    old, *newer = (each.name.partition("/")[2] for each in (guard.thing, *guard.newer))

    def change(key: str, **changes: Any) -> Callable[[SimulatedAws], None]:
        def act(aws: SimulatedAws) -> None:
            aws.archives.manifests[key] = aws.archives.manifests[key].model_copy(update=changes)

        return act

    def lose(key: str) -> Callable[[SimulatedAws], None]:
        def act(aws: SimulatedAws) -> None:
            del aws.archives.manifests[key]

        return act

    def take_away(key: str) -> Callable[[SimulatedAws], None]:
        def act(aws: SimulatedAws) -> None:
            del aws.archives.objects[key]

        return act

    yield "no manifest", lose(old)
    yield "another's manifest", change(old, target="another")
    yield "a manifest of another size", change(old, bytes=1)
    yield "a longer time", change(old, keep_until=guard.until + timedelta(days=1))
    yield "no time", change(old, keep_until=None)
    for number, key in enumerate(newer):
        yield f"no newer one {number}", take_away(key)
        yield f"no manifest of the newer one {number}", lose(key)
        yield f"a torn newer one {number}", change(key, bytes=1)
        yield f"a newer one of another database {number}", change(key, database="another")
        yield f"a newer one that is none {number}", change(key, taken=fix_worlds.NOW - timedelta(days=36_500))


def ways_to_break(guard: Guard) -> Iterator[tuple[str, Callable[[SimulatedAws], None]]]:
    """What another client of the account can do against a guard."""
    match guard:
        case OursOrAbsent(thing=thing):
            yield f"another's {thing.kind}", lambda aws: usurp(aws, thing)
        case Ours(thing=thing):
            yield f"another's {thing.kind}", lambda aws: usurp(aws, thing)
            yield f"no {thing.kind}", lambda aws: remove(aws, thing)
        case OfRunOrAbsent(thing=thing):
            yield "another's snapshot", lambda aws: usurp(aws, thing)
            yield "another cluster's", lambda aws: relabel(aws, thing)
        case Outlived(newer=newer):
            for each in newer:
                yield f"no {each.name}", partial(remove, thing=each)
                yield f"{each.name} failed", partial(fail, thing=each)
                yield f"{each.name} unmarked", partial(relabel, thing=each)
                yield f"{each.name} holds nothing later", partial(backdate, thing=each)
        case AsPlanned():
            yield f"another {guard.field} of the {guard.thing.kind}", lambda aws: exchange(aws, guard)
        case Sets(is_all=is_all):
            if guard.parameters:
                yield "reset values", lambda aws: reset(aws, guard)
            if is_all:
                yield "another library", lambda aws: load_a_library(aws, guard)
        case Fenced(thing=thing):
            yield "an open door", lambda aws: let_in(aws, thing)
            yield "somebody inside", lambda aws: come_in(aws, thing)
            yield "a prepared transaction", lambda aws: prepare(aws, thing)
        case Unchanged(thing=thing):
            yield f"another version of the {thing.kind}", lambda aws: write_there(aws, thing)
        case NotServing(thing=thing):
            yield "traffic that was moved to it", lambda aws: serve(aws, thing)
        case PastKeeping():
            yield from _ways_to_keep(guard)
        case Renamable(thing=thing, is_own=is_own):
            _, old, new = thing.name.split("/", 2)
            yield "a name that is taken", lambda aws: take_name(aws, new)
            yield "another cluster of the old name", lambda aws: give_another_id(aws, old)
            if is_own:
                yield "another's clone", lambda aws: usurp(aws, Thing(kind="cluster", name=old, region=thing.region))
        case Recent(within=within):
            yield "an old verdict", lambda aws: age(aws, within)
        case Absent(thing=thing):
            raise AssertionError(thing)  # no kind of these has one: tests/app/test_closed.py
        case NotTheSource() | OldEnough() | FoundFit():
            return  # the call and the journal decide these: nobody outside can break them


def breaches(kind: str) -> Iterator[Any]:
    """Every guard of every step of a plan, with each way to break it."""
    for step in case_of(kind).plan.steps:
        if step.is_on_request or (step.when_refused == "forgo" and not isinstance(step.action, RemoveArchive)):
            continue  # what is left where a guard does not hold is begun in tests/app/test_closed.py
        if kind.startswith("names") and not isinstance(step.action, RenameCluster):
            continue  # all else of a cutover by names is as in any
        for guard in step.guards:
            for name, way in ways_to_break(guard):
                how = f"{type(step.action).__name__}: {guard.kind}: {name}"
                yield pytest.param(kind, step.id, how, way, id=f"{kind}-{step.id}-{name}")


def walked(simulation: Simulation) -> RunState | DaybreakError:
    """One process's walk to wherever it gets."""
    try:
        return simulation.live()
    except DaybreakError as error:
        return error


@pytest.mark.sample(each=("kind", "how"))
@pytest.mark.parametrize(("kind", "name", "how", "way"), [each for kind in _KINDS for each in breaches(kind)])
def test_nothing_is_sent_where_a_guard_is_broken(
    kind: str, name: str, how: str, way: Callable[[SimulatedAws], None]
) -> None:
    """The last look before the sending sees what happened since the step was begun."""
    with scratch() as folder:
        simulation = case_of(kind).simulation(FolderStore(folder))
        step = simulation.plan.step(name)
        sent: list[int] = []
        done: list[Counter[tuple[str, str]]] = []

        def meddle(event: Event) -> None:
            if isinstance(event.body, StepIntended) and event.body.step == name and not sent:
                way(simulation.aws)
                sent.append(len(simulation.aws.sent))
                done.append(Counter(simulation.aws.effects))

        simulation.on_told = meddle
        ended = walked(simulation)
        assert sent, f"{how}: the step was never begun"
        own = [call for call in simulation.aws.sent[sent[0] :] if _is_of(call.params, step)]
        assert own == []
        assert not isinstance(step.action, SqlOrder | ArchiveOrder) or simulation.aws.effects == done[0]
        why = ended.note if isinstance(ended, RunState) else ended.message
        held = simulation.store.chain(simulation.plan.run).state().step(name)
        assert name in why or name in held.note or held.status == "held", why
        assert any(cause in why + held.note for cause in _CAUSES), why + held.note


_CAUSES = (
    "was not created by this run",
    "does not carry the tag",
    "is gone",
    "now it has",
    "was changed: ",
    "is not, or no longer, the copy",
    "is failed, and not complete",
    "is no copy of",
    "holds no later moment",
    "is not fenced: ",
    "was changed since: ",
    "does not name embi-aurora",
    "is older than 1 hour",
    "is named neither ",
    "is not free",
    "traffic was moved to",
    "is kept",
)


def _is_of(params: dict[str, Any], step: Step) -> bool:
    """Whether a call names what the step makes, changes or removes."""
    if isinstance(step.action, Wait | Validate):
        return step.when_refused != "hold"  # what the run can do without ends nothing else
    own = {
        getattr(step.action, field, None)
        for field in ("instance", "endpoint", "group", "snapshot", "secret", "parameter", "zone", "name", "task")
    } - {None}
    wanted = own or {getattr(step.action, "clone", None)}
    return bool(wanted.intersection(str(value) for value in params.values() if isinstance(value, str)))


def forged(case: Case, name: str, **changes: Any) -> Simulation:
    """A run of the plan with one step changed, as nobody's planner makes it."""
    step = case.plan.step(name).model_copy(update=changes)
    steps = tuple(step if each.id == name else each for each in case.plan.steps)
    plan: Plan = case.plan.model_copy(update={"steps": steps})
    return Simulation(aws=copy.deepcopy(case.world), plan=plan, store=FolderStore(Path("/nowhere")))


def test_a_plan_that_names_the_source_sends_nothing_to_it() -> None:
    """The guard asks the call itself, not the plan that it came from."""
    case = case_of("copied-group")
    name = next(step.id for step in case.plan.steps if step.id.endswith("set-cluster-options"))
    action = case.plan.step(name).action.model_copy(update={"clone": case.plan.source})
    simulation = forged(case, name, action=action)
    with scratch() as folder:
        simulation.store = FolderStore(folder)
        simulation.store.create(simulation.plan)
        state = walked(simulation)
    assert isinstance(state, RunState)
    assert state.status == "failed"
    assert f"the call would change {case.plan.source}, which is the source's" in state.note
    assert "ModifyDBCluster" not in {call.operation for call in simulation.aws.sent}


def test_an_instance_waits_for_the_rest_also_where_the_wait_is_gone() -> None:
    """The guard on the age of the group does not trust the order of the steps."""
    case = case_of("copied-group")
    writer = next(step for step in case.plan.steps if isinstance(step.action, CreateInstance))
    wait = next(step for step in case.plan.steps if step.id.endswith("await-cluster"))
    simulation = forged(case, writer.id, after=(wait.id,))
    simulation.aws.restoring = 20.0
    with scratch() as folder:
        simulation.store = FolderStore(folder)
        simulation.store.create(simulation.plan)
        ended = walked(simulation)
    why = ended.note if isinstance(ended, RunState) else ended.message
    assert "has to rest for 5 minutes" in why
    assert "CreateDBInstance" not in {call.operation for call in simulation.aws.sent}


def test_every_kind_of_plan_has_its_guards_broken() -> None:
    """No kind of guard that can be broken from outside is left out."""
    broken = {type(guard) for kind in _KINDS for step in case_of(kind).plan.steps for guard in step.guards}
    elsewhere = {Approved, Absent, FoundFit}  # a story and a machine; tests/app/test_closed.py; hands/test_carrying.py
    assert broken == {*get_args(get_args(Guard)[0])} - elsewhere
    assert set(_KINDS) <= set(CASES)
