"""Turn an action into one sentence: what a step does, in words that a person can say yes to."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

import humanize

from daybreak.model.actions import (
    Action,
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
from daybreak.model.checks import CHECKS, QUARANTINE
from daybreak.model.moment import At, Moment, span_in_words
from daybreak.model.names import comma_list, printable
from daybreak.model.news import VerdictRenewed
from daybreak.model.plan import Plan
from daybreak.model.requests import RollbackRequest
from daybreak.model.run import Amendment, PlanAmended
from daybreak.model.tags import EXPIRES_TAG, LEFT
from daybreak.model.undo import GoesWith, Irreversible, TakenBack, Undo
from daybreak.model.value import iso, stamp
from daybreak.plan.operation_rows import plain_name
from daybreak.report.archive_steps import sentence_on_archive
from daybreak.report.export_steps import sentence_on_export
from daybreak.report.words import many


def sentence(action: Action) -> str:
    """What ``action`` does, or waits for.

    >>> sentence(DeleteCluster(clone="embi-clone"))
    'Delete the cluster embi-clone, without a final snapshot'
    """
    return printable_sentence(_sentence(action))


def printable_sentence(text: str) -> str:
    """``text`` with every character escaped that a terminal could act on; unlike a name, a sentence is not cut."""
    return " ".join(printable(word) for word in text.split(" "))


def undo_sentence(undo: Undo) -> str:
    """How a step is taken back.

    >>> undo_sentence(TakenBack(actions=(DeleteCluster(clone="embi-clone"),)))
    'Delete the cluster embi-clone, without a final snapshot'
    """
    match undo:
        case TakenBack(actions=actions, traces=traces):
            done = "; then ".join(sentence(action) for action in actions if not isinstance(action, Wait))
            return done + (f"; what is left of it: {', '.join(traces)}" if traces else "")
        case GoesWith(thing=thing):
            return printable_sentence(f"It goes with {thing.words()}")
        case Irreversible(because=because):
            return printable_sentence(f"Nothing takes it back: {because}")
        case _:
            assert_never(undo)


def moment_text(moment: Moment) -> str:
    """A moment as a sentence names it."""
    return iso(moment.instant) if isinstance(moment, At) else "the latest restorable time"


def words_on_move(differences: tuple[str, ...], planned: datetime) -> str:
    """In what the source looks otherwise than the plan saw it, and which of both sights the clone is compared with."""
    return f"the source since the plan was made: {'; '.join(differences)}; the clone is compared with it as seen at {stamp(planned)}"


def words_on_renewal(judged: VerdictRenewed) -> str:
    """What the clone was judged to be when it was asked again, and when."""
    return f"the clone was asked again, since its verdict had grown old: it is {judged.standing.value} by the verdict of {stamp(judged.at)}"


def amendment_words(made: Amendment | PlanAmended) -> str:
    """What an amendment changed, in a few words.

    >>> amendment_words(PlanAmended(step="12-create-reader-2", field="zone", old=None, new="us-east-1b", by="ann@host"))
    'zone us-east-1b, where it was left to AWS'
    """
    if made.field == "taken":
        return "asked for" if made.new == "yes" else "left out"
    if made.field == "outcome":
        return "it did its work" if made.new == "done" else "to be run again"
    name = _FIELDS[made.field]
    before = (
        f"where it was {made.old}"
        if made.old
        else "where it was left to AWS"
        if made.field != "login"
        else "where there was none"
    )
    return printable_sentence(f"{name} {made.new}, {before}")


_FIELDS = {"instance_class": "class", "zone": "zone", "ca": "certificate authority", "login": "login"}


def _sentence(action: Action) -> str:
    match action:
        case CopyParameterGroup(source=source, group=group):
            return f"Copy the parameter group {source} to {group}"
        case CreateParameterGroup(group=group, family=family):
            return f"Create the parameter group {group} for {family}"
        case SetParameters(group=group, parameters=parameters):
            values = ", ".join(f"{name}={value}" for name, value in sorted(parameters.items()))
            return f"Set {values} in {group}"
        case RestoreToMoment() | RestoreFromSnapshot():
            return _restore(action)
        case SetClusterOptions() | SetParameterGroup() | RebootInstance():
            return _options(action)
        case CreateInstance(clone=clone, instance=instance, instance_class=size, tier=tier):
            return f"Create the instance {instance} ({size}, promotion tier {tier}) in {clone}"
        case ManagePassword(clone=clone):
            return f"Let AWS make a new password for the master of {clone} and keep it in a secret"
        case CreateEndpoint():
            return _endpoint(action)
        case AnchorJournal() | SetExpiry():
            return _on_tag(action)
        case AwaitCluster(clone=clone):
            return f"Wait until {clone} is available with a restorable window of its own"
        case AwaitInstance(instance=instance):
            return f"Wait until {instance} is available with its parameter group in force"
        case AwaitParameterGroup(group=group, rest=rest):
            return f"Wait until {span_in_words(rest)} have passed since AWS made {group}"
        case AwaitSql(clone=clone):
            return f"Wait until the endpoint of {clone} answers SQL"
        case Validate():
            return _validate(action)
        case LoadRows(table=table, cluster=cluster, database=database, size=size):
            where = f"{'.'.join(table)} in the database {database} of {cluster}"
            return f"Load {humanize.naturalsize(size)} of rows from {action.file} into {where}"
        case ExportOrder() | CarryTables() | NameDatabase() | ArchiveOrder():
            return sentence_on_archive(action) if isinstance(action, ArchiveOrder) else sentence_on_export(action)
        case SqlOrder():
            return _in_sql(action)
        case PausePool() | ResumePool() | RunCommand():
            return _in_front(action)
        case AwaitApproval():
            return _approval(action)
        case DeleteEndpoint() | DeleteInstance() | DeleteCluster() | DeleteParameterGroup():
            return _removal(action)
        case AwaitClusterGone(clone=clone):
            return f"Wait until AWS no longer knows {clone}"
        case PointSecret() | MoveSecretStage() | PointParameter() | ChangeRecord() | AwaitRecord():
            return _on_destination(action)
        case MoveWriter() | AwaitWriter() | RenameCluster() | AwaitName():
            return _on_writer(action) if isinstance(action, MoveWriter | AwaitWriter) else _on_name(action)
        case DetachProxy() | AttachProxy() | AwaitProxy():
            return _on_proxy(action)
        case SetRole() | SetDataApi() | SetSubscription():
            return _on_keyed(action)
        case TakeSnapshot() | CopySnapshot() | AwaitSnapshot() | DeleteSnapshot():
            return _on_snapshot(action)
        case ExportSnapshot() | CancelExport() | AwaitExport() | ReadExport():
            return _on_export(action)
        case _:
            assert_never(action)


def _removal(action: DeleteEndpoint | DeleteInstance | DeleteCluster | DeleteParameterGroup) -> str:
    match action:
        case DeleteEndpoint(endpoint=endpoint):
            return f"Delete the custom endpoint {endpoint}"
        case DeleteInstance(instance=instance):
            return f"Delete the instance {instance}"
        case DeleteCluster(clone=clone):
            return f"Delete the cluster {clone}, without a final snapshot"
        case DeleteParameterGroup(group=group):
            return f"Delete the parameter group {group}"
        case _:
            assert_never(action)


def title_of_notes(plan: Plan) -> str:
    """What stands above a plan's notes: nobody is asked before a run takes itself back."""
    is_asked = not (isinstance(plan.request, RollbackRequest) and plan.request.unwritten is not None)
    return "Know before you say yes" if is_asked else "What holds for it"


