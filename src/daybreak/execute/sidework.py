"""What goes on beside the walk: its news become events on the walk's own thread, wherever the walk sleeps.

Called off, nothing more is recorded.
"""

from __future__ import annotations

from typing import Protocol

from daybreak.execute.beside import News, Undertaking, Work, WorkResult
from daybreak.execute.doors import Doors
from daybreak.model.plan import Step


class Task(Protocol):
    """A step that is carried out beside the walk, as its hand records it."""

    @property
    def step(self) -> Step:
        """The step."""

    def take(self, news: News) -> None:
        """Record what was handed over."""

    def conclude(self, outcome: WorkResult) -> None:
        """Record that the step is done."""


class SideWork:
    """The tasks that go on beside the walk, and how the walk waits: it hears them meanwhile."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._under_way: list[tuple[Task, Undertaking]] = []

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that are under way."""
        return tuple(task.step for task, _ in self._under_way)

    @property
    def over(self) -> Step | None:
        """A step whose work has ended and is to be concluded."""
        return next((task.step for task, undertaking in self._under_way if undertaking.is_over), None)

    def begin(self, task: Task, work: Work) -> None:
        """Begin the work, beside the walk. Its intent is in the journal."""
        self._under_way.append((task, self._doors.beside.begin(work)))

    def conclude(self, step: Step) -> None:
        """Record the rest of what was found, and that the step is done; raises what the work raised, whatever it was."""
        self._hear()
        [found] = [each for each in self._under_way if each[0].step is step]
        self._under_way.remove(found)
        task, undertaking = found
        task.conclude(undertaking.result())

    def _listen(self, seconds: float) -> bool:
        """Hear what goes on for so long; whether the walk has to go on before that.

        That is where some of it ended, or a person asked to stop.
        """
        until = self._doors.timing.monotonic() + seconds
        while self._under_way and (left := until - self._doors.timing.monotonic()) > 0:
            if self.over or self._doors.is_stopping():
                return True
            for _, undertaking in self._under_way:
                undertaking.wait(left / len(self._under_way))
            self._hear()
        return False

    def rest(self, seconds: float) -> None:
        """Wait for so long and hear what goes on meanwhile; returns early where some of it ended, or a person asked to stop."""
        until = self._doors.timing.monotonic() + seconds
        if not self._listen(seconds) and (left := until - self._doors.timing.monotonic()) > 0:
            self._doors.timing.sleep(left)

    def call_off(self) -> None:
        """End all that is under way: nothing more is asked for it, and nothing of it is recorded."""
        under_way, self._under_way = self._under_way, []
        for _, undertaking in under_way:
            undertaking.call_off()

    def _hear(self) -> None:
        for task, undertaking in self._under_way:
            for news in undertaking.news():
                task.take(news)
