"""What daybreak.toml may contain, and the settings that it becomes.

The law: unknown keys are refused, and a secret is written as a reference, never as a value. A complaint never repeats a value
where a secret might stand.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from daybreak.config.spans import ALLOWED, PATTERN, parse_span
from daybreak.model.actions import PARAMETER_GROUP_REST
from daybreak.model.checks import CHECKS, OWN
from daybreak.model.destinations import (
    DEFAULT_GROUP,
    RECORD_TYPES,
    ParameterDestination,
    ProxyDestination,
    RecordDestination,
    RecordType,
    SecretDestination,
    SecretFields,
    full_name,
)
from daybreak.model.moment import span_in_words
from daybreak.model.names import is_identifier, printable, show_url
from daybreak.model.pools import PgBouncer
from daybreak.model.samples import SampleLimits
from daybreak.model.targets import (
    LOGIN,
    LOGIN_ALLOWED,
    Application,
    Contact,
    CopyPromise,
    CutoverRules,
    DatabaseTarget,
    Expectation,
    HealthCheck,
    Network,
    Objectives,
    OwnCommand,
    SqlCheck,
    Staging,
    Target,
    Waiver,
)
from daybreak.model.trust import Tls, Trust
from daybreak.model.value import Span, Value


def _span(written: Any) -> timedelta:
    if isinstance(written, timedelta):
        return written
    if not isinstance(written, str):
        message = f"write {ALLOWED}"
        raise ValueError(message)  # noqa: TRY004 - pydantic gathers ValueErrors, a TypeError would escape it
    return parse_span(written)


def _approval(span: timedelta) -> timedelta:
    if span < _LEAST_APPROVAL:
        message = f"write at least {span_in_words(_LEAST_APPROVAL)}: a restore takes longer, and each change asks whether the approval still counts"
        raise ValueError(message)
    return span


_LEAST_APPROVAL = Span(minutes=5)
"""The shortest time for which an approval may count."""


def _text_like(pattern: str, allowed: str) -> Any:
    """A validator of text; its complaint says what is allowed and does not repeat what was written."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            message = f"write {allowed}"
            raise ValueError(message)
        return text

    return AfterValidator(check)


def _identifier(text: str) -> str:
    if not is_identifier(text):
        message = (
            "write an identifier that AWS accepts: 1 to 63 letters, digits and single hyphens, starting with a letter"
        )
        raise ValueError(message)
    return text.lower()


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


def _check_name(text: str) -> str:
    if text not in CHECKS and not (text.startswith(OWN) and len(text) > len(OWN)):
        message = (
            f'"{printable(text)}" is no check: write owner.NAME for one of your own, or one of {", ".join(CHECKS)}'
        )
        raise ValueError(message)
    return text


def _health_url(text: str) -> str:
    if not re.fullmatch(r"https?://(?:\{host\}|[^\s/?#@{}]+)(?::(?:\{port\}|\d{1,5}))?(?:[/?#]\S*)?", text, re.ASCII):
        message = (
            'write a URL without a login, such as "https://app.example.com/health"; {host} and {port} are the clone\'s'
        )
        raise ValueError(message)
    return text