def _in_front(action: PausePool | ResumePool | RunCommand) -> str:
    match action:
        case PausePool(pool=pool):
            return f"Hold the clients of {pool.words()} for {span_in_words(pool.pause)} at most"
        case ResumePool(pool=pool, address=address):
            where = f" at {address.host}:{address.port}" if address else ""
            return f"Let the clients of {pool.words()} go on{where}"
        case RunCommand(what=what, command=command):
            return f"{what[:1].upper()}{what[1:]}, at most once: {shlex.join(command)}"
        case _:
            assert_never(action)


def _on_tag(action: AnchorJournal | SetExpiry) -> str:
    if isinstance(action, SetExpiry):
        is_left = action.expires.startswith(LEFT)
        kept = f": it is kept until daybreak clean {action.clone} --confirm {action.clone}" if is_left else ""
        return f"Tag {action.clone}: {EXPIRES_TAG}={action.expires}{kept}"
    return f"Anchor the journal's newest event in a tag of {action.clone}"


def _in_sql(action: SqlChange) -> str:
    match action:
        case ChangeSql(change=change, cluster=cluster, database=database):
            return f"In the database {database} of {cluster}: {change.what}"
        case AdvanceSequences(cluster=cluster, database=database, past=past):
            return f"In the database {database} of {cluster}, set every sequence past where {past} has come"
        case EndSessions(cluster=cluster):
            return f"End every session at {cluster} but our own, until nobody is left; then read the high-water mark"
        case CountWrites(cluster=cluster):
            return f"Count what was written so far in every database of {cluster}"
        case WarmCache(cluster=cluster, database=database, past=past, limit=limit):
            hot = f"what has most hits in the database {database} of {past}"
            return f"Read {hot} into the memory of {cluster}, for {span_in_words(limit)} at most"
        case AwaitClients():
            return f"Wait until {comma_list([*_conditions(action)])}, for {span_in_words(action.hold)}"
        case BeginProbe(cluster=cluster, application=application):
            way = application.ways[0].words()
            return (
                f"Begin to write as the application does, by {way}: transactions that change no row, first at {cluster}"
            )
        case ReadProbe(cluster=cluster):
            return f"End the probe once {cluster} has taken a write of it, and say how long nobody took one"
        case _:
            assert_never(action)


