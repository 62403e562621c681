"""The real clock: the only place where a run waits, and where a request to stop ends the waiting."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class SystemTiming:
    """Wall clock, monotonic clock, and a sleep that a request to stop cuts short."""

    def __init__(self, stopping: threading.Event | None = None) -> None:
        self._stopping = stopping or threading.Event()
        self.slept = 0.0
        """Seconds spent waiting for the next look, to compute the tool's own share of the time."""

    def now(self) -> datetime:
        """The time of day."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, or return early when a person asked to stop."""
        began = time.monotonic()
        self._stopping.wait(seconds)
        self.slept += time.monotonic() - began

    def jitter(self) -> float:
        """A random number from 0 to 1."""
        return random.random()  # noqa: S311 - jitter, not a secret


def local_zone(environ: Mapping[str, str]) -> str:
    """The IANA name of the person's time zone, ``UTC`` when the machine has none; for echoing, never for guessing."""
    candidates = [environ.get("TZ", "").removeprefix(":")]
    link = Path("/etc/localtime")
    if link.is_symlink():
        candidates.append(str(link.resolve()).rpartition("/zoneinfo/")[2])
    for name in candidates:
        if name and not name.startswith("/"):
            try:
                return ZoneInfo(name).key
            except (ZoneInfoNotFoundError, ValueError):
                continue
    return "UTC"
