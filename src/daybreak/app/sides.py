"""Both sides of a cutover or a rollback, looked at side by side: the clusters, their servers, and where applications read the address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from daybreak.app.across import Heard, doors_of, hear, look_for_source, target_of_move
from daybreak.app.app import App
from daybreak.app.finding import find_clone
from daybreak.app.pools import look_at_pools
from daybreak.app.proofs import Onlooker
from daybreak.aws.faults import AwsFault
from daybreak.errors import DaybreakError
from daybreak.execute.database import login_at
from daybreak.model.actions.waits import NAME_PATIENCE
from daybreak.model.cutover import CutoverSeen, JobsSeen, SequenceSeen
from daybreak.model.destinations import EndpointDestination, SideAddresses, TrafficDestination, Whereto
from daybreak.model.fences import AccessSeen
from daybreak.model.keyed import KeyedSeen
from daybreak.model.names import printable
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan
from daybreak.model.requests import MoveRequest, RollbackRequest
from daybreak.model.statuses import RENAMING
from daybreak.model.tags import NONCE_TAG
from daybreak.model.targets import Target
from daybreak.model.world import Cluster, Identity, Surroundings, Unseen
from daybreak.model.writes import WriteCount
from daybreak.observe.destinations import Regions, look_at_destinations
from daybreak.observe.keyed import find_keyed
from daybreak.observe.look import AwsReads, Lookout
from daybreak.observe.surroundings import BY_NAME, surroundings_of
from daybreak.observe.writers import by_writer
from daybreak.plan.adding import last_address, region_of, server_order
from daybreak.plan.advancing import sequence_of_both
from daybreak.plan.pointing import addresses_of
from daybreak.plan.renaming import takes_name
from daybreak.postgres.address import ServerPlace, address_of
from daybreak.postgres.fencing import read_access, read_databases
from daybreak.postgres.jobs import read_jobs
from daybreak.postgres.sequences import see_sequences
from daybreak.postgres.session import Limits, Session
from daybreak.postgres.warming import can_warm
from daybreak.postgres.writes import count_writes

_LOOKING = Limits(statement=timedelta(seconds=10), whole=timedelta(seconds=30))

Answer = TypeVar("Answer")


def observe_sides(app: App, request: MoveRequest, target: Target, identity: Identity) -> Observation:
    """The source, the clone, who can write at each, and every destination. What a server does not say is a silence, by name."""
    door = doors_of(app, target.region)
    lookout, home = Lookout(door(target.region)), request.home or target.region
    source, clone, home_silence = _find_sides(app, lookout, request, target, home)
    known = source or request.source_before
    heard = _hear_source(app, target, source, known)
    silences: list[str] = []
    clone_access = _ask(app, target, clone, silences, read_access)
    both_sides: tuple[tuple[Whereto, Cluster | None], ...] = (("source", known), ("clone", clone))
    clusters = {side: each for side, each in both_sides if each is not None}
    sides = SideAddresses(**{side: addresses_of(each) if each else {} for side, each in both_sides})
    is_cutover = request.kind == "cutover"
    both = CutoverSeen(
        clone=clone,
        clone_now="" if clone else _name_now(lookout, request),
        instances=lookout.inside(clone) if clone else (),
        access=heard.access,
        home_silence=home_silence,
        is_by_address=source is None and heard.access is not None,
        source_silence=heard.silence,
        is_source_awake=heard.is_awake,
        clone_access=clone_access,
        around_source=_around(door(home), source, home_silence) if is_cutover else None,
        around_clone=_around(door(target.region), clone) if is_cutover else None,
        keyed=_look_at_keyed(door(home), request) if is_cutover else None,
        destinations=look_at_destinations(
            _places(request, target), door, Regions(home, target.region), sides, clusters, name=target.cluster
        ),
        pools=look_at_pools(app, target, sides),
        lacks_group=_lacks_group(lookout, request, known),
        silences=tuple(silences),
    )
    at: Whereto = "source" if request.kind == "cutover" else "clone"
    if clone and target.login is not None and not silences:
        if not (isinstance(request, RollbackRequest) and request.unwritten is not None):
            # Nobody waits for a page while production is closed.
            both = Onlooker(app, target, sides, clusters, at).look(both)
        asked = _Asked(known, is_by_address=both.is_by_address) if known and heard.access else None
        both = _with_databases(app, target, asked, both, is_cutover=is_cutover)
    return Observation(seen=app.now(), identity=identity, cluster=source, cutover=both)


def _source(app: App, target: Target, home: str) -> tuple[Cluster | None, str]:
    """The source as AWS shows it, and why its region says nothing, where that is another one than the clone's."""
    if home != target.region:
        return look_for_source(app, target, home)
    lookout = Lookout(app.aws(target.region))
    return app.closely(lambda: lookout.cluster(target.cluster), lambda found: found is not None), ""


