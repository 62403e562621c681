"""Carry out one change: intend, look, ask the guards, send once, and resolve the answer. The same for every kind of change.

Precondition: we hold the journal. Effect: at most the one resource that the action names. Run twice, it leaves one effect: the
look before each sending finds what an earlier attempt did. Nothing stands between that look, on which the guards are asked, and
the sending: the intent is in the journal before. The step's plan says what undoes it.
One empty look never ends a step or skips it: an absence is looked at again, and a delete is sent all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from daybreak.assess.guarding import Resource, Situation, breach_of, things_asked
from daybreak.assess.moves import ATTEMPTS, Again, Look, Pause, Stop, move_after, patience_with
from daybreak.assess.standing import DOUBTED, OrderStanding, Position, is_at_rest, once_answered, standing_of_change
from daybreak.aws.faults import AwsFault
from daybreak.errors import Bug, Failed, Paused, Refused, Uncertain, Unreachable
from daybreak.execute.doors import Doors
from daybreak.execute.record import Record
from daybreak.model.actions import (
    AnchorJournal,
    Change,
    CopyParameterGroup,
    CreateParameterGroup,
)
from daybreak.model.plan import AwsCall, Plan, Step
from daybreak.model.replies import Category
from daybreak.model.run import StepDone, StepIntended, StepRetried, StepSent, StepUncertain
from daybreak.model.tags import JOURNAL_TAG
from daybreak.model.things import Thing
from daybreak.model.world import Cluster, Instance
from daybreak.observe.look import AwsReads, Lookout
from daybreak.plan.amending import ways_out
from daybreak.plan.calls import call_of, fill_in, owner_of, stamp_of
from daybreak.plan.operations import touches_of

Seen = TypeVar("Seen")

LOOKS_BEFORE_BELIEVING = 6
"""How often we look, with pauses, before we conclude that something is absent: AWS may list it a little late."""

REST_BEFORE_BELIEVING = 60.0
"""Seconds for which everything that a call names must be seen at rest before "not now" is taken for "never"."""

_TO_SEND = frozenset({Position.ABSENT, Position.UNLISTED})
_UNSETTLED = frozenset({Position.ABSENT, Position.BARRED, Position.HOPELESS})
"""The positions that are looked at again after an answer that settled nothing."""

CLASHES_FORGIVEN = 2
"""How often a call and a look may contradict each other (*exists*, *not found*) before we stop sending."""


class Forbidden(Paused):
    """AWS does not let the caller do it. A person can allow it, and then the run goes on, or without it where it can."""


class Withheld(Paused):
    """AWS does not give what the step needs now: a machine, room in a quota, a key. A person can mend that while the run waits."""


class Gone(Failed):
    """What all the rest stands on is gone or must not be used: no person can set the run going again."""


class Rejected(Failed):
    """AWS refused the call as such. Nothing took effect, and sending it again would not help."""


class AskedToEnd(Exception):
    """A person asked for the run's end: nothing more is sent, and nothing more is waited for."""


def resources_named(lookout: Lookout, action: Change) -> tuple[Cluster | Instance, ...]:
    """The cluster that a change names and what is inside it, as they are now: their state may be why AWS says "not now"."""
    cluster = lookout.cluster(action.clone) if hasattr(action, "clone") else None
    return (cluster, *lookout.inside(cluster)) if cluster is not None else ()


