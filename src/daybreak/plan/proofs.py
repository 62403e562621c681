"""What must be seen of the application itself once its traffic has moved, and what stands in the way of seeing it. Pure.

The law: what was not well before is named, and must be well after; what no move mends refuses the plan. What is not asked is named.
"""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.model.actions import AwaitClients, BeginProbe, ReadProbe
from daybreak.model.application import ApplicationLogin, ApplicationWay, WaySeen
from daybreak.model.cutover import CutoverSeen
from daybreak.model.destinations import (
    DatabaseAddress,
    DestinationSeen,
    EndpointDestination,
    ProxyDestination,
    ProxySeen,
    RecordDestination,
    SideAddresses,
    Whereto,
    words_of,
)
from daybreak.model.names import comma_list, printable
from daybreak.model.targets import Target
from daybreak.model.world import Cluster
from daybreak.plan import estimates
from daybreak.plan.adding import add_next, first_database, region_of, server_order
from daybreak.plan.pointing import sides_of
from daybreak.plan.sequence import Sequence

PROXY_PORT = 5432
"""Where a proxy for PostgreSQL answers, whatever the port of its cluster is."""


def is_way(seen: DestinationSeen) -> bool:
    """Whether an application finds the writer by that place; who reads by a reader's is not followed."""
    return seen.destination.endpoint == "writer"


def why_no_way(seen: DestinationSeen) -> str:
    """Why nobody can log in through a place."""
    if isinstance(seen.destination, EndpointDestination):
        return "a resolver may remember for minutes where the name led before"
    if isinstance(seen.destination, RecordDestination):
        return f"a resolver leads nobody by a record of type {seen.destination.type}"
    return "AWS shows no endpoint of it"


def way_of(seen: DestinationSeen, sides: SideAddresses, side: Whereto) -> ApplicationWay | None:
    """The way to that side's writer through a place; ``None`` where the place leads no program anywhere by itself."""
    other: Whereto = "clone" if side == "source" else "source"
    here, there = sides.of(side).get("writer"), sides.of(other).get("writer")
    place = seen.destination
    is_name = isinstance(place, EndpointDestination)
    if here is None or is_name or (isinstance(place, RecordDestination) and place.type != "CNAME"):
        return None
    if isinstance(place, ProxyDestination):
        host = seen.facts.endpoint if isinstance(seen.facts, ProxySeen) else None
        if host is None:
            return None
        here = DatabaseAddress(host=host, port=PROXY_PORT)
    return ApplicationWay(destination=place, region=seen.region, here=here, there=there or here)


def objections_to_proofs(both: CutoverSeen) -> Iterator[str]:
    """What of the application would never be seen, however the traffic moves."""
    for page in both.application.pages:
        if page.is_lasting:
            yield f'the page "{printable(page.name)}" would not be well after it either: {page.unwell}'
    seen = both.application.login
    if seen is None:
        return
    if seen.silence:
        yield f"the application's own login cannot be read: {seen.silence}"
    elif both.access is not None and seen.role == both.access.own:
        yield f"the application's login is \"{printable(seen.role)}\", which is Daybreak's own: the fence lets that in. Name another one"
    elif seen.at_clone:
        yield (
            f"the application's own login does not get into the clone: {seen.at_clone}. A password that was changed since the restored "
            "moment is another one there: set it there before"
        )


def notes_on_proofs(target: Target, both: CutoverSeen, clusters: tuple[Cluster, Cluster]) -> Iterator[str]:
    """What is not well before the move, and what is not asked after it; ``clusters`` are source and clone."""
    for page in both.application.pages:
        if page.unwell:
            yield f'the page "{printable(page.name)}" is not well before the move, and must be after it: {page.unwell}'
    for way in both.application.login.ways if both.application.login else ():
        if way.refused:
            yield f"the application's own login does not get in by {words_of(way.destination)} before the move, and must after it: {way.refused}"
    yield from questions_left_out(target, both)
    if target.cutover.probe and (why := _why_unprobed(both, clusters)):
        yield f"the gap is not measured by a probe: {why}"


def _why_unprobed(both: CutoverSeen, clusters: tuple[Cluster, Cluster]) -> str:
    """Why no probe can measure the gap; empty where one can."""
    source, clone = clusters
    if not _ways_to_try(both):
        return "there is no place through which the application's login could write"
    if both.access is None or both.clone_access is None:
        return "only one side answers, so nobody could say at which of them a write is"
    if both.is_by_address:
        return "AWS shows no source, so it could not be known by its server"
    if region_of(source) != region_of(clone):
        return "the two sides stand in two regions, and it writes from one"
    return ""


