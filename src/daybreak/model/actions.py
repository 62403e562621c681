"""The closed union of everything Daybreak ever does to the world, or waits for.

The law: an action is an order in complete data. Its ``kind`` carries a version. The meaning of a kind never changes, so
a journal written by an older release can be resumed. Teach a new action in every place the type checker lists
(``match … assert_never``): its call, its sentence, its standing, its undo.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from daybreak.model.checks import ValidationPart
from daybreak.model.kept import Kept
from daybreak.model.moment import Moment
from daybreak.model.requests import Thoroughness
from daybreak.model.targets import Application, DatabaseTarget, Expectation, HealthCheck, SqlCheck, Waiver
from daybreak.model.value import Span, Value
from daybreak.model.world import AutomatedBackup, Cluster, Instance, ServerlessRange, Snapshot, Surroundings


class Placed(Value):
    """What acts or waits at AWS."""

    region: str | None = None
    """Where, if not in the plan's own region."""


class CopyParameterGroup(Placed):
    """Copy the source's cluster parameter group, so that the clone starts from its settings."""

    kind: Literal["copy-parameter-group@1"] = "copy-parameter-group@1"
    source: str
    group: str
    description: str


class CreateParameterGroup(Placed):
    """Create a cluster parameter group; used where the source has a default group, which AWS does not copy."""

    kind: Literal["create-parameter-group@1"] = "create-parameter-group@1"
    group: str
    family: str
    description: str


class SetParameters(Placed):
    """Set values in a cluster parameter group of ours; they take effect at the next start."""

    kind: Literal["set-parameters@1"] = "set-parameters@1"
    group: str
    parameters: dict[str, str]


class _Storage(Placed):
    """The fields of the clone's storage that every restore sets, so that nothing is left to AWS's defaults (FACTS 4.2)."""

    clone: str
    parameter_group: str
    subnet_group: str | None = None
    security_groups: tuple[str, ...]
    port: int | None = None
    kms_key: str | None = None
    storage_type: str | None = None
    has_iam_auth: bool = False
    log_exports: tuple[str, ...] = ()
    is_protected: bool = False
    copies_tags: bool = False
    serverless: ServerlessRange | None = None
    lifecycle: str | None = None
    """Whether AWS's Extended Support follows the end of standard support, as ``EngineLifecycleSupport`` says it."""
    backup_retention: Span | None = None
    backup_window: str | None = None
    network_type: str | None = None
    domain: str | None = None
    """The Active Directory that the clone joins for Kerberos logins."""
    domain_role: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)


class RestoreToMoment(_Storage):
    """Create the clone's storage as of a moment, with everything AWS would otherwise default (FACTS 4.2)."""

    kind: Literal["restore-to-moment@1"] = "restore-to-moment@1"
    source: str
    resource_id: str | None = None
    """Set when the source is deleted: AWS then finds the backup by resource id (FACTS 4.6)."""
    moment: Moment


class RestoreFromSnapshot(_Storage):
    """Create the clone's storage from a snapshot, its engine version pinned (FACTS 4.9), nothing left to AWS's defaults."""

    kind: Literal["restore-from-snapshot@1"] = "restore-from-snapshot@1"
    snapshot: str
    """Its identifier, or its ARN when it belongs to another account."""
    engine: str
    engine_version: str
    database: str | None = None


class CreateEndpoint(Placed):
    """Give the clone a custom endpoint like one of the source's. Names are unique in an account, so it gets a new one."""

    kind: Literal["create-endpoint@1"] = "create-endpoint@1"
    clone: str
    endpoint: str
    type: Literal["READER", "WRITER", "ANY"]
    static_members: tuple[str, ...] = ()
    excluded_members: tuple[str, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)


class DeleteEndpoint(Placed):
    """Delete a custom endpoint that this run created."""

    kind: Literal["delete-endpoint@1"] = "delete-endpoint@1"
    clone: str
    endpoint: str


class SetClusterOptions(Placed):
    """Set what a restore call cannot carry: maintenance, protection and insights; or lift its deletion protection."""

    kind: Literal["set-cluster-options@1"] = "set-cluster-options@1"
    clone: str
    backup_retention: Span | None = None
    backup_window: str | None = None
    maintenance_window: str | None = None
    is_protected: bool | None = None
    upgrades_itself: bool | None = None
    insights_mode: str | None = None
    has_performance_insights: bool | None = None
    performance_insights_retention: int | None = None
    performance_insights_key: str | None = None


class ManagePassword(Placed):
    """Let AWS make a password for the clone's master and keep it in a secret, which is deleted with the clone (FACTS 4.2).

    No password of ours is in any call, plan or journal.
    """

    kind: Literal["manage-password@1"] = "manage-password@1"
    clone: str


class CreateInstance(Placed):
    """Add one instance to the clone, never a public one. The first becomes the writer."""

    kind: Literal["create-instance@1"] = "create-instance@1"
    clone: str
    instance: str
    instance_class: str
    engine: str
    zone: str | None = None
    """The Availability Zone; ``None`` lets AWS choose one of the subnet group's."""
    tier: int = 1
    parameter_group: str | None = None
    upgrades_itself: bool = True
    ca: str | None = None
    copies_tags: bool = False
    monitoring_interval: int = 0
    monitoring_role: str | None = None
    has_performance_insights: bool = False
    performance_insights_retention: int | None = None
    performance_insights_key: str | None = None
    maintenance_window: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)


