"""What a step does in a few words, as a line of a list and while it goes on. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from daybreak.model.actions import (
    AdvanceSequences,
    AnchorJournal,
    ArchiveOrder,
    AttachProxy,
    AwaitApproval,
    AwaitClients,
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
    BeginProbe,
    CancelExport,
    CarryTables,
    ChangeRecord,
    ChangeSql,
    CopyParameterGroup,
    CopySnapshot,
    CountWrites,
    CreateEndpoint,
    CreateInstance,
    CreateParameterGroup,
    DeleteCluster,
    DeleteEndpoint,
    DeleteInstance,
    DeleteParameterGroup,
    DeleteSnapshot,
    DetachProxy,
    EndSessions,
    ExportOrder,
    ExportSnapshot,
    KeyedOrder,
    LoadRows,
    ManagePassword,
    MoveSecretStage,
    MoveWriter,
    NameDatabase,
    PausePool,
    PointParameter,
    PointSecret,
    ReadExport,
    ReadProbe,
    RebootInstance,
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
    SqlOrder,
    TakeSnapshot,
    Validate,
    Wait,
    WarmCache,
)
from daybreak.model.moment import span_in_words
from daybreak.model.plan import Plan, Step
from daybreak.model.tags import (
    LEFT,
    PRODUCTION,
)
from daybreak.plan.operation_rows import plain_name
from daybreak.plan.pointing import leads_there
from daybreak.report.archive_steps import work_on_archive
from daybreak.report.export_steps import work_on_export
from daybreak.report.sentences import OBJECT_OF_PART, number_of_checks, own_checks, printable_sentence
from daybreak.report.words import many

_Removal = DeleteEndpoint | DeleteInstance | DeleteCluster | DeleteParameterGroup | DeleteSnapshot


def brief(plan: Plan, step: Step) -> str:
    """What a step does, in a few words; a name that begins with the clone's name shows only its end."""
    do, _, what = _work(plan, step)
    return printable_sentence(f"{do} {what}")


def brief_now(plan: Plan, step: Step) -> str:
    """What a running step is doing, in a few words."""
    _, now, what = _work(plan, step)
    return printable_sentence(f"{now} {what}")


def _work(plan: Plan, step: Step) -> tuple[str, str, str]:
    """A verb in the imperative, the same verb in its -ing form, and its object."""

    def end(name: str) -> str:
        return name.removeprefix(plan.clone).lstrip("-") or name

    before = plan.steps[: plan.steps.index(step)]
    match step.action:
        case ManagePassword():
            return "let AWS make", "letting AWS make", "a new password for the master"
        case AwaitCluster() if any(isinstance(each.action, SetClusterOptions) for each in before):
            return "wait for", "waiting for", "the cluster's options"
        case CopyParameterGroup() | CreateParameterGroup() | SetParameters() | SetParameterGroup():
            return _work_on_group(step.action, end)
        case RestoreToMoment():
            return "create", "creating", "the cluster as of the moment"
        case RestoreFromSnapshot():
            return "create", "creating", "the cluster from the snapshot"
        case SetClusterOptions(is_protected=False, maintenance_window=None, backup_retention=None):
            return "take", "taking", "deletion protection off the cluster"
        case SetClusterOptions():
            return "set", "setting", "maintenance and protection"
        case CreateInstance(instance=instance, instance_class=size):
            return "create", "creating", f"instance {end(instance)} ({size})"
        case CreateEndpoint(endpoint=endpoint):
            return "create", "creating", f"endpoint {end(endpoint)}"
        case AnchorJournal():
            return "anchor", "anchoring", "the journal in a tag"
        case ExportOrder() | CarryTables() | NameDatabase():
            return work_on_export(step.action)
        case ArchiveOrder():
            return work_on_archive(step.action)
        case SqlOrder():
            return _work_in_sql(step.action)
        case RebootInstance(instance=instance):
            return "restart", "restarting", f"instance {end(instance)}"
        case SetExpiry(expires=expires):
            return "keep", "keeping", f"the clone {_span_kept(expires)}"
        case RunCommand() | PausePool() | ResumePool():
            return _work_in_front(step.action)
        case AwaitApproval():
            return "wait for", "waiting for", "an approval"
        case ExportSnapshot() | CancelExport():
            return _work_on_export(step.action)
        case TakeSnapshot() | CopySnapshot():
            return _work_on_snapshot(step.action)
        case PointSecret() | MoveSecretStage() | PointParameter() | ChangeRecord():
            return _work_on_destination(step.action)
        case DetachProxy(proxy=proxy, cluster=cluster):
            return "detach", "detaching", f"the proxy {proxy} from {cluster}"
        case AttachProxy(proxy=proxy, cluster=cluster):
            return "attach", "attaching", f"the proxy {proxy} to {cluster}"
        case SetRole() | SetDataApi() | SetSubscription():
            return _work_on_keyed(step.action)
        case MoveWriter(member=member, gives_up=gives_up):
            how = "fail" if gives_up else "switch"
            return f"{how} over", f"{how}ing over", f"to {plain_name(member)}"
        case Validate() as action:
            checks = f"{many(number_of_checks(action), 'check')}{own_checks(action)}"
            return "validate", "validating", f"{OBJECT_OF_PART[action.part]}{checks}"
        case _:
            return _wait_or_removal(step.action, end)


