"""Samples: what a cluster's counters and transaction ids were at one moment, taken often, so that the second of a damage can be found.

The law: what a server did not say is ``None`` and named, never zero. A sample of few bytes says only what differs from a whole
one of the same hour, and is read together with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import Field

from daybreak.model.value import Instant, Span, Value
from daybreak.model.world import Identity


class InFlight(NamedTuple):
    """A transaction that had an id and no end yet."""

    xid: int
    """With its epoch."""
    since: Instant | None
    """When it began; ``None`` where the login may not see that."""
    is_prepared: bool
    """Whether it waits for ``COMMIT PREPARED``."""


class TableRow(NamedTuple):
    """One table; in JSON a list in this order."""

    oid: int
    schema: str
    name: str
    file: int
    """The number of the file that its rows lie in; another one after TRUNCATE or a rewrite. 0 where it has none."""
    changed: int
    """The transaction that wrote the table's row in ``pg_class`` last, as rows carry it: another one after most DDL."""
    inserted: int | None
    """Rows inserted since the counters were reset, those of transactions that rolled back included."""
    updated: int | None
    deleted: int | None
    size: int | None
    """Bytes; ``None`` where somebody held the table locked, or it has no file."""


class CatalogRow(NamedTuple):
    """One catalog of PostgreSQL: its counters show that DDL happened, and of which kind."""

    oid: int
    name: str
    inserted: int | None
    updated: int | None
    deleted: int | None


class SequenceRow(NamedTuple):
    """One sequence, and the last value that it gave out."""

    oid: int
    schema: str
    name: str
    last: int | None
    """``None`` where it gave out none yet, or could not be read."""


class DatabaseSample(Value):
    """What one database said. In a sample that has a base, only what differs from it."""

    database: str
    oid: int
    asked: Instant
    """By the server's clock, before anything here was read."""
    taken: Instant
    """By the server's clock, after the counters were read."""
    next_xid: int
    """Each transaction from this one on, with its epoch, had not ended when it was asked."""
    stats_reset: Instant | None = None
    """When the database's counters were last reset; ``None`` where they never were. Across a reset nothing can be subtracted."""
    tables: tuple[TableRow, ...] = ()
    catalogs: tuple[CatalogRow, ...] = ()
    sequences: tuple[SequenceRow, ...] = ()
    gone: tuple[int, ...] = ()
    """The object ids of what is in the base and is no more."""
    left_out: dict[str, str] = Field(default_factory=dict)
    """What could have been seen and was not, and why."""
    beyond: dict[str, str] = Field(default_factory=dict)
    """What nobody sees at such a server, and why."""


class ServerSample(Value):
    """What the server said of itself and of its transactions, before its databases were asked."""

    asked: Instant
    """By the server's clock, before the snapshot."""
    taken: Instant
    """By the server's clock, after the snapshot."""
    xmin: int
    """Each transaction before this one, with its epoch, had ended; between it and ``xmax`` some had not."""
    xmax: int
    """Each transaction from this one on had not ended."""
    in_flight: tuple[InFlight, ...] | None = None
    """The oldest that had an id and no end, before ``xmax`` or after it, without their subtransactions; ``None`` where the server
    does not say."""
    more_in_flight: int = 0
    """How many more there were."""
    lsn: str | None = None
    is_reader: bool = False
    """Whether it only replays what a writer did."""
    started: Instant
    """When the server began to count: another instance, or the same after a crash, begins anew."""
    version: str
    left_out: dict[str, str] = Field(default_factory=dict)
    beyond: dict[str, str] = Field(default_factory=dict)


class Sample(Value):
    """One sample of a cluster. ``format`` is raised when a reader would misread it."""

    format: Literal[1] = 1
    target: str
    taken: Instant
    """By our clock."""
    stands_for: Instant
    """By the server's clock: when its transactions were read. Each database has an instant of its own."""
    identity: Identity
    cluster: str
    resource_id: str | None = None
    base: str | None = None
    """The digest of the whole sample from which this one says the difference; ``None`` for a whole one."""
    server: ServerSample
    databases: tuple[DatabaseSample, ...]
    left_out: dict[str, str] = Field(default_factory=dict)
    """Databases that were not seen, and why."""
    by_choice: tuple[str, ...] = ()
    """Databases that the configuration leaves out."""
    took: Span = timedelta(0)
    """How long asking took, the making of connections included."""

    def is_of(self, identity: Identity, cluster: str) -> bool:
        """Whether it is of the cluster of that name in that account, region and endpoint."""
        return self.cluster == cluster and self.identity.is_place_of(identity)

    @property
    def is_whole(self) -> bool:
        """Whether everything was seen that such a server shows."""
        return not (self.left_out or self.server.left_out or any(each.left_out for each in self.databases))

    @property
    def gaps(self) -> tuple[tuple[str, str], ...]:
        """What was not seen and could have been, each with the reason."""
        inside = [(f"{one.database}: {what}", why) for one in self.databases for what, why in one.left_out.items()]
        return (*self.left_out.items(), *self.server.left_out.items(), *inside)


class KeptSample(Value):
    """One kept sample, as its name and its place say it."""

    target: str
    stands_for: Instant
    sha256: str
    """Digest of its bytes as they are kept."""
    is_whole: bool
    """Whether it needs no other one to be read."""
    size: int
    """Bytes, as it is kept."""
    place: str = ""

    @property
    def hour(self) -> datetime:
        """The hour that it is kept with."""
        return self.stands_for.replace(minute=0, second=0, microsecond=0)


class SampleLimits(Value):
    """How much is kept of a target's samples in each place; the oldest go first."""

    fine: Span = timedelta(days=3)
    """How long every sample is kept; of an older hour only its first."""
    keep: Span = timedelta(days=35)
    """How long any is kept: no backup of Aurora's own reaches further back."""
    most: int = 20_000
    """How many."""
    bytes: int = 256 * 2**20
    """How many bytes."""


def difference(sample: Sample, base: Sample, digest: str) -> Sample:
    """What a sample says that ``base``, a whole one with that digest, does not."""
    before = {each.database: each for each in base.databases}
    databases = tuple(
        _without(each, before[each.database]) if each.database in before else each for each in sample.databases
    )
    return sample.model_copy(update={"base": digest, "databases": databases})


def whole_of(sample: Sample, base: Sample) -> Sample:
    """The whole sample of one that says the difference from ``base``."""
    before = {each.database: each for each in base.databases}
    databases = tuple(
        _upon(each, before[each.database]) if each.database in before else each for each in sample.databases
    )
    return sample.model_copy(update={"base": None, "databases": databases})


_PARTS = ("tables", "catalogs", "sequences")


def _without(one: DatabaseSample, before: DatabaseSample) -> DatabaseSample:
    changes: dict[str, object] = {}
    gone: set[int] = set()
    for part in _PARTS:
        old = {row.oid: row for row in getattr(before, part)}
        new = getattr(one, part)
        changes[part] = tuple(row for row in new if old.get(row.oid) != row)
        gone |= old.keys() - {row.oid for row in new}
    return one.model_copy(update=changes | {"gone": tuple(sorted(gone))})


def _upon(one: DatabaseSample, before: DatabaseSample) -> DatabaseSample:
    changes: dict[str, object] = {"gone": ()}
    gone = frozenset(one.gone)
    for part in _PARTS:
        rows = {row.oid: row for row in getattr(before, part) if row.oid not in gone}
        rows |= {row.oid: row for row in getattr(one, part)}
        changes[part] = tuple(rows[oid] for oid in sorted(rows))
    return one.model_copy(update=changes)
