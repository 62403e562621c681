"""The IAM policy that a plan needs: every call that it makes, on the resources that it names, and the reads around them.

The law: the changes come from the same calls that we send, and what a call needs is in the operation's row
(``plan.operations``), so a plan and its policy cannot drift apart. Each change names its resources, so the policy allows
changes only to what the plan makes. What is decided here is which occasions to read a plan has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from daybreak.model.actions import (
    Action,
    AttachProxy,
    AwaitClients,
    AwaitExport,
    AwaitProxy,
    AwaitRecord,
    AwaitSnapshot,
    AwaitSql,
    BeginProbe,
    BucketOrder,
    ChangeRecord,
    CopySnapshot,
    CreateInstance,
    DeleteSnapshot,
    DetachProxy,
    ExportSnapshot,
    FetchExport,
    LoadScratch,
    ManagePassword,
    MoveSecretStage,
    MoveWriter,
    PointParameter,
    PointSecret,
    PoolOrder,
    RemoveArchive,
    Restore,
    RestoreFromSnapshot,
    SetSubscription,
    SqlOrder,
    StoreArchive,
    StoreManifest,
    Validate,
)
from daybreak.model.application import ApplicationLogin, ApplicationWay
from daybreak.model.destinations import ParameterDestination, SecretDestination
from daybreak.model.exports import place_at
from daybreak.model.guards import AsPlanned, Ours
from daybreak.model.manifests import SUFFIX
from daybreak.model.plan import AwsCall, Plan
from daybreak.model.requests import CutoverRequest
from daybreak.model.things import ResourceKind
from daybreak.model.world import Identity
from daybreak.plan.arns import arn_of
from daybreak.plan.calls import call_of, stamp_of
from daybreak.plan.occasions import ReadOccasion
from daybreak.plan.operation_rows import Condition
from daybreak.plan.operations import NAMES_OF_RECORDS, REQUESTED_ALIAS, change_of, reads

_ANY = ("*",)
"""AWS gives a list only to a caller who may see all of the kind; and a name may be AWS's choice."""


@dataclass(frozen=True)
class Permission:
    """An action, the ARN of a resource on which it must be allowed, and what must be true of the request."""

    action: str
    resource: str
    condition: Condition | None = None


def policy_of(*plans: Plan) -> dict[str, Any]:
    """The policy document for a person who carries out these plans, ready for JSON; the same plans give the same document."""
    allowed: dict[tuple[str, Condition | None], set[str]] = {}
    for plan in plans:
        for needed in _permissions(plan):
            allowed.setdefault((needed.action, needed.condition), set()).add(needed.resource)
    together: dict[tuple[Condition | None, tuple[str, ...]], list[str]] = {}
    for (action, condition), resources in sorted(
        allowed.items(), key=lambda each: (each[0][1] is not None, each[0][0])
    ):
        together.setdefault((condition, tuple(sorted(resources))), []).append(action)
    statements = [_statement(actions, *limits) for limits, actions in together.items()]
    return {"Version": "2012-10-17", "Statement": statements}


def _statement(actions: list[str], condition: Condition | None, resources: tuple[str, ...]) -> dict[str, Any]:
    limit = {"Condition": {condition.operator: {condition.key: condition.value}}} if condition else {}
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)} | limit


def _permissions(plan: Plan) -> Iterator[Permission]:
    stamp = stamp_of(plan)
    calls = [call for step in plan.steps if (call := call_of(step.action, stamp, plan.identity.region))]
    for call in calls:
        yield from _needs(call, plan.identity)
    for step in plan.steps:
        if isinstance(step.action, FetchExport | LoadScratch):
            yield from _reads_of_bucket(step.action, plan.identity)
        if isinstance(step.action, BucketOrder):
            yield from _needs_of_archive(step.action, plan)
    guards = (guard for step in plan.steps for guard in step.guards)
    looked_at = {guard.thing.region for guard in guards if isinstance(guard, AsPlanned | Ours)}
    # Route 53 is steered from one region, where nothing else of the plan need be.
    acted_in = {call.region for call in calls if call.service != "route53"}
    read_in = {way.region for way in _ways(plan)}
    for region in sorted({plan.identity.region, *acted_in, *looked_at, *read_in}):
        yield from _reads(plan, region)


