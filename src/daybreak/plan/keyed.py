"""What is keyed to the source's name, address or resource id, and does not follow the traffic by itself. Pure.

The law: each thing is listed with the step that makes it again, or with the calls by which a person does. What could not be asked is
listed as that, and what nobody asks here is named too. None of it stops a cutover: a step that AWS refuses keeps the run before the
gap, and a person leaves it out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from daybreak.model.actions import KeyedOrder, SetDataApi, SetRole, SetSubscription
from daybreak.model.cutover import CutoverSeen
from daybreak.model.keyed import EventSubscription, KeyedSeen
from daybreak.model.names import comma_list, printable
from daybreak.model.plan import AwsCall, Keyed, KeyedKind
from daybreak.model.world import Cluster, ConnectPolicy, Role, Scaling, Surroundings
from daybreak.plan import estimates
from daybreak.plan.adding import add_beside
from daybreak.plan.alarms import alarms_on
from daybreak.plan.operations import aws_call
from daybreak.plan.sequence import Sequence

NEVER_ASKED = (
    "not asked here: dashboards and backup plans by the source's name or ARN, DMS tasks, who calls the Data API by its ARN, and what "
    "holds its address outside the places that are named"
)
_AROUND: Mapping[str, str] = {
    "scaling": "autoscaling of readers",
    "proxies": "proxies",
    "connect_policies": "policies that let IAM log in",
    "endpoints": "custom endpoints",
    "subscriptions": "event subscriptions",
    "alarms": "CloudWatch alarms",
    "integrations": "zero-ETL integrations",
}
"""What may not be answered, in words."""


def counterparts(source: Cluster, clone: Cluster) -> dict[str, str]:
    """What stands at the clone for each name of the source: the cluster, its writer, and its readers in their order.

    Where the clone has fewer readers, its last instance stands for the rest.
    """
    theirs, ours = ([each.identifier for each in _in_order(cluster)] for cluster in (source, clone))
    pairs = {name: ours[min(number, len(ours) - 1)] for number, name in enumerate(theirs) if ours}
    return pairs | {source.identifier: clone.identifier}


def _in_order(cluster: Cluster) -> list[Any]:
    return sorted(cluster.members, key=lambda each: (not each.is_writer, each.tier, each.identifier))


def make_again(
    sequence: Sequence, source: Cluster, seen: CutoverSeen, *, takes_name: bool = False
) -> tuple[Keyed, ...]:
    """Add the steps that make again at the clone what is one call that can be taken back, and list what each is for.

    What the clone has already is no step, nor what reports its name, where it ``takes_name`` of the source: that follows by itself.
    """
    if seen.clone is None:
        return ()
    made: list[Keyed] = []
    numbers: dict[str, int] = {}
    for kind, what, order in _orders(source, seen.clone, seen.keyed or KeyedSeen()):
        if takes_name and isinstance(order, SetSubscription) and order.entry == seen.clone.identifier:
            continue
        slug = order.kind.partition("@")[0]
        numbers[slug] = numbers.get(slug, 0) + 1
        step = add_beside(sequence, f"{slug}-{numbers[slug]}", order, _WHY[kind], estimates.CALL)
        made.append(Keyed(kind=kind, what=what, step=step))
    return tuple(made)


_WHY: Mapping[KeyedKind, str] = {
    "role": "a clone has none of the source's roles, so that nothing in it reaches S3 or Lambda before it is production",
    "data-api": "the Data API is of one cluster, and a restore leaves it off",
    "event-subscription": "a subscription reports the sources that it names, and nobody would hear of the clone's failover",
}


def _orders(source: Cluster, clone: Cluster, keyed: KeyedSeen) -> Iterator[tuple[KeyedKind, str, KeyedOrder]]:
    for role in _roles_lacking(source, clone):
        if not _has_another(role, clone):
            order: KeyedOrder = SetRole(clone=clone.identifier, role=role.arn, feature=role.feature, is_given=True)
            yield "role", f"the source has {_words(role)}, and the clone has not: what uses it is refused there", order
    if source.has_http_endpoint and not clone.has_http_endpoint:
        what = f"the source answers the Data API; who calls it names a cluster's ARN, and needs {clone.arn} from now on"
        yield "data-api", what, SetDataApi(clone=clone.identifier, arn=clone.arn, is_on=True)
    for subscription in keyed.subscriptions:
        for entry in _entries_lacking(subscription, source, clone):
            order = SetSubscription(subscription=subscription.name, clone=clone.identifier, entry=entry, is_in=True)
            what = f'the event subscription "{printable(subscription.name)}" names the source: it reports nothing of {entry}'
            yield "event-subscription", what, order


def _words(role: Role) -> str:
    return f"the role {role.arn}" + (f" for {role.feature}" if role.feature else "")


def _roles_lacking(source: Cluster, clone: Cluster) -> Iterator[Role]:
    known = {(role.arn, role.feature) for role in clone.roles}
    yield from (role for role in source.roles if (role.arn, role.feature) not in known)


def _has_another(role: Role, clone: Cluster) -> bool:
    """Whether another role of the clone serves the feature: a feature has one, and somebody chose that."""
    return role.feature is not None and role.feature in {each.feature for each in clone.roles}


def _entries_lacking(subscription: EventSubscription, source: Cluster, clone: Cluster) -> Iterator[str]:
    """What a subscription should report of the clone, as it reports the source, and does not yet."""
    pairs = counterparts(source, clone)
    if subscription.source_type == "db-instance":
        del pairs[source.identifier]
    elif subscription.source_type == "db-cluster":
        pairs = {source.identifier: clone.identifier}
    else:
        return
    named = {each.lower() for each in subscription.sources}
    wanted = (ours for theirs, ours in pairs.items() if theirs.lower() in named)
    yield from (each for each in dict.fromkeys(wanted) if each.lower() not in named)


def rest_for_people(source: Cluster, seen: CutoverSeen) -> Iterator[Keyed]:
    """What is keyed to the source and is not made again by a step, each with the calls by which a person does."""
    clone = seen.clone
    if clone is None:
        return
    region = clone.arn.split(":")[3]
    yield from _of_clusters(source, clone, region)
    yield from _of_surroundings(source, clone, seen, region)
    keyed = seen.keyed or KeyedSeen()
    yield from alarms_on(source, counterparts(source, clone), keyed.alarms, region)
    yield from _of_integrations(source, clone, keyed, region)
    yield from _of_consumers(seen)
    around, here = seen.around_source or Surroundings(), seen.around_clone or Surroundings()
    for unseen in (*around.unseen, *keyed.unseen):
        if unseen.what in _AROUND:
            what = f"{_AROUND[unseen.what]} that name {source.identifier} could not be asked: {unseen.why}"
            yield Keyed(kind="unknown", what=what)
    if around.scaling is not None and (why := here.why_unseen("scaling")) is not None:
        yield Keyed(
            kind="unknown", what=f"whether autoscaling keeps readers of {clone.identifier} could not be asked: {why}"
        )
    yield Keyed(kind="unknown", what=NEVER_ASKED)


def _of_clusters(source: Cluster, clone: Cluster, region: str) -> Iterator[Keyed]:
    for role in filter(lambda each: _has_another(each, clone), _roles_lacking(source, clone)):
        [other] = {each.arn for each in clone.roles if each.feature == role.feature}
        what = f"the source has {_words(role)}, and the clone has {other} for it: what the other may not do is refused there"
        yield Keyed(kind="role", what=what)
    if source.master_secret:
        what = (
            f"AWS keeps the password of the source's master in {source.master_secret}: whoever reads it there goes on getting the "
            "source's, and its rotation changes nothing at the clone"
        )
        if clone.master_secret:
            yield Keyed(kind="managed-secret", what=f"{what}; the clone's is in {clone.master_secret}")
        else:
            params = {
                "DBClusterIdentifier": clone.identifier,
                "ManageMasterUserPassword": True,
                "ApplyImmediately": True,
            }
            call = aws_call("rds", "ModifyDBCluster", params, region)
            what += "; AWS can keep the clone's too, which gives its master another password at once"
            yield Keyed(kind="managed-secret", what=what, by_hand=(call,))


def _of_surroundings(source: Cluster, clone: Cluster, seen: CutoverSeen, region: str) -> Iterator[Keyed]:
    around, here = seen.around_source or Surroundings(), seen.around_clone or Surroundings()
    is_named_alike = clone.identifier == source.identifier  # then what goes by the name follows
    if around.scaling is not None and is_named_alike:
        low, high = around.scaling.low, around.scaling.high
        what = f"Application Auto Scaling keeps {low} to {high} readers by the source's name: from then on it counts the clone's"
        yield Keyed(kind="autoscaling", what=what, by_hand=())
    elif around.scaling is not None and here.scaling is None and here.why_unseen("scaling") is None:
        low, high = around.scaling.low, around.scaling.high
        what = f"Application Auto Scaling keeps {low} to {high} readers of the source, by its name: it goes on adding them there"
        yield Keyed(kind="autoscaling", what=what, by_hand=_scaling_calls(around.scaling, clone, region))
    for policy in around.connect_policies:
        names_source = source.resource_id in policy.resource_ids
        if names_source and not {clone.resource_id, "*"} & {*policy.resource_ids}:
            what = (
                f"{policy.holder} may log in by IAM to the source alone (in {policy.name}): at the clone it is refused, until the "
                f"policy names {clone.resource_id} beside {source.resource_id}; only its owner knows what else stands in it"
            )
            yield Keyed(kind="connect-policy", what=what, by_hand=(_call_to_read(policy, region),))
    moved = {each.destination.name for each in seen.destinations if each.destination.kind == "proxy"}
    for proxy in around.proxies:
        if proxy.proxy not in moved:
            what = f"the proxy {proxy.proxy} leads to the source, and no destination names it: who connects through it is shut out"
            place = {"DBProxyName": proxy.proxy, "TargetGroupName": proxy.target_group}
            ways = (("DeregisterDBProxyTargets", source), ("RegisterDBProxyTargets", clone))
            calls = (
                aws_call("rds", name, place | {"DBClusterIdentifiers": [cluster.identifier]}, region)
                for name, cluster in ways
            )
            yield Keyed(kind="proxy", what=what, by_hand=tuple(calls))
    for endpoint in around.endpoints:
        members = comma_list(list(endpoint.static_members or endpoint.excluded_members))
        with_members = f" (with {members})" if members else ""
        what = (
            f"the source has the custom endpoint {endpoint.identifier}{with_members}: who uses its address is shut out, and the "
            "clone's has another name"
        )
        params = {"DBClusterIdentifier": clone.identifier}
        yield Keyed(
            kind="endpoint", what=what, by_hand=(aws_call("rds", "DescribeDBClusterEndpoints", params, region),)
        )


def _scaling_calls(scaling: Scaling, clone: Cluster, region: str) -> tuple[AwsCall, ...]:
    """What lets Application Auto Scaling keep the clone's readers by the same numbers and policies."""
    service, place = "application-autoscaling", {"ServiceNamespace": "rds", "ResourceId": f"cluster:{clone.identifier}"}
    limits = {
        "ScalableDimension": "rds:cluster:ReadReplicaCount",
        "MinCapacity": scaling.low,
        "MaxCapacity": scaling.high,
    }
    register = aws_call(service, "RegisterScalableTarget", place | limits, region)
    return register, *(
        aws_call(service, "PutScalingPolicy", place | json.loads(policy), region) for policy in scaling.policies
    )


