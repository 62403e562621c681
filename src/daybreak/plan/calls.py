"""Turn an action into an AWS call, in one place, so that what we print is what we send.

The law: a change is exactly one call, and every name that it touches is known beforehand. What it touches and needs is in
the operation's row, in ``plan.operations``.
"""

from __future__ import annotations

from typing import Any, assert_never

from daybreak.errors import Bug
from daybreak.model.actions import (
    Action,
    AnchorJournal,
    ArchiveOrder,
    AttachProxy,
    AwaitApproval,
    AwsChange,
    AwsOrder,
    CancelExport,
    ChangeRecord,
    CopyParameterGroup,
    CopySnapshot,
    CreateEndpoint,
    CreateInstance,
    CreateParameterGroup,
    DeleteCluster,
    DeleteEndpoint,
    DeleteInstance,
    DeleteParameterGroup,
    DeleteSnapshot,
    DetachProxy,
    ExportOrder,
    ExportSnapshot,
    KeyedOrder,
    ManagePassword,
    MoveSecretStage,
    MoveWriter,
    PointParameter,
    PointSecret,
    PoolOrder,
    RebootInstance,
    RenameCluster,
    RestoreFromSnapshot,
    RestoreToMoment,
    RunCommand,
    SetClusterOptions,
    SetDataApi,
    SetExpiry,
    SetParameterGroup,
    SetParameters,
    SetRole,
    SetSubscription,
    SqlOrder,
    TakeSnapshot,
    Validate,
    WaitOrder,
)
from daybreak.model.destinations import CURRENT_STAGE
from daybreak.model.plan import AwsCall, Plan
from daybreak.model.requests import CleanRequest, MoveRequest
from daybreak.model.tags import EXPIRES_TAG, JOURNAL_TAG, NONCE_TAG, PLAN_TAG, RUN_TAG, STATE_TAG, TAKEN_TAG
from daybreak.model.value import Instant, Value, digest, iso
from daybreak.plan.bodies import body_of_instance, body_of_restore, body_of_snapshot_restore, tag_list
from daybreak.plan.operations import aws_call

DRAWN_AT_START = "<drawn at start>"
"""What a plan prints for the nonce. The nonce is drawn when a run begins, so one plan begun twice makes two owners."""

DRAWN_AT_END = "<drawn at the end>"
"""What a plan prints for the journal's anchor: the newest event and its digest are not known before."""


DRAWN_WHEN_TAKEN = "<when its source was taken>"
"""What a plan prints for the time of a snapshot that its run takes itself: AWS says it when the snapshot is complete."""


FILLED_WHEN_SENT = "<read and replaced right before the sending>"
"""What stands in a plan, a journal and a printed call for a text that may hold a secret."""

_TEXTS = {"PutSecretValue": "SecretString", "PutParameter": "Value"}
"""By operation the parameter whose text is never kept."""


class Owner(Value):
    """The run that owns a resource; the one place that says what makes it the owner."""

    run: str
    nonce: str | None
    """``None`` only for a clean-up after a run whose journal names no nonce."""
    seed: str | None = None
    """What the ids of versions are drawn from where a run moves traffic to another run's clone: its own nonce, so that two moves
    make two versions. ``None`` is the owner's nonce."""

    def owns(self, tags: dict[str, str]) -> bool:
        """Whether this owner owns what carries these tags. The nonce decides: no two runs share one.

        >>> Owner(run="a", nonce="1").owns({"daybreak:run": "a", "daybreak:nonce": "2"})
        False
        """
        if self.nonce is None:
            return tags.get(RUN_TAG) == self.run and NONCE_TAG not in tags
        return bool(self.nonce) and tags.get(NONCE_TAG) == self.nonce

    def version_of(self, secret: str) -> str | None:
        """The id of the version that the owner makes of a secret, a UUID, the same each time; ``None`` for an owner without a nonce.

        >>> Owner(run="a", nonce="1").version_of("prod/db")
        '40eb82c8-2ef1-8a18-a176-27c1485732d7'
        """
        drawn = digest([self.seed or self.nonce, secret])
        as_uuid = (drawn[:8], drawn[8:12], f"8{drawn[13:16]}", f"a{drawn[17:20]}", drawn[20:32])
        return "-".join(as_uuid) if self.nonce else None

    def mark(self) -> str:
        """The tag that proves the owner, as a sentence names it."""
        return f"{RUN_TAG}={self.run}" if self.nonce is None else f"{NONCE_TAG}={self.nonce}"


