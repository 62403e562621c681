"""Destinations: the places from which applications read the database's address, as configuration and as seen.

The law: no text of a secret or a parameter is in any of these values when it is written out. What stays is whether it names a host.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr

from daybreak.model.value import Value

ClusterEnd = Literal["writer", "reader"]
"""Which of a cluster's two endpoints a destination holds."""

RECORD_TYPES = ("CNAME", "TXT", "SRV")
"""The types of records in whose values a host can be replaced. An alias record has no values, and A and AAAA hold addresses."""

RecordType = Literal["CNAME", "TXT", "SRV"]


CURRENT_STAGE = "AWSCURRENT"
"""The staging label of the version that is read where a call names no version."""

PENDING_STAGE = "AWSPENDING"
"""The staging label of a version that a rotation makes."""


class SecretFields(Value):
    """The keys of a secret's JSON that hold the address."""

    host: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=("host",), min_length=1)
    """Each holds the host, or a text in which the host stands, such as a URL."""
    port: str = Field(default="port", min_length=1)
    """Holds the port; a secret may be without it."""


class SecretDestination(Value):
    """A secret of Secrets Manager, whose JSON holds the address."""

    kind: Literal["secret"] = "secret"
    name: str
    fields: SecretFields = SecretFields()
    endpoint: ClusterEnd = "writer"
    region: str | None = None
    """``None`` is the target's."""


class ParameterDestination(Value):
    """A parameter of Parameter Store, whose text is the host or holds it, as in a URL."""

    kind: Literal["parameter"] = "parameter"
    name: str
    endpoint: ClusterEnd = "writer"
    region: str | None = None
    """``None`` is the target's."""


class RecordDestination(Value):
    """A record of Route 53, whose values hold the host. Route 53 is in no region."""

    kind: Literal["record"] = "record"
    zone: str
    """The id of the hosted zone."""
    name: str
    type: RecordType = "CNAME"
    set_identifier: str | None = None
    """What AWS calls the one among weighted, failover, latency, geographic or multivalue records of one name."""
    endpoint: ClusterEnd = "writer"


DEFAULT_GROUP = "default"
"""The target group that AWS makes with a proxy, and so far the only one."""


class ProxyDestination(Value):
    """An RDS Proxy, which leads to the cluster that is registered in its target group: to its writer, at the proxy's own endpoint."""

    kind: Literal["proxy"] = "proxy"
    name: str
    group: str = DEFAULT_GROUP
    """The target group."""
    endpoint: Literal["writer"] = "writer"
    region: str | None = None
    """``None`` is the target's."""


class EndpointDestination(Value):
    """The endpoint of the cluster itself, where applications keep its name: the clone takes the source's identifier, and its endpoints with it."""

    kind: Literal["endpoint"] = "endpoint"
    endpoint: Literal["writer"] = "writer"
    """The reader's endpoint and the custom ones follow the cluster too."""


TrafficDestination = Annotated[
    SecretDestination | ParameterDestination | RecordDestination | ProxyDestination | EndpointDestination,
    Field(discriminator="kind"),
]
"""Any one place from which applications read the address."""


class DatabaseAddress(Value):
    """Where a database is reached."""

    host: str
    port: int


class SideAddresses(Value):
    """The addresses of both sides, by which end of the cluster they are."""

    source: dict[ClusterEnd, DatabaseAddress]
    clone: dict[ClusterEnd, DatabaseAddress]

    def of(self, side: Whereto) -> dict[ClusterEnd, DatabaseAddress]:
        """One side's addresses; of elsewhere there are none."""
        return {"source": self.source, "clone": self.clone}.get(side, {})


Whereto = Literal["source", "clone", "elsewhere", "nowhere"]
"""What a destination points at; nowhere is a proxy in which nothing is registered."""


class SecretSeen(Value):
    """A secret as ``DescribeSecret`` shows it: never its value."""

    kind: Literal["secret"] = "secret"
    name: str
    stages: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The staging labels of each version that has any, by the version's id."""
    key: str | None = None
    """The KMS key; ``None`` is Secrets Manager's own."""
    is_rotated: bool = False
    """Whether a function of the owner's rotates it."""
    manager: str | None = None
    """The service that alone changes it."""
    primary_region: str | None = None
    """The region that it is replicated from, if it is a replica; a primary may show its own."""
    is_deleted: bool = False

    @property
    def state(self) -> str | None:
        """The id of the current version; ``None`` where no version is current."""
        return next((version for version, labels in self.stages.items() if CURRENT_STAGE in labels), None)

    @property
    def pending(self) -> str | None:
        """The id of a version that a rotation is making; ``None`` where no rotation is under way."""
        held = (version for version, labels in self.stages.items() if PENDING_STAGE in labels)
        return next((version for version in held if version != self.state), None)


