"""One visit to a database of a clone: what we know beforehand, and what it answered; each question is asked once.

The law: a question that several chapters share is asked here and its answer kept; a chapter asks its own questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from time import monotonic

from daybreak.judge.objects.past import Witnesses
from daybreak.judge.objects.renames import is_copy, name_there
from daybreak.judge.objects.rules import CloneFacts
from daybreak.judge.rows.choosing import Choice
from daybreak.model.actions import Validate
from daybreak.model.answers import Answer, Silence, Table, Tables
from daybreak.model.baseline import Baseline, DatabaseBaseline
from daybreak.model.birth import Birth, is_young
from daybreak.model.capsule import Capsule
from daybreak.model.findings import Measured
from daybreak.model.inventory import Inventory
from daybreak.model.names import printable
from daybreak.model.targets import DatabaseTarget
from daybreak.model.trust import Trust
from daybreak.model.world import AutomatedBackup, Cluster, Instance, Origin, Surroundings
from daybreak.postgres.address import Address, address_of
from daybreak.postgres.answering import NO_LOGIN, knock
from daybreak.postgres.bounds import OF_A_CLONE, ServerBounds
from daybreak.postgres.crew import CountProgress
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from daybreak.validate.probes import ask_birth, ask_fates, list_tables, take_inventory, take_shared_inventory


@dataclass(frozen=True)
class ProbeLimits:
    """How long each probe may take; the owner's checks have limits of their own."""

    knocking: timedelta = timedelta(seconds=10)
    asking: timedelta = timedelta(seconds=30)
    counting: ServerBounds = OF_A_CLONE
    hearing: ServerBounds = field(default_factory=ServerBounds)
    """What may be asked of the source about its rows."""


@dataclass(frozen=True)
class Subject:
    """Everything that a validation is about, as the interpreter found it."""

    action: Validate
    clone: Cluster
    instances: tuple[Instance, ...]
    """The clone's instances as they are now."""
    moment: datetime
    """The exact moment that was restored; for ``latest``, the one that it turned out to be."""
    login: Login | None
    trust: Trust
    """What the servers of clone and source must prove."""
    without_login: str = NO_LOGIN
    """Why there is no login, where ``login`` is ``None``."""
    source: Reach | None = None
    """The source's database, to compare with; ``None`` when it cannot be asked."""
    source_reader: Reach | None = None
    """A reader of the source, which is asked about rows before its writer is; ``None`` where it has no reader."""
    without_source: str = ""
    """Why there is no source to ask, where that is known."""
    birth: Birth | None = None
    """What the clone had spent when it first answered; ``None`` where nobody recorded it."""
    backup: AutomatedBackup | None = None
    """What the backup recorded: gives engine version and key when the source is gone."""
    rpo: timedelta | None = None
    """The target's objective for data loss, for configured freshness columns without a witness."""
    reached: datetime | None = None
    """The moment that the clone reaches for certain, where ``latest`` may be a little later; ``None`` is ``moment``."""
    is_in_use: bool = False
    """Whether it is no clone but a cluster in use, which people write to while it is asked."""
    permitted: Mapping[str, str] = field(default_factory=dict)
    """Differences from the source that the plan intends: the field of the cluster or instance, and the reason."""
    surroundings: Surroundings = field(default_factory=Surroundings)
    """What belongs to the clone, as it is now."""
    baseline: Baseline | Silence | None = None
    """The baseline that the plan chose; a silence when it cannot be read, ``None`` when there is no baseline."""
    capsule: Capsule | None = None
    """The capsule, where the source is known from one."""
    earlier: Callable[[], tuple[Baseline, ...]] = tuple
    """Reads the target's baselines from before that one, which show how far a table falls by itself."""
    login_of: Callable[[str], Login | Silence] = lambda _reference: Silence(asked="a login", why="nothing resolves it")
    """Turns a reference into a login at the clone, anew each time."""
    health_urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The target's health pages by name, as the configuration has them now: with the queries that no plan holds."""
    patience: ProbeLimits = field(default_factory=ProbeLimits)
    source_inventory: Inventory | None = None
    """The source's inventory, where it was taken before; ``None`` to ask the source."""
    source_shared: Inventory | None = None
    """What the source's databases share, where it was listed before; ``None`` to ask the source."""
    leash: Leash | None = None
    """What ends all sessions of the validation, where somebody may give it up."""
    announce: Callable[[str], None] = lambda _words: None
    """Called with what is left out to end in time, before anything of a table is read."""
    alter: Callable[[Inventory], Inventory] = lambda seen: seen
    """How a proof changes what the clone's catalog shows, where a server cannot show the defect itself."""

    @property
    def address(self) -> Address:
        """The address of the clone's database: the endpoint that AWS returned, never one that we built."""
        return address_of(self.clone, self.action.database, self.trust, self.leash)

    def beside(self, source_name: str | None, why: str) -> Subject:
        """The same where the source has its database under ``source_name`` now, or, by the reason ``why``, not at all."""
        if self.source is None or source_name == self.source.address.database:
            return self
        return replace(
            self,
            source=_at(self.source, source_name),
            source_reader=_at(self.source_reader, source_name),
            without_source=why if source_name is None else self.without_source,
            source_inventory=None,
        )

    def within(self, database: str) -> Subject:
        """The same of another database, and beside the source's of that name."""
        wanted = self.action.databases.get(database, DatabaseTarget())
        waivers = (*wanted.waivers, *(waiver for waiver in self.action.waivers if waiver.is_for_all))
        changes = {"database": database, "tables": wanted.tables, "checks": wanted.checks, "waivers": waivers}
        return replace(
            self,
            action=self.action.model_copy(update=changes),
            source=_at(self.source, database),
            source_reader=_at(self.source_reader, database),
            source_inventory=None,
        )

    @property
    def clone_bounds(self) -> ServerBounds:
        """What may be asked of the clone; of a cluster in use no more at once than of a source."""
        wide, narrow = self.patience.counting, self.patience.hearing
        if not self.is_in_use:
            return wide
        return replace(
            wide,
            connections=min(wide.connections, narrow.connections),
            lock=min(wide.lock, narrow.lock),
            gives_way=True,
        )

    @property
    def origin(self) -> Origin | None:
        """What names the source's key and logins: the source as it was seen, else its backup or its snapshot."""
        return self.action.source_seen or self.backup or self.action.snapshot_seen

    @property
    def key_origin(self) -> Origin | None:
        """What names the key: the snapshot where the source's key cannot be the clone's, as in another region."""
        return (self.action.snapshot_seen if "kms_key" in self.permitted else None) or self.origin

    @property
    def engine_origin(self) -> Origin | None:
        """What names the engine version: a snapshot has its own, whatever its source runs today."""
        return self.action.snapshot_seen or self.origin


