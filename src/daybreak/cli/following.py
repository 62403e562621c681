"""Carry out a run while people watch: a line for each event, and on a terminal one that lives; Ctrl-C stops at a safe place."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from daybreak.cli.options import Given
from daybreak.cli.telling import console, is_colorful, say

if TYPE_CHECKING:
    from daybreak.execute.doors import Progress
    from daybreak.model.plan import Plan
    from daybreak.model.run import Event


class Following(AbstractContextManager["Following"]):
    """One command that carries out a run. The first Ctrl-C stops after the current call, the second at once."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self._stopping = threading.Event()
        self.app = given.app(self._stopping)
        self._console = console(on_stderr=True)
        self._live: Any = None
        self._plan: Plan | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_live()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping.is_set():
            raise KeyboardInterrupt
        self._stopping.set()
        say("\nstopping at the next safe place; once more to stop at once\n", sys.stderr)

    def to_the_end(self, run: str, *, take_over: bool = False) -> int:
        """Carry out the run, report it on stdout, and return its exit code."""
        from daybreak.app import Watchers
        from daybreak.cli.rendering import run_as

        self._plan = self.app.store.plan(run)
        try:
            self.app.carry_out(run, Watchers(told=self._told, progress=self._progress), take_over=take_over)
        finally:
            self._end_live()
        plan, state = self.app.state(run)
        say(run_as(plan, state, self._given.output), sys.stdout)
        return int(self.app.ending(run))

    def _told(self, event: Event) -> None:
        from daybreak.cli.rendering import event_line
        from daybreak.model.run import StepFailed
        from daybreak.report.sentences import printable_sentence

        line = event_line(event, self._plan)
        if line:
            self._console.print(line)
        for hint in event.body.hints if isinstance(event.body, StepFailed) else ():
            self._console.print(f"hint: {printable_sentence(hint)}")

    def _progress(self, progress: Progress) -> None:
        if not is_colorful(sys.stderr):
            return
        from rich.status import Status

        text = f"{progress.step}  {progress.seen}  {self._spent(progress)}"
        if self._live is None:
            self._live = Status(text, console=self._console, spinner="dots")
            self._live.start()
        else:
            self._live.update(text)

    def _spent(self, progress: Progress) -> str:
        from daybreak.model.moment import spoken

        since = datetime.now(UTC) - progress.since
        estimate = self._plan.step(progress.step).estimate if self._plan else None
        if estimate is None:
            return f"for {spoken(since)}"
        return f"for {spoken(since)}, expected {spoken(estimate.low)} to {spoken(estimate.high)} ({estimate.evidence})"

    def _end_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
