"""Work beside the walk: a validation, a change, a load or a program in a thread of its own, whose news come to the interpreter through a queue.

The law: the interpreter's thread alone writes the journal, looks and sends; the work only hands over what it finds. Work that is
called off hands over nothing more, and asks no server anything more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Protocol

from daybreak.errors import DaybreakError
from daybreak.model.archives import ArchiveRemoved, ArchiveStored, DumpCleared, Dumped, ManifestStored, UploadEnded
from daybreak.model.arrivals import (
    Arrived,
    GapMeasured,
    ProbeBegun,
    Warmed,
)
from daybreak.model.attempts import ProcessMark
from daybreak.model.cutover import VerdictSeen
from daybreak.model.fences import Emptied
from daybreak.model.findings import Finding, Measured
from daybreak.model.receiver import (
    DatabaseNamed,
    ExportFetched,
    ScratchCleared,
    ScratchJudged,
    ScratchLoaded,
    TablesCarried,
)
from daybreak.model.value import Value
from daybreak.model.writes import WriteCount
from daybreak.postgres.leash import Leash


@dataclass(frozen=True)
class Staged:
    """Something that is about to be committed, begun or sent. The work waits until its hand lets it: what has to be is durable then."""

    transaction: str | None
    place: int | None = None
    """How far a load is once it is committed, in bytes of its file."""
    rows: int | None = None
    """How many rows it has loaded by then, in all."""
    deleted: Mapping[str, int] = field(default_factory=dict)
    """How many rows it has deleted, of each table that it replaces."""
    process: ProcessMark | None = None
    """The process that is about to become a program."""
    upload: str | None = None
    """What a bucket calls what was begun there, and gets its parts next."""
    stored: ArchiveStored | None = None
    """What those parts are about to become."""
    is_recorded: threading.Event = field(default_factory=threading.Event, compare=False)

    def await_record(self, hand_over: Callable[[News], None], leash: Leash) -> None:
        """Hand it over, and wait until it is in the journal; raises ``CalledOff`` where it shall not be committed."""
        hand_over(self)
        while not self.is_recorded.wait(_SLICE):
            if leash.is_called_off.is_set():
                raise CalledOff


@dataclass(frozen=True)
class Loaded:
    """How far a load is for certain: bytes of its file, and rows in all."""

    place: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Changed:
    """A change is there; whether it was made only now."""

    is_new: bool


class Advanced(Value):
    """Every sequence is past where the other side has come."""

    number: int
    """How many were set only now."""
    following: int = 0
    """The first transaction id that the server had not given out after it."""


@dataclass(frozen=True)
class Ran:
    """What became of a program."""

    code: int | None
    """Its exit code; ``None`` where it has none of its own."""
    said: tuple[str, ...] = ()
    """The last lines of what it wrote, without secrets."""
    why: str = ""
    """Why it was ended before it ended; empty where it was not."""
    not_started: str = ""
    """Why it could not be started; empty where it was."""
    left: tuple[str, ...] = ()
    """What it left running, which was ended after it."""


@dataclass(frozen=True)
class PoolHeld:
    """What came of the order to hold a pool's clients."""

    is_held: bool
    why: str = ""
    """Why they are not held."""


@dataclass(frozen=True)
class PoolGoes:
    """A pool's clients go on."""

    was_held: bool
    """Whether they were held until now; else their time was over before."""


@dataclass(frozen=True)
class Thwarted:
    """The work came to nothing, for a reason that its hand judges."""

    error: DaybreakError


class CalledOff(Exception):
    """Nobody wants what the work would hand over: it ends here."""


News = Finding | Staged | Loaded | str
"""What the work hands over: a finding, what is about to be committed, a part of a load after its commit, or how far it is, in words."""

Recorded = (
    Emptied
    | Advanced
    | WriteCount
    | Arrived
    | Warmed
    | ProbeBegun
    | GapMeasured
    | ExportFetched
    | ScratchLoaded
    | ScratchJudged
    | ScratchCleared
    | TablesCarried
    | DatabaseNamed
    | Dumped
    | ArchiveStored
    | ManifestStored
    | DumpCleared
    | UploadEnded
    | ArchiveRemoved
)
"""What a piece of work comes to: it is recorded whole."""

WorkResult = Measured | VerdictSeen | Loaded | Changed | Recorded | Ran | PoolHeld | PoolGoes | Thwarted
"""What the work comes to."""

Work = Callable[[Callable[[News], None], Leash], WorkResult]
"""Something to do beside: it gets a function that takes news, and the leash of its sessions."""

_SLICE = 0.2
"""Seconds after which a wait for news returns in any case, so that its caller sees a request to stop."""

_ENDING = 5.0
"""Seconds in which work that was called off ends by itself; after that its sessions are hung up."""


class Undertaking(Protocol):
    """One piece of work that is under way."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not; then ``news`` returns all that is left."""

    def wait(self, seconds: float) -> None:
        """Wait for news or for the end, at most so long; may return early."""

    def news(self) -> tuple[News, ...]:
        """What was handed over since the last call."""

    def result(self) -> WorkResult:
        """What it came to, once it is over; raises what the work raised, whatever that was."""

    def call_off(self) -> None:
        """End it, and return when it has ended; nothing of it comes any more."""


class Beside(Protocol):
    """A way to do work beside the walk."""

    def begin(self, work: Work) -> Undertaking:
        """Begin the work; it goes on until it ends or is called off."""


class InThread:
    """Does each piece of work in a thread of its own."""

    def begin(self, work: Work) -> Undertaking:
        """Begin the work in a new thread."""
        return _Thread(work)


class _Thread:
    def __init__(self, work: Work) -> None:
        self._leash = Leash()
        self._news: SimpleQueue[News | None] = SimpleQueue()
        self._heard: list[News] = []
        self._ending: WorkResult | BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), name="daybreak-beside", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return self._ending is not None

    def wait(self, seconds: float) -> None:
        if self._heard or self.is_over:
            return
        try:
            news = self._news.get(timeout=max(min(seconds, _SLICE), 0.0))
        except Empty:
            return
        self._heard += [news] if news is not None else []

    def news(self) -> tuple[News, ...]:
        found, self._heard = self._heard, []
        while not self._news.empty():
            news = self._news.get()
            found += [news] if news is not None else []
        return tuple(found)

    def result(self) -> WorkResult:
        self._thread.join()
        if isinstance(self._ending, BaseException):
            raise self._ending
        if self._ending is None:
            raise CalledOff
        return self._ending

    def call_off(self) -> None:
        left = _ENDING
        while self._thread.is_alive() and left > 0:
            # Again and again: a statement that is just being sent would miss a single call.
            self._leash.call_off()
            self._thread.join(_SLICE)
            left -= _SLICE
        self._leash.hang_up()

    def _hand_over(self, news: News) -> None:
        if self._leash.is_called_off.is_set():
            raise CalledOff
        self._news.put(news)

    def _run(self, work: Work) -> None:
        try:
            self._ending = work(self._hand_over, self._leash)
        except BaseException as trouble:  # noqa: BLE001 - carried to the interpreter's thread, which raises it
            self._ending = trouble
        self._news.put(None)  # wakes whoever waits
