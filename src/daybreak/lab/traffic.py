"""The lab's request log: the last ten thousand calls, for tests and benchmarks that count them.

The law: an entry holds names and times, never a body, so no secret can be in it.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from daybreak.lab.protocol.dialect import Call

KEPT = 10_000


@dataclass(frozen=True)
class Visit:
    """One answered call; status 0 means that the connection was closed instead."""

    number: int
    time: str
    service: str
    operation: str
    region: str
    identifier: str
    status: int
    milliseconds: float
    access_key: str
    request_id: str


class Traffic:
    """A ring of visits; appending is atomic, so it takes no lock."""

    def __init__(self) -> None:
        self._ring: deque[Visit] = deque(maxlen=KEPT)
        self._numbers = itertools.count(1)

    def note(self, call: Call, status: int, seconds: float, request_id: str) -> None:
        """Remember one call."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        what = (call.service, call.operation, call.region, call.identifier)
        visit = Visit(next(self._numbers), now, *what, status, round(seconds * 1000, 2), call.access_key, request_id)
        self._ring.append(visit)

    def visits(self, *, after: int = 0, service: str = "", operation: str = "") -> list[Visit]:
        """The visits after that number, oldest first; with ``service`` or ``operation`` only theirs."""
        return [
            visit
            for visit in list(self._ring)
            if visit.number > after and service in ("", visit.service) and operation in ("", visit.operation)
        ]

    def clear(self) -> None:
        """Forget all calls; the numbers go on."""
        self._ring.clear()
