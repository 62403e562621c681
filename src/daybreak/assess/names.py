"""Where the renaming of a cluster stands: by its resource id, which AWS gives only once, and never by a name. Pure."""

from __future__ import annotations

from daybreak.assess.breach import Breach
from daybreak.assess.position import OrderStanding, Position
from daybreak.model.actions import AwaitName, RenameCluster
from daybreak.model.guards import Renamable
from daybreak.model.statuses import AVAILABLE, RENAMING
from daybreak.model.world import Cluster, NamesSeen
from daybreak.plan.calls import Owner


def breach_of_renaming(guard: Renamable, seen: NamesSeen | None, owner: Owner) -> Breach | None:
    """What breaks the guard: neither name is that cluster's, another cluster has the new one, or it is not the run's."""
    found = [] if seen is None else [each for each in (seen.old, seen.new) if each is not None]
    meant = next((each for each in found if each.resource_id == guard.resource_id), None)
    _, old, new = guard.thing.name.split("/", 2)
    if meant is None:
        others = "; ".join(f'"{each.identifier}" is {each.resource_id}' for each in found)
        why = f'the cluster {guard.resource_id} is named neither "{old}" nor "{new}"' + (
            f": {others}" if others else ""
        )
        return Breach(why=why, hints=("somebody gave it another name, or deleted it: look at the account",))
    if guard.is_own and not owner.owns(meant.tags):
        why = f'the cluster "{meant.identifier}" does not carry the tag {owner.mark()}'
        return Breach(why=why, hints=("it is left untouched: plan again",))
    other = next((each for each in found if each.resource_id != guard.resource_id), None)
    if other is not None and other.identifier.lower() == new:
        why = f'the name "{new}" is not free: another cluster has it ({other.resource_id})'
        return Breach(why=why, hints=("wait until it is free, or plan again",))
    return None


def standing_of_renaming(action: RenameCluster, seen: NamesSeen | None) -> OrderStanding:
    """Whether AWS has taken the order: the cluster has the new name, or is at it. The step that waits sees the rest."""
    if seen is not None and _is(seen.new, action.resource_id):
        return OrderStanding(place=Position.SO, seen=f"{action.resource_id} is {action.name}")
    if seen is None or seen.old is None or not _is(seen.old, action.resource_id):
        why = f'{action.resource_id} is named neither "{action.cluster}" nor "{action.name}"'
        return OrderStanding(place=Position.HOPELESS, seen=why)
    if seen.old.status == RENAMING:
        return OrderStanding(place=Position.SO, seen=f"{action.cluster} is being renamed")
    return OrderStanding(place=Position.ABSENT, seen=f"{action.resource_id} is {action.cluster}, {seen.old.status}")


def name_reached(action: AwaitName, seen: NamesSeen) -> OrderStanding:
    """Whether AWS shows the cluster under its new identifier, at rest, with the endpoint that it has there."""
    now = seen.new
    if now is not None and not _is(now, action.resource_id):
        why = f'the name "{action.name}" is another cluster\'s: {now.resource_id}, and not {action.resource_id}'
        return OrderStanding(place=Position.HOPELESS, seen=why)
    if now is None:
        return _not_named_yet(action, seen.old)
    if now.status != AVAILABLE or now.has_pending_changes or not now.endpoint:
        return OrderStanding(place=Position.UNDER_WAY, seen=f"{action.name} is {now.status}")
    result = {"endpoint": now.endpoint, "resource_id": now.resource_id}
    if action.host is not None and now.endpoint.lower() != action.host.lower():
        why = f"AWS gave {action.name} the endpoint {now.endpoint}, and applications know {action.host}"
        return OrderStanding(place=Position.HOPELESS, seen=why, result=result)
    return OrderStanding(place=Position.SO, seen=f"{action.name} at {now.endpoint}", result=result)


def _not_named_yet(action: AwaitName, old: Cluster | None) -> OrderStanding:
    if old is None or not _is(old, action.resource_id):
        return OrderStanding(place=Position.ABSENT, seen=f"AWS shows {action.resource_id} under neither name")
    if old.status == AVAILABLE and not old.has_pending_changes:
        why = f"{action.before} has its old name, and nothing is renaming it"
        return OrderStanding(place=Position.STALLED, seen=why)
    return OrderStanding(place=Position.UNDER_WAY, seen=f"{action.before} is {old.status}")


def _is(cluster: Cluster | None, resource_id: str) -> bool:
    return cluster is not None and cluster.resource_id == resource_id