def _hear_source(app: App, target: Target, source: Cluster | None, known: Cluster | None) -> Heard:
    """What the source's server says; one that AWS does not show is asked where it was last seen."""
    if known is None or target.login is None:
        return Heard()
    if not known.endpoint:
        return Heard(
            silence=f'"{printable(known.identifier)}" has no endpoint at which it could be asked who can write there'
        )
    return hear(app, target, known, read_access, is_by_address=source is None)


def _lacks_group(lookout: Lookout, request: MoveRequest, source: Cluster | None) -> bool:
    """Whether the clone's region, which is another one, has no parameter group of the source's name."""
    if not request.home or request.kind != "cutover" or source is None:
        return False
    return lookout.parameter_group(source.parameter_group) is None


@dataclass(frozen=True)
class _Asked:
    """A source that answers, and how it is reached."""

    cluster: Cluster
    is_by_address: bool


def _name_now(lookout: Lookout, request: MoveRequest) -> str:
    """The cluster that carries the nonce of the clone's run under another name: one that was renamed is not gone."""
    tagged = (name for name, each in lookout.clusters().items() if each.tags.get(NONCE_TAG) == request.nonce)
    return next(tagged, "")


def _find_sides(
    app: App, lookout: Lookout, request: MoveRequest, target: Target, home: str
) -> tuple[Cluster | None, Cluster | None, str]:
    """Source and clone, and why the source's region says nothing, where that is another one.

    By their names, or where those have moved, by the resource ids, once no name is on its way any more.
    """
    swap = request.swap if isinstance(request, RollbackRequest) else None
    if swap is None:
        name = request.run if request.kind == "cutover" else request.clone
        source, silence = _source(app, target, home)
        return source, app.closely(lambda: lookout.cluster(name), lambda found: found is not None), silence
    until = app.timing.monotonic() + NAME_PATIENCE.total_seconds()
    while True:
        both = app.closely(
            lambda: (lookout.cluster_of_id(swap.source_id), lookout.cluster_of_id(swap.clone_id)),
            all,
        )
        if not any(each and each.status == RENAMING for each in both) or app.timing.monotonic() > until:
            return (*both, "")
        app.timing.sleep(min(app.patience.between_looks, app.settings.poll).total_seconds())


def _places(request: MoveRequest, target: Target) -> tuple[TrafficDestination, ...]:
    """The target's destinations, and the endpoint where a cutover moved the names, whatever the configuration says since."""
    has_moved_names = isinstance(request, RollbackRequest) and request.swap is not None
    if has_moved_names and not takes_name(target):
        return (*target.destinations, EndpointDestination())
    return target.destinations


def _around(aws: AwsReads, cluster: Cluster | None, silence: str = "") -> Surroundings | None:
    """What belongs to a cluster and is kept beside it; what may not be looked at, or is in a region that is silent, is named in it."""
    if cluster is None and silence:
        names = (name for name in Surroundings.model_fields if name != "unseen")
        return Surroundings(unseen=tuple(Unseen(what=name, why=silence) for name in names))
    return surroundings_of(aws, cluster, (), only=BY_NAME) if cluster else None


