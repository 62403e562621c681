"""The hand that asks: it waits until a person approves the plan as it stands."""

from __future__ import annotations

from datetime import timedelta

from daybreak.assess.approving import approval_of, disapproval_of
from daybreak.errors import Paused
from daybreak.execute.doors import Progress
from daybreak.execute.hands.course import Course
from daybreak.execute.slowly import Slowly
from daybreak.model.actions import AwaitApproval
from daybreak.model.moment import span_in_words
from daybreak.model.plan import Step
from daybreak.model.run import StepDone, StepIntended, StepSeen
from daybreak.model.value import iso


class ApprovalHand:
    """Waits for the approvals of one plan."""

    def __init__(self, course: Course) -> None:
        self._plan, self._journal = course.plan, course.journal
        self._doors, self._looker = course.doors, course.looker
        self._seen: dict[str, str] = {}

    def wait(self, step: Step, action: AwaitApproval) -> Slowly[None]:
        """Wait until the plan is approved; raises ``Paused`` once that has been waited for too long."""
        if self._journal.state().step(step.id).status == "waiting":
            self._journal.append(StepIntended(step=step.id, attempt=1))
        since = self._doors.timing.monotonic()
        while (given := approval_of(self._looker.approvals(), by_another=action.by_another)) is None:
            self._report(step, action, timedelta(seconds=self._doors.timing.monotonic() - since))
            yield self._looker.between_looks
        result = {"by": given.by, "caller": given.caller, "until": iso(given.expires)}
        self._journal.append(StepDone(step=step.id, result=result))

    def _report(self, step: Step, action: AwaitApproval, waited: timedelta) -> None:
        """Report why there is no approval that counts; raises ``Paused`` once that is waited for too long."""
        missing = disapproval_of(self._looker.approvals(), by_another=action.by_another)
        why, hints = (missing.why, missing.hints) if missing else ("", ())
        since = self._journal.state().step(step.id).began or self._doors.timing.now()
        seen = "; ".join((why, *hints))
        if seen != self._seen.get(step.id):  # whoever watches from elsewhere reads it in the journal
            self._seen[step.id] = seen
            self._journal.append(StepSeen(step=step.id, seen=seen))
        self._doors.progress(Progress(step=step.id, seen=seen, since=since))
        if waited >= action.within:
            what = f"step {step.id}: {why}, and it was waited for {span_in_words(action.within)}"
            raise Paused(what, *hints, f"then go on: daybreak resume {self._plan.run}")
