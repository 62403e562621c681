"""Where an order stands in the world: already so, under way, absent, barred by a guard, or hopeless. Pure.

The law: whose a thing is, the guards say (``assess.guarding``); what is asked here stands on that. ``available`` alone is never trusted: a restore is complete when its window is no longer
null, an instance when its parameter group is in force (FACTS 4.3). An empty answer proves nothing either: a resource is gone
when AWS answers *not found* to its deletion.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, assert_never

from daybreak.assess.destinations import standing_of_pointing
from daybreak.assess.exports import export_found, export_reached, standing_of_exporting
from daybreak.assess.guarding import Resource
from daybreak.assess.keyed import standing_of_keyed
from daybreak.assess.names import name_reached, standing_of_renaming
from daybreak.assess.position import OrderStanding, Position
from daybreak.assess.proxies import proxy_ready, standing_at_proxy
from daybreak.assess.settings import same_setting
from daybreak.model.actions import (
    AnchorJournal,
    AttachProxy,
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
    AwsChange,
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
    ExportSnapshot,
    ManagePassword,
    MoveSecretStage,
    MoveWriter,
    PointParameter,
    PointSecret,
    ReadExport,
    RebootInstance,
    RenameCluster,
    RestoreFromSnapshot,
    RestoreToMoment,
    SetClusterOptions,
    SetDataApi,
    SetExpiry,
    SetParameterGroup,
    SetParameters,
    SetRole,
    SetSubscription,
    TakeSnapshot,
    Wait,
)
from daybreak.model.anchor import anchor_in
from daybreak.model.backups import ExportTask, GlobalDatabase
from daybreak.model.destinations import ProxySeen
from daybreak.model.exports import ExportShown
from daybreak.model.moment import span_in_words
from daybreak.model.replies import Category
from daybreak.model.statuses import AVAILABLE
from daybreak.model.tags import EXPIRES_TAG, JOURNAL_TAG
from daybreak.model.value import iso
from daybreak.model.world import Cluster, Instance, NamesSeen, ParameterGroup, Snapshot
from daybreak.plan.calls import Owner
from daybreak.plan.copies import HOPELESS_SNAPSHOT, is_complete

HOPELESS_CLUSTER = frozenset(
    {
        "failed",
        "incompatible-restore",
        "incompatible-parameters",
        "incompatible-network",
        "inaccessible-encryption-credentials",
        "inaccessible-encryption-credentials-recoverable",
        "migration-failed",
        "restore-failed",
        "cloning-failed",
        "restore-error",
        "deleting",
        "deleted",
    }
)
"""Cluster statuses from which waiting does not help; botocore's waiter polls on through half of them (FACTS 4.3)."""

HOPELESS_INSTANCE = HOPELESS_CLUSTER | {
    "incompatible-create",
    "incompatible-credentials",
    "insufficient-capacity",
    "upgrade-failed",
    "modify-failed",
    "storage-full",
}
"""Instance statuses from which waiting does not help."""

HINTS: dict[str, tuple[str, ...]] = {
    "incompatible-network": ("check that the subnet group has free addresses in at least two zones",),
    "insufficient-capacity": ("AWS has no such machine there now: wait some hours, or take another class or zone",),
    "inaccessible-encryption-credentials": ("the KMS key is lost: enable it or cancel its deletion, then plan again",),
    "inaccessible-encryption-credentials-recoverable": ("enable the KMS key within seven days, then plan again",),
    "incompatible-parameters": ("compare the quarantine parameter group with the instance class's memory",),
}
"""What to do about a hopeless status, where we know."""

STOPPED = frozenset({"stopping", "stopped"})
"""Statuses that a person chose: nothing goes on until a person starts it again."""


WINDOW_PATIENCE = timedelta(minutes=10)
"""For how long an available cluster is waited for that shows no restorable window: AWS shows one when the storage is there, but
nobody promised it (FACTS 4.3). After that an instance is tried, and AWS's answer decides."""