def _look_at_keyed(aws: AwsReads, request: MoveRequest) -> KeyedSeen:
    """What is keyed to clusters in the source's region; for a clone of another one it is not asked, since it cannot name that."""
    if not request.home:
        return find_keyed(aws)
    names = (name for name in KeyedSeen.model_fields if name != "unseen")
    why = f"they are in {request.home}, and none of them can name a cluster of another region"
    return KeyedSeen(unseen=tuple(Unseen(what=name, why=why) for name in names))


def _ask(
    app: App, target: Target, cluster: Cluster | None, silences: list[str], ask: Callable[[Session], AccessSeen]
) -> AccessSeen | None:
    """What the cluster's server says; ``None`` where it says nothing, and why is among the silences then."""
    if cluster is None or target.login is None:
        return None
    heard = hear(app, target, cluster, ask)
    silences += filter(None, (heard.silence,))
    return heard.access


def words_on_clone(app: App, plan: Plan, since: WriteCount) -> str:
    """What was written in a run's clone since it was counted, in words; empty where it was nothing."""
    target = target_of_move(app, plan)
    try:
        clone = find_clone(Lookout(app.aws(plan.identity.region)), plan, app.state_or_none(plan.run))
        if clone is None or target.login is None:
            return "nobody knows"

        def open_in(name: str | None) -> AbstractContextManager[Session]:
            return _session(app, target, clone, name)

        return count_writes(open_in).words_since(since)
    except (DaybreakError, AwsFault):
        return "nobody knows"


@contextmanager
def _session(
    app: App, target: Target, cluster: Cluster, database: str | None, *, is_by_address: bool = False
) -> Iterator[Session]:
    order = server_order(target, cluster, database=database or target.database, is_by_address=is_by_address)
    server: ServerPlace = last_address(cluster) if is_by_address else cluster
    region = target.region if is_by_address else region_of(cluster)
    if takes_name(target) and not is_by_address:
        # A resolver may remember where the name led before: to the other side, after an earlier cutover or rollback.
        server = by_writer(Lookout(doors_of(app, target.region)(region)), cluster)
    address = address_of(server, database or target.database or cluster.database, target.trust)
    login = login_at(order["login"], doors_of(app, target.region)(region), app.environ, address)
    with app.sessions.open(address, login, _LOOKING) as session:
        yield session


def _with_databases(
    app: App, target: Target, source: _Asked | None, both: CutoverSeen, *, is_cutover: bool
) -> CutoverSeen:
    """Whether the sequences in each database of both sides may be read and set on both: traffic may go back.

    Without a ``source`` that answers they are the clone's. A cutover also sees the clone's jobs, and what it could warm.
    """
    found: list[SequenceSeen] = []
    jobs: list[JobsSeen] = []
    warmable: list[str] = []
    if (clone := both.clone) is None:
        return both
    try:
        with _session(app, target, clone, None) as here:
            names = read_databases(here)
        there = _databases_of(app, target, source) if source else ()
        for database in names:
            with _session(app, target, clone, database) as here:
                jobs += [read_jobs(here)] if is_cutover else []
                warmable += [database] if is_cutover and database in there and can_warm(here) else []
                ours = {each.place: each for each in see_sequences(here)}
            if source is None:
                found += ours.values()
            elif database in there:
                with _session(app, target, source.cluster, database, is_by_address=source.is_by_address) as session:
                    there_too = [each for each in see_sequences(session) if each.place in ours]
                    found += [sequence_of_both(each, ours[each.place]) for each in there_too]
    except DaybreakError as error:
        return both.model_copy(update={"silences": (f"the databases cannot be seen: {error.message}",)})
    seen = {
        "databases": tuple(dict.fromkeys(each.database for each in found)),
        "sequences": tuple(found),
        "warmable": tuple(warmable),
        "jobs": JobsSeen(
            jobs=tuple(job for each in jobs for job in each.jobs),
            hidden_in=next((each.hidden_in for each in jobs if each.hidden_in), ""),
        ),
    }
    return both.model_copy(update=seen)


def _databases_of(app: App, target: Target, source: _Asked) -> tuple[str, ...]:
    with _session(app, target, source.cluster, None, is_by_address=source.is_by_address) as session:
        return read_databases(session)
