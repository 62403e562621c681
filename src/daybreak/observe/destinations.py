"""Look at the places from which applications read the address: what each points at, by which version, and what speaks against it.

The law: a text stays in the function that read it. What comes out says whether it names a host, and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import assert_never

from daybreak.aws.faults import AwsFault
from daybreak.model.destinations import (
    DatabaseAddress,
    DestinationFacts,
    DestinationSeen,
    EndpointDestination,
    EndpointSeen,
    ParameterDestination,
    ProxyDestination,
    RecordDestination,
    RecordSet,
    SecretDestination,
    SideAddresses,
    TrafficDestination,
    Whereto,
)
from daybreak.model.names import comma_list
from daybreak.model.world import Cluster
from daybreak.observe.look import GONE, AwsReads, Lookout
from daybreak.observe.proxies import look_at_proxy
from daybreak.plan.operations import aws_call
from daybreak.plan.pointing import home_of_route53
from daybreak.plan.rewriting import (
    has_port,
    names_host,
    record_points_at,
    secret_has_port,
    secret_points_at,
    secret_problem,
)


def look_at_destinations(
    destinations: Iterable[TrafficDestination],
    door: Callable[[str], AwsReads],
    home: str,
    sides: SideAddresses,
    clusters: Mapping[Whereto, Cluster] = MappingProxyType({}),
    *,
    name: str = "",
) -> tuple[DestinationSeen, ...]:
    """Each destination as it is now; ``door`` opens a region, ``home`` is the target's, ``clusters`` are those of both sides.

    ``name`` is the identifier that applications know, for a destination that is the endpoint itself.

    Raises ``AwsFault`` only where AWS itself is out of reach: what it refuses stands in the destination as the reason.
    """
    found: list[DestinationSeen] = []
    for each in destinations:
        if isinstance(each, EndpointDestination):
            region = home
        else:
            region = home_of_route53(home) if isinstance(each, RecordDestination) else each.region or home
        try:
            if isinstance(each, EndpointDestination):
                found.append(_look_at_name(each, door(region), region, name, clusters))
            else:
                found.append(_look_at(each, door(region), region, sides, clusters))
        except AwsFault as fault:
            if fault.trouble.category in GONE:
                raise
            why = f"cannot be read: {fault.message}"
            found.append(DestinationSeen(destination=each, region=region, unfit=why))
    return tuple(found)


def _look_at_name(
    destination: EndpointDestination, aws: AwsReads, region: str, name: str, clusters: Mapping[Whereto, Cluster]
) -> DestinationSeen:
    """Which side has the name that applications know, by its resource id."""
    found = Lookout(aws).cluster(name)
    holder = found.resource_id if found else None
    sides: list[Whereto] = [side for side, each in clusters.items() if each.resource_id == holder]
    points_at: Whereto = "nowhere" if holder is None else next(iter(sides), "elsewhere")
    facts = EndpointSeen(name=name, holder=holder)
    return DestinationSeen(destination=destination, region=region, points_at=points_at, facts=facts)


def _look_at(
    destination: SecretDestination | ParameterDestination | RecordDestination | ProxyDestination,
    aws: AwsReads,
    region: str,
    sides: SideAddresses,
    clusters: Mapping[Whereto, Cluster],
) -> DestinationSeen:
    match destination:
        case SecretDestination():
            return _look_at_secret(destination, aws, region, sides)
        case ParameterDestination():
            return _look_at_parameter(destination, aws, region, sides)
        case RecordDestination():
            return _look_at_record(destination, aws, region, sides)
        case ProxyDestination():
            return look_at_proxy(destination, aws, region, clusters)
        case _:
            assert_never(destination)


def _look_at_secret(
    destination: SecretDestination, aws: AwsReads, region: str, sides: SideAddresses
) -> DestinationSeen:
    seen = Lookout(aws).secret(destination.name)
    if seen is None:
        return _unknown(destination, region)
    if seen.state is None:
        return _destination_seen(destination, region, seen, unfit="has no current version")
    call = aws_call("secretsmanager", "GetSecretValue", {"SecretId": seen.name, "VersionId": seen.state}, region)
    text = aws.read(call).get("SecretString")
    if text is None:
        return _destination_seen(destination, region, seen, unfit="holds no text, but bytes")
    points_at = _whereto(destination, sides, lambda to: secret_points_at(text, destination.fields, to))
    own = sides.of(points_at).get(destination.endpoint)
    unfit = secret_problem(text, destination.fields)
    if unfit is None and seen.manager is not None:
        unfit = f"is managed by {seen.manager}, which alone changes it"
    elif unfit is None and seen.primary_region not in (None, region):
        unfit = f"is a replica: name the region of its primary, {seen.primary_region}, which hands the change on"
    elif unfit is None and seen.pending is not None:
        unfit = "is being rotated: what the rotation makes would take the place of any other version"
    elif unfit is None and own is not None and _ports_differ(destination, sides):
        unfit = None if secret_has_port(text, destination.fields, own) else _NO_PORT
    rotated = "a function rotates it: what that writes into the next version is its owner's affair"
    notes = (rotated,) if seen.is_rotated else ()
    return _destination_seen(destination, region, seen, points_at=points_at, unfit=unfit, notes=notes)


def _look_at_parameter(
    destination: ParameterDestination, aws: AwsReads, region: str, sides: SideAddresses
) -> DestinationSeen:
    seen = Lookout(aws).parameter(destination.name)
    if seen is None:
        return _unknown(destination, region)
    text = seen.text.get_secret_value() if seen.text is not None else ""
    points_at = _whereto(destination, sides, lambda to: names_host(text, to.host))
    own = sides.of(points_at).get(destination.endpoint)
    is_short = own is not None and _ports_differ(destination, sides) and not has_port(text, own)
    labels = comma_list(list(seen.labels))
    stays = f"whoever reads it by the label {labels} goes on reading version {seen.version}"
    return _destination_seen(
        destination,
        region,
        seen.model_copy(update={"text": None}),
        points_at=points_at,
        unfit=_NO_PORT if is_short else None,
        notes=(stays,) if labels else (),
    )


def _look_at_record(
    destination: RecordDestination, aws: AwsReads, region: str, sides: SideAddresses
) -> DestinationSeen:
    sets = Lookout(aws).records(destination.zone, destination.name, destination.type)
    seen = next((each for each in sets if each.set_identifier == destination.set_identifier), None)
    marks = comma_list([f'"{each.set_identifier}"' for each in sets if each.set_identifier is not None])
    if seen is None and marks:
        why = f"is one of several: name it by set_identifier, one of {marks}"
        return DestinationSeen(destination=destination, region=region, unfit=why)
    if seen is None:
        return _unknown(destination, region)
    points_at = _whereto(destination, sides, lambda to: record_points_at(seen, to))
    unfit = _unfit_record(seen)
    if unfit is None and seen.type != "SRV" and _ports_differ(destination, sides):
        unfit = _NO_PORT
    remembered = f"resolvers remember it for {seen.ttl} seconds"
    notes = (remembered,) if seen.ttl is not None else ()
    return _destination_seen(destination, region, seen, points_at=points_at, unfit=unfit, notes=notes)


_NO_PORT = "holds no port, and the clone's port is another one than the source's"


def _unfit_record(seen: RecordSet) -> str | None:
    if "AliasTarget" in seen.more:
        return "is an alias, which holds no host of its own: point what it stands for, or make it a record with values"
    if "TrafficPolicyInstanceId" in seen.more:
        return "belongs to a traffic policy, which alone changes it"
    return None


def _unknown(destination: TrafficDestination, region: str) -> DestinationSeen:
    where = "" if isinstance(destination, RecordDestination) else f" in {region}"
    return DestinationSeen(destination=destination, region=region, unfit=f"is not known to AWS{where}")


def _destination_seen(
    destination: TrafficDestination,
    region: str,
    facts: DestinationFacts,
    *,
    points_at: Whereto | None = None,
    unfit: str | None = None,
    notes: tuple[str, ...] = (),
) -> DestinationSeen:
    return DestinationSeen(
        destination=destination, region=region, points_at=points_at, facts=facts, unfit=unfit, notes=notes
    )


def _whereto(
    destination: TrafficDestination, sides: SideAddresses, is_at: Callable[[DatabaseAddress], bool]
) -> Whereto:
    """Which side alone a destination points at."""
    ends = {"source": sides.source.get(destination.endpoint), "clone": sides.clone.get(destination.endpoint)}
    at = [side for side, address in ends.items() if address is not None and is_at(address)]
    return "source" if at == ["source"] else "clone" if at == ["clone"] else "elsewhere"


def _ports_differ(destination: TrafficDestination, sides: SideAddresses) -> bool:
    ports = {side[destination.endpoint].port for side in (sides.source, sides.clone) if destination.endpoint in side}
    return len(ports) > 1