class AwaitCluster(Placed):
    """Wait until the clone's storage is restored: available, its window no longer null, nothing pending."""

    kind: Literal["await-cluster@1"] = "await-cluster@1"
    clone: str


PARAMETER_GROUP_REST = Span(minutes=5)
"""How long AWS wants a new parameter group left alone before it is used (FACTS 4.1)."""


class AwaitParameterGroup(Placed):
    """Wait until the quarantine group has rested for so long that an instance can start under it (FACTS 4.1).

    AWS shows no time of a group's creation, so the rest is counted from the reply that the journal holds.
    """

    kind: Literal["await-parameter-group@1"] = "await-parameter-group@1"
    group: str
    rest: Span


class AwaitInstance(Placed):
    """Wait until an instance is available with its parameter group in force."""

    kind: Literal["await-instance@1"] = "await-instance@1"
    clone: str
    instance: str


class AwaitSql(Placed):
    """Wait until the endpoint that AWS returned resolves, accepts TCP and answers SQL. ``available`` alone is never trusted."""

    kind: Literal["await-sql@1"] = "await-sql@1"
    clone: str
    database: str | None
    login: str | None
    quarantine: dict[str, str] = Field(default_factory=dict)
    """Parameters that must be in force at the first answer, or nobody is let in."""


class Validate(Placed):
    """Ask the clone questions and judge the answers; the findings become the run's verdict."""

    kind: Literal["validate@1"] = "validate@1"
    part: ValidationPart | None = None
    """The part that is asked; ``None`` is all of it, as in the plans of earlier releases and in a validation by itself."""
    clone: str
    source: str
    source_seen: Cluster | None
    """The source's configuration at planning, for parity; ``None`` when it was already deleted."""
    instances_seen: tuple[Instance, ...]
    backup_seen: AutomatedBackup | None = None
    """What the kept backup recorded, where the source was already deleted."""
    snapshot_seen: Snapshot | None = None
    """The snapshot that the clone is made of; its engine version is the clone's, whatever the source runs today."""
    moment: Moment
    database: str | None
    """The database that is entered first, and that ``tables``, ``checks`` and ``waivers`` speak of."""
    only: tuple[str, ...] = ()
    """The databases to enter; empty is every database of the cluster."""
    databases: dict[str, DatabaseTarget] = Field(default_factory=dict)
    """What must be true of other databases than the first."""
    login: str | None
    quarantine: dict[str, str]
    """Parameters that must be in force inside the clone's PostgreSQL."""
    permitted: dict[str, str] = Field(default_factory=dict)
    """Fields of the cluster or its instances that may differ from the source, each with the reason."""
    tables: dict[str, Expectation]
    checks: tuple[SqlCheck, ...]
    surroundings_seen: Surroundings | None = None
    """What belonged to the source at planning, or as its capsule kept it."""
    capsule: Kept | None = None
    """Set where ``source_seen``, ``instances_seen`` and ``surroundings_seen`` come from a capsule, not from a living source."""
    baseline: Kept | None = None
    """The baseline to compare with, read from the repository when validating."""
    application: Application | None = None
    health: tuple[HealthCheck, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    thoroughness: Thoroughness = Thoroughness()
    source_budget: Span = Span(minutes=10)
    """How long the source may be asked about its rows."""


class AnchorJournal(Placed):
    """Write the number and digest of the journal's newest event into a tag of the clone, which an editor of the journal cannot reach."""

    kind: Literal["anchor-journal@1"] = "anchor-journal@1"
    clone: str
    arn: str
    """The clone's ARN: the call that sets tags takes nothing else."""


class DeleteInstance(Placed):
    """Delete an instance that this run created."""

    kind: Literal["delete-instance@1"] = "delete-instance@1"
    clone: str
    instance: str


class DeleteCluster(Placed):
    """Delete a cluster that this run created; never asks AWS to drop backups of anything else."""

    kind: Literal["delete-cluster@1"] = "delete-cluster@1"
    clone: str


class AwaitClusterGone(Placed):
    """Wait until AWS no longer knows the clone."""

    kind: Literal["await-cluster-gone@1"] = "await-cluster-gone@1"
    clone: str


class DeleteParameterGroup(Placed):
    """Delete the quarantine parameter group that this run created."""

    kind: Literal["delete-parameter-group@1"] = "delete-parameter-group@1"
    group: str


Restore = RestoreToMoment | RestoreFromSnapshot
"""The actions that make a clone's storage."""

Wait = AwaitCluster | AwaitParameterGroup | AwaitInstance | AwaitSql | AwaitClusterGone
"""The actions that only look."""

Change = (
    CopyParameterGroup
    | CreateParameterGroup
    | SetParameters
    | RestoreToMoment
    | RestoreFromSnapshot
    | SetClusterOptions
    | ManagePassword
    | CreateInstance
    | CreateEndpoint
    | AnchorJournal
    | DeleteEndpoint
    | DeleteInstance
    | DeleteCluster
    | DeleteParameterGroup
)
"""The actions that change the world, each by exactly one AWS call."""

Action = Annotated[Change | Wait | Validate, Field(discriminator="kind")]
"""Any one thing a step can order."""