def _span_kept(expires: str) -> str:
    """For how long the tag of a clone says that it is kept."""
    spans = {PRODUCTION: "for ever", LEFT: "until a person removes it"}
    return next((words for mark, words in spans.items() if expires.startswith(mark)), "for a while")


def _work_on_group(
    action: CopyParameterGroup | CreateParameterGroup | SetParameters | SetParameterGroup, end: Callable[[str], str]
) -> tuple[str, str, str]:
    group = end(action.group)
    match action:
        case CopyParameterGroup():
            return "copy", "copying", f"the settings to parameter group {group}"
        case CreateParameterGroup():
            return "create", "creating", f"parameter group {group}"
        case SetParameters(parameters=parameters):
            return "set", "setting", f"{many(len(parameters), 'parameter')} of group {group}"
        case SetParameterGroup():
            return "give", "giving", f"the clone the parameter group {group}"
        case _:
            assert_never(action)


def _work_in_front(action: RunCommand | PausePool | ResumePool) -> tuple[str, str, str]:
    match action:
        case RunCommand(command=command):
            return "run", "running", command[0]
        case PausePool(pool=pool):
            return "hold", "holding", f"the clients of {pool.words()}"
        case ResumePool(pool=pool):
            return "let go", "letting go", f"the clients of {pool.words()}"
        case _:
            assert_never(action)


def _work_in_sql(action: SqlChange | LoadRows) -> tuple[str, str, str]:
    match action:
        case LoadRows(table=table):
            return "load", "loading", f"rows into {'.'.join(table)}"
        case ChangeSql(change=change):
            verb, _, what = change.what.partition(" ")
            return verb, "changing:", what or verb
        case EndSessions(cluster=cluster):
            return "end", "ending", f"every session at {cluster}"
        case AdvanceSequences(database=database, past=past):
            return "set", "setting", f"the sequences of {database} past those of {past}"
        case CountWrites(cluster=cluster):
            return "count", "counting", f"what was written at {cluster}"
        case WarmCache(database=database, past=past):
            return "read", "reading", f"what is hot in {database} of {past} into memory"
        case AwaitClients(cluster=cluster):
            return "wait for", "waiting for", f"{'clients' if action.share else 'the application'} to work at {cluster}"
        case BeginProbe(application=application):
            return "begin to write", "beginning to write", f"as the application, by {application.ways[0].words()}"
        case ReadProbe():
            return "end", "ending", "the probe, once its write is there"
        case _:
            assert_never(action)


def _work_on_snapshot(action: TakeSnapshot | CopySnapshot) -> tuple[str, str, str]:
    if isinstance(action, TakeSnapshot):
        return "take", "taking", f"a snapshot of {action.cluster}"
    return "copy", "copying", f"the snapshot {plain_name(action.source)} of {action.source_region}"


