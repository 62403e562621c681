"""Worlds in which traffic is moved: a source and its clone with their servers, applications that write, and every kind of destination."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, assert_never

from daybreak.app import App
from daybreak.app.moving import CutoverWish, plan_cutover, plan_rollback
from daybreak.aws.gateway import Access
from daybreak.config.settings import Settings
from daybreak.errors import Bug
from daybreak.execute.doors import Patience
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import (
    AttachProxy,
    ChangeRecord,
    DetachProxy,
    KeyedOrder,
    MoveSecretStage,
    PointParameter,
    PointSecret,
)
from daybreak.model.destinations import (
    EndpointDestination,
    ParameterDestination,
    ProxyDestination,
    RecordDestination,
    SecretDestination,
    TrafficDestination,
    full_name,
)
from daybreak.model.findings import Standing
from daybreak.model.plan import AwsCall, Plan
from daybreak.model.pools import PgBouncer
from daybreak.model.replies import Reply
from daybreak.model.run import Event, RunState, StepDone
from daybreak.model.targets import (
    CutoverRules,
    Target,
)
from daybreak.model.things import Thing
from daybreak.model.undo import TakenBack
from daybreak.model.value import Span
from daybreak.model.world import Identity
from daybreak.plan import estimates
from daybreak.plan.operations import touches_of
from daybreak.plan.pointing import leads_there
from daybreak.plan.sequence import Sequence
from daybreak.plan.touching import things_touched
from tests import fix_worlds
from tests.chaos.simulated_aws import SimulatedAws
from tests.chaos.simulated_destinations import (
    SimulatedProxy,
    SimulatedSecret,
)
from tests.chaos.simulated_parts import SimulatedPool
from tests.chaos.simulated_pools import SimulatedPools
from tests.chaos.simulated_probes import SimulatedProbes, ask_at_once
from tests.chaos.simulated_servers import Application, SimulatedServer
from tests.chaos.simulated_sessions import APPLICATION, ENVIRON, LOGIN, SimulatedSessions
from tests.chaos.simulation import Case, Simulation, case_of, scratch

SECRET = SecretDestination(name="embi/database")
PARAMETER = ParameterDestination(name="/prod/embi/url")
RECORD = RecordDestination(zone="Z0123456789ABCDEFGHIJ", name="db.embi.example")
PROXY = ProxyDestination(name="embi-proxy")
DESTINATIONS: tuple[TrafficDestination, ...] = (SECRET, PARAMETER, RECORD, PROXY)
"""One of each kind that goes with others."""
ENDPOINT = EndpointDestination()
"""What stands alone: applications know the endpoint's name, and the clone takes it."""
POOL = PgBouncer(host="pool.embi.example", login="env:POOL", database="embi")
"""A PgBouncer that reads the record's name, where the record is the only place."""
POINTS = PointSecret | MoveSecretStage | PointParameter | ChangeRecord | DetachProxy | AttachProxy
"""What changes where one of them points."""

ROLES = {"app": True, "report": True, "keeper": True, "archive": False}
"""Who may log in at the source, and who never could."""
AT_THE_MOMENT = 40
"""What the sequence had given out when the clone was born."""


ROLE = {"RoleArn": f"arn:aws:iam::{fix_worlds.ACCOUNT}:role/embi-import", "FeatureName": "s3Import", "Status": "ACTIVE"}
"""What the source may do outside of its database."""
SUBSCRIPTION = "embi-alerts"
"""The event subscription that reports the source."""


def find_keyed(aws: SimulatedAws) -> dict[str, Any]:
    """What is keyed to a cluster's name: who has the role and the Data API, and who is reported."""
    named = {name: one.body for name, one in aws.clusters.items()}
    return {
        "roles": {name for name, body in named.items() if body.get("AssociatedRoles")},
        "data APIs": {name for name, body in named.items() if body.get("HttpEndpointEnabled")},
        "reported": {source for sources in aws.subscriptions.values() for source in sources},
    }


RULES = CutoverRules(share=60, hold=Span(0), budget=Span(days=2), application=APPLICATION, probe=True)
"""The application's own login is tried by each place that leads somewhere here, and it measures the gap. Whoever reads the address again comes, and who keeps it for ever does not; whoever resumes on the next day is still in time."""


def target(destinations: Iterable[TrafficDestination] = DESTINATIONS, **changes: Any) -> Target:
    """The target whose applications read the address there."""
    places = tuple(destinations)
    usual = {"login": LOGIN, "destinations": places, "cutover": RULES, "pools": _pools_before(places)}
    return fix_worlds.target(**(usual | changes))


def _pools_before(destinations: tuple[TrafficDestination, ...]) -> tuple[PgBouncer, ...]:
    return (POOL,) if destinations == (RECORD,) else ()


