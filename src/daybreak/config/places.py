"""What daybreak.toml says of moving traffic: where applications read the address, what stands in front, and what must be seen."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from daybreak.config.texts import (
    DatabaseName,
    LoginText,
    Named,
    PemFile,
    Region,
    ServingUrl,
    SpanText,
    text_like,
)
from daybreak.model.destinations import (
    DEFAULT_GROUP,
    RECORD_TYPES,
    EndpointDestination,
    ParameterDestination,
    ProxyDestination,
    RecordDestination,
    RecordType,
    SecretDestination,
    SecretFields,
    full_name,
)
from daybreak.model.moment import span_in_words
from daybreak.model.pools import PgBouncer
from daybreak.model.targets import (
    CutoverRules,
    HealthCheck,
    OwnCommand,
)
from daybreak.model.value import Span, Value

SHORTEST_BUDGET = timedelta(seconds=5)
"""In less no client comes to the other side."""
LONGEST_TTL = 2**31 - 1
"""Seconds: the longest that a record of DNS may be remembered (RFC 2181, section 8)."""


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
    name: Annotated[str, text_like(r"(?!arn:)[\w/+=.@!-]{1,512}", "a secret's name, and its region beside it")]
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
    zone: Annotated[str, text_like(r"[A-Z0-9]{6,32}", 'a hosted zone\'s id such as "Z0123456789ABCDEFGHIJ"')]
    name: Annotated[
        str,
        text_like(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+\.?", 'a name of DNS such as "db.example.com"'),
        AfterValidator(full_name),
    ]
    type: Annotated[RecordType, BeforeValidator(_record_type)] = "CNAME"
    set_identifier: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class ProxyText(ProxyDestination):
    """An RDS Proxy through which applications reach the database."""

    kind: Literal["proxy"]
    name: Annotated[str, text_like(r"[A-Za-z](?:-?[A-Za-z0-9])*", "a proxy's name, and its region beside it")]
    group: Annotated[str, text_like(r"[A-Za-z](?:-?[A-Za-z0-9])*", "a target group's name")] = DEFAULT_GROUP
    region: Region | None = None


class EndpointText(EndpointDestination):
    """The endpoint of the cluster itself, whose name applications keep: the clone takes the source's identifier."""

    kind: Literal["endpoint"]


DestinationText = Annotated[
    SecretText | ParameterText | RecordText | ProxyText | EndpointText, Field(discriminator="kind")
]


DESTINATIONS: dict[str, type[Value]] = {
    "secret": SecretText,
    "parameter": ParameterText,
    "record": RecordText,
    "proxy": ProxyText,
    "endpoint": EndpointText,
}
"""Each kind of destination, with what it takes."""


def place_of(destination: DestinationText, region: str) -> tuple[str | None, ...]:
    """What makes a destination one place, in a target of that region."""
    match destination:
        case SecretText() | ParameterText():
            return destination.kind, destination.region or region, destination.name
        case ProxyText():
            names = destination.name.lower(), destination.group.lower()
            return destination.kind, destination.region or region, *names
        case EndpointText():
            return (destination.kind,)
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
    host: Annotated[str, text_like(r"[A-Za-z0-9.:-]{1,253}", "a host's name or its address, without the port")]
    login: LoginText
    database: DatabaseName
    repoint: tuple[Named, ...] = ()
    pause: Annotated[SpanText, AfterValidator(_pause)] = Span(seconds=30)
    tls_ca: PemFile | None = None


LONGEST_PAGE = timedelta(seconds=30)
"""A page that takes longer to answer is not well while clients wait."""


def _page_limit(span: timedelta) -> timedelta:
    if not timedelta(0) < span <= LONGEST_PAGE:
        message = f"write a time up to {span_in_words(LONGEST_PAGE)}: a page that takes longer is not well"
        raise ValueError(message)
    return span


class ServingPageText(HealthCheck):
    """A page of the application that serves, which must be well once the traffic has moved."""

    url: ServingUrl
    status: int = Field(default=200, ge=100, le=599)
    timeout: Annotated[SpanText, AfterValidator(_page_limit)] = Span(seconds=10)
    tls_ca: PemFile | None = None


class CommandText(OwnCommand):
    """A program of the owner's that a cutover runs once every place has changed, such as one that restarts what caches an address."""

    what: Annotated[str, Field(min_length=1)]
    command: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    limit: SpanText = Span(minutes=1)


def _budget(span: timedelta) -> timedelta:
    if span < SHORTEST_BUDGET:
        message = (
            f"write a time of {span_in_words(SHORTEST_BUDGET)} or more, and longer than hold: in less nobody arrives"
        )
        raise ValueError(message)
    return span


def _time_for_names(span: timedelta) -> timedelta:
    if not timedelta(minutes=1) <= span <= timedelta(hours=2):
        message = "write a time from 1 min to 2 h: AWS takes minutes for a name, and nobody can write meanwhile"
        raise ValueError(message)
    return span


def _hold(span: timedelta, info: ValidationInfo) -> timedelta:
    budget = info.data.get("budget")  # where it is wrong itself, that is said, and that it must be longer
    if budget is not None and span >= budget:
        message = (
            f"it is {span_in_words(span)}, and must be shorter than budget, which is {span_in_words(budget)}; "
            "write a longer budget or a shorter hold, else no cutover arrives"
        )
        raise ValueError(message)
    return span


def _probe(is_wanted: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic calls it
    if is_wanted and info.data.get("application", "wrong itself") is None:
        message = (
            'a probe writes with the application\'s own login: write application = "secretsmanager:NAME" beside it'
        )
        raise ValueError(message)
    return is_wanted


class CutoverText(CutoverRules):
    """How the traffic of a target is moved, and what must be seen before it counts as moved."""

    budget: Annotated[SpanText, AfterValidator(_budget)] = Span(minutes=5)
    renaming: Annotated[SpanText, AfterValidator(_time_for_names)] = Span(minutes=20)
    hold: Annotated[SpanText, AfterValidator(_hold), Field(validate_default=True)] = Span(seconds=30)
    restarts: tuple[CommandText, ...] = ()
    ttl: Annotated[int, Field(ge=0, le=LONGEST_TTL)] = 5
    health: tuple[ServingPageText, ...] = ()
    application: LoginText | None = None
    probe: Annotated[bool, AfterValidator(_probe)] = False
