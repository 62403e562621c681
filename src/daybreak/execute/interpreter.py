"""One interpreter walks any plan: skip what is done, look, intend, act, record. All variety is in data, and in the hands.

::

    until every step is done:
        stop, if a person asked for it
        take on each step whose predecessors are done, by the hand of its world (execute.hands)
        let each step that is under way go on until it has to wait
        wait until the first of them can go on

No hand sleeps: a step that AWS puts off waits by itself (execute.slowly), so what it does not stand on goes on meanwhile: the data is
judged while a reader is refused. Waits share one look at the world; what a server or a program takes long for (a validation, a
change, a load) is done in a thread of its own (execute.beside). One thread walks, so the journal holds the events in the order in
which they happened: it alone writes, looks and sends to AWS, and takes the news of what goes on beside wherever it waits. However the
walk ends, all of that ends with it. Stopping anywhere is harmless: what is in the journal is known, and the look before the next
sending finds the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Self, assert_never

from daybreak.assess.approving import is_recorded
from daybreak.assess.readiness import readiness_of
from daybreak.errors import DaybreakError, ExitCode, Failed, Interrupted, Paused, Refused, Uncertain, Unreachable
from daybreak.execute.doors import Doors
from daybreak.execute.hands.approval import ApprovalHand
from daybreak.execute.hands.archives import ArchiveHand
from daybreak.execute.hands.aws import AwsHand
from daybreak.execute.hands.commands import CommandHand
from daybreak.execute.hands.course import Course
from daybreak.execute.hands.exports import ExportHand
from daybreak.execute.hands.looking import Looker
from daybreak.execute.hands.pools import PoolHand
from daybreak.execute.hands.renewing import VerdictHand
from daybreak.execute.hands.sql import SqlHand
from daybreak.execute.hands.validation import ValidationHand
from daybreak.execute.hands.waits import WaitHand
from daybreak.execute.record import Record
from daybreak.execute.refusals import AskedToEnd, Barred, Delayed, Forbidden, Gone, Withheld
from daybreak.execute.sidework import SideWork
from daybreak.execute.slowly import Slowly
from daybreak.journal.store import ABORT, Journal, Message
from daybreak.judge.exports import verdict_on_export
from daybreak.judge.verdict import scope_of, verdict_of
from daybreak.model.actions import (
    AnchorJournal,
    ArchiveOrder,
    AwaitApproval,
    AwaitParameterGroup,
    AwaitSnapshot,
    AwsOrder,
    CarryTables,
    ChangeSql,
    ClearScratch,
    FetchExport,
    JudgeScratch,
    LoadRows,
    LoadScratch,
    LookedAtAlone,
    NameDatabase,
    PausePool,
    ResumePool,
    RunCommand,
    SqlOrder,
    Validate,
    Wait,
    WaitOrder,
)
from daybreak.model.findings import Measured, Verdict
from daybreak.model.moment import span_in_words
from daybreak.model.plan import Gap, Plan, Step, StepId
from daybreak.model.run import (
    Body,
    RunAborted,
    RunFinished,
    RunPaused,
    RunState,
    RunWarned,
    StepFailed,
    StepForgone,
    StepHeldUp,
)
from daybreak.model.world import Cluster
from daybreak.plan.amending import amend
from daybreak.plan.gaps import ABOUT_GAP, gap_open, words_on_closed
from daybreak.plan.judgement import judgement_in, times_of
from daybreak.plan.loss import loss_of
from daybreak.plan.renaming import swap_in


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
    except (Unreachable, Uncertain) as error:
        return interpreter.stop(error)
    except (Refused, Failed) as error:
        # Not a step's, which the plan says what to do about: the run has not ended, and may have changed a lot.
        return interpreter.stop(Paused(error.message, *error.hints, f"then go on: daybreak resume {plan.run}"))
    finally:
        for region, cluster in watched:
            doors.place(region).poller.unwatch(cluster)


def clusters_awaited(plan: Plan) -> tuple[tuple[str | None, str], ...]:
    """The clusters that a plan's waits look at, each with its region where that is not the plan's own."""
    waits = (step.action for step in plan.steps if isinstance(step.action, Wait))
    found = (
        (wait.region, wait.clone)
        for wait in waits
        if not isinstance(wait, AwaitParameterGroup | AwaitSnapshot | LookedAtAlone)
    )
    return tuple(dict.fromkeys(found))


_TICK = 0.001
"""Seconds by which a task may go on too early: a clock cannot be waited for more exactly."""


@dataclass(eq=False)
class _Task:
    """Something that is under way on the walk's own thread."""

    step: Step | None
    """``None`` for the shared look at everything that only waits."""
    work: Slowly[None]
    due: float
    """When it goes on, by ``monotonic``."""
    about: Step
    """The step that whatever it raises next is about; others go on between two parts of it."""