SpanText = Annotated[Span, BeforeValidator(_span), WithJsonSchema({"type": "string", "pattern": PATTERN})]
Identifier = Annotated[str, AfterValidator(_identifier)]
Region = Annotated[str, _text_like(r"[a-z]{2,}(?:-[a-z]+)+-\d{1,2}", 'an AWS region such as "us-east-1"')]
LoginText = Annotated[str, _text_like(LOGIN, LOGIN_ALLOWED), WithJsonSchema({"type": "string", "pattern": LOGIN})]
GroupId = Annotated[str, _text_like(r"sg-[0-9a-f]{8,17}", 'a security group\'s id such as "sg-0123456789abcdef0"')]
TableName = Annotated[str, _text_like(r"(?s)[^.]+\.[^.]+", 'a table with its schema, quoted: "public.employees"')]
TargetName = Annotated[str, _text_like(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", "a name of letters, digits, - and _")]
Named = Annotated[str, Field(min_length=1)]
CheckName = Annotated[
    str,
    AfterValidator(_check_name),
    WithJsonSchema({"type": "string", "anyOf": [{"enum": list(CHECKS)}, {"pattern": r"^owner\..+"}]}),
]
HealthUrl = Annotated[str, AfterValidator(_health_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
InstanceClass = Annotated[str, _text_like(r"db\.[a-z0-9.-]+", 'an instance class such as "db.t4g.medium"')]
KeyName = Annotated[
    str,
    _text_like(
        r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(?:key|alias)/\S+|alias/\S+|(?:mrk-)?[0-9a-f-]{8,}",
        "a KMS key by its ARN, its id or its alias (alias/NAME)",
    ),
]
DatabaseName = Annotated[str, Field(min_length=1, max_length=63)]


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


class ApplicationText(Application):
    """How the application itself connects to the database."""

    login: LoginText
    database: DatabaseName | None = None


class WaiverText(Waiver):
    """A check that its owner waives, or one table of it, who says so, and why."""

    check: CheckName
    table: TableName | None = None


def _require_own_names(
    checks: tuple[CheckText, ...], pages: tuple[HealthText, ...], waivers: tuple[WaiverText, ...]
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


class CommandText(OwnCommand):
    """A program of the owner's that a cutover runs once every place has changed, such as one that restarts what caches an address."""

    what: Annotated[str, Field(min_length=1)]
    command: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    limit: SpanText = Span(minutes=1)


class CutoverText(CutoverRules):
    """How the traffic of a target is moved, and what must be seen before it counts as moved."""

    budget: SpanText = Span(minutes=5)
    hold: SpanText = Span(seconds=30)
    restarts: tuple[CommandText, ...] = ()


class StagingText(Staging):
    """The size to which a clone for staging is scaled down."""

    instance_class: InstanceClass = "db.t4g.medium"
    keep: SpanText = Span(days=3)


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


def _parameter(text: str) -> str:
    if not re.fullmatch(r"/?[\w.-]+(?:/[\w.-]+)*", text, re.ASCII):
        message = 'write a parameter\'s name such as "/prod/db/host", without its version'
        raise ValueError(message)
    return text


def _keys(written: Any) -> Any:
    return (written,) if isinstance(written, str) else written


_OneOrMore = WithJsonSchema(
    {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
)


class SecretFieldsText(SecretFields):
    """The keys of a secret's JSON that hold the address."""

    host: Annotated[tuple[Named, ...], BeforeValidator(_keys), Field(min_length=1), _OneOrMore] = ("host",)
    port: Named = "port"


class SecretText(SecretDestination):
    """A secret from which applications read the address."""

    kind: Literal["secret"]
    name: Annotated[str, _text_like(r"(?!arn:)[\w/+=.@!-]{1,512}", "a secret's name, and its region beside it")]
    fields: SecretFieldsText = SecretFieldsText()
    region: Region | None = None


class ParameterText(ParameterDestination):
    """A parameter from which applications read the address."""

    kind: Literal["parameter"]
    name: Annotated[str, AfterValidator(_parameter)]
    region: Region | None = None


def _record_type(written: Any) -> Any:
    if written in RECORD_TYPES:
        return written
    message = f"write {', '.join(RECORD_TYPES)}"
    if written in ("A", "AAAA"):
        message += "; A and AAAA hold addresses, or are aliases, and neither names an endpoint of Aurora"
    raise ValueError(message)


class RecordText(RecordDestination):
    """A record of Route 53 from which applications read the address."""

    kind: Literal["record"]
    zone: Annotated[str, _text_like(r"[A-Z0-9]{6,32}", 'a hosted zone\'s id such as "Z0123456789ABCDEFGHIJ"')]
    name: Annotated[
        str,
        _text_like(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+\.?", 'a name of DNS such as "db.example.com"'),
        AfterValidator(full_name),
    ]
    type: Annotated[RecordType, BeforeValidator(_record_type)] = "CNAME"
    set_identifier: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class ProxyText(ProxyDestination):
    """An RDS Proxy through which applications reach the database."""

    kind: Literal["proxy"]
    name: Annotated[str, _text_like(r"[A-Za-z](?:-?[A-Za-z0-9])*", "a proxy's name, and its region beside it")]
    group: Annotated[str, _text_like(r"[A-Za-z](?:-?[A-Za-z0-9])*", "a target group's name")] = DEFAULT_GROUP
    region: Region | None = None


DestinationText = Annotated[SecretText | ParameterText | RecordText | ProxyText, Field(discriminator="kind")]


DESTINATIONS: dict[str, type[Value]] = {
    "secret": SecretText,
    "parameter": ParameterText,
    "record": RecordText,
    "proxy": ProxyText,
}
"""Each kind of destination, with what it takes."""


def _place_of(destination: DestinationText, region: str) -> tuple[str | None, ...]:
    """What makes a destination one place, in a target of that region."""
    match destination:
        case SecretText() | ParameterText():
            return destination.kind, destination.region or region, destination.name
        case ProxyText():
            names = destination.name.lower(), destination.group.lower()
            return destination.kind, destination.region or region, *names
        case RecordText():
            return destination.kind, destination.zone, destination.name, destination.type, destination.set_identifier


def _pause(span: timedelta) -> timedelta:
    if not timedelta(seconds=2) <= span <= timedelta(minutes=10):
        message = "write a time from 2 s to 10 min: clients wait for no longer"
        raise ValueError(message)
    return span


class PoolText(PgBouncer):
    """A PgBouncer in front of the database, whose clients are held while the traffic moves."""

    kind: Literal["pgbouncer"]
    host: Annotated[str, _text_like(r"[A-Za-z0-9.:-]{1,253}", "a host's name or its address, without the port")]
    login: LoginText
    database: DatabaseName
    repoint: tuple[Named, ...] = ()
    pause: Annotated[SpanText, AfterValidator(_pause)] = Span(seconds=30)
    tls_ca: Annotated[str, _text_like(r"/[^\0]+", "the absolute path of a PEM file")] | None = None


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
    tls: Tls | None = None
    tls_ca: TlsCa | None = None

    @model_validator(mode="after")
    def _names_are_their_own(self) -> TargetText:
        _require_own_names(self.checks, self.health, self.waivers)
        places = [_place_of(each, self.region) for each in self.destinations]
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
        plain = self.model_dump()
        if isinstance(self.databases, tuple):
            plain |= {"only": self.databases, "databases": {}}
        return Target.model_validate({"name": name} | plain | trust.model_dump())

    def health_urls(self) -> dict[str, str]:
        """The pages whose URL has a query, by name. ``target`` leaves the query out, because it may hold a token."""
        return {page.name: page.url for page in self.health if show_url(page.url) != page.url}


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
    tls: Tls = "verify-full"
    """What a database's server must prove, in libpq's words."""
    tls_ca: str | None = None
    """The trusted authorities: an absolute PEM file, or ``system``; ``None`` is Amazon's."""
    targets: dict[str, Target] = Field(default_factory=dict)
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
