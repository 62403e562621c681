"""Action to one sentence: what a step does, in words a person can say yes to."""

from __future__ import annotations

from typing import assert_never

from daybreak.model.actions import (
    Action,
    AnchorJournal,
    AwaitCluster,
    AwaitClusterGone,
    AwaitInstance,
    AwaitSql,
    CopyParameterGroup,
    CreateEndpoint,
    CreateInstance,
    CreateParameterGroup,
    DeleteCluster,
    DeleteEndpoint,
    DeleteInstance,
    DeleteParameterGroup,
    RestoreFromSnapshot,
    RestoreToMoment,
    SetClusterOptions,
    SetParameters,
    Validate,
)
from daybreak.model.checks import CHECKS
from daybreak.model.moment import At, Moment, spoken
from daybreak.model.names import printable
from daybreak.model.value import iso
from daybreak.report.words import many


def sentence(action: Action) -> str:
    """What ``action`` does to the world, or waits for.

    >>> sentence(DeleteCluster(clone="embi-clone"))
    'Delete the cluster embi-clone, without a final snapshot'
    """
    return printable_sentence(_sentence(action))


def printable_sentence(text: str) -> str:
    """``text`` with what a terminal could act on spelled out; unlike a name, a sentence is not cut."""
    return " ".join(printable(word) for word in text.split(" "))


def moment_text(moment: Moment) -> str:
    """A moment as a sentence names it."""
    return iso(moment.instant) if isinstance(moment, At) else "the latest restorable time"


def _sentence(action: Action) -> str:
    match action:
        case CopyParameterGroup(source=source, group=group):
            return f"Copy the parameter group {source} to {group}"
        case CreateParameterGroup(group=group, family=family):
            return f"Create the parameter group {group} for {family}"
        case SetParameters(group=group, parameters=parameters):
            told = ", ".join(f"{name}={value}" for name, value in sorted(parameters.items()))
            return f"Set {told} in {group}"
        case RestoreToMoment():
            return _restore(action)
        case RestoreFromSnapshot(snapshot=snapshot, clone=clone, engine_version=version):
            return f"Restore the snapshot {snapshot}, PostgreSQL {version}, into the new cluster {clone}"
        case SetClusterOptions():
            return _options(action)
        case CreateInstance(clone=clone, instance=instance, instance_class=size, tier=tier):
            return f"Create the instance {instance} ({size}, promotion tier {tier}) in {clone}"
        case CreateEndpoint():
            return _endpoint(action)
        case AnchorJournal(clone=clone):
            return f"Anchor the journal's newest event in a tag of {clone}"
        case DeleteEndpoint(endpoint=endpoint):
            return f"Delete the custom endpoint {endpoint}"
        case AwaitCluster(clone=clone):
            return f"Wait until {clone} is available with a restorable window of its own"
        case AwaitInstance(instance=instance):
            return f"Wait until {instance} is available with its parameter group in force"
        case AwaitSql(clone=clone):
            return f"Wait until the endpoint of {clone} answers SQL"
        case Validate():
            return _validate(action)
        case DeleteInstance(instance=instance):
            return f"Delete the instance {instance}"
        case DeleteCluster(clone=clone):
            return f"Delete the cluster {clone}, without a final snapshot"
        case AwaitClusterGone(clone=clone):
            return f"Wait until AWS no longer knows {clone}"
        case DeleteParameterGroup(group=group):
            return f"Delete the parameter group {group}"
        case _:
            assert_never(action)


def _restore(action: RestoreToMoment) -> str:
    source = f"the deleted {action.source} ({action.resource_id})" if action.resource_id else action.source
    return f"Restore {source} as of {moment_text(action.moment)} into the new cluster {action.clone}"


def _options(action: SetClusterOptions) -> str:
    told = [
        f"backup retention {spoken(action.backup_retention)}" if action.backup_retention else "",
        f"backup window {action.backup_window}" if action.backup_window else "",
        f"maintenance window {action.maintenance_window}" if action.maintenance_window else "",
        {True: "deletion protection", False: "deletion protection off", None: ""}[action.is_protected],
    ]
    return f"Set {', '.join(filter(None, told)) or 'nothing'} on {action.clone}"


def _endpoint(action: CreateEndpoint) -> str:
    members = f", for {', '.join(action.static_members)}" if action.static_members else ""
    left_out = f", without {', '.join(action.excluded_members)}" if action.excluded_members else ""
    return f"Create the custom endpoint {action.endpoint} ({action.type}{members}{left_out}) of {action.clone}"


def _validate(action: Validate) -> str:
    asked = (
        len(CHECKS) if action.quarantine else len(CHECKS) - 1
    )  # whether a quarantine is in force is asked where one is
    against = ("its capsule" if action.capsule else "the source") if action.source_seen else ""
    told = [
        many(asked, "check"),
        f"{many(len(action.checks), 'check')} of your own" if action.checks else "",
        f"what is expected of {many(len(action.tables), 'table')}" if action.tables else "",
        f"compared with {against}" if against else "",
    ]
    return f"Validate {action.clone}: {', '.join(filter(None, told))}"
