"""What AWS carries out: each action is exactly one call of its API."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.actions.placed import Placed
from daybreak.model.destinations import DatabaseAddress, RecordSet, SecretFields
from daybreak.model.moment import Moment
from daybreak.model.value import Instant, Span
from daybreak.model.world import ServerlessRange


class AwsOrder(Placed):
    """A change that is exactly one call of AWS's API."""


class CopyParameterGroup(AwsOrder):
    """Copy the source's cluster parameter group, so that the clone starts from its settings."""

    kind: Literal["copy-parameter-group@1"] = "copy-parameter-group@1"
    source: str
    group: str
    description: str


class CreateParameterGroup(AwsOrder):
    """Create a cluster parameter group; used where the source has a default group, which AWS does not copy."""

    kind: Literal["create-parameter-group@1"] = "create-parameter-group@1"
    group: str
    family: str
    description: str


class SetParameters(AwsOrder):
    """Set values in a cluster parameter group of ours; they take effect at the next start."""

    kind: Literal["set-parameters@1"] = "set-parameters@1"
    group: str
    parameters: dict[str, str]


class _Storage(AwsOrder):
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


class CreateEndpoint(AwsOrder):
    """Give the clone a custom endpoint like one of the source's. Names are unique in an account, so it gets a new one."""

    kind: Literal["create-endpoint@1"] = "create-endpoint@1"
    clone: str
    endpoint: str
    type: Literal["READER", "WRITER", "ANY"]
    static_members: tuple[str, ...] = ()
    excluded_members: tuple[str, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)


class DeleteEndpoint(AwsOrder):
    """Delete a custom endpoint that this run created."""

    kind: Literal["delete-endpoint@1"] = "delete-endpoint@1"
    clone: str
    endpoint: str


class MoveWriter(AwsOrder):
    """Make another cluster of a global database the one that is written to. Neither cluster is the run's own."""

    kind: Literal["move-writer@1"] = "move-writer@1"
    database: str
    """The identifier of the global database."""
    member: str
    """The ARN of the cluster that becomes the writer."""
    gives_up: bool
    """Whether what had not arrived there is given up (a fail-over), or AWS waits until all of it has (a switch-over)."""


class SetClusterOptions(AwsOrder):
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


class ManagePassword(AwsOrder):
    """Let AWS make a password for the clone's master and keep it in a secret, which is deleted with the clone (FACTS 4.2).

    No password of ours is in any call, plan or journal.
    """

    kind: Literal["manage-password@1"] = "manage-password@1"
    clone: str


class SetParameterGroup(AwsOrder):
    """Give the clone another cluster parameter group; it is in force once its instances have been restarted."""

    kind: Literal["set-parameter-group@1"] = "set-parameter-group@1"
    clone: str
    group: str
    before: str
    """The group that it had, which takes it back."""
    instances: tuple[str, ...]
    """The instances that have to be restarted for it, the writer first."""


class RebootInstance(AwsOrder):
    """Restart an instance of the clone, so that its parameter groups are in force. Restarted twice, it is as after once."""

    kind: Literal["reboot-instance@1"] = "reboot-instance@1"
    clone: str
    instance: str


class CreateInstance(AwsOrder):
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


class SetExpiry(AwsOrder):
    """Say in the clone's tag until when it is kept: for ever, once it is production, or until its old time when it is a clone again."""

    kind: Literal["set-expiry@1"] = "set-expiry@1"
    clone: str
    arn: str
    expires: str
    """The tag's value: a time, or ``never: RUN``."""
    before: str
    """The value that it had, which takes it back."""


class AnchorJournal(AwsOrder):
    """Write the number and digest of the journal's newest event into a tag of the clone, which an editor of the journal cannot reach."""

    kind: Literal["anchor-journal@1"] = "anchor-journal@1"
    clone: str
    arn: str
    """The clone's ARN: the call that sets tags takes nothing else."""


class DeleteInstance(AwsOrder):
    """Delete an instance that this run created."""

    kind: Literal["delete-instance@1"] = "delete-instance@1"
    clone: str
    instance: str


