"""One pair of eyes for everybody who waits: all runs of a process share each look at an account and region.

The law: however many runs are followed, a round costs one paged describe of clusters and one of instances, and no round
begins before the interval since the last one is over. Without this a hundred waiting restores would be a hundred pollers,
and AWS throttles the whole account (FACTS 4.10).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from daybreak.model.world import Cluster, Instance
from daybreak.observe.look import Lookout


@dataclass(frozen=True)
class Round:
    """What one look saw of the clusters that somebody watches."""

    number: int
    clusters: dict[str, Cluster] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)


class Poller:
    """Shared rounds of looking. ``monotonic`` and ``sleep`` are the caller's clock, in seconds."""

    def __init__(
        self, lookout: Lookout, interval: float, *, monotonic: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._lookout = lookout
        self._interval = interval
        self._monotonic = monotonic
        self._sleep = sleep
        self._watched: Counter[str] = Counter()
        self._state = threading.Condition()
        self._round = Round(0)
        self._ended = -interval
        self._is_looking = False

    def watch(self, cluster: str) -> None:
        """From now on every round looks at this cluster and its instances."""
        with self._state:
            self._watched[cluster] += 1

    def unwatch(self, cluster: str) -> None:
        """Nobody behind this call waits for the cluster any longer."""
        with self._state:
            self._watched -= Counter({cluster: 1})

    def next_round(self, after: int) -> Round:
        """The first round that began after round ``after`` ended; looks itself when nobody else does.

        Raises what the look raises; the next caller then looks again.
        """
        with self._state:
            while self._is_looking and self._round.number <= after:
                self._state.wait()
            if self._round.number > after:
                return self._round
            self._is_looking = True
            pause = self._ended + self._interval - self._monotonic()
        try:
            if pause > 0:
                self._sleep(pause)
            return self._look()
        finally:
            with self._state:
                self._is_looking = False
                self._state.notify_all()

    def _look(self) -> Round:
        with self._state:
            watched = sorted(self._watched)
            number = self._round.number + 1
        try:
            seen = Round(number, self._lookout.clusters(watched), self._lookout.instances(watched))
        finally:
            self._ended = self._monotonic()
        with self._state:
            self._round = seen
        return seen
