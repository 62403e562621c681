"""The hand for exports: what is fetched, loaded and judged in a scratch database, beside the walk.

Nothing changes but the run's own folder and a scratch database that carries its mark, so nothing has to be resolved: what is
missing there is made again. Where scratch stands at a cluster, that is looked at right before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from daybreak.errors import Failed
from daybreak.execute.beside import News, Recorded, WorkResult
from daybreak.execute.hands.beside import carry_to_record
from daybreak.execute.hands.course import Course
from daybreak.execute.refusals import Gone
from daybreak.execute.slowly import Slowly
from daybreak.model.actions import ClearScratch, ExportWork, FetchExport, JudgeScratch, LoadScratch, ScratchOrder
from daybreak.model.plan import Step
from daybreak.model.run import StepDone, StepIntended
from daybreak.model.things import Thing
from daybreak.model.world import Cluster
from daybreak.postgres.leash import Leash


def cluster_for(course: Course, step: Step, name: str, region: str | None) -> Slowly[Cluster]:
    """A cluster as it is now, where the step's guards hold; raises as ``hold_to_guards`` does, and where it is gone."""
    thing = Thing(kind="cluster", name=name, region=region or course.doors.home.aws.region)
    seen = yield from course.looker.hold_to_guards(step, thing, changes=(name,))
    found = seen[thing]
    if not isinstance(found, Cluster):
        raise Gone(f"step {step.id}: {thing.words()} is gone", "someone may have deleted it")
    if not found.endpoint:
        raise Failed(f"step {step.id}: {thing.words()} has no endpoint", "look at its status: daybreak status")
    return found


class ExportHand:
    """Works with the export of one plan."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._journal, self._doors = course.journal, course.doors

    def make_so(self, step: Step, action: ExportWork) -> Slowly[None]:
        """Do it, and record what it comes to; raises ``Rejected`` for a definite no, and ``Unreachable`` for what passes."""
        cluster = yield from self._cluster_of(step, action)
        attempt = self._journal.state().step(step.id).attempts + 1
        self._journal.append(StepIntended(step=step.id, attempt=attempt))

        def work(hand_over: Callable[[News], None], leash: Leash) -> WorkResult:
            return self._work(action, cluster, hand_over, leash)

        outcome = yield from carry_to_record(self._course, step, work)
        self._journal.append(StepDone(step=step.id, result=outcome.model_dump(mode="json")))

    def _cluster_of(self, step: Step, action: ExportWork) -> Slowly[Cluster | None]:
        """The cluster at which scratch stands as it is now; ``None`` for this machine. Raises as ``hold_to_guards`` does."""
        if not isinstance(action, ScratchOrder) or action.at is None:
            yield from self._course.looker.hold_to_guards(step)
            return None
        return (yield from cluster_for(self._course, step, action.at.cluster, action.region))

    def _work(
        self, action: ExportWork, cluster: Cluster | None, hand_over: Callable[[News], None], leash: Leash
    ) -> Recorded:
        door = self._doors.exports
        match action:
            case FetchExport():
                return door.fetch(action, hand_over, leash)
            case LoadScratch():
                return door.load(action, cluster, hand_over, leash)
            case JudgeScratch():
                return door.judge(action, cluster, hand_over, leash)
            case ClearScratch():
                return door.clear(action, cluster, leash)
            case _:
                assert_never(action)
