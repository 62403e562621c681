"""World: the resources of AWS as AWS describes them. Facts only, no opinion."""

from __future__ import annotations

from pydantic import Field

from daybreak.model.value import Instant, Span, Value

AWSS_OWN = "AWS"
"""What stands for AWS's own endpoint."""


def endpoint_words(endpoint: str | None, elsewhere: dict[str, str]) -> str:
    """Where AWS is asked, where that is not AWS's own for the region; empty where it is.

    >>> endpoint_words("http://127.0.0.1:1", {"ssm": "AWS"})
    "at http://127.0.0.1:1 (not AWS's own); ssm at AWS's own"
    """
    told = [f"at {endpoint} (not AWS's own)"] if endpoint else []
    for service, url in sorted(elsewhere.items()):
        told.append(f"{service} at " + ("AWS's own" if url == AWSS_OWN else f"{url} (not AWS's own)"))
    return "; ".join(told)


class Identity(Value):
    """Who we are to AWS and where we connect to, for each service: a plan pins all of it but the caller."""

    account: str
    caller: str
    region: str
    endpoint: str | None = None
    """The endpoint URL of RDS when it is not AWS's own."""
    elsewhere: dict[str, str] = Field(default_factory=dict, exclude_if=lambda found: not found)
    """The other services that are asked elsewhere than RDS: the endpoint URL of each, or ``AWS`` where that is AWS's own."""

    def differences(self, present: Identity, *, in_any_region: bool = False) -> tuple[str, ...]:
        """Each point where ``present`` is somewhere else; the caller makes no difference, nor does the region ``in_any_region``."""
        points = [
            ("account", self.account, present.account),
            *([] if in_any_region else [("region", self.region, present.region)]),
            ("endpoint", self.endpoint or AWSS_OWN, present.endpoint or AWSS_OWN),
        ]
        for service in sorted({*self.elsewhere, *present.elsewhere}):
            was, now = (each.elsewhere.get(service, each.endpoint or AWSS_OWN) for each in (self, present))
            points.append((f"endpoint of {service}", was, now))
        return tuple(f"{what} {was}, and this is {what} {now}" for what, was, now in points if was != now)

    def is_place_of(self, other: Identity) -> bool:
        """Whether what was seen there is what is here: in one account, region and endpoint, whoever looked.

        >>> here = Identity(account="1", caller="me", region="us-east-1")
        >>> here.is_place_of(here.model_copy(update={"caller": "you"}))
        True
        >>> here.is_place_of(here.model_copy(update={"region": "eu-west-1"}))
        False
        """
        return (self.account, self.region, self.endpoint) == (other.account, other.region, other.endpoint)


class Member(Value):
    """An instance as its cluster lists it."""

    identifier: str
    is_writer: bool
    tier: int = 1
    parameter_group_status: str | None = None


class ServerlessRange(Value):
    """The Serverless v2 capacity range, in Aurora capacity units."""

    low: float
    high: float
    seconds_until_pause: int | None = None
    """How long it must be idle before AWS pauses it; only where ``low`` is 0."""


class Role(Value):
    """An IAM role of a cluster and the feature it serves."""

    arn: str
    feature: str | None = None
    status: str | None = None


class Domain(Value):
    """The Active Directory that a cluster has joined for Kerberos logins, and the role that lets AWS ask it."""

    directory: str
    role: str | None = None
    status: str | None = None


class Window(Value):
    """What continuous backup can reach: both ends, inclusive. Null on AWS until a restore is complete (FACTS 4.3)."""

    earliest: Instant
    latest: Instant


AWS_OWNED = "sse-rds"
"""The encryption under a key that AWS owns: nobody can lose it, look at it or grant it (FACTS 4.8)."""


class Stored(Value):
    """What is said of the encryption of something stored."""

    is_encrypted: bool = False
    """Whether it is encrypted, under any key."""
    encryption: str | None = None
    """AWS's ``StorageEncryptionType``: ``none``, ``sse-rds`` or ``sse-kms``; ``None`` where AWS did not say."""
    kms_key: str | None = None

    @property
    def encryption_kind(self) -> str:
        """The kind of encryption, also where only the older answers are known.

        >>> Stored(is_encrypted=True).encryption_kind, Stored().encryption_kind
        ('sse-kms', 'none')
        """
        return (self.encryption or "sse-kms") if self.is_encrypted else "none"

    @property
    def needs_key(self) -> bool:
        """Whether it opens only with a key in KMS, which can be disabled, deleted or out of reach."""
        return self.encryption_kind not in ("none", AWS_OWNED)