def _conditions(action: AwaitClients) -> Iterator[str]:
    """What is waited for of the clients and of the application."""
    if action.share:
        write = " and a write of theirs is there" if action.wants_write else ""
        yield f"{action.share} % as many clients as were sent out are at {action.cluster}{write}"
    yield from (f"the page {printable(page.name)} is well" for page in action.pages)
    if action.application is not None:
        ways = comma_list([way.words() for way in action.application.ways])
        yield f"the application's own login gets to {action.cluster} by {ways}"


def _approval(action: AwaitApproval) -> str:
    who = "another person" if action.by_another else "a person"
    return f"Wait until {who} approves exactly this plan; it counts for {span_in_words(action.valid)}"


def _on_destination(action: PointSecret | MoveSecretStage | PointParameter | ChangeRecord | AwaitRecord) -> str:
    match action:
        case PointSecret(secret=secret, fields=fields, new=new):
            keys = comma_list([*fields.host, fields.port])
            return f"Make a version of the secret {secret} with {new.host}:{new.port} in {keys}{_in(action)}"
        case MoveSecretStage(secret=secret, version=version, away_from=away_from):
            away = f", away from {away_from}" if away_from else ""
            return f"Make the version {version} of the secret {secret} the current one again{away}{_in(action)}"
        case PointParameter(parameter=parameter, new=new, old=old, version=version):
            return f"Put {new.host} in the place of {old.host} in the parameter {parameter} (version {version}){_in(action)}"
        case ChangeRecord(zone=zone, before=before, after=after):
            return f"Change the record {after.name} of the zone {zone} from {before.state} to {after.state}"
        case AwaitRecord(record=record, zone=zone, forget=forget):
            then = f", then {span_in_words(forget)} until resolvers have forgotten it as it was" if forget else ""
            return f"Wait until all name servers of the zone {zone} have the changed record {record.name}{then}"
        case _:
            assert_never(action)