class Changer:
    """Carries out the changes of one plan. Each is recorded in the journal before it leaves."""

    def __init__(self, plan: Plan, journal: Record, doors: Doors) -> None:
        self._plan = plan
        self._journal = journal
        self._doors = doors
        self._stamp = stamp_of(plan)
        self._nonce = journal.state().nonce or ""
        self._owner = owner_of(plan, self._nonce)

    def make_so(self, step: Step, action: Change) -> None:
        """Make the order so, or raise: ``Failed`` (also for a foreign resource), ``Paused``, ``Uncertain``."""
        # Attempts are counted per process: each one looks first, or a run that gave up once could never go on.
        before = self._journal.state().step(step.id)
        standing = OrderStanding(place=Position.ABSENT)
        if before.status != "waiting":  # an earlier process may have done it, or AWS may have
            standing = self.closely(step, lambda: self._stand(step, action), doubted=DOUBTED)
        if before.status == "sent":
            standing = once_answered(standing, None)
        began, attempt, tries, clashes = self._doors.timing.monotonic(), 0, 0, 0
        at_rest_since: float | None = None
        while standing.place in _TO_SEND:
            if attempt >= ATTEMPTS:
                raise self._uncertain(step, f"it was sent {attempt} times and its outcome is not known")
            attempt += 1
            call = self._intend(step, action, before.attempts + attempt)
            standing = self.closely(step, partial(self._stand, step, action, call), doubted=DOUBTED)
            if standing.place not in _TO_SEND:
                break
            fault = self._send(step, action, call)
            if fault is None:
                return
            match move_after(fault.trouble, attempt=attempt, tries=tries, jitter=self._doors.timing.jitter()):
                case Again() as again:
                    if fault.trouble.category is Category.SETTLING:
                        at_rest_since = self._rest_of(step, action, fault, at_rest_since)
                    self._pause(step, again, since=began)
                    tries += 1
                    attempt -= 0 if again.counts else 1
                case Look(why=why, is_uncertain=is_uncertain):
                    if is_uncertain:
                        self._journal.append(StepUncertain(step=step.id, why=why))
                    standing = self.closely(step, lambda: self._stand(step, action), doubted=_UNSETTLED)
                    standing = once_answered(standing, fault.trouble.category)
                    clashes += 0 if is_uncertain else 1
                    if standing.place is Position.ABSENT and clashes > CLASHES_FORGIVEN:
                        raise self._contradiction(step, fault)
                case Stop(why=why, hints=hints):
                    ways = ways_out(self._plan, step, fault.trouble.code)
                    raise Rejected(f"step {step.id}: {why}", *hints, *ways)
                case Pause() as pause:
                    hints = (*self._number_asked(action, fault), *ways_out(self._plan, step, fault.trouble.code))
                    raise _error_for(step, fault, pause, *hints)
        self._conclude(step, standing)

    def _rest_of(self, step: Step, action: Change, fault: AwsFault, since: float | None) -> float | None:
        """Since when all that the call names is seen at rest; raises ``Rejected`` once that has lasted.

        AWS says "not now" with one code for states that pass and for states that stay (FACTS 4.10).
        """
        seen = self.look(step, lambda: resources_named(self._doors.place(action.region).lookout, action))
        now = self._doors.timing.monotonic()
        if not seen or not all(map(is_at_rest, seen)):
            return None
        if since is not None and now - since >= REST_BEFORE_BELIEVING:
            ways = ways_out(self._plan, step, fault.trouble.code)
            why = f"{fault.message}; and all that it names is available, so waiting does not help"
            raise Rejected(f"step {step.id}: {why}", *ways)
        return now if since is None else since

    def _number_asked(self, action: Change, fault: AwsFault) -> tuple[str, ...]:
        """How much room the run still needs under a limit of the account."""
        if fault.trouble.category is not Category.QUOTA:
            return ()
        state = self._journal.state()
        left = [each for each in self._plan.steps if isinstance(each.action, type(action))]
        number = sum(state.step(each.id).status != "done" for each in left)
        return (f"the run asks for {number} more",)

    def _contradiction(self, step: Step, fault: AwsFault) -> Failed | Uncertain:
        """The failure when AWS says that the name exists and shows nothing of that name: the owner is not known."""
        if fault.trouble.category is Category.EXISTS:
            return self._uncertain(step, f"{fault.message}; and AWS shows nothing of that name")
        return Rejected(f"step {step.id}: {fault.message}", *ways_out(self._plan, step, fault.trouble.code))

    def _uncertain(self, step: Step, why: str) -> Uncertain:
        return Uncertain(f"step {step.id}: {why}", f"look at the account, then: daybreak resume {self._plan.run}")

    def _intend(self, step: Step, action: Change, attempt: int) -> AwsCall:
        """The call as it will be sent, once it is durable: the process that resumes knows that it may be out there."""
        call = fill_in(self._call_for(action), self._nonce, self._journal.tail().tag_value())
        self._heed()
        self._journal.append(StepIntended(step=step.id, attempt=attempt, call=call.plain()))
        return call

    def _call_for(self, action: Change) -> AwsCall:
        """The call of a change as the plan prints it."""
        call = call_of(action, self._stamp, self._doors.home.aws.region)
        if call is None:
            message = f"{action.kind} is a change without a call"
            raise Bug(message)
        return call

    def _own(self, action: Change) -> Thing:
        """The one thing that a change is about: what its call makes, changes or removes first of all."""
        return touches_of(self._call_for(action))[0]

    def _send(self, step: Step, action: Change, call: AwsCall) -> AwsFault | None:
        try:
            reply = self._doors.place(call.region).aws.change(call)
        except AwsFault as fault:
            return fault
        except Refused as refusal:
            raise Paused(refusal.message, *refusal.hints) from refusal
        self._journal.append(StepSent(step=step.id, request_id=reply.request_id))
        result = {"anchor": _anchor_in(call)} if isinstance(action, AnchorJournal) else {}
        self._journal.append(StepDone(step=step.id, result=result))
        return None

    def _conclude(self, step: Step, standing: OrderStanding) -> None:
        if standing.place is Position.SO:
            result = {"seen": standing.seen} | standing.result
            self._journal.append(StepDone(step=step.id, was_adopted=True, result=result))
            return
        if standing.place is Position.STALLED:
            raise Paused(f"step {step.id}: {standing.seen}", f"once it is gone: daybreak resume {self._plan.run}")
        raise (Gone if standing.is_for_good else Failed)(f"step {step.id}: {standing.seen}", *standing.hints)

    def _stand(self, step: Step, action: Change, call: AwsCall | None = None) -> OrderStanding:
        """Where a change stands, by a look at all that its guards speak of; ``call`` is what is about to be sent."""
        own = self._own(action)
        seen = {thing: self.see(step, thing) for thing in dict.fromkeys((own, *things_asked(step.guards)))}
        changes = tuple(thing.name for thing in touches_of(call)) if call else ()
        return self.bar(step, seen, changes) or standing_of_change(action, seen[own])

    def see(self, step: Step, thing: Thing) -> Resource | None:
        """A thing as it is now; ``None`` where AWS does not know it. Raises as ``look`` does."""
        door = _PatientDoor(self._doors.place(thing.region).aws, partial(self._wait_out, step))
        return self.look(step, lambda: Lookout(door).thing(thing))

    def bar(
        self, step: Step, seen: Mapping[Thing, Resource | None], changes: tuple[str, ...] = ()
    ) -> OrderStanding | None:
        """Where a step stands of which a guard does not hold by what was seen; ``None`` where all hold."""
        situation = Situation(self._owner, seen, frozenset(changes), self._ages())
        breach = breach_of(step.guards, situation)
        if breach is None:
            return None
        return OrderStanding(place=Position.BARRED, seen=breach.why, hints=breach.hints, is_for_good=breach.is_for_good)

    def _ages(self) -> dict[Thing, timedelta]:
        """How long ago AWS answered the creation of each parameter group of this run."""
        state, now = self._journal.state(), self._doors.timing.now()
        made = {
            self._own(step.action): state.step(step.id).ended
            for step in self._plan.steps
            if isinstance(step.action, CopyParameterGroup | CreateParameterGroup)
        }
        return {thing: now - ended for thing, ended in made.items() if ended is not None}

    def closely(
        self,
        step: Step,
        stand: Callable[[], OrderStanding],
        *,
        doubted: frozenset[Position],
        first: OrderStanding | None = None,
    ) -> OrderStanding:
        """Where the step stands. It looks again while the position is doubtful; ``first`` is what was seen already."""
        standing = first or stand()
        for _ in range(LOOKS_BEFORE_BELIEVING - 1):
            if standing.place not in doubted:
                break
            self.rest()
            standing = stand()
        return standing

    def rest(self) -> None:
        """Wait until the next look; raises where a person wants the run to stop or to end."""
        self._doors.timing.sleep(self._doors.patience.between_looks.total_seconds())
        self._heed()  # a sleep that was cut short proves nothing about what is listed late

    def look(self, step: Step, look: Callable[[], Seen]) -> Seen:
        """Read, and wait through throttling and short outages. Return the answer; raises ``Paused`` or ``Failed``."""
        try:
            return self._wait_out(step, look)
        except AwsFault as fault:
            move = patience_with(fault.trouble, tries=0, jitter=0)
            if isinstance(move, Pause):
                raise _error_for(step, fault, move) from fault
            hints = move.hints if isinstance(move, Stop) else ()
            raise Failed(f"step {step.id}: {move.why}", *hints) from fault
        except (Refused, Unreachable) as refusal:
            raise Paused(refusal.message, *refusal.hints) from refusal

    def _wait_out(self, step: Step, read: Callable[[], Seen]) -> Seen:
        """Read until an answer comes that waiting does not change; raises it where it is a fault."""
        began, tries = self._doors.timing.monotonic(), 0
        while True:
            try:
                return read()
            except AwsFault as fault:
                move = patience_with(fault.trouble, tries=tries, jitter=self._doors.timing.jitter())
                if not isinstance(move, Again):
                    raise
            self._pause(step, move, since=began)
            tries += 1

    def _pause(self, step: Step, again: Again, *, since: float) -> None:
        waited = self._doors.timing.monotonic() - since
        if waited > self._doors.patience.with_troubles.total_seconds():
            raise Paused(
                f"step {step.id}: {again.why}, for {waited / 60:.0f} minutes", "resume the run when AWS answers again"
            )
        self._journal.append(StepRetried(step=step.id, why=again.why, pause=again.pause))
        self._doors.timing.sleep(again.pause)
        self._heed()

    def _heed(self) -> None:
        """Raise when a person wants the run to stop or to end: in a storm, that must not wait for better weather."""
        if self._doors.is_stopping():
            raise Paused("asked to stop")
        if self._doors.asked():
            raise AskedToEnd


