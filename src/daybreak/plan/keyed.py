"""What is keyed to the source's name, address or resource id, and does not follow the traffic by itself: a cutover names each. Pure.

The law: what could not be looked at is named as that, and what nobody asks here is named too. None of it stops a cutover.
"""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.model.cutover import CutoverSeen
from daybreak.model.names import comma_list, printable
from daybreak.model.world import Cluster, Surroundings

NEVER_ASKED = (
    "not asked here: alarms, dashboards and event subscriptions by the source's name, backup plans, zero-ETL integrations, DMS tasks, "
    "and what holds its address outside the places that are named"
)
_WHAT = {
    "scaling": "autoscaling of replicas",
    "proxies": "proxies",
    "connect_policies": "policies that let IAM log in",
    "endpoints": "custom endpoints",
}


def notes_on_keyed(source: Cluster, seen: CutoverSeen) -> Iterator[str]:
    """Each thing that clients may miss at the clone, with what has to be done about it."""
    clone = seen.clone
    if clone is None:
        return
    around, here = seen.around_source or Surroundings(), seen.around_clone or Surroundings()
    yield from _of_clusters(source, clone)
    yield from _of_surroundings(source, clone, around, here)
    yield from _of_consumers(seen)
    for unseen in around.unseen:
        if unseen.what in _WHAT:
            yield f"not known: {_WHAT[unseen.what]} of {source.identifier}: {unseen.why}"
    yield NEVER_ASKED


def _of_clusters(source: Cluster, clone: Cluster) -> Iterator[str]:
    known = {(role.arn, role.feature) for role in clone.roles}
    for role in source.roles:
        if (role.arn, role.feature) not in known:
            feature = f" for {role.feature}" if role.feature else ""
            yield (
                f"the source has the role {role.arn}{feature}, and the clone has not: what uses it fails there, until "
                f"aws rds add-role-to-db-cluster --db-cluster-identifier {clone.identifier} --role-arn {role.arn}"
                + (f" --feature-name {role.feature}" if role.feature else "")
            )
    if source.has_http_endpoint and not clone.has_http_endpoint:
        yield (
            "the source answers the Data API, and the clone does not: callers name a cluster's ARN, so they need "
            f"aws rds enable-http-endpoint --resource-arn {clone.arn}, and that ARN"
        )
    if source.master_secret:
        yield (
            f"AWS keeps the password of the source's master in {source.master_secret}: whoever reads it there goes on naming the "
            "source, and its rotation changes nothing at the clone"
        )


def _of_surroundings(source: Cluster, clone: Cluster, around: Surroundings, here: Surroundings) -> Iterator[str]:
    if around.scaling is not None and here.scaling is None and here.why_unseen("scaling") is None:
        low, high = around.scaling.low, around.scaling.high
        yield (
            f"Application Auto Scaling keeps {low} to {high} readers of the source, by its name: register "
            f"cluster:{clone.identifier}, with its policies"
        )
    for policy in around.connect_policies:
        names_source = source.resource_id in policy.resource_ids
        if names_source and not {clone.resource_id, "*"} & {*policy.resource_ids}:
            yield (
                f"{policy.holder} may log in by IAM to the source alone ({policy.name}): at the clone it is refused, until the policy "
                f"names {clone.resource_id}"
            )
    for proxy in around.proxies:
        yield f"the proxy {proxy.proxy} leads to the source: who connects through it is shut out, until its target is the clone"
    for endpoint in around.endpoints:
        members = comma_list(list(endpoint.static_members or endpoint.excluded_members))
        with_members = f" (with {members})" if members else ""
        yield (
            f"the source has the custom endpoint {endpoint.identifier}{with_members}: who uses its address is shut out, and the "
            "clone's has another name"
        )


def _of_consumers(seen: CutoverSeen) -> Iterator[str]:
    for slot in seen.access.slots if seen.access else ():
        state = "it is read now" if slot.is_active else "nobody reads it now"
        yield (
            f"the slot {printable(slot.name)} ({slot.plugin}) in {printable(slot.database)} stays at the source, {state}: its consumer "
            "needs a slot at the clone, and a new copy to begin from, since places in the two logs have nothing in common"
        )
