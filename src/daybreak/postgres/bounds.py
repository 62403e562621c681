"""What we may ask a server to bear while it serves its own people: the one place that has these numbers.

The law: pure. ``ServerBounds`` says what all our sessions at one server may take together; a ``Meter`` shares it out among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from daybreak.postgres.session import Limits


@dataclass(frozen=True)
class ServerBounds:
    """What all our sessions at one server may take together; the defaults are for a source, which serves its own people."""

    whole: timedelta = timedelta(minutes=10)
    """How long we may read, in all."""
    connections: int = 3
    """Sessions at any moment."""
    lock_share: float = 0.1
    """The part of the server's lock table that our locks may fill at any moment, those on catalogs included."""
    snapshot: timedelta = timedelta(minutes=10)
    """How old a snapshot may become: an old one keeps the server from cleaning up what its people delete."""
    hold: timedelta = timedelta(seconds=2)
    """How long a lock on a user's table is kept: a migration that waits for it holds up everybody behind it."""
    gives_way: bool = True
    """Whether a statement is ended as soon as somebody waits for a lock that it keeps."""
    large_objects: int = 4 * 2**30
    """How many bytes of large objects are read, in all; they lie in one catalog, of which no statistics say how much is whose."""
    lock: timedelta = timedelta(seconds=2)
    """How long we wait for a lock."""
    connect: timedelta = timedelta(seconds=10)
    """How long we wait for a connection."""
    look: timedelta = timedelta(milliseconds=500)
    """How often a session that reads looks at how the server is."""
    rest: timedelta = timedelta(seconds=1)
    """How long we read nothing when the server suffers, before we look again."""
    patience: timedelta = timedelta(minutes=2)
    """How long we wait for a server that suffers, before we give up."""
    crowd: float = 0.9
    """The part of the server's connections in use from which on it suffers."""
    bustle: float = 0.5
    """The part of the server's connections at work from which on it suffers."""
    queue: int = 10
    """The number of sessions that wait for a lock from which on the server suffers."""

    @property
    def hands(self) -> int:
        """Sessions that read, beside the one that leads them."""
        return max(self.connections - 1, 1)

    def limits(self, left: float | None = None) -> Limits:
        """The limits of a session, which may have so many seconds left."""
        whole = self.whole if left is None else timedelta(seconds=max(left, 0.1))
        return Limits(connect=min(whole, self.connect), statement=whole, lock=min(self.lock, whole), whole=whole)


OF_A_CLONE = ServerBounds(whole=timedelta(minutes=30), connections=6, lock=timedelta(seconds=5), gives_way=False)
"""A clone has no people of its own yet, but it has its source's lock table."""

OF_NAMES = ServerBounds(
    whole=timedelta(seconds=10),
    connections=1,
    lock=timedelta(milliseconds=500),
    connect=timedelta(seconds=3),
)
"""What a source may bear for a question that only helps: whether the configuration names what is there."""


OF_A_SAMPLE = ServerBounds(
    whole=timedelta(seconds=10),
    connections=3,
    lock=timedelta(milliseconds=100),
    connect=timedelta(seconds=3),
)
"""What a source may bear for a sample, which is taken again and again, also while it is in trouble."""

OF_A_DUMP = ServerBounds(whole=timedelta(seconds=60), connections=1)
"""What a source may bear for a schema dump, whose program locks every table until it ends."""


@dataclass(frozen=True)
class Pulse:
    """How a server is, as one of our sessions sees it between two parts of what it reads."""

    locks: int
    """Entries of the lock table that the session itself fills."""
    waiters: int
    """Sessions that wait for a lock on a table that the session holds."""
    queue: int
    """Sessions that wait for any lock."""
    used: int
    """Connections in use."""
    active: int
    """Sessions at work, as far as we may see."""
    most: int
    """The connections that the server has."""


def why_rest(pulse: Pulse, bounds: ServerBounds) -> str:
    """Why nothing is to be read now; empty where the server does not suffer.

    >>> why_rest(Pulse(locks=4, waiters=0, queue=0, used=95, active=3, most=100), ServerBounds())
    '95 of its 100 connections are in use'
    """
    if pulse.used >= pulse.most * bounds.crowd:
        return f"{pulse.used} of its {pulse.most} connections are in use"
    if pulse.active >= pulse.most * bounds.bustle:
        return f"{pulse.active} sessions are at work"
    return f"{pulse.queue} sessions wait for a lock" if pulse.queue >= bounds.queue else ""


def locks_each(table: int, bounds: ServerBounds) -> int:
    """How many locks one session may take at once, where the lock table has room for ``table``; at least one.

    >>> locks_each(6400, ServerBounds()), locks_each(20, ServerBounds())
    (213, 1)
    """
    return max(int(table * bounds.lock_share) // bounds.connections, 1)


EACH_RELATION = timedelta(milliseconds=10)
"""How much longer a list of the catalog may take for each relation in it, on a server that is slow."""


def time_to_list(relations: int, least: timedelta, bounds: ServerBounds) -> timedelta:
    """How long listing a catalog of so many relations may take: it grows with them, up to a snapshot's age.

    >>> time_to_list(20_000, timedelta(seconds=30), ServerBounds()).total_seconds()
    230.0
    """
    return max(least, min(least + relations * EACH_RELATION, bounds.snapshot - least))


def in_shares(costs: list[int], most: int) -> list[slice]:
    """Runs of things whose locks fit together; one that alone takes more is by itself.

    >>> [(each.start, each.stop) for each in in_shares([4, 4, 9, 1], 8)]
    [(0, 2), (2, 3), (3, 4)]
    """
    shares: list[slice] = []
    start = total = 0
    for number, cost in enumerate(costs):
        if total and total + cost > most:
            shares.append(slice(start, number))
            start, total = number, 0
        total += cost
    return [*shares, slice(start, len(costs))] if costs else []
