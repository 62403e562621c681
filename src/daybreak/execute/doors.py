"""What the interpreter touches, as narrow protocols: AWS, the database, time, and the people watching.

The law: time, sleep and chance are arguments. So a test can crash a run at every append in virtual time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from daybreak.assess.obstacles import Obstacle
from daybreak.errors import Bug
from daybreak.execute.beside import Advanced, Beside, Changed, InThread, Loaded, News, PoolGoes, PoolHeld
from daybreak.execute.expecting import Expected
from daybreak.journal.store import Message
from daybreak.model.actions import (
    AdvanceSequences,
    AwaitClients,
    AwaitSql,
    BeginProbe,
    CarryTables,
    ChangeSql,
    ClearDump,
    ClearScratch,
    DumpDatabase,
    EndSessions,
    EndUpload,
    FetchExport,
    JudgeScratch,
    LoadRows,
    LoadScratch,
    NameDatabase,
    PausePool,
    RemoveArchive,
    ResumePool,
    StoreArchive,
    StoreManifest,
    Validate,
    WarmCache,
)
from daybreak.model.archives import (
    ArchiveRemoved,
    ArchiveSeen,
    ArchiveStored,
    DumpCleared,
    Dumped,
    ManifestStored,
    UploadEnded,
)
from daybreak.model.arrivals import (
    Arrived,
    GapMeasured,
    ProbeBegun,
    Warmed,
)
from daybreak.model.attempts import StepStaged
from daybreak.model.birth import Birth
from daybreak.model.column_shapes import ColumnShape
from daybreak.model.creations import Creation
from daybreak.model.cutover import VerdictSeen
from daybreak.model.exports import ExportPlace, ExportShown
from daybreak.model.fences import Emptied, FenceSeen
from daybreak.model.findings import Finding, Measured
from daybreak.model.guards import Fenced
from daybreak.model.plan import StepId
from daybreak.model.receiver import (
    DatabaseNamed,
    ExportFetched,
    ScratchCleared,
    ScratchJudged,
    ScratchLoaded,
    TablesCarried,
)
from daybreak.model.run import Event
from daybreak.model.things import Thing
from daybreak.model.value import Instant, Value
from daybreak.model.world import Cluster, Instance
from daybreak.model.writes import WriteCount
from daybreak.observe.look import AwsDoor, Lookout
from daybreak.observe.poller import Poller
from daybreak.postgres.address import ServerPlace
from daybreak.postgres.changing import TransactionFate
from daybreak.postgres.creating import TableMaker
from daybreak.postgres.leash import Leash
from daybreak.postgres.sequences import Reached


class Timing(Protocol):
    """A clock, a way to wait, and a source of jitter."""

    def now(self) -> datetime:
        """The time of day, aware."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""

    def sleep(self, seconds: float) -> None:
        """Wait; returns early when a person asked to stop."""

    def jitter(self) -> float:
        """A random number from 0 to 1."""


class Answers(Value):
    """Whether the clone's endpoint answers, and how far we got."""

    is_answering: bool
    seen: str
    obstacle: Obstacle | None = None
    """What keeps us out, where waiting for hours does not help."""
    hints: tuple[str, ...] = ()
    """What to do about that."""
    is_let_loose: bool = False
    """Whether it runs without the quarantine's parameters, so that nobody may be let in."""
    birth: Birth | None = None
    """What the clone had spent when it answered; ``None`` where no SQL was answered."""
    login: str | None = None
    """The reference of the login that was let in; ``None`` where no login was."""


@dataclass(frozen=True)
class Scene:
    """The clone as it is when it is validated, and what was promised about it."""

    clone: Cluster
    instances: tuple[Instance, ...]
    moment: datetime
    """The moment that the clone stands for."""
    rpo: timedelta
    """How much the target's owner accepts to lose."""
    birth: Birth | None = None
    """What the clone had spent when it first answered, as the journal has it."""
    reached: datetime | None = None
    """The moment that the clone reaches for certain, where ``latest`` may be a little later; ``None`` is ``moment``."""
    login: str | None = None
    """The reference of the login that the clone took when it first answered; ``None`` for the one that the plan names."""
    is_in_use: bool = False
    """Whether it is no clone but a cluster in use, which people write to while it is asked."""


class DatabaseDoor(Protocol):
    """What the interpreter needs of PostgreSQL."""

    def answers(self, action: AwaitSql, cluster: Cluster) -> Answers:
        """Whether DNS, TCP and SQL answer on the endpoint that AWS returned; never raises for a closed door."""

    def validate(
        self,
        action: Validate,
        scene: Scene,
        report: Callable[[Finding], None],
        progress: Callable[[str], None],
        leash: Leash | None = None,
    ) -> Measured:
        """Ask the clone the action's part of the questions and judge it. A question that cannot be asked is a finding of its own.

        ``leash`` holds every session that this opens, so that another thread can end it.
        """


