"""Carry out a run while people watch: on a terminal one live line, elsewhere a line for each step. Ctrl-C stops at a safe place."""

from __future__ import annotations

import signal
import threading
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from daybreak.cli.options import Given
from daybreak.cli.screen import ProgressScreen, print_as_is, print_line

if TYPE_CHECKING:
    from daybreak.execute.doors import Progress
    from daybreak.model.plan import Plan
    from daybreak.model.run import Event


def _warn(warning: str) -> None:
    print_line(f"warning: {warning}", is_aside=True)


class Following(AbstractContextManager["Following"]):
    """One command that carries out a run. The first Ctrl-C stops after the current call, the second at once."""

    def __init__(self, given: Given) -> None:
        from daybreak.model.run import Tally

        self._given = given
        self._stopping = threading.Event()
        self.app = given.app(self._stopping)
        self._screen = ProgressScreen()
        self._plan: Plan | None = None
        self._tally = Tally()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.end()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping.is_set():
            raise KeyboardInterrupt
        self._stopping.set()
        print_line("\nstopping at the next safe place; once more to stop at once", is_aside=True)

    def to_the_end(self, run: str, *, take_over: bool = False) -> int:
        """Carry out the run, report it on stdout, and return its exit code."""
        from daybreak.app.ending import exit_code
        from daybreak.app.running import Watchers, carry_out
        from daybreak.cli.rendering import run_as

        self._plan = self.app.store.plan(run)
        try:
            watchers = Watchers(on_event=self._report, progress=self._progress, on_warning=_warn)
            carry_out(self.app, run, watchers, take_over=take_over)
        finally:
            self._screen.end()
        print_as_is(run_as(self.app, run, self._given))
        return int(exit_code(self.app, run))

    def _report(self, event: Event) -> None:
        from daybreak.cli.rendering import event_line
        from daybreak.model.run import StepFailed, StepForgone
        from daybreak.report.text.progress import is_trouble, news_of, step_line

        plan = self._plan
        assert plan is not None  # noqa: S101 - for the type checker: nothing is reported before the run is known
        if not self._knows(plan.run, event) or self._given.depth == "all":
            self._line(event_line(event, plan))
        elif is_trouble(event) or not (self._screen.is_live or self._given.depth == "verdict"):
            self._line(step_line(event, plan, self._tally.state()))
        if self._given.depth != "all" and (news := news_of(event)):
            self._now(*news)
        for hint in event.body.hints if isinstance(event.body, StepFailed | StepForgone) else ():
            self._line(f"hint: {hint}")

    def _knows(self, run: str, event: Event) -> bool:
        """Fold the event in, after what the journal holds before it; false where the journal cannot be read just now."""
        from daybreak.errors import DaybreakError

        if self._tally.events < event.number:
            # A run does not end because the reporter could not read its journal.
            with suppress(DaybreakError):
                self._tally.add(self.app.store.events(run)[self._tally.events : event.number])
        if self._tally.events == event.number:
            self._tally.add((event,))
        return self._tally.events > event.number

    def _line(self, text: str) -> None:
        if text:
            self._screen.line(self._given.complete(text))

    def _progress(self, progress: Progress) -> None:
        self._now(progress.step, progress.seen)

    def _now(self, step: str, seen: str) -> None:
        """Show what goes on: in the live line, or now and then where there is none."""
        from daybreak.report.text.progress import now_line

        if self._plan is not None and self._tally.events and self._given.depth != "verdict":
            self._screen.show(now_line(self._plan, self._tally.state(), step, seen, datetime.now(UTC)))