def _on_proxy(action: DetachProxy | AttachProxy | AwaitProxy) -> str:
    where = f"the target group {action.group} of the proxy {action.proxy}{_in(action)}"
    match action:
        case DetachProxy(cluster=cluster):
            return f"Take {cluster} out of {where}; nothing of the cluster changes"
        case AttachProxy(cluster=cluster):
            return f"Put {cluster} into {where}; nothing of the cluster changes"
        case AwaitProxy(cluster=cluster):
            return f"Wait until {where} lets clients through to the writer of {cluster}"


def _on_keyed(action: KeyedOrder) -> str:
    match action:
        case SetRole(clone=clone, role=role, feature=feature, is_given=is_given):
            what = f"the role {role}" + (f" for {feature}" if feature else "")
            return f"Give {clone} {what}" if is_given else f"Take {what} from {clone}"
        case SetDataApi(clone=clone, is_on=is_on):
            return f"Let {clone} answer the Data API{'' if is_on else ' no longer'}"
        case SetSubscription(subscription=name, entry=entry, is_in=is_in):
            also = "too; all else that it reports stays" if is_in else "no longer"
            return f"Let the event subscription {name} report {entry} {also}"
        case _:
            assert_never(action)


def _on_name(action: RenameCluster | AwaitName) -> str:
    if isinstance(action, RenameCluster):
        whose = "the clone" if action.is_own else "the source"
        return f"Rename {whose} {action.cluster} ({action.resource_id}) to {action.name}; nothing else of it changes"
    host = f" at {action.host}" if action.host else ""
    return f"Wait until AWS shows {action.resource_id} as {action.name}, and read its endpoint{host}"


def destination_words(action: Action) -> str:
    """The destination that an action points elsewhere, in words; empty for any other action."""
    match action:
        case PointSecret(secret=name) | MoveSecretStage(secret=name):
            return f'the secret "{name}"'
        case PointParameter(parameter=name):
            return f'the parameter "{name}"'
        case ChangeRecord(after=record):
            return f'the {record.type} record of "{record.name}"'
        case AttachProxy(proxy=name):
            return f'the proxy "{name}"'
        case RenameCluster(name=name, is_own=True):
            return f'the name "{name}"'
        case _:
            return ""


def _on_writer(action: MoveWriter | AwaitWriter) -> str:
    match action:
        case MoveWriter(database=database, member=member, gives_up=True):
            return f"Fail the global database {database} over to {member}, and give up what had not arrived there"
        case MoveWriter(database=database, member=member):
            return (
                f"Switch the global database {database} over to {member}, once all that was written has arrived there"
            )
        case AwaitWriter(database=database, member=member):
            return f"Wait until {member} is the writer of {database}"


def _on_snapshot(action: TakeSnapshot | CopySnapshot | AwaitSnapshot | DeleteSnapshot) -> str:
    match action:
        case TakeSnapshot(cluster=cluster, snapshot=snapshot):
            return f"Take the manual snapshot {snapshot} of {cluster}{_in(action)}"
        case CopySnapshot(source=source, snapshot=snapshot, source_region=home, key=key):
            under = f", under the key {key}" if key else ""
            return f"Copy the snapshot {plain_name(source)} of {home} to {snapshot}{under}"
        case AwaitSnapshot(snapshot=snapshot):
            return f"Wait until the snapshot {snapshot} is complete{_in(action)}"
        case DeleteSnapshot(snapshot=snapshot):
            return f"Delete the snapshot {snapshot}{_in(action)}, for good"
        case _:
            assert_never(action)