class SqlDoor(Protocol):
    """What the hands need to write inside a database. Each method raises ``Unreachable``, or ``DaybreakError`` for a definite no."""

    def change(
        self, action: ChangeSql, cluster: ServerPlace, hand_over: Callable[[News], None], leash: Leash
    ) -> Changed:
        """Carry out the change, unless it is there; it hands over ``Staged`` before the commit."""

    def fate(
        self, action: ChangeSql | LoadRows | CarryTables | NameDatabase, cluster: ServerPlace, transaction: str
    ) -> TransactionFate | None:
        """What became of a transaction; ``None`` where the server cannot know it."""

    def load(
        self, action: LoadRows, cluster: ServerPlace, begun: Loaded, hand_over: Callable[[News], None], leash: Leash
    ) -> Loaded:
        """Load what is left of a file; it hands over ``Staged`` before each commit and ``Loaded`` after it."""

    def carry(
        self,
        action: CarryTables,
        cluster: ServerPlace,
        source: RowSource | FetchedFiles,
        hand_over: Callable[[News], None],
        leash: Leash,
    ) -> TablesCarried:
        """Carry the rows of all tables in one transaction; it hands over ``Staged`` before the commit."""

    def empty(
        self, action: EndSessions, cluster: ServerPlace, hand_over: Callable[[News], None], leash: Leash
    ) -> Emptied:
        """Send everybody out whom no door lets in again, and read the mark; it hands over ``Staged`` before anybody is sent out."""

    def read_sequences(self, action: AdvanceSequences, past: ServerPlace, leash: Leash) -> Reached:
        """Where the sequences of the other cluster stand. It is asked in that cluster's own region."""

    def advance(self, action: AdvanceSequences, cluster: ServerPlace, reached: Reached, leash: Leash) -> Advanced:
        """Set each sequence past where it has come in the other cluster."""

    def hot(self, action: WarmCache, past: ServerPlace, leash: Leash) -> tuple[str, ...]:
        """What the other cluster has most hits in. It is asked in that cluster's own region."""

    def warm(self, action: WarmCache, cluster: ServerPlace, hot: tuple[str, ...], leash: Leash) -> Warmed:
        """Read that into the cluster's memory."""

    def fence(self, guard: Fenced, cluster: ServerPlace) -> FenceSeen:
        """Who can still write at the cluster."""

    def count(self, database: str, login: str, cluster: ServerPlace) -> WriteCount:
        """How much was written so far in every database of the cluster; raises ``DaybreakError`` where one cannot be asked."""

    def arrive(
        self,
        action: AwaitClients,
        expected: Expected,
        cluster: ServerPlace,
        hand_over: Callable[[News], None],
        leash: Leash,
    ) -> Arrived:
        """Look until clients work at the cluster, as the action wants it."""

    def begin_probe(self, action: BeginProbe, cluster: ServerPlace, other: ServerPlace, leash: Leash) -> ProbeBegun:
        """Begin to write as the application does, until the other cluster takes a write."""

    def read_probe(self, leash: Leash) -> GapMeasured:
        """What the probe has measured; it has ended after that."""

    def end_probe(self) -> None:
        """End the probe, where one goes on."""


class PoolDoor(Protocol):
    """What the hands need of the pools. Each method raises ``Unreachable``, or ``DaybreakError`` for a definite no."""

    def pause(self, action: PausePool, hand_over: Callable[[News], None], leash: Leash) -> PoolHeld:
        """Hold a pool's clients, or let them go on; it hands over ``Staged`` with the process that lets them go in time."""

    def resume(self, action: ResumePool, leash: Leash) -> PoolGoes:
        """Let a pool read its configuration, and its clients go on."""


class RowSource(Protocol):
    """The rows of an export's tables, in the scratch database."""

    def rows(
        self, table: tuple[str, str], where: str, beside: Sequence[str] = ()
    ) -> tuple[tuple[ColumnShape, ...], int, Callable[[], Iterator[bytes]]]:
        """The columns of a table that can be loaded, how many rows are wanted of it, and what begins to read them."""

    def maker(self, creations: Sequence[Creation], places: Mapping[tuple[str, str], tuple[str, str]]) -> TableMaker:
        """What makes the tables of these creations; ``places`` says where each wanted table of the export goes."""


@dataclass(frozen=True)
class FetchedFiles:
    """The files of an export of RDS on this machine."""

    folder: Path
    rejects: Path
    """The folder for the rows that a receiver refuses, which outlives the run's own; it need not be there."""