def _at(reach: Reach | None, database: str | None) -> Reach | None:
    """The same server's database of that name; ``None`` where there is none."""
    return None if reach is None or database is None else reach.within(database)


@dataclass
class Purse:
    """What the visits to all databases of a clone have spent together, and what they may."""

    within: timedelta | None = None
    at_source: timedelta = timedelta(0)
    began: float = field(default_factory=monotonic)

    @property
    def left(self) -> timedelta | None:
        """How much of the whole time is left; ``None`` where there is no limit."""
        if self.within is None:
            return None
        return max(self.within - timedelta(seconds=monotonic() - self.began), timedelta(0))


class Visit:
    """One walk through one database; it keeps each answer for the chapters that share it.

    ``first`` is the visit to the database that was entered first: what belongs to the cluster is asked there alone.
    """

    def __init__(self, subject: Subject, progress: Callable[[CountProgress], None], first: Visit | None = None) -> None:
        self.subject = subject
        self.progress = progress
        self.measured = Measured()
        self.choice: Choice | None = None
        """Which tables are read, where the time is limited."""
        self.of_objects: tuple[Witnesses, CloneFacts] | None = None
        """By what the chapter of objects judged, for a box of it that waits for the count."""
        self._first = first
        self._purse: Purse = first._purse if first else Purse(subject.action.thoroughness.within)  # noqa: SLF001 - of the same class

    @property
    def left(self) -> timedelta | None:
        """How much time is left for all databases together; ``None`` where there is no limit."""
        return self._purse.left

    @property
    def clone_budget(self) -> ServerBounds:
        """What may still be asked of the clone about its rows."""
        bounds, left = self.subject.clone_bounds, self.left
        return bounds if left is None else replace(bounds, whole=min(bounds.whole, left))

    @property
    def left_out(self) -> frozenset[int]:
        """The object ids of the tables that are not read, to end in time."""
        return (
            frozenset(each.oid for each in self.choice.left_out if each.database == self.database)
            if self.choice
            else frozenset()
        )

    @property
    def source_budget(self) -> ServerBounds:
        """What may still be asked of the source about its rows; one budget for the whole visit."""
        budget, left = self.subject.patience.hearing, self.subject.patience.hearing.whole - self._purse.at_source
        connect = min(budget.connect, self.subject.patience.asking)
        if self.left is not None:
            left = min(left, self.left)
        return replace(budget, whole=max(left, timedelta(0)), connect=connect)

    @contextmanager
    def spend_at_source(self) -> Iterator[None]:
        """Count the time of the block as spent at the source."""
        began = monotonic()
        try:
            yield
        finally:
            self._purse.at_source += timedelta(seconds=monotonic() - began)

    @property
    def source_reaches(self) -> tuple[Reach, ...]:
        """Where the source is asked about rows: at a reader first, which spares its writer."""
        return tuple(filter(None, (self.subject.source_reader, self.subject.source)))

    @cached_property
    def is_copy_of_source(self) -> bool:
        """Whether clone and source number their transactions and objects alike."""
        ours, theirs = self.inventory, self.source_inventory
        if not isinstance(ours, Inventory) or not isinstance(theirs, Inventory):
            return False
        return is_copy(ours, theirs) or self._is_one_database

    @property
    def _is_one_database(self) -> bool:
        """Whether the source's database has the number of ours in a copy, also where it has made all its tables again."""
        ours, theirs = self.shared, self.source_shared
        if self.subject.source is None or not isinstance(ours, Inventory) or not isinstance(theirs, Inventory):
            return False
        here, there = ({item.name: item.oid for item in each.of("database")} for each in (ours, theirs))
        number = here.get(self.database)
        return (
            is_copy(ours, theirs) and number is not None and there.get(self.subject.source.address.database) == number
        )

    @cached_property
    def is_copy_of_baseline(self) -> bool:
        """Whether the clone's transactions and the baseline's are numbered by one cluster."""
        kept, ours, source = self.baseline, self.inventory, self.subject.action.source_seen
        if not isinstance(kept, DatabaseBaseline) or not isinstance(ours, Inventory):
            return False
        whole = self.subject.baseline
        whose = whole.resource_id if isinstance(whole, Baseline) else None
        ids = {whose, source.resource_id if source else None} - {None}
        return len(ids) < 2 and is_copy(ours, kept.inventory)

    @cached_property
    def answer(self) -> Answer:
        """How far a connection to the clone's endpoint gets."""
        subject = self.subject
        if not subject.clone.endpoint:
            return Answer(host="", port=subject.clone.port, trouble="AWS names no endpoint", is_silence=False)
        return knock(subject.address, subject.login, subject.patience.knocking, without_login=subject.without_login)

    @property
    def major(self) -> int:
        """PostgreSQL's major version in the clone; 0 where it does not answer."""
        return int(self.answer.server_version.partition(".")[0] or 0)

    @cached_property
    def place(self) -> Reach | None:
        """Where to ask the clone with SQL; ``None`` when it does not answer SQL."""
        subject = self.subject
        if not subject.login or not self.answer.is_answering:
            return None
        return Reach(subject.address, subject.login, self.meter)

    @cached_property
    def meter(self) -> Meter:
        """What all sessions at the clone share."""
        return self._first.meter if self._first else Meter(self.subject.clone_bounds)

    @cached_property
    def birth(self) -> Birth | None:
        """What the clone had spent at its first answer, else what it has spent by now, which is a mark and no more."""
        if self._first is not None:
            return self._first.birth
        if self.subject.birth is not None or not self.place:
            return self.subject.birth
        found = ask_birth(self.place, self.subject.patience.asking)
        return found.model_copy(update={"is_exact": False}) if isinstance(found, Birth) else None

    @property
    def restored(self) -> datetime:
        """When the clone began to live: a snapshot's or ``latest``'s data may be a little younger than the moment."""
        created = self.subject.clone.created
        return max(created, self.subject.moment) if created else self.subject.moment

    def were_committed(self, xids: Iterable[int], following: int | None) -> dict[int, bool]:
        """Which transactions had committed by the moment, as the clone knows them; those without an answer are left out.

        ``xids`` are numbers as rows carry them, and ``following`` is the first that the snapshot which read them could not
        see; whatever is as young as the clone's birth was not there yet.
        """
        birth, asked = self.birth, frozenset(xids)
        if birth is None or following is None or not self.place:
            return {}
        young = frozenset(xid for xid in asked if is_young(xid, birth.short, following))
        old, limit = asked - young, self.subject.patience.asking
        fates = ask_fates(self.place, birth, old, self.restored, limit) if old else ()
        known = {fate.xid: fate.was_committed for fate in fates if fate.was_committed is not None}
        return dict.fromkeys(young, False) | known

    @cached_property
    def tables(self) -> Tables | Silence:
        """Every table of the clone."""
        return list_tables(self.place, self.subject.patience.asking) if self.place else self.silence_about("the tables")

    @cached_property
    def source_tables(self) -> Tables | Silence | None:
        """Every table of the source as it is now; ``None`` when there is no source to ask."""
        return list_tables(self.subject.source, self.subject.patience.asking) if self.subject.source else None

    @cached_property
    def counterparts(self) -> dict[int, Table]:
        """The source's tables by the clone's numbers. In a copy one that the source made again is another one."""
        ours, theirs = self.tables, self.source_tables
        if not isinstance(ours, Tables) or not isinstance(theirs, Tables):
            return {}
        if self.is_copy_of_source:
            return {table.oid: table for table in theirs.tables}
        named = {table.full: table for table in theirs.tables}
        return {table.oid: named[table.full] for table in ours.tables if table.full in named}

    @property
    def is_first(self) -> bool:
        """Whether it is to the database that is entered first."""
        return self._first is None

    @property
    def database(self) -> str:
        """The name of the database."""
        return self.subject.address.database

    @cached_property
    def baseline(self) -> DatabaseBaseline | Silence | None:
        """What the baseline knows of this database; a silence when it cannot be read, ``None`` where it knows nothing."""
        kept = self.subject.baseline
        if not isinstance(kept, Baseline):
            return kept
        if (name := self._name_in(kept.shared)) is None:
            return None
        if (why := kept.left_out.get(name)) is not None:
            return Silence(asked=f'the baseline of "{printable(self.database)}"', why=why)
        return self._in_our_name(kept.of(name))

    @property
    def earlier(self) -> tuple[DatabaseBaseline, ...]:
        """What older baselines of the same cluster know of this database."""
        whole = self.subject.baseline
        if not isinstance(whole, Baseline):
            return ()
        own = (each for each in self.subject.earlier() if each.is_of(whole.identity, whole.cluster or each.cluster))
        named = ((each, self._name_in(each.shared)) for each in own)
        found = (self._in_our_name(each.of(name)) for each, name in named if name is not None)
        return tuple(each for each in found if each is not None)

    def _in_our_name(self, recorded: DatabaseBaseline | None) -> DatabaseBaseline | None:
        return recorded.model_copy(update={"database": self.database}) if recorded else None

    def _name_in(self, recorded: Inventory | None) -> str | None:
        """What this database was called when that was recorded; ``None`` where there was none yet."""
        ours = self.shared
        return name_there(self.database, ours, recorded) if isinstance(ours, Inventory) else self.database

    @cached_property
    def recorded(self) -> Inventory | None:
        """The inventory that was kept of this database from before the moment, in a baseline or a capsule."""
        if isinstance(self.baseline, DatabaseBaseline):
            return self.baseline.inventory
        # A capsule lists the same things as a baseline, and its moment is not after this one either.
        capsule = self.subject.capsule
        name = self._name_in(capsule.shared) if capsule else None
        return capsule.of(name) if capsule and name is not None else None

    @cached_property
    def recorded_shared(self) -> Inventory | None:
        """What was kept from before the moment of what all databases share."""
        kept, capsule = self.subject.baseline, self.subject.capsule
        if isinstance(kept, Baseline) and kept.shared is not None:
            return kept.shared
        return capsule.shared if capsule else None

    @cached_property
    def shared(self) -> Inventory | Silence:
        """What all databases of the clone share."""
        if self._first is not None:
            return self._first.shared
        if not self.place:
            return self.silence_about("the shared catalogs")
        seen = take_shared_inventory(self.place, self.subject.patience.asking)
        return seen if isinstance(seen, Silence) else self.subject.alter(seen)

    @cached_property
    def source_shared(self) -> Inventory | Silence | None:
        """What all databases of the source share now; ``None`` when there is no source to ask."""
        if self._first is not None:
            return self._first.source_shared
        if self.subject.source_shared is not None:
            return self.subject.source_shared
        source, limit = self.subject.source, self.subject.patience.asking
        return take_shared_inventory(source, limit) if source else None

    @cached_property
    def inventory(self) -> Inventory | Silence:
        """Everything besides rows in the clone."""
        if not self.place:
            return self.silence_about("the catalog")
        seen = take_inventory(self.place, self.subject.patience.asking)
        return seen if isinstance(seen, Silence) else self.subject.alter(seen)

    @cached_property
    def source_inventory(self) -> Inventory | Silence | None:
        """Everything besides rows in the source as it is now; ``None`` when there is no source to ask."""
        if self.subject.source_inventory is not None:
            return self.subject.source_inventory
        return take_inventory(self.subject.source, self.subject.patience.asking) if self.subject.source else None

    def silence_about(self, what: str) -> Silence:
        """The answer to a question that could not be asked, with the reason."""
        return Silence(asked=what, why=f"SQL is not answered: {self.answer.trouble}", took=self.answer.took)
