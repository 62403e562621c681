"""Take over the source's name: the source gets another one, then the clone gets the source's, and applications keep their endpoint. Pure.

The law: after a renaming a name says nothing of which cluster is meant, so each step names the resource id beside the name that the
cluster has by then, and its guards ask it. AWS drops the old names at once and has the new ones minutes later (FACTS 4.12), so the
endpoint is read again after each renaming and never built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from daybreak.model.actions import Action, AwaitName, AwaitSql, RenameCluster, SqlOrder
from daybreak.model.actions.waits import NAME_PATIENCE
from daybreak.model.cutover import CutoverSeen
from daybreak.model.destinations import EndpointDestination, NameSwap
from daybreak.model.guards import Guard, Unwritten
from daybreak.model.names import away_name, comma_list, printable
from daybreak.model.plan import Plan
from daybreak.model.requests import CutoverRequest, RollbackRequest
from daybreak.model.targets import Target
from daybreak.model.world import Cluster
from daybreak.plan import estimates
from daybreak.plan.adding import add_next, fence_of, region_of, thing_of
from daybreak.plan.sequence import Sequence


def takes_name(target: Target) -> bool:
    """Whether the clone is to take the source's name."""
    return any(isinstance(each, EndpointDestination) for each in target.destinations)


def swap_of(source: Cluster, clone: Cluster, at: datetime, suffix: str) -> NameSwap:
    """How these two exchange their names in a cutover that is planned at that time."""
    return NameSwap(
        name=source.identifier,
        away=away_name(source.identifier, at, suffix),
        own=clone.identifier,
        source_id=source.resource_id,
        clone_id=clone.resource_id,
    )


def swap_in(plan: Plan) -> NameSwap | None:
    """How source and clone exchange their names in a cutover or its rollback; ``None`` where they keep them."""
    if isinstance(plan.request, RollbackRequest):
        return plan.request.swap
    renames = [step.action for step in plan.steps if isinstance(step.action, RenameCluster)]
    away = next((each for each in renames if not each.is_own), None)
    taken = next((each for each in renames if each.is_own), None)
    if away is None or taken is None:
        return None
    return NameSwap(
        name=away.cluster,
        away=away.name,
        own=taken.cluster,
        source_id=away.resource_id,
        clone_id=taken.resource_id,
    )


def under_name(cluster: Cluster, name: str) -> Cluster:
    """The cluster under another name, which its ARN ends in: what AWS makes of its endpoints is not known before it is read."""
    return cluster.model_copy(update={"identifier": name, "arn": f"{cluster.arn.rpartition(':')[0]}:{name}"})


def take_over(
    sequence: Sequence,
    target: Target,
    both: tuple[Cluster, Cluster],
    swap: NameSwap,
    *,
    guards: tuple[Guard, ...],
    unwritten: Unwritten,
) -> tuple[Cluster, Cluster]:
    """Let the clone take the source's name; source and clone, as they are named then. ``guards`` are the fence and whose the clone is."""
    source, clone = both
    why = "its name must be free before the clone can have it; nobody can write there, and its old endpoint is gone at once"
    away = _rename(sequence, source, swap.away, why, guards=(*guards, unwritten))
    why = "applications know this name, and its endpoint leads them to the clone"
    # The fence is asked at the source's own instance, whose name stays: so it is known also while the cluster's name spreads.
    fence = tuple(fence_of(target, away) if guard == fence_of(target, source) else guard for guard in guards)
    taken = _rename(sequence, clone, swap.name, why, is_own=True, host=source.endpoint, guards=(*fence, unwritten))
    await_endpoint(sequence, target, taken)
    return away, taken


def rename_back(
    sequence: Sequence,
    both: tuple[Cluster, Cluster],
    swap: NameSwap,
    *,
    guards: Mapping[str, tuple[Guard, ...]],
) -> tuple[Cluster, Cluster]:
    """Give both their own names again, the clone first: only then the source's is free. Source and clone, as they are named then.

    ``guards`` are asked before each, by the name that the clone has then.
    """
    source, clone = both
    if clone.identifier != swap.own:
        why = "the source's name must be free; who asks for it meanwhile gets no answer"
        clone = _rename(sequence, clone, swap.own, why, is_own=True, guards=guards[clone.identifier])
    return rename_source_back(sequence, source, swap, guards[clone.identifier]), clone


def rename_source_back(sequence: Sequence, source: Cluster, swap: NameSwap, guards: tuple[Guard, ...]) -> Cluster:
    """Give the source its own name again, where it has another; the source, as it is named then."""
    if source.identifier == swap.name:
        return source
    why = "applications know this name, and its endpoint leads them to the source again"
    return _rename(sequence, source, swap.name, why, guards=guards)


def await_endpoint(sequence: Sequence, target: Target, cluster: Cluster) -> None:
    """Wait until a renamed cluster answers at the endpoint that AWS shows for it."""
    order = AwaitSql(
        clone=cluster.identifier,
        database=target.database,
        login=target.login,
        resource_id=cluster.resource_id,
        patience=NAME_PATIENCE,
    )
    why = "AWS says that it is renamed before its new names lead there"
    add_next(sequence, "await-endpoint", order, why, estimates.NAME_SPREADS)


