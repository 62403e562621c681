"""Carry out one change: look, intend, send once, and resolve the answer. The same for every kind of change.

Precondition: we hold the journal. Effect: at most the one resource that the action names. Run twice, it leaves one effect: the
look before each sending finds what an earlier attempt did, by the nonce of the run. The step's plan says what undoes it.
One empty look never ends a step or skips it: an absence is looked at again, and a delete is sent all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from daybreak.assess.moves import ATTEMPTS, Again, Look, Pause, Stop, move_after, patience_with
from daybreak.assess.standing import DOUBTED, OrderStanding, Position, Resource, once_answered, standing_of_change
from daybreak.aws.faults import AwsFault
from daybreak.errors import Bug, Failed, Paused, Refused, Uncertain, Unreachable
from daybreak.execute.doors import Doors
from daybreak.execute.record import Record
from daybreak.model.actions import (
    AnchorJournal,
    Change,
    CopyParameterGroup,
    CreateEndpoint,
    CreateInstance,
    CreateParameterGroup,
    DeleteCluster,
    DeleteEndpoint,
    DeleteInstance,
    DeleteParameterGroup,
    ManagePassword,
    RestoreFromSnapshot,
    RestoreToMoment,
    SetClusterOptions,
    SetParameters,
)
from daybreak.model.plan import Plan, Step
from daybreak.model.replies import Category
from daybreak.model.run import StepDone, StepIntended, StepRetried, StepSent, StepUncertain
from daybreak.model.statuses import AVAILABLE
from daybreak.model.world import Cluster, Instance
from daybreak.observe.look import Lookout
from daybreak.plan.amending import ways_out
from daybreak.plan.calls import call_of, fill_in, owner_of, stamp_of

Seen = TypeVar("Seen")

LOOKS_BEFORE_BELIEVING = 6
"""How often we look, with pauses, before we conclude that something is absent: AWS may list it a little late."""

REST_BEFORE_BELIEVING = 60.0
"""Seconds for which everything that a call names must be seen at rest before "not now" is taken for "never"."""

_TO_SEND = frozenset({Position.ABSENT, Position.UNLISTED})
_UNSETTLED = frozenset({Position.ABSENT, Position.FOREIGN, Position.HOPELESS})
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


def resource_of(lookout: Lookout, action: Change) -> Resource | None:
    """The one resource that a change names, as it is now."""
    match action:
        case CopyParameterGroup(group=group) | CreateParameterGroup(group=group):
            return lookout.parameter_group(group)
        case SetParameters(group=group) | DeleteParameterGroup(group=group):
            return lookout.parameter_group(group)
        case RestoreToMoment(clone=clone) | RestoreFromSnapshot(clone=clone):
            return lookout.cluster(clone)
        case (
            SetClusterOptions(clone=clone)
            | ManagePassword(clone=clone)
            | AnchorJournal(clone=clone)
            | DeleteCluster(clone=clone)
        ):
            return lookout.cluster(clone)
        case CreateEndpoint(endpoint=endpoint) | DeleteEndpoint(endpoint=endpoint):
            return lookout.endpoint(endpoint)
        case CreateInstance(instance=instance) | DeleteInstance(instance=instance):
            return lookout.instance(instance)


def resources_named(lookout: Lookout, action: Change) -> tuple[Cluster | Instance, ...]:
    """The cluster that a change names and what is inside it, as they are now: their state may be why AWS says "not now"."""
    cluster = lookout.cluster(action.clone) if hasattr(action, "clone") else None
    return (cluster, *lookout.inside(cluster)) if cluster is not None else ()


def is_at_rest(seen: Cluster | Instance) -> bool:
    """Whether nothing is under way with a cluster or an instance."""
    return seen.status == AVAILABLE and not seen.has_pending_changes


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
        # Attempts are counted per process: each one has looked first, or a run that gave up once could never go on.
        before = self._journal.state().step(step.id)
        standing = self.closely(step, lambda: self._stand(step, action), doubted=DOUBTED)
        if before.status == "sent":
            standing = once_answered(standing, None)
        began, attempt, tries, clashes = self._doors.timing.monotonic(), 0, 0, 0
        at_rest_since: float | None = None
        while standing.place in _TO_SEND:
            if attempt >= ATTEMPTS:
                raise self._uncertain(step, f"it was sent {attempt} times and its outcome is not known")
            attempt += 1
            fault = self._send(step, action, before.attempts + attempt)
            if fault is None:
                return
            match move_after(fault.trouble, attempt=attempt, tries=tries, jitter=self._doors.timing.jitter()):
                case Again() as again:
                    if fault.trouble.category is Category.SETTLING:
                        at_rest_since = self._rest_of(step, action, fault, at_rest_since)
                    self._pause(step, again, since=began)
                    tries += 1
                    attempt -= 0 if again.counts else 1
                    if fault.trouble.category is Category.SETTLING:
                        # It may be changing into what we want: then nothing is left to send.
                        standing = self.closely(step, lambda: self._stand(step, action), doubted=DOUBTED)
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
        seen = self.look(step, lambda: resources_named(self._doors.lookout, action))
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

    def _send(self, step: Step, action: Change, attempt: int) -> AwsFault | None:
        printed = call_of(action, self._stamp, self._doors.aws.region)
        if printed is None:
            message = f"{action.kind} is a change without a call"
            raise Bug(message)
        anchor = self._journal.tail().tag_value()
        call = fill_in(printed, self._nonce, anchor)
        self._heed()
        # Durable before the call leaves: the process that resumes knows that this may be out there.
        self._journal.append(StepIntended(step=step.id, attempt=attempt, call=call.plain()))
        try:
            reply = self._doors.aws.change(call)
        except AwsFault as fault:
            return fault
        except Refused as refusal:
            raise Paused(refusal.message, *refusal.hints) from refusal
        self._journal.append(StepSent(step=step.id, request_id=reply.request_id))
        result = {"anchor": anchor} if isinstance(action, AnchorJournal) else {}
        self._journal.append(StepDone(step=step.id, result=result))
        return None

    def _conclude(self, step: Step, standing: OrderStanding) -> None:
        if standing.place is Position.SO:
            result = {"seen": standing.seen} | standing.result
            self._journal.append(StepDone(step=step.id, was_adopted=True, result=result))
            return
        hints = standing.hints
        if standing.place is Position.STALLED:
            raise Paused(f"step {step.id}: {standing.seen}", f"once it is gone: daybreak resume {self._plan.run}")
        if standing.place is Position.FOREIGN:
            hints = ("it is left untouched: plan again to get another name",)
        raise Failed(f"step {step.id}: {standing.seen}", *hints)

    def _stand(self, step: Step, action: Change) -> OrderStanding:
        seen = self.look(step, lambda: resource_of(self._doors.lookout, action))
        return standing_of_change(action, seen, self._owner)

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

    def find(self, step: Step, look: Callable[[], Seen | None]) -> Seen | None:
        """Look until a read finds something, or ``None`` after enough looks; raises as ``look`` does."""
        for _ in range(LOOKS_BEFORE_BELIEVING - 1):
            if (seen := self.look(step, look)) is not None:
                return seen
            self.rest()
        return self.look(step, look)

    def look(self, step: Step, look: Callable[[], Seen]) -> Seen:
        """Read, and wait through throttling and short outages. Return the answer; raises ``Paused`` or ``Failed``."""
        began, tries = self._doors.timing.monotonic(), 0
        while True:
            try:
                return look()
            except AwsFault as fault:
                heard = fault
                move = patience_with(fault.trouble, tries=tries, jitter=self._doors.timing.jitter())
            except (Refused, Unreachable) as refusal:
                raise Paused(refusal.message, *refusal.hints) from refusal
            match move:
                case Again() as again:
                    self._pause(step, again, since=began)
                    tries += 1
                case Pause() as pause:
                    raise _error_for(step, heard, pause)
                case Stop(why=why, hints=hints):
                    raise Failed(f"step {step.id}: {why}", *hints)

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


def _error_for(step: Step, fault: AwsFault, pause: Pause, *ways: str) -> Paused:
    withheld = (Category.CAPACITY, Category.QUOTA, Category.INVALID)
    kinds = {Category.DENIED: Forbidden} | dict.fromkeys(withheld, Withheld)
    kind = kinds.get(fault.trouble.category, Paused)
    return kind(f"step {step.id}: {pause.why}", *pause.hints, *ways)