class DeleteCluster(AwsOrder):
    """Delete a cluster that this run created; never asks AWS to drop backups of anything else."""

    kind: Literal["delete-cluster@1"] = "delete-cluster@1"
    clone: str


class DeleteParameterGroup(AwsOrder):
    """Delete the quarantine parameter group that this run created."""

    kind: Literal["delete-parameter-group@1"] = "delete-parameter-group@1"
    group: str


class TakeSnapshot(AwsOrder):
    """Take a manual snapshot of the source: a copy of an older one would be as old as that. Nothing of the cluster changes."""

    kind: Literal["take-snapshot@1"] = "take-snapshot@1"
    cluster: str
    snapshot: str
    tags: dict[str, str] = Field(default_factory=dict)


class CopySnapshot(AwsOrder):
    """Copy a snapshot into the region where the action is placed. Nobody else gets a right to the copy."""

    kind: Literal["copy-snapshot@1"] = "copy-snapshot@1"
    source: str
    """Its ARN."""
    source_region: str
    snapshot: str
    """The copy's identifier."""
    key: str | None = None
    """The ARN of the key of the copy's region; ``None`` where the source is not encrypted."""
    taken: Instant | None = None
    """When the source was taken; ``None`` where the run takes it itself, and reads that from AWS before it copies."""
    tags: dict[str, str] = Field(default_factory=dict)


class DeleteSnapshot(AwsOrder):
    """Delete a manual snapshot that a run of ours made, and nobody else's."""

    kind: Literal["delete-snapshot@1"] = "delete-snapshot@1"
    snapshot: str
    origin: str
    """The resource id of the cluster that it holds."""
    nonce: str | None = None
    """The nonce of the run that made it; ``None`` is the run that deletes it."""


class PointSecret(AwsOrder):
    """Make a new version of a secret that differs in the address alone. The text is read right before the sending, and kept nowhere.

    The version's id is drawn from the run's nonce, so sending twice leaves one version.
    """

    kind: Literal["point-secret@1"] = "point-secret@1"
    secret: str
    version: str
    """The version that the new one is made of; it must still be the current one."""
    fields: SecretFields
    old: DatabaseAddress
    new: DatabaseAddress


class MoveSecretStage(AwsOrder):
    """Make an older version of a secret the current one again. The other version stays, as the previous one."""

    kind: Literal["move-secret-stage@1"] = "move-secret-stage@1"
    secret: str
    version: str
    """The version that becomes the current one."""
    away_from: str | None = None
    """The version that must be the current one until then; ``None`` is the one that the run made."""


class PointParameter(AwsOrder):
    """Make a new version of a parameter that differs in the address alone. The text is read right before the sending, and kept nowhere.

    AWS keeps the type. The rest is sent as it was found: for what a call leaves out, AWS may take a default.
    """

    kind: Literal["point-parameter@1"] = "point-parameter@1"
    parameter: str
    version: int
    """The version that the new one is made of; it must still be the newest one."""
    old: DatabaseAddress
    new: DatabaseAddress
    key: str | None = None
    """The KMS key of a ``SecureString``."""
    tier: str | None = None
    data_type: str | None = None
    description: str | None = None
    pattern: str | None = None


class ChangeRecord(AwsOrder):
    """Put one record set of Route 53 in the place of another of the same name, in one batch: AWS refuses it where the old one is not there."""

    kind: Literal["change-record@1"] = "change-record@1"
    zone: str
    before: RecordSet
    after: RecordSet


class DetachProxy(AwsOrder):
    """Take a cluster out of a proxy's target group, so that the proxy leads nowhere. Nothing of the cluster changes."""

    kind: Literal["detach-proxy@1"] = "detach-proxy@1"
    proxy: str
    group: str
    cluster: str
    resource_id: str
    """Of the cluster."""


