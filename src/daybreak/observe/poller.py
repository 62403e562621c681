"""One poller for all waits: all runs of a process share each look at an account and region.

The law: a round costs one paged describe of clusters, however many runs wait, one of instances when a run waits for an
instance, and one for each snapshot that is waited for. No round begins before the interval since the last one is over. Otherwise a hundred waiting restores would be a
hundred pollers, and AWS throttles the whole account (FACTS 4.10).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from daybreak.model.world import Cluster, Instance, Snapshot
from daybreak.observe.look import Lookout

CALM_ROUNDS = 20
"""After so many rounds in a row without news the pauses double: hours of restoring stay cheap."""

LONG_CALM_ROUNDS = 200
"""After so many they are three times as long: what took an hour and a half is seen a little later, and a storm leaves room."""


@dataclass(frozen=True)
class Round:
    """What one look saw of the watched clusters."""

    number: int
    clusters: dict[str, Cluster] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    """Those that were asked for and that AWS knows, by identifier."""


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
        self._instances_of: set[str] = set()
        self._snapshots: set[str] = set()
        self._state = threading.Condition()
        self._round = Round(0)
        self._begun = 0
        self._ended = float("-inf")
        self._calm = 0
        self._is_looking = False

    def watch(self, cluster: str) -> None:
        """Make every round from now on look at this cluster."""
        with self._state:
            self._watched[cluster] += 1

    def unwatch(self, cluster: str) -> None:
        """End one watch of the cluster."""
        with self._state:
            self._watched -= Counter({cluster: 1})

    def next_round(self, instances_of: Collection[str] = (), snapshots: Collection[str] = ()) -> Round:
        """Return a round that began after this call, also with those snapshots and the instances of those clusters.

        It looks if no other thread does.

        A round that began earlier would show the world before the caller's last change, or without the caller's cluster.
        Raises what the look raises; the next caller then looks again.
        """
        with self._state:
            wanted = self._begun + 1
            while self._round.number < wanted:
                self._instances_of.update(instances_of)
                self._snapshots.update(snapshots)
                if not self._is_looking:
                    self._is_looking = True
                    break
                self._state.wait()
            else:
                return self._round
        try:
            if (pause := self.pause()) > 0:
                self._sleep(pause)
            return self._look()
        finally:
            with self._state:
                self._is_looking = False
                self._state.notify_all()

    def pause(self) -> float:
        """Seconds until the next round may begin; not more than 0 where it may begin now."""
        with self._state:
            return self._ended + self._interval * _stretch(self._calm) - self._monotonic()

    def _look(self) -> Round:
        with self._state:
            watched, wanted = sorted(self._watched), sorted(self._instances_of)
            self._instances_of.clear()
            snapshots = sorted(self._snapshots)
            self._snapshots.clear()
            self._begun = number = self._begun + 1
        try:
            clusters = self._lookout.clusters(watched)
            found = {name: one for name in snapshots if (one := self._lookout.snapshot(name)) is not None}
            seen = Round(number, clusters, self._lookout.instances(wanted) if wanted else {}, found)
        finally:
            self._ended = self._monotonic()
        with self._state:
            self._calm = self._calm + 1 if _statuses(seen) == _statuses(self._round) else 0
            self._round = seen
        return seen


def _stretch(calm: int) -> int:
    """How many intervals a pause takes after so many rounds without news."""
    return 3 if calm >= LONG_CALM_ROUNDS else 2 if calm >= CALM_ROUNDS else 1


def _statuses(seen: Round) -> dict[str, tuple[object, ...]]:
    clusters = {name: (one.status, one.window is None, one.has_pending_changes) for name, one in seen.clusters.items()}
    instances = {name: (one.status, one.parameter_group_status) for name, one in seen.instances.items()}
    snapshots = {name: (one.status, one.percent) for name, one in seen.snapshots.items()}
    return (
        clusters
        | {f"instance {name}": status for name, status in instances.items()}
        | {f"snapshot {name}": status for name, status in snapshots.items()}
    )
