"""The hand for AWS: intend, look, ask the guards, send once, and resolve the answer. The same for every change that is a call.

Precondition: we hold the journal. Effect: at most the one resource that the action names. Run twice, it leaves one effect: the
look before each sending finds what an earlier attempt did. Nothing stands between that look, on which the guards are asked, and
the sending: the intent is in the journal before. The step's plan says what undoes it.
A delete is sent also where AWS shows nothing of the name: only its answer proves an absence.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from daybreak.assess.guarding import Resource, guards_left, things_asked
from daybreak.assess.moves import ATTEMPTS, Again, Look, Pause, Stop, move_after
from daybreak.assess.position import DOUBTED, OrderStanding, Position
from daybreak.assess.standing import Resting, is_at_rest, once_answered, standing_of_change
from daybreak.aws.faults import AwsFault
from daybreak.errors import Failed, Paused, Refused, Uncertain
from daybreak.execute.hands.course import Course
from daybreak.execute.hands.texts import discreet, text_to_send
from daybreak.execute.refusals import Barred, Forbidden, Rejected, Withheld, pause_for
from daybreak.execute.slowly import Slowly
from daybreak.model.actions import AnchorJournal, AwsChange, DeleteParameterGroup, PointParameter, PointSecret
from daybreak.model.names import comma_list
from daybreak.model.plan import AwsCall, Step
from daybreak.model.replies import Category
from daybreak.model.run import StepDone, StepForgone, StepIntended, StepSent, StepUncertain
from daybreak.model.tags import JOURNAL_TAG
from daybreak.model.things import Thing
from daybreak.model.world import Cluster
from daybreak.observe.look import Lookout
from daybreak.plan.amending import ways_out
from daybreak.plan.calls import complete, fill_in, result_of
from daybreak.plan.copies import time_taken
from daybreak.plan.operations import things_named, touches_of

REST_BEFORE_BELIEVING = 60.0
"""Seconds for which everything that a call names must be seen at rest before "not now" is taken for "never"."""

_TO_SEND = frozenset({Position.ABSENT, Position.UNLISTED})
_UNSETTLED = frozenset({Position.ABSENT, Position.BARRED, Position.HOPELESS})
"""The positions that are looked at again after an answer that settled nothing."""

_STATEFUL = frozenset({"cluster", "db", "cluster-snapshot", "global-cluster"})
"""The kinds with a state that AWS may call a wrong one."""

CLASHES_FORGIVEN = 2
"""How often a call and a look may contradict each other (*exists*, *not found*) before we stop sending."""


def resources_named(lookout_of: Callable[[str], Lookout], action: AwsChange, call: AwsCall) -> tuple[Resting, ...]:
    """What a change's outcome hangs on, as it is now: its state may be why AWS says "not now".

    That is each thing that its call names, and the clone that it is about, a cluster with what is inside it; for the removal of
    a parameter group, the clusters that use it. ``lookout_of`` looks at a region.
    """
    if isinstance(action, DeleteParameterGroup):
        clusters = lookout_of(call.region).clusters().values()
        return tuple(each for each in clusters if each.parameter_group == action.group)
    clone = getattr(action, "clone", None)
    around = [Thing(kind="cluster", name=clone, region=call.region)] if clone else []
    found: dict[tuple[type, str], Resting] = {}
    for thing in (*around, *things_named(call)):
        lookout = lookout_of(thing.region)
        seen = lookout.thing(thing) if thing.kind in _STATEFUL else None
        inside = lookout.inside(seen) if isinstance(seen, Cluster) else ()
        for each in (seen, *inside):
            if isinstance(each, Resting):
                found[type(each), each.identifier] = each
    return tuple(found.values())


class AwsHand:
    """Carries out the changes of one plan at AWS. Each is recorded in the journal before it leaves."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._plan, self._journal = course.plan, course.journal
        self._doors, self._looker = course.doors, course.looker
        self._nonce = course.journal.state().nonce or ""

    def make_so(self, step: Step, action: AwsChange) -> Slowly[None]:
        """Make the order so, or raise: ``Failed`` (also for a foreign resource), ``Paused``, ``Uncertain``."""
        # Attempts are counted per process: each one looks first, or a run that gave up once could never go on.
        before = self._journal.state().step(step.id)
        standing = OrderStanding(place=Position.ABSENT)
        if before.status != "waiting":  # an earlier process may have done it, or AWS may have
            standing = yield from self._looker.closely(
                step, lambda: self._stand(step, action, was_sent=True), doubted=DOUBTED
            )
        if before.status == "sent":
            standing = once_answered(standing, None)
        began, attempt, tries, clashes = self._doors.timing.monotonic(), 0, 0, 0
        at_rest_since: float | None = None
        while standing.place in _TO_SEND:
            if attempt >= ATTEMPTS:
                raise self._uncertain(step, f"it was sent {attempt} times and its outcome is not known")
            attempt += 1
            call = self._intend(step, action, before.attempts + attempt)
            text = yield from self._text_for(step, action)
            was_sent = attempt > 1 or before.status != "waiting"
            look = partial(self._stand, step, action, call, was_sent=was_sent)
            standing = yield from self._looker.closely(step, look, doubted=DOUBTED)
            if standing.place not in _TO_SEND:
                break
            fault = self._send(step, action, call, text)
            if fault is None:
                return
            match move_after(fault.trouble, attempt=attempt, tries=tries, jitter=self._doors.timing.jitter()):
                case Again() as again:
                    if fault.trouble.category is Category.SETTLING:
                        at_rest_since = yield from self._rest_of(step, action, fault, at_rest_since)
                    yield self._looker.pause_before(step, again, since=began)
                    tries += 1
                    attempt -= 0 if again.counts else 1
                case Look(why=why, is_uncertain=is_uncertain):
                    if is_uncertain:
                        self._journal.append(StepUncertain(step=step.id, why=why))
                    standing = yield from self._looker.closely(
                        step, lambda: self._stand(step, action, was_sent=True), doubted=_UNSETTLED
                    )
                    standing = once_answered(standing, fault.trouble.category)
                    clashes += 0 if is_uncertain else 1
                    if standing.place is Position.ABSENT and clashes > CLASHES_FORGIVEN:
                        raise self._contradiction(step, fault)
                case Stop() if (yield from self._is_so(step, action)):
                    # AWS compares some changes itself, and so refuses one that an earlier sending has made meanwhile.
                    standing = yield from self._stand(step, action, was_sent=True)
                case Stop(why=why, hints=hints):
                    ways = ways_out(self._plan, step, fault.trouble.code)
                    raise Rejected(f"step {step.id}: {why}", *hints, *ways)
                case Pause() as pause:
                    hints = (*self._number_asked(action, fault), *ways_out(self._plan, step, fault.trouble.code))
                    raise pause_for(step, fault, pause, *hints)
        self._conclude(step, standing)

    def _rest_of(self, step: Step, action: AwsChange, fault: AwsFault, since: float | None) -> Slowly[float | None]:
        """Since when all that the call names is seen at rest; raises ``Rejected`` once that has lasted.

        AWS says "not now" with one code for states that pass and for states that stay (FACTS 4.10).
        """
        seen = yield from self._looker.look(
            step,
            lambda: resources_named(
                lambda region: self._doors.place(region).lookout, action, self._looker.call_for(action)
            ),
        )
        now = self._doors.timing.monotonic()
        if not seen or not all(map(is_at_rest, seen)):
            return None
        if since is not None and now - since >= REST_BEFORE_BELIEVING:
            ways = ways_out(self._plan, step, fault.trouble.code)
            names = comma_list([each.identifier for each in seen])
            why = f"{fault.message}; {names} {'is' if len(seen) == 1 else 'are'} available, so waiting does not help"
            raise Rejected(f"step {step.id}: {why}", *ways)
        return now if since is None else since

    def _number_asked(self, action: AwsChange, fault: AwsFault) -> tuple[str, ...]:
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

    def _intend(self, step: Step, action: AwsChange, attempt: int) -> AwsCall:
        """The call as it will be sent, once it is durable: the process that resumes knows that it may be out there."""
        call = fill_in(
            self._looker.call_for(action),
            self._nonce,
            self._journal.tail().tag_value(),
            self._doors.state_place,
            taken=time_taken(self._plan, self._journal.state(), action),
            owner=self._looker.owner,
        )
        self._looker.heed()
        self._journal.append(StepIntended(step=step.id, attempt=attempt, call=call.plain()))
        return call

    def anchor(self, step: Step, action: AnchorJournal) -> Slowly[None]:
        """Set the tag, or go on without it: everything is restored and judged, and a tag must not cost the verdict.

        A clone that is gone, or belongs to another run by now, still fails the run: the verdict would have no subject.
        """
        try:
            yield from self.make_so(step, action)
        except (Rejected, Forbidden, Withheld, Barred, Uncertain) as failure:
            self._journal.append(StepForgone(step=step.id, why=failure.message, hints=failure.hints))

    def _text_for(self, step: Step, action: AwsChange) -> Slowly[str | None]:
        """The text to send, of an action whose text is never kept; it is made of the version that the plan names."""
        if not isinstance(action, PointSecret | PointParameter):
            return None
        aws = self._doors.place(action.region).aws
        return (yield from self._looker.look(step, lambda: text_to_send(aws, action)))

    def _is_so(self, step: Step, action: AwsChange) -> Slowly[bool]:
        standing = yield from self._stand(step, action, was_sent=True)
        return standing.place is Position.SO

    def _send(self, step: Step, action: AwsChange, call: AwsCall, text: str | None) -> AwsFault | None:
        try:
            reply = self._doors.place(call.region).aws.change(complete(call, text))
        except AwsFault as fault:
            return discreet(fault, text)
        except Refused as refusal:
            raise Paused(refusal.message, *refusal.hints) from refusal
        self._journal.append(StepSent(step=step.id, request_id=reply.request_id))
        is_anchor = isinstance(action, AnchorJournal)
        result = {"anchor": _anchor_in(call)} if is_anchor else result_of(call, reply.body)
        self._journal.append(StepDone(step=step.id, result=result))
        return None

    def _conclude(self, step: Step, standing: OrderStanding) -> None:
        if standing.place is Position.SO:
            result = {"seen": standing.seen} | standing.result
            self._journal.append(StepDone(step=step.id, was_adopted=True, result=result))
            return
        if standing.place is Position.STALLED:
            raise Paused(f"step {step.id}: {standing.seen}", *standing.hints, f"daybreak resume {self._plan.run}")
        raise self._looker.refusal_of(step, standing)

    def _stand(
        self, step: Step, action: AwsChange, call: AwsCall | None = None, *, was_sent: bool
    ) -> Slowly[OrderStanding]:
        """Where a change stands, by a look at all that its guards speak of; ``call`` is what is about to be sent.

        Where it ``was_sent`` before, what it changes is no longer as planned once it is so: that guard was asked then.
        """
        own = self._looker.own(action)
        seen: dict[Thing, Resource | None] = {}
        for thing in dict.fromkeys((own, *things_asked(step.guards))):
            seen[thing] = yield from self._looker.see(step, thing)
        touched = touches_of(call) if call else ()
        changes = tuple(thing.name for thing in touched if thing.may_be_of_source)
        version = self._looker.owner.version_of(own.name) or ""
        standing = standing_of_change(action, seen[own], version)
        if was_sent and standing.place is Position.SO:
            others = guards_left(step.guards, own)
            step = step.model_copy(update={"guards": others})
        return self._looker.bar(step, seen, changes) or standing


def _anchor_in(call: AwsCall) -> Any:
    """The anchor that a call writes into the clone's tag."""
    return next(tag["Value"] for tag in call.params["Tags"] if tag["Key"] == JOURNAL_TAG)