def _reads_of_bucket(action: FetchExport | LoadScratch, identity: Identity) -> Iterator[Permission]:
    """What S3 is asked for: the names below the export, and the objects of which something is wanted."""
    bucket = f"arn:{identity.caller.split(':')[1]}:s3:::{place_at(action.export).bucket}"
    yield Permission("s3:ListBucket", bucket)
    for piece in action.picking.pieces:
        yield Permission("s3:GetObject", f"{bucket}/{piece.key}")


_STORING = (
    "s3:PutObject", "s3:PutObjectTagging", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload",
)  # fmt: skip


def _needs_of_archive(action: BucketOrder, plan: Plan) -> Iterator[Permission]:
    """What S3 is asked for to store an archive or to remove one, and what its key is used for."""
    bucket = f"arn:{plan.identity.caller.split(':')[1]}:s3:::{action.bucket}"
    keys = (action.key, f"{action.key}{SUFFIX}")
    yield from (Permission(each, bucket) for each in ("s3:ListBucket", "s3:ListBucketMultipartUploads"))
    match action:
        case StoreArchive(kms_key=key) | StoreManifest(kms_key=key):
            yield from (Permission(each, f"{bucket}/{one}") for each in _STORING for one in keys)
            for each in ("kms:GenerateDataKey", "kms:Decrypt") if key else ():
                yield Permission(each, str(key)) if str(key).startswith("arn:") else _by_alias(each, str(key))
        case RemoveArchive(newer=newer):
            yield from (Permission("s3:DeleteObject", f"{bucket}/{one}") for one in keys)
            manifests = (f"{one}{SUFFIX}" for one in (action.key, *newer))
            yield from (Permission("s3:GetObject", f"{bucket}/{one}") for one in (*keys, *manifests))
        case _:
            yield from (Permission(each, f"{bucket}/{action.key}") for each in _STORING[3:])


def _by_alias(action: str, alias: str) -> Permission:
    """A use of whatever key an alias leads to: a resource of IAM is a key's own."""
    return Permission(action, "*", Condition("StringEquals", REQUESTED_ALIAS, alias))


def _needs(call: AwsCall, identity: Identity) -> Iterator[Permission]:
    """What AWS asks IAM for when a change is sent."""

    def arn(kind: ResourceKind, name: str) -> str:
        return arn_of(identity, kind, name, call.region)

    row = change_of(call)
    touched = [(named.kind, name) for named in row.named for name in named.names(call.params)]
    inside: set[Condition | None] = {None}
    if row.parts and row.kind_of_parts == "record":
        inside = {_only_record(name) for name in row.parts(call.params)}
    for kind, name in (*touched, *row.unnamed):
        for condition in inside:
            yield Permission(f"{call.service}:{call.operation}", arn(kind, _name_in_arn(kind, name)), condition)
    if not touched and not row.unnamed:
        yield Permission(f"{call.service}:{call.operation}", "*")  # AWS knows no resource for it
    for demand in row.demands:
        if call.params.get(demand.when):
            resource = arn(demand.kind, demand.name.format(**call.params)) if demand.kind else "*"
            for action in demand.actions:
                yield Permission(action, resource, demand.condition)


def _reads(plan: Plan, region: str) -> Iterator[Permission]:
    """The reads that a plan's run asks, on the resources that its occasions name."""

    def arn(kind: ResourceKind, name: str) -> str:
        return arn_of(plan.identity, kind, name, region)

    occasions = dict(_occasions(plan))
    occasions |= dict(_occasions_of_destinations(plan, region))
    for row in reads():
        for occasion, kinds in row.asked.items():
            for name in occasions.get(occasion, ()):
                # Where AWS knows no resource, it takes only the star.
                for resource in [arn(kind, name) for kind in kinds] or _ANY:
                    yield Permission(f"{row.service}:{row.name}", resource)
    for name in _logins(plan, "iam"):
        # AWS chooses the clone's resource id.
        yield Permission("rds-db:connect", arn("dbuser", f"*/{name}"))