def _rename(
    sequence: Sequence,
    cluster: Cluster,
    name: str,
    why: str,
    *,
    guards: tuple[Guard, ...],
    is_own: bool = False,
    host: str | None = None,
) -> Cluster:
    which = "clone" if is_own else "source"
    order = RenameCluster(cluster=cluster.identifier, resource_id=cluster.resource_id, name=name, is_own=is_own)
    # Whose it is the renaming's own guard asks, under both names.
    others = tuple(guard for guard in guards if getattr(guard, "kind", "") != "ours")
    add_next(sequence, f"rename-{which}", order, why, estimates.CALL, guards=others)
    wait = AwaitName(name=name, before=cluster.identifier, resource_id=cluster.resource_id, host=host)
    why = "AWS takes minutes for a name, and only what it shows then is known of the endpoint"
    add_next(sequence, f"await-name-of-{which}", wait, why, estimates.RENAMING)
    return under_name(cluster, name)


def with_own_name(action: Action, swap: NameSwap | None) -> Action:
    """An order to one of the two servers as it is after a rollback, when both have their own names again."""
    if swap is None or not isinstance(action, SqlOrder):
        return action
    own = {swap.source_id: swap.name, swap.clone_id: swap.own}.get(action.resource_id or "")
    return action.model_copy(update={"cluster": own}) if own and own != action.cluster else action


def objections_to_taking(
    request: CutoverRequest, target: Target, source: Cluster | None, both: CutoverSeen
) -> Iterator[str]:
    """Why the clone cannot take the source's name as the configuration wants it."""
    if not takes_name(target):
        return
    if request.unfenced or source is None:
        yield (
            f'"{target.cluster}" gives its name away only where AWS shows it and once it is fenced: name the places that hold its address '
            "instead of the endpoint"
        )
    if source is not None and both.clone is not None and region_of(source) != region_of(both.clone):
        yield (
            f"the clone is in {region_of(both.clone)}, and the endpoint's name holds {region_of(source)}: name the places that hold the "
            "address instead of the endpoint"
        )
    others = [each.words() for each in both.destinations if not isinstance(each.destination, EndpointDestination)]
    if others:
        yield (
            f"the clone takes the source's name, so nothing else has to change: take {comma_list(others)} out of "
            f'[[targets.{target.name}.destinations]], or take out the one with kind = "endpoint"'
        )
    for each in target.pools:
        yield f"{each.words()} cannot be held for as long as AWS takes to move a name: take it out of daybreak.toml, or move its address"
    for proxy in both.around_source.proxies if both.around_source else ():
        yield (
            f"the proxy {printable(proxy.proxy)} leads to the source, whatever that is named: name it as a destination instead of "
            "the endpoint, or take the source out of it"
        )
    for side, cluster in (("source", source), ("clone", both.clone)):
        if cluster is not None and cluster.global_cluster:
            yield f"the {side} belongs to the global database {printable(cluster.global_cluster)}, and is not renamed"
        if cluster is not None and not any(each.is_writer for each in cluster.members):
            yield f"the {side} has no writer, so it cannot be asked while its name moves"
    if source is not None and both.clone is not None and source.port != both.clone.port:
        yield f"the source listens at {source.port}, and the clone at {both.clone.port}: a name moves no port"


_STACK = "aws:cloudformation:stack-name"
_TERRAFORM = "terraform"


def notes_on_owner(target: Target, source: Cluster) -> Iterator[str]:
    """That a program keeps the source by its identifier, where its tags say so: then its name should stay."""
    stack = source.tags.get(_STACK)
    terraform = next(
        (f"{key}={value}" for key, value in sorted(source.tags.items()) if _names_terraform(key, value)), None
    )
    by = (
        f"CloudFormation (the stack {printable(stack)})"
        if stack
        else f"Terraform (the tag {printable(terraform)})"
        if terraform
        else ""
    )
    if not by:
        return
    if takes_name(target):
        yield (
            f"the source is kept by {by}: it finds the clone under the cluster's identifier; the instances keep their own, so tell it "
            "of those before it is run again, else it makes and deletes instances"
        )
    else:
        yield (
            f"the source is kept by {by}, which knows it by its identifier and goes on managing the old cluster: with a destination of "
            'kind = "endpoint" alone the clone takes that identifier'
        )


def _names_terraform(key: str, value: str) -> bool:
    """Whether a tag says that Terraform keeps what carries it: there is no tag of Terraform's own, so people's habits are read."""
    return (_TERRAFORM in key.lower() and value.lower() not in ("false", "no", "0")) or _TERRAFORM in value.lower()


def notes_on_names(target: Target, source: Cluster, swap: NameSwap) -> Iterator[str]:
    """What becomes of the names, for a person who says yes to it."""
    yield (
        f"{source.identifier} is renamed to {swap.away} and keeps its data; {swap.own} is renamed to {swap.name}. From then on only the "
        f"resource ids say which is which: the source is {swap.source_id}, the clone {swap.clone_id}"
    )
    yield (
        "AWS drops an old name at once and may take ten minutes until a new one leads anywhere: "
        f"the gap may last {target.cutover.renaming} longer for it (renaming)"
    )
    yield (
        "the reader's endpoint follows the name, and custom endpoints stay with the cluster that has them; instances keep their own "
        "names, so who uses an instance's endpoint goes on naming the source"
    )


def is_at_source(action: Action, swap: NameSwap | None, cluster: str) -> bool:
    """Whether an order goes to the source's server: by its resource id, where names moved."""
    if not isinstance(action, SqlOrder):
        return False
    return action.cluster == cluster if swap is None else action.resource_id == swap.source_id


def guard_at(guard: Unwritten, cluster: Cluster) -> Unwritten:
    """The guard under the name that the cluster has by then."""
    return guard.model_copy(update={"thing": thing_of(cluster)})
