"""From a destination that was seen to the actions that point it elsewhere, or the reason why it cannot be. Pure."""

from __future__ import annotations

from typing import assert_never

from daybreak.errors import Bug
from daybreak.model.actions import Action, AwaitRecord, ChangeRecord, PointParameter, PointSecret
from daybreak.model.destinations import (
    ClusterEnd,
    DatabaseAddress,
    DestinationSeen,
    ParameterSeen,
    RecordSet,
    SecretDestination,
    SecretSeen,
    SideAddresses,
    Whereto,
)
from daybreak.model.world import Cluster
from daybreak.plan.rewriting import record_rewritten

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


def objection_to(seen: DestinationSeen, wanted: Whereto, sides: SideAddresses) -> str | None:
    """Why a destination cannot be pointed elsewhere from where it should be by now; ``None`` where it can be."""
    if seen.unfit is not None:
        return f"{seen.words()} {seen.unfit}"
    end = seen.destination.endpoint
    if seen.points_at != wanted:
        should = sides.of(wanted).get(end)
        host = should.host if should else f"the {end}'s endpoint of the {wanted}"
        is_at = {"elsewhere": "elsewhere", None: "nobody knows where"}.get(seen.points_at, f"at the {seen.points_at}")
        return f"{seen.words()} does not point at {host}, but {is_at}"
    return None


def orders_of(seen: DestinationSeen, old: DatabaseAddress, new: DatabaseAddress) -> tuple[Action, ...]:
    """The actions that point a destination from one address at another, in their order; each follows on the one before.

    Raises ``Bug`` for one that was not read: ``objection_to`` says why.
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
        case None | SecretSeen():
            message = f"{seen.words()} was not read"
            raise Bug(message)
        case _:
            assert_never(seen.facts)


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