# -- the world


@cache
def restored(finds: Standing = Standing.FIT) -> tuple[dict[str, bytes], SimulatedAws, str]:
    """The files of a state that holds a finished restore of which that was found, the account after it, and the run's name."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder), validation_finds=finds)
        assert simulation.live().status == "finished"
        files = {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    return files, at_rest(simulation.aws), simulation.plan.run


def at_rest(aws: SimulatedAws) -> SimulatedAws:
    """The account with nobody who watches it, and nothing counted so far."""
    aws.after_effect, aws.before_change = (lambda _call: None), (lambda _call: None)
    for record in (aws.effects, aws.sent, aws.reads, aws.read_at):
        record.clear()
    return aws


def world(destinations: Iterable[TrafficDestination] = DESTINATIONS, finds: Standing = Standing.FIT) -> SimulatedAws:
    """The account after a restore: both servers, what names the source, and who writes there.

    Where applications read the address in more than one place, there is also a role that may not be altered.
    """
    destinations = tuple(destinations)
    beyond = frozenset({"report"}) if len(destinations) > 1 else frozenset[str]()
    _, after, clone = restored(finds)
    aws = copy.deepcopy(after)
    aws.clusters[clone].body["DeletionProtection"] = False
    aws.clusters[fix_worlds.SOURCE].body |= {"AssociatedRoles": [ROLE], "HttpEndpointEnabled": True}
    aws.subscriptions[SUBSCRIPTION] = [fix_worlds.SOURCE]
    source, copied = (str(aws.clusters[name].body["Endpoint"]) for name in (fix_worlds.SOURCE, clone))
    aws.servers[fix_worlds.SOURCE] = SimulatedServer(source, dict(ROLES), beyond, last=100, next=2000)
    aws.endpoint = source
    aws.servers[clone] = SimulatedServer(copied, dict(ROLES), beyond, last=AT_THE_MOMENT, next=1500)
    for place in destinations:
        _shelve(aws, place, source)
    readers = [each for each in ROLES if ROLES[each]]
    aws.applications = [Application(name, place, keeps=name == "keeper") for place in destinations for name in readers]
    for pool in _pools_before(destinations):
        aws.pools[pool.host] = SimulatedPool(full_name(RECORD.name).rstrip("."))
        aws.applications += [Application(name, RECORD, pool=pool.host) for name in readers if name != "keeper"]
    for _ in range(2):
        aws.serve()
    return aws


def _shelve(aws: SimulatedAws, place: TrafficDestination, host: str) -> None:
    match place:
        case SecretDestination(name=name):
            text = json.dumps({"username": "app", "password": "only-here", "host": host, "port": 5432})
            aws.secrets[name] = SimulatedSecret({_VERSION: text}, {"AWSCURRENT": _VERSION})
        case ParameterDestination(name=name):
            text = f"postgresql://app:only-here@{host}:5432/embi"
            aws.parameters[name] = [_PARAMETER | {"Name": name, "Value": text}]
        case RecordDestination(zone=zone, name=name):
            record = {"Name": full_name(name), "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": host}]}
            aws.records[zone] = [record]
        case ProxyDestination(name=name):
            aws.proxies[name] = SimulatedProxy(fix_worlds.SOURCE, facts={"DefaultAuthScheme": "IAM_AUTH"})
        case EndpointDestination():
            pass
        case _:
            assert_never(place)


_VERSION = "aaaaaaaa-0000-4000-8000-000000000001"
_PARAMETER: dict[str, Any] = {
    "Version": 1,
    "Type": "SecureString",
    "KeyId": "alias/embi",
    "Tier": "Standard",
    "DataType": "text",
    "LastModifiedUser": "arn:aws:iam::123456789012:user/jo",
}


# -- the people


class PersonsDoor:
    """The account as one person reaches it; ``may_change`` is all that can be changed through it."""

    skew = None

    def __init__(self, world: SimulatedAws, caller: str, may_change: Iterable[Thing] = ()) -> None:
        self.region = world.region
        self._world, self._caller = world, caller
        self._may_change = frozenset(thing.folded for thing in may_change)
        self.read, self.pages = world.read, world.pages

    def identity(self) -> Identity:
        """Who that is to AWS."""
        return fix_worlds.identity(caller=self._caller)

    def change(self, call: AwsCall) -> Reply:
        """Send a change that this door was opened for."""
        for thing in touches_of(call):
            if thing.folded not in self._may_change:
                message = f"{thing.words()} would be changed"
                raise Bug(message)
        return self._world.change(call)

    def in_region(self, region: str) -> PersonsDoor:
        """The same door: the account has one region."""
        assert region == self.region
        return self

    def client(self, service: str) -> Any:
        """No token is signed here."""
        raise AssertionError(service)


class SimulatedApp(App):
    """The use cases for one person, in a simulated account."""

    def __init__(self, world: SimulatedAws, state: Path, by: Target, name: str = "dba-oncall") -> None:
        # Looks a minute apart: an approval is waited for an hour, and each look is the same.
        minute = Span(minutes=1)
        kept = Settings(state=str(state), poll=minute, targets={by.name: by})
        super().__init__(
            kept, Access(), ENVIRON, patience=Patience(between_looks=minute), sessions=SimulatedSessions(world)
        )
        self.timing: Any = world.clock
        self.most_at_once, self.probes, self.asking = 1, SimulatedProbes, ask_at_once
        self.world, self.name, self.folder = world, name, state
        self.pools = lambda _aws, _environ, touched=(): SimulatedPools(world, touched)

    def aws(self, region: str | None = None) -> Any:
        return PersonsDoor(self.world, self._caller)

    def aws_in_time(self, region: str, within: timedelta) -> Any:
        return PersonsDoor(self.world, self._caller)

    def aws_for(self, plan: Plan) -> Any:
        return PersonsDoor(self.world, self._caller, things_touched(plan))

    def person(self) -> str:
        return f"{self.name}@{self.name}s-laptop"

    @property
    def _caller(self) -> str:
        return f"arn:aws:iam::{fix_worlds.ACCOUNT}:user/{self.name}"


@contextmanager
def restored_state(finds: Standing = Standing.FIT) -> Iterator[Path]:
    """A state that holds the finished restore, for the caller alone."""
    files, _, _ = restored(finds)
    with scratch() as folder:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        yield folder


def planned_cutover(aws: SimulatedAws, by: Target) -> Plan:
    """The plan of a cutover to the restored clone, by the use case itself."""
    with restored_state() as state:
        return plan_cutover(SimulatedApp(aws, state, by), CutoverWish(restored()[2]))


def planned_rollback(aws: SimulatedAws, store: FolderStore, cutover: Plan) -> Plan:
    """The plan that takes a cutover back, by the use case itself: from the journal, and from what is seen."""
    return plan_rollback(SimulatedApp(aws, store._root, cutover.target), cutover.run)


# -- the cases


def case(name: str, destinations: Iterable[TrafficDestination] = DESTINATIONS) -> Case:
    """A cutover, or the rollback of one that was whole, that ended half-way among the places, or before any was changed."""
    if name == "cutover":
        aws = world(destinations)
        made = planned_cutover(aws, target(destinations))
        return Case(name, made, at_rest(aws))
    whole = _cutover(tuple(destinations))
    if name in ("keyed", "keyed-back"):
        return _keyed_case(name, whole)
    moves = [number for number, step in enumerate(whole.plan.steps, start=1) if leads_there(step.action)]
    until = {"rollback": None, "rollback-of-part": moves[len(moves) // 2], "rollback-of-start": moves[0] - 1}[name]
    with scratch() as folder:
        store = FolderStore(folder)
        simulation = whole.simulation(store)
        ended = ended_after(simulation, until)
        assert ended.status == ("finished" if until is None else "aborted")
        made = planned_rollback(simulation.aws, store, whole.plan)
    return Case(name, made, at_rest(simulation.aws))


def _keyed_case(name: str, whole: Case) -> Case:
    """The orders of a cutover that make again what is keyed to the source, by themselves; or those that take them back."""
    steps = tuple(each for each in whole.plan.steps if isinstance(each.action, KeyedOrder))
    forward = whole.plan.model_copy(
        update={"steps": tuple(each.model_copy(update={"after": ()}) for each in steps), "gap": None, "keyed": ()}
    )
    if name == "keyed":
        return Case(name, forward, whole.world)
    with scratch() as folder:
        simulation = Case(name, forward, whole.world).simulation(FolderStore(folder))
        assert simulation.live().status == "finished"
    sequence = Sequence(whole.plan.identity.region, ())
    for step in steps:
        assert isinstance(step.undo, TakenBack)
        [back] = step.undo.actions
        sequence.add("back", back, "why", estimates.CALL)
    return Case(name, forward.model_copy(update={"steps": tuple(sequence.steps)}), at_rest(simulation.aws))


@cache
def _cutover(destinations: tuple[TrafficDestination, ...]) -> Case:
    return case("cutover", destinations)


def ended_after(simulation: Simulation, steps: int | None) -> RunState:
    """Carry a run out, and end it by a person's request when so many of its steps are done."""
    done: list[str] = []

    def count(event: Event) -> None:
        if isinstance(event.body, StepDone):
            done.append(event.body.step)
            if len(done) == steps:
                simulation.store.ask(simulation.plan.run, "abort", "ann@north", "enough")

    simulation.on_told = count
    return simulation.live()