class Cluster(Stored):
    """A DB cluster as ``DescribeDBClusters`` describes it."""

    identifier: str
    resource_id: str
    arn: str
    status: str
    engine: str
    engine_version: str
    engine_mode: str | None = None
    endpoint: str | None = None
    reader_endpoint: str | None = None
    port: int
    database: str | None = None
    master_username: str | None = None
    created: Instant | None = None
    window: Window | None = None
    members: tuple[Member, ...] = ()
    parameter_group: str
    subnet_group: str | None = None
    security_groups: tuple[str, ...] = ()
    storage_type: str = "aurora"
    has_iam_auth: bool = False
    log_exports: tuple[str, ...] = ()
    is_protected: bool = False
    copies_tags: bool = False
    backup_retention: Span = Span(days=1)
    backup_window: str | None = None
    maintenance_window: str | None = None
    serverless: ServerlessRange | None = None
    roles: tuple[Role, ...] = ()
    master_secret: str | None = None
    has_http_endpoint: bool = False
    lifecycle: str | None = None
    """Whether it goes on into Extended Support when its version's standard support ends; that costs money."""
    has_pending_changes: bool = False
    network_type: str | None = None
    """``IPV4`` or ``DUAL``."""
    domains: tuple[Domain, ...] | None = None
    upgrades_itself: bool | None = None
    insights_mode: str | None = None
    """Of Database Insights: ``standard`` or ``advanced``."""
    has_performance_insights: bool | None = None
    performance_insights_retention: int | None = None
    performance_insights_key: str | None = None
    activity_stream: str | None = None
    """Its mode, ``sync`` or ``async``; ``off`` without one."""
    forwards_writes: bool | None = None
    """Whether a reader passes writes on to the writer."""
    global_cluster: str | None = None
    forwards_writes_globally: bool | None = None
    is_express: bool | None = None
    """Whether it stands outside any VPC, open to the internet through AWS's gateway."""
    replicates_from: str | None = None
    """The cluster or instance whose rows it gets, as a secondary cluster of a global database does."""
    scalability: str | None = None
    """``limitless`` or ``standard``."""
    tags: dict[str, str] = Field(default_factory=dict)


class NamesSeen(Value):
    """Which cluster has each of two identifiers; ``None`` where AWS knows none of that name."""

    old: Cluster | None
    new: Cluster | None


class Instance(Value):
    """A DB instance of an Aurora cluster as ``DescribeDBInstances`` describes it."""

    identifier: str
    cluster: str | None
    status: str
    instance_class: str
    engine: str
    engine_version: str | None = None
    endpoint: str | None = None
    tier: int = 1
    zone: str | None = None
    parameter_group: str | None = None
    parameter_group_status: str | None = None
    is_public: bool = False
    upgrades_itself: bool = True
    ca: str | None = None
    monitoring_interval: int = 0
    monitoring_role: str | None = None
    has_performance_insights: bool = False
    performance_insights_retention: int | None = None
    performance_insights_key: str | None = None
    copies_tags: bool = False
    maintenance_window: str | None = None
    has_pending_changes: bool = False
    insights_mode: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)


class AutomatedBackup(Stored):
    """A continuous backup, also one kept after its cluster was deleted (``retained``)."""

    cluster: str
    resource_id: str
    status: str
    engine: str
    engine_version: str
    engine_mode: str | None = None
    window: Window | None = None
    storage_type: str | None = None
    has_iam_auth: bool = False
    port: int | None = None
    master_username: str | None = None
    allocated: int | None = None
    retention: Span | None = None
    backup_window: str | None = None
    arn: str | None = None
    cluster_arn: str | None = None
    """Its cluster's; in another region than the backup's where AWS replicates it."""
    tags: dict[str, str] = Field(default_factory=dict)


class ParameterGroup(Value):
    """A cluster parameter group; ``parameters`` holds what a person set, not the defaults."""

    name: str
    family: str
    description: str = ""
    arn: str = ""
    parameters: dict[str, str] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)


FOREIGN = frozenset({"shared", "public"})
"""Kinds of snapshots that belong to another account. They are chosen by their ARN only, never as the newest."""


class Snapshot(Stored):
    """A DB cluster snapshot as ``DescribeDBClusterSnapshots`` describes it."""

    identifier: str
    arn: str
    cluster: str
    resource_id: str | None = None
    """The resource id of the cluster that it was taken of."""
    kind: str
    """``automated``, ``manual``, ``awsbackup``, ``shared`` or ``public``."""
    status: str
    created: Instant | None = None
    """When it was taken: the moment that it holds."""
    engine: str
    engine_version: str
    engine_mode: str | None = None
    storage_type: str | None = None
    has_iam_auth: bool = False
    port: int | None = None
    master_username: str | None = None
    retention: Span | None = None
    """How long its cluster kept backups."""
    backup_window: str | None = None
    percent: int = 100
    allocated: int | None = None
    """Gigabytes."""
    source: str | None = None
    """The ARN of the snapshot that it was copied from; ``None`` for one that is no copy."""
    tags: dict[str, str] = Field(default_factory=dict)


