"""Looking: what every hand needs to see the world, to ask a step's guards, and to wait out what passes.

One empty look never ends a step or skips it: an absence is looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from daybreak.assess.approving import Approvals, approvals_in
from daybreak.assess.guarding import Resource, Situation, breach_of, makers_in, things_asked, things_made
from daybreak.assess.moves import Again, Pause, Stop, patience_with
from daybreak.assess.position import DOUBTED, OrderStanding, Position
from daybreak.aws.faults import AwsFault
from daybreak.errors import Bug, DaybreakError, Failed, Paused, Refused, Unreachable
from daybreak.execute.doors import Doors
from daybreak.execute.record import Record
from daybreak.execute.refusals import AskedToEnd, Barred, Delayed, Gone, pause_for
from daybreak.execute.slowly import Slowly
from daybreak.journal.store import ABORT
from daybreak.judge.verdict import verdict_of
from daybreak.model.actions import AwsChange
from daybreak.model.archives import ArchiveSeen
from daybreak.model.fences import FenceSeen
from daybreak.model.guards import Fenced, PastKeeping, Unwritten
from daybreak.model.plan import AwsCall, Plan, Step
from daybreak.model.run import StepRetried
from daybreak.model.things import Thing
from daybreak.model.world import Cluster
from daybreak.observe.look import AwsReads, Lookout
from daybreak.observe.writers import by_writer
from daybreak.plan.calls import call_of, owner_of, stamp_of
from daybreak.plan.gaps import writes_recorded
from daybreak.plan.operations import touches_of
from daybreak.plan.renaming import swap_in

Seen = TypeVar("Seen")

LOOKS_BEFORE_BELIEVING = 6
"""How often we look, with pauses, before we conclude that something is absent: AWS may list it a little late."""


class Looker:
    """Looks at the world for the steps of one run."""

    def __init__(self, plan: Plan, journal: Record, doors: Doors) -> None:
        self._plan = plan
        self._journal = journal
        self._doors = doors
        # The stamp names the plan that was approved, not what a person made of it since.
        self._stamp = stamp_of(plan)
        self._makers = makers_in(plan)
        self._moves_names = swap_in(plan) is not None
        self.owner = owner_of(plan, journal.state().nonce)

    def call_for(self, action: AwsChange) -> AwsCall:
        """The call of a change as the plan prints it."""
        call = call_of(action, self._stamp, self._doors.home.aws.region)
        if call is None:
            message = f"{action.kind} is a change without a call"
            raise Bug(message)
        return call

    def by_own_address(self, cluster: Cluster, region: str | None) -> Cluster:
        """A cluster as its server is surely reached: by its writer's own address in a run that moves names.

        Raises ``Unreachable`` where AWS shows none.
        """
        return by_writer(self._doors.place(region).lookout, cluster) if self._moves_names else cluster

    def own(self, action: AwsChange) -> Thing:
        """The one thing that a change is about: what its call makes, changes or removes first of all."""
        return touches_of(self.call_for(action))[0]

    def see(self, step: Step, thing: Thing) -> Slowly[Resource | None]:
        """A thing as it is now; ``None`` where AWS does not know it. Raises as ``look`` does."""
        door = _RememberingDoor(self._doors.place(thing.region).aws)

        def look() -> Resource | None:
            try:
                return Lookout(door).thing(thing)
            except AwsFault:
                door.forget_unreadable()
                raise

        return (yield from self.look(step, look))

    def hold_to_guards(
        self, step: Step, *things: Thing, changes: tuple[str, ...] = ()
    ) -> Slowly[dict[Thing, Resource | None]]:
        """What is seen now of these things and of those that the step's guards speak of.

        Raises ``Gone`` or ``Failed`` where a guard does not hold, by more than one answer. ``changes`` are the names that are
        about to be changed.
        """
        seen: dict[Thing, Resource | None] = {}

        def stand() -> Slowly[OrderStanding]:
            for thing in dict.fromkeys((*things, *things_asked(step.guards))):
                seen[thing] = yield from self.see(step, thing)
            return self.bar(step, seen, changes) or OrderStanding(place=Position.SO)

        standing = yield from self.closely(step, stand, doubted=DOUBTED)
        if standing.place is Position.BARRED:
            raise self.refusal_of(step, standing)
        return seen

    def refusal_of(self, step: Step, standing: OrderStanding) -> Failed | Paused:
        """The refusal of a step that cannot be made so as it stands."""
        what = f"step {step.id}: {standing.seen}"
        if standing.is_for_person:
            return Barred(what, *standing.hints, f"then go on: daybreak resume {self._plan.run}")
        return (Gone if standing.is_for_good else Failed)(what, *standing.hints)

    def bar(
        self, step: Step, seen: Mapping[Thing, Resource | None], changes: tuple[str, ...] = ()
    ) -> OrderStanding | None:
        """Where a step stands of which a guard does not hold by what was seen; ``None`` where all hold."""
        state = self._journal.state()
        # What a step finds of its own work is for the verdict, and does not keep it from being done.
        found = [each for each, finder in zip(state.findings, state.finders, strict=True) if finder != step.id]
        situation = Situation(
            self.owner,
            seen,
            frozenset(changes),
            self._ages(),
            self._fences(step, seen),
            self._writes(step, seen),
            self.approvals(),
            things_made(self._makers, state),
            verdict_of(found).standing if found else None,
            state.judged.at if state.judged else None,
            self._archives(step),
        )
        breach = breach_of(step.guards, situation)
        if breach is None:
            return None
        told = breach.model_dump(exclude={"why"})
        return OrderStanding(place=Position.BARRED, seen=breach.why, **told)

    def _fences(self, step: Step, seen: Mapping[Thing, Resource | None]) -> dict[Thing, FenceSeen]:
        """Who can still write at each cluster that the step's guards want fenced; nothing of one that could not be asked."""
        found: dict[Thing, FenceSeen] = {}
        for guard in step.guards:
            if not isinstance(guard, Fenced):
                continue
            with suppress(DaybreakError):
                if guard.at is not None:  # its region says nothing, so its login is read in the plan's own
                    found[guard.thing] = self._doors.home.sql.fence(guard, guard.at)
                elif isinstance(cluster := seen.get(guard.thing), Cluster):
                    there = self.by_own_address(cluster, guard.thing.region)
                    found[guard.thing] = self._doors.place(guard.thing.region).sql.fence(guard, there)
        return found

    def _archives(self, step: Step) -> dict[Thing, ArchiveSeen]:
        """Each archive that the step's guards speak of, as its bucket shows it; nothing of one that could not be asked."""
        found: dict[Thing, ArchiveSeen] = {}
        for guard in step.guards:
            for thing in (guard.thing, *guard.newer) if isinstance(guard, PastKeeping) else ():
                with suppress(DaybreakError):
                    found[thing] = self._doors.archives.see(thing)
        return found

    def _writes(self, step: Step, seen: Mapping[Thing, Resource | None]) -> dict[Thing, str]:
        """What was written at each cluster of which the step's guards want that nobody wrote there."""
        found: dict[Thing, str] = {}
        for guard in step.guards:
            if isinstance(guard, Unwritten) and isinstance(cluster := seen.get(guard.thing), Cluster):
                words = self.words_on_writes(guard, cluster)
                found |= {} if words is None else {guard.thing: words}
        return found

    def words_on_writes(self, guard: Unwritten, cluster: Cluster) -> str | None:
        """What was written at a cluster since it was counted, in words; ``None`` where that cannot be asked."""
        since = guard.since or writes_recorded(self._plan, self._journal.state(), guard.thing.name)
        if since is None:
            return None
        try:
            there = self.by_own_address(cluster, guard.thing.region)
            now = self._doors.place(guard.thing.region).sql.count(guard.database, guard.login, there)
        except DaybreakError:
            return None
        return now.words_since(since)

    def approvals(self) -> Approvals:
        """What was approved so far, and who planned and carries out the run."""
        state, now = self._journal.state(), self._doors.timing.now()
        return approvals_in(self._plan, state, now, is_state_local=self._doors.is_state_local)

    def _ages(self) -> dict[Thing, timedelta]:
        """How long ago AWS answered the creation of each thing that this run made."""
        state, now = self._journal.state(), self._doors.timing.now()
        made = {thing: state.step(step).ended for step, thing in self._makers.items()}
        return {thing: now - ended for thing, ended in made.items() if ended is not None}

    def closely(
        self,
        step: Step,
        stand: Callable[[], Slowly[OrderStanding]],
        *,
        doubted: frozenset[Position],
        first: OrderStanding | None = None,
    ) -> Slowly[OrderStanding]:
        """Where the step stands. It looks again while the position is doubtful; ``first`` is what was seen already."""
        standing = first or (yield from stand())
        for _ in range(LOOKS_BEFORE_BELIEVING - 1):
            if standing.place not in doubted:
                break
            yield self.between_looks
            standing = yield from stand()
        return standing

    @property
    def between_looks(self) -> float:
        """Seconds between two looks when something may be listed a little late."""
        return self._doors.patience.between_looks.total_seconds()

    def look(self, step: Step, look: Callable[[], Seen]) -> Slowly[Seen]:
        """Read, and wait through throttling and short outages. Return the answer; raises ``Paused`` or ``Failed``."""
        try:
            return (yield from self._wait_out(step, look))
        except AwsFault as fault:
            move = patience_with(fault.trouble, tries=0, jitter=0)
            if isinstance(move, Pause):
                raise pause_for(step, fault, move) from fault
            hints = move.hints if isinstance(move, Stop) else ()
            raise Failed(f"step {step.id}: {move.why}", *hints) from fault
        except Delayed:
            raise  # of this step alone: what the run can do without is held up by it
        except (Refused, Unreachable) as refusal:
            raise Paused(refusal.message, *refusal.hints) from refusal

    def _wait_out(self, step: Step, read: Callable[[], Seen]) -> Slowly[Seen]:
        """Read until an answer comes that waiting does not change; raises it where it is a fault."""
        began, tries = self._doors.timing.monotonic(), 0
        while True:
            try:
                return read()
            except AwsFault as fault:
                move = patience_with(fault.trouble, tries=tries, jitter=self._doors.timing.jitter())
                if not isinstance(move, Again):
                    raise
            yield self.pause_before(step, move, since=began)
            tries += 1

    def pause_before(self, step: Step, again: Again, *, since: float) -> float:
        """Record that it is tried again, and after how many seconds.

        Raises ``Delayed`` where that has gone on for too long since ``since`` (of ``monotonic``).
        """
        waited = self._doors.timing.monotonic() - since
        if waited > self._doors.patience.with_troubles.total_seconds():
            raise Delayed(
                f"step {step.id}: {again.why}, for {waited / 60:.0f} minutes", "resume the run when AWS answers again"
            )
        self._journal.append(StepRetried(step=step.id, why=again.why, pause=again.pause))
        return again.pause

    def heed(self) -> None:
        """Raise when a person wants the run to stop or to end: in a storm, that must not wait for better weather."""
        if self._doors.is_stopping():
            raise Paused("asked to stop")
        if any(each.request == ABORT for each in self._doors.asked()):
            raise AskedToEnd


class _RememberingDoor:
    """A door to AWS that only reads, and remembers what it was answered: one refusal must not repeat a look of many questions."""

    def __init__(self, aws: AwsReads) -> None:
        self.region = aws.region
        self._aws = aws
        self._answers: dict[str, Any] = {}
        self._newest: str | None = None

    def read(self, call: AwsCall) -> dict[str, Any]:
        """The answer; it is asked only once."""
        answer: dict[str, Any] = self._remember(call, lambda: self._aws.read(call))
        return answer

    def pages(self, call: AwsCall, items: str) -> Iterable[dict[str, Any]]:
        """Every item; it is asked only once."""
        found: list[dict[str, Any]] = self._remember(call, lambda: list(self._aws.pages(call, items)))
        return found

    def _remember(self, call: AwsCall, ask: Callable[[], Any]) -> Any:
        key = repr((call.service, call.operation, call.region, call.params))
        if key not in self._answers:
            self._newest = None
            self._answers[key] = ask()
            self._newest = key
        return self._answers[key]

    def forget_unreadable(self) -> None:
        """Forget the newest answer, which nobody could read; where no answer came, there is nothing to forget."""
        if self._newest is not None:
            self._answers.pop(self._newest, None)
