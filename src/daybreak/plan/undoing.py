"""How each action is taken back. Pure data, made for every step of every plan."""

from __future__ import annotations

from typing import Any, assert_never

from daybreak.model.actions import (
    Action,
    AdvanceSequences,
    AnchorJournal,
    ArchiveOrder,
    ArchiveWork,
    AttachProxy,
    AwaitApproval,
    AwaitClusterGone,
    AwaitExport,
    AwaitInstance,
    AwaitName,
    AwaitRecord,
    BeginProbe,
    CancelExport,
    CarryTables,
    ChangeRecord,
    ChangeSql,
    ClearDump,
    ClearScratch,
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
    EndSessions,
    EndUpload,
    ExportOrder,
    ExportSnapshot,
    ExportWork,
    FetchExport,
    JudgeScratch,
    KeyedOrder,
    LoadRows,
    LoadScratch,
    ManagePassword,
    MoveSecretStage,
    MoveWriter,
    NameDatabase,
    PausePool,
    PointParameter,
    PointSecret,
    RebootInstance,
    RemoveArchive,
    RenameCluster,
    RestoreFromSnapshot,
    RestoreToMoment,
    ResumePool,
    RunCommand,
    SetClusterOptions,
    SetDataApi,
    SetExpiry,
    SetParameterGroup,
    SetParameters,
    SetRole,
    SetSubscription,
    SqlChange,
    SqlLook,
    SqlOrder,
    SqlStatement,
    StoreArchive,
    StoreManifest,
    TakeSnapshot,
    Validate,
    WaitOrder,
)
from daybreak.model.tags import COPY_OF_TAG
from daybreak.model.things import Thing
from daybreak.model.undo import GoesWith, Irreversible, TakenBack, Undo


def undo_of(action: Action, region: str) -> Undo | None:
    """How an action is taken back, where it was taken; ``None`` for one that only looks. ``region`` is the plan's."""
    undo = _undo_of(action, action.region or region)
    if isinstance(undo, TakenBack) and action.region is not None:
        there = tuple(each.model_copy(update={"region": action.region}) for each in undo.actions)
        return undo.model_copy(update={"actions": there})
    return undo


def _undo_of(action: Action, region: str) -> Undo | None:
    match action:
        case CopyParameterGroup(group=group) | CreateParameterGroup(group=group):
            return removal_of_group(group)
        case SetParameters(group=group):
            return GoesWith(thing=Thing(kind="cluster-pg", name=group, region=region))
        case RestoreToMoment(clone=clone) | RestoreFromSnapshot(clone=clone):
            return removal_of_cluster(clone)
        case SetClusterOptions(clone=clone, is_protected=bool() as is_protected):
            # What else it sets goes with the cluster; the protection keeps the cluster from going.
            return TakenBack(actions=(SetClusterOptions(clone=clone, is_protected=not is_protected),))
        case SetClusterOptions(clone=clone) | ManagePassword(clone=clone) | AnchorJournal(clone=clone):
            return GoesWith(thing=Thing(kind="cluster", name=clone, region=region))
        case CreateInstance(clone=clone, instance=instance):
            return removal_of_instance(clone, instance)
        case CreateEndpoint(clone=clone, endpoint=endpoint):
            return removal_of_endpoint(clone, endpoint)
        case DeleteInstance() | DeleteEndpoint() | DeleteParameterGroup() | DeleteSnapshot():
            return Irreversible(because="AWS keeps nothing of it")
        case DeleteCluster():
            return Irreversible(because="what is only in this cluster is lost, and no final snapshot is made")
        case MoveWriter(gives_up=True):
            return Irreversible(
                because="what had not arrived is given up, and the other cluster has to be made to follow again"
            )
        case MoveWriter():
            return Irreversible(because="to move it back is a switch-over of its own")
        case ExportOrder():
            return _undo_on_this_machine(action)
        case ArchiveOrder():
            return _undo_of_archive(action)
        case SqlOrder():
            return _undo_in_sql(action, region)
        case SetParameterGroup() | RebootInstance() | RenameCluster():
            return _undo_of_renaming(action) if isinstance(action, RenameCluster) else _undo_of_group(action)
        case SetExpiry(expires=expires, before=before):
            return TakenBack(actions=(action.model_copy(update={"expires": before, "before": expires}),))
        case PausePool() | ResumePool() | RunCommand():
            return _undo_in_front(action)
        case TakeSnapshot(snapshot=snapshot, tags=tags) | CopySnapshot(snapshot=snapshot, tags=tags):
            return TakenBack(actions=(DeleteSnapshot(snapshot=snapshot, origin=tags.get(COPY_OF_TAG, "")),))
        case PointSecret() | MoveSecretStage() | PointParameter() | ChangeRecord() | DetachProxy() | AttachProxy():
            return _undo_of_pointing(action)
        case SetRole() | SetDataApi() | SetSubscription():
            return _undo_of_keyed(action)
        case ExportSnapshot(task=task):
            return removal_of_export(task)
        case CancelExport():
            return Irreversible(because="AWS does not go on with an export that was ended")
        case WaitOrder() | Validate() | AwaitApproval():
            return None
        case _:
            assert_never(action)


