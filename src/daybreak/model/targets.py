"""Target: one protected database and what its owner was promised, as the configuration says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from daybreak.model.destinations import TrafficDestination
from daybreak.model.names import QUERY, show_url
from daybreak.model.pools import PgBouncer
from daybreak.model.trust import Tls, Trust
from daybreak.model.value import Span, Value

LOGIN = r"^(?:secretsmanager|ssm|env|iam):\S+$"
"""The forms of a reference to a secret."""
LOGIN_ALLOWED = 'a reference: "secretsmanager:NAME", "ssm:NAME", "env:PREFIX" or "iam:USER"; never the secret itself'


class Objectives(Value):
    """What the owner was promised: how much may be lost, how long it may take, how far back a restore can go."""

    rpo: Span
    rto: Span
    retention: Span


class Network(Value):
    """Where a clone lives in one region when the source cannot be asked."""

    subnet_group: str | None = None
    security_groups: tuple[str, ...] = ()


class CopyPromise(Value):
    """What copies of a target's snapshots are kept in one other region, and how old the newest may be."""

    key: str | None = None
    """The KMS key of that region: an ARN, an id or an alias; needed where the source is encrypted under a key."""
    every: Span
    """How long after the last one a new copy is due, by the moments of what they hold."""
    keep: int = Field(default=2, ge=1)
    """How many complete copies stay."""
    takes_snapshot: bool = True
    """Whether a manual snapshot is taken to be copied; else the newest one that there is, which may be a day old."""


def _zone(name: str | None) -> str | None:
    try:
        if name is not None:
            ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        message = 'write a time zone by its name, such as "Asia/Tokyo", "Europe/Berlin" or "UTC"'
        raise ValueError(message) from None
    return name


class Expectation(Value):
    """What a table must show after a restore."""

    min_rows: int | None = Field(default=None, ge=0)
    freshness: str | None = None
    """Name of the column whose newest value shows when the table was last written."""
    zone: Annotated[str | None, AfterValidator(_zone)] = None
    """The zone in which its times without a zone are read, such as ``Asia/Tokyo``; ``None`` reads them as UTC."""
    is_static: bool = False
    """Whether nobody writes to it: then its rows and its content must be exactly the baseline's."""
    is_volatile: bool = False
    """Whether it empties and fills by itself, as queues, sessions and staging tables do: then a loss that the source shows
    too is reported only."""
    shrink: float = Field(default=5.0, ge=0, le=100)
    """Percent of its rows that it may have lost since the baseline; more is called damage."""


class SqlCheck(Value):
    """A question of the owner's own: one SQL statement that returns one value, and what that value must be.

    ``expect`` is a comparison (``">= 3"``, ``"= 'ready'"``, ``"true"``); the statement runs read-only with a time limit.
    """

    name: str = Field(min_length=1)
    sql: str = Field(min_length=1)
    expect: str = "true"
    timeout: Span = Span(seconds=30)
    login: str | None = None
    """The role that it runs as, by reference; ``None`` is the application's login, else the target's own."""
    max_rows: int = Field(default=1, ge=1)
    """The number of rows that it may return before it is cut off; its value is the first row's."""


class HealthCheck(Value):
    """A page of the application that says whether it is well: one GET, and no redirect is followed."""

    name: str = Field(min_length=1)
    url: Annotated[str, Field(min_length=1), AfterValidator(show_url)]
    """``{host}`` and ``{port}`` become the clone's endpoint.

    A query may hold a token, so the URL here holds no query, only ``?…`` in its place. The query is read from the
    configuration when the page is asked.
    """
    status: int = 200
    contains: str | None = None
    timeout: Span = Span(seconds=10)
    tls_ca: str | None = Field(default=None, exclude_if=lambda found: found is None)
    """The authorities that vouch for its server: a PEM file; ``None`` is the public roots of this machine."""

    def full_url(self, configured: Mapping[str, str]) -> str | None:
        """The URL to ask, with the query of the configured page of this name; ``None`` where that page has another address.

        A query is sent only to the address that its owner wrote it after.
        """
        if not self.url.endswith(QUERY):
            return self.url
        full = configured.get(self.name, "")
        return full if show_url(full) == self.url else None


class Application(Value):
    """How the application itself connects to the database."""

    login: str
    """A reference to its own login, never the owner's."""
    database: str | None = None
    """``None`` is the target's database."""


class Waiver(Value):
    """A check that its owner waives, or one table of it, and who says so; shown in every report."""

    check: str = Field(min_length=1)
    """A check's name, such as ``application.health``."""
    table: str | None = None
    """The one table that is waived, with its schema; ``None`` waives the check."""
    is_for_all: bool = False
    """Whether it speaks of every database, and not only of the one in whose part of the configuration it stands. One that is
    typed for a single command speaks of all."""
    by: str = Field(min_length=1)
    why: str = Field(min_length=1)


