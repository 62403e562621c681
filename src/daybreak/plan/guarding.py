"""The guards that every action has by its kind; a planner adds those that its plan needs besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import assert_never

from daybreak.model.actions import (
    Action,
    AnchorJournal,
    ArchiveOrder,
    AttachProxy,
    AwaitApproval,
    AwaitCluster,
    AwaitClusterGone,
    AwaitExport,
    AwaitInstance,
    AwaitName,
    AwaitParameterGroup,
    AwaitProxy,
    AwaitRecord,
    AwaitSnapshot,
    AwaitSql,
    AwaitWriter,
    AwsOrder,
    BesideAnother,
    BucketOrder,
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
    DumpDatabase,
    ExportOrder,
    ExportSnapshot,
    ManagePassword,
    MoveSecretStage,
    MoveWriter,
    PausePool,
    PointParameter,
    PointSecret,
    PoolOrder,
    ReadExport,
    RebootInstance,
    RemoveArchive,
    RenameCluster,
    RestoreFromSnapshot,
    RestoreToMoment,
    ResumePool,
    RunCommand,
    ScratchOrder,
    SetClusterOptions,
    SetDataApi,
    SetExpiry,
    SetParameterGroup,
    SetParameters,
    SetRole,
    SetSubscription,
    SqlLook,
    SqlOrder,
    TakeSnapshot,
    Validate,
)
from daybreak.model.destinations import NO_CLUSTER, record_name, rename_name, target_name
from daybreak.model.guards import (
    AsPlanned,
    Guard,
    NotServing,
    NotTheSource,
    OfRunOrAbsent,
    Ours,
    OursOrAbsent,
    PastKeeping,
    Renamable,
    Unchanged,
)
from daybreak.model.things import Thing, ThingKind
from daybreak.plan.touching import archive_named

_Elsewhere = MoveWriter | PausePool | ResumePool | RunCommand
"""In a global database, a pool or a program nothing is the run's own: the planner says what must be as it was seen."""
_OnlyLooks = (
    ArchiveOrder
    | ExportOrder
    | AwaitRecord
    | AwaitProxy
    | AwaitName
    | AwaitWriter
    | AwaitClusterGone
    | AwaitParameterGroup
    | AwaitApproval
    | ReadExport
)
_Unowned = _Elsewhere | _OnlyLooks


def is_change(action: Action) -> bool:
    """Whether an action changes anything outside, and so needs the approval that a plan asks for."""
    if isinstance(action, ScratchOrder):
        return action.at is not None
    return isinstance(action, AwsOrder | SqlOrder | PoolOrder | RunCommand | BucketOrder) and not isinstance(
        action, SqlLook
    )


def guards_of(action: Action, region: str, untouchable: tuple[str, ...]) -> tuple[Guard, ...]:
    """What must hold before an action; a change touches none of the ``untouchable`` names. ``region`` is the plan's.

    A removal is sent also where AWS shows nothing of the name: only its answer proves that nothing is there.
    """
    # Where the plan may change the source too, no guard speaks of names.
    found = _guards_of(action, region, untouchable)
    return tuple(each for each in found if not isinstance(each, NotTheSource) or each.names)


