"""Cutover: what must be seen of both sides before the traffic is moved from the source to a clone."""

from __future__ import annotations

from pydantic import Field

from daybreak.model.application import ApplicationBefore
from daybreak.model.destinations import DestinationSeen
from daybreak.model.fences import AccessSeen
from daybreak.model.findings import Reason, Standing
from daybreak.model.keyed import KeyedSeen
from daybreak.model.pools import PoolSeen
from daybreak.model.value import Instant, Value, stamp
from daybreak.model.world import Cluster, Instance, Surroundings
from daybreak.model.writes import WriteCount


class SequenceSeen(Value):
    """A sequence of both sides, as far as our login may read it and set it on each: traffic that went may go back."""

    database: str
    name: str
    """With its schema."""
    place: tuple[str, str] = ("", "")
    """The same apart: schema and name."""
    may_read: bool
    may_set: bool
    last: int | None = None
    """The last number that was given out, or the one before that with which it goes on."""
    step: int = 1
    """By how much it goes on."""
    most: int | None = None
    """The last number that it can give out."""
    apart: str = ""
    """How it was altered on one side since the moment, so that one cannot be set past the other, and what helps; empty where it can."""


class JobSeen(Value):
    """A job of pg_cron that runs by itself: it writes without a client."""

    database: str
    """The one in which pg_cron keeps its jobs."""
    number: int
    name: str
    owner: str


class JobsSeen(Value):
    """The active jobs of pg_cron in one database."""

    jobs: tuple[JobSeen, ...] = ()
    hidden_in: str = ""
    """The database whose jobs of others our login does not see; empty where it sees all."""


_MOST_NAMED = 10
"""How many reasons a sentence names."""


class VerdictSeen(Value):
    """What was judged of the clone, and when; waivers of today counted in."""

    standing: Standing
    at: Instant
    scope: str = ""
    waived: tuple[str, ...] = ()
    """What a person waived for this cutover, each with the reason."""
    writes: WriteCount | None = None
    """What had been written in the clone when it was asked; ``None`` where that was not counted."""
    reasons: tuple[Reason, ...] = Field(default=(), exclude_if=lambda found: not found)
    """What speaks against the clone; empty where nothing does."""
    left_behind: tuple[str, ...] = ()
    """What the source had written since the moment by then, in sentences."""

    def words(self) -> str:
        """What it came to and when, with what speaks against the clone: the first few, and how many there are besides."""
        first = [f"{each.check}: {each.text}" if each.check else each.text for each in self.reasons[:_MOST_NAMED]]
        more = [f"and {len(self.reasons) - len(first)} more"] if len(self.reasons) > len(first) else []
        why = "".join(f"; {each}" for each in (*first, *more))
        return f"{self.standing.value} by the verdict of {stamp(self.at)}{why}"


class CutoverSeen(Value):
    """Both sides as they are before the cutover; what could not be asked is ``None``, and ``silences`` says why."""

    clone: Cluster | None
    clone_now: str = ""
    """The name under which AWS knows the clone by now, where it is another one; empty where no cluster is the clone."""
    instances: tuple[Instance, ...] = ()
    """The clone's."""
    access: AccessSeen | None = None
    """Who can write at the source."""
    home_silence: str = ""
    """Why the region of the source showed no cluster; empty where it answered, whatever it said."""
    is_by_address: bool = False
    """Whether the source was asked in SQL where it was last seen, because AWS shows it no more."""
    source_silence: str = ""
    """Why the source does not say who can write there; empty where it does, or was not asked."""
    is_source_awake: bool = False
    """Whether a server of the source answers that does not let our login in, so that it may serve others."""
    clone_access: AccessSeen | None = None
    databases: tuple[str, ...] = ()
    """The databases that let somebody in and are on both sides."""
    sequences: tuple[SequenceSeen, ...] = ()
    """Those that both sides have; those of the clone alone where the source cannot be asked."""
    jobs: JobsSeen = JobsSeen()
    """The clone's."""
    warmable: tuple[str, ...] = ()
    """The clone's databases whose extension pg_prewarm can read into memory, and that the source has too."""
    around_source: Surroundings | None = None
    """What belongs to the source and is kept beside it; ``None`` where it was not looked at."""
    around_clone: Surroundings | None = None
    keyed: KeyedSeen | None = None
    """The region's event subscriptions, alarms and integrations, of whatever cluster; ``None`` where they were not looked at."""
    destinations: tuple[DestinationSeen, ...] = ()
    pools: tuple[PoolSeen, ...] = ()
    application: ApplicationBefore = ApplicationBefore()
    lacks_group: bool = False
    """Whether the clone's region, which is another one, has no parameter group of the name that the source's has."""
    silences: tuple[str, ...] = ()
