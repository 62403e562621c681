"""The hand for databases: it changes something inside one, or loads rows, beside the walk.

Run twice, a change leaves one effect: the look in its transaction finds what is there. A commit is a sending: right before it the
guards are asked, and the number of its transaction is in the journal. So after a lost commit the server is asked what became of it,
and nobody guesses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

from daybreak.assess.guarding import guards_left
from daybreak.assess.moves import Again
from daybreak.aws.faults import AwsFault
from daybreak.errors import Bug, DaybreakError, Failed, Refused, Unreachable
from daybreak.execute.beside import Changed, Loaded, News, Recorded, Staged, Thwarted, Work, WorkResult
from daybreak.execute.doors import Place, Progress, SqlDoor
from daybreak.execute.expecting import Expected
from daybreak.execute.hands.course import Course
from daybreak.execute.hands.exports import cluster_for
from daybreak.execute.refusals import Rejected, Withheld
from daybreak.execute.slowly import Slowly
from daybreak.execute.writing import is_committed, is_definite
from daybreak.model.actions import (
    AdvanceSequences,
    AwaitClients,
    BeginProbe,
    BesideAnother,
    CarryTables,
    ChangeSql,
    CountWrites,
    EndSessions,
    LoadRows,
    NameDatabase,
    ReadProbe,
    SqlOrder,
    SqlWork,
    WarmCache,
)
from daybreak.model.arrivals import GapMeasured, Warmed
from daybreak.model.attempts import StepReached, StepStaged
from daybreak.model.findings import Finding
from daybreak.model.plan import Step, StepId
from daybreak.model.receiver import DatabaseNamed, TablesCarried
from daybreak.model.run import FindingMade, StepDone, StepIntended, StepUncertain
from daybreak.model.things import Thing
from daybreak.model.world import Cluster
from daybreak.model.writes import WriteCount
from daybreak.plan.gaps import (
    fence_recorded,
    next_recorded,
    why_no_probe,
    writes_recorded,
)
from daybreak.postgres.address import ServerPlace
from daybreak.postgres.leash import Leash

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


class SqlHand:
    """Changes something inside the databases of one plan."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._plan, self._journal = course.plan, course.journal
        self._doors, self._looker = course.doors, course.looker
        self._last: tuple[StepId, ServerPlace] | None = None
        """The change that was made last, and where."""

    def make_so(self, step: Step, action: ChangeSql) -> Slowly[None]:
        """Make the change so, or raise: ``Failed``, ``Paused``. Where it is there already, nothing is changed."""
        self._intend(step, action)
        door = self._place_of(action).sql

        def work_at(cluster: ServerPlace) -> Work:
            staged = self._doubt(step)

            def work(hand_over: Callable[[News], None], leash: Leash) -> WorkResult:
                if staged and self._was_committed(door, action, cluster, staged):
                    return Changed(is_new=False)
                return door.change(action, cluster, hand_over, leash)

            return work

        outcome = yield from self._patiently(step, action, work_at)
        if not isinstance(outcome, Changed):
            message = f"a change came to {outcome!r}"
            raise Bug(message)
        staged = self._doubt(step)
        result = {"transaction": staged.transaction} if staged else {}
        self._journal.append(StepDone(step=step.id, was_adopted=not outcome.is_new, result=result))

    def load(self, step: Step, action: LoadRows) -> Slowly[None]:
        """Load the rows from the place that is certain, or raise as ``make_so`` does: the parts before stay."""
        self._intend(step, action)
        door = self._place_of(action).sql

        def work_at(cluster: ServerPlace) -> Work:
            staged, reached = self._doubt(step), self._journal.state().step(step.id)

            def work(hand_over: Callable[[News], None], leash: Leash) -> WorkResult:
                begun = Loaded(reached.place, reached.rows)
                if staged and self._was_committed(door, action, cluster, staged):
                    begun = Loaded(staged.place or 0, staged.rows or 0)
                    hand_over(begun)
                return door.load(action, cluster, begun, hand_over, leash)

            return work

        outcome = yield from self._patiently(step, action, work_at)
        if not isinstance(outcome, Loaded):
            message = f"a load came to {outcome!r}"
            raise Bug(message)
        self._journal.append(StepDone(step=step.id, result={"rows": outcome.rows, "bytes": outcome.place}))

    def carry(self, step: Step, action: CarryTables) -> Slowly[None]:
        """Carry the tables' rows, or raise as ``make_so`` does: then nothing was changed."""
        self._intend(step, action)
        door, exports = self._place_of(action).sql, self._doors.exports

        def work_at(cluster: ServerPlace) -> Work:
            staged = self._doubt(step)

            def work(hand_over: Callable[[News], None], leash: Leash) -> WorkResult:
                if staged and self._was_committed(door, action, cluster, staged):
                    return Changed(is_new=False)
                with exports.source(hand_over, leash) as source:
                    return door.carry(action, cluster, source, hand_over, leash)

            return work

        outcome = yield from self._patiently(step, action, work_at)
        if isinstance(outcome, TablesCarried):
            self._journal.append(StepDone(step=step.id, result=outcome.model_dump(mode="json")))
        elif isinstance(outcome, Changed):
            staged = self._doubt(step)
            found: dict[str, Any] = {"total": staged.rows if staged else None}
            if staged and staged.deleted:
                found["deleted"] = staged.deleted
            self._journal.append(StepDone(step=step.id, was_adopted=True, result=found))
        else:
            message = f"carrying tables came to {outcome!r}"
            raise Bug(message)

    def name(self, step: Step, action: NameDatabase) -> Slowly[None]:
        """Give what was loaded its owners and its name, or raise as ``make_so`` does: then no database has that name."""
        self._intend(step, action)
        door, exports = self._place_of(action).sql, self._doors.exports

        def work_at(cluster: ServerPlace) -> Work:
            staged = self._doubt(step)

            def work(hand_over: Callable[[News], None], leash: Leash) -> WorkResult:
                if staged and self._was_committed(door, action, cluster, staged):
                    return exports.recall(action)
                return exports.name(action, cluster, hand_over, leash)

            return work

        outcome = yield from self._patiently(step, action, work_at)
        if not isinstance(outcome, DatabaseNamed):
            message = f"naming a database came to {outcome!r}"
            raise Bug(message)
        self._journal.append(StepDone(step=step.id, result=outcome.model_dump(mode="json")))

    def serve(self, step: Step, action: SqlWork) -> Slowly[None]:
        """Do one piece of work at a server, and record what it comes to; raises as ``make_so`` does."""
        self._intend(step, action)

        def work_at(cluster: ServerPlace) -> Work:
            return lambda hand_over, leash: self._work(action, cluster, hand_over, leash)

        outcome = yield from self._patiently(step, action, work_at)
        if not isinstance(outcome, Recorded):
            message = f"a piece of work at a server came to {outcome!r}"
            raise Bug(message)
        self._journal.append(StepDone(step=step.id, result=outcome.model_dump(mode="json")))

    def _work(self, action: SqlWork, cluster: ServerPlace, hand_over: Callable[[News], None], leash: Leash) -> Recorded:
        place = self._place_of(action)
        match action:
            case EndSessions():
                return place.sql.empty(action, cluster, hand_over, leash)
            case AdvanceSequences():
                there, past = self._past(action, place)
                return place.sql.advance(action, cluster, there.sql.read_sequences(action, past, leash), leash)
            case CountWrites(is_needed=is_needed):
                try:
                    return place.sql.count(action.database, action.login, cluster)
                except DaybreakError:
                    if is_needed:
                        raise
                    return WriteCount(rows={}, definitions={})
            case WarmCache():
                return self._warm(action, cluster, place, leash)
            case AwaitClients():
                return place.sql.arrive(action, self._expectation(action), cluster, hand_over, leash)
            case BeginProbe():
                return place.sql.begin_probe(
                    action, cluster, self._cluster_named(action.other, action.other_id, place), leash
                )
            case ReadProbe():
                why = why_no_probe(self._plan, self._journal.state())
                return GapMeasured(why=why) if why else place.sql.read_probe(leash)
            case _:
                assert_never(action)

    def _place_of(self, action: SqlOrder) -> Place:
        """Where an order is carried out; its login is read there, which nobody can in a region that says nothing."""
        return self._doors.home if action.at is not None else self._doors.place(action.region)

    def _warm(self, action: WarmCache, cluster: ServerPlace, place: Place, leash: Leash) -> Warmed:
        """What was warmed; what kept it from that stands in the answer, since nothing depends on it."""
        try:
            there, past = self._past(action, place)
            return place.sql.warm(action, cluster, there.sql.hot(action, past, leash), leash)
        except DaybreakError as error:
            return Warmed(relations=0, size=0, why=error.message)

    def _past(self, action: BesideAnother, place: Place) -> tuple[Place, ServerPlace]:
        """The other cluster, which is only read, and where its login is read. The guards say whether it is there, and the planned one.

        Raises ``Unreachable`` where AWS does not show it: one look proves nothing.
        """
        if action.past_at is not None:
            return self._doors.home, action.past_at
        region = action.past_region or action.region or self._doors.home.aws.region
        there = self._doors.place(region) if action.past_region else place
        return there, self._cluster_named(action.past, action.past_id, there)

    def _cluster_named(self, name: str, resource_id: str | None, place: Place) -> Cluster:
        """The other cluster. The guards say whether it is there, and the planned one.

        Raises ``Unreachable`` where AWS does not show it: one look proves nothing.
        """
        thing = Thing(kind="cluster", name=name, region=place.aws.region)
        try:
            past = place.lookout.thing(thing)
        except AwsFault as fault:
            raise Unreachable(fault.message) from fault
        if not isinstance(past, Cluster) or past.resource_id != resource_id:
            raise Unreachable(f"AWS does not show {thing.words()}")
        return self._looker.by_own_address(past, place.aws.region)

    def _expectation(self, action: AwaitClients) -> Expected:
        """What the run found and counted before any client was led to the action's cluster."""
        state = self._journal.state()
        sent_out, since = fence_recorded(self._plan, state), writes_recorded(self._plan, state, action.cluster)
        if since is None and action.share:
            message = "clients are waited for before the writes were counted"
            raise Bug(message)
        # Nobody was sent out of a source that nobody could fence.
        following = next_recorded(self._plan, state, action.cluster)
        return Expected(sent_out.clients if sent_out else 0, since, following)

    def _intend(self, step: Step, action: SqlOrder) -> None:
        attempt = self._journal.state().step(step.id).attempts + 1
        self._journal.append(StepIntended(step=step.id, attempt=attempt, call=_call_of(action)))

    def _doubt(self, step: Step) -> StepStaged | None:
        """What an earlier try was about to commit, and of which nobody knows what became."""
        return self._journal.state().step(step.id).staged

    def _stage(self, step: Step, action: SqlOrder, about_to: Staged) -> Slowly[None]:
        """Record what is about to be committed, where the guards hold and nobody wants the end: then the commit leaves."""
        yield from self._cluster_of(step, action)
        self._looker.heed()
        self._journal.append(
            StepStaged(
                step=step.id,
                transaction=about_to.transaction,
                place=about_to.place,
                rows=about_to.rows,
                deleted=dict(about_to.deleted),
            )
        )
        about_to.is_recorded.set()

    @staticmethod
    def _was_committed(
        door: SqlDoor,
        action: ChangeSql | LoadRows | CarryTables | NameDatabase,
        cluster: ServerPlace,
        staged: StepStaged,
    ) -> bool:
        """Whether what was staged is there.

        Where the server cannot know any more, the look of a change shows it; of rows nothing does: raises ``Failed``.
        """
        number = staged.transaction
        if number is None:
            return False
        fate = door.fate(action, cluster, number)
        return not (fate is None and isinstance(action, ChangeSql)) and is_committed(fate, number)

    def _cluster_of(self, step: Step, action: SqlOrder) -> Slowly[ServerPlace]:
        """The action's cluster as it is now, where the step's guards hold; raises as ``hold_to_guards`` does.

        Of one that the plan reaches by its address AWS is not asked.
        """
        if action.at is not None:
            yield from self._looker.hold_to_guards(step, changes=(action.cluster,))
            return action.at
        return (yield from cluster_for(self._course, step, action.cluster, action.region))

    def _patiently(self, step: Step, action: SqlOrder, work_at: Callable[[ServerPlace], Work]) -> Slowly[WorkResult]:
        """Do the work beside, and again while the server cannot, each time right after a look.

        Raises ``Withheld`` for a definite no, and ``Delayed`` where it takes too long: both concern this step alone.
        """
        began, pause, place = self._doors.timing.monotonic(), _FIRST_PAUSE, -1
        while True:
            outcome = yield from self._once(step, action, work_at)
            if not isinstance(outcome, Thwarted):
                return outcome
            error, known = outcome.error, self._journal.state().step(step.id)
            if isinstance(error, Refused) or is_definite(error):
                raise self._withheld(step, error) from error
            if isinstance(error, Failed):
                raise Rejected(f"step {step.id}: {error.message}", *error.hints) from error
            if known.status == "staged":
                self._journal.append(StepUncertain(step=step.id, why=error.message))
            if known.place != place:  # it came further: the patience is with what keeps it now
                began, pause, place = self._doors.timing.monotonic(), _FIRST_PAUSE, known.place
            again = Again(pause=pause, why=error.message, counts=False)
            yield self._looker.pause_before(step, again, since=began)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _once(self, step: Step, action: SqlOrder, work_at: Callable[[ServerPlace], Work]) -> Slowly[WorkResult]:
        """Do the work beside, right after a look: what it comes to, or what kept it from that.

        Where it may be there already, it is found out whether it is, however old the verdict is by now: before another commit the
        guards are asked again, all of them.
        """
        if isinstance(action, EndSessions) and (left := self._place_just_left(step)) is not None:
            outcome = yield from self._while_asking(step, action, left, work_at)
            if outcome is not None:
                return outcome
        asked = guards_left(step.guards) if self._doubt(step) else step.guards
        cluster = yield from self._cluster_of(step.model_copy(update={"guards": asked}), action)
        try:
            if isinstance(cluster, Cluster):
                cluster = self._looker.by_own_address(cluster, action.region)
        except Unreachable as error:
            return Thwarted(error)
        is_asked = isinstance(action, EndSessions)
        stage = _let_go if is_asked else lambda each: self._stage(step, action, each)
        outcome = yield from self._carry(step, action, work_at(cluster), stage)
        if isinstance(outcome, Changed):
            self._last = step.id, cluster
        return outcome

    def _place_just_left(self, step: Step) -> ServerPlace | None:
        """Where the change was made that this step follows at once; it holds for one try."""
        last, self._last = self._last, None
        return last[1] if last is not None and step.after == (last[0],) else None

    def _while_asking(
        self, step: Step, action: EndSessions, left: ServerPlace, work_at: Callable[[ServerPlace], Work]
    ) -> Slowly[WorkResult | None]:
        """Send everybody out where the doors were closed: it is looked at there while AWS is asked, and nobody is sent out before.

        In between nobody can write anywhere, so no time is spent twice. ``None`` where AWS does not answer at once, or shows the
        cluster elsewhere: then nobody was sent out, and all of it is done again one after the other.
        """
        asked = list[bool]()

        def stage(about_to: Staged) -> Slowly[None]:
            while not asked:
                yield 0.0
            about_to.is_recorded.set()

        carrying = self._carry(step, action, work_at(left), stage)
        try:
            early = _start(carrying)
            looking = self._cluster_of(step, action)
            found = _start(looking)
            looking.close()
            if found is None or not self._is_at(found, left, action):
                return None
            asked.append(True)
            return early if early is not None else (yield from carrying)
        finally:
            carrying.close()

    def _is_at(self, found: ServerPlace, left: ServerPlace, action: SqlOrder) -> bool:
        """Whether a cluster is where it was left."""
        if not isinstance(found, Cluster) or not isinstance(left, Cluster):
            return found == left
        try:
            now = self._looker.by_own_address(found, action.region)
        except Unreachable:
            return False
        return (now.endpoint, now.port, now.resource_id) == (left.endpoint, left.port, left.resource_id)

    def _carry(
        self, step: Step, action: SqlOrder, work: Work, stage: Callable[[Staged], Slowly[None]]
    ) -> Slowly[WorkResult]:
        """Do the work beside, and record its news: what it comes to, or what kept it from that."""
        began = self._doors.timing.now()

        def try_it(hand_over: Callable[[News], None], leash: Leash) -> WorkResult:
            try:
                return work(hand_over, leash)
            except (Unreachable, Refused, Failed) as error:
                return Thwarted(error)

        def take(news: News) -> None:
            match news:
                case Finding():
                    self._journal.append(FindingMade(step=step.id, finding=news))
                case Loaded(place=place, rows=rows):
                    self._journal.append(StepReached(step=step.id, place=place, rows=rows))
                case str():
                    self._course.seen[step.id] = news
                    self._doors.progress(Progress(step=step.id, seen=news, since=began))
                case _:
                    message = f"{step.id} handed over {news!r}"
                    raise Bug(message)

        return (yield from self._course.aside.carry(step, try_it, take, stage))

    def _withheld(self, step: Step, error: DaybreakError) -> Withheld:
        hints = (*error.hints, f"then go on: daybreak resume {self._plan.run}")
        return Withheld(f"step {step.id}: {error.message}", *hints)


def _let_go(about_to: Staged) -> Slowly[None]:
    """For what leaves one effect however often it is sent: the guards were asked right before the work."""
    about_to.is_recorded.set()
    yield from ()


def _start(work: Slowly[Any]) -> Any:
    """Begin slow work; what it comes to where that is at once, else ``None``."""
    try:
        next(work)
    except StopIteration as end:
        return end.value
    return None


def _call_of(action: SqlOrder) -> dict[str, Any]:
    """What is sent, as the journal keeps it."""
    where = {"cluster": action.cluster, "database": action.database, "role": action.role}
    if isinstance(action, ChangeSql):
        return where | {"statement": action.change.text}
    if isinstance(action, CarryTables):
        return where | {"copy": [".".join(each.into) for each in action.tables]}
    if isinstance(action, NameDatabase):
        return where | {"name": action.receiver.database}
    if isinstance(action, LoadRows):
        return where | {"copy": ".".join(action.table), "file": action.file}
    return where