class _Interpreter:
    """Orders the steps of one run, as far as this process takes it, and has them carried out by the hands."""

    def __init__(self, plan: Plan, journal: Journal, doors: Doors) -> None:
        self._journal = Record(journal, doors.on_event)
        self._doors = doors
        self._plan = amend(plan, self._journal.state().amendments)
        self._aside = aside = SideWork(doors)
        self._looker = looker = Looker(plan, self._journal, doors)
        self._course = Course(self._plan, self._journal, doors, looker, aside, about=plan.steps[0])
        self._aws, self._waits = AwsHand(self._course), WaitHand(self._course)
        self._validation, self._sql = ValidationHand(self._course), SqlHand(self._course)
        self._pools, self._exports = PoolHand(self._course), ExportHand(self._course)
        self._commands, self._approval = CommandHand(self._course), ApprovalHand(self._course)
        self._archives = ArchiveHand(self._course)
        self._verdict = VerdictHand(self._course)
        self._held: dict[StepId, DaybreakError] = {}
        self._tasks: list[_Task] = []
        self._pool: tuple[Step, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for task in self._tasks:
            task.work.close()  # and with it what it does beside
        self._doors.home.sql.end_probe()

    def to_the_end(self) -> RunState:
        while True:
            if ended := self._end_by_request() or self._end_by_budget():
                return ended
            try:
                has_moved = self._move()
            except AskedToEnd:
                continue
            except (Failed, Forbidden, Withheld, Delayed, Barred, Uncertain) as refusal:
                if isinstance(refusal, Barred) and self._course.about.when_refused not in ("forgo", "fail-last"):
                    raise  # a person makes the guard hold again, and the run waits for that
                if ended := self._heed_refusal(self._course.about, refusal):
                    return ended
                continue
            if has_moved:
                continue
            if self._tasks:
                self._aside.rest(self._until_next())
            elif self._held:
                raise self._pause_for_held()
            else:
                return self._finish()

    def _move(self) -> bool:
        """Take on what is ready, and let go on whose time has come; whether anything moved."""
        readiness = readiness_of(self._plan, self._journal.state(), self._held)
        for step, why in readiness.given_up:
            self._journal.append(StepForgone(step=step.id, why=why))
        self._take_on(readiness.ready)
        return self._go_on() or bool(readiness.given_up)

    def _take_on(self, ready: tuple[Step, ...]) -> None:
        """Begin every step that is ready and not under way, each by its hand; what only waits shares one look at the world."""
        under_way = {task.step.id for task in self._tasks if task.step}
        fresh = [step for step in ready if step.id not in under_way]
        self._pool = tuple(
            step for step in fresh if isinstance(step.action, WaitOrder) and not self._waits.is_new(step)
        )
        now = self._doors.timing.monotonic()
        works = [(step, self._work_of(step)) for step in fresh if step not in self._pool]
        self._tasks += [_Task(step, self._verdict.renew_before(step, work), now, step) for step, work in works]
        if self._pool and not any(task.step is None for task in self._tasks):
            self._tasks.append(_Task(None, self._waits.look_at(lambda: self._pool), now, self._pool[0]))

    def _work_of(self, step: Step) -> Slowly[None]:
        """The work of a step, by the hand of its world."""
        action = step.action
        match action:
            case WaitOrder():
                return self._waits.ask_at_once(step)
            case AwaitApproval():
                return self._approval.wait(step, action)
            case Validate():
                return self._validation.make_so(step, action)
            case AnchorJournal():
                return self._aws.anchor(step, action)
            case AwsOrder():
                return self._aws.make_so(step, action)
            case ChangeSql():
                return self._sql.make_so(step, action)
            case LoadRows():
                return self._sql.load(step, action)
            case CarryTables():
                return self._sql.carry(step, action)
            case NameDatabase():
                return self._sql.name(step, action)
            case SqlOrder():
                return self._sql.serve(step, action)
            case FetchExport() | LoadScratch() | JudgeScratch() | ClearScratch():
                return self._exports.make_so(step, action)
            case ArchiveOrder():
                return self._archives.make_so(step, action)
            case PausePool():
                return self._pools.hold(step, action)
            case ResumePool():
                return self._pools.let_go(step, action)
            case RunCommand():
                return self._commands.make_so(step, action)
            case _:
                assert_never(action)

    def _go_on(self) -> bool:
        """Let every task go on whose time has come, or which is called by what it does beside; whether there was one."""
        now, called = self._doors.timing.monotonic() + _TICK, self._aside.calling
        due = [task for task in self._tasks if task.due <= now or (task.step and task.step.id in called)]
        for task in due:
            self._course.about = task.about
            try:
                pause = next(task.work)
            except StopIteration:
                self._tasks.remove(task)
            except BaseException:
                self._tasks.remove(task)
                raise
            else:
                task.due, task.about = self._doors.timing.monotonic() + pause, self._course.about
        return bool(due)

    def _until_next(self) -> float:
        """Seconds until the next task goes on, or the gap has lasted for too long."""
        pause = min(task.due for task in self._tasks) - self._doors.timing.monotonic()
        left = self._budget_left()
        return pause if left is None else max(0.0, min(pause, left.total_seconds()))

    def _budget_left(self) -> timedelta | None:
        """How much longer the gap may last; ``None`` where the run is in none, or goes back by itself no more."""
        state = self._journal.state()
        gap = gap_open(self._plan, state)
        began = state.step(gap.opens).began if gap else None
        return gap.budget - (self._doors.timing.now() - began) if gap and began else None

    def _end_by_budget(self) -> RunState | None:
        """End the run where its gap has lasted for too long; the state of the run that ended."""
        left = self._budget_left()
        if left is None or left > timedelta(0) or self._doors.is_stopping():
            return None
        step = next((task.step for task in self._tasks if task.step), None)
        seen = self._course.seen.get(step.id, "") if step else ""
        at = f" at the step {step.id}{f' ({seen})' if seen else ''}" if step else ""
        why = f"the traffic has not moved within {span_in_words(self._budget())}: it stands{at}"
        return self.leave_gap(Paused(why))

    def _budget(self) -> timedelta:
        return self._plan.gap.budget if self._plan.gap else timedelta(0)

    def leave_gap(self, error: DaybreakError) -> RunState | None:
        """End a run that something stopped in its gap, where nobody has written in the clone: then all of it is taken back.

        ``None`` where the run is in no gap, or a person stopped it. Raises ``Paused`` where somebody has written there, or nobody
        can say: then a person decides, and nothing goes back by itself from there on.
        """
        gap = gap_open(self._plan, self._journal.state())
        if gap is None or self._doors.is_stopping():
            return None
        words = self._words_on_clone(gap)
        if words == "":
            self._journal.append(RunFinished(outcome="failed", why=f"{error.message}; nobody has written in the clone"))
            return self._journal.state()
        found = words or "whether clients have written there could not be asked"
        why = f"{error.message}; nothing goes back by itself, since the clone may serve already: {found}"
        self._record(RunWarned(about=ABOUT_GAP, why=why))
        waits = gap.closes if self._journal.state().step(gap.closes).status != "waiting" else ""
        run = self._plan.run
        ways = (f"go on: daybreak resume {run}", f"go on without waiting: daybreak resume {run} --without {waits}")
        back = f"or go back, and leave those writes in the clone: daybreak rollback {run}"
        raise Paused(why, *error.hints, *ways[: 2 if waits else 1], back)

    def _words_on_clone(self, gap: Gap) -> str | None:
        """What was written in the clone since it was counted, in words; ``None`` where that cannot be asked."""
        guard, swap = gap.unwritten, swap_in(self._plan)
        lookout = self._doors.place(guard.thing.region).lookout
        try:
            # Where names move, its name may be the source's by now, or on its way.
            clone = lookout.cluster_of_id(swap.clone_id) if swap else lookout.thing(guard.thing)
        except DaybreakError:
            return None
        return self._looker.words_on_writes(guard, clone) if isinstance(clone, Cluster) else None

    def _heed_refusal(self, step: Step, refusal: DaybreakError) -> RunState | None:
        """Fail the run, pause it, or hold the step up, as the plan says; the state of a run that failed.

        A step that the others can do without stops none of them, whatever keeps it: not even an outcome that nobody knows.
        """
        is_left = isinstance(refusal, Failed | Barred) if step.when_refused == "forgo" else isinstance(refusal, Barred)
        if step.when_refused in ("forgo", "fail-last") and is_left:
            self._journal.append(StepForgone(step=step.id, why=refusal.message, hints=refusal.hints))
            return None
        if step.when_refused == "fail-last" and isinstance(refusal, Failed):
            self._journal.append(StepFailed(step=step.id, why=refusal.message, hints=refusal.hints))
            return None
        if ended := self.leave_gap(refusal):
            return ended
        if isinstance(refusal, Gone) or (isinstance(refusal, Failed) and step.when_refused == "fail"):
            return self._fail(refusal)
        if step.when_refused == "fail" or (step.when_refused == "pause" and isinstance(refusal, Uncertain)):
            raise refusal
        if step.when_refused == "pause":
            raise Paused(refusal.message, *refusal.hints, f"then go on: daybreak resume {self._plan.run}") from refusal
        self._held[step.id] = refusal
        self._journal.append(StepHeldUp(step=step.id, why=refusal.message, hints=refusal.hints))
        return None

    def _finish(self) -> RunState:
        state = self._journal.state()
        if state.ended is None:
            took = self._doors.timing.now() - state.began
            failed = next((step for step in self._plan.steps if state.step(step.id).status == "failed"), None)
            if failed is not None:
                why = state.step(failed.id).note
                self._journal.append(RunFinished(outcome="failed", measured=Measured(rto=took), why=why))
            else:
                verdict, measured = self._final_verdict(state, took)
                self._journal.append(RunFinished(outcome="done", verdict=verdict, measured=measured))
        return self._journal.state()

    def _pause_for_held(self) -> Paused | Uncertain:
        """The pause for the steps that came to nothing so far, once all the others are through; first what nobody knows."""
        first, *others = sorted(self._held.values(), key=lambda each: not isinstance(each, Uncertain))
        why = first.message + (f" (and {len(others)} more)" if others else "")
        why += "; the data was validated without it" if times_of(self._plan, self._journal.state()).judged else ""
        hints = dict.fromkeys(hint for refusal in (first, *others) for hint in refusal.hints)
        kind = Uncertain if isinstance(first, Uncertain) else Paused
        return kind(why, *hints, f"try again: daybreak resume {self._plan.run}")

    def _final_verdict(self, state: RunState, took: timedelta) -> tuple[Verdict | None, Measured]:
        validations = [(step, step.action) for step in self._plan.steps if isinstance(step.action, Validate)]
        if not validations:
            return verdict_on_export(self._plan, state.findings), Measured(rto=took)
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

    def stop(self, error: DaybreakError) -> RunState:
        """End the run where it can be taken back by itself, else pause it: record why, and raise."""
        try:
            ended = self.leave_gap(error)
        except Paused as paused:
            return self.pause(paused)
        return ended or self.pause(error)

    def pause(self, error: DaybreakError) -> RunState:
        """Record why the run stopped, as far as the journal still takes it, and raise."""
        stopped = self._doors.is_stopping()
        code = ExitCode.INTERRUPTED if stopped else error.exit_code
        self._record(RunPaused(why=error.message, exit_code=int(code), hints=error.hints))
        state = self._journal.state()
        # Once clients have written in the clone, the pause asks about that, with the same commands.
        closed = "" if ABOUT_GAP in state.warned else words_on_closed(self._plan, state)
        if stopped:
            hints = (closed or f"daybreak resume {self._plan.run}",)
            raise Interrupted("stopped; the run can be resumed", *hints) from error
        error.hints = (*error.hints, closed) if closed else error.hints
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
            if asked.unreadable:
                self._warn_of(asked)
            elif asked.request == ABORT:
                self._journal.append(RunAborted(by=asked.by, why=asked.why))
                return self._journal.state()
            elif asked.approval is not None and not is_recorded(asked.approval, state):
                self._journal.append(asked.approval)
        if self._doors.is_stopping():
            raise Paused("asked to stop")
        return None

    def _warn_of(self, asked: Message) -> None:
        """Say once that a request cannot be read, and go on; but where somebody may want the run's end, a person is asked."""
        run = self._plan.run
        if asked.request == ABORT:
            hint = "remove it; then ask again, or go on"
            raise Paused(asked.unreadable, hint, f"daybreak abort {run}", f"daybreak resume {run}")
        about = f"request {asked.request}"
        if about not in self._journal.state().warned:
            self._journal.append(RunWarned(about=about, why=f"{asked.unreadable}: it is left alone"))