def _guards_of(action: Action, region: str, untouchable: tuple[str, ...]) -> tuple[Guard, ...]:
    def thing(kind: ThingKind, name: str) -> Thing:
        return Thing(kind=kind, name=name, region=action.region or region)

    if isinstance(action, _Unowned | RenameCluster):
        return tuple(_on_unowned(action, thing, untouchable))
    hands_off = NotTheSource(names=untouchable)
    match action:
        case CopyParameterGroup(group=group) | CreateParameterGroup(group=group) | DeleteParameterGroup(group=group):
            return OursOrAbsent(thing=thing("cluster-pg", group)), hands_off
        case SetParameters(group=group):
            return Ours(thing=thing("cluster-pg", group)), hands_off
        case (
            RestoreToMoment(clone=clone, parameter_group=group)
            | RestoreFromSnapshot(clone=clone, parameter_group=group)
        ):
            return OursOrAbsent(thing=thing("cluster", clone)), Ours(thing=thing("cluster-pg", group)), hands_off
        case (
            SetClusterOptions()
            | SetParameterGroup()
            | ManagePassword()
            | AnchorJournal()
            | SetExpiry()
            | SetRole()
            | SetDataApi()
            | SetSubscription(is_in=True)
        ):
            return Ours(thing=thing("cluster", action.clone)), hands_off
        case SetSubscription(clone=clone):  # the entry of a clone that is gone may go too
            return OursOrAbsent(thing=thing("cluster", clone)), hands_off
        case RebootInstance(clone=clone, instance=instance):
            return Ours(thing=thing("db", instance)), Ours(thing=thing("cluster", clone)), hands_off
        case CreateInstance(clone=clone, instance=instance):
            return OursOrAbsent(thing=thing("db", instance)), Ours(thing=thing("cluster", clone)), hands_off
        case CreateEndpoint(clone=clone, endpoint=endpoint):
            own = OursOrAbsent(thing=thing("cluster-endpoint", endpoint))
            return own, Ours(thing=thing("cluster", clone)), hands_off
        case DeleteCluster() | DeleteInstance() | DeleteEndpoint():
            return OursOrAbsent(thing=_thing_of_removal(action, thing)), hands_off
        case AwaitSql(clone=clone, resource_id=str() as resource_id):
            return (AsPlanned(thing=thing("cluster", clone), field="resource_id", value=resource_id),)
        case AwaitCluster(clone=clone) | AwaitSql(clone=clone):
            return (OursOrAbsent(thing=thing("cluster", clone)),)
        case AwaitInstance(instance=instance):
            return (OursOrAbsent(thing=thing("db", instance)),)
        case Validate(clone=clone):
            return (Ours(thing=thing("cluster", clone)),)
        case SqlOrder():
            return (*_on_database(action, thing), *(() if isinstance(action, SqlLook) else (hands_off,)))
        case TakeSnapshot() | CopySnapshot() | DeleteSnapshot() | AwaitSnapshot():
            return _on_snapshot(action, thing("cluster-snapshot", action.snapshot), hands_off)
        case PointSecret() | MoveSecretStage() | PointParameter() | ChangeRecord():
            return _on_destination(action, thing), hands_off
        case ExportSnapshot(task=task) | CancelExport(task=task) | AwaitExport(task=task):
            own = OursOrAbsent(thing=thing("export-task", task))
            return (own,) if isinstance(action, AwaitExport) else (own, hands_off)
        case DetachProxy() | AttachProxy():
            return *_on_proxy(action, thing), hands_off
        case _:
            assert_never(action)


def _on_unowned(
    action: _Unowned | RenameCluster, thing: Callable[[ThingKind, str], Thing], untouchable: tuple[str, ...]
) -> Iterator[Guard]:
    """The one change of a source at AWS is its name, and scratch may stand at a cluster: which one is meant its resource id says."""
    if isinstance(action, RenameCluster):
        renaming = thing("rename", rename_name("cluster", action.cluster, action.name))
        yield Renamable(thing=renaming, resource_id=action.resource_id, is_own=action.is_own)
    elif isinstance(action, ScratchOrder) and action.at is not None:
        yield AsPlanned(thing=thing("cluster", action.at.cluster), field="resource_id", value=action.at.resource_id)
        yield NotTheSource(names=untouchable)
    elif isinstance(action, DumpDatabase):
        cluster = thing("cluster", action.cluster)
        yield AsPlanned(thing=cluster, field="resource_id", value=action.resource_id)
        yield NotServing(thing=cluster)
    elif isinstance(action, RemoveArchive):
        old, *newer = (
            archive_named(action.bucket, key, thing("object", key).region) for key in (action.key, *action.newer)
        )
        yield PastKeeping(thing=old, target=action.target, until=action.until, newer=tuple(newer))


