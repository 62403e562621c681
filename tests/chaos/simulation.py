"""Runs in virtual time: real plans, the real interpreter and the real journal, in a world that can be torn at any point.

A process dies here by ``Killed``, which no code of the product catches: what it knew is gone, what is on disk stays.
"""

from __future__ import annotations

import copy
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from daybreak.assess.obstacles import Obstacle
from daybreak.errors import DaybreakError, Interrupted, Uncertain, Unreachable
from daybreak.execute.beside import Beside
from daybreak.execute.doors import ArchiveDoor, Doors, ExportDoor, NoExports, Patience, Place, SqlDoor, Timing
from daybreak.execute.interpreter import carry_out
from daybreak.execute.writing import Sql
from daybreak.journal.folder import FolderStore
from daybreak.journal.store import Journal, Store
from daybreak.model.actions import CreateInstance, SetExpiry
from daybreak.model.findings import Standing
from daybreak.model.moment import Latest
from daybreak.model.observation import Observation
from daybreak.model.plan import AwsCall, Plan
from daybreak.model.requests import CleanRequest, SnapshotRequest
from daybreak.model.run import Event, RunState, StepIntended, StepRetried
from daybreak.model.tags import JOURNAL_TAG, NONCE_TAG, STATE_TAG
from daybreak.model.trust import Trust
from daybreak.model.world import AutomatedBackup, ParameterGroup, ServerlessRange, Window
from daybreak.observe.look import Lookout
from daybreak.observe.observation import look_at_remains
from daybreak.observe.poller import Poller
from daybreak.plan.calls import FILLED_WHEN_SENT, complete, owner_of
from daybreak.plan.touching import things_touched
from tests import fix_moves, fix_worlds
from tests.chaos import fix_copies, fix_destinations, fix_exports
from tests.chaos.simulated_archives import SimulatedMaker
from tests.chaos.simulated_aws import SimulatedAws, world_of
from tests.chaos.simulated_beside import SimulatedBeside, SimulatedErrand
from tests.chaos.simulated_database import SimulatedDatabase
from tests.chaos.simulated_pools import SimulatedPools
from tests.chaos.simulated_probes import SimulatedProbes, ask_at_once
from tests.chaos.simulated_servers import check_ledger
from tests.chaos.simulated_sessions import ENVIRON, opener
from tests.chaos.simulated_snapshots import RegionOfAccount
from tests.fix_operations import names_touched

POLL = 60.0
LIVES = 20
"""Lives in which a run must have ended; each is a process that is started, and perhaps killed."""


class Killed(BaseException):
    """The process is gone: like ``kill -9``, nobody can catch it."""


Mode = Literal["before", "torn", "after", "sent"]


@dataclass(frozen=True)
class Crash:
    """Where a life ends: around its ``number``-th append, or right after its ``number``-th change took effect."""

    number: int
    mode: Mode