def standing_of_wait(
    action: Wait,
    cluster: Cluster | None,
    instance: Instance | None,
    owner: Owner,
    age: timedelta | None = None,
    *,
    windowless: timedelta = timedelta(0),
    snapshot: Snapshot | None = None,
    database: GlobalDatabase | None = None,
    change: str | None = None,
    spread: timedelta = timedelta(0),
    proxy: ProxySeen | None = None,
    names: NamesSeen | None = None,
    task: ExportTask | None = None,
    shown: ExportShown | None = None,
) -> OrderStanding:
    """Whether a wait is over, from the newest look at the clone and, for an instance, at the instance.

    ``age`` is how long ago AWS answered what the wait follows on, for a wait that only takes time; ``windowless`` for how long
    the cluster has been seen available without a restorable window. ``change`` is the status of the change of a record, where its
    id is known, and ``spread`` how long ago it was first seen everywhere.
    For ``AwaitSql`` *so* means that there is an endpoint to connect to; only connecting shows whether it answers.
    """
    if isinstance(action, AwaitParameterGroup):
        return _group_rested(action, age)
    if isinstance(action, AwaitRecord):
        return _change_spread(action, change, age, spread)
    if isinstance(action, AwaitProxy):
        return proxy_ready(action, proxy, age)
    if isinstance(action, AwaitName):
        return name_reached(action, names or NamesSeen(old=None, new=None))
    if isinstance(action, AwaitExport | ReadExport):
        return export_reached(action, task) if isinstance(action, AwaitExport) else export_found(action, shown)
    match action:
        case AwaitClusterGone():
            return _cluster_gone(cluster, owner)
        case AwaitCluster():
            return _cluster_ready(cluster, windowless)
        case AwaitInstance():
            return _instance_ready(instance, _group_status(action, cluster))
        case AwaitSnapshot():
            return _snapshot_complete(snapshot)
        case AwaitWriter():
            standing = _writer_moved(action.database, action.member, database)
            # It was ordered, so an old writer means that nothing is under way.
            is_idle = standing.place is Position.ABSENT
            return standing.model_copy(update={"place": Position.STALLED}) if is_idle else standing
        case AwaitSql():
            return _endpoint_shown(cluster)
        case _:
            assert_never(action)


def _change_spread(action: AwaitRecord, status: str | None, age: timedelta | None, spread: timedelta) -> OrderStanding:
    if status == "INSYNC" and spread < action.forget:
        words = f"spread; resolvers may remember it as it was for {span_in_words(action.forget)}"
        return OrderStanding(place=Position.UNDER_WAY, seen=words)
    if status == "INSYNC":
        return OrderStanding(place=Position.SO, seen="all name servers of Route 53 have it")
    if status is not None:
        return OrderStanding(
            place=Position.UNDER_WAY, seen=f"{status}: name servers of Route 53 still answer as before"
        )
    rest = action.rest + action.forget
    lost = f"the id of the change was lost with its reply, so {span_in_words(rest)} are waited out"
    is_over = age is not None and age >= rest
    return OrderStanding(place=Position.SO if is_over else Position.UNDER_WAY, seen=lost)


def _group_rested(action: AwaitParameterGroup, age: timedelta | None) -> OrderStanding:
    if age is not None and age >= action.rest:
        return OrderStanding(place=Position.SO, seen=f"{action.group} has rested for {span_in_words(action.rest)}")
    return OrderStanding(place=Position.UNDER_WAY, seen=f"{action.group} rests for {span_in_words(action.rest)}")


def _cluster_gone(cluster: Cluster | None, owner: Owner) -> OrderStanding:
    if cluster is None or not owner.owns(cluster.tags):
        return OrderStanding(place=Position.UNLISTED, seen="gone")
    if cluster.status == "deleting":
        return OrderStanding(place=Position.UNDER_WAY, seen=cluster.status)
    why = f"the cluster is {cluster.status}, and nothing is deleting it"
    return OrderStanding(
        place=Position.STALLED, seen=why, hints=(f"plan its removal anew: daybreak clean {owner.run}",)
    )


def _start_needed(what: str, status: str, identifier: str) -> OrderStanding:
    start = f"start it: aws rds start-db-{what} --db-{what}-identifier {identifier}"
    return OrderStanding(place=Position.STALLED, seen=f"the {what} is {status}", hints=(start,))


