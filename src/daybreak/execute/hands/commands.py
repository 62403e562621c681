"""The hand for the owner's own programs: each is started at most once, and what is not known of it is asked, never repeated.

A program gets none of our credentials: its environment holds its way to other programs, its home, its language, and what its action
names. It runs beside the walk, in a session of its own, so that whatever it started ends with it (execute.programs).
"""

from __future__ import annotations

import signal

from daybreak.assess.commands import environment_for, outcome_said, secrets_in
from daybreak.errors import Bug, DaybreakError, Uncertain
from daybreak.execute.beside import News, Ran, Staged
from daybreak.execute.doors import Progress
from daybreak.execute.hands.course import Course
from daybreak.execute.programs import TO_END, Program, is_here, members_of, send
from daybreak.execute.refusals import Rejected
from daybreak.execute.slowly import Slowly
from daybreak.model.actions import RunCommand
from daybreak.model.attempts import OpenOutcome, ProcessMark, StepEnded, StepStarted
from daybreak.model.names import comma_list, printable
from daybreak.model.plan import Step
from daybreak.model.run import StepDone, StepIntended, StepUncertain

_SLICE = 0.2


class CommandHand:
    """Runs the owner's programs of one plan."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._plan, self._journal = course.plan, course.journal
        self._doors, self._looker = course.doors, course.looker

    def make_so(self, step: Step, action: RunCommand) -> Slowly[None]:
        """Run the program, or raise: ``Rejected`` where it failed, ``Uncertain`` where nobody knows what it did."""
        state = self._journal.state()
        before = state.step(step.id)
        if outcome_said(state, step.id) == "done" and before.outcome is None:
            self._journal.append(
                StepDone(step=step.id, was_adopted=True, result={"seen": "a person says that it is done"})
            )
            return
        yield from self._outlast(step, action)
        if before.outcome is not None:
            raise self._open(step, before.outcome, process=before.process)
        yield from self._looker.hold_to_guards(step)
        self._looker.heed()
        self._journal.append(
            StepIntended(step=step.id, attempt=before.attempts + 1, call={"command": list(action.command)})
        )
        environ = self._doors.environ
        program = Program(
            action.command,
            environment_for(action.environment, environ) | action.given,
            action.limit,
            secrets_in(environ),
        )
        ran = yield from self._course.aside.carry(
            step, program.run, _takes_nothing, lambda each: self._start(step, each)
        )
        if not isinstance(ran, Ran):
            message = f"a program came to {ran!r}"
            raise Bug(message)
        self._conclude(step, printable(action.command[0]), ran)

    def _start(self, step: Step, about_to: Staged) -> Slowly[None]:
        """Let the program begin, where the guards still hold and its process is in the journal."""
        try:
            yield from self._looker.hold_to_guards(step)
        except DaybreakError as refusal:
            self._end(step, f"not started: {refusal.message}", has_begun=False)
            raise
        self._looker.heed()
        if about_to.process is not None:
            self._journal.append(StepStarted(step=step.id, process=about_to.process))
        about_to.is_recorded.set()

    def _conclude(self, step: Step, name: str, ran: Ran) -> None:
        """Record what became of it; raises where that is not what the step is for."""
        if ran.not_started:
            why = f'"{name}" could not be started: {ran.not_started}'
            self._end(step, why, has_begun=False)
            raise Rejected(f"step {step.id}: {why}")
        if ran.why:
            self._journal.append(StepUncertain(step=step.id, why=ran.why))
            raise self._open(step, OpenOutcome(is_known=False, why=ran.why))
        if ran.code != 0:
            why = f"{name} ended with {ran.code}" + (f": {ran.said[-1]}" if ran.said else "")
            self._end(step, why, has_begun=True)
            raise self._open(step, OpenOutcome(is_known=True, why=why), *ran.said[:-1])
        left = {"ended with it": list(ran.left)} if ran.left else {}
        self._journal.append(StepDone(step=step.id, result={"said": list(ran.said)} | left))

    def _outlast(self, step: Step, action: RunCommand) -> Slowly[None]:
        """Wait for what still runs of an earlier start, as long as it may: two never run side by side."""
        known, timing = self._journal.state().step(step.id), self._doors.timing
        mark, tried = known.process, known.tried
        if mark is None or tried is None or not is_here(mark):
            return
        asked: float | None = None
        while running := members_of(mark):
            names = comma_list([f"{name} ({pid})" for pid, name in running.items()])
            seen = f"what an earlier process started still runs: {names}"
            self._doors.progress(Progress(step=step.id, seen=seen, since=tried))
            if asked is None and timing.now() >= tried + action.limit:
                send(mark, signal.SIGTERM)
                asked = timing.monotonic()
            elif asked is not None and timing.monotonic() >= asked + TO_END:
                send(mark, signal.SIGKILL)
            yield _SLICE

    def _end(self, step: Step, why: str, *, has_begun: bool) -> None:
        """Record an end that is known, so that nobody calls it unknown later."""
        self._journal.append(StepEnded(step=step.id, why=why, has_begun=has_begun))

    def _open(
        self, step: Step, outcome: OpenOutcome, *hints: str, process: ProcessMark | None = None
    ) -> Rejected | Uncertain:
        """The refusal of a step of whose program a person has to say what became, or whether it shall run again."""
        run = self._plan.run
        ways: tuple[str, ...] = (
            f"if it did its work: daybreak resume {run} --outcome {step.id}=done",
            f"if it shall run again: daybreak resume {run} --outcome {step.id}=again",
        )
        if not outcome.is_known:
            why = outcome.why or "the process that ran it ended before it did"
            if process is not None and not is_here(process):
                ways = (f"look whether process {process.pid} still runs on {process.host}, and wait for its end", *ways)
            return Uncertain(f"step {step.id}: what the program did is not known: {why}", *ways)
        # Where the plan says that the run fails with it, nothing leads on.
        return Rejected(f"step {step.id}: {outcome.why}", *hints, *(() if step.when_refused == "fail" else ways))


def _takes_nothing(news: News) -> None:
    message = f"a program handed over {news!r}"
    raise Bug(message)
