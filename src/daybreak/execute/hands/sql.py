"""The hand for databases: it changes something inside one, or loads rows beside the walk.

Run twice, a change leaves one effect: the look in its transaction finds what is there. The number of the transaction is in the
journal before the commit leaves, so after a lost commit the server is asked what became of it, and nobody guesses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from daybreak.assess.moves import Again
from daybreak.errors import Bug, DaybreakError, Failed, Paused, Refused, Unreachable
from daybreak.execute.beside import Loaded, News, Staged, WorkResult
from daybreak.execute.doors import Doors, Progress, SqlDoor
from daybreak.execute.hands.course import Course
from daybreak.execute.record import Record
from daybreak.execute.refusals import Gone, Rejected, Withheld
from daybreak.execute.slowly import Slowly
from daybreak.execute.writing import is_committed, is_definite
from daybreak.model.actions import ChangeSql, LoadRows, SqlOrder
from daybreak.model.plan import Step
from daybreak.model.run import StepDone, StepIntended, StepReached, StepStaged, StepUncertain
from daybreak.model.things import Thing
from daybreak.model.world import Cluster
from daybreak.postgres.leash import Leash

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


@dataclass(frozen=True)
class _Load:
    """A load that is under way."""

    step: Step
    journal: Record
    doors: Doors
    began: datetime

    def take(self, news: News) -> None:
        """Record a part before its commit, so that the work may commit it, and after it; report how far it is."""
        match news:
            case Staged(transaction=number, place=place, rows=rows):
                self.journal.append(StepStaged(step=self.step.id, transaction=number, place=place, rows=rows))
                news.is_recorded.set()
            case Loaded(place=place, rows=rows):
                self.journal.append(StepReached(step=self.step.id, place=place, rows=rows))
            case str():
                self.doors.progress(Progress(step=self.step.id, seen=news, since=self.began))
            case _:
                message = f"a load handed over {news!r}"
                raise Bug(message)

    def conclude(self, outcome: WorkResult) -> None:
        """Record that all rows are there."""
        if not isinstance(outcome, Loaded):
            message = f"a load came to {outcome!r}"
            raise Bug(message)
        self.journal.append(StepDone(step=self.step.id, result={"rows": outcome.rows, "bytes": outcome.place}))


class SqlHand:
    """Changes something inside the databases of one plan."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._plan, self._journal = course.plan, course.journal
        self._doors, self._looker = course.doors, course.looker

    def make_so(self, step: Step, action: ChangeSql) -> Slowly[None]:
        """Make the change so, or raise: ``Failed``, ``Paused``. Where it is there already, nothing is changed."""
        attempt = self._journal.state().step(step.id).attempts + 1
        self._journal.append(StepIntended(step=step.id, attempt=attempt, call=_call_of(action)))
        door = self._doors.place(action.region).sql

        def change(cluster: Cluster) -> bool:
            if (staged := self._doubt(step)) and self._was_committed(door, action, cluster, staged):
                return False
            return door.change(action, cluster, lambda number: self._stage(step, number))

        is_changed = yield from self._patiently(step, action, change)
        staged = self._doubt(step)
        result = {"transaction": staged.transaction} if staged else {}
        self._journal.append(StepDone(step=step.id, was_adopted=not is_changed, result=result))

    def begin_to_load(self, step: Step, action: LoadRows) -> Slowly[None]:
        """Record the intent, and load beside the walk from the place that is certain."""
        attempt = self._journal.state().step(step.id).attempts + 1
        self._journal.append(StepIntended(step=step.id, attempt=attempt, call=_call_of(action)))
        door, staged = self._doors.place(action.region).sql, self._doubt(step)

        def settle(cluster: Cluster) -> Cluster:
            number = staged.transaction if staged else None
            if staged and number and is_committed(door.fate(action, cluster, number), number):
                self._journal.append(StepReached(step=step.id, place=staged.place or 0, rows=staged.rows or 0))
            return cluster

        cluster = yield from self._patiently(step, action, settle)
        reached = self._journal.state().step(step.id)

        def work(hand_over: Callable[[News], None], leash: Leash) -> WorkResult:
            return door.load(action, cluster, Loaded(reached.place, reached.rows), hand_over, leash)

        now = self._doors.timing.now()
        self._course.aside.begin(_Load(step, self._journal, self._doors, now), work)

    def _doubt(self, step: Step) -> StepStaged | None:
        """What an earlier try was about to commit, and of which nobody knows what became."""
        return self._journal.state().step(step.id).staged

    def _stage(self, step: Step, number: str | None) -> None:
        self._looker.heed()  # a person who ends the run here ends it before the commit
        self._journal.append(StepStaged(step=step.id, transaction=number))

    @staticmethod
    def _was_committed(door: SqlDoor, action: ChangeSql, cluster: Cluster, staged: StepStaged) -> bool:
        """Whether what was staged is there; where the server cannot know any more, the look of the change shows it."""
        fate = door.fate(action, cluster, staged.transaction) if staged.transaction else None
        return fate is not None and is_committed(fate, staged.transaction)

    def _cluster_of(self, step: Step, action: SqlOrder) -> Slowly[Cluster]:
        """The action's cluster as it is now, where the step's guards hold; raises as ``hold_to_guards`` does."""
        region = action.region or self._doors.home.aws.region
        thing = Thing(kind="cluster", name=action.cluster, region=region)
        seen = yield from self._looker.hold_to_guards(step, thing, changes=(action.cluster,))
        found = seen[thing]
        if not isinstance(found, Cluster):
            raise Gone(f"step {step.id}: {thing.words()} is gone", "someone may have deleted it")
        if not found.endpoint:
            raise Failed(f"step {step.id}: {thing.words()} has no endpoint", "look at its status: daybreak status")
        return found

    def _patiently(self, step: Step, action: SqlOrder, ask: Callable[[Cluster], T]) -> Slowly[T]:
        """Ask, and again while the server cannot, each time right after a look; a definite no pauses the run or fails the step."""
        began, pause = self._doors.timing.monotonic(), _FIRST_PAUSE
        while True:
            cluster = yield from self._cluster_of(step, action)
            try:
                return ask(cluster)
            except Paused:
                raise  # the run's own: a person wants it to stop, or the journal takes nothing more
            except (Unreachable, Refused) as error:
                if isinstance(error, Refused) or is_definite(error):
                    raise self._withheld(step, error) from error
                if self._journal.state().step(step.id).status == "staged":
                    self._journal.append(StepUncertain(step=step.id, why=error.message))
                again = Again(pause=pause, why=error.message, counts=False)
                yield self._looker.pause_before(step, again, since=began)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except Failed as error:
                raise Rejected(f"step {step.id}: {error.message}", *error.hints) from error

    def _withheld(self, step: Step, error: DaybreakError) -> Withheld:
        hints = (*error.hints, f"then go on: daybreak resume {self._plan.run}")
        return Withheld(f"step {step.id}: {error.message}", *hints)


def _call_of(action: ChangeSql | LoadRows) -> dict[str, Any]:
    """What is sent, as the journal keeps it."""
    where = {"cluster": action.cluster, "database": action.database, "role": action.role}
    if isinstance(action, ChangeSql):
        return where | {"statement": action.change.text}
    return where | {"copy": ".".join(action.table), "file": action.file}
