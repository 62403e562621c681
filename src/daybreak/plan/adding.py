"""Add steps to a plan that moves the traffic: each waits for the one before it, and says in which server it works. Pure."""

from __future__ import annotations

from typing import Any

from daybreak.model.actions import Action, SqlOrder
from daybreak.model.destinations import DatabaseAddress
from daybreak.model.guards import Fenced, Unwritten
from daybreak.model.plan import Estimate, StepId
from daybreak.model.targets import Target
from daybreak.model.things import Thing
from daybreak.model.world import Cluster
from daybreak.model.writes import WriteCount
from daybreak.plan.sequence import Sequence


def add_next(sequence: Sequence, slug: str, action: Action, reason: str, estimate: Estimate, **more: Any) -> StepId:
    """Append a step that waits for the one before it, and return its id: here the order is what keeps every write.

    What the run can do without is waited for too, and may come to nothing: whoever leaves it out leaves out nothing else.
    """
    needed, optional = _last_steps(sequence)
    return sequence.add(slug, action, reason, estimate, after=needed, after_settled=optional, **more)


def add_beside(sequence: Sequence, slug: str, action: Action, reason: str, estimate: Estimate) -> StepId:
    """Append a step that the run can do without, beside others of that kind, and return its id; refused, it keeps the run before the next."""
    needed, _ = _last_steps(sequence)
    return sequence.add(slug, action, reason, estimate, after=needed, when_refused="hold")


def _last_steps(sequence: Sequence) -> tuple[tuple[StepId, ...], tuple[StepId, ...]]:
    """The last step that the run needs, and those after it that it can do without."""
    optional: list[StepId] = []
    for step in reversed(sequence.steps):
        if step.when_refused != "hold":
            return (step.id,), tuple(reversed(optional))
        optional.append(step.id)
    return (), tuple(reversed(optional))


def server_order(
    target: Target, cluster: Cluster, *, database: str | None = None, is_by_address: bool = False
) -> dict[str, Any]:
    """The fields of an order to a cluster's server, in the target's first database where it names no other.

    ``is_by_address`` reaches it where it was last seen: AWS says nothing of it, and its region nothing of a login.
    """
    region = region_of(cluster)
    return SqlOrder(
        cluster=cluster.identifier,
        resource_id=cluster.resource_id,
        database=database or first_database(target, cluster),
        login=(target.login if is_by_address else target.login_in(region)) or "",
        at=last_address(cluster) if is_by_address else None,
        region=region if region != target.region else None,
    ).plain()


def past_order(target: Target, side: Cluster, past: Cluster, *, is_by_address: bool = False) -> dict[str, Any]:
    """The fields of an order to ``side`` that name the other cluster, ``past``, which is only read."""
    found: dict[str, Any] = {"past": past.identifier, "past_id": past.resource_id}
    if is_by_address:
        return found | {"past_login": target.login or "", "past_at": last_address(past).plain()}
    region = region_of(past)
    if region == region_of(side):
        return found
    return found | {"past_region": region, "past_login": target.login_in(region) or ""}


def first_database(target: Target, cluster: Cluster) -> str:
    """The database through which a cluster's server is asked."""
    return target.database or cluster.database or "postgres"


def last_address(cluster: Cluster) -> DatabaseAddress:
    """Where a cluster's writer was last seen."""
    return DatabaseAddress(host=cluster.endpoint or "", port=cluster.port)


def fence_of(target: Target, cluster: Cluster, *, is_by_address: bool = False) -> Fenced:
    """The guard that nobody can write at a cluster; ``is_by_address`` as in ``server_order``."""
    order = server_order(target, cluster, is_by_address=is_by_address)
    return Fenced(thing=thing_of(cluster), database=order["database"], login=order["login"], at=order.get("at"))


def guard_of_writes(target: Target, cluster: Cluster, since: WriteCount | None = None) -> Unwritten:
    """The guard that nobody has written at a cluster since a count; without one, since the run counted last."""
    database, login = first_database(target, cluster), target.login_in(region_of(cluster)) or ""
    return Unwritten(thing=thing_of(cluster), database=database, login=login, since=since)


def region_of(cluster: Cluster) -> str:
    """The region of a cluster, as its ARN names it."""
    return cluster.arn.split(":")[3]


def thing_of(cluster: Cluster) -> Thing:
    """The cluster, as guards name it."""
    return Thing(kind="cluster", name=cluster.identifier, region=region_of(cluster))
