"""Both sides of a cutover or a rollback, looked at side by side: the clusters, their servers, and where applications read the address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import TypeVar

from daybreak.app.app import App
from daybreak.app.finding import find_clone
from daybreak.app.pools import look_at_pools
from daybreak.aws.faults import AwsFault
from daybreak.errors import DaybreakError
from daybreak.execute.database import login_at
from daybreak.model.actions.waits import NAME_PATIENCE
from daybreak.model.cutover import CutoverSeen, JobsSeen, SequenceSeen
from daybreak.model.destinations import EndpointDestination, SideAddresses, TrafficDestination, Whereto
from daybreak.model.fences import AccessSeen
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan
from daybreak.model.requests import CutoverRequest, MoveRequest, RollbackRequest
from daybreak.model.statuses import RENAMING
from daybreak.model.tags import NONCE_TAG
from daybreak.model.targets import Target
from daybreak.model.world import Cluster, Identity, Surroundings
from daybreak.model.writes import WriteCount
from daybreak.observe.destinations import look_at_destinations
from daybreak.observe.keyed import find_keyed
from daybreak.observe.look import AwsReads, Lookout
from daybreak.observe.surroundings import BY_NAME, surroundings_of
from daybreak.observe.writers import by_writer
from daybreak.plan.pointing import addresses_of
from daybreak.plan.renaming import takes_name
from daybreak.postgres.address import address_of
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
    aws = app.aws(target.region)
    lookout = Lookout(aws)
    source, clone = _find_sides(app, lookout, request, target)
    silences: list[str] = []
    unheard: list[str] = []
    access = _ask(app, target, source, unheard, read_access)
    clone_access = _ask(app, target, clone, silences, read_access)
    known = source or (request.source_before if isinstance(request, CutoverRequest) else None)
    both_sides: tuple[tuple[Whereto, Cluster | None], ...] = (("source", known), ("clone", clone))
    clusters = {side: each for side, each in both_sides if each is not None}
    sides = SideAddresses(**{side: addresses_of(each) if each else {} for side, each in both_sides})
    both = CutoverSeen(
        clone=clone,
        clone_now="" if clone else _name_now(lookout, request),
        instances=lookout.inside(clone) if clone else (),
        access=access,
        source_silence=next(iter(unheard), ""),
        clone_access=clone_access,
        around_source=_around(aws, source) if request.kind == "cutover" else None,
        around_clone=_around(aws, clone) if request.kind == "cutover" else None,
        keyed=find_keyed(aws) if request.kind == "cutover" else None,
        destinations=look_at_destinations(
            _places(request, target), app.aws, target.region, sides, clusters, name=target.cluster
        ),
        pools=look_at_pools(app, target, sides),
        silences=tuple(silences),
    )
    if clone and target.login is not None and not silences:
        both = _with_databases(app, target, source if access else None, both, is_cutover=request.kind == "cutover")
    return Observation(seen=app.now(), identity=identity, cluster=source, cutover=both)


def _name_now(lookout: Lookout, request: MoveRequest) -> str:
    """The cluster that carries the nonce of the clone's run under another name: one that was renamed is not gone."""
    tagged = (name for name, each in lookout.clusters().items() if each.tags.get(NONCE_TAG) == request.nonce)
    return next(tagged, "")


def _find_sides(
    app: App, lookout: Lookout, request: MoveRequest, target: Target
) -> tuple[Cluster | None, Cluster | None]:
    """Source and clone: by their names, or where those have moved, by the resource ids, once no name is on its way any more."""
    swap = request.swap if isinstance(request, RollbackRequest) else None
    if swap is None:
        name = request.run if request.kind == "cutover" else request.clone
        source = app.closely(lambda: lookout.cluster(target.cluster), lambda found: found is not None)
        return source, app.closely(lambda: lookout.cluster(name), lambda found: found is not None)
    until = app.timing.monotonic() + NAME_PATIENCE.total_seconds()
    while True:
        both = app.closely(
            lambda: (lookout.cluster_of_id(swap.source_id), lookout.cluster_of_id(swap.clone_id)),
            all,
        )
        if not any(each and each.status == RENAMING for each in both) or app.timing.monotonic() > until:
            return both
        app.timing.sleep(min(app.patience.between_looks, app.settings.poll).total_seconds())


def _places(request: MoveRequest, target: Target) -> tuple[TrafficDestination, ...]:
    """The target's destinations, and the endpoint where a cutover moved the names, whatever the configuration says since."""
    has_moved_names = isinstance(request, RollbackRequest) and request.swap is not None
    if has_moved_names and not takes_name(target):
        return (*target.destinations, EndpointDestination())
    return target.destinations


def _around(aws: AwsReads, cluster: Cluster | None) -> Surroundings | None:
    """What belongs to a cluster and is kept beside it; what may not be looked at is named in it."""
    return surroundings_of(aws, cluster, (), only=BY_NAME) if cluster else None


def _ask(
    app: App, target: Target, cluster: Cluster | None, silences: list[str], ask: Callable[[Session], AccessSeen]
) -> AccessSeen | None:
    """What the cluster's server says; ``None`` where it says nothing, and why is among the silences then."""
    if cluster is None or target.login is None:
        return None
    try:
        with _session(app, target, cluster, None) as session:
            return ask(session)
    except DaybreakError as error:
        silences.append(f'"{cluster.identifier}" does not say who can write there: {error.message}')
        return None


def words_on_clone(app: App, plan: Plan, since: WriteCount) -> str:
    """What was written in a run's clone since it was counted, in words; empty where it was nothing."""
    target = app.target(plan.target.name)
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
def _session(app: App, target: Target, cluster: Cluster, database: str | None) -> Iterator[Session]:
    if takes_name(target):
        # A resolver may remember where the name led before: to the other side, after an earlier cutover or rollback.
        cluster = by_writer(Lookout(app.aws(target.region)), cluster)
    address = address_of(cluster, database or target.database or cluster.database, target.trust)
    login = login_at(target.login or "", app.aws(target.region), app.environ, address)
    with app.sessions.open(address, login, _LOOKING) as session:
        yield session


def _with_databases(
    app: App, target: Target, source: Cluster | None, both: CutoverSeen, *, is_cutover: bool
) -> CutoverSeen:
    """Whether the sequences in each database of both sides may be read and set on both: traffic may go back.

    Without a ``source`` that answers there is no sequence to go past. A cutover also sees the clone's jobs, and what it could warm.
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
                ours = {each.name: each for each in see_sequences(here)}
            if source and database in there:
                with _session(app, target, source, database) as session:
                    found += [_on_both(each, ours[each.name]) for each in see_sequences(session) if each.name in ours]
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


def _databases_of(app: App, target: Target, cluster: Cluster) -> tuple[str, ...]:
    with _session(app, target, cluster, None) as session:
        return read_databases(session)


def _on_both(one: SequenceSeen, other: SequenceSeen) -> SequenceSeen:
    return one.model_copy(
        update={"may_read": one.may_read and other.may_read, "may_set": one.may_set and other.may_set}
    )