class ParameterSeen(Value):
    """The newest version of a parameter. Its text is in memory only."""

    kind: Literal["parameter"] = "parameter"
    name: str
    version: int
    type: str
    key: str | None = None
    """The KMS key of a ``SecureString``."""
    tier: str | None = None
    data_type: str | None = None
    description: str | None = None
    pattern: str | None = None
    """What its text must look like, as a regular expression."""
    labels: tuple[str, ...] = ()
    """The labels of this version; a label stays with it when a newer one is made."""
    writer: str | None = None
    """The ARN of who wrote this version."""
    text: SecretStr | None = Field(default=None, exclude=True, repr=False)

    @property
    def state(self) -> str:
        """The version's number."""
        return str(self.version)


class RecordSet(Value):
    """A resource record set, whole: what is not known here is kept as AWS shows it."""

    kind: Literal["record"] = "record"
    name: str
    type: str
    ttl: int | None = None
    values: tuple[str, ...] = ()
    set_identifier: str | None = None
    more: dict[str, Any] = Field(default_factory=dict)
    """Its other members in AWS's own words, such as ``Weight`` and ``HealthCheckId``."""

    @property
    def place(self) -> tuple[str, str, str | None]:
        """What names it in its zone: two sets of one place are one set at two times."""
        return self.name, self.type, self.set_identifier

    @property
    def state(self) -> str:
        """All of it in one line: two sets that differ in anything have different lines.

        >>> RecordSet(name="db.example.com.", type="CNAME", ttl=60, values=("a.example.com",), more={"Weight": 1}).state
        'CNAME TTL=60 Weight=1 a.example.com'
        """
        own = {"SetIdentifier": self.set_identifier} if self.set_identifier is not None else {}
        more = [f"{name}={_plain(value)}" for name, value in sorted({**self.more, **own}.items())]
        ttl = [] if self.ttl is None else [f"TTL={self.ttl}"]
        return " ".join([self.type, *ttl, *more, *self.values])

    def body(self) -> dict[str, Any]:
        """The set as AWS takes it."""
        known: dict[str, Any] = {"Name": self.name, "Type": self.type}
        known |= {"SetIdentifier": self.set_identifier} if self.set_identifier is not None else {}
        known |= {"TTL": self.ttl} if self.ttl is not None else {}
        known |= {"ResourceRecords": [{"Value": value} for value in self.values]} if self.values else {}
        return known | self.more


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def full_name(name: str) -> str:
    """A name of DNS as Route 53 keeps it: in lower case, with a dot at its end.

    >>> full_name("DB.example.com")
    'db.example.com.'
    """
    return f"{name.lower().rstrip('.')}."


def record_name(zone: str, name: str, form: str, set_identifier: str | None = None) -> str:
    """What names one record set among all, as a ``Thing`` has it.

    >>> record_name("Z1", "DB.example.com", "CNAME", "blue")
    'Z1/db.example.com./CNAME/blue'
    """
    return "/".join([zone, full_name(name), form, *([set_identifier] if set_identifier is not None else [])])


NO_CLUSTER = "no cluster"
"""The state of a proxy in which nothing is registered; no identifier has a blank."""


class RegisteredTarget(Value):
    """What is registered in a proxy's target group: a cluster, or an instance with its health."""

    name: str
    kind: str
    """AWS's word: ``TRACKED_CLUSTER``, or ``RDS_INSTANCE``."""
    cluster: str | None = None
    """The cluster of an instance; ``None`` for a cluster, and for an instance that is in none."""
    role: str | None = None
    """``READ_WRITE`` or ``READ_ONLY``, where AWS says it."""
    health: str | None = None
    """``REGISTERING``, ``AVAILABLE``, ``UNAVAILABLE`` or ``UNUSED``; a cluster has none of its own."""
    reason: str | None = None
    description: str | None = None

    @property
    def words(self) -> str:
        """Its health as AWS says it.

        >>> RegisteredTarget(name="a", kind="RDS_INSTANCE", health="UNAVAILABLE", reason="AUTH_FAILURE", description="No.").words
        'a UNAVAILABLE (AUTH_FAILURE: No.)'
        """
        why = ": ".join(filter(None, (self.reason, self.description)))
        return f"{self.name} {self.health or 'of unknown health'}{f' ({why})' if why else ''}"