@dataclass
class Simulation:
    """One run in one world. ``live`` is one process's life; state outlives it only in ``store`` and ``aws``."""

    aws: SimulatedAws
    plan: Plan
    store: Store
    patience: Patience = field(default_factory=Patience)
    take_over: bool = False
    poll: float = POLL
    is_stopping: Callable[[], bool] = lambda: False
    asked: bool = True
    told: list[Event] = field(default_factory=list)
    on_told: Callable[[Event], None] = lambda _event: None
    before_append: Callable[[], object] = lambda: None
    after_effect: Callable[[], None] = lambda: None
    nonces: Iterator[int] = field(default_factory=itertools.count)
    abroad: tuple[SimulatedAws, ...] = ()
    """Other regions, on the same clock."""
    kept_out: timedelta = timedelta()
    """How long the clone's server lets nobody in once it is there."""
    obstacle: Obstacle | None = "stranger"
    """What keeps them out."""
    validation_takes: timedelta = timedelta(minutes=2)
    """How long the data is validated for."""
    validation_finds: Standing = Standing.FIT
    """How the moment of the clone's data stands."""
    validation_raises: BaseException | None = None
    """What ends it before it finds anything."""
    sql: SqlDoor | None = None
    """The door to the databases; ``None`` is the real one, with the simulated servers behind it."""
    timing: Timing | None = None
    """What the walk waits by; ``None`` is the account's own clock."""
    beside: Beside | None = None
    """How work is done beside the walk; ``None`` is in virtual time."""
    environ: dict[str, str] = field(default_factory=dict)
    """The environment of the owner's programs."""
    exports: ExportDoor = field(default_factory=NoExports)
    """What is done with an export."""
    maker: ArchiveDoor | None = None  # ``None`` makes an archive in virtual time
    undertakings: list[SimulatedErrand] = field(default_factory=list)
    """Everything that was done beside a walk."""

    def live(self, crash: Crash | None = None) -> RunState:
        """Attach and carry out, until the end, an error, or the crash."""
        journal: Journal | None = None
        death = _Death(crash, self)
        self.aws.after_effect = death.after_effect
        self.aws.before_change = self._has_intent
        try:
            journal = self.attached(death.before_append)
            return carry_out(self.plan, journal, self.doors(death.after_append))
        finally:
            if journal is not None:
                journal.close()  # the kernel lets go of a dead process's lock

    def attached(self, before_append: Callable[[], None] = lambda: None, *, take_over: bool | None = None) -> Journal:
        """The run in a new process's hands."""

        def nonce() -> str:
            before_append()
            return f"{next(self.nonces):08x}"

        return self.store.attach(
            self.plan.run,
            who="dba@laptop",
            where="laptop",
            now=(self.timing or self.aws.clock).now,
            nonce=nonce,
            take_over=self.take_over if take_over is None else take_over,
        )

    def doors(self, after_append: Callable[[], None] = lambda: None) -> Doors:
        """Everything the interpreter touches, in virtual time."""
        clock = self.aws.clock
        worlds = (self.aws, *self.abroad)
        databases = {
            aws.region: SimulatedDatabase(
                aws, self.kept_out, self.obstacle, self.validation_takes, self.validation_finds
            )
            for aws in worlds
        }
        sql = self.sql or Sql(
            self.aws,
            ENVIRON,
            Trust(),
            things_touched(self.plan),
            opener(self.aws),
            opener(self.aws),
            probes=SimulatedProbes(),
            asking=ask_at_once,
        )
        places = {aws.region: _place(aws, databases[aws.region], sql, self.poll) for aws in worlds}
        if self.aws.elsewhere:
            beyond = RegionOfAccount(self.aws, self.aws.elsewhere)
            places[beyond.region] = _place(beyond, databases[self.aws.region], sql, self.poll)

        def told(event: Event) -> None:
            self.told.append(event)
            self.on_told(event)
            for database in databases.values():
                database.raises = self.validation_raises
            after_append()

        return Doors(
            home=places[self.aws.region],
            away=lambda region: places[region],
            timing=self.timing or clock,
            beside=self.beside or SimulatedBeside(self.aws.clock, self.undertakings),
            patience=self.patience,
            on_event=told,
            asked=(lambda: self.store.inbox(self.plan.run)) if self.asked else tuple,
            is_stopping=self.is_stopping,
            environ=self.environ,
            exports=self.exports,
            making=self.maker or SimulatedMaker(self.plan, self.aws.archives, clock, self.aws.note_effect),
            pools=SimulatedPools(self.aws, things_touched(self.plan)),
            read_export=self.aws.read_export,
        )

    def _has_intent(self, call: AwsCall) -> None:
        """No change leaves before its intent is durable; since then nothing happened to its step but that a look was put off."""
        bodies = [event.body for event in self.told]
        since, intent = next(
            (number, body)
            for number, body in reversed([*enumerate(bodies)])
            if isinstance(body, StepIntended) and body.call == complete(call, FILLED_WHEN_SENT).plain()
        )
        own = [body for body in bodies[since + 1 :] if getattr(body, "step", None) == intent.step]
        assert all(isinstance(body, StepRetried) for body in own)


def _place(aws: SimulatedAws | RegionOfAccount, database: SimulatedDatabase, sql: SqlDoor, poll: float) -> Place:
    lookout, clock = Lookout(aws), database.clock
    poller = Poller(lookout, poll, monotonic=clock.monotonic, sleep=clock.sleep)
    return Place(aws, lookout, poller, database, sql)


