"""One interpreter walks any plan: skip what is done, look, intend, act, record. All variety is in data, and in the hands.

::

    until every step is done:
        stop, if a person asked for it
        for each step whose predecessors are done, by the hand of its world (execute.hands):
            a change                is made so
            a wait                  is compared with the newest shared look at the world
            a validation or a load  begins beside the walk; what comes of it is recorded as it comes
        sleep until the next look, if nothing moved

Waits run side by side, because one round looks at all of them; a validation asks in a thread of its own (execute.beside). One
thread walks, so the journal holds the events in the order in which they happened: it alone writes, looks and sends, and takes
the news of what goes on beside wherever it sleeps. However the walk ends, that ends with it. Stopping anywhere is harmless: what
is in the journal is known, and the look before the next sending finds the rest.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Self, assert_never

from daybreak.assess.approving import is_recorded
from daybreak.assess.readiness import readiness_of
from daybreak.errors import DaybreakError, ExitCode, Failed, Interrupted, Paused, Uncertain, Unreachable
from daybreak.execute.doors import Doors
from daybreak.execute.hands.approval import ApprovalHand
from daybreak.execute.hands.aws import AwsHand
from daybreak.execute.hands.commands import CommandHand
from daybreak.execute.hands.course import Course
from daybreak.execute.hands.looking import Looker
from daybreak.execute.hands.sql import SqlHand
from daybreak.execute.hands.validation import ValidationHand
from daybreak.execute.hands.waits import WaitHand
from daybreak.execute.record import Record
from daybreak.execute.refusals import AskedToEnd, Forbidden, Gone, Withheld
from daybreak.execute.sidework import SideWork
from daybreak.journal.store import ABORT, Journal
from daybreak.judge.verdict import scope_of, verdict_of
from daybreak.model.actions import (
    AnchorJournal,
    AwaitApproval,
    AwaitParameterGroup,
    AwsOrder,
    ChangeSql,
    LoadRows,
    RunCommand,
    Validate,
    Wait,
    WaitOrder,
)
from daybreak.model.findings import Measured, Verdict
from daybreak.model.plan import Plan, Step, StepId
from daybreak.model.run import Body, RunAborted, RunFinished, RunPaused, RunState, StepFailed, StepForgone, StepHeldUp
from daybreak.plan.amending import amend
from daybreak.plan.judgement import judgement_in, times_of
from daybreak.plan.loss import loss_of


def carry_out(plan: Plan, journal: Journal, doors: Doors) -> RunState:
    """Walk the plan from wherever the journal says it stands, to its end.

    Returns the state of the finished, failed or aborted run. Raises ``Paused``, ``Uncertain`` or ``Interrupted``, with the
    run left at a safe place, after recording that. To resume is to call this again.
    """
    interpreter = _Interpreter(plan, journal, doors)
    watched = clusters_awaited(plan)
    for region, cluster in watched:
        doors.place(region).poller.watch(cluster)
    try:
        with interpreter:
            return interpreter.to_the_end()
    except DaybreakError as error:
        if isinstance(error, Unreachable | Uncertain):
            return interpreter.pause(error)
        raise
    finally:
        for region, cluster in watched:
            doors.place(region).poller.unwatch(cluster)


def clusters_awaited(plan: Plan) -> tuple[tuple[str | None, str], ...]:
    """The clusters that a plan's waits look at, each with its region where that is not the plan's own."""
    waits = (step.action for step in plan.steps if isinstance(step.action, Wait))
    found = ((wait.region, wait.clone) for wait in waits if not isinstance(wait, AwaitParameterGroup))
    return tuple(dict.fromkeys(found))


class _Interpreter:
    """Orders the steps of one run, as far as this process takes it, and has them carried out by the hands."""

    def __init__(self, plan: Plan, journal: Journal, doors: Doors) -> None:
        self._journal = Record(journal, doors.on_event)
        self._doors = doors
        self._plan = amend(plan, self._journal.state().amendments)
        self._aside = aside = SideWork(doors)
        # Whatever a hand sleeps for, what goes on beside the walk is heard meanwhile.
        doors = replace(doors, timing=aside)
        looker = Looker(plan, self._journal, doors)
        self._course = Course(self._plan, self._journal, doors, looker, aside, about=plan.steps[0])
        self._aws, self._waits = AwsHand(self._course), WaitHand(self._course)
        self._validation, self._sql = ValidationHand(self._course), SqlHand(self._course)
        self._commands, self._approval = CommandHand(self._course), ApprovalHand(self._course)
        self._held: dict[StepId, DaybreakError] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._aside.call_off()

    def to_the_end(self) -> RunState:
        while True:
            if ended := self._end_by_request():
                return ended
            try:
                if over := self._aside.over:
                    self._course.about = over
                    self._aside.conclude(over)
                readiness = readiness_of(self._plan, self._journal.state(), self._held)
                for step, why in readiness.given_up:
                    self._journal.append(StepForgone(step=step.id, why=why))
                under_way = self._aside.steps
                if ready := tuple(step for step in readiness.ready if step not in under_way):
                    self._advance(ready)
                elif under_way:
                    self._aside.listen(self._doors.patience.between_looks.total_seconds())
                elif not readiness.given_up:
                    if self._held:
                        raise self._pause_for_held()
                    return self._finish()
            except AskedToEnd:
                continue
            except (Failed, Forbidden, Withheld) as refusal:
                if ended := self._heed_refusal(self._course.about, refusal):
                    return ended

    def _heed_refusal(self, step: Step, refusal: Failed | Paused) -> RunState | None:
        """Fail the run, pause it, or hold the step up, as the plan says; the state of a run that failed."""
        if isinstance(refusal, Gone) or step.when_refused == "fail":
            if isinstance(refusal, Failed):
                return self._fail(refusal)
            raise refusal
        if step.when_refused == "pause":
            raise Paused(refusal.message, *refusal.hints, f"then go on: daybreak resume {self._plan.run}") from refusal
        self._held[step.id] = refusal
        self._journal.append(StepHeldUp(step=step.id, why=refusal.message, hints=refusal.hints))
        return None

    def _advance(self, ready: tuple[Step, ...]) -> None:
        """Take every step that is ready, each by its hand; only where all of them wait, the walk waits too."""
        waiting: list[Step] = []
        for step in ready:
            action = step.action
            if isinstance(action, WaitOrder | AwaitApproval):
                waiting.append(step)
                continue
            self._course.about = step
            match action:
                case Validate():
                    self._validation.begin(step, action)
                case AnchorJournal():
                    self._aws.anchor(step, action)
                case AwsOrder():
                    self._aws.make_so(step, action)
                case ChangeSql():
                    self._sql.make_so(step, action)
                case LoadRows():
                    self._sql.begin_to_load(step, action)
                case RunCommand():
                    self._commands.make_so(step, action)
                case _:
                    assert_never(action)
        if waiting and len(waiting) == len(ready):
            self._wait_for(waiting)

    def _wait_for(self, waiting: list[Step]) -> None:
        """Look whether a person has approved; then wait for the next look at AWS, or for a while."""
        asked = [step for step in waiting if isinstance(step.action, AwaitApproval)]
        for step in asked:
            self._course.about = step
            if isinstance(step.action, AwaitApproval) and self._approval.look(step, step.action):
                return
        if waits := [step for step in waiting if step not in asked]:
            self._waits.look_at(waits)
        else:
            self._course.looker.rest()

    def _finish(self) -> RunState:
        state = self._journal.state()
        if state.ended is None:
            took = self._doors.timing.now() - state.began
            verdict, measured = self._verdict(state, took)
            self._journal.append(RunFinished(outcome="done", verdict=verdict, measured=measured))
        return self._journal.state()

    def _pause_for_held(self) -> Paused:
        """The pause for the steps that AWS refused, once all the others are through."""
        first, *others = self._held.values()
        why = first.message + (f" (and {len(others)} more)" if others else "")
        why += "; the data was validated without it" if times_of(self._plan, self._journal.state()).judged else ""
        hints = dict.fromkeys(hint for refusal in (first, *others) for hint in refusal.hints)
        return Paused(why, *hints, f"try again: daybreak resume {self._plan.run}")

    def _verdict(self, state: RunState, took: timedelta) -> tuple[Verdict | None, Measured]:
        validations = [(step, step.action) for step in self._plan.steps if isinstance(step.action, Validate)]
        if not validations:
            return None, Measured(rto=took)
        step, action = validations[0]  # it reads the data; the part of the clone measures nothing
        verdict = verdict_of(state.findings, scope_of(action))
        measured = judgement_in(state.step(step.id)).measured
        rto = times_of(self._plan, state).rto(verdict.standing) or took
        return verdict, measured.model_copy(update={"rto": rto, "lost": loss_of(self._plan)})

    def _fail(self, failure: Failed) -> RunState:
        step = self._course.about
        self._journal.append(StepFailed(step=step.id, why=failure.message, hints=failure.hints))
        took = self._doors.timing.now() - self._journal.state().began
        self._journal.append(RunFinished(outcome="failed", measured=Measured(rto=took), why=failure.message))
        return self._journal.state()

    def pause(self, error: DaybreakError) -> RunState:
        """Record why the run stopped, as far as the journal still takes it, and raise."""
        stopped = self._doors.is_stopping()
        code = ExitCode.INTERRUPTED if stopped else error.exit_code
        self._record(RunPaused(why=error.message, exit_code=int(code), hints=error.hints))
        if stopped:
            raise Interrupted("stopped; the run can be resumed", f"daybreak resume {self._plan.run}") from error
        raise error

    def _record(self, body: Body) -> None:
        try:
            self._journal.append(body)
        except Paused:
            # Fenced, or the disk is full: the reason for the pause is already on its way to the person.
            return

    def _end_by_request(self) -> RunState | None:
        state = self._journal.state()
        if state.ended is not None:
            return state
        for asked in self._doors.asked():
            if asked.request == ABORT:
                self._journal.append(RunAborted(by=asked.by, why=asked.why))
                return self._journal.state()
            if asked.approval is not None and not is_recorded(asked.approval, state):
                self._journal.append(asked.approval)
        if self._doors.is_stopping():
            raise Paused("asked to stop")
        return None
