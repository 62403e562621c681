"""The hand that waits: it compares waits with the newest shared look at the world, so that independent ones run side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from daybreak.assess.guarding import Resource
from daybreak.assess.obstacles import Obstacle
from daybreak.assess.position import DOUBTED, OrderStanding, Position
from daybreak.assess.standing import WINDOW_PATIENCE, is_windowless, standing_of_wait
from daybreak.errors import Bug, Failed, Paused
from daybreak.execute.doors import Answers, Progress
from daybreak.execute.hands.course import Course
from daybreak.execute.refusals import Delayed, Gone
from daybreak.execute.slowly import Slowly
from daybreak.model.actions import (
    AwaitCluster,
    AwaitClusterGone,
    AwaitExport,
    AwaitInstance,
    AwaitName,
    AwaitProxy,
    AwaitRecord,
    AwaitSnapshot,
    AwaitSql,
    AwaitWriter,
    LookedAtAlone,
    ReadExport,
    Wait,
)
from daybreak.model.exports import ExportPlace
from daybreak.model.moment import span_in_words
from daybreak.model.plan import Step
from daybreak.model.run import RunWarned, StepDone, StepIntended, StepSeen
from daybreak.model.statuses import SERVING
from daybreak.model.things import Thing
from daybreak.model.world import Cluster, Instance, Snapshot
from daybreak.observe.poller import Round
from daybreak.plan.amending import ways_out
from daybreak.plan.calls import with_nonce
from daybreak.plan.servers import login_recorded

FORGIVEN_ABSENCES = 10
"""Looks in which AWS may not yet show what it just created or began to delete; after that, waiting is in vain."""

_OF_NAMES: tuple[Obstacle, ...] = ("network", "stranger")
"""What a name shows that leads nowhere, or still to another server."""

_LATE = frozenset({Position.ABSENT, Position.STALLED})


class WaitHand:
    """Waits for one plan's steps: what this process saw so far, and since when."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._plan, self._journal = course.plan, course.journal
        self._doors, self._looker = course.doors, course.looker
        self._planned_login = next(
            (step.action.login for step in course.plan.steps if isinstance(step.action, AwaitSql)), None
        )
        self._rounds: dict[str | None, Round] = {}
        self._seen: dict[str, str] = {}
        self._absences: dict[str, int] = {}
        self._waited_since: dict[str, float] = {}
        self._windowless_since: dict[str, float] = {}
        self._spread_since: dict[str, float] = {}
        self._kept_out: dict[str, tuple[Obstacle, float]] = {}

    def look_at(self, waiting: Callable[[], Sequence[Step]]) -> Slowly[None]:
        """Wait for the next shared look, and judge by it each step that waits then; raises as its step fails or pauses."""
        judged: list[Step] = []
        for region in dict.fromkeys(step.action.region for step in waiting()):
            poller = self._doors.place(region).poller
            if (pause := poller.pause()) > 0:
                yield pause
            # A look that began before a step's last change would show the world before it, so only these are judged by it.
            here = [step for step in waiting() if step.action.region == region]
            for step in here:
                self._begin(step)
            if here:
                self._course.about = here[0]
                instances_of = {each.action.clone for each in here if isinstance(each.action, AwaitInstance)}
                snapshots = {each.action.snapshot for each in here if isinstance(each.action, AwaitSnapshot)}
                look = self._looker.look(here[0], partial(poller.next_round, instances_of, snapshots))
                self._rounds[region] = yield from look
                judged += here
        for step in judged:
            self._course.about = step
            standing = yield from self._standing(step)
            self._judge(step, standing)

    def ask_at_once(self, step: Step) -> Slowly[None]:
        """Look at the clone and knock without waiting for the next round: it nearly always answers."""
        self._begin(step)
        standing = yield from self._looker.closely(step, lambda: self._stand_alone(step), doubted=DOUBTED)
        self._judge(step, standing)

    def is_new(self, step: Step) -> bool:
        """Whether a server has not been asked yet that may answer already."""
        return isinstance(step.action, AwaitSql) and step.id not in self._seen

    def _begin(self, step: Step) -> None:
        if self._journal.state().step(step.id).status == "waiting":
            self._journal.append(StepIntended(step=step.id, attempt=1))

    def _standing(self, step: Step) -> Slowly[OrderStanding]:
        """Where a wait stands: by the shared round, and by further looks where one answer proves nothing."""
        seen = self._rounds[step.action.region]
        action = step.action
        if isinstance(action, LookedAtAlone):
            return (yield from self._looker.closely(step, lambda: self._stand_alone(step), doubted=DOUBTED))
        first = self._stand(
            step,
            seen.clusters.get(getattr(action, "clone", "")),
            seen.instances.get(getattr(action, "instance", "")),
            seen.snapshots.get(getattr(action, "snapshot", "")),
        )
        return (yield from self._looker.closely(step, lambda: self._stand_alone(step), doubted=DOUBTED, first=first))

    def _stand_alone(self, step: Step) -> Slowly[OrderStanding]:
        lookout = self._doors.place(step.action.region).lookout
        cluster, instance, snapshot = None, None, None
        if isinstance(moving := step.action, AwaitWriter):
            database = yield from self._looker.look(step, lambda: lookout.global_database(moving.database))
            return standing_of_wait(moving, None, None, self._looker.owner, database=database)
        if isinstance(spreading := step.action, AwaitRecord):
            change, status = self._change_before(step), None
            if change is not None:
                status = yield from self._looker.look(step, lambda: lookout.change_of_records(change))
            age, spread = self._age_before(step), self._time_since_spread(step, status)
            return standing_of_wait(spreading, None, None, self._looker.owner, age, change=status, spread=spread)
        if isinstance(leading := step.action, AwaitProxy):
            proxy = yield from self._looker.look(step, lambda: lookout.proxy(leading.proxy, leading.group))
            age = self._age_before(step)
            return standing_of_wait(leading, None, None, self._looker.owner, age, proxy=proxy)
        if isinstance(naming := step.action, AwaitName):
            names = yield from self._looker.look(step, lambda: lookout.names(naming.before, naming.name))
            return standing_of_wait(naming, None, None, self._looker.owner, names=names)
        if isinstance(step.action, AwaitExport | ReadExport):
            return (yield from self._stand_of_export(step, step.action))
        if name := getattr(step.action, "clone", None):
            cluster = yield from self._looker.look(step, lambda: lookout.cluster(name))
        if isinstance(action := step.action, AwaitInstance):
            instance = yield from self._looker.look(step, lambda: lookout.instance(action.instance))
        if isinstance(waiting := step.action, AwaitSnapshot):
            snapshot = yield from self._looker.look(step, lambda: lookout.snapshot(waiting.snapshot))
        return self._stand(step, cluster, instance, snapshot)

    def _stand_of_export(self, step: Step, action: AwaitExport | ReadExport) -> Slowly[OrderStanding]:
        """Where an export stands that the run started, or what of it is in its bucket."""
        if isinstance(action, ReadExport):
            folder = with_nonce(action.folder, self._journal.state().nonce or "")
            place = ExportPlace(bucket=action.bucket, prefix=folder)
            shown = yield from self._looker.look(step, lambda: self._doors.read_export(place))
            return standing_of_wait(action, None, None, self._looker.owner, shown=shown)
        lookout = self._doors.place(action.region).lookout
        task = yield from self._looker.look(step, lambda: lookout.export(action.task))
        thing = Thing(kind="export-task", name=action.task, region=action.region or self._doors.home.aws.region)
        barred = self._looker.bar(step, {thing: task})
        return barred or standing_of_wait(action, None, None, self._looker.owner, task=task)

    def _stand(
        self, step: Step, cluster: Cluster | None, instance: Instance | None, snapshot: Snapshot | None
    ) -> OrderStanding:
        action = step.action
        if not isinstance(action, Wait):
            raise Bug(f"step {step.id} is not a wait")
        if barred := self._looker.bar(step, self._things(action, cluster, instance, snapshot)):
            return barred
        windowless = self._time_without_window(cluster)
        standing = standing_of_wait(
            action,
            cluster,
            instance,
            self._looker.owner,
            self._age_before(step),
            windowless=windowless,
            snapshot=snapshot,
        )
        if standing.place is Position.UNDER_WAY and cluster is not None and instance is not None:
            return self._stand_by_answer(cluster, instance, standing)
        if isinstance(action, AwaitSql) and standing.place is Position.SO and cluster is not None:
            answers = self._doors.place(action.region).database.answers(action, cluster)
            self._stop_before(step, answers)
            if answers.is_let_loose:
                # It may consume the publisher's changes by now: nothing more is asked, and nobody is led there.
                raise Gone(f"step {step.id}: {answers.seen}", *answers.hints)
            place = Position.SO if answers.is_answering else Position.UNDER_WAY
            # The first answer is the nearest to the birth, so what it says of the clone's numbers is kept for good.
            result: dict[str, Any] = {"birth": answers.birth.plain()} if answers.birth else {}
            if answers.login not in (None, self._planned_login):
                result["login"] = answers.login
            return OrderStanding(place=place, seen=answers.seen, result=result)
        return standing

    def _things(
        self, action: Wait, cluster: Cluster | None, instance: Instance | None, snapshot: Snapshot | None
    ) -> dict[Thing, Resource | None]:
        """What a round showed of the things that a wait's guards speak of."""
        region = action.region or self._doors.home.aws.region
        name = getattr(action, "clone", "")
        seen: dict[Thing, Resource | None] = {Thing(kind="cluster", name=name, region=region): cluster}
        if isinstance(action, AwaitSnapshot):
            seen[Thing(kind="cluster-snapshot", name=action.snapshot, region=region)] = snapshot
        if isinstance(action, AwaitInstance):
            seen[Thing(kind="db", name=action.instance, region=region)] = instance
        return seen

    def _stand_by_answer(self, cluster: Cluster, instance: Instance, standing: OrderStanding) -> OrderStanding:
        """An instance on which AWS is at work in passing is ready when it answers SQL (FACTS 4.10); else it stands as seen."""
        asking = next((step.action for step in self._plan.steps if isinstance(step.action, AwaitSql)), None)
        if instance.status not in SERVING or not instance.endpoint or asking is None:
            return standing
        # The login that was let in already spares a reader the tries of a secret's older versions.
        login = login_recorded(self._plan, self._journal.state()) or asking.login
        asking = asking.model_copy(update={"login": login})
        place = cluster.model_copy(update={"endpoint": instance.endpoint})
        if not self._doors.place(asking.region).database.answers(asking, place).is_answering:
            return standing
        seen = f"{instance.status}, and SQL answers"
        return OrderStanding(place=Position.SO, seen=seen, result={"endpoint": instance.endpoint})

    def _time_without_window(self, cluster: Cluster | None) -> timedelta:
        """For how long the cluster has been available without a restorable window; a resume counts anew.

        One that was given up on is not waited for again, whoever gave it up.
        """
        if cluster is None or not is_windowless(cluster):
            self._windowless_since.pop(cluster.arn if cluster else "", None)
            return timedelta(0)
        if self._was_given_up_on(cluster):
            return WINDOW_PATIENCE
        now = self._doors.timing.monotonic()
        return timedelta(seconds=now - self._windowless_since.setdefault(cluster.arn, now))

    def _time_since_spread(self, step: Step, status: str | None) -> timedelta:
        """For how long the change of a record has been seen everywhere; a resume counts anew."""
        if status != "INSYNC":
            return timedelta(0)
        now = self._doors.timing.monotonic()
        return timedelta(seconds=now - self._spread_since.setdefault(step.id, now))

    def _was_given_up_on(self, cluster: Cluster) -> bool:
        """Whether an earlier wait of the run went on without the cluster's window."""
        state = self._journal.state()
        return any(
            isinstance(step.action, AwaitCluster)
            and step.action.clone.lower() == cluster.identifier.lower()
            and state.step(step.id).result.get("is_windowless")
            for step in self._plan.steps
        )

    def _age_before(self, step: Step) -> timedelta | None:
        """How long ago the newest of the steps before this one was done."""
        ends = [self._journal.state().step(name).ended for name in step.after]
        return min((self._doors.timing.now() - end for end in ends if end is not None), default=None)

    def _change_before(self, step: Step) -> str | None:
        """The id of the change that a wait follows on; ``None`` where no reply with it came."""
        results = (self._journal.state().step(name).result for name in step.after)
        return next((result["change"] for result in results if result.get("change")), None)

    def _stop_before(self, step: Step, answers: Answers) -> None:
        """Pause before an obstacle that hours do not change, once it has lasted; a new one begins anew."""
        now, obstacle = self._doors.timing.monotonic(), answers.obstacle
        if obstacle is None:
            self._kept_out.pop(step.id, None)
            return
        kept_out = self._kept_out.get(step.id)
        if kept_out is None or kept_out[0] != obstacle:
            self._kept_out[step.id] = obstacle, now
            return
        lasted = timedelta(seconds=now - kept_out[1])
        patience = self._doors.patience.with_obstacle(obstacle)
        if isinstance(step.action, AwaitSql) and step.action.patience and obstacle in _OF_NAMES:
            patience = max(patience, step.action.patience)
        if lasted >= patience:
            raise Paused(f"step {step.id}: {answers.seen}", *answers.hints, f"go on: daybreak resume {self._plan.run}")

    def _judge(self, step: Step, standing: OrderStanding) -> None:
        state = self._journal.state().step(step.id)
        seen = self._words(step, standing)
        if seen and seen != self._seen.get(step.id):
            self._seen[step.id] = seen
            self._journal.append(StepSeen(step=step.id, seen=seen))
        if standing.place in _LATE:
            self._absences[step.id] = self._absences.get(step.id, 0) + 1
        else:
            self._absences.pop(step.id, None)
        match standing.place:
            case Position.SO | Position.UNLISTED:
                if warning := standing.result.get("warning"):
                    self._journal.append(RunWarned(about=step.id, why=warning))
                self._journal.append(StepDone(step=step.id, result=standing.result))
                return
            case Position.HOPELESS if standing.is_for_person:
                go_on = f"then go on: daybreak resume {self._plan.run}"
                raise Paused(f"step {step.id}: {standing.seen}", *standing.hints, go_on)
            case Position.HOPELESS | Position.BARRED:
                hints = (*standing.hints, *self._ways_round(step, standing))
                raise Failed(f"step {step.id}: {standing.seen}", *hints, f"daybreak show {self._plan.run}")
            case Position.ABSENT | Position.STALLED if self._absences[step.id] > FORGIVEN_ABSENCES:
                raise self._in_vain(step, standing)
        since = state.began or self._doors.timing.now()
        self._doors.progress(Progress(step=step.id, seen=seen, since=since))
        self._lose_patience(step)

    def _in_vain(self, step: Step, standing: OrderStanding) -> Failed | Paused:
        """The failure or pause of a wait that cannot succeed: a pause where a person can set things going again."""
        what = f"step {step.id}: {standing.seen}"
        if standing.place is Position.ABSENT:
            seen = self._rounds[step.action.region]
            is_in_clone = isinstance(step.action, AwaitInstance) and seen.clusters.get(step.action.clone)
            if not is_in_clone:
                return Gone(what, "someone may have deleted it")  # nothing leads on with a run that ends here
            return Failed(what, "someone may have deleted it", *self._ways_round(step, standing))
        if isinstance(step.action, AwaitClusterGone):
            return Failed(what, *standing.hints)
        return Paused(what, *standing.hints, f"then go on: daybreak resume {self._plan.run}")

    def _ways_round(self, step: Step, standing: OrderStanding) -> tuple[str, ...]:
        """What to do about an instance that will never be available: it is removed by a person, then made again."""
        action = step.action
        if not isinstance(action, AwaitInstance) or standing.place is Position.BARRED:
            return ()
        creating = next((each for each in self._plan.steps if each.id in step.after), step)
        remove = f"first remove it: aws rds delete-db-instance --db-instance-identifier {action.instance}"
        return (
            *((remove,) if standing.place is Position.HOPELESS else ()),
            *ways_out(self._plan, creating, "Capacity"),
        )

    def _time_waited(self, step: Step) -> timedelta:
        # Counted per process, or a run that was left alone for a night would pause again at its first look.
        now = self._doors.timing.monotonic()
        return timedelta(seconds=now - self._waited_since.setdefault(step.id, now))

    def _words(self, step: Step, standing: OrderStanding) -> str:
        """What is seen, with a remark about a wait that takes longer than expected."""
        expected = step.estimate.high
        if standing.place is Position.UNDER_WAY and self._time_waited(step) > expected:
            return f"{standing.seen}, longer than the {span_in_words(expected)} expected"
        return standing.seen

    def _lose_patience(self, step: Step) -> None:
        # An objective promises when the data is back, not when the remains are gone.
        promised = timedelta() if isinstance(step.action, AwaitClusterGone) else self._plan.objectives.rto
        limit = self._doors.patience.with_waits or 2 * max(promised, self._plan.estimate.high)
        waited = self._time_waited(step)
        if waited > limit:
            name = getattr(step.action, "snapshot", None)
            about = (
                f"db-cluster-snapshot --source-identifier {name}"
                if name
                else f"db-cluster --source-identifier {self._plan.clone}"
            )
            raise Delayed(
                f"step {step.id} has waited {span_in_words(waited)}, twice what was expected: {self._seen.get(step.id, '')}",
                f"look at the events: aws rds describe-events --source-type {about}",
                f"go on waiting: daybreak resume {self._plan.run}",
            )