class ExportDoor(Protocol):
    """What the hands need of an export on this machine. Each method raises ``Unreachable``, or ``DaybreakError`` for a definite no.

    What an earlier one left and is not there any more is made again first.
    """

    def fetch(self, action: FetchExport, hand_over: Callable[[News], None], leash: Leash) -> ExportFetched:
        """Read what is wanted of it into files of this machine."""

    def load(
        self, action: LoadScratch, cluster: ServerPlace | None, hand_over: Callable[[News], None], leash: Leash
    ) -> ScratchLoaded:
        """Fetch it and load it as it comes into the scratch database, at the cluster where the action names one."""

    def judge(
        self, action: JudgeScratch, cluster: ServerPlace | None, hand_over: Callable[[News], None], leash: Leash
    ) -> ScratchJudged:
        """Hold what is there against the archive; it hands over each finding."""

    def source(
        self, hand_over: Callable[[News], None], leash: Leash
    ) -> AbstractContextManager[RowSource | FetchedFiles]:
        """The scratch database's rows, or the fetched files where none was loaded, for the length of a ``with`` block."""

    def name(
        self, action: NameDatabase, cluster: ServerPlace, hand_over: Callable[[News], None], leash: Leash
    ) -> DatabaseNamed:
        """Give what is there its owners, and the scratch database its name; it hands over ``Staged`` before that commit."""

    def recall(self, action: NameDatabase) -> DatabaseNamed:
        """What a naming came to whose commit an earlier process sent, as far as this machine knows it."""

    def clear(self, action: ClearScratch, cluster: ServerPlace | None, leash: Leash) -> ScratchCleared:
        """Remove all of it."""


class ArchiveDoor(Protocol):
    """What the hands need to make an archive. Each method raises ``Unreachable``, or ``DaybreakError`` for a definite no."""

    def is_dumped(self, action: DumpDatabase) -> bool:
        """Whether the file is on this machine, whole."""

    def dump(
        self, action: DumpDatabase, cluster: ServerPlace | None, hand_over: Callable[[News], None], leash: Leash
    ) -> Dumped:
        """Write the clone's database into a file, unless it is there; the cluster is needed only where it is not."""

    def look_for_archive(self, action: StoreArchive, known: StepStaged) -> ArchiveStored | None:
        """What an earlier process was about to complete, where the bucket shows that it did."""

    def store(
        self,
        action: StoreArchive,
        dumped: Dumped,
        known: StepStaged | None,
        hand_over: Callable[[News], None],
        leash: Leash,
    ) -> ArchiveStored:
        """Store the file; it hands over ``Staged`` before its first part, and before the object is made of them."""

    def describe(self, action: StoreManifest, stored: ArchiveStored) -> ManifestStored:
        """Store the manifest beside it."""

    def remove(self, action: RemoveArchive) -> ArchiveRemoved:
        """Remove an archive, and its manifest after it."""

    def end(self, action: EndUpload) -> UploadEnded:
        """Give up whatever was begun of the archive and not completed."""

    def clear(self, action: ClearDump) -> DumpCleared:
        """Remove the run's folder."""

    def see(self, thing: Thing) -> ArchiveSeen:
        """An archive as its bucket shows it now."""


class NoExports:
    """For a run without an export."""

    def fetch(self, action: FetchExport, hand_over: Callable[[News], None], leash: Leash) -> ExportFetched:
        """Raises ``Bug``: there is none."""
        raise Bug(_NO_EXPORT)

    def load(
        self, action: LoadScratch, cluster: ServerPlace | None, hand_over: Callable[[News], None], leash: Leash
    ) -> ScratchLoaded:
        """Raises ``Bug``: there is none."""
        raise Bug(_NO_EXPORT)

    def judge(
        self, action: JudgeScratch, cluster: ServerPlace | None, hand_over: Callable[[News], None], leash: Leash
    ) -> ScratchJudged:
        """Raises ``Bug``: there is none."""
        raise Bug(_NO_EXPORT)

    def source(
        self, hand_over: Callable[[News], None], leash: Leash
    ) -> AbstractContextManager[RowSource | FetchedFiles]:
        """Raises ``Bug``: there is none."""
        raise Bug(_NO_EXPORT)

    def name(
        self, action: NameDatabase, cluster: ServerPlace, hand_over: Callable[[News], None], leash: Leash
    ) -> DatabaseNamed:
        """Raises ``Bug``: there is none."""
        raise Bug(_NO_EXPORT)

    def recall(self, action: NameDatabase) -> DatabaseNamed:
        """Raises ``Bug``: there is none."""
        raise Bug(_NO_EXPORT)

    def clear(self, action: ClearScratch, cluster: ServerPlace | None, leash: Leash) -> ScratchCleared:
        """Raises ``Bug``: there is none."""
        raise Bug(_NO_EXPORT)


