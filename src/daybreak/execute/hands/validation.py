"""The hand that validates: it asks the clone beside the walk, and what it finds becomes events one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from daybreak.assess.ending import birth_recorded, moment_reached, moment_restored
from daybreak.errors import Bug
from daybreak.execute.beside import News, WorkResult
from daybreak.execute.doors import Doors, Progress, Scene
from daybreak.execute.hands.course import Course
from daybreak.execute.record import Record
from daybreak.execute.refusals import Gone
from daybreak.execute.sidework import stages_nothing
from daybreak.execute.slowly import Slowly
from daybreak.judge.verdict import scope_of, verdict_of
from daybreak.model.actions import Validate
from daybreak.model.findings import Finding, Measured
from daybreak.model.plan import Step
from daybreak.model.run import FindingMade, StepDone, StepIntended
from daybreak.model.things import Thing
from daybreak.model.world import Cluster, Instance
from daybreak.observe.settling import MOST_LOOKS, is_settled
from daybreak.plan.judgement import Judgement
from daybreak.plan.servers import login_recorded
from daybreak.postgres.leash import Leash


@dataclass(frozen=True)
class _Validation:
    """A validation that is under way."""

    step: Step
    action: Validate
    journal: Record
    doors: Doors
    began: datetime
    found: list[Finding] = field(default_factory=list)

    def take(self, news: News) -> None:
        """Record a finding; report how far it is."""
        if isinstance(news, Finding):
            self.journal.append(FindingMade(step=self.step.id, finding=news))
            self.found.append(news)
        elif isinstance(news, str):
            self.doors.progress(Progress(step=self.step.id, seen=news, since=self.began))

    def conclude(self, outcome: WorkResult) -> None:
        """Record the judgement."""
        if not isinstance(outcome, Measured):
            message = f"a validation measured {outcome!r}"
            raise Bug(message)
        verdict = verdict_of(self.found, scope_of(self.action))
        self.journal.append(StepDone(step=self.step.id, result=Judgement(measured=outcome, verdict=verdict).plain()))


class ValidationHand:
    """Validates the clone of one plan."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._plan, self._journal = course.plan, course.journal
        self._doors, self._looker = course.doors, course.looker

    def make_so(self, step: Step, action: Validate) -> Slowly[None]:
        """Record the intent, ask beside the walk, and record the judgement."""
        attempt = self._journal.state().step(step.id).attempts + 1
        self._journal.append(StepIntended(step=step.id, attempt=attempt))
        scene = yield from self._scene(step, action)
        database = self._doors.place(action.region).database

        def work(hand_over: Callable[[News], None], leash: Leash) -> WorkResult:
            return database.validate(action, scene, hand_over, hand_over, leash)

        validation = _Validation(step, action, self._journal, self._doors, self._doors.timing.now())
        validation.conclude((yield from self._course.aside.carry(step, work, validation.take, stages_nothing)))

    def _scene(self, step: Step, action: Validate) -> Slowly[Scene]:
        """The clone as it is to be judged; what AWS does in passing is waited for where AWS's word is judged."""
        cluster = yield from self._own_clone(step, action)
        inside: tuple[Instance, ...] = ()
        if action.part != "data":
            cluster, inside = yield from self._settle(step, action, cluster)
        state = self._journal.state()
        moment, birth = moment_restored(self._plan, state), birth_recorded(self._plan, state)
        login = login_recorded(self._plan, state)
        reached = moment_reached(self._plan)
        return Scene(cluster, inside, moment, self._plan.objectives.rpo, birth, reached, login)

    def _settle(self, step: Step, action: Validate, cluster: Cluster) -> Slowly[tuple[Cluster, tuple[Instance, ...]]]:
        """The cluster and its instances once no status of theirs is a passing one, or as they are after the last look."""
        lookout = self._doors.place(action.region).lookout

        def look_inside(found: Cluster) -> Slowly[tuple[Instance, ...]]:
            return self._looker.look(step, lambda: lookout.inside(found))

        inside = yield from look_inside(cluster)
        for _ in range(MOST_LOOKS):
            if is_settled(cluster, inside):
                break
            yield self._looker.between_looks
            now = yield from self._looker.look(step, lambda: lookout.cluster(action.clone))
            if now is None:
                break
            cluster, inside = now, (yield from look_inside(now))
        return cluster, inside

    def _own_clone(self, step: Step, action: Validate) -> Slowly[Cluster]:
        """The run's own clone as it is now; raises as ``hold_to_guards`` does where it is not there, or is another's."""
        thing = Thing(kind="cluster", name=action.clone, region=action.region or self._doors.home.aws.region)
        found = (yield from self._looker.hold_to_guards(step, thing))[thing]
        if not isinstance(found, Cluster):
            raise Gone(f"step {step.id}: {thing.words()} is gone", "someone may have deleted it")
        return found