def _cluster_ready(cluster: Cluster | None, windowless: timedelta = timedelta(0)) -> OrderStanding:
    if cluster is None:
        # A describe may lag behind the call that created it.
        return OrderStanding(place=Position.ABSENT, seen="AWS does not list the cluster")
    if cluster.status in HOPELESS_CLUSTER:
        return OrderStanding(
            place=Position.HOPELESS, seen=f"the cluster is {cluster.status}", hints=HINTS.get(cluster.status, ())
        )
    if cluster.status in STOPPED:
        return _start_needed("cluster", cluster.status, cluster.identifier)
    if cluster.status != "available":
        return OrderStanding(place=Position.UNDER_WAY, seen=cluster.status)
    if cluster.window is None and windowless < WINDOW_PATIENCE:
        return OrderStanding(place=Position.UNDER_WAY, seen=_WINDOWLESS)
    if cluster.has_pending_changes:
        return OrderStanding(place=Position.UNDER_WAY, seen="available, changes pending")
    result = {"endpoint": cluster.endpoint, "port": cluster.port, "resource_id": cluster.resource_id}
    waited = f"{_WINDOWLESS} after {span_in_words(WINDOW_PATIENCE)}: it is not waited for any longer"
    if cluster.window is None:
        return OrderStanding(place=Position.SO, seen=waited, result=result | {"is_windowless": True})
    seen = cluster.status
    return OrderStanding(place=Position.SO, seen=seen, result=result)


_WINDOWLESS = "available, restorable window still null"


def is_windowless(cluster: Cluster | None) -> bool:
    """Whether a cluster says that it is available, and shows no restorable window."""
    return cluster is not None and cluster.status == AVAILABLE and cluster.window is None


def _snapshot_complete(snapshot: Snapshot | None) -> OrderStanding:
    if snapshot is None:
        return OrderStanding(place=Position.ABSENT, seen="AWS does not list the snapshot")
    if snapshot.status in HOPELESS_SNAPSHOT:
        hint = "the next run that copies removes it and makes another"
        return OrderStanding(
            place=Position.HOPELESS, seen=f'the snapshot "{snapshot.identifier}" is {snapshot.status}', hints=(hint,)
        )
    if not is_complete(snapshot):
        # AWS shows nothing of a copy that waits in its queue (FACTS 4.3), so 0 % says little.
        return OrderStanding(place=Position.UNDER_WAY, seen=f"{snapshot.status}, {snapshot.percent} %")
    if snapshot.created is None:
        return OrderStanding(place=Position.UNDER_WAY, seen="available, its time still null")
    result = {"created": iso(snapshot.created), "arn": snapshot.arn}
    return OrderStanding(place=Position.SO, seen=snapshot.status, result=result)


def _writer_moved(name: str, member: str, seen: GlobalDatabase | None) -> OrderStanding:
    """Where the move of a global database's writer to a member stands."""
    if seen is None:
        return OrderStanding(place=Position.HOPELESS, seen=f'AWS does not know the global database "{name}"')
    if member not in [each.arn for each in seen.members]:
        return OrderStanding(place=Position.HOPELESS, seen=f'{member} is no member of "{name}" any more')
    if seen.moving_to is not None:
        is_here = seen.moving_to == member
        words = f"{seen.status}: AWS is moving the writer to {seen.moving_to}"
        hints = () if is_here else ("wait until AWS has moved it there",)
        return OrderStanding(place=Position.UNDER_WAY if is_here else Position.STALLED, seen=words, hints=hints)
    if seen.writer == member and seen.status == AVAILABLE:
        return OrderStanding(place=Position.SO, seen="it is the writer")
    if seen.writer == member:
        return OrderStanding(
            place=Position.UNDER_WAY, seen=f"it is the writer, and the global database is {seen.status}"
        )
    return OrderStanding(place=Position.ABSENT, seen=f"the writer is {seen.writer or 'no member'}")


def _endpoint_shown(cluster: Cluster | None) -> OrderStanding:
    if cluster is None or cluster.status in HOPELESS_CLUSTER | STOPPED:
        return _cluster_ready(cluster)
    if not cluster.endpoint:
        return OrderStanding(place=Position.UNDER_WAY, seen="AWS does not show an endpoint yet")
    return OrderStanding(place=Position.SO, seen=cluster.endpoint)


def _group_status(action: AwaitInstance, cluster: Cluster | None) -> str | None:
    """What AWS says of the cluster's parameter group at the instance, where that is waited for."""
    if not action.is_restarted:
        return None
    members = cluster.members if cluster else ()
    found = (each.parameter_group_status for each in members if each.identifier == action.instance)
    return next(found, "not shown")


