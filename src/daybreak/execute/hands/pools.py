"""The hand for pools: it holds their clients before a fence, and lets them go on when the traffic has moved.

A pause is for the clients' sake and for nothing else: the fence holds without it. So a pool whose transactions do not end in time is let
go, and the run goes on; whoever reads the run sees that clients met the fence.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from daybreak.assess.moves import Again
from daybreak.errors import Bug, Failed, Refused, Unreachable
from daybreak.execute.beside import News, PoolGoes, PoolHeld, Staged, Thwarted, Work, WorkResult
from daybreak.execute.doors import Progress
from daybreak.execute.hands.course import Course
from daybreak.execute.programs import is_here, send
from daybreak.execute.refusals import Rejected, Withheld
from daybreak.execute.slowly import Slowly
from daybreak.execute.writing import is_definite
from daybreak.model.actions import PausePool, PoolOrder, ResumePool
from daybreak.model.attempts import StepStarted
from daybreak.model.moment import span_in_words
from daybreak.model.plan import Step
from daybreak.model.run import RunWarned, StepDone, StepIntended
from daybreak.postgres.leash import Leash

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
"""Seconds between two tries: clients may be waiting."""


class PoolHand:
    """Holds and lets go the pools' clients of one plan."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._plan, self._journal = course.plan, course.journal
        self._doors, self._looker = course.doors, course.looker

    def hold(self, step: Step, action: PausePool) -> Slowly[None]:
        """Hold the clients, or say that they are not held; raises ``Rejected``, ``Withheld`` or ``Delayed`` of this step alone."""
        self._send_home(action)  # an earlier process's keeper would let them go in the middle
        self._intend(step, action, "PAUSE")
        pools = self._doors.pools
        outcome = yield from self._patiently(
            step, lambda hand_over, leash: pools.pause(action, hand_over, leash), lambda each: self._start(step, each)
        )
        if not isinstance(outcome, PoolHeld):
            message = f"a pause came to {outcome!r}"
            raise Bug(message)
        if not outcome.is_held:
            words = f"{action.pool.words()} is not held: {outcome.why}; its clients see errors from the fence on"
            self._journal.append(RunWarned(about=f"pause of step {step.id}", why=words))
        self._journal.append(StepDone(step=step.id, result={"held": outcome.is_held}))

    def let_go(self, step: Step, action: ResumePool) -> Slowly[None]:
        """Let the clients go on where the pool should point by now; raises as ``hold`` does."""
        self._intend(step, action, "RESUME")
        pools = self._doors.pools

        def work(hand_over: Callable[[News], None], leash: Leash) -> WorkResult:
            # Not before the guards are asked: whoever goes on must meet the side that takes writes.
            Staged(None).await_record(hand_over, leash)
            return pools.resume(action, leash)

        outcome = yield from self._patiently(step, work, lambda each: self._start(step, each))
        if not isinstance(outcome, PoolGoes):
            message = f"letting go came to {outcome!r}"
            raise Bug(message)
        self._send_home(action)
        if not outcome.was_held and self._was_held(action):
            self._journal.append(RunWarned(about=f"limit of step {step.id}", why=self._words_on_release(action)))
        self._journal.append(StepDone(step=step.id, result={"held": outcome.was_held}))

    def _intend(self, step: Step, action: PoolOrder, order: str) -> None:
        attempt = self._journal.state().step(step.id).attempts + 1
        call = {"pool": f"{action.pool.host}:{action.pool.port}", "order": f"{order} {action.pool.database}"}
        self._journal.append(StepIntended(step=step.id, attempt=attempt, call=call))

    def _start(self, step: Step, about_to: Staged) -> Slowly[None]:
        """Let the order leave, where the guards hold and whoever lets the clients go in time is in the journal."""
        yield from self._looker.hold_to_guards(step)
        self._looker.heed()
        if about_to.process is not None:
            self._journal.append(StepStarted(step=step.id, process=about_to.process))
        about_to.is_recorded.set()

    def _patiently(
        self, step: Step, work: Work, stage: Callable[[Staged], Slowly[None]]
    ) -> Slowly[PoolHeld | PoolGoes | WorkResult]:
        """Do the work beside, and again while the console does not answer."""
        began, pause = self._doors.timing.monotonic(), _FIRST_PAUSE
        since = self._doors.timing.now()

        def try_it(hand_over: Callable[[News], None], leash: Leash) -> WorkResult:
            try:
                return work(hand_over, leash)
            except (Unreachable, Refused, Failed) as error:
                return Thwarted(error)

        def take(news: News) -> None:
            self._doors.progress(Progress(step=step.id, seen=str(news), since=since))

        while True:
            outcome = yield from self._course.aside.carry(step, try_it, take, stage)
            if not isinstance(outcome, Thwarted):
                return outcome
            error = outcome.error
            if isinstance(error, Failed):
                raise Rejected(f"step {step.id}: {error.message}", *error.hints) from error
            if isinstance(error, Refused) or is_definite(error):
                raise Withheld(f"step {step.id}: {error.message}", *error.hints) from error
            yield self._looker.pause_before(step, Again(pause=pause, why=error.message, counts=False), since=began)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _words_on_release(self, action: ResumePool) -> str:
        """That the clients were not held until this step, and why, as far as the time shows it."""
        state, pool = self._journal.state(), action.pool
        ends = [ended for each in self._pauses(action) if (ended := state.step(each.id).ended) is not None]
        limit = span_in_words(pool.pause)
        if ends and self._doors.timing.now() - max(ends) < pool.pause:
            return (
                f"the clients of {pool.words()} were let go before its limit of {limit}, and not by this run: somebody resumed it, or "
                "PgBouncer was started anew; they saw errors until this step"
            )
        return f"the clients of {pool.words()} went on by themselves after {limit}, its limit, and saw errors until this step"

    def _was_held(self, action: PoolOrder) -> bool:
        state = self._journal.state()
        return any(state.step(each.id).result.get("held") for each in self._pauses(action))

    def _pauses(self, action: PoolOrder) -> list[Step]:
        return [
            each for each in self._plan.steps if isinstance(each.action, PausePool) and each.action.pool == action.pool
        ]

    def _send_home(self, action: PoolOrder) -> None:
        """End the processes that would let the clients go in time, as far as this machine has them: they are cared for."""
        state = self._journal.state()
        for each in self._pauses(action):
            mark = state.step(each.id).process
            if mark is not None and is_here(mark):
                send(mark, signal.SIGTERM)
