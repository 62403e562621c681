"""Where the orders to a proxy stand: who is registered in its target group, and whether clients get through. Pure."""

from __future__ import annotations

from datetime import timedelta

from daybreak.assess.guarding import Resource
from daybreak.assess.position import OrderStanding, Position
from daybreak.model.actions import AttachProxy, AwaitProxy, DetachProxy
from daybreak.model.destinations import NO_CLUSTER, ProxySeen, RegisteredTarget
from daybreak.model.moment import span_in_words

_AVAILABLE, _REGISTERING, _UNAVAILABLE = "AVAILABLE", "REGISTERING", "UNAVAILABLE"

_WAYS = {
    "AUTH_FAILURE": (
        "the proxy cannot log in there: compare its secrets with the roles and passwords of the cluster, which are those of its moment",
    ),
    "UNREACHABLE": ("let the security groups of the proxy in at those of the cluster, at the cluster's port",),
    "CONNECTION_FAILED": ("look whether the cluster answers at its own endpoint, and has connections left",),
    "INVALID_REPLICATION_STATE": ("look at the instance's role: it is no writer that the proxy could use",),
    "PENDING_PROXY_CAPACITY": (
        "AWS gives the proxy room: its subnets need free addresses, and it a way to Secrets Manager",
    ),
}
"""What to do about each reason of AWS's."""

_DEFINITE = frozenset({"AUTH_FAILURE", "INVALID_REPLICATION_STATE"})
"""Reasons that waiting does not change; the others AWS also gives in passing, while a target is being registered."""


def standing_at_proxy(action: DetachProxy | AttachProxy, seen: Resource | None) -> OrderStanding:
    """Whether a proxy leads where the action lets it lead."""
    if not isinstance(seen, ProxySeen):
        return OrderStanding(place=Position.HOPELESS, seen=f'the proxy "{action.proxy}" is gone')
    wanted = NO_CLUSTER if isinstance(action, DetachProxy) else action.cluster.lower()
    place = Position.SO if seen.state == wanted else Position.ABSENT
    return OrderStanding(place=place, seen=f"it leads to {seen.state}")


def proxy_ready(action: AwaitProxy, seen: ProxySeen | None, age: timedelta | None) -> OrderStanding:
    """Whether clients of a proxy get through to the writer of its cluster; ``age`` is how long ago it was registered there.

    Once that is longer than the action's patience, or AWS gives a reason that waiting does not change, a person is asked.
    """
    if seen is None:
        return OrderStanding(place=Position.HOPELESS, seen=f'the proxy "{action.proxy}" is gone')
    if seen.state != action.cluster.lower():
        why = f'the proxy leads to {seen.state}, and no longer to "{action.cluster}"'
        return OrderStanding(place=Position.STALLED, seen=why, hints=("somebody registered another target",))
    found = seen.instances_of(action.cluster)
    words = "; ".join(each.words for each in found) or "AWS shows no instance of the cluster"
    writers = [each for each in found if each.role == "READ_WRITE"]
    if any(each.health == _AVAILABLE for each in writers):
        return OrderStanding(place=Position.SO, seen=words, result={"targets": words})
    ill = [each for each in writers or found if each.health == _UNAVAILABLE]
    is_definite = any(each.reason in _DEFINITE for each in ill)
    if is_definite or (age is not None and age > action.patience):
        late = "" if is_definite else f", {span_in_words(action.patience)} after it was registered"
        return OrderStanding(place=Position.HOPELESS, seen=f"{words}{late}", hints=_ways(ill), is_for_person=True)
    return OrderStanding(place=Position.UNDER_WAY, seen=words)


def _ways(ill: list[RegisteredTarget]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(way for each in ill for way in _WAYS.get(each.reason or "", ())))