def _undo_of_keyed(action: KeyedOrder) -> Undo:
    match action:
        case SetRole(is_given=is_given):
            changes = {"is_given": not is_given}
        case SetDataApi(is_on=is_on):
            changes = {"is_on": not is_on}
        case SetSubscription(is_in=is_in):
            changes = {"is_in": not is_in}
        case _:
            assert_never(action)
    return TakenBack(actions=(action.model_copy(update=changes),))


def _undo_in_front(action: PausePool | ResumePool | RunCommand) -> Undo:
    match action:
        case RunCommand(back=(_, *_) as back):
            return TakenBack(actions=(action.model_copy(update=_turn_round(action, back)),))
        case PausePool(pool=pool):
            return TakenBack(actions=(ResumePool(pool=pool),))
        case ResumePool():
            return TakenBack(actions=(), traces=("its clients have gone on",))
        case RunCommand():
            return Irreversible(because="only its owner knows what takes it back")
        case _:
            assert_never(action)


def _turn_round(action: RunCommand, back: tuple[str, ...]) -> dict[str, Any]:
    return {"command": back, "back": action.command, "given": action.given_back, "given_back": action.given}


def _undo_on_this_machine(action: ExportWork) -> Undo | None:
    match action:
        case LoadScratch(at=at):
            return TakenBack(actions=(ClearScratch(at=at),))
        case FetchExport():
            return TakenBack(actions=(ClearScratch(),))
        case JudgeScratch():
            return None
        case ClearScratch():
            return Irreversible(because="what is needed of the export is fetched again")
        case _:
            assert_never(action)


def _undo_of_archive(action: ArchiveWork) -> Undo | None:
    match action:
        case DumpDatabase():
            return TakenBack(actions=(ClearDump(),))
        case StoreArchive(bucket=bucket, key=key):
            return TakenBack(
                actions=(EndUpload(bucket=bucket, key=key),), traces=("the archive itself, once it is whole",)
            )
        case StoreManifest():
            return TakenBack(actions=(), traces=("the manifest, which speaks of the archive",))
        case ClearDump():
            return Irreversible(because="what is needed of the clone is dumped again")
        case EndUpload():
            return Irreversible(because="the parts are gone, and are stored again from the file")
        case RemoveArchive():
            return Irreversible(because="only a bucket with versions keeps what was there")
        case _:
            assert_never(action)


def _undo_in_sql(action: SqlChange | LoadRows | CarryTables | NameDatabase, region: str) -> Undo | None:
    match action:
        case LoadRows(cluster=cluster):
            return GoesWith(thing=Thing(kind="cluster", name=cluster, region=region))
        case CarryTables():
            return Irreversible(because="only its owner knows which rows were there before")
        case NameDatabase():
            return Irreversible(because="whoever has begun to use the database would lose it")
        case ChangeSql(back=SqlStatement() as back):
            return TakenBack(actions=(action.model_copy(update={"change": back, "back": action.change}),))
        case ChangeSql(because=because):
            return Irreversible(because=because)
        case AdvanceSequences():
            return TakenBack(actions=(), traces=("the sequences stay ahead, so numbers are left out",))
        case EndSessions():
            return TakenBack(actions=(), traces=("whoever was inside has to log in again",))
        case BeginProbe():
            return TakenBack(actions=(), traces=("it took numbers of transactions, and changed no row",))
        case SqlLook():
            return None
        case _:
            assert_never(action)