_UNDER_AN_ID = frozenset({"db-proxy", "target-group"})
"""The kinds whose ARN holds an id that AWS chose, and not the name."""


def _name_in_arn(kind: ResourceKind, name: str) -> str:
    """A name as an ARN has it: AWS adds six characters to a secret's, and a parameter's begins without a slash."""
    if name.startswith("arn:"):
        return name
    if kind in _UNDER_AN_ID:
        return "*"
    return f"{name}-??????" if kind == "secret" else name.removeprefix("/") if kind == "parameter" else name


def _only_record(record: str) -> Condition:
    """The limit to one name of DNS inside a zone, in the form in which Route 53 compares it."""
    name = record.split("/")[1].removesuffix(".").replace("*", r"\052")
    return Condition("ForAllValues:StringEquals", NAMES_OF_RECORDS, name)


_Destination = PointSecret | MoveSecretStage | PointParameter


def _actions_in(plan: Plan, region: str) -> list[Action]:
    return [step.action for step in plan.steps if (step.action.region or plan.identity.region) == region]


def _of_region(plan: Plan, region: str) -> list[_Destination]:
    return [action for action in _actions_in(plan, region) if isinstance(action, _Destination)]


def _applications(plan: Plan) -> Iterator[ApplicationLogin]:
    """The logins of applications with which a plan's run enters, each with its places."""
    for step in plan.steps:
        if isinstance(step.action, AwaitClients | BeginProbe) and step.action.application is not None:
            yield step.action.application


def _ways(plan: Plan) -> list[ApplicationWay]:
    """The places that a plan's run reads as an application does; a record is looked up, and a proxy's endpoint is known."""
    ways = (way for each in _applications(plan) for way in each.ways)
    return [way for way in ways if isinstance(way.destination, SecretDestination | ParameterDestination)]


def _occasions_of_destinations(plan: Plan, region: str) -> Iterator[tuple[ReadOccasion, tuple[str, ...]]]:
    """The places from which applications read the address, as a plan changes them in a region; Route 53 is in none."""
    here, actions = _of_region(plan, region), _actions_in(plan, region)
    read = [way.destination for way in _ways(plan) if way.region == region]
    secrets = {action.secret for action in here if not isinstance(action, PointParameter)}
    secrets |= {each.name for each in read if isinstance(each, SecretDestination)}
    yield ReadOccasion.OF_SECRET, tuple(_name_in_arn("secret", name) for name in sorted(secrets))
    parameters = {action.parameter for action in here if isinstance(action, PointParameter)}
    parameters |= {each.name for each in read if isinstance(each, ParameterDestination)}
    yield ReadOccasion.OF_PARAMETER, tuple(_name_in_arn("parameter", name) for name in sorted(parameters))
    zones = {step.action.zone for step in plan.steps if isinstance(step.action, ChangeRecord | AwaitRecord)}
    yield ReadOccasion.OF_RECORD, tuple(sorted(zones))
    reporting = [each for each in actions if isinstance(each, SetSubscription)]
    yield ReadOccasion.OF_SUBSCRIPTION, tuple(sorted({each.subscription for each in reporting}))
    proxies = [each for each in actions if isinstance(each, DetachProxy | AttachProxy | AwaitProxy)]
    yield ReadOccasion.OF_PROXY, _ANY if proxies else ()
    logins = {arn for each in proxies if isinstance(each, AttachProxy) for arn in each.secrets}
    yield ReadOccasion.LOGIN_OF_PROXY, tuple(sorted(logins))
    # The id of a change is known only when it is made.
    yield ReadOccasion.OF_CHANGES, _ANY if zones else ()