class _Death:
    """Counts a life's appends and changes, and ends it where it was planned."""

    def __init__(self, crash: Crash | None, simulation: Simulation) -> None:
        self._crash = crash
        self._simulation = simulation
        self._nonces = 0
        self._changes = 0

    def before_append(self) -> None:
        self._nonces += 1  # the first names the writer
        number = self._nonces - 2
        if number >= 0:
            self._simulation.before_append()
        match self._crash:
            case Crash(number=planned, mode="before") if planned == number:
                raise Killed
            case Crash(number=planned, mode="torn") if planned == number:
                tear(self._simulation.store, self._simulation.plan.run)
                raise Killed
            case Crash(number=planned, mode="after") if planned < 2 and planned == number - 1:
                raise Killed  # in attaching nothing lies between two appends

    def after_append(self) -> None:
        match self._crash:
            case Crash(number=planned, mode="after") if planned == self._nonces - 2:
                raise Killed

    def after_effect(self, _call: AwsCall | None) -> None:
        self._changes += 1
        self._simulation.after_effect()
        if self._crash == Crash(self._changes, "sent"):
            raise Killed


def tear(store: Store, run: str) -> None:
    """Leave half a line at the journal's end, as a machine does that loses power while writing."""
    assert isinstance(store, FolderStore)
    with (store._runs / run / "journal.jsonl").open("ab") as journal:
        journal.write(
            b'{"digest":"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03","event":{"at":"2024'
        )


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder in memory where there is one: a sweep syncs a hundred thousand times."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


# -- every kind of plan, each with the world it was made for


@dataclass(frozen=True)
class Case:
    """A plan and the world it was made in."""

    name: str
    plan: Plan
    world: SimulatedAws

    def simulation(self, store: Store, **changes: Any) -> Simulation:
        """A run of the plan in a world of its own."""
        aws = copy.deepcopy(self.world)
        aws.weather = _clear
        store.create(self.plan)
        return Simulation(aws=aws, plan=self.plan, store=store, **changes)


def _ignore(_call: AwsCall | None) -> None:
    return None


def _clear(_is_change: bool) -> None:  # noqa: FBT001 - the shape of ``weather``
    return None


def pitr_case(name: str, seen: Observation, **wish: Any) -> Case:
    """A point-in-time recovery in the world it was planned in."""
    return Case(name, fix_worlds.plan(request=fix_worlds.pitr_request(**wish), seen=seen), world_of(seen))


def snapshot_case(name: str, seen: Observation, **wish: Any) -> Case:
    """A restore from a snapshot in the world it was planned in."""
    request: SnapshotRequest = fix_worlds.snapshot_request(**wish)
    return Case(name, fix_worlds.plan(request=request, seen=seen), world_of(seen))


def _region_case(name: str) -> Case:
    """A restore in another region, of which nothing else is left than a copy and a capsule."""
    seen = fix_worlds.away_observation()
    made = fix_worlds.plan(request=fix_worlds.region_request(), seen=seen, by=fix_worlds.away_target())
    return Case(name, made, world_of(seen))


def _copy_case(name: str, *, is_coming: bool = False) -> Case:
    """Copies in another region: two complete ones of which one goes, or one that an earlier run began and that is followed."""
    seen = fix_copies.observation(
        copies=fix_copies.seen(
            fix_copies.copied("old", days=2),
            fix_copies.copied("older", days=3),
            *([fix_copies.copied("coming", hours=1, status="copying", percent=40)] if is_coming else []),
        ),
        snapshots=(fix_copies.left_behind("left", days=2),),
    )
    made = fix_worlds.plan(request=fix_copies.request(), seen=seen, by=fix_copies.target())
    return Case(name, made, fix_copies.world(seen))


def _moved_case(name: str, **wish: Any) -> Case:
    """The writer of a global database is moved to the secondary, in the world in which that was planned."""
    return Case(name, fix_moves.plan(**wish), world_of(fix_moves.seen()))


def _deleted() -> Observation:
    kept = AutomatedBackup(
        cluster=fix_worlds.SOURCE,
        resource_id="cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        status="retained",
        engine="aurora-postgresql",
        engine_version="16.6",
        window=Window(earliest=fix_worlds.NOW - timedelta(days=9), latest=fix_worlds.NOW - timedelta(minutes=10)),
        is_encrypted=True,
        kms_key=fix_worlds.KEY,
        tags=fix_worlds.TAGS,
    )
    return fix_worlds.observation(cluster=None, instances=(), parameter_group=None, backups=(kept,))