_FILTERS = {"user": "User", "group": "Group", "role": "Role"}


def _call_to_read(policy: ConnectPolicy, region: str) -> AwsCall:
    """What prints a policy: what else it says, and under which conditions, only its owner can put together again."""
    kind = _FILTERS.get(policy.holder.partition(" ")[0], "LocalManagedPolicy")
    return aws_call("iam", "GetAccountAuthorizationDetails", {"Filter": [kind]}, region)


def _of_integrations(source: Cluster, clone: Cluster, keyed: KeyedSeen, region: str) -> Iterator[Keyed]:
    targets = {each.target for each in keyed.integrations if each.source == clone.arn}
    for each in keyed.integrations:
        if each.source != source.arn or each.target in targets:
            continue
        what = f'the zero-ETL integration "{printable(each.name)}" reads the source alone: {each.target} gets nothing of the clone'
        params = {
            "SourceArn": clone.arn,
            "TargetArn": each.target,
            "IntegrationName": f"{each.name}-{clone.identifier.rpartition('-')[2]}",
            **({"KMSKeyId": each.key} if each.key else {}),
            **({"DataFilter": each.data_filter} if each.data_filter else {}),
        }
        yield Keyed(kind="integration", what=what, by_hand=(aws_call("rds", "CreateIntegration", params, region),))


def _of_consumers(seen: CutoverSeen) -> Iterator[Keyed]:
    for slot in seen.access.slots if seen.access else ():
        state = "it is read now" if slot.is_active else "nobody reads it now"
        what = (
            f"the slot {printable(slot.name)} ({slot.plugin}) in {printable(slot.database)} stays at the source, {state}: its consumer "
            "needs a slot at the clone, and a new copy to begin from, since places in the two logs have nothing in common"
        )
        yield Keyed(kind="slot", what=what)
