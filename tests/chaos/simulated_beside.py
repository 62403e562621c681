"""Work beside the walk, in virtual time."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from daybreak.execute.beside import CalledOff, News, Staged, Work, WorkResult
from daybreak.postgres.leash import Leash
from tests.chaos.simulated_parts import Clock


class SimulatedErrand:
    """Work beside the walk in virtual time: it is done at once, and its news come when they would have come.

    What is about to be committed stops it until that is recorded, so the work has a thread; the walk waits while it goes on.
    """

    def __init__(self, clock: Clock, work: Work) -> None:
        self._clock = clock
        self._coming: list[tuple[float, News]] = []
        self._ending: WorkResult | BaseException | None = None
        self._over = float("inf")
        self._about_to: Staged | None = None
        self._leash = Leash()
        self._goes_on, self._rests = threading.Semaphore(0), threading.Semaphore(0)
        self.was_called_off = False
        threading.Thread(target=self._run, args=(work,), daemon=True).start()
        self._let_go_on()

    @property
    def is_over(self) -> bool:
        if self._about_to is not None and self._about_to.is_recorded.is_set():
            self._about_to = None
            self._let_go_on()
        return self._clock.elapsed >= self._over

    def wait(self, seconds: float) -> None:
        comes = min((at for at, _ in self._coming), default=self._over)
        self._clock.sleep(min(seconds, max(comes - self._clock.elapsed, 0.0)))

    def news(self) -> tuple[News, ...]:
        assert not self.was_called_off, "what was called off is not asked for news"
        there = tuple(news for at, news in self._coming if at <= self._clock.elapsed)
        self._coming = self._coming[len(there) :]
        return there

    def result(self) -> WorkResult:
        if isinstance(self._ending, BaseException):
            raise self._ending
        assert self._ending is not None, "it is over"
        return self._ending

    def call_off(self) -> None:
        self.was_called_off = True
        self._leash.is_called_off.set()
        if self._ending is None:
            self._let_go_on()

    def _let_go_on(self) -> None:
        """Let the work go on until it ends or is about to commit something; the walk's time stands still meanwhile."""
        began = self._clock.elapsed
        self._goes_on.release()
        self._rests.acquire()
        self._over = self._clock.elapsed if self._ending is not None else float("inf")
        self._clock.elapsed = began

    def _run(self, work: Work) -> None:
        self._goes_on.acquire()
        try:
            self._ending = work(self._hand_over, self._leash)
        except BaseException as trouble:  # noqa: BLE001 - carried to the walk, which raises it
            self._ending = trouble
        self._rests.release()

    def _hand_over(self, news: News) -> None:
        self._coming.append((self._clock.elapsed, news))
        if isinstance(news, Staged):
            self._about_to = news
            self._rests.release()
            self._goes_on.acquire()
            if self._leash.is_called_off.is_set():
                raise CalledOff


@dataclass
class SimulatedBeside:
    """Begins undertakings in virtual time."""

    clock: Clock
    undertakings: list[SimulatedErrand]

    def begin(self, work: Work) -> SimulatedErrand:
        self.undertakings.append(SimulatedErrand(self.clock, work))
        return self.undertakings[-1]
