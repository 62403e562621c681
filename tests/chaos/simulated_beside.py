"""Work beside the walk, in virtual time."""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.execute.beside import News, Work, WorkResult
from daybreak.postgres.leash import Leash
from tests.chaos.simulated_parts import Clock


class SimulatedErrand:
    """Work beside the walk in virtual time: it is done at once, and its news come when they would have come."""

    def __init__(self, clock: Clock, work: Work) -> None:
        self._clock = clock
        self._coming: list[tuple[float, News]] = []
        self._ending: WorkResult | BaseException
        self.was_called_off = False
        began = clock.elapsed
        try:
            self._ending = work(lambda news: self._coming.append((clock.elapsed, news)), Leash())
        except BaseException as trouble:  # noqa: BLE001 - carried to the walk, which raises it
            self._ending = trouble
        self._over, clock.elapsed = clock.elapsed, began

    @property
    def is_over(self) -> bool:
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
        return self._ending

    def call_off(self) -> None:
        self.was_called_off = True


@dataclass
class SimulatedBeside:
    """Begins undertakings in virtual time."""

    clock: Clock
    undertakings: list[SimulatedErrand]

    def begin(self, work: Work) -> SimulatedErrand:
        self.undertakings.append(SimulatedErrand(self.clock, work))
        return self.undertakings[-1]
