"""The hand for the owner's own programs: each is started at most once, and what is not known of it is asked, never repeated.

A program gets none of our credentials: its environment holds its way to other programs, its home, its language, and what its action
names. It runs in a session of its own, so that whatever it started ends with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress

from daybreak.assess.commands import environment_for, outcome_said
from daybreak.errors import DaybreakError, Uncertain
from daybreak.execute.hands.course import Course
from daybreak.execute.refusals import Rejected
from daybreak.execute.slowly import Slowly
from daybreak.model.actions import RunCommand
from daybreak.model.attempts import OpenOutcome, StepEnded
from daybreak.model.moment import span_in_words
from daybreak.model.names import printable
from daybreak.model.plan import Step
from daybreak.model.run import StepDone, StepIntended, StepUncertain

_SLICE = 0.1
_TO_END = 5.0
"""Seconds that a program has to end by itself once it is asked to."""

_KEPT = 20
"""How many lines of what it says are kept: the last ones."""

_LONGEST_LINE = 500


class CommandHand:
    """Runs the owner's programs of one plan."""

    def __init__(self, course: Course) -> None:
        self._plan, self._journal = course.plan, course.journal
        self._doors, self._looker = course.doors, course.looker

    def make_so(self, step: Step, action: RunCommand) -> Slowly[None]:
        """Run the program, or raise: ``Rejected`` where it failed, ``Uncertain`` where nobody knows what it did."""
        state = self._journal.state()
        before = state.step(step.id)
        if before.outcome is not None:
            raise self._open(step, before.outcome)
        if outcome_said(state, step.id) == "done":
            self._journal.append(
                StepDone(step=step.id, was_adopted=True, result={"seen": "a person says that it is done"})
            )
            return
        yield from self._looker.hold_to_guards(step)
        self._looker.heed()
        self._journal.append(
            StepIntended(step=step.id, attempt=before.attempts + 1, call={"command": list(action.command)})
        )
        try:
            yield from self._looker.hold_to_guards(step)
        except DaybreakError as refusal:
            self._end(step, f"not started: {refusal.message}", has_begun=False)
            raise
        yield from self._run(step, action)

    def _run(self, step: Step, action: RunCommand) -> Slowly[None]:
        name = printable(action.command[0])
        environment = environment_for(action.environment, self._doors.environ)
        try:
            program = _Program(action.command, environment)
        except OSError as error:
            why = f'"{name}" could not be started: {(error.strerror or str(error)).lower()}'
            self._end(step, why, has_begun=False)
            raise Rejected(f"step {step.id}: {why}") from error
        try:
            why = yield from self._wait(program, action)
        finally:
            code = program.end()
        said = program.last_lines()
        if why:
            self._journal.append(StepUncertain(step=step.id, why=why))
            raise self._open(step, OpenOutcome(is_known=False, why=why))
        if code != 0:
            why = f"{name} ended with {code}" + (f": {said[-1]}" if said else "")
            self._end(step, why, has_begun=True)
            raise self._open(step, OpenOutcome(is_known=True, why=why), *said[:-1])
        self._journal.append(StepDone(step=step.id, result={"said": said}))

    def _end(self, step: Step, why: str, *, has_begun: bool) -> None:
        """Record an end that is known, so that nobody calls it unknown later."""
        self._journal.append(StepEnded(step=step.id, why=why, has_begun=has_begun))

    def _wait(self, program: _Program, action: RunCommand) -> Slowly[str]:
        """Wait for its end; why it was ended before, or nothing."""
        timing = self._doors.timing
        until = timing.monotonic() + action.limit.total_seconds()
        while program.is_running:
            if timing.monotonic() >= until:
                return f"it was ended after {span_in_words(action.limit)}, its limit"
            yield _SLICE
        return ""

    def _open(self, step: Step, outcome: OpenOutcome, *hints: str) -> Rejected | Uncertain:
        """The refusal of a step of whose program a person has to say what became, or whether it shall run again."""
        run = self._plan.run
        ways = (
            f"if it did its work: daybreak resume {run} --outcome {step.id}=done",
            f"if it shall run again: daybreak resume {run} --outcome {step.id}=again",
        )
        if not outcome.is_known:
            why = outcome.why or "the process that ran it ended before it did"
            return Uncertain(f"step {step.id}: what the program did is not known: {why}", *ways)
        # Where the plan says that the run fails with it, nothing leads on.
        return Rejected(f"step {step.id}: {outcome.why}", *hints, *(() if step.when_refused == "fail" else ways))


class _Program:
    """A program that runs, and the last lines of what it says."""

    def __init__(self, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._reader = threading.Thread(target=self._read, name="daybreak-program", daemon=True)
        self._reader.start()

    @property
    def is_running(self) -> bool:
        """Whether the program itself has not ended."""
        return self._process.poll() is None

    def last_lines(self) -> list[str]:
        """The last lines that it wrote."""
        self._reader.join(_TO_END)
        return list(self._lines)

    def end(self) -> int:
        """End what still runs of it, in its session; the program's exit code."""
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, kind)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_TO_END)
        return self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        with self._process.stdout as out:
            while line := out.readline(_LONGEST_LINE):
                self._lines.append(printable(line.decode(errors="replace").rstrip()))
