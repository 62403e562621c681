"""From a destination that was seen to the actions that point it elsewhere, or the reason why it cannot be. Pure."""

from __future__ import annotations

from typing import assert_never

from daybreak.errors import Bug
from daybreak.model.actions import (
    Action,
    AttachProxy,
    AwaitProxy,
    AwaitRecord,
    ChangeRecord,
    DetachProxy,
    MoveSecretStage,
    PointParameter,
    PointSecret,
    RenameCluster,
)
from daybreak.model.destinations import (
    NO_CLUSTER,
    ClusterEnd,
    DatabaseAddress,
    DestinationSeen,
    EndpointDestination,
    EndpointSeen,
    ParameterSeen,
    ProxyDestination,
    ProxySeen,
    RecordSet,
    SecretDestination,
    SecretSeen,
    SideAddresses,
    Whereto,
)
from daybreak.model.world import Cluster
from daybreak.plan.adding import region_of
from daybreak.plan.rewriting import record_rewritten

POINTS = PointSecret | MoveSecretStage | PointParameter | ChangeRecord | DetachProxy | AttachProxy | RenameCluster
"""What changes where a destination leads."""

_ROUTE53 = {"cn-": "cn-northwest-1", "us-gov-": "us-gov-west-1"}
"""From where Route 53 is steered in the other partitions, by how their regions begin."""


def home_of_route53(region: str) -> str:
    """The region from which Route 53 is steered in a region's partition.

    >>> home_of_route53("eu-west-1"), home_of_route53("cn-north-1")
    ('us-east-1', 'cn-northwest-1')
    """
    return next((home for start, home in _ROUTE53.items() if region.startswith(start)), "us-east-1")


def addresses_of(cluster: Cluster) -> dict[ClusterEnd, DatabaseAddress]:
    """The addresses of a cluster's endpoints, of those that AWS shows."""
    hosts: dict[ClusterEnd, str | None] = {"writer": cluster.endpoint, "reader": cluster.reader_endpoint}
    return {end: DatabaseAddress(host=host, port=cluster.port) for end, host in hosts.items() if host}


def sides_of(source: Cluster, clone: Cluster) -> SideAddresses:
    """The addresses of both sides."""
    return SideAddresses(source=addresses_of(source), clone=addresses_of(clone))


def objection_to(seen: DestinationSeen, wanted: Whereto, sides: SideAddresses, home: str = "") -> str | None:
    """Why a destination cannot be pointed elsewhere from where it should be by now; ``None`` where it can be.

    ``home`` is the source's region, where the clone is in another: a proxy beside the clone leads nowhere before.
    """
    problem = seen.unfit or seen.lost
    if problem is not None:
        return f"{seen.words()} {problem}"
    end, is_abroad = seen.destination.endpoint, home not in ("", seen.region)
    if isinstance(seen.destination, ProxyDestination) and is_abroad and seen.points_at == "nowhere":
        return None
    if seen.points_at != wanted and isinstance(seen.destination, EndpointDestination):
        facts = seen.facts
        name = facts.name if isinstance(facts, EndpointSeen) else "the name"
        holder = facts.holder if isinstance(facts, EndpointSeen) else None
        if holder:
            return f'the name "{name}" belongs to the cluster {holder}, which is neither side: give that another name first'
        return f'the name "{name}" belongs to no cluster: give the {wanted} that name again'
    if seen.points_at != wanted and isinstance(seen.destination, ProxyDestination):
        is_at = {"elsewhere": "elsewhere", "nowhere": "nowhere"}.get(str(seen.points_at), f"to the {seen.points_at}")
        return f"{seen.words()} does not lead to the {wanted}, but {is_at}{_way_back(wanted, f'let it lead to the {wanted}')}"
    if seen.points_at != wanted:
        should = sides.of(wanted).get(end)
        host = should.host if should else f"the {end}'s endpoint of the {wanted}"
        is_at = {"elsewhere": "elsewhere", None: "nobody knows where"}.get(seen.points_at, f"at the {seen.points_at}")
        return f"{seen.words()} does not point at {host}, but {is_at}{_way_back(wanted, f'set it to {host}')}"
    return None