Origin = Cluster | AutomatedBackup | Snapshot
"""What a clone was made of, as far as it determines the engine, the key and the resource id."""


class CustomEndpoint(Value):
    """A custom endpoint of a cluster and the instances that it leads to."""

    identifier: str
    kind: str
    """``READER``, ``WRITER`` or ``ANY``."""
    static_members: tuple[str, ...] = ()
    excluded_members: tuple[str, ...] = ()


class Endpoint(CustomEndpoint):
    """A custom endpoint as it stands right now, with the cluster it belongs to."""

    cluster: str
    status: str
    address: str | None = None
    """The host to which it leads; ``None`` where AWS does not say it."""
    tags: dict[str, str] = Field(default_factory=dict)


class Scaling(Value):
    """Replica autoscaling of a cluster, as Application Auto Scaling keeps it: by the cluster's name (FACTS 4.2)."""

    low: int
    high: int
    policies: tuple[str, ...] = ()
    """Each policy as canonical JSON, without its ARN and its alarms."""


class ProxyTarget(Value):
    """An RDS Proxy that leads to the cluster."""

    proxy: str
    target_group: str
    status: str = ""


class ConnectPolicy(Value):
    """An IAM policy that lets a principal log in with ``rds-db:connect``, and the resource ids that it names."""

    name: str
    holder: str
    """Whose it is: ``policy``, ``role NAME``, ``user NAME`` or ``group NAME``."""
    resource_ids: tuple[str, ...]
    """Cluster resource ids in its ARNs; ``*`` where it names all."""


class Unseen(Value):
    """Something that could not be looked at, and why."""

    what: str
    """The field of ``Surroundings`` that is missing."""
    why: str


class SecurityGroup(Value):
    """A security group, as far as a restore must know it."""

    identifier: str
    name: str
    vpc: str | None = None
    opens_ports: tuple[tuple[int, int], ...] = ()
    """TCP port ranges that some source may enter by."""
    rules: tuple[str, ...] = ()
    """Each way in as ``tcp 5432-5432 from 10.20.0.0/16``, sorted; a group or prefix list stands by its id."""


class Key(Value):
    """A KMS key: its full name and whether it can be used right now."""

    arn: str
    is_enabled: bool
    state: str = "Enabled"
    is_default: bool = False
    """Whether AWS made it for the service; what lies under such a key opens in its own account only (FACTS 4.6)."""


class Quota(Value):
    """A limit of the account in a region, and how much of it is used."""

    name: str
    """AWS's ``AccountQuotaName``."""
    used: int
    most: int


class OfferedClass(Value):
    """An instance class that AWS offers for an engine version, and the zones in which it does."""

    name: str
    zones: tuple[str, ...] = ()


class Offers(Value):
    """What AWS offers for a cluster's instances now; ``None`` where it does not say."""

    classes: tuple[OfferedClass, ...] | None = None
    certificates: tuple[str, ...] | None = None
    """The certificate authorities that an instance can have."""


class Surroundings(Value):
    """What belongs to a cluster but is kept beside it, and is in none of Aurora's backups (FACTS 4.2)."""

    parameter_group: ParameterGroup | None = None
    instance_parameter_groups: tuple[ParameterGroup, ...] = ()
    security_groups: tuple[SecurityGroup, ...] = ()
    subnets: tuple[str, ...] = ()
    """The subnets of its subnet group."""
    endpoints: tuple[CustomEndpoint, ...] = ()
    scaling: Scaling | None = None
    proxies: tuple[ProxyTarget, ...] = ()
    connect_policies: tuple[ConnectPolicy, ...] = ()
    key: Key | None = None
    """The key of its storage."""
    unseen: tuple[Unseen, ...] = ()
    """What we have no permission to look at; its absence proves nothing."""

    def why_unseen(self, what: str) -> str | None:
        """Why a field is missing; ``None`` when it was looked at."""
        return next((each.why for each in self.unseen if each.what == what), None)


def writer_first(cluster: Cluster, instances: tuple[Instance, ...]) -> list[Instance]:
    """A cluster's instances as a clone numbers them: the writer, then readers by promotion tier."""
    writers = {member.identifier for member in cluster.members if member.is_writer}
    return sorted(
        instances, key=lambda instance: (instance.identifier not in writers, instance.tier, instance.identifier)
    )