def _occasions(plan: Plan) -> Iterator[tuple[ReadOccasion, tuple[str, ...]]]:
    """The occasions to read that a plan has, each with the names of what is read."""
    actions = [step.action for step in plan.steps]
    yield ReadOccasion.EVERY_RUN, _ANY
    yield ReadOccasion.OF_KEYED, _ANY if isinstance(plan.request, CutoverRequest) else ()
    if any(isinstance(action, CopySnapshot | DeleteSnapshot | AwaitSnapshot) for action in actions):
        yield ReadOccasion.OF_COPIES, _ANY
        yield ReadOccasion.KEY, tuple(each.key for each in actions if isinstance(each, CopySnapshot) and each.key)
    yield ReadOccasion.OF_EXPORT, _ANY if any(isinstance(each, AwaitExport) for each in actions) else ()
    if any(isinstance(each, ExportSnapshot) for each in actions):
        yield ReadOccasion.OF_COPIES, _ANY
        yield ReadOccasion.KEY, tuple(each.key for each in actions if isinstance(each, ExportSnapshot))
    databases = tuple(action.database for action in actions if isinstance(action, MoveWriter))
    if databases:
        yield ReadOccasion.OF_FAIL_OVER, databases
    restores = [action for action in actions if isinstance(action, Restore)]
    if restores:
        yield from _occasions_of_restores(actions, restores)
    secrets = (name.partition("#")[0] for name in _logins(plan, "secretsmanager"))
    # AWS adds six characters to a secret's name.
    yield (
        ReadOccasion.LOGIN_OF_SECRETSMANAGER,
        tuple(each if each.startswith("arn:") else f"{each}-??????" for each in secrets),
    )
    yield ReadOccasion.LOGIN_OF_SSM, tuple(map(_parameter, _logins(plan, "ssm")))


def _occasions_of_restores(
    actions: list[Action], restores: list[Restore]
) -> Iterator[tuple[ReadOccasion, tuple[str, ...]]]:
    yield ReadOccasion.RESTORE, _ANY
    is_of_snapshot = any(isinstance(action, RestoreFromSnapshot) for action in restores)
    if is_of_snapshot:
        yield ReadOccasion.OF_SNAPSHOT, _ANY
    if any(isinstance(each, Validate) and (each.capsule or not each.source_seen) for each in actions):
        yield ReadOccasion.OF_DELETED_SOURCE, _ANY
        if not is_of_snapshot:
            yield ReadOccasion.OF_KEPT_BACKUP, _ANY
    groups = {action.parameter_group for action in actions if isinstance(action, CreateInstance)}
    # Only custom groups have values and tags.
    if any(group and not group.startswith("default.") for group in groups):
        yield ReadOccasion.OWN_INSTANCE_GROUPS, _ANY
    if any(isinstance(action, ManagePassword) for action in actions):
        yield ReadOccasion.MANAGED_LOGIN, ("rds!cluster-*",)
    yield ReadOccasion.KEY, tuple(action.kms_key for action in restores if action.kms_key)


def _parameter(name: str) -> str:
    """A parameter without its version, by name or by ARN."""
    place, kind, own = name.rpartition(":parameter/")
    return place + kind + own.removeprefix("/").partition(":")[0]


def _logins(plan: Plan, scheme: str) -> list[str]:
    """What the plan's logins of one scheme name, each once: those of its orders, and of a plan that waits for an answer the target's."""
    actions = [step.action for step in plan.steps]
    references: set[str | None] = {each.login for each in actions if isinstance(each, SqlOrder)}
    references |= {each.pool.login for each in actions if isinstance(each, PoolOrder)}
    references |= {each.login for each in _applications(plan)}
    if any(isinstance(each, AwaitSql) for each in actions):
        application = plan.target.application.login if plan.target.application else None
        references |= {plan.target.login, application, *(check.login for check in plan.target.checks)}
    split = [reference.partition(":") for reference in references if reference]
    return sorted(name for found, _, name in split if found == scheme)
