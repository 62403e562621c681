"""Samples: take one of a target, or one after the other for some time, keep them, and list what is kept.

The law: the source is only read, for milliseconds. In a loop a sample that fails ends nothing; what failed is reported at once,
and at the end the exit code says that something did.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from daybreak.app.app import App
from daybreak.app.reaching import find_source, reach_source
from daybreak.errors import DaybreakError, Refused
from daybreak.model.samples import KeptSample, Sample
from daybreak.model.targets import Target
from daybreak.model.world import Cluster, Identity
from daybreak.postgres.bounds import OF_A_SAMPLE
from daybreak.postgres.reach import Reach
from daybreak.validate.sampler import SampleSitting, sample

SHORTEST = timedelta(seconds=1)
"""The time between two samples at least: PostgreSQL shows what a session counted once in a second."""


@dataclass(frozen=True)
class SampleWish:
    """What a person asks of the sampler, as they typed it."""

    target: str
    every: timedelta | None = None
    within: timedelta | None = None
    """How long to go on."""


@dataclass(frozen=True)
class SampleTaken:
    """A sample that was taken and kept."""

    kept: KeptSample
    sample: Sample
    notes: tuple[str, ...] = ()
    """What could not be removed that is over the limit."""

    @property
    def is_all(self) -> bool:
        """Whether there is nothing to look after: it saw all that such a server shows, and the limit is kept."""
        return self.sample.is_whole and not self.notes


class _Way:
    """The way to the source: found once, and again after a turn that failed. Its sessions are kept between two turns."""

    def __init__(self, app: App, target: Target) -> None:
        self.app = app
        self.target = target
        self._found: tuple[Identity, Cluster, Reach] | None = None
        self._sessions = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()

    def take(self) -> SampleTaken:
        """One sample, taken and kept."""
        if self._found is None:
            identity, cluster = find_source(self.app, self.target)
            place = reach_source(self.app, self.target, cluster, OF_A_SAMPLE)
            self._sessions.enter_context(place.meter.keep_sessions())
            self._found = (identity, cluster, place)
        identity, cluster, place = self._found
        seen = sample(place, SampleSitting(self.target, cluster, identity, self.app.now()))
        if seen.server.is_reader:
            self.forget()  # it was the writer before a fail-over, and the endpoint's name leads to another by now
        kept, notes = self.app.samples.keep(seen)
        return SampleTaken(kept, seen, notes)

    def forget(self) -> None:
        """Hang up, and find the way anew the next time."""
        self._found = None
        self._sessions.close()


def take_samples(
    app: App,
    wish: SampleWish,
    on_sample: Callable[[SampleTaken], None],
    on_trouble: Callable[[DaybreakError], None] = lambda _error: None,
) -> bool:
    """Take one sample, or one ``every`` so often for some time; return whether each was taken, saw all there is, and is kept.

    Raises ``Refused`` for a wish that cannot be granted, and whatever went wrong with the first sample.
    """
    _hold_to_sense(wish)
    with _Way(app, app.target(wish.target)) as way:
        first = way.take()
        on_sample(first)
        if wish.every is None or wish.within is None:
            return first.is_all
        turns = _Turns(app, wish.every, wish.within)
        is_all = first.is_all
        while turns.wait_for_next():
            try:
                taken = way.take()
            except DaybreakError as error:
                way.forget()
                on_trouble(error)
                is_all = False
            else:
                on_sample(taken)
                is_all = is_all and taken.is_all
    return is_all


def _hold_to_sense(wish: SampleWish) -> None:
    if wish.every is None and wish.within is not None:
        raise Refused(
            "--for says how long to go on, and one sample is over at once", "add --every, such as --every 30s"
        )
    if wish.every is not None and wish.within is None:
        raise Refused("--every needs a bound", "add --for, such as --for 1h, and let a scheduler start the next one")
    if wish.every is not None and wish.every < SHORTEST:
        raise Refused("a server shows what its sessions did once in a second, not more often", "--every 1s, or longer")


class _Turns:
    """The times at which samples are taken: by a clock that never jumps, the overrun ones left out."""

    def __init__(self, app: App, every: timedelta, within: timedelta) -> None:
        self._app = app
        self._every = every.total_seconds()
        self._within = within.total_seconds()
        self._began = app.timing.monotonic()

    def wait_for_next(self) -> bool:
        """Wait until the next time; return whether there is one."""
        spent = self._app.timing.monotonic() - self._began
        due = (int(spent / self._every) + 1) * self._every
        if due > self._within or self._app.stopping.is_set():
            return False
        self._app.timing.sleep(due - spent)
        return not self._app.stopping.is_set()


def samples(app: App, name: str) -> tuple[KeptSample, ...]:
    """The kept samples of a target, oldest first."""
    return app.samples.list_kept(app.target(name).name)


def sample_or_why(app: App, kept: KeptSample) -> Sample | str:
    """A kept sample, whole; where it cannot be read, why."""
    try:
        return app.samples.sample(kept)
    except DaybreakError as error:
        return error.message