def questions_left_out(target: Target, both: CutoverSeen) -> tuple[str, ...]:
    """What is not asked of the application after the move, each a sentence."""
    rules = target.cutover
    if not rules.health and both.application.login is None:
        return (
            "the application itself is not asked: neither a page nor a login of its own is configured for the move",
        )
    return tuple(_questions_left_out(target, both))


def _questions_left_out(target: Target, both: CutoverSeen) -> Iterator[str]:
    nobody = "nobody logs in as the application"
    if not target.cutover.health:
        yield "no page of the application is asked whether it is well: none is configured for the move"
    if both.application.login is None:
        yield f"{nobody}: no login of its own is configured for the move"
        return
    for way in both.application.login.ways:
        if way.unasked:
            yield f"{nobody} by {words_of(way.destination)}: {way.unasked}"
    if readers := [each.words() for each in both.destinations if not is_way(each)]:
        yield f"{nobody} by {comma_list(readers)}: it leads to readers"
    if both.pools:
        yield f"{nobody} by {comma_list([each.pool.words() for each in both.pools])}"


def _ways_to_try(both: CutoverSeen) -> tuple[WaySeen, ...]:
    return tuple(way for way in both.application.login.ways if not way.unasked) if both.application.login else ()


def database_of_application(target: Target, cluster: Cluster) -> str:
    """The database in which the application works."""
    wanted = target.application.database if target.application else None
    return wanted or first_database(target, cluster)


def login_through(
    target: Target, both: CutoverSeen, clusters: tuple[Cluster, Cluster], side: Whereto
) -> ApplicationLogin | None:
    """The application's login with each place through which it must get to that side; ``clusters`` are source and clone.

    ``None`` where no place can be asked.
    """
    sides, asked = sides_of(*clusters), [each.destination for each in _ways_to_try(both)]
    found = [way_of(each, sides, side) for each in both.destinations if each.destination in asked]
    ways = tuple(way for way in found if way is not None)
    if not ways or target.cutover.application is None:
        return None
    database = database_of_application(target, clusters[0])
    return ApplicationLogin(login=target.cutover.application, database=database, ways=ways)


def arrival_at(
    target: Target, both: CutoverSeen, clusters: tuple[Cluster, Cluster], side: Whereto
) -> AwaitClients | None:
    """What must be seen at a side; ``clusters`` are source and clone, ``None`` where nothing is looked at.

    At the clone it is clients, as the target wants them. Back at the source the application alone is asked, for as long as the budget.
    """
    rules, login = target.cutover, login_through(target, both, clusters, side)
    is_forth = side == "clone"
    wants = rules.wants if is_forth else "nothing"
    if wants == "nothing" and not rules.health and not rules.application:
        return None
    return AwaitClients.model_validate(
        {
            **server_order(target, clusters[1 if is_forth else 0]),
            "wants_write": wants == "write",
            "share": 0 if wants == "nothing" else rules.share,
            "hold": rules.hold,
            "pages": rules.health,
            "application": login,
            "before": both.application,
            "unasked": questions_left_out(target, both),
            "patience": None if is_forth else rules.budget,
        }
    )


def begin_probe(
    sequence: Sequence, target: Target, both: CutoverSeen, clusters: tuple[Cluster, Cluster], side: Whereto
) -> bool:
    """Add the step that begins the probe, while the other side still serves; whether there is one."""
    login = login_through(target, both, clusters, side)
    if not target.cutover.probe or login is None or _why_unprobed(both, clusters):
        return False
    here, there = clusters if side == "source" else clusters[::-1]
    order = server_order(target, there) | {
        "other": here.identifier,
        "other_id": here.resource_id,
        "application": login.model_copy(update={"ways": login.ways[:1]}),
    }
    why = "how long nobody can write is measured by who tries to"
    add_next(sequence, "begin-probe", BeginProbe.model_validate(order), why, estimates.CALL)
    return True


def read_probe(sequence: Sequence, target: Target, cluster: Cluster) -> None:
    """Add the step that ends the probe."""
    order = ReadProbe.model_validate(server_order(target, cluster))
    add_next(sequence, "read-probe", order, "it has measured the gap once its write is there", estimates.CALL)