class ProxySeen(Value):
    """A proxy with what is registered in one of its target groups."""

    kind: Literal["proxy"] = "proxy"
    name: str
    group: str = DEFAULT_GROUP
    status: str
    vpc: str | None = None
    security_groups: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    """The ARNs of the secrets with which it logs in. What is in them is in no value."""
    users: tuple[str, ...] = ()
    """As whom it logs in, as far as AWS says it without a secret."""
    has_iam_auth: bool = False
    """Whether it logs in with IAM, and needs no secret."""
    targets: tuple[RegisteredTarget, ...] = ()
    endpoint: str | None = None
    """The host at which clients reach it."""

    @property
    def state(self) -> str:
        """What is registered, by name."""
        return ", ".join(sorted(each.name.lower() for each in self.targets if each.cluster is None)) or NO_CLUSTER

    def instances_of(self, cluster: str) -> tuple[RegisteredTarget, ...]:
        """The instances of a cluster that the proxy knows."""
        return tuple(each for each in self.targets if (each.cluster or "").lower() == cluster.lower())


def target_name(proxy: str, group: str, cluster: str) -> str:
    """What names a cluster's place in a proxy among all, as a ``Thing`` has it.

    >>> target_name("Front", "default", "embi")
    'front/default/embi'
    """
    return f"{proxy}/{group}/{cluster}".lower()


class EndpointSeen(Value):
    """An identifier of a cluster, and which cluster has it."""

    kind: Literal["endpoint"] = "endpoint"
    name: str
    """The identifier."""
    holder: str | None = None
    """The resource id of the cluster that has it; ``None`` where none has."""

    @property
    def state(self) -> str | None:
        """The resource id of its holder."""
        return self.holder


class NameSwap(Value):
    """How two clusters exchange their names: which cluster is which is said by the resource ids, which AWS gives only once."""

    name: str
    """The identifier that applications know."""
    away: str
    """The identifier that the source has while the clone has that."""
    own: str
    """The clone's own identifier."""
    source_id: str
    clone_id: str


def rename_name(kind: str, old: str, new: str) -> str:
    """What names the renaming of a resource among all, as a ``Thing`` has it; no identifier has a slash.

    >>> rename_name("cluster", "Embi", "embi-old")
    'cluster/embi/embi-old'
    """
    return f"{kind}/{old}/{new}".lower()


DestinationFacts = Annotated[
    SecretSeen | ParameterSeen | RecordSet | ProxySeen | EndpointSeen, Field(discriminator="kind")
]
"""What was seen of a destination."""


class DestinationSeen(Value):
    """A destination as it is now."""

    destination: TrafficDestination
    region: str
    """Where it is asked and changed; of a record, where Route 53 is steered from."""
    points_at: Whereto | None = None
    """``None`` where it could not be read."""
    facts: DestinationFacts | None = None
    unfit: str | None = None
    """Why it cannot be read, or not be changed: a sentence."""
    lost: str | None = None
    """Why no change reaches it, or why it follows nobody to another region: a sentence. A person may leave it as it is, by its label."""
    notes: tuple[str, ...] = ()
    """What a person must know who changes it, each a sentence."""

    def words(self) -> str:
        """The destination as a sentence names it."""
        return words_of(self.destination)

    @property
    def label(self) -> str:
        """What a person types for it."""
        return label_of(self.destination, self.region)


def label_of(destination: TrafficDestination, region: str) -> str:
    """What a person types for a destination: its kind and name, and its region where it has one.

    >>> label_of(ParameterDestination(name="/prod/host"), "us-east-1")
    'parameter:/prod/host@us-east-1'
    >>> label_of(RecordDestination(zone="Z1", name="db.example.com", set_identifier="blue"), "us-east-1")
    'record:Z1/db.example.com/blue'
    """
    if isinstance(destination, RecordDestination):
        which = f"/{destination.set_identifier}" if destination.set_identifier is not None else ""
        return f"{destination.kind}:{destination.zone}/{destination.name.rstrip('.')}{which}"
    if isinstance(destination, EndpointDestination):
        return f"{destination.kind}@{region}"
    return f"{destination.kind}:{destination.name}@{region}"


def words_of(destination: TrafficDestination) -> str:
    """A destination as a sentence names it.

    >>> words_of(SecretDestination(name="prod/db"))
    'the secret "prod/db"'
    """
    match destination:
        case SecretDestination(name=name):
            return f'the secret "{name}"'
        case ParameterDestination(name=name):
            return f'the parameter "{name}"'
        case ProxyDestination(name=name):
            return f'the proxy "{name}"'
        case EndpointDestination():
            return "the cluster's own endpoint"
        case RecordDestination():
            which = f' "{destination.set_identifier}"' if destination.set_identifier is not None else ""
            return f'the {destination.type} record{which} of "{destination.name}"'