def _undo_of_group(action: SetParameterGroup | RebootInstance) -> TakenBack:
    """The old group, in force again: what was done under the other one is taken back after it."""
    if isinstance(action, RebootInstance):
        return TakenBack(actions=(), traces=("what it had in its memory is read from the storage again",))
    back = action.model_copy(update={"group": action.before, "before": action.group})
    restarts: list[Action] = []
    for instance in action.instances:
        restarts.append(RebootInstance(clone=action.clone, instance=instance))
        restarts.append(AwaitInstance(clone=action.clone, instance=instance, is_restarted=True))
    return TakenBack(actions=(back, *restarts))


def _undo_of_pointing(
    action: PointSecret | MoveSecretStage | PointParameter | ChangeRecord | DetachProxy | AttachProxy,
) -> Undo:
    match action:
        case DetachProxy(proxy=proxy, group=group, cluster=cluster, resource_id=resource):
            again = AttachProxy(proxy=proxy, group=group, cluster=cluster, resource_id=resource)
            return TakenBack(actions=(again,), traces=("whoever was connected has to connect again",))
        case AttachProxy(proxy=proxy, group=group, cluster=cluster, resource_id=resource):
            off = DetachProxy(proxy=proxy, group=group, cluster=cluster, resource_id=resource)
            return TakenBack(actions=(off,))
        case PointSecret(secret=secret, version=version):
            return TakenBack(
                actions=(MoveSecretStage(secret=secret, version=version),),
                traces=(f'the version that the run made of the secret "{secret}", as its previous one',),
            )
        case MoveSecretStage(secret=secret, version=version, away_from=str() as away_from):
            return TakenBack(actions=(MoveSecretStage(secret=secret, version=away_from, away_from=version),))
        case MoveSecretStage():
            return Irreversible(because="the version that the run made is known by its journal alone")
        case PointParameter(parameter=parameter, version=version, old=old, new=new):
            swapped = action.model_copy(update={"version": version + 1, "old": new, "new": old})
            return TakenBack(
                actions=(swapped,), traces=(f'two versions more in the history of the parameter "{parameter}"',)
            )
        case ChangeRecord(zone=zone, before=before, after=after):
            back_there = action.model_copy(update={"before": after, "after": before})
            return TakenBack(actions=(back_there, AwaitRecord(zone=zone, record=before)))
        case _:
            assert_never(action)


def _undo_of_renaming(action: RenameCluster) -> Undo:
    back = action.model_copy(update={"cluster": action.name, "name": action.cluster})
    wait = AwaitName(name=action.cluster, before=action.name, resource_id=action.resource_id)
    return TakenBack(actions=(back, wait), traces=("whoever asks for the names meanwhile gets no answer",))


def removal_of_group(group: str) -> TakenBack:
    """What takes back the creation of a cluster parameter group."""
    return TakenBack(actions=(DeleteParameterGroup(group=group),))


def removal_of_export(task: str) -> TakenBack:
    """What takes back an export, while AWS is at it."""
    ends = CancelExport(task=task), AwaitExport(task=task, is_cancelled=True)
    return TakenBack(actions=ends, traces=("the files in the bucket, which Daybreak never deletes",))


def removal_of_cluster(clone: str) -> TakenBack:
    """What takes back a restore."""
    return TakenBack(actions=(DeleteCluster(clone=clone), AwaitClusterGone(clone=clone)))


def removal_of_instance(clone: str, instance: str) -> TakenBack:
    """What takes back the creation of an instance."""
    return TakenBack(actions=(DeleteInstance(clone=clone, instance=instance),))


def removal_of_endpoint(clone: str, endpoint: str) -> TakenBack:
    """What takes back the creation of a custom endpoint."""
    return TakenBack(actions=(DeleteEndpoint(clone=clone, endpoint=endpoint),))
