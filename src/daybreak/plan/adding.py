"""Add steps to a plan that moves the traffic: each waits for the one before it, and says in which server it works. Pure."""

from __future__ import annotations

from typing import Any

from daybreak.model.actions import Action, SqlOrder
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


def server_order(target: Target, cluster: Cluster, *, database: str | None = None) -> dict[str, Any]:
    """The fields of an order to a cluster's server, in the target's first database where it names no other."""
    return SqlOrder(
        cluster=cluster.identifier,
        resource_id=cluster.resource_id,
        database=database or first_database(target, cluster),
        login=target.login or "",
    ).plain()


def first_database(target: Target, cluster: Cluster) -> str:
    """The database through which a cluster's server is asked."""
    return target.database or cluster.database or "postgres"


def fence_of(target: Target, cluster: Cluster) -> Fenced:
    """The guard that nobody can write at a cluster."""
    return Fenced(thing=thing_of(cluster), database=first_database(target, cluster), login=target.login or "")


def guard_of_writes(target: Target, cluster: Cluster, since: WriteCount | None = None) -> Unwritten:
    """The guard that nobody has written at a cluster since a count; without one, since the run counted last."""
    database, login = first_database(target, cluster), target.login or ""
    return Unwritten(thing=thing_of(cluster), database=database, login=login, since=since)


def thing_of(cluster: Cluster) -> Thing:
    """The cluster, as guards name it."""
    return Thing(kind="cluster", name=cluster.identifier, region=cluster.arn.split(":")[3])
