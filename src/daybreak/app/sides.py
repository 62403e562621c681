"""Both sides of a cutover or a rollback, looked at side by side: the clusters, their servers, and where applications read the address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import TypeVar

from daybreak.app.app import App
from daybreak.aws.faults import AwsFault
from daybreak.errors import DaybreakError
from daybreak.execute.database import login_at
from daybreak.model.cutover import CutoverSeen, JobsSeen, SequenceSeen
from daybreak.model.destinations import SideAddresses
from daybreak.model.fences import AccessSeen
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan
from daybreak.model.requests import MoveRequest
from daybreak.model.targets import Target
from daybreak.model.world import Cluster, Identity
from daybreak.model.writes import WriteCount
from daybreak.observe.destinations import look_at_destinations
from daybreak.observe.look import Lookout
from daybreak.plan.pointing import sides_of
from daybreak.postgres.address import address_of
from daybreak.postgres.fencing import read_access, read_databases
from daybreak.postgres.jobs import read_jobs
from daybreak.postgres.sequences import see_sequences
from daybreak.postgres.session import Limits, Session, open_session
from daybreak.postgres.writes import count_writes

_LOOKING = Limits(statement=timedelta(seconds=10), whole=timedelta(seconds=30))

Answer = TypeVar("Answer")


def observe_sides(app: App, request: MoveRequest, target: Target, identity: Identity) -> Observation:
    """The source, the clone, who can write at each, and every destination. What a server does not say is a silence, by name."""
    aws = app.aws(target.region)
    lookout = Lookout(aws)
    source = app.closely(lambda: lookout.cluster(target.cluster), lambda found: found is not None)
    name = request.run if request.kind == "cutover" else request.clone
    clone = app.closely(lambda: lookout.cluster(name), lambda found: found is not None)
    silences: list[str] = []
    access = _ask(app, target, source, silences, read_access)
    clone_access = _ask(app, target, clone, silences, read_access)
    sides = sides_of(source, clone) if source and clone else SideAddresses(source={}, clone={})
    both = CutoverSeen(
        clone=clone,
        instances=lookout.inside(clone) if clone else (),
        access=access,
        clone_access=clone_access,
        destinations=look_at_destinations(target.destinations, app.aws, target.region, sides),
        silences=tuple(silences),
    )
    if request.kind == "cutover" and source and clone and not silences:
        both = _with_sequences(app, target, source, clone, both)
    return Observation(seen=app.now(), identity=identity, cluster=source, cutover=both)


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
        clone = Lookout(app.aws(plan.identity.region)).cluster(plan.clone)
        if clone is None or target.login is None:
            return "nobody knows"

        def open_in(name: str | None) -> AbstractContextManager[Session]:
            return _session(app, target, clone, name)

        return count_writes(open_in).words_since(since)
    except (DaybreakError, AwsFault):
        return "nobody knows"


@contextmanager
def _session(app: App, target: Target, cluster: Cluster, database: str | None) -> Iterator[Session]:
    address = address_of(cluster, database or target.database or cluster.database, target.trust)
    login = login_at(target.login or "", app.aws(target.region), app.environ, address)
    with open_session(address, login, _LOOKING) as session:
        yield session


def _with_sequences(app: App, target: Target, source: Cluster, clone: Cluster, both: CutoverSeen) -> CutoverSeen:
    """The databases on both sides: whether the sequences in each may be read there and set here, and the jobs that run here."""
    try:
        with _session(app, target, source, None) as there, _session(app, target, clone, None) as here:
            left, right = read_databases(there), read_databases(here)
        found: list[SequenceSeen] = []
        jobs: list[JobsSeen] = []
        for database in sorted(set(left) & set(right)):
            with _session(app, target, source, database) as there, _session(app, target, clone, database) as here:
                jobs.append(read_jobs(here))
                may_set = {each.name: each.may_set for each in see_sequences(here)}
                found += [
                    each.model_copy(update={"may_set": may_set[each.name]})
                    for each in see_sequences(there)
                    if each.name in may_set
                ]
    except DaybreakError as error:
        return both.model_copy(update={"silences": (f"the sequences cannot be seen: {error.message}",)})
    names = tuple(dict.fromkeys(each.database for each in found))
    active = tuple(job for each in jobs for job in each.jobs)
    hidden = next((each.hidden_in for each in jobs if each.hidden_in), "")
    seen = {"databases": names, "sequences": tuple(found), "jobs": JobsSeen(jobs=active, hidden_in=hidden)}
    return both.model_copy(update=seen)