def _way_back(wanted: Whereto, what: str) -> str:
    """What somebody has to do before the traffic goes back from the clone: nobody but them knows what is there now."""
    return f": {what}, then go back again" if wanted == "clone" else ""


def orders_of(
    seen: DestinationSeen,
    old: DatabaseAddress,
    new: DatabaseAddress,
    clusters: tuple[Cluster, Cluster] | None = None,
) -> tuple[Action, ...]:
    """The actions that point a destination from one address at another, in their order; each follows on the one before.

    ``clusters`` are those behind the two addresses, which a proxy goes by. Raises ``Bug`` for a destination that was not read:
    ``objection_to`` says why.
    """
    match seen.facts:
        case SecretSeen(name=name, state=str() as version) if isinstance(seen.destination, SecretDestination):
            fields = seen.destination.fields
            return (PointSecret(secret=name, version=version, fields=fields, old=old, new=new, region=seen.region),)
        case ParameterSeen() as parameter:
            return (_of_parameter(parameter, old, new, seen.region),)
        case RecordSet() as before:
            zone = getattr(seen.destination, "zone", "")
            after = record_rewritten(before, old, new)
            return (
                ChangeRecord(zone=zone, before=before, after=after, region=seen.region),
                AwaitRecord(zone=zone, record=after, region=seen.region),
            )
        case ProxySeen() as proxy if clusters is not None:
            return _of_proxy(proxy, *clusters, seen.region)
        case None | SecretSeen() | ProxySeen() | EndpointSeen():
            message = f"{seen.words()} was not read"
            raise Bug(message)
        case _:
            assert_never(seen.facts)


def _of_proxy(seen: ProxySeen, old: Cluster, new: Cluster, region: str) -> tuple[Action, ...]:
    """AWS takes one cluster at a time: the old one is taken out first, where it is there.

    It leads to no other region: what goes back there leaves it with nothing.
    """
    name, group = seen.name, seen.group
    off = DetachProxy(proxy=name, group=group, cluster=old.identifier, resource_id=old.resource_id, region=region)
    on = AttachProxy(
        proxy=name,
        group=group,
        cluster=new.identifier,
        resource_id=new.resource_id,
        secrets=seen.secrets,
        region=region,
    )
    wait = AwaitProxy(proxy=name, group=group, cluster=new.identifier, region=region)
    ways = (on, wait) if region_of(new) == region else ()
    return ways if seen.state == NO_CLUSTER else (off, *ways)


def _of_parameter(seen: ParameterSeen, old: DatabaseAddress, new: DatabaseAddress, region: str) -> PointParameter:
    return PointParameter(
        parameter=seen.name,
        version=seen.version,
        old=old,
        new=new,
        key=seen.key,
        tier=seen.tier,
        data_type=seen.data_type,
        description=seen.description,
        pattern=seen.pattern,
        region=region,
    )


def verb_of(action: Action) -> str:
    """What an action of a destination does, as the name of its step begins."""
    kinds: dict[type, str] = {AwaitRecord: "await", AwaitProxy: "await", DetachProxy: "detach", AttachProxy: "attach"}
    return kinds.get(type(action), "point")


def reason_to_point(action: Action) -> str:
    """Why a plan takes an action of a destination."""
    match action:
        case AwaitRecord():
            return "a name server may answer with the old address until then"
        case AwaitProxy():
            return "a proxy that was registered lets nobody through until AWS calls its target available"
        case DetachProxy():
            return "a proxy leads to one cluster at a time"
        case AttachProxy():
            return "applications connect through it"
        case _:
            return "applications read the address there"


def leads_there(action: Action) -> bool:
    """Whether an action leads clients elsewhere; a record that is only remembered for another time leads nobody."""
    if isinstance(action, ChangeRecord):
        return action.before.values != action.after.values
    if isinstance(action, RenameCluster):
        return action.is_own
    return isinstance(action, POINTS)
