"""Follow a run, one's own or another's: on a terminal one line that lives, elsewhere a line a step; then how it ended."""

from __future__ import annotations

import signal
import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from daybreak.cli.options import Given
from daybreak.cli.screen import ProgressScreen, print_as_is, print_line, spell

if TYPE_CHECKING:
    from daybreak.app import App
    from daybreak.app.running import Watchers
    from daybreak.execute.doors import Progress
    from daybreak.model.plan import Plan
    from daybreak.model.run import Event
    from daybreak.plan.amending import Wishes


class Following(AbstractContextManager["Following"]):
    """One command that carries out a run. The first Ctrl-C stops after the current call, the second at once."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self._stopping = threading.Event()
        self.app = given.app(self._stopping)
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping.is_set():
            raise KeyboardInterrupt
        self._stopping.set()
        print_line("\nstopping at the next safe place; once more to stop at once", is_aside=True)

    def to_the_end(self, run: str, *, take_over: bool = False, wishes: Wishes | None = None) -> int:
        """Carry out the run, amended by ``wishes``, report it on stdout, and return its exit code."""
        from daybreak.app.running import carry_out

        with Screen(self._given, self.app.store.plan(run), is_own=True) as screen:
            carry_out(self.app, run, screen.watchers(), take_over=take_over, wishes=wishes)
        self._take_back(run)
        return _report_end(self.app, run, self._given)

    def _take_back(self, run: str) -> None:
        """Let a cutover that ended in its gap take itself back, as its plan said; raises as ``carry_out`` does."""
        from daybreak.app.moving import plan_of_taking_back
        from daybreak.app.running import carry_out, start
        from daybreak.cli.rendering import plan_aside, run_aside
        from daybreak.errors import Refused

        try:
            made = plan_of_taking_back(self.app, run)
        except Refused as refusal:
            # The cutover has ended and is reported: a person takes it back once the reasons are gone.
            print_line(f"{run} cannot take itself back: {refusal.message}", is_aside=True)
            for reason in refusal.reasons:
                print_line(f"  - {reason}", is_aside=True)
            return
        if made is None:
            return
        print_line(f"{run} takes itself back, as its plan says", is_aside=True)
        print_as_is(plan_aside(made, self._given, self.app.now()), is_aside=True)
        back = start(self.app, made)
        with Screen(self._given, made, is_own=True) as screen:
            carry_out(self.app, back, screen.watchers())
        print_as_is(run_aside(self.app, back, self._given), is_aside=True)


def watch_to_the_end(given: Given, run: str) -> int:
    """Follow a run that another process carries out, report it on stdout, and return its exit code."""
    from daybreak.app.watching import watch

    app = given.app()
    with Screen(given, app.store.plan(run), is_own=False) as screen:
        watch(app, run, screen.watchers())
    return _report_end(app, run, given)


def stream_to_the_end(given: Given, run: str) -> int:
    """The same for a machine: each event of the run, from the first, as a line of JSON."""
    from daybreak.app.ending import exit_code
    from daybreak.app.running import Watchers
    from daybreak.app.watching import watch

    def write(event: Event) -> None:
        print_as_is(f"{spell(event.model_dump_json())}\n")

    def write_all(events: tuple[Event, ...]) -> None:
        for event in events:
            write(event)

    app = given.app()
    with ProgressScreen() as screen:
        # A terminal shows the events themselves; a log that keeps stderr apart has a sign of life once a minute.
        is_log = not screen.is_live
        watchers = Watchers(
            before=write_all,
            on_event=write,
            progress=lambda progress: screen.show(f"{progress.step}  {progress.seen}".rstrip()) if is_log else None,
            idle=lambda waits_for: screen.show(waits_for) if is_log else None,
        )
        watch(app, run, watchers)
    return int(exit_code(app, run))


def _report_end(app: App, run: str, given: Given) -> int:
    from daybreak.app.ending import exit_code
    from daybreak.cli.rendering import run_as

    print_as_is(run_as(app, run, given))
    return int(exit_code(app, run))


class Screen(AbstractContextManager["Screen"]):
    """What people see of a run while it goes on, in whichever process; all of it goes to stderr.

    ``is_own`` says whether this process carries it out: then it says itself why it pauses.
    """

    def __init__(self, given: Given, plan: Plan, *, is_own: bool) -> None:
        from daybreak.model.run import Tally
        from daybreak.report.text.progress import Sightings

        self._given = given
        self._plan = plan
        self._is_own = is_own
        self._screen = ProgressScreen()
        self._tally = Tally()
        self._sightings = Sightings(plan)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.end()

    def watchers(self) -> Watchers:
        """The functions that take the run's news."""
        from daybreak.app.running import Watchers

        return Watchers(
            before=self._catch_up,
            on_event=self._report,
            progress=self._progress,
            idle=self._idle,
            on_warning=self._warn,
        )

    def _warn(self, warning: str) -> None:
        self._screen.line(f"warning: {warning}")

    def _catch_up(self, events: tuple[Event, ...]) -> None:
        """Report what happened before: every event where that was asked for, else one line."""
        from daybreak.cli.rendering import event_line
        from daybreak.report.text.progress import before_line, hints_of, judgement_lines

        self._tally.add(events)
        if self._given.depth == "all":
            for event in events:
                self._line(event_line(event, self._plan))
        elif self._given.depth == "brief":
            self._line(before_line(self._plan, self._tally.state()))
            for line in judgement_lines(self._plan, self._tally.state()):
                self._line(line)
            self._hint(hints_of(events[-1], self._plan.run))

    def _report(self, event: Event) -> None:
        from daybreak.cli.rendering import event_line
        from daybreak.model.run import RunPaused
        from daybreak.report.text.progress import (
            hints_of,
            is_judgement,
            is_trouble,
            judgement_lines,
            news_of,
            step_line,
        )

        self._tally.add((event,))
        if isinstance(event.body, RunPaused):
            self._screen.end()  # nobody knows for how long nothing goes on
            if self._is_own and self._given.depth != "all":
                return  # the error that paused it is reported last of all, with its hints
        if self._given.depth == "all":
            self._line(event_line(event, self._plan))
        elif is_trouble(event) or not (self._screen.is_live or self._given.depth == "verdict"):
            self._line(step_line(event, self._plan, self._tally.state()))
        if self._given.depth != "verdict" and is_judgement(event, self._plan):
            for line in judgement_lines(self._plan, self._tally.state()):
                self._line(line)
        if self._given.depth != "all" and (news := news_of(event)):
            self._now(*news)
        self._hint(hints_of(event, self._plan.run))

    def _hint(self, hints: tuple[str, ...]) -> None:
        for hint in hints:
            self._line(f"hint: {hint}")

    def _line(self, text: str) -> None:
        if text:
            self._screen.line(self._given.complete(text))

    def _progress(self, progress: Progress) -> None:
        if self._given.depth == "brief" and not self._screen.is_live:
            self._line(self._sightings.line(progress.step, progress.seen, datetime.now(UTC)))
        self._now(progress.step, progress.seen)

    def _idle(self, waits_for: str) -> None:
        if self._given.depth != "verdict":
            self._screen.show(waits_for)

    def _now(self, step: str, seen: str) -> None:
        """Show what goes on: in the live line, or now and then where there is none."""
        from daybreak.report.text.progress import now_line

        if self._given.depth != "verdict":
            state = self._tally.state()
            self._screen.show(now_line(self._plan, state, step, seen, datetime.now(UTC), width=self._screen.width))