def _on_export(action: ExportSnapshot | CancelExport | AwaitExport | ReadExport) -> str:
    match action:
        case ExportSnapshot(source=source, task=task, bucket=bucket, prefix=prefix, only=only):
            what = (
                f"{comma_list(only)} of the snapshot {plain_name(source)}"
                if only
                else f"the snapshot {plain_name(source)}"
            )
            return f"Let RDS export {what} as {task} to s3://{bucket}/{prefix}/, as the role {action.role}, under the key {action.key}"
        case CancelExport(task=task):
            return f"End the export {task}"
        case AwaitExport(task=task, is_cancelled=is_cancelled):
            return f"Wait until AWS {'is at the export no more:' if is_cancelled else 'has written the export'} {task}"
        case ReadExport(bucket=bucket, folder=folder):
            return f"Look at what is in s3://{bucket}/{folder}"
        case _:
            assert_never(action)


def _in(action: Action) -> str:
    """Where an action acts, if not in the plan's own region."""
    return f" in {action.region}" if action.region else ""


def _restore(action: RestoreToMoment | RestoreFromSnapshot) -> str:
    if isinstance(action, RestoreFromSnapshot):
        what = f"the snapshot {action.snapshot}, PostgreSQL {action.engine_version},"
        return f"Restore {what} into the new cluster {action.clone}"
    source = f"the deleted {action.source} ({action.resource_id})" if action.resource_id else action.source
    return f"Restore {source} as of {moment_text(action.moment)} into the new cluster {action.clone}"


def _options(action: SetClusterOptions | SetParameterGroup | RebootInstance) -> str:
    if isinstance(action, RebootInstance):
        return f"Restart the instance {action.instance}, so that its parameters are in force"
    if isinstance(action, SetParameterGroup):
        return f"Give {action.clone} the parameter group {action.group} in the place of {action.before}"
    parts = [
        f"backup retention {span_in_words(action.backup_retention)}" if action.backup_retention else "",
        f"backup window {action.backup_window}" if action.backup_window else "",
        f"maintenance window {action.maintenance_window}" if action.maintenance_window else "",
        {True: "deletion protection", False: "deletion protection off", None: ""}[action.is_protected],
        {True: "minor upgrades", False: "minor upgrades off", None: ""}[action.upgrades_itself],
        f"{action.insights_mode} Database Insights" if action.insights_mode else "",
        "Performance Insights" if action.has_performance_insights else "",
    ]
    return f"Set {', '.join(filter(None, parts)) or 'nothing'} on {action.clone}"


def _endpoint(action: CreateEndpoint) -> str:
    members = f", for {', '.join(action.static_members)}" if action.static_members else ""
    left_out = f", without {', '.join(action.excluded_members)}" if action.excluded_members else ""
    return f"Create the custom endpoint {action.endpoint} ({action.type}{members}{left_out}) of {action.clone}"


def _validate(action: Validate) -> str:
    against = ("its capsule" if action.capsule else "the source") if action.source_seen else ""
    what = {None: "", "data": "the data of ", "clone": "the whole of "}[action.part]
    parts = [
        many(number_of_checks(action), "check") + own_checks(action),
        f"what is expected of {many(len(action.tables), 'table')}" if action.tables else "",
        f"compared with {against}" if against else "",
    ]
    return f"Validate {what}{action.clone}: {', '.join(filter(None, parts))}"


def number_of_checks(action: Validate) -> int:
    """How many checks of ours a validation asks."""
    """The number of our own checks in the action's part; the check of the quarantine counts only where there is one."""
    asked = [check for check in CHECKS.values() if action.part in (None, check.part)]
    return len(asked if action.quarantine else [check for check in asked if check is not QUARANTINE])


OBJECT_OF_PART = {None: "", "data": "the data, ", "clone": "the whole clone, "}
"""What a validation is of, by its part, in a few words."""


def own_checks(action: Validate) -> str:
    """The owner's own checks, as the end of a sentence."""
    return f", {many(len(action.checks), 'check')} of your own" if action.checks else ""
