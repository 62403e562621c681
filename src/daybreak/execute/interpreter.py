"""One interpreter walks any plan: skip what is done, look, intend, act, record. All variety is in data.

::

    until every step is done:
        stop, if a person asked for it
        for each step whose predecessors are done:
            a change       is made so (execute.changes)
            a wait         is compared with the newest shared look at the world
            a validation   begins beside the walk; each finding is recorded as it comes
        sleep until the next look, if nothing moved

Waits run side by side, because one round looks at all of them; a validation asks in a thread of its own (execute.beside). One
thread walks, so the journal holds the events in the order in which they happened: it alone writes, looks and sends, and takes
the validation's news wherever it sleeps. However the walk ends, the validation ends with it. Stopping anywhere is harmless: what
is in the journal is known, and the look before the next sending finds the rest.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Self

from daybreak.assess.ending import birth_recorded, moment_restored
from daybreak.assess.guarding import Resource
from daybreak.assess.obstacles import Obstacle
from daybreak.assess.readiness import readiness_of
from daybreak.assess.standing import DOUBTED, OrderStanding, Position, is_windowless, standing_of_wait
from daybreak.errors import Bug, DaybreakError, ExitCode, Failed, Interrupted, Paused, Uncertain, Unreachable
from daybreak.execute.asking import Asking
from daybreak.execute.changes import AskedToEnd, Changer, Forbidden, Gone, Rejected, Withheld
from daybreak.execute.doors import Answers, Doors, Progress, Scene
from daybreak.execute.record import Record
from daybreak.journal.store import Journal
from daybreak.judge.verdict import scope_of, verdict_of
from daybreak.model.actions import (
    AnchorJournal,
    AwaitClusterGone,
    AwaitInstance,
    AwaitParameterGroup,
    AwaitSql,
    Validate,
    Wait,
)
from daybreak.model.findings import Measured, Verdict
from daybreak.model.moment import span_in_words
from daybreak.model.plan import Plan, Step, StepId
from daybreak.model.run import (
    Body,
    RunAborted,
    RunFinished,
    RunPaused,
    RunState,
    StepDone,
    StepFailed,
    StepForgone,
    StepHeldUp,
    StepIntended,
    StepSeen,
)
from daybreak.model.statuses import SERVING
from daybreak.model.things import Thing
from daybreak.model.world import Cluster, Instance
from daybreak.observe.poller import Round
from daybreak.observe.settling import look_until_settled
from daybreak.plan.amending import amend, ways_out
from daybreak.plan.calls import owner_of
from daybreak.plan.judgement import judgement_in, times_of
from daybreak.plan.loss import loss_of
from daybreak.plan.servers import login_recorded

FORGIVEN_ABSENCES = 10
"""Looks in which AWS may not yet show what it just created or began to delete; after that, waiting is in vain."""

_LATE = frozenset({Position.ABSENT, Position.STALLED})


def carry_out(plan: Plan, journal: Journal, doors: Doors) -> RunState:
    """Walk the plan from wherever the journal says it stands, to its end.

    Returns the state of the finished, failed or aborted run. Raises ``Paused``, ``Uncertain`` or ``Interrupted``, with the
    run left at a safe place, after recording that. To resume is to call this again.
    """
    walk = _Walk(plan, journal, doors)
    watched = clusters_awaited(plan)
    for region, cluster in watched:
        doors.place(region).poller.watch(cluster)
    try:
        with walk:
            return walk.to_the_end()
    except DaybreakError as error:
        if isinstance(error, Unreachable | Uncertain):
            return walk.pause(error)
        raise
    finally:
        for region, cluster in watched:
            doors.place(region).poller.unwatch(cluster)


def clusters_awaited(plan: Plan) -> tuple[tuple[str | None, str], ...]:
    """The clusters that a plan's waits look at, each with its region where that is not the plan's own."""
    waits = (step.action for step in plan.steps if isinstance(step.action, Wait))
    found = ((wait.region, wait.clone) for wait in waits if not isinstance(wait, AwaitParameterGroup))
    return tuple(dict.fromkeys(found))


class _Walk:
    """One process's walk through a run: the plan, the journal, and what this process saw so far."""

    def __init__(self, plan: Plan, journal: Journal, doors: Doors) -> None:
        self._journal = Record(journal, doors.on_event)
        self._doors = doors
        self._plan = amend(plan, self._journal.state().amendments)
        self._planned_login = next(
            (step.action.login for step in plan.steps if isinstance(step.action, AwaitSql)), None
        )
        # The stamp names the plan that was approved, not what a person made of it since.
        self._asking = Asking(self._journal, doors)
        # Whatever it sleeps for, a validation beside the walk is heard meanwhile.
        self._changer = Changer(plan, self._journal, replace(doors, timing=self._asking))
        self._owner = owner_of(plan, self._journal.state().nonce)
        self._rounds: dict[str | None, Round] = {}
        self._seen: dict[str, str] = {}
        self._absences: dict[str, int] = {}
        self._waited_since: dict[str, float] = {}
        self._windowless_since: dict[str, float] = {}
        self._kept_out: dict[str, tuple[Obstacle, float]] = {}
        self._failing_step = plan.steps[0]
        self._held: dict[StepId, DaybreakError] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._asking.call_off()

    def to_the_end(self) -> RunState:
        while True:
            if ended := self._end_by_request():
                return ended
            try:
                if over := self._asking.over:
                    self._failing_step = over
                    self._asking.conclude()
                readiness = readiness_of(self._plan, self._journal.state(), self._held)
                for step, why in readiness.given_up:
                    self._journal.append(StepForgone(step=step.id, why=why))
                if ready := tuple(step for step in readiness.ready if step is not self._asking.step):
                    self._advance(ready)
                elif self._asking.step is not None:
                    self._asking.wait(self._doors.patience.between_looks.total_seconds())
                elif not readiness.given_up:
                    if self._held:
                        raise self._pause_for_held()
                    return self._finish()
            except AskedToEnd:
                continue
            except (Failed, Forbidden, Withheld) as refusal:
                if ended := self._heed_refusal(self._failing_step, refusal):
                    return ended

    def _heed_refusal(self, step: Step, refusal: Failed | Paused) -> RunState | None:
        """Fail the run, pause it, or hold the step up, as the plan says; the state of a run that failed."""
        if isinstance(refusal, Gone) or step.when_refused == "fail":
            if isinstance(refusal, Failed):
                return self._fail(refusal)
            raise refusal
        if step.when_refused == "pause":
            raise Paused(refusal.message, *refusal.hints, f"then go on: daybreak resume {self._plan.run}") from refusal
        self._held[step.id] = refusal
        self._journal.append(StepHeldUp(step=step.id, why=refusal.message, hints=refusal.hints))
        return None

    def _advance(self, ready: tuple[Step, ...]) -> None:
        waiting: list[Step] = []
        for step in ready:
            action = step.action
            if isinstance(action, Wait):
                waiting.append(step)
                continue
            self._failing_step = step
            if isinstance(action, Validate):
                attempt = self._journal.state().step(step.id).attempts + 1
                self._journal.append(StepIntended(step=step.id, attempt=attempt))
                self._asking.begin(step, action, self._scene(step, action))
            elif isinstance(action, AnchorJournal):
                self._anchor(step, action)
            else:
                self._changer.make_so(step, action)
        if waiting and len(waiting) == len(ready):
            self._look_at(waiting)

    def _look_at(self, waiting: list[Step]) -> None:
        for step in waiting:
            if self._journal.state().step(step.id).status == "waiting":
                self._journal.append(StepIntended(step=step.id, attempt=1))
        if self._ask_at_once(waiting):
            return
        self._failing_step = waiting[0]
        for region in dict.fromkeys(step.action.region for step in waiting):
            here = [step for step in waiting if step.action.region == region]
            poller = self._doors.place(region).poller
            if self._asking.listen(poller.pause()):
                return
            instances_of = {step.action.clone for step in here if isinstance(step.action, AwaitInstance)}
            self._rounds[region] = self._changer.look(here[0], partial(poller.next_round, instances_of))
        for step in waiting:
            self._failing_step = step
            self._judge(step, self._standing(step))

    def _ask_at_once(self, waiting: list[Step]) -> bool:
        """Look at the clone and knock without waiting for the next round: it nearly always answers. Return whether it does."""
        step = next((each for each in waiting if isinstance(each.action, AwaitSql)), None)
        if step is None or step.id in self._seen:
            return False
        self._failing_step = step
        self._judge(step, self._changer.closely(step, lambda: self._stand_alone(step), doubted=DOUBTED))
        return self._journal.state().step(step.id).status == "done"

    def _standing(self, step: Step) -> OrderStanding:
        """Where a wait stands: by the shared round, and by further looks where one answer proves nothing."""
        seen = self._rounds[step.action.region]
        cluster = seen.clusters.get(getattr(step.action, "clone", ""))
        first = self._stand(step, cluster, seen.instances.get(getattr(step.action, "instance", "")))
        return self._changer.closely(step, lambda: self._stand_alone(step), doubted=DOUBTED, first=first)

    def _stand_alone(self, step: Step) -> OrderStanding:
        lookout = self._doors.place(step.action.region).lookout
        name = getattr(step.action, "clone", None)
        cluster = self._changer.look(step, lambda: lookout.cluster(name)) if name else None
        instance = None
        if isinstance(action := step.action, AwaitInstance):
            instance = self._changer.look(step, lambda: lookout.instance(action.instance))
        return self._stand(step, cluster, instance)

    def _stand(self, step: Step, cluster: Cluster | None, instance: Instance | None) -> OrderStanding:
        action = step.action
        if not isinstance(action, Wait):
            raise Bug(f"step {step.id} is not a wait")
        if barred := self._changer.bar(step, self._things(action, cluster, instance)):
            return barred
        windowless = self._time_without_window(cluster)
        standing = standing_of_wait(
            action, cluster, instance, self._owner, self._age_before(step), windowless=windowless
        )
        if standing.place is Position.UNDER_WAY and cluster is not None and instance is not None:
            return self._stand_by_answer(cluster, instance, standing)
        if isinstance(action, AwaitSql) and standing.place is Position.SO and cluster is not None:
            answers = self._doors.database.answers(action, cluster)
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

    def _things(self, action: Wait, cluster: Cluster | None, instance: Instance | None) -> dict[Thing, Resource | None]:
        """What a round showed of the things that a wait's guards speak of."""
        region = action.region or self._doors.home.aws.region
        name = getattr(action, "clone", "")
        seen: dict[Thing, Resource | None] = {Thing(kind="cluster", name=name, region=region): cluster}
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
        if not self._doors.database.answers(asking, place).is_answering:
            return standing
        seen = f"{instance.status}, and SQL answers"
        return OrderStanding(place=Position.SO, seen=seen, result={"endpoint": instance.endpoint})

    def _time_without_window(self, cluster: Cluster | None) -> timedelta:
        """For how long this process has seen the cluster available and without a restorable window; a resume counts anew."""
        if cluster is None or not is_windowless(cluster):
            self._windowless_since.pop(cluster.arn if cluster else "", None)
            return timedelta(0)
        now = self._doors.timing.monotonic()
        return timedelta(seconds=now - self._windowless_since.setdefault(cluster.arn, now))

    def _age_before(self, step: Step) -> timedelta | None:
        """How long ago the newest of the steps before this one was done."""
        ends = [self._journal.state().step(name).ended for name in step.after]
        return min((self._doors.timing.now() - end for end in ends if end is not None), default=None)

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
        if lasted >= self._doors.patience.with_obstacle(obstacle):
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
                self._journal.append(StepDone(step=step.id, result=standing.result))
                return
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
            ways = self._ways_round(step, standing)
            return (Failed if is_in_clone else Gone)(what, "someone may have deleted it", *ways)
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
            raise Paused(
                f"step {step.id} has waited {span_in_words(waited)}, twice what was expected: {self._seen.get(step.id, '')}",
                f"look at the events: aws rds describe-events --source-type db-cluster --source-identifier {self._plan.clone}",
                f"go on waiting: daybreak resume {self._plan.run}",
            )

    def _scene(self, step: Step, action: Validate) -> Scene:
        """The clone as it is to be judged; what AWS does in passing is waited for where AWS's word is judged."""
        lookout = self._doors.place(action.region).lookout
        cluster = self._own_clone(step, action)
        inside: tuple[Instance, ...] = ()
        if action.part != "data":
            found = cluster
            cluster, inside = self._changer.look(
                step, lambda: look_until_settled(lookout, found, lookout.inside(found), self._changer.rest)
            )
        state = self._journal.state()
        moment, birth = moment_restored(self._plan, state), birth_recorded(self._plan, state)
        login = login_recorded(self._plan, state)
        return Scene(cluster, inside, moment, self._plan.objectives.rpo, birth, self._plan.moment, login)

    def _own_clone(self, step: Step, action: Validate) -> Cluster:
        """The run's own clone as it is now; raises ``Gone`` where it is not there, or is another's, by more than one answer."""
        thing = Thing(kind="cluster", name=action.clone, region=action.region or self._doors.home.aws.region)
        lookout, seen = self._doors.place(action.region).lookout, []

        def stand() -> OrderStanding:
            cluster = self._changer.look(step, lambda: lookout.cluster(action.clone))
            seen.append(cluster)
            return self._changer.bar(step, {thing: cluster}) or OrderStanding(place=Position.SO)

        standing = self._changer.closely(step, stand, doubted=DOUBTED)
        if standing.place is Position.BARRED or (found := seen[-1]) is None:
            raise Gone(f"step {step.id}: {standing.seen}", *standing.hints)
        return found

    def _anchor(self, step: Step, action: AnchorJournal) -> None:
        """Set the tag, or go on without it: everything is restored and judged, and a tag must not cost the verdict.

        A clone that is gone, or belongs to another run by now, still fails the run: the verdict would have no subject.
        """
        try:
            self._changer.make_so(step, action)
        except (Rejected, Forbidden, Uncertain) as failure:
            self._journal.append(StepForgone(step=step.id, why=failure.message, hints=failure.hints))

    def _finish(self) -> RunState:
        state = self._journal.state()
        if state.ended is None:
            took = self._doors.timing.now() - state.began
            verdict, measured = self._verdict(state, took)
            self._journal.append(RunFinished(outcome="done", verdict=verdict, measured=measured))
        return self._journal.state()

    def _pause_for_held(self) -> Paused:
        """The pause for the steps that AWS refused, once all the others are through."""
        first, *others = self._held.values()
        why = first.message + (f" (and {len(others)} more)" if others else "")
        why += "; the data was validated without it" if times_of(self._plan, self._journal.state()).judged else ""
        hints = dict.fromkeys(hint for refusal in (first, *others) for hint in refusal.hints)
        return Paused(why, *hints, f"try again: daybreak resume {self._plan.run}")

    def _verdict(self, state: RunState, took: timedelta) -> tuple[Verdict | None, Measured]:
        validations = [(step, step.action) for step in self._plan.steps if isinstance(step.action, Validate)]
        if not validations:
            return None, Measured(rto=took)
        step, action = validations[0]  # it reads the data; the part of the clone measures nothing
        verdict = verdict_of(state.findings, scope_of(action))
        measured = judgement_in(state.step(step.id)).measured
        rto = times_of(self._plan, state).rto(verdict.standing) or took
        return verdict, measured.model_copy(update={"rto": rto, "lost": loss_of(self._plan)})

    def _fail(self, failure: Failed) -> RunState:
        step = self._failing_step
        self._journal.append(StepFailed(step=step.id, why=failure.message, hints=failure.hints))
        took = self._doors.timing.now() - self._journal.state().began
        self._journal.append(RunFinished(outcome="failed", measured=Measured(rto=took), why=failure.message))
        return self._journal.state()

    def pause(self, error: DaybreakError) -> RunState:
        """Record why the run stopped, as far as the journal still takes it, and raise."""
        stopped = self._doors.is_stopping()
        code = ExitCode.INTERRUPTED if stopped else error.exit_code
        self._record(RunPaused(why=error.message, exit_code=int(code), hints=error.hints))
        if stopped:
            raise Interrupted("stopped; the run can be resumed", f"daybreak resume {self._plan.run}") from error
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
            self._journal.append(RunAborted(by=asked.by, why=asked.why))
            return self._journal.state()
        if self._doors.is_stopping():
            raise Paused("asked to stop")
        return None
