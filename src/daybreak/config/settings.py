"""What daybreak.toml may contain, and the settings that it becomes.

The law: unknown keys are refused, and a secret is written as a reference, never as a value. A complaint never repeats a value
where a secret might stand.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from daybreak.config.places import CutoverText, DestinationText, PoolText, place_of
from daybreak.config.texts import (
    CheckName,
    DatabaseName,
    GroupId,
    HealthUrl,
    Identifier,
    InstanceClass,
    KeyName,
    LoginText,
    Named,
    PemFile,
    Region,
    SpanText,
    TableName,
    TargetName,
    text_like,
)
from daybreak.model.actions import PARAMETER_GROUP_REST
from daybreak.model.exports import BUCKET, ROLE, ExportMaking, ExportPlace
from daybreak.model.moment import span_in_words
from daybreak.model.names import show_url
from daybreak.model.samples import SampleLimits
from daybreak.model.targets import (
    Application,
    Contact,
    CopyPromise,
    DatabaseTarget,
    Expectation,
    HealthCheck,
    Network,
    Objectives,
    SqlCheck,
    Staging,
    Target,
    Waiver,
)
from daybreak.model.trust import Tls, Trust
from daybreak.model.value import Span, Value


def _approval(span: timedelta) -> timedelta:
    if span < _LEAST_APPROVAL:
        message = f"write at least {span_in_words(_LEAST_APPROVAL)}: a restore takes longer, and each change asks whether the approval still counts"
        raise ValueError(message)
    return span


_LEAST_APPROVAL = Span(minutes=5)
"""The shortest time for which an approval may count."""


def _state(text: str) -> str:
    bucket = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[^\s?#]*)?"
    if not text or ("://" in text and not re.fullmatch(bucket, text, re.ASCII)):
        message = 'write a folder or "s3://BUCKET/PREFIX"'
        raise ValueError(message)
    return text.rstrip("/") or "/"


def _copies(places: tuple[str, ...]) -> tuple[str, ...]:
    checked = tuple(map(_state, places))
    if len(set(checked)) < len(checked):
        message = "name each place once"
        raise ValueError(message)
    return checked


class ObjectivesText(Objectives):
    """What the owner was promised, with spans as people write them."""

    rpo: SpanText
    rto: SpanText
    retention: SpanText


class NetworkText(Network):
    """Where a clone lives in one region."""

    subnet_group: Annotated[str, AfterValidator(str.lower)] | None = None
    """In AWS's own spelling, which has no upper case."""
    security_groups: tuple[GroupId, ...] = ()


class CopyText(CopyPromise):
    """What copies of snapshots are kept in one other region."""

    key: KeyName | None = None
    every: SpanText


class CheckText(SqlCheck):
    """A question of the owner's own, with its time limit as people write it."""

    timeout: SpanText = Span(seconds=30)
    login: LoginText | None = None


class HealthText(HealthCheck):
    """A page of the application that says whether it is well."""

    url: HealthUrl
    status: int = Field(default=200, ge=100, le=599)
    timeout: SpanText = Span(seconds=10)
    tls_ca: PemFile | None = None


class ApplicationText(Application):
    """How the application itself connects to the database."""

    login: LoginText
    database: DatabaseName | None = None


class WaiverText(Waiver):
    """A check that its owner waives, or one table of it, who says so, and why."""

    check: CheckName
    table: TableName | None = None


def _require_own_names(
    checks: tuple[CheckText, ...], pages: tuple[HealthCheck, ...], waivers: tuple[WaiverText, ...]
) -> None:
    for what, names in (
        ("give each check a name of its own", [check.name for check in checks]),
        ("give each health page a name of its own", [page.name for page in pages]),
        ("waive each check, or each table of it, once", [(waiver.check, waiver.table) for waiver in waivers]),
    ):
        if len(set(names)) < len(names):
            raise ValueError(what)


class DatabaseText(DatabaseTarget):
    """What must be true of one database of a clone."""

    tables: dict[TableName, Expectation] = Field(default_factory=dict)
    checks: tuple[CheckText, ...] = ()
    waivers: tuple[WaiverText, ...] = ()

    @model_validator(mode="after")
    def _names_are_their_own(self) -> DatabaseText:
        _require_own_names(self.checks, (), self.waivers)
        return self