class DatabaseTarget(Value):
    """What must be true of one database of a clone."""

    tables: dict[str, Expectation] = Field(default_factory=dict)
    checks: tuple[SqlCheck, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    is_left_out: bool = False
    """Whether no validation and no baseline enters it; every verdict says so."""


class Staging(Value):
    """The size to which a clone for staging is scaled down, and how long it may live."""

    instance_class: str = "db.t4g.medium"
    instances: int = Field(default=1, ge=1, le=16)
    keep: Span = Span(days=3)


class OwnCommand(Value):
    """A program of the owner's that a cutover runs once every place has changed, such as one that restarts what caches an address."""

    what: str
    """What it does, as an order: ``restart the API``."""
    command: tuple[str, ...] = Field(min_length=1)
    """The program and its arguments; no shell reads them."""
    limit: Span = Span(minutes=1)
    environment: tuple[str, ...] = ()
    """The names of the variables that it gets besides its way to programs, its home and its language."""


class CutoverRules(Value):
    """How the traffic of a target is moved, and what must be seen before it counts as moved."""

    budget: Span = Span(minutes=5)
    """How long the gap may last: until then everything is taken back by itself, as long as no client has written in the clone."""
    wants: Literal["write", "clients", "nothing"] = "write"
    """What must be seen at the clone: clients and a write of theirs, clients alone, or nothing."""
    share: int = Field(default=100, ge=1, le=100)
    """How many clients, in percent of those that were sent out of the source."""
    hold: Span = Span(seconds=30)
    """For how long it must be seen: the life of what remembers an address, such as a pool or a resolver."""
    renaming: Span = Span(minutes=20)
    """How much longer the gap may last where the clone takes the source's name: AWS takes minutes for each name."""
    restarts: tuple[OwnCommand, ...] = ()
    """The programs that are run then, in both directions."""
    ttl: int = Field(default=5, ge=0)
    """Seconds: a record of DNS that is remembered for longer gets this before the gap, and its own again after it."""
    health: tuple[HealthCheck, ...] = Field(default=(), exclude_if=lambda found: not found)
    """The pages of the application that serves: each must be well after the move, for as long as the clients must be there."""
    application: str | None = Field(default=None, exclude_if=lambda found: found is None)
    """A reference to the application's own login, with which it is tried through each place whether it gets to the new side."""
    probe: bool = Field(default=False, exclude_if=lambda found: not found)
    """Whether that login writes without a pause while the traffic moves, so that the gap is measured by our own clock."""


class Contact(Value):
    """Whom to call, and how soon they answer."""

    role: str
    address: str
    answers_within: Span | None = None


class Target(Value):
    """One protected cluster: where it is, how to log in, what was promised, what must be true of a clone.

    ``login`` is a reference to a secret (``secretsmanager:NAME`` or ``secretsmanager:NAME#VERSION``, ``ssm:NAME``, ``env:PREFIX``, ``iam:USER``), never a value.
    """

    name: str
    cluster: str
    region: str
    database: str | None = None
    """The database that is entered first, and that ``tables``, ``checks`` and ``waivers`` speak of; it limits nothing."""
    only: tuple[str, ...] = ()
    """The databases to enter; empty is every database of the cluster."""
    databases: dict[str, DatabaseTarget] = Field(default_factory=dict)
    """What must be true of other databases than the first."""
    login: str | None = None
    objectives: Objectives
    logins: dict[str, str] = Field(default_factory=dict)
    """The login by region, where another region has another reference; a replica of a secret has the same name."""
    network: dict[str, Network] = Field(default_factory=dict)
    snapshot_copies: dict[str, CopyPromise] = Field(default_factory=dict)
    """What ``daybreak copy`` keeps in other regions."""
    tables: dict[str, Expectation] = Field(default_factory=dict)
    checks: tuple[SqlCheck, ...] = ()
    application: Application | None = None
    health: tuple[HealthCheck, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    staging: Staging = Staging()
    contacts: tuple[Contact, ...] = ()
    source_budget: Span = Span(minutes=10)
    """How long a validation may ask the source about its rows."""
    approval: Span | None = None
    """For how long another person's approval of a plan counts; ``None`` asks for none."""
    destinations: tuple[TrafficDestination, ...] = ()
    """The places from which applications read the database's address."""
    cutover: CutoverRules = CutoverRules()
    pools: tuple[PgBouncer, ...] = ()
    """What stands between applications and the database, and is held while the traffic moves."""
    tls: Tls = "verify-full"
    """What the database's server must prove, in libpq's words."""
    tls_ca: str | None = None
    """The trusted authorities: a PEM file, or ``system``; ``None`` is Amazon's."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """The databases that the configuration leaves out by name."""
        return tuple(name for name, wanted in self.databases.items() if wanted.is_left_out)

    @property
    def other_regions(self) -> tuple[str, ...]:
        """The regions besides its own that the configuration names: for a network, a copy, or a login."""
        return tuple(sorted({*self.network, *self.snapshot_copies, *self.logins} - {self.region}))

    @property
    def trust(self) -> Trust:
        """How the target's servers prove their identity."""
        return Trust(tls=self.tls, tls_ca=self.tls_ca)

    def in_region(self, region: str) -> Target:
        """The target as it is reached in a region: with the login that is kept there."""
        return self.model_copy(update={"region": region, "login": self.logins.get(region, self.login)})

    def login_in(self, region: str) -> str | None:
        """The reference of the login that is read in a region."""
        return self.login if region == self.region else self.logins.get(region, self.login)

    def with_waivers(self, waivers: tuple[Waiver, ...]) -> Target:
        """The target with these waivers before its own: a waiver of today counts before one in a file."""
        return self.model_copy(update={"waivers": (*waivers, *self.waivers)})
