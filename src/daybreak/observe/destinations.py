"""Look at the places from which applications read the address: what each points at, by which version, and what speaks against it.

The law: a text stays in the function that read it. What comes out says whether it names a host, and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import assert_never

from daybreak.aws.destinations import RECOVERABLE, recovery_of_zone
from daybreak.aws.faults import AwsFault
from daybreak.model.destinations import (
    ClusterEnd,
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
    SecretSeen,
    SideAddresses,
    TrafficDestination,
    Whereto,
    full_name,
)
from daybreak.model.names import comma_list, printable
from daybreak.model.replies import Category
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
    secret_rewritten,
    with_new_address,
)


@dataclass(frozen=True)
class Regions:
    """The regions of a move: the source's, in which a place is that names none, and the plan's own, where the clone is."""

    home: str
    own: str


SILENT = frozenset({Category.LOST, Category.UNSENT})
"""What an answer means when a region says nothing; what is said of ourselves, such as that our key has expired, is an answer."""


def look_at_destinations(
    destinations: Iterable[TrafficDestination],
    door: Callable[[str], AwsReads],
    regions: Regions,
    sides: SideAddresses,
    clusters: Mapping[Whereto, Cluster] = MappingProxyType({}),
    *,
    name: str = "",
) -> tuple[DestinationSeen, ...]:
    """Each destination as it is now; ``door`` opens a region, ``clusters`` are those of both sides.

    ``name`` is the identifier that applications know, for a destination that is the endpoint itself.

    Raises ``AwsFault`` only where AWS itself is out of reach: what it refuses stands in the destination as the reason, and so does
    the silence of another region than the plan's own, which is waited for once.
    """
    found: list[DestinationSeen] = []
    silent: dict[tuple[str, str], str] = {}
    destinations = tuple(destinations)
    named = frozenset(_place_of(each) for each in destinations if isinstance(each, RecordDestination))
    for each in destinations:
        is_record = isinstance(each, RecordDestination)
        region = _region_of(each, regions)
        if (known := silent.get((region, each.kind))) is not None:
            found.append(DestinationSeen(destination=each, region=region, lost=known))
            continue
        try:
            if isinstance(each, EndpointDestination):
                found.append(_look_at_name(each, door(region), region, name, clusters))
                continue
            seen = _look_at(each, door(region), region, sides, clusters, named=named)
            found.append(_as_steered(seen, door, regions) if is_record else _as_replicated(seen, door))
        except AwsFault as fault:
            if fault.trouble.category in GONE - (SILENT if region != regions.own else frozenset()):
                raise
            if fault.trouble.category in SILENT:
                silent[region, each.kind] = f"cannot be read, since {region} does not answer: {fault.message}"
                found.append(DestinationSeen(destination=each, region=region, lost=silent[region, each.kind]))
            else:
                why = f"cannot be read: {fault.message}"
                found.append(DestinationSeen(destination=each, region=region, unfit=why))
    return tuple(found)


def _region_of(destination: TrafficDestination, regions: Regions) -> str:
    """The region in which a destination is asked and changed."""
    match destination:
        case RecordDestination():
            return home_of_route53(regions.own)
        case EndpointDestination():
            return regions.home
        case _:
            return destination.region or regions.home


def _silence_of(door: Callable[[str], AwsReads], region: str) -> str:
    """Why a region says nothing; empty where it answers, whatever it says."""
    try:
        door(region).read(aws_call("sts", "GetCallerIdentity", {}, region))
    except AwsFault as fault:
        if fault.trouble.category not in SILENT:
            return ""
        return fault.message
    return ""


def _as_steered(seen: DestinationSeen, door: Callable[[str], AwsReads], regions: Regions) -> DestinationSeen:
    """A record of which it is known whether it can be changed: Route 53 answers everywhere, and is steered from one region."""
    steering = seen.region
    if steering == regions.own or not isinstance(seen.facts, RecordSet):
        return seen
    silence = _silence_of(door, steering)
    if not silence:
        return seen
    words = f"{steering}, from where Route 53 is steered, does not answer ({silence})"
    zone = getattr(seen.destination, "zone", "")
    try:
        status = recovery_of_zone(door(regions.own).read(aws_call("route53", "GetHostedZone", {"Id": zone}, steering)))
    except AwsFault as fault:
        unknown = f"whether its zone has accelerated recovery is not known: {fault.message}"
        return seen.model_copy(update={"lost": f"cannot be changed: {words}, and {unknown}"})
    if status == RECOVERABLE:
        note = (
            f"{words}; its zone has accelerated recovery, so AWS takes a change about an hour after the region was lost"
        )
        return seen.model_copy(update={"notes": (*seen.notes, note)})
    return seen.model_copy(update={"lost": f"cannot be changed: {words}, and its zone has no accelerated recovery"})


def _as_replicated(seen: DestinationSeen, door: Callable[[str], AwsReads]) -> DestinationSeen:
    """A secret of which it is known whether the region answers that alone changes it."""
    primary, which = seen.facts.primary_region if isinstance(seen.facts, SecretSeen) else None, seen.destination
    if (
        not isinstance(which, SecretDestination)
        or seen.unfit is None
        or primary in (None, seen.region)
        or not (silence := _silence_of(door, str(primary)))
    ):
        return seen
    promote = f"aws secretsmanager stop-replication-to-replica --secret-id {which.name} --region {seen.region}"
    words = (
        f"is a replica, and the region of its primary, {primary}, does not answer ({silence}): promote it, {promote}"
    )
    return seen.model_copy(update={"unfit": None, "lost": words})


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
    *,
    named: frozenset[_RecordPlace],
) -> DestinationSeen:
    match destination:
        case SecretDestination():
            return _look_at_secret(destination, aws, region, sides)
        case ParameterDestination():
            return _look_at_parameter(destination, aws, region, sides)
        case RecordDestination():
            return _look_at_record(destination, aws, region, sides, named)
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
    if unfit is None and (to := _other_side(points_at, destination, sides)) and own is not None:
        moved = secret_rewritten(text, destination.fields, own, to)
        unfit = _words_on_length(len(moved.encode()), _MOST_IN_SECRET, "bytes that a secret may have")
    rotated = "a function rotates it: what that writes into the next version is its owner's affair"
    after = text if own is None else secret_rewritten(text, destination.fields, own, _NOWHERE)
    left = _words_on_rest(after, sides.of(points_at))
    notes = (*left, *((rotated,) if seen.is_rotated else ()))
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
    unfit = _NO_PORT if is_short else None
    if unfit is None and (to := _other_side(points_at, destination, sides)) and own is not None:
        most = _MOST_IN_PARAMETER.get(seen.tier or "", max(_MOST_IN_PARAMETER.values()))
        unfit = _words_on_length(len(with_new_address(text, own, to)), most, "characters that its tier takes")
    after = text if own is None else with_new_address(text, own, _NOWHERE)
    labels = comma_list(list(seen.labels))
    stays = f"whoever reads it by the label {labels} goes on reading version {seen.version}"
    return _destination_seen(
        destination,
        region,
        seen.model_copy(update={"text": None}),
        points_at=points_at,
        unfit=unfit,
        notes=(*_words_on_rest(after, sides.of(points_at)), *((stays,) if labels else ())),
    )


def _look_at_record(
    destination: RecordDestination,
    aws: AwsReads,
    region: str,
    sides: SideAddresses,
    named: frozenset[_RecordPlace],
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
    own = sides.of(points_at).get(destination.endpoint)
    left = _words_on_siblings([each for each in sets if _place_of(each, destination.zone) not in named], own)
    notes = (*((remembered,) if seen.ttl is not None else ()), *left)
    return _destination_seen(destination, region, seen, points_at=points_at, unfit=unfit, notes=notes)


_RecordPlace = tuple[str, str, str, str | None]
"""What names a record: its zone, its name, its type, and what sets it apart from others of that name."""


def _place_of(record: RecordDestination | RecordSet, zone: str = "") -> _RecordPlace:
    zone = record.zone if isinstance(record, RecordDestination) else zone
    return zone, full_name(record.name), record.type, record.set_identifier


def _words_on_siblings(others: Iterable[RecordSet], own: DatabaseAddress | None) -> tuple[str, ...]:
    """That other records of the same name lead where this one leads, and that no destination names them."""
    if own is None:
        return ()
    found = [f'"{printable(each.set_identifier or "")}"' for each in others if record_points_at(each, own)]
    if not found:
        return ()
    return (f"{comma_list(found)} of the same name goes on leading to {own.host}, since no destination names it",)


def _words_on_rest(after: str, there: Mapping[ClusterEnd, DatabaseAddress]) -> tuple[str, ...]:
    """That a text names the side also where nothing is changed; ``after`` is the text once it was, and nothing of it is kept."""
    found = sorted({f"the {end}'s endpoint" for end, address in there.items() if names_host(after, address.host)})
    if not found:
        return ()
    return (f"it also holds {comma_list(found)} where nothing is changed: whoever reads the address there is shut out",)


_NOWHERE = DatabaseAddress(host="nowhere.invalid", port=0)
"""In place of the address that is changed, whatever it is changed to."""
_NO_PORT = "holds no port, and the clone's port is another one than the source's"


_MOST_IN_SECRET = 65_536
_MOST_IN_PARAMETER = {"Standard": 4_096, "Advanced": 8_192}
"""How long the value of a tier may be. One that tiers itself grows into the advanced one."""


def _other_side(
    points_at: Whereto, destination: SecretDestination | ParameterDestination, sides: SideAddresses
) -> DatabaseAddress | None:
    """The address that a text would be given; ``None`` where it names neither side."""
    other: Whereto = "clone" if points_at == "source" else "source"
    return sides.of(other).get(destination.endpoint) if points_at in ("source", "clone") else None


def _words_on_length(long: int, most: int, what: str) -> str | None:
    """Why AWS would refuse a text with the other address, which may be the longer one; ``None`` where it takes it."""
    return f"would be too long with the other side's address: {long:,} of the {most:,} {what}" if long > most else None


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