class AttachProxy(AwsOrder):
    """Let a proxy that leads nowhere lead to a cluster. Nothing of the cluster changes."""

    kind: Literal["attach-proxy@1"] = "attach-proxy@1"
    proxy: str
    group: str
    cluster: str
    resource_id: str
    """Of the cluster: another one of that name is not meant."""
    secrets: tuple[str, ...] = ()
    """The ARNs of the secrets with which the proxy logs in: who plans reads as whom, and no step reads them."""


class SetRole(AwsOrder):
    """Give the clone an IAM role that the source has, or take it away again. The role itself stays as it is."""

    kind: Literal["set-role@1"] = "set-role@1"
    clone: str
    role: str
    """Its ARN."""
    feature: str | None = None
    """The feature of the engine that it serves, such as ``s3Import``."""
    is_given: bool


class SetDataApi(AwsOrder):
    """Let the clone answer the RDS Data API, or no longer."""

    kind: Literal["set-data-api@1"] = "set-data-api@1"
    clone: str
    arn: str
    """The clone's ARN: the call takes nothing else."""
    is_on: bool


class SetSubscription(AwsOrder):
    """Let an event subscription report the clone too, or no longer. It stays its owner's, and all its other sources stay."""

    kind: Literal["set-subscription@1"] = "set-subscription@1"
    subscription: str
    clone: str
    entry: str
    """What it reports: the clone's identifier, or that of an instance of the clone."""
    is_in: bool


class RenameCluster(AwsOrder):
    """Give a cluster another identifier: its endpoints get other names, its resource id, tags and data stay. AWS takes minutes for it.

    The old names are gone at once; the new ones lead there some minutes later (FACTS 4.12).
    """

    kind: Literal["rename-cluster@1"] = "rename-cluster@1"
    cluster: str
    resource_id: str
    """Of the cluster: another one of that name is not meant."""
    name: str
    """The identifier that it gets, which must be free."""
    is_own: bool = Field(default=False, exclude_if=lambda found: not found)
    """Whether it is the run's clone, and must carry its nonce; else it is the source, and nothing else of that is changed."""


class ExportSnapshot(AwsOrder):
    """Let RDS write what a snapshot holds into a bucket, as Parquet files. AWS gives an export no tags, so its prefix carries the run's nonce."""

    kind: Literal["export-snapshot@1"] = "export-snapshot@1"
    task: str
    """The name that the export gets, which no other export of the account has, nor had."""
    source: str
    """The ARN of the snapshot."""
    bucket: str
    prefix: str
    """The beginning of the keys, without the slash at its end; what is drawn for the run stands last in it."""
    role: str
    """The ARN of the role as which RDS writes into the bucket."""
    key: str
    """The KMS key under which the files are written."""
    only: tuple[str, ...] = ()
    """The databases, schemas and tables that are exported, as ``DATABASE.SCHEMA.TABLE``; empty for all."""


class CancelExport(AwsOrder):
    """End an export that a run of ours started. What it has written already stays in the bucket."""

    kind: Literal["cancel-export@1"] = "cancel-export@1"
    task: str


Restore = RestoreToMoment | RestoreFromSnapshot
"""The actions that make a clone's storage."""

KeyedOrder = SetRole | SetDataApi | SetSubscription
"""What makes again at the clone what is keyed to the source."""

AwsChange = (
    CopyParameterGroup
    | CreateParameterGroup
    | SetParameters
    | RestoreToMoment
    | RestoreFromSnapshot
    | SetClusterOptions
    | SetParameterGroup
    | RebootInstance
    | ManagePassword
    | CreateInstance
    | CreateEndpoint
    | AnchorJournal
    | DeleteEndpoint
    | DeleteInstance
    | DeleteCluster
    | DeleteParameterGroup
    | TakeSnapshot
    | CopySnapshot
    | DeleteSnapshot
    | MoveWriter
    | SetExpiry
    | PointSecret
    | MoveSecretStage
    | PointParameter
    | ChangeRecord
    | DetachProxy
    | AttachProxy
    | KeyedOrder
    | RenameCluster
    | ExportSnapshot
    | CancelExport
)
"""All of them."""
