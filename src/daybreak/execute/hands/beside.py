"""Work beside the walk that comes to a record: its findings and words are taken meanwhile, and a definite no is the step's."""

from __future__ import annotations

from collections.abc import Callable

from daybreak.errors import Bug, Failed, Refused
from daybreak.execute.beside import News, Recorded, Staged, Work
from daybreak.execute.doors import Progress
from daybreak.execute.hands.course import Course
from daybreak.execute.refusals import Rejected
from daybreak.execute.sidework import stages_nothing
from daybreak.execute.slowly import Slowly
from daybreak.model.findings import Finding
from daybreak.model.plan import Step
from daybreak.model.run import FindingMade

_Stage = Callable[[Staged], Slowly[None]]


def carry_to_record(course: Course, step: Step, work: Work, stage: _Stage = stages_nothing) -> Slowly[Recorded]:
    """Do the work of a step whose intent is in the journal; what it comes to, which the caller records.

    Raises ``Rejected`` for a definite no, and ``Unreachable`` for what passes.
    """
    began = course.doors.timing.now()

    def take(news: News) -> None:
        match news:
            case Finding():
                course.journal.append(FindingMade(step=step.id, finding=news))
            case str():
                course.seen[step.id] = news
                course.doors.progress(Progress(step=step.id, seen=news, since=began))
            case _:
                message = f"{step.id} handed over {news!r}"
                raise Bug(message)

    try:
        outcome = yield from course.aside.carry(step, work, take, stage)
    except (Refused, Failed) as error:
        raise Rejected(f"step {step.id}: {error.message}", *error.hints) from error
    if not isinstance(outcome, Recorded):
        message = f"the work of {step.id} came to {outcome!r}"
        raise Bug(message)
    return outcome