_NO_EXPORT = "a run without an export was to work with one"


def _no_bucket(place: ExportPlace) -> ExportShown:
    """Raises ``Bug``: nobody gave a way to a bucket."""
    raise Bug(f"{place.address} was to be read, by a run without a bucket")


class NoPools:
    """For a run without a pool."""

    def pause(self, action: PausePool, hand_over: Callable[[News], None], leash: Leash) -> PoolHeld:
        """Raises ``Bug``: there is none."""
        raise Bug(f"{action.pool.words()} was to be held, by a run without pools")

    def resume(self, action: ResumePool, leash: Leash) -> PoolGoes:
        """Raises ``Bug``: there is none."""
        raise Bug(f"{action.pool.words()} was to be let go, by a run without pools")


@dataclass(frozen=True)
class Patience:
    """How long to go on before a person is asked."""

    with_troubles: timedelta = timedelta(minutes=45)
    """For an endpoint that throttles, settles or does not answer."""
    with_waits: timedelta | None = None
    """For one wait; ``None`` is twice the larger of estimate and RTO."""
    with_strangers: timedelta = timedelta(minutes=2)
    """For a server that does not prove its identity: long enough for a name that is being moved, and no longer."""
    with_full_servers: timedelta = timedelta(minutes=2)
    """For a server without a connection left: nobody but us and AWS should be in a clone."""
    with_networks: timedelta = timedelta(minutes=10)
    """For a way to an available instance on which nothing answers, and for a password that AWS sets: names, rules and passwords
    take minutes to be in force."""
    between_looks: timedelta = timedelta(seconds=5)
    """Between two looks when something may be listed a little late."""

    def with_obstacle(self, obstacle: Obstacle) -> timedelta:
        """How long an obstacle may last. A definite no is an answer: it is over at the second one."""
        match obstacle:
            case "stranger":
                return self.with_strangers
            case "full":
                return self.with_full_servers
            case "network" | "settling":
                return self.with_networks
            case "refusal":
                return timedelta(0)


@dataclass(frozen=True)
class Progress:
    """The state of a wait, for people watching, not for the journal."""

    step: StepId
    seen: str
    since: Instant


@dataclass(frozen=True)
class Place:
    """One region: the doors to it, a lookout, and the poller by which all waits there look."""

    aws: AwsDoor
    lookout: Lookout
    poller: Poller
    database: DatabaseDoor
    """The door to the databases there: their logins are read in that region."""
    sql: SqlDoor
    """The door through which something is changed inside them."""


@dataclass(frozen=True)
class Doors:
    """Everything outside that the interpreter touches while it carries out a plan."""

    home: Place
    """The plan's own region."""
    away: Callable[[str], Place]
    """Opens another region, in which an action of the plan is placed."""
    timing: Timing
    beside: Beside = field(default_factory=InThread)
    patience: Patience = field(default_factory=Patience)
    on_event: Callable[[Event], None] = lambda _event: None
    progress: Callable[[Progress], None] = lambda _progress: None
    asked: Callable[[], tuple[Message, ...]] = tuple
    """Reads the run's inbox: did a person ask for its end?"""
    is_stopping: Callable[[], bool] = lambda: False
    """Whether this process was asked to stop (Ctrl-C)."""
    pools: PoolDoor = field(default_factory=NoPools)
    """The pools in front of the database, whose logins are read in the plan's own region."""
    exports: ExportDoor = field(default_factory=NoExports)
    """What is done with an export on this machine."""
    making: ArchiveDoor | None = None
    """What makes an archive of a clone; ``None`` for a run that makes none."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """The environment, of which a program of the owner's gets what its action names."""
    state_place: str = ""
    """Where the run's state is, as the clone's tag says it; empty where nobody should learn it."""
    is_state_local: bool = True
    """Whether the state is a folder of this machine: then an account here is a person, else only an account at AWS is one."""

    read_export: Callable[[ExportPlace], ExportShown] = _no_bucket
    """Reads what an export left in its bucket, from the plan's own region; raises ``Refused`` or ``Unreachable``."""
    judge: Callable[[Callable[[str], None], Leash], VerdictSeen] | None = None
    """Asks the clone of a cutover again, and judges it; ``None`` where nobody can. It takes what is shown of it meanwhile."""

    @property
    def archives(self) -> ArchiveDoor:
        """What makes an archive of a clone; raises ``Bug`` for a run that makes none."""
        if self.making is None:
            raise Bug("a run without an archive was to make one")
        return self.making

    def place(self, region: str | None) -> Place:
        """Where an action acts or waits; ``None`` is the plan's own region."""
        return self.home if region is None or region == self.home.aws.region else self.away(region)