def _instance_ready(instance: Instance | None, group: str | None) -> OrderStanding:
    if instance is None:
        return OrderStanding(place=Position.ABSENT, seen="AWS does not list the instance")
    if instance.status in HOPELESS_INSTANCE:
        return OrderStanding(
            place=Position.HOPELESS, seen=f"the instance is {instance.status}", hints=HINTS.get(instance.status, ())
        )
    if instance.status in STOPPED:
        return _start_needed("instance", instance.status, instance.identifier)
    if instance.status != "available":
        return OrderStanding(place=Position.UNDER_WAY, seen=instance.status)
    if instance.has_pending_changes:
        return OrderStanding(place=Position.UNDER_WAY, seen="available, changes pending")
    if instance.parameter_group_status not in (None, "in-sync"):
        return OrderStanding(place=Position.UNDER_WAY, seen=f"available, parameters {instance.parameter_group_status}")
    if group not in (None, "in-sync"):
        return OrderStanding(place=Position.UNDER_WAY, seen=f"available, the cluster's parameters {group}")
    return OrderStanding(place=Position.SO, seen=instance.status, result={"endpoint": instance.endpoint})


def standing_of_change(action: AwsChange, seen: Resource | None, own_version: str = "") -> OrderStanding:
    """Where a change stands whose guards hold; ``seen`` is the resource that it names.

    ``own_version`` is the id of the version that the run makes of the secret, where it is one.
    """
    match action:
        case (
            CopyParameterGroup()
            | CreateParameterGroup()
            | RestoreToMoment()
            | RestoreFromSnapshot()
            | CreateInstance()
            | CreateEndpoint()
            | TakeSnapshot()
            | CopySnapshot()
        ):
            return _creation(seen)
        case DeleteInstance() | DeleteEndpoint() | DeleteCluster() | DeleteParameterGroup() | DeleteSnapshot():
            return _removal(seen)
        case AnchorJournal():
            return _anchor_set(action, seen)
        case SetParameters():
            return _parameters_set(action, seen)
        case SetExpiry(expires=expires):
            return _expiry_set(expires, seen)
        case SetClusterOptions():
            return _options_set(action, seen)
        case SetParameterGroup(clone=clone, group=group):
            return _group_given(clone, group, seen)
        case RebootInstance(instance=instance):
            return _restart_begun(instance, seen)
        case ManagePassword():
            return _password_managed(action, seen)
        case PointSecret() | MoveSecretStage() | PointParameter() | ChangeRecord():
            return standing_of_pointing(action, seen, own_version)
        case DetachProxy() | AttachProxy():
            return standing_at_proxy(action, seen)
        case SetRole() | SetDataApi() | SetSubscription():
            return standing_of_keyed(action, seen)
        case ExportSnapshot() | CancelExport():
            return standing_of_exporting(action, seen if isinstance(seen, ExportTask) else None)
        case RenameCluster():
            return standing_of_renaming(action, seen if isinstance(seen, NamesSeen) else None)
        case MoveWriter(database=database, member=member):
            standing = _writer_moved(database, member, seen if isinstance(seen, GlobalDatabase) else None)
            # AWS has taken the order once it is moving: the step that waits sees the rest.
            is_taken = standing.place is Position.UNDER_WAY
            return standing.model_copy(update={"place": Position.SO}) if is_taken else standing
        case _:
            assert_never(action)


def _creation(seen: Resource | None) -> OrderStanding:
    if seen is None:
        return OrderStanding(place=Position.ABSENT)
    if isinstance(seen, Instance) and seen.status == "deleting":
        # A person removes one that never came up, so that it is made again: its name is free in some minutes.
        return OrderStanding(
            place=Position.STALLED, seen=f'"{seen.identifier}" is being deleted', hints=("wait until it is gone",)
        )
    return OrderStanding(place=Position.SO, seen="created by this run")


def _removal(seen: Resource | None) -> OrderStanding:
    if seen is None:
        return OrderStanding(place=Position.UNLISTED, seen="AWS shows nothing of that name")
    if getattr(seen, "status", None) == "deleting":
        return OrderStanding(place=Position.SO, seen="deleting")
    return OrderStanding(place=Position.ABSENT, seen="still there")


def _anchor_set(action: AnchorJournal, seen: Resource | None) -> OrderStanding:
    """Where an anchor stands. One that is there stays: it names an event of this run, since no other run owns the clone."""
    if not isinstance(seen, Cluster):
        return OrderStanding(place=Position.HOPELESS, seen=f'the cluster "{action.clone}" is gone')
    anchor = anchor_in(seen.tags.get(JOURNAL_TAG))
    if anchor is None:
        return OrderStanding(place=Position.ABSENT, seen="no anchor")
    return OrderStanding(place=Position.SO, seen="anchored", result={"anchor": anchor.tag_value()})


