"""An object of a bucket as a source of bytes: ranges of it, counted and bounded, all of one version."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from daybreak.archive.sniffing import PREFIX
from daybreak.aws.objects import Objects
from daybreak.errors import Refused
from daybreak.model.exports import StoredObject

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

_AT_ONCE = 8
"""Requests on their way at one time: one connection gives a share of the line, and a bucket has many callers."""


def side_by_side(work: Callable[[Asked], Answered], asked: Iterable[Asked]) -> list[Answered]:
    """The work on each, some at once, in their order; what has not begun when somebody interrupts is not begun any more."""
    crowd = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="exports")
    try:
        return list(crowd.map(work, asked))
    finally:
        crowd.shutdown(cancel_futures=True)


class BudgetSpent(Refused):
    """The limit of requests or of bytes is reached; what was not asked for by then is not known."""


@dataclass
class ReadBudget:
    """How much may be asked of a bucket, and how much was; shared by threads."""

    most_requests: int
    most_bytes: int
    requests: int = 0
    bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, length: int) -> None:
        """Count one more request for ``length`` bytes; raises ``BudgetSpent`` where that is too much."""
        with self._lock:
            if self.requests >= self.most_requests or self.bytes + length > self.most_bytes:
                limits = f"{self.most_requests:,} requests and {self.most_bytes >> 20:,} MiB"
                raise BudgetSpent(f"not looked at: one command reads at most {limits}")
            self.requests += 1
            self.bytes += length


class ObjectSource:
    """An object, read by ranges; what it begins with is fetched once and kept."""

    def __init__(self, objects: Objects, stored: StoredObject, name: str, budget: ReadBudget) -> None:
        self._objects = objects
        self._stored = stored
        self._budget = budget
        self._mark: str | None = None
        self._begun = b""
        self.name = name
        """Its URL, for errors."""

    @property
    def size(self) -> int:
        """Its length by the listing; a version of another length is refused."""
        return self._stored.bytes

    def prefix(self) -> bytes:
        """Its first bytes, as many as say what it is."""
        if not self._begun and self.size:
            self._begun = self._fetch(0, PREFIX)
        return self._begun

    def read(self, start: int, length: int) -> bytes:
        """Some of the bytes from ``start`` on; those of the prefix are not fetched again."""
        if start < len(self._begun):
            return self._begun[start : start + length]
        return self._fetch(start, length)

    def _fetch(self, start: int, length: int) -> bytes:
        wanted = min(length, self.size - start)
        if wanted <= 0:
            return b""
        self._budget.take(wanted)
        part = self._objects.part(self._stored.key, start, wanted, mark=self._mark)
        if part is None or part.size != self.size:
            raise Refused(f'"{self.name}" was replaced or removed while it was read', "repeat the command")
        self._mark = part.mark
        return part.content