def _thing_of_removal(
    action: DeleteCluster | DeleteInstance | DeleteEndpoint, thing: Callable[[ThingKind, str], Thing]
) -> Thing:
    match action:
        case DeleteCluster(clone=clone):
            return thing("cluster", clone)
        case DeleteInstance(instance=instance):
            return thing("db", instance)
        case DeleteEndpoint(endpoint=endpoint):
            return thing("cluster-endpoint", endpoint)
        case _:
            assert_never(action)


def _on_database(action: SqlOrder, thing: Callable[[ThingKind, str], Thing]) -> Iterator[Guard]:
    """What must hold of a database's cluster: it is the one that the action names by its resource id, or the run's own.

    Of another cluster that is only read, too. Of one whose region says nothing AWS is not asked.
    """
    if action.at is not None:
        pass
    elif action.resource_id is None:
        yield Ours(thing=thing("cluster", action.cluster))
    else:
        yield AsPlanned(thing=thing("cluster", action.cluster), field="resource_id", value=action.resource_id)
    if isinstance(action, BesideAnother) and action.past_id is not None and action.past_at is None:
        past = thing("cluster", action.past)
        past = past.model_copy(update={"region": action.past_region}) if action.past_region else past
        yield AsPlanned(thing=past, field="resource_id", value=action.past_id)


def _on_destination(
    action: PointSecret | MoveSecretStage | PointParameter | ChangeRecord,
    thing: Callable[[ThingKind, str], Thing],
) -> Unchanged:
    """Nobody else has changed the destination since it was planned: what they wrote would be lost."""
    match action:
        case PointSecret(secret=secret, version=version):
            return Unchanged(thing=thing("secret", secret), before=version, after=None)
        case MoveSecretStage(secret=secret, version=version, away_from=away_from):
            return Unchanged(thing=thing("secret", secret), before=away_from, after=version)
        case PointParameter(parameter=parameter, version=version):
            return Unchanged(thing=thing("parameter", parameter), before=str(version), after=str(version + 1))
        case ChangeRecord(zone=zone, before=before, after=after):
            record = thing("record", record_name(zone, before.name, before.type, before.set_identifier))
            return Unchanged(thing=record, before=before.state, after=after.state)
        case _:
            assert_never(action)


def _on_proxy(action: DetachProxy | AttachProxy, thing: Callable[[ThingKind, str], Thing]) -> tuple[Guard, ...]:
    """The proxy leads where it was planned to, and the cluster of that name is still the one that is meant."""
    place = thing("proxy-target", target_name(action.proxy, action.group, action.cluster))
    states = action.cluster.lower(), NO_CLUSTER
    before, after = states if isinstance(action, DetachProxy) else reversed(states)
    unchanged = Unchanged(thing=place, before=before, after=after)
    if isinstance(
        action, DetachProxy
    ):  # it may be gone, and a proxy that leads to nothing is taken off it all the same
        return (unchanged,)
    cluster = thing("cluster", action.cluster)
    return unchanged, AsPlanned(thing=cluster, field="resource_id", value=action.resource_id)


def _on_snapshot(
    action: TakeSnapshot | CopySnapshot | DeleteSnapshot | AwaitSnapshot, snapshot: Thing, hands_off: NotTheSource
) -> tuple[Guard, ...]:
    match action:
        case TakeSnapshot() | CopySnapshot():
            return OursOrAbsent(thing=snapshot), hands_off
        case DeleteSnapshot(nonce=nonce, origin=origin):
            return _of_maker(snapshot, nonce, origin), hands_off
        case AwaitSnapshot(nonce=nonce, origin=origin):
            return (_of_maker(snapshot, nonce, origin),)


def _of_maker(thing: Thing, nonce: str | None, origin: str) -> Guard:
    """Nothing of that name exists, or the run made it that is said to have made it: this one, or the one of this nonce."""
    return OursOrAbsent(thing=thing) if nonce is None else OfRunOrAbsent(thing=thing, nonce=nonce, origin=origin)