def _remembered() -> Observation:
    """A source that is gone with its parameter group, and its capsule with more values than AWS sets in one call."""
    return _deleted().model_copy(update={"capsule": fix_worlds.capsule()})


def _several_readers() -> Observation:
    return fix_worlds.observation(instances=tuple(map(fix_worlds.instance, range(1, 5))))


def _clean_case(name: str, *, is_protected: bool) -> Case:
    """A clean-up of what a run left, planned by looking at it."""
    cluster = fix_worlds.cluster(is_protected=is_protected)
    seen = fix_worlds.observation(cluster=cluster, surroundings=fix_worlds.surroundings())
    with scratch() as folder:
        made = pitr_case(name, seen).simulation(FolderStore(folder))
        nonce = made.live().nonce
    aws = made.aws
    aws.after_effect, aws.before_change = _ignore, _ignore
    request = CleanRequest(target="embi", run=made.plan.run, nonce=nonce, suffix="9x4")
    left = look_at_remains(Lookout(aws), fix_worlds.identity(), request, aws.clock.now())
    for record in (aws.effects, aws.sent, aws.reads, aws.read_at):
        record.clear()
    return Case(name, fix_worlds.plan(request=request, seen=left), aws)


def _move_case(name: str) -> Case:
    """Traffic is moved to a clone, or back, with every kind of destination, while applications write."""
    from tests.chaos import fix_cutover

    return fix_cutover.case(name)


def _names_case(name: str) -> Case:
    """The clone takes the source's name, or gives it back."""
    from tests.chaos import fix_cutover

    return fix_cutover.case({"names": "cutover", "names-back": "rollback"}[name], (fix_cutover.ENDPOINT,))


_MOVES = ("cutover", "rollback", "rollback-of-part", "rollback-of-start")
_KEYED = ("keyed", "keyed-back")
"""What of a cutover is keyed to the source's name, by itself."""
_DEFAULT_GROUP = ParameterGroup(name="default.aurora-postgresql16", family="aurora-postgresql16")
_SERVERLESS = fix_worlds.cluster(serverless=ServerlessRange(low=0.5, high=16), parameter_group="embi-aurora-params")