def owner_of(plan: Plan, nonce: str | None) -> Owner:
    """The owner of a plan's resources: its own run, which has this nonce, or the run whose clone it removes or moves traffic to."""
    if isinstance(plan.request, CleanRequest):
        return Owner(run=plan.request.run, nonce=plan.request.nonce)
    if isinstance(plan.request, MoveRequest):
        return Owner(run=plan.clone, nonce=plan.request.nonce, seed=nonce)
    return Owner(run=plan.run, nonce=nonce or "")


Stamp = dict[str, str]
"""The tags on everything that a run creates, so that it is recognized and never forgotten."""


def tags_for(run: str, expires: Instant | None) -> Stamp:
    """The part of the stamp that a plan holds: all but its own digest, with ``DRAWN_AT_START`` for the nonce."""
    return {RUN_TAG: run, NONCE_TAG: DRAWN_AT_START} | ({EXPIRES_TAG: iso(expires)} if expires else {})


def stamp_of(plan: Plan) -> Stamp:
    """The whole stamp, as we print it."""
    return plan.tags | {PLAN_TAG: plan.digest()}


def fill_in(
    call: AwsCall, nonce: str, anchor: str, state: str = "", *, taken: str = "", owner: Owner | None = None
) -> AwsCall:
    """The call as we send it: the one place where drawn values replace the printed ones.

    It looks only at our own tags' values: what a person wrote into a tag of theirs stays. ``owner`` made, or makes, the version of
    a secret. Raises ``Bug`` where nothing was drawn for what the call needs.
    """
    call = _with_prefix(_with_version(call, owner), nonce)
    if "Tags" not in call.params:
        return call
    drawn = {
        (NONCE_TAG, DRAWN_AT_START): nonce,
        (STATE_TAG, DRAWN_AT_START): state,
        (JOURNAL_TAG, DRAWN_AT_END): anchor,
        (TAKEN_TAG, DRAWN_WHEN_TAKEN): taken,
    }
    tags = [tag | {"Value": drawn.get((tag["Key"], tag["Value"]), tag["Value"])} for tag in call.params["Tags"]]
    if empty := [tag["Key"] for tag in tags if tag["Key"] in (NONCE_TAG, JOURNAL_TAG, TAKEN_TAG) and not tag["Value"]]:
        message = f"{call.operation} would be sent without {', '.join(empty)}"
        raise Bug(message)
    return call.model_copy(update={"params": call.params | {"Tags": tags}})


def _with_version(call: AwsCall, owner: Owner | None) -> AwsCall:
    names = [name for name in _VERSION_NAMES if call.params.get(name) == DRAWN_AT_START]
    if not names:
        return call
    version = owner.version_of(call.params["SecretId"]) if owner else None
    if version is None:
        message = f"{call.operation} would be sent without {', '.join(names)}"
        raise Bug(message)
    return call.model_copy(update={"params": call.params | dict.fromkeys(names, version)})


def _with_prefix(call: AwsCall, nonce: str) -> AwsCall:
    """The call with the nonce in the prefix of an export: it stands there in the place of tags."""
    prefix = call.params.get("S3Prefix", "")
    return call.model_copy(update={"params": call.params | {"S3Prefix": with_nonce(prefix, nonce)}}) if prefix else call


def with_nonce(text: str, nonce: str) -> str:
    """A place in a bucket with the nonce where the plan prints that it is drawn; raises ``Bug`` where none was drawn.

    >>> with_nonce("exports/<drawn at start>/embi", "1f")
    'exports/1f/embi'
    """
    if DRAWN_AT_START in text and not nonce:
        message = f"{text} would be used without a nonce"
        raise Bug(message)
    return text.replace(DRAWN_AT_START, nonce)


_VERSION_NAMES = ("ClientRequestToken", "RemoveFromVersionId")


