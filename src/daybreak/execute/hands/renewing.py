"""The hand that asks a verdict again before anything is changed on its word: waiting for a yes makes it old.

The law: a verdict that is too old is never acted on, and one that can be asked again refuses nothing. It is asked while the clone is
still as it was judged: what the run changes there first would be found, and called unfit.
"""

from __future__ import annotations

from collections.abc import Callable

from daybreak.errors import Bug, DaybreakError
from daybreak.execute.beside import News, Thwarted, WorkResult
from daybreak.execute.doors import Progress
from daybreak.execute.hands.course import Course
from daybreak.execute.refusals import Rejected, Withheld
from daybreak.execute.sidework import stages_nothing
from daybreak.execute.slowly import Slowly
from daybreak.model.actions import AwaitApproval
from daybreak.model.cutover import VerdictSeen
from daybreak.model.findings import Standing
from daybreak.model.news import VerdictRenewed
from daybreak.model.plan import Step
from daybreak.model.requests import CutoverRequest
from daybreak.plan.refusing import NEWS
from daybreak.postgres.leash import Leash

Judge = Callable[[Callable[[str], None], Leash], VerdictSeen]


class VerdictHand:
    """Asks the verdict again that one plan goes by."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._plan, self._journal, self._doors = course.plan, course.journal, course.doors

    def renew_before(self, step: Step, work: Slowly[None]) -> Slowly[None]:
        """Do a step's work, with a verdict that is new: asked again where it is too old, and nothing was changed yet.

        Raises ``Rejected`` where the clone is fit no more, and ``Withheld`` where it could not be asked.
        """
        request, judge = self._plan.request, self._doors.judge
        if isinstance(request, CutoverRequest) and judge and self._is_first(step):
            renewed = self._journal.state().judged
            at = max(request.verdict.at, renewed.at) if renewed else request.verdict.at
            if self._doors.timing.now() - at > NEWS:
                yield from self._renew(step, judge)
        yield from work

    def _is_first(self, step: Step) -> bool:
        """Whether nothing was begun so far that changes anything."""
        state = self._journal.state()
        others = (each for each in self._plan.steps if not isinstance(each.action, AwaitApproval))
        return not isinstance(step.action, AwaitApproval) and all(state.step(each.id).began is None for each in others)

    def _renew(self, step: Step, judge: Judge) -> Slowly[None]:
        self._course.about = step
        found = yield from self._ask(step, judge)
        self._journal.append(VerdictRenewed(standing=found.standing, at=found.at, scope=found.scope))
        if found.standing not in (Standing.FIT, Standing.WAIVED):
            raise Rejected(f"step {step.id}: asked again, the clone is {found.words()}; nothing was changed")

    def _ask(self, step: Step, judge: Judge) -> Slowly[VerdictSeen]:
        began = self._doors.timing.now()

        def work(hand_over: Callable[[News], None], leash: Leash) -> WorkResult:
            try:
                return judge(hand_over, leash)
            except DaybreakError as error:
                return Thwarted(error)

        def take(news: News) -> None:
            self._doors.progress(Progress(step=step.id, seen=f"asking the verdict again: {news}", since=began))

        outcome = yield from self._course.aside.carry(step, work, take, stages_nothing)
        if isinstance(outcome, Thwarted):
            why = f"step {step.id}: the verdict could not be asked again: {outcome.error.message}"
            raise Withheld(
                why, *outcome.error.hints, f"then go on: daybreak resume {self._plan.run}"
            ) from outcome.error
        if not isinstance(outcome, VerdictSeen):
            message = f"a verdict that was asked again came to {outcome!r}"
            raise Bug(message)
        return outcome