def _work_on_export(action: ExportSnapshot | CancelExport) -> tuple[str, str, str]:
    if isinstance(action, CancelExport):
        return "end", "ending", f"the export {action.task}"
    return "export", "exporting", f"the snapshot {plain_name(action.source)}"


def _work_on_keyed(action: KeyedOrder) -> tuple[str, str, str]:
    match action:
        case SetRole(role=role, is_given=True):
            return "give", "giving", f"the clone the role {plain_name(role)}"
        case SetRole(role=role):
            return "take", "taking", f"the role {plain_name(role)} from the clone"
        case SetDataApi(is_on=is_on):
            verbs = ("turn on", "turning on") if is_on else ("turn off", "turning off")
            return *verbs, "the clone's Data API"
        case SetSubscription(subscription=name, entry=entry, is_in=True):
            return "let", "letting", f"the subscription {name} report {entry}"
        case SetSubscription(subscription=name, entry=entry):
            return "take", "taking", f"{entry} out of the subscription {name}"
        case _:
            assert_never(action)


def _work_on_destination(action: PointSecret | MoveSecretStage | PointParameter | ChangeRecord) -> tuple[str, str, str]:
    match action:
        case PointSecret(secret=secret):
            return "point", "pointing", f"the secret {secret} at the new address"
        case MoveSecretStage(secret=secret):
            return "move", "moving", f"the secret {secret} back to its version before"
        case PointParameter(parameter=parameter):
            return "point", "pointing", f"the parameter {parameter} at the new address"
        case ChangeRecord(after=after) if leads_there(action):
            return "point", "pointing", f"the {after.type} record {after.name} at the new address"
        case ChangeRecord(after=after):
            name = f"the {after.type} record {after.name}"
            return "let resolvers remember", "letting resolvers remember", f"{name} for {after.ttl} seconds"
        case _:
            assert_never(action)


def _wait_or_removal(action: Wait | _Removal | RenameCluster, end: Callable[[str], str]) -> tuple[str, str, str]:
    match action:
        case AwaitCluster():
            return "restore", "restoring", "storage"
        case AwaitInstance(instance=instance):
            return "wait for", "waiting for", f"instance {end(instance)}"
        case AwaitParameterGroup(rest=rest):
            return "let", "letting", f"the parameter group rest for {span_in_words(rest)}"
        case AwaitSql():
            return "wait for", "waiting for", "an answer to SQL"
        case RenameCluster(cluster=cluster, name=name):
            return "rename", "renaming", f"{cluster} to {name}"
        case AwaitName(name=name):
            return "wait for", "waiting for", f"the name {name}"
        case AwaitProxy(proxy=proxy):
            return "wait for", "waiting for", f"the proxy {proxy} to let clients through"
        case AwaitRecord(record=record):
            return "wait for", "waiting for", f"the change of {record.name} to spread"
        case AwaitWriter(member=member):
            return "wait for", "waiting for", f"{plain_name(member)} to be the writer"
        case AwaitExport(is_cancelled=is_cancelled):
            return "wait for", "waiting for", f"AWS to {'end' if is_cancelled else 'write'} the export"
        case ReadExport(bucket=bucket):
            return "look at", "looking at", f"what is in s3://{bucket}"
        case AwaitClusterGone():
            return "wait for", "waiting for", "AWS to forget the cluster"
        case DeleteEndpoint(endpoint=endpoint):
            return "delete", "deleting", f"endpoint {end(endpoint)}"
        case DeleteInstance(instance=instance):
            return "delete", "deleting", f"instance {end(instance)}"
        case DeleteCluster():
            return "delete", "deleting", "the cluster, without a final snapshot"
        case AwaitSnapshot(snapshot=snapshot, region=region):
            return "wait for", "waiting for", f"the {'copy' if region is None else 'snapshot'} {snapshot}"
        case DeleteSnapshot(snapshot=snapshot, region=region):
            return "delete", "deleting", f"the {'copy' if region is None else 'snapshot'} {snapshot}, for good"
        case DeleteParameterGroup(group=group):
            return "delete", "deleting", f"parameter group {end(group)}"
        case _:
            assert_never(action)