def complete(call: AwsCall, text: str | None) -> AwsCall:
    """The call with the text that is never kept, right before it is sent. Raises ``Bug`` where it needs one and there is none."""
    name = _TEXTS.get(call.operation)
    if name is None:
        return call
    if text is None:
        message = f"{call.operation} would be sent without its text"
        raise Bug(message)
    return call.model_copy(update={"params": call.params | {name: text}})


def result_of(call: AwsCall, body: dict[str, Any]) -> dict[str, Any]:
    """What the journal keeps of the answer to a change: what a later step has to name."""
    match call.operation:
        case "PutSecretValue":
            return {"version": body.get("VersionId")}
        case "PutParameter":
            return {"version": body.get("Version")}
        case "ChangeResourceRecordSets":
            return {"change": (body.get("ChangeInfo") or {}).get("Id")}
        case _:
            return {}


def call_of(action: Action, stamp: Stamp, region: str) -> AwsCall | None:
    """The AWS call that carries out an action; ``None`` for one that AWS does not carry out. ``region`` is the plan's."""
    match action:
        case AwsOrder():
            operation, params = _operation(action, stamp)
            service = _SERVICES.get(operation, "rds")
            return aws_call(service, operation, _without_nothing(params), action.region or region)
        case (
            SqlOrder()
            | ExportOrder()
            | ArchiveOrder()
            | PoolOrder()
            | RunCommand()
            | WaitOrder()
            | Validate()
            | AwaitApproval()
        ):
            return None
        case _:
            assert_never(action)


_SERVICES = {
    "PutSecretValue": "secretsmanager",
    "UpdateSecretVersionStage": "secretsmanager",
    "PutParameter": "ssm",
    "ChangeResourceRecordSets": "route53",
}
"""The operations that are not RDS's."""