class StagingText(Staging):
    """The size to which a clone for staging is scaled down."""

    instance_class: InstanceClass = "db.t4g.medium"
    keep: SpanText = Span(days=3)


def _prefix(text: str) -> str:
    if text.startswith("/") or "://" in text:
        message = (
            'write the beginning of the keys, such as "exports/", without the bucket and without a slash before it'
        )
        raise ValueError(message)
    return text


class ExportPlaceText(ExportPlace):
    """Where a target's exports lie: own dumps, and RDS's exports of snapshots."""

    bucket: Annotated[str, text_like(BUCKET, "the name of a bucket, without s3://")]
    prefix: Annotated[str, AfterValidator(_prefix)] = ""
    role: Annotated[str, text_like(ROLE, "the ARN of a role")] | None = None
    """As which RDS writes an export; the caller must be able to pass it."""
    key: KeyName | None = None
    """Under which exports are written."""
    keep: SpanText | None = None
    """How long an archive of pg_dump is kept. What is past its time is removed when the next one is made, but never one of the three
    newest of a database. Of RDS's exports Daybreak deletes none."""


class ContactText(Contact):
    """Whom to call, and how soon they answer."""

    role: Named
    address: Named
    answers_within: SpanText | None = None


class SamplesText(SampleLimits):
    """How much is kept of each target's samples, in each place."""

    fine: SpanText = Span(days=3)
    keep: SpanText = Span(days=35)
    most: int = Field(default=20_000, ge=100)
    bytes: int = Field(default=256 * 2**20, ge=2**20)


def _tls_ca(text: str) -> str:
    if not text or "\0" in text or "://" in text:
        message = 'write a PEM file\'s name, "system" for the public roots of this machine, or "amazon" for the RDS authorities brought along'
        raise ValueError(message)
    return text


TlsCa = Annotated[str, AfterValidator(_tls_ca), WithJsonSchema({"type": "string", "minLength": 1})]


class TargetText(Value):
    """One ``[targets.NAME]`` table: the fields of ``Target`` except its name, which is the table's."""

    cluster: Identifier
    region: Region
    database: DatabaseName | None = None
    databases: tuple[DatabaseName, ...] | dict[DatabaseName, DatabaseText] = Field(default_factory=dict)
    """A list names the databases to enter and no other; tables say what must be true of each, and limit nothing."""
    login: LoginText | None = None
    logins: dict[Region, LoginText] = Field(default_factory=dict)
    objectives: ObjectivesText
    network: dict[Region, NetworkText] = Field(default_factory=dict)
    snapshot_copies: dict[Region, CopyText] = Field(default_factory=dict, alias="copy")
    """The table is called ``copy``; the field is not, because every value has a method of that name."""
    tables: dict[TableName, Expectation] = Field(default_factory=dict)
    checks: tuple[CheckText, ...] = ()
    application: ApplicationText | None = None
    health: tuple[HealthText, ...] = ()
    waivers: tuple[WaiverText, ...] = ()
    staging: StagingText = StagingText()
    contacts: tuple[ContactText, ...] = ()
    source_budget: SpanText = Span(minutes=10)
    approval: Annotated[SpanText, AfterValidator(_approval)] | None = None
    destinations: tuple[DestinationText, ...] = ()
    cutover: CutoverText = CutoverText()
    pools: tuple[PoolText, ...] = ()
    exports: ExportPlaceText | None = None
    tls: Tls | None = None
    tls_ca: TlsCa | None = None

    @model_validator(mode="after")
    def _names_are_their_own(self) -> TargetText:
        _require_own_names(self.checks, (*self.health, *self.cutover.health), self.waivers)
        places = [place_of(each, self.region) for each in self.destinations]
        if len(set(places)) < len(places):
            what = "name each destination once"
            raise ValueError(what)
        pools = {(each.host, each.port, each.database) for each in self.pools}
        if len(pools) < len(self.pools):
            what = "name each pool once"
            raise ValueError(what)
        if isinstance(self.databases, dict) and self.database in self.databases:
            what = "write what must be true of the database that is entered first beside its name, not below databases"
            raise ValueError(what)
        return self

    def target(self, name: str, trust: Trust) -> Target:
        """The noun that the other floors use; ``trust`` is what its servers must prove, decided from the whole file."""
        plain = self.model_dump(exclude={"exports"})
        if isinstance(self.databases, tuple):
            plain |= {"only": self.databases, "databases": {}}
        return Target.model_validate({"name": name} | plain | trust.model_dump())

    def health_urls(self) -> dict[str, str]:
        """The pages whose URL has a query, by name. ``target`` leaves the query out, because it may hold a token."""
        pages = (*self.health, *self.cutover.health)
        return {page.name: page.url for page in pages if show_url(page.url) != page.url}


