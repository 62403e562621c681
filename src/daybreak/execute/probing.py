"""A probe: it writes as the application does, through one of its places, while the traffic moves, and so measures how long nobody could.

The law: it measures by one clock, this machine's monotonic one, so no server's clock matters. It dies with the process that began it,
and then nothing was measured: what a probe did not see itself it does not say.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

from daybreak.errors import DaybreakError
from daybreak.execute.beside import CalledOff
from daybreak.model.arrivals import GapMeasured, ProbeBegun
from daybreak.postgres.leash import Leash
from daybreak.postgres.session import Session
from daybreak.postgres.whereabouts import Whereabouts, write_nothing

EVERY = 0.1
"""Seconds between two writes."""
AGAIN = 0.25
"""Seconds between two logins where the last one came to nothing: each reads the place anew."""
_BEGINNING = 10.0
"""Seconds in which the old side must take a first write."""
_ARRIVING = 30.0
"""Seconds in which the new side must take one once clients work there."""
_SLICE = 0.05

ENDED = "the process in which it wrote has ended"

Enter = Callable[[Leash], AbstractContextManager[tuple[Session, Whereabouts]]]
"""What opens a session of the application's login, and says where it got to."""


@dataclass(frozen=True)
class Try:
    """One try to write: when it was sent and when it was answered, by the monotonic clock."""

    sent: float
    answered: float

    @property
    def took(self) -> float:
        """The round trip, in seconds."""
        return self.answered - self.sent


@dataclass
class ProbeTally:
    """What a probe has seen so far."""

    last_old: Try | None = None
    """The last write that the old side took."""
    first_refused: Try | None = None
    """The first one after it that nobody took."""
    last_refused: Try | None = None
    first_new: Try | None = None
    """The first write that the new side took."""
    writes: int = 0
    trouble: str = ""
    """Why the last try came to nothing."""

    def note_taken(self, tried: Try, *, is_new: bool) -> None:
        """Take a write that a side took; the old one may take one again after a hiccup, and the gap begins later then."""
        self.writes += 1
        if is_new:
            self.first_new = self.first_new or tried
        else:
            self.last_old, self.first_refused, self.last_refused = tried, None, None

    def note_refused(self, tried: Try, why: str) -> None:
        """Take a try that came to nothing."""
        self.first_refused, self.last_refused = self.first_refused or tried, tried
        self.trouble = why

    def measure(self, through: str) -> GapMeasured:
        """The gap between its bounds; why there are none, where a side took no write."""
        old, new = self.last_old, self.first_new
        if old is None or new is None:
            what = "the new side took no write of its" if old else "the old side took no write of its"
            return GapMeasured(through=through, why=f"{what}{f': {self.trouble}' if self.trouble else ''}")
        least = 0.0
        if self.first_refused is not None and self.last_refused is not None:
            least = max(self.last_refused.sent - self.first_refused.answered, 0.0)
        return GapMeasured(
            least=timedelta(seconds=least),
            most=timedelta(seconds=new.answered - old.sent),
            every=timedelta(seconds=EVERY),
            round_trip=timedelta(seconds=max(old.took, new.took)),
            writes=self.writes,
            through=through,
        )


class Probe:
    """One probe that goes on in a thread of its own, until the new side has taken a write or somebody ends it."""

    def __init__(self, enter: Enter, old: str, new: str, through: str) -> None:
        self._enter, self._old, self._new = enter, old, new
        self.through, self.tally = through, ProbeTally()
        self._leash = Leash()
        self._thread = threading.Thread(target=self._go_on, name="daybreak-probe", daemon=True)

    def begin(self, leash: Leash) -> ProbeBegun:
        """Write until the old side has taken a first write; where it takes none, the probe ends and says why."""
        self._thread.start()
        _wait_until(lambda: self.tally.last_old is not None or not self._thread.is_alive(), _BEGINNING, leash)
        if self.tally.last_old is None:
            self.end()
            return ProbeBegun(why=self.tally.trouble or "no write of its was answered in time")
        return ProbeBegun()

    def read(self, leash: Leash) -> GapMeasured:
        """Wait until the new side has taken a write, and say what was measured; it has ended after that."""
        _wait_until(lambda: self.tally.first_new is not None or not self._thread.is_alive(), _ARRIVING, leash)
        self.end()
        return self.tally.measure(self.through)

    def end(self) -> None:
        """End it; twice does no harm."""
        self._leash.call_off()
        self._leash.hang_up()

    def _go_on(self) -> None:
        while not self._is_over:
            sent = time.monotonic()
            try:
                with self._enter(self._leash) as (session, _):
                    while not self._is_over:
                        sent = time.monotonic()
                        self._write(session, sent)
                        self._rest(EVERY, sent)
            except DaybreakError as error:
                self.tally.note_refused(Try(sent, time.monotonic()), error.message)
            self._rest(AGAIN, sent)

    def _write(self, session: Session, sent: float) -> None:
        server = write_nothing(session)
        tried = Try(sent, time.monotonic())
        if server in (self._old, self._new):
            self.tally.note_taken(tried, is_new=server == self._new)
        else:
            self.tally.note_refused(tried, f"{self.through} leads to another server")

    @property
    def _is_over(self) -> bool:
        return self._leash.is_called_off.is_set() or self.tally.first_new is not None

    def _rest(self, seconds: float, since: float) -> None:
        if not self._is_over:
            self._leash.is_called_off.wait(max(0.0, seconds - (time.monotonic() - since)))


class Probes:
    """The probe of one run in this process, if there is one."""

    def __init__(self) -> None:
        self._probe: Probe | None = None

    def begin(self, probe: Probe, leash: Leash) -> ProbeBegun:
        """Begin a probe; one that was there before ends."""
        self.end()
        self._probe = probe
        try:
            begun = probe.begin(leash)
        except BaseException:
            self.end()
            raise
        if begun.why:
            self.end()
        return begun

    def read(self, leash: Leash) -> GapMeasured:
        """What it has measured; it has ended after that."""
        probe, self._probe = self._probe, None
        if probe is None:
            return GapMeasured(why=ENDED)
        try:
            return probe.read(leash)
        finally:
            probe.end()

    def end(self) -> None:
        """End it, whatever it was about to see."""
        probe, self._probe = self._probe, None
        if probe is not None:
            probe.end()


def _wait_until(is_so: Callable[[], bool], seconds: float, leash: Leash) -> None:
    """Wait so long at most; raises ``CalledOff`` where nobody wants it any more."""
    until = time.monotonic() + seconds
    while not is_so() and time.monotonic() < until:
        if leash.is_called_off.wait(_SLICE):
            raise CalledOff