class _PatientDoor:
    """A door to AWS that only reads, and asks each question again by itself: else one refusal would repeat a look of many questions."""

    def __init__(self, aws: AwsReads, wait_out: Callable[[Callable[[], Any]], Any]) -> None:
        self.region = aws.region
        self._aws = aws
        self._wait_out = wait_out

    def read(self, call: AwsCall) -> dict[str, Any]:
        """Ask once, and again while AWS puts it off."""
        answer: dict[str, Any] = self._wait_out(lambda: self._aws.read(call))
        return answer

    def pages(self, call: AwsCall, items: str) -> Iterable[dict[str, Any]]:
        """Ask for every page, and again while AWS puts it off."""
        found: list[dict[str, Any]] = self._wait_out(lambda: list(self._aws.pages(call, items)))
        return found


def _anchor_in(call: AwsCall) -> Any:
    """The anchor that a call writes into the clone's tag."""
    return next(tag["Value"] for tag in call.params["Tags"] if tag["Key"] == JOURNAL_TAG)


def _error_for(step: Step, fault: AwsFault, pause: Pause, *ways: str) -> Paused:
    withheld = (Category.CAPACITY, Category.QUOTA, Category.INVALID)
    kinds = {Category.DENIED: Forbidden} | dict.fromkeys(withheld, Withheld)
    kind = kinds.get(fault.trouble.category, Paused)
    return kind(f"step {step.id}: {pause.why}", *pause.hints, *ways)
