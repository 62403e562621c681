"""Take a sample of a cluster, database by database: a witness of when something happened, for a day on which nobody can ask any more.

The law: the source is only read, for milliseconds; what could not be seen is named, and the rest is a sample all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic

from daybreak.errors import DaybreakError
from daybreak.judge.joining import CLOSED
from daybreak.model.names import printable
from daybreak.model.samples import DatabaseSample, Sample, ServerSample
from daybreak.model.targets import Target
from daybreak.model.world import Cluster, Identity
from daybreak.postgres.bounds import OF_A_SAMPLE, ServerBounds
from daybreak.postgres.reach import Reach
from daybreak.postgres.sampling import DatabaseEntrance, read_database, read_names, read_server
from daybreak.postgres.session import Limits


@dataclass(frozen=True)
class SampleSitting:
    """Which target's sample to take, and when by our clock."""

    target: Target
    cluster: Cluster
    identity: Identity
    taken: datetime
    bounds: ServerBounds = field(default_factory=lambda: OF_A_SAMPLE)


def sample(place: Reach, sitting: SampleSitting) -> Sample:
    """Take one sample; ``place`` is the database that is entered first.

    A database that does not answer is named and left out. Raises ``Unproven``, ``Unreachable`` or ``Failed`` when the first
    cannot be asked.
    """
    began = monotonic()
    end = began + sitting.bounds.whole.total_seconds()
    with place.session(_limits(sitting.bounds, end)) as session:
        server = read_server(session)
        entries = read_names(session)
        found = [read_database(session, server)]
    wanted, by_choice, left_out = _choice(entries, place.address.database, sitting.target)
    for name in wanted:
        try:
            found.append(_database(place.within(name), server, _limits(sitting.bounds, end)))
        except DaybreakError as error:
            left_out[printable(name)] = error.message
    return Sample(
        target=sitting.target.name,
        taken=sitting.taken,
        stands_for=server.taken,
        identity=sitting.identity,
        cluster=sitting.cluster.identifier,
        resource_id=sitting.cluster.resource_id,
        server=server,
        databases=tuple(found),
        left_out=left_out,
        by_choice=by_choice,
        took=timedelta(seconds=round(monotonic() - began, 6)),
    )


def _database(place: Reach, server: ServerSample, limits: Limits) -> DatabaseSample:
    with place.session(limits) as session:
        return read_database(session, server)


def _limits(bounds: ServerBounds, end: float) -> Limits:
    """The limits of the next session, which has what is left of the sample's time."""
    limits = bounds.limits(end - monotonic())
    return replace(limits, connect=min(limits.connect, limits.whole))


def _choice(
    entries: tuple[DatabaseEntrance, ...], first: str, target: Target
) -> tuple[list[str], tuple[str, ...], dict[str, str]]:
    """The further databases to enter, those that the configuration leaves out, and those that cannot be entered with the reason."""
    wanted, by_choice, closed = [], [], {}
    for name, is_open in entries:
        if name == first:
            continue
        if (target.only and name not in target.only) or name in target.left_out:
            by_choice.append(name)
        elif not is_open:
            closed[printable(name)] = CLOSED
        else:
            wanted.append(name)
    return wanted, tuple(by_choice), closed
