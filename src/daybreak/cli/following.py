"""Carry out a run while people watch: a line for each event, and on a terminal one that lives; Ctrl-C stops at a safe place."""

from __future__ import annotations

import signal
import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from daybreak.cli.options import Given
from daybreak.cli.telling import Telling, hand, say

if TYPE_CHECKING:
    from daybreak.execute.doors import Progress
    from daybreak.model.plan import Plan
    from daybreak.model.run import Event


def _warned(warning: str) -> None:
    say(f"warning: {warning}", is_aside=True)


class Following(AbstractContextManager["Following"]):
    """One command that carries out a run. The first Ctrl-C stops after the current call, the second at once."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self._stopping = threading.Event()
        self.app = given.app(self._stopping)
        self._telling = Telling()
        self._plan: Plan | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._telling.end()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping.is_set():
            raise KeyboardInterrupt
        self._stopping.set()
        say("\nstopping at the next safe place; once more to stop at once", is_aside=True)

    def to_the_end(self, run: str, *, take_over: bool = False) -> int:
        """Carry out the run, report it on stdout, and return its exit code."""
        from daybreak.app import Watchers
        from daybreak.cli.rendering import run_as

        self._plan = self.app.store.plan(run)
        try:
            watchers = Watchers(told=self._told, progress=self._progress, warned=_warned)
            self.app.carry_out(run, watchers, take_over=take_over)
        finally:
            self._telling.end()
        hand(run_as(self.app, run, self._given))
        return int(self.app.ending(run))

    def _told(self, event: Event) -> None:
        from daybreak.cli.rendering import event_line
        from daybreak.model.run import StepFailed, StepForgone

        self._telling.line(self._given.complete(event_line(event, self._plan)))
        for hint in event.body.hints if isinstance(event.body, StepFailed | StepForgone) else ():
            self._telling.line(f"hint: {self._given.complete(hint)}")

    def _progress(self, progress: Progress) -> None:
        self._telling.show(f"{progress.step}  {progress.seen}  {self._spent(progress)}")

    def _spent(self, progress: Progress) -> str:
        from daybreak.model.moment import spoken

        since = datetime.now(UTC) - progress.since
        estimate = self._plan.step(progress.step).estimate if self._plan else None
        if estimate is None:
            return f"for {spoken(since)}"
        return f"for {spoken(since)}, expected {spoken(estimate.low)} to {spoken(estimate.high)} ({estimate.evidence})"
