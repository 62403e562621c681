"""The hand for archives: a clone is dumped, what was dumped is stored and described, and what is past its time is removed, beside the walk.

What is begun in a bucket, and what is about to be completed there, is in the journal before it leaves; whoever comes later asks the
bucket by that what became of it. The guards are asked right before each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from daybreak.errors import Bug
from daybreak.execute.beside import News, Recorded, Staged, WorkResult
from daybreak.execute.hands.beside import carry_to_record
from daybreak.execute.hands.course import Course
from daybreak.execute.hands.exports import cluster_for
from daybreak.execute.slowly import Slowly
from daybreak.model.actions import (
    ArchiveWork,
    BucketOrder,
    ClearDump,
    DumpDatabase,
    EndUpload,
    RemoveArchive,
    StoreArchive,
    StoreManifest,
)
from daybreak.model.archives import ArchiveStored, UploadEnded
from daybreak.model.attempts import StepStaged
from daybreak.model.plan import Step
from daybreak.model.run import StepDone, StepIntended
from daybreak.postgres.leash import Leash


class ArchiveHand:
    """Makes the archive of one plan."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._journal, self._doors = course.journal, course.doors

    def make_so(self, step: Step, action: ArchiveWork) -> Slowly[None]:
        """Do it, and record what it comes to; raises ``Rejected`` for a definite no, and ``Unreachable`` for what passes."""
        if isinstance(action, DumpDatabase):
            yield from self._dump(step, action)
        elif isinstance(action, StoreArchive):
            yield from self._store(step, action)
        else:
            self._intend(step, action)
            yield from self._course.looker.hold_to_guards(step)
            self._course.looker.heed()

            def work(_hand_over: Callable[[News], None], _leash: Leash) -> WorkResult:
                return self._work(action)

            self._conclude(step, (yield from carry_to_record(self._course, step, work)))

    def _work(self, action: StoreManifest | ClearDump | EndUpload | RemoveArchive) -> Recorded:
        door = self._doors.archives
        match action:
            case StoreManifest():
                return door.describe(action, self._record_of_archive())
            case ClearDump():
                return door.clear(action)
            case EndUpload():
                return door.end(action)
            case RemoveArchive():
                return door.remove(action)
            case _:
                assert_never(action)

    def _dump(self, step: Step, action: DumpDatabase) -> Slowly[None]:
        self._intend(step, action)
        cluster = yield from cluster_for(self._course, step, action.cluster, action.region)

        def work(hand_over: Callable[[News], None], leash: Leash) -> WorkResult:
            return self._doors.archives.dump(action, cluster, hand_over, leash)

        self._conclude(step, (yield from carry_to_record(self._course, step, work)))

    def _store(self, step: Step, action: StoreArchive) -> Slowly[None]:
        """Store the archive, unless it is there already; where its file is not here any more, the clone is dumped anew."""
        self._intend(step, action)
        yield from self._course.looker.hold_to_guards(step)
        door, known = self._doors.archives, self._journal.state().step(step.id).staged
        if known is not None and known.stored is not None:
            doubted = known

            def look(_hand_over: Callable[[News], None], _leash: Leash) -> WorkResult:
                return door.look_for_archive(action, doubted) or UploadEnded(uploads=0)

            found = yield from carry_to_record(self._course, step, look)
            if isinstance(found, ArchiveStored):
                self._journal.append(StepDone(step=step.id, was_adopted=True, result=found.model_dump(mode="json")))
                return
        made = self._step_of_dump()
        dump = made.action
        if not isinstance(dump, DumpDatabase):
            message = f"{made.id} dumps nothing"
            raise Bug(message)
        cluster = None
        if not door.is_dumped(dump):
            cluster = yield from cluster_for(self._course, made, dump.cluster, dump.region)
            # Parts of another file are no parts of this one.
            known = known.model_copy(update={"upload": None}) if known else None

        def work(hand_over: Callable[[News], None], leash: Leash) -> WorkResult:
            return door.store(action, door.dump(dump, cluster, hand_over, leash), known, hand_over, leash)

        outcome = yield from carry_to_record(self._course, step, work, lambda each: self._stage(step, each))
        self._conclude(step, outcome)

    def _stage(self, step: Step, about_to: Staged) -> Slowly[None]:
        """Record what was begun or is about to be completed, where the guards hold and nobody wants the end: then it goes on."""
        yield from self._course.looker.hold_to_guards(step)
        self._course.looker.heed()
        staged = StepStaged(step=step.id, transaction=None, upload=about_to.upload, stored=about_to.stored)
        self._journal.append(staged)
        about_to.is_recorded.set()

    def _intend(self, step: Step, action: ArchiveWork) -> None:
        attempt = self._journal.state().step(step.id).attempts + 1
        call = {"object": action.place.address} if isinstance(action, BucketOrder) else None
        self._journal.append(StepIntended(step=step.id, attempt=attempt, call=call))

    def _conclude(self, step: Step, outcome: Recorded) -> None:
        self._journal.append(StepDone(step=step.id, result=outcome.model_dump(mode="json")))

    def _step_of_dump(self) -> Step:
        return next(step for step in self._course.plan.steps if isinstance(step.action, DumpDatabase))

    def _record_of_archive(self) -> ArchiveStored:
        """What the run stored, as its journal says it."""
        stored = next(step for step in self._course.plan.steps if isinstance(step.action, StoreArchive))
        return ArchiveStored.model_validate(self._journal.state().step(stored.id).result)