class FileText(Value):
    """The whole of daybreak.toml."""

    state: Annotated[str, AfterValidator(_state)] = Field(default="", validate_default=False)
    poll: SpanText = Span(seconds=15)
    group_rest: SpanText = PARAMETER_GROUP_REST
    only_loopback: bool = False
    plan_expires: SpanText = Span(hours=1)
    keep: SpanText = Span(days=7)
    copies: Annotated[tuple[str, ...], AfterValidator(_copies)] = ()
    samples: SamplesText = SamplesText()
    pg_dump: Annotated[str, Field(min_length=1)] | None = None
    scratch: Annotated[str, Field(min_length=1)] | None = None
    programs: Annotated[str, Field(min_length=1)] | None = None
    tls: Tls = "verify-full"
    tls_ca: TlsCa | None = None
    targets: dict[TargetName, TargetText] = Field(default_factory=dict)


class Settings(Value):
    """Everything that a person may set, and where each value came from."""

    state: str
    """Where runs are kept: an absolute folder or ``s3://BUCKET/PREFIX``."""
    poll: Span = Span(seconds=15)
    """The time between two looks at AWS while waiting."""
    group_rest: Span = PARAMETER_GROUP_REST
    """How long a new parameter group rests before an instance starts under it; less than AWS wants only on this machine."""
    only_loopback: bool = False
    """Whether any endpoint that is not this machine is refused; the lab sets it."""
    plan_expires: Span = Span(hours=1)
    """How long a plan may be kept before it is carried out."""
    keep: Span = Span(days=7)
    """How long a clone is kept; written into its tags."""
    copies: tuple[str, ...] = ()
    """Where copies of capsules, baselines and samples are kept: absolute folders or ``s3://BUCKET/PREFIX``."""
    samples: SampleLimits = SampleLimits()
    """How much is kept of each target's samples, in each place."""
    pg_dump: str | None = None
    """The absolute path of the program that makes schema dumps; ``None`` is the one on the ``PATH``."""
    scratch: str | None = None
    """The absolute folder of this machine below which exports are fetched and restored; ``None`` is the person's own cache."""
    programs: str | None = None
    """The absolute folder of PostgreSQL's programs that restore them; ``None`` looks for one."""
    tls: Tls = "verify-full"
    """What a database's server must prove, in libpq's words."""
    tls_ca: str | None = None
    """The trusted authorities: an absolute PEM file, or ``system``; ``None`` is Amazon's."""
    targets: dict[str, Target] = Field(default_factory=dict)
    making: dict[str, ExportMaking] = Field(default_factory=dict)
    """With what each target's exports are made, of those that say where exports lie."""
    exports: dict[str, ExportPlace] = Field(default_factory=dict)
    """Where each target's exports lie, of those that say it. No plan for a clone needs it, so no target carries it."""
    health_urls: dict[str, dict[str, str]] = Field(default_factory=dict, exclude=True, repr=False)
    """Each target's health pages by name, with the queries that ``targets`` leaves out; in memory only."""
    origins: dict[str, str] = Field(default_factory=dict, exclude=True, repr=False)
    """Dotted key to what set it: a flag, a variable, a file, or ``default``."""

    @property
    def trust(self) -> Trust:
        """How a server that belongs to no target proves its identity."""
        return Trust(tls=self.tls, tls_ca=self.tls_ca)


def schema() -> dict[str, Any]:
    """JSON Schema of daybreak.toml, for editors."""
    made = FileText.model_json_schema()
    made["title"] = "daybreak.toml"
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return made
