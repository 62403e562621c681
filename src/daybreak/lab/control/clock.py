"""Two kinds of time: real UTC for every time stamp, simulated seconds for how long the control plane takes.

The law: time stamps are never simulated (nothing can compress PostgreSQL's commit stamps), durations always are. At speed
600 forty minutes pass in four seconds; at speed 0 time stands still until someone advances it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Simulated seconds since the lab first started; any thread may read it and turn it."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed < 0:
            raise ValueError(f"speed must not be negative: {speed}")
        self._lock = threading.Lock()
        self._speed = float(speed)
        self._base = 0.0
        self._since = time.monotonic()
        self._listeners: list[Callable[[], None]] = []

    @property
    def speed(self) -> float:
        """How many simulated seconds pass in one real second; at 0 the clock is frozen."""
        return self._speed

    def now(self) -> datetime:
        """Real UTC, for time stamps."""
        return datetime.now(UTC)

    def simulation_time(self) -> float:
        """The simulated seconds that have passed."""
        with self._lock:
            return self._simulation_time()

    def advance(self, seconds: float) -> None:
        """Let simulated time jump forward; what was due happens at once."""
        if seconds < 0:
            raise ValueError(f"time does not run backward: {seconds}")
        with self._lock:
            self._base += seconds
        self._notify()

    def set_speed(self, speed: float) -> None:
        """Run faster or slower from now on; what has passed stays passed."""
        if speed < 0:
            raise ValueError(f"speed must not be negative: {speed}")
        with self._lock:
            self._base, self._since, self._speed = self._simulation_time(), time.monotonic(), float(speed)
        self._notify()

    def go_on_from(self, simulated: float) -> None:
        """Go on from the simulated time that an earlier process reached; the time in between does not count."""
        with self._lock:
            self._base, self._since = max(simulated, self._simulation_time()), time.monotonic()
        self._notify()

    def real_seconds_until(self, simulated: float) -> float | None:
        """How long to sleep until that simulated second; ``None`` when the clock is frozen before it."""
        with self._lock:
            left = simulated - self._simulation_time()
            if left <= 0:
                return 0.0
            return left / self._speed if self._speed else None

    def on_turn(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each advance and each change of speed, so that no caller has to poll."""
        self._listeners.append(listener)

    def _simulation_time(self) -> float:
        return self._base + (time.monotonic() - self._since) * self._speed

    def _notify(self) -> None:
        for listener in list(self._listeners):
            listener()