def _expiry_set(expires: str, seen: Resource | None) -> OrderStanding:
    if not isinstance(seen, Cluster):
        return OrderStanding(place=Position.HOPELESS, seen="the clone is gone")
    found = seen.tags.get(EXPIRES_TAG, "")
    return OrderStanding(place=Position.SO if found == expires else Position.ABSENT, seen=f"the tag says {found!r}")


def once_answered(standing: OrderStanding, answer: Category | None) -> OrderStanding:
    """Where a removal stands after AWS's answer: *not found*, or success (``None``), proves what a look cannot.

    >>> once_answered(OrderStanding(place=Position.UNLISTED), Category.NOT_FOUND).place.value
    'so'
    """
    if standing.place is Position.UNLISTED and answer in (None, Category.NOT_FOUND):
        return OrderStanding(place=Position.SO, seen="gone")
    return standing


def _password_managed(action: ManagePassword, seen: Resource | None) -> OrderStanding:
    if not isinstance(seen, Cluster):
        return OrderStanding(place=Position.HOPELESS, seen=f'the cluster "{action.clone}" is gone')
    if seen.master_secret is None:
        return OrderStanding(place=Position.ABSENT, seen="AWS keeps no secret for its master")
    return OrderStanding(place=Position.SO, seen="AWS keeps the secret of its master")


def _parameters_set(action: SetParameters, seen: Resource | None) -> OrderStanding:
    if not isinstance(seen, ParameterGroup):
        return OrderStanding(place=Position.HOPELESS, seen=f'the parameter group "{action.group}" is gone')
    missing = {name for name, value in action.parameters.items() if not same_setting(seen.parameters.get(name), value)}
    return (
        OrderStanding(place=Position.ABSENT, seen=f"not set: {', '.join(sorted(missing))}")
        if missing
        else OrderStanding(place=Position.SO)
    )


def _group_given(clone: str, group: str, seen: Resource | None) -> OrderStanding:
    if not isinstance(seen, Cluster):
        return OrderStanding(place=Position.HOPELESS, seen=f'the cluster "{clone}" is gone')
    place = Position.SO if seen.parameter_group == group else Position.ABSENT
    return OrderStanding(place=place, seen=f"it has {seen.parameter_group}")


def _restart_begun(instance: str, seen: Resource | None) -> OrderStanding:
    """Where a restart stands. One that is over leaves no trace, so it is ordered again where nobody knows: nobody works there."""
    if not isinstance(seen, Instance):
        return OrderStanding(place=Position.HOPELESS, seen=f'the instance "{instance}" is gone')
    return OrderStanding(place=Position.SO if seen.status == "rebooting" else Position.ABSENT, seen=seen.status)


def _options_set(action: SetClusterOptions, seen: Resource | None) -> OrderStanding:
    if not isinstance(seen, Cluster):
        return OrderStanding(place=Position.HOPELESS, seen=f'the cluster "{action.clone}" is gone')
    wanted: dict[str, Any] = {
        "backup_retention": action.backup_retention,
        "backup_window": action.backup_window,
        "maintenance_window": action.maintenance_window,
        "is_protected": action.is_protected,
        "upgrades_itself": action.upgrades_itself,
        "insights_mode": action.insights_mode,
        "has_performance_insights": action.has_performance_insights,
    }
    missing = [name for name, value in wanted.items() if value is not None and getattr(seen, name) != value]
    if missing:
        return OrderStanding(place=Position.ABSENT, seen=f"not set: {', '.join(missing)}")
    if not is_at_rest(seen):
        # What is shown is from before the change that AWS is at: a protection that is not lifted yet looks like none.
        return OrderStanding(place=Position.ABSENT, seen=f"{seen.status}: what is set may change")
    return OrderStanding(place=Position.SO)


Resting = Cluster | Instance | Snapshot | GlobalDatabase
"""What AWS may have something under way with that makes it answer "not now"."""


def is_at_rest(seen: Resting) -> bool:
    """Whether nothing is under way with it."""
    match seen:
        case Cluster() | Instance():
            return seen.status == AVAILABLE and not seen.has_pending_changes
        case Snapshot():
            return is_complete(seen)
        case GlobalDatabase():
            return seen.status == AVAILABLE and seen.moving_to is None
        case _:
            assert_never(seen)