CASES: dict[str, Callable[[], Case]] = {
    "copied-group": lambda: pitr_case("copied-group", fix_worlds.observation()),
    "created-group": lambda: pitr_case("created-group", fix_worlds.observation(parameter_group=_DEFAULT_GROUP)),
    "deleted-source": lambda: pitr_case("deleted-source", _deleted(), resource_id="cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "serverless": lambda: pitr_case("serverless", fix_worlds.observation(cluster=_SERVERLESS)),
    "several-readers": lambda: pitr_case("several-readers", _several_readers()),
    "read-only": lambda: pitr_case("read-only", fix_worlds.observation(), is_read_only=True),
    "latest": lambda: pitr_case("latest", fix_worlds.observation(), moment=Latest(), words="latest"),
    "snapshot": lambda: snapshot_case("snapshot", fix_worlds.observation(surroundings=fix_worlds.surroundings())),
    "staging": lambda: snapshot_case("staging", fix_worlds.observation(), purpose="staging"),
    "capsule": lambda: pitr_case("capsule", _remembered()),
    "snapshot-capsule": lambda: snapshot_case("snapshot-capsule", _remembered()),
    "region": lambda: _region_case("region"),
    "copy": lambda: _copy_case("copy"),
    "copy-coming": lambda: _copy_case("copy-coming", is_coming=True),
    "fail-over": lambda: _moved_case("fail-over"),
    "switch-over": lambda: _moved_case("switch-over", is_switch=True),
    **{name: partial(fix_destinations.case, Case, name) for name in ("destinations", "destinations-back")},
    **{name: partial(_move_case, name) for name in (*_MOVES, *_KEYED)},
    **{name: partial(_names_case, name) for name in ("names", "names-back")},
    **{name: partial(fix_exports.case, Case, name) for name in ("export", "export-end", "archive", "archive-end")},
    "clean-protected": lambda: _clean_case("clean-protected", is_protected=True),
    "clean-unprotected": lambda: _clean_case("clean-unprotected", is_protected=False),
}


@cache
def case_of(kind: str) -> Case:
    """The case, made once."""
    return CASES[kind]()


# -- what must hold at the end


DRAWN = frozenset({NONCE_TAG, JOURNAL_TAG, STATE_TAG})
"""Tags whose values are another run's in another run of the same plan."""


def standing_of_world(aws: SimulatedAws, plan: Plan) -> dict[str, Any]:
    """What a run left behind, in a form that two runs can be compared by."""
    lookout, weather, heard = Lookout(aws), aws.weather, aws.heard
    aws.weather, aws.heard = _clear, {}
    aws.clock.elapsed += 3600
    try:
        cluster = lookout.cluster(plan.clone)
        instances = lookout.instances([plan.clone])
        group = lookout.parameter_group(f"{plan.clone}-quarantine")
        endpoints = lookout.endpoints(plan.clone)
    finally:
        aws.weather, aws.heard = weather, heard
    return {
        "clusters": sorted(aws.clusters),
        "instances": [(name, one.instance_class, one.tier) for name, one in sorted(instances.items())],
        "groups": sorted(aws.groups),
        "endpoints": [(each.identifier, each.kind, each.static_members, each.excluded_members) for each in endpoints],
        "parameters": group.parameters if group else None,
        "cluster": (
            (cluster.status, cluster.is_protected, cluster.backup_retention, cluster.backup_window, cluster.serverless)
            if cluster
            else None
        ),
        "tags": {key: value for key, value in cluster.tags.items() if key not in DRAWN} if cluster else None,
        "drawn": sorted(DRAWN & cluster.tags.keys()) if cluster else None,
        "writers": (aws.writers(), aws.addresses()),
        "servers": {name: (one.entries, sorted(one.prepared)) for name, one in sorted(aws.servers.items())},
        "keyed": (cluster.roles, cluster.has_http_endpoint, copy.deepcopy(aws.subscriptions)) if cluster else None,
        "archives": aws.archives.standing,
        "exports": {name: aws.status_of_export(one) for name, one in sorted(aws.exports.items())},
        "snapshots": sorted(name for name, one in aws.taken.items() if one.gone_at is None),
    }


def check_effects(simulation: Simulation) -> None:
    """No effect twice, nothing sent that names the source, and only what is ours was made."""
    aws, plan = simulation.aws, simulation.plan
    chain = simulation.store.chain(plan.run)
    owner = owner_of(plan, chain.state().nonce)
    # A rollback says first that the clone was left, and takes that back where nobody wrote there.
    done = [step.action for step in plan.steps if chain.state().step(step.id).status == "done"]
    tags = max(1, sum(isinstance(action, SetExpiry) for action in done))
    twice = {key: count for key, count in aws.effects.items() if count > (tags if key[0] == "AddTagsToResource" else 1)}
    assert twice == {}, twice
    touched = [call for call in aws.sent if plan.source in names_touched(call)]
    assert touched == []
    for _ in range(3):
        aws.serve()
    check_ledger(aws)
    if plan.kind in ("clean", "cutover", "rollback"):
        return
    planned = {step.action.instance for step in plan.steps if isinstance(step.action, CreateInstance)}
    ours = {name for name, one in aws.instances.items() if owner.owns(one.tags)}
    assert ours <= planned
    clones = [one for one in aws.clusters.values() if owner.owns(one.tags)]
    assert len(clones) <= 1
    assert [chain.contradiction(one.tags.get(JOURNAL_TAG)) for one in clones if JOURNAL_TAG in one.tags] in ([], [""])


def survived(simulation: Simulation, crashes: Iterable[Crash] = (), *, rest: float = 900.0) -> RunState | DaybreakError:
    """Resume again and again, as a person does some minutes after a pause or a crash; the last pause when none helps."""
    planned = iter(crashes)
    trouble: DaybreakError | None = None
    for _ in range(LIVES):
        try:
            return simulation.live(next(planned, None))
        except Killed:
            pass
        except (Unreachable, Uncertain, Interrupted) as error:
            trouble = error
        simulation.aws.clock.elapsed += rest
    assert trouble is not None, f"the run did not end in {LIVES} lives"
    return trouble