def _operation(action: AwsChange, stamp: Stamp) -> tuple[str, dict[str, Any]]:
    match action:
        case CopyParameterGroup():
            return "CopyDBClusterParameterGroup", {
                "SourceDBClusterParameterGroupIdentifier": action.source,
                "TargetDBClusterParameterGroupIdentifier": action.group,
                "TargetDBClusterParameterGroupDescription": action.description,
                "Tags": tag_list(stamp),
            }
        case CreateParameterGroup():
            return "CreateDBClusterParameterGroup", {
                "DBClusterParameterGroupName": action.group,
                "DBParameterGroupFamily": action.family,
                "Description": action.description,
                "Tags": tag_list(stamp),
            }
        case SetParameters():
            return "ModifyDBClusterParameterGroup", {
                "DBClusterParameterGroupName": action.group,
                "Parameters": [
                    {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
                    for name, value in sorted(action.parameters.items())
                ],
            }
        case RestoreToMoment():
            return "RestoreDBClusterToPointInTime", body_of_restore(action, stamp)
        case RestoreFromSnapshot():
            return "RestoreDBClusterFromSnapshot", body_of_snapshot_restore(action, stamp)
        case CreateEndpoint():
            return "CreateDBClusterEndpoint", {
                "DBClusterEndpointIdentifier": action.endpoint,
                "DBClusterIdentifier": action.clone,
                "EndpointType": action.type,
                "StaticMembers": list(action.static_members) or None,
                "ExcludedMembers": list(action.excluded_members) or None,
                "Tags": tag_list(action.tags | stamp),
            }
        case SetExpiry(arn=arn) | AnchorJournal(arn=arn):
            tag = {EXPIRES_TAG: action.expires} if isinstance(action, SetExpiry) else {JOURNAL_TAG: DRAWN_AT_END}
            return "AddTagsToResource", {"ResourceName": arn, "Tags": tag_list(tag)}
        case SetClusterOptions() | SetParameterGroup() | ManagePassword() | RenameCluster():
            return "ModifyDBCluster", _modification(action)
        case RebootInstance(instance=instance):
            return "RebootDBInstance", {"DBInstanceIdentifier": instance}
        case CreateInstance():
            return "CreateDBInstance", body_of_instance(action, stamp)
        case DeleteEndpoint() | DeleteInstance() | DeleteCluster() | DeleteParameterGroup():
            return _deletion(action)
        case TakeSnapshot() | CopySnapshot() | DeleteSnapshot():
            return _operation_on_snapshot(action, stamp)
        case MoveWriter():
            return _move(action)
        case PointSecret() | MoveSecretStage() | PointParameter() | ChangeRecord() | DetachProxy() | AttachProxy():
            return _operation_on_destination(action)
        case SetRole() | SetDataApi() | SetSubscription():
            return _operation_on_keyed(action)
        case ExportSnapshot() | CancelExport():
            return _operation_on_export(action)
        case _:
            assert_never(action)


def _operation_on_export(action: ExportSnapshot | CancelExport) -> tuple[str, dict[str, Any]]:
    if isinstance(action, CancelExport):
        return "CancelExportTask", {"ExportTaskIdentifier": action.task}
    return "StartExportTask", {
        "ExportTaskIdentifier": action.task,
        "SourceArn": action.source,
        "S3BucketName": action.bucket,
        "S3Prefix": action.prefix,
        "IamRoleArn": action.role,
        "KmsKeyId": action.key,
        "ExportOnly": list(action.only),
    }


def _modification(action: SetClusterOptions | SetParameterGroup | ManagePassword | RenameCluster) -> dict[str, Any]:
    match action:
        case RenameCluster(cluster=cluster, name=name):
            # Without ApplyImmediately AWS waits for the maintenance window.
            return {"DBClusterIdentifier": cluster, "NewDBClusterIdentifier": name, "ApplyImmediately": True}
        case SetClusterOptions():
            return _options(action)
        case ManagePassword():
            return _managed_password(action)
        case SetParameterGroup(clone=clone, group=group):
            return {"DBClusterIdentifier": clone, "DBClusterParameterGroupName": group, "ApplyImmediately": True}


def _deletion(
    action: DeleteEndpoint | DeleteInstance | DeleteCluster | DeleteParameterGroup,
) -> tuple[str, dict[str, Any]]:
    if isinstance(action, DeleteEndpoint):
        return "DeleteDBClusterEndpoint", {"DBClusterEndpointIdentifier": action.endpoint}
    if isinstance(action, DeleteParameterGroup):
        return "DeleteDBClusterParameterGroup", {"DBClusterParameterGroupName": action.group}
    if isinstance(action, DeleteInstance):
        return "DeleteDBInstance", {"DBInstanceIdentifier": action.instance}
    # DeleteAutomatedBackups is missing on purpose: we never ask AWS to drop a backup.
    return "DeleteDBCluster", {"DBClusterIdentifier": action.clone, "SkipFinalSnapshot": True}


def _managed_password(action: ManagePassword) -> dict[str, Any]:
    return {"DBClusterIdentifier": action.clone, "ManageMasterUserPassword": True, "ApplyImmediately": True}


def _move(action: MoveWriter) -> tuple[str, dict[str, Any]]:
    params = {"GlobalClusterIdentifier": action.database, "TargetDbClusterIdentifier": action.member}
    if action.gives_up:
        # Without AllowDataLoss a fail-over is a switch-over, which needs the region that is lost.
        return "FailoverGlobalCluster", params | {"AllowDataLoss": True}
    return "SwitchoverGlobalCluster", params


def _operation_on_keyed(action: KeyedOrder) -> tuple[str, dict[str, Any]]:
    match action:
        case SetRole(clone=clone, role=role, feature=feature, is_given=is_given):
            name = "AddRoleToDBCluster" if is_given else "RemoveRoleFromDBCluster"
            return name, {"DBClusterIdentifier": clone, "RoleArn": role, "FeatureName": feature}
        case SetDataApi(arn=arn, is_on=is_on):
            return "EnableHttpEndpoint" if is_on else "DisableHttpEndpoint", {"ResourceArn": arn}
        case SetSubscription(subscription=subscription, entry=entry, is_in=is_in):
            name = "AddSourceIdentifierToSubscription" if is_in else "RemoveSourceIdentifierFromSubscription"
            return name, {"SubscriptionName": subscription, "SourceIdentifier": entry}
        case _:
            assert_never(action)


def _operation_on_destination(
    action: PointSecret | MoveSecretStage | PointParameter | ChangeRecord | DetachProxy | AttachProxy,
) -> tuple[str, dict[str, Any]]:
    match action:
        case DetachProxy() | AttachProxy():
            name = "DeregisterDBProxyTargets" if isinstance(action, DetachProxy) else "RegisterDBProxyTargets"
            place = {"DBProxyName": action.proxy, "TargetGroupName": action.group}
            return name, place | {"DBClusterIdentifiers": [action.cluster]}
        case PointSecret(secret=secret):
            drawn = {"ClientRequestToken": DRAWN_AT_START, "SecretString": FILLED_WHEN_SENT}
            return "PutSecretValue", {"SecretId": secret, **drawn}
        case MoveSecretStage(secret=secret, version=version, away_from=away_from):
            return "UpdateSecretVersionStage", {
                "SecretId": secret,
                "VersionStage": CURRENT_STAGE,
                "MoveToVersionId": version,
                # AWS refuses the call where another version is current by then.
                "RemoveFromVersionId": away_from or DRAWN_AT_START,
            }
        case PointParameter():
            return "PutParameter", {
                "Name": action.parameter,
                "Value": FILLED_WHEN_SENT,
                # Type is missing on purpose: AWS keeps it, and refuses another one.
                "Overwrite": True,
                "KeyId": action.key,
                "Tier": action.tier,
                "DataType": action.data_type,
                "Description": action.description,
                "AllowedPattern": action.pattern,
            }
        case ChangeRecord(zone=zone, before=before, after=after):
            changes = [
                {"Action": "DELETE", "ResourceRecordSet": before.body()},
                {"Action": "CREATE", "ResourceRecordSet": after.body()},
            ]
            return "ChangeResourceRecordSets", {"HostedZoneId": zone, "ChangeBatch": {"Changes": changes}}
        case _:
            assert_never(action)


def _operation_on_snapshot(
    action: TakeSnapshot | CopySnapshot | DeleteSnapshot, stamp: Stamp
) -> tuple[str, dict[str, Any]]:
    match action:
        case TakeSnapshot():
            return "CreateDBClusterSnapshot", {
                "DBClusterSnapshotIdentifier": action.snapshot,
                "DBClusterIdentifier": action.cluster,
                "Tags": tag_list(action.tags | stamp),
            }
        case CopySnapshot():
            return "CopyDBClusterSnapshot", _copy_snapshot(action, stamp)
        case DeleteSnapshot(snapshot=snapshot):
            return "DeleteDBClusterSnapshot", {"DBClusterSnapshotIdentifier": snapshot}
        case _:
            assert_never(action)


def _copy_snapshot(action: CopySnapshot, stamp: Stamp) -> dict[str, Any]:
    taken = iso(action.taken) if action.taken else DRAWN_WHEN_TAKEN
    return {
        "SourceDBClusterSnapshotIdentifier": action.source,
        # With it the SDK signs the request to the source's region, which AWS wants of a copy from there.
        "SourceRegion": action.source_region,
        "TargetDBClusterSnapshotIdentifier": action.snapshot,
        "KmsKeyId": action.key,
        # CopyTags is missing on purpose: with it AWS's own tags would come along, and AWS refuses a call that names them.
        "Tags": tag_list(action.tags | {TAKEN_TAG: taken} | stamp),
    }


def _options(action: SetClusterOptions) -> dict[str, Any]:
    return {
        "DBClusterIdentifier": action.clone,
        "ApplyImmediately": True,
        "BackupRetentionPeriod": action.backup_retention.days if action.backup_retention else None,
        "PreferredBackupWindow": action.backup_window,
        "PreferredMaintenanceWindow": action.maintenance_window,
        "DeletionProtection": action.is_protected,
        "AutoMinorVersionUpgrade": action.upgrades_itself,
        "DatabaseInsightsMode": action.insights_mode,
        # A restore call that carries Performance Insights is refused (FACTS 4.2).
        "EnablePerformanceInsights": action.has_performance_insights,
        "PerformanceInsightsRetentionPeriod": action.performance_insights_retention,
        "PerformanceInsightsKMSKeyId": action.performance_insights_key,
    }


def _without_nothing(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters that say something: an empty one would be refused, or taken for a wish (FACTS 4.1)."""
    return {name: value for name, value in params.items() if value not in (None, "", [], {})}
