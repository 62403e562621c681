"""What breaks a guard, from what was just seen. Pure.

The law: one function judges every guard, and the interpreter asks it right before every sending. What carries our run's nonce is
ours; a name alone proves nothing, nor does the run's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import assert_never

from daybreak.assess.approving import Approvals, disapproval_of
from daybreak.assess.breach import Breach
from daybreak.assess.keeping import breach_of_keeping
from daybreak.assess.names import breach_of_renaming
from daybreak.assess.settings import same_setting
from daybreak.model.actions import (
    CopyParameterGroup,
    CopySnapshot,
    CreateEndpoint,
    CreateInstance,
    CreateParameterGroup,
    ExportSnapshot,
    RestoreFromSnapshot,
    RestoreToMoment,
    TakeSnapshot,
)
from daybreak.model.archives import ArchiveSeen
from daybreak.model.backups import ExportTask, GlobalDatabase
from daybreak.model.destinations import ParameterSeen, ProxySeen, RecordSet, SecretSeen
from daybreak.model.fences import FenceSeen
from daybreak.model.findings import Standing
from daybreak.model.guards import (
    Absent,
    Approved,
    AsPlanned,
    Fenced,
    FoundFit,
    Guard,
    NotServing,
    NotTheSource,
    OfRunOrAbsent,
    OldEnough,
    Ours,
    OursOrAbsent,
    Outlived,
    PastKeeping,
    PlannedField,
    Recent,
    Renamable,
    Sets,
    Unchanged,
    Unwritten,
    spell,
)
from daybreak.model.keyed import EventSubscription
from daybreak.model.moment import span_in_words
from daybreak.model.names import comma_list
from daybreak.model.plan import Plan, StepId
from daybreak.model.run import RunState
from daybreak.model.tags import EXPIRES_TAG, PRODUCTION
from daybreak.model.things import Thing
from daybreak.model.value import stamp
from daybreak.model.world import Cluster, Endpoint, Instance, NamesSeen, ParameterGroup, Snapshot
from daybreak.model.writes import UNKNOWN
from daybreak.plan.calls import Owner, call_of, stamp_of
from daybreak.plan.copies import is_complete, is_newer
from daybreak.plan.marks import contradiction_of, copy_maker, copy_origin
from daybreak.plan.operations import touches_of

Resource = (
    Cluster
    | Instance
    | ParameterGroup
    | Endpoint
    | Snapshot
    | GlobalDatabase
    | SecretSeen
    | ParameterSeen
    | RecordSet
    | ProxySeen
    | EventSubscription
    | NamesSeen
    | ExportTask
)
"""What a look at a thing shows."""

Pointing = SecretSeen | ParameterSeen | RecordSet | ProxySeen
"""What applications read the address from, or reach the database through: it is the owner's, and never a run's own."""

Foreign = Pointing | EventSubscription
"""What carries no tags of a run's: it is never a run's own."""

UNTOUCHED = "it is left untouched: plan again, and a restore gets another name"
"""What to do where something else has the name."""


@dataclass(frozen=True)
class Situation:
    """What is known right before a sending."""

    owner: Owner
    seen: Mapping[Thing, Resource | None] = field(default_factory=dict)
    """Each thing that a guard of the step speaks of, as the newest look shows it; ``None`` where AWS does not know it."""
    changes: frozenset[str] = frozenset()
    """The names that the call changes; empty where nothing is sent."""
    ages: Mapping[Thing, timedelta] = field(default_factory=dict)
    """How long ago AWS answered the creation of what this run created, by the journal."""
    fences: Mapping[Thing, FenceSeen] = field(default_factory=dict)
    """Who can still write at each cluster that must be fenced; nothing of one that could not be asked."""
    writes: Mapping[Thing, str] = field(default_factory=dict)
    """What was written at each cluster since it was counted, in words; nothing of one that could not be asked."""
    approvals: Approvals = field(default_factory=Approvals)
    """What was approved, and by whom the run is planned and carried out."""
    made: frozenset[Thing] = frozenset()
    """What this run created, by its journal, as ``things_made`` says it."""
    found: Standing | None = None
    """What the run's own findings add up to so far; ``None`` where it has none."""
    judged: datetime | None = None
    """When the clone was judged anew since the plan was made; ``None`` where the plan's own verdict is the newest."""
    archives: Mapping[Thing, ArchiveSeen] = field(default_factory=dict)
    """Each archive that a guard of the step speaks of, as its bucket shows it; nothing of one that could not be asked."""


def breach_of(guards: Iterable[Guard], situation: Situation) -> Breach | None:
    """The first guard that does not hold, as a breach; ``None`` where all of them hold."""
    return next((breach for guard in guards if (breach := _breach(guard, situation)) is not None), None)


def guards_left(guards: Iterable[Guard], own: Thing | None = None) -> tuple[Guard, ...]:
    """The guards that still say something once a step has taken effect, or may have: they were all asked before it left.

    What the step changes of its ``own`` thing is no longer as planned, and what it renames is no longer under its name. Who was let in by it may write since then, and the verdict
    that it went by grows old. Before another sending all of them are asked again.
    """
    renamed = own.name.split("/")[1] if own is not None and own.kind == "rename" else None
    return tuple(
        each
        for each in guards
        if not isinstance(each, Recent | Unwritten)
        and not (isinstance(each, AsPlanned) and each.thing == own)
        and not (isinstance(each, Fenced | AsPlanned | Ours) and each.thing.name.lower() == renamed)
    )


def things_asked(guards: Iterable[Guard]) -> tuple[Thing, ...]:
    """The things that have to be looked at before these guards can be judged, each once."""
    of_one = (
        Ours
        | OursOrAbsent
        | Absent
        | AsPlanned
        | Sets
        | Fenced
        | Unwritten
        | NotServing
        | OfRunOrAbsent
        | Unchanged
        | Renamable
    )
    asked: list[Thing] = []
    for guard in guards:
        if isinstance(guard, Fenced) and guard.at is not None:
            continue  # AWS says nothing of it
        if isinstance(guard, of_one):
            asked.append(guard.thing)
        elif isinstance(guard, Outlived):
            asked += [guard.thing, *guard.newer]
    return tuple(dict.fromkeys(asked))


def _breach(guard: Guard, situation: Situation) -> Breach | None:
    match guard:
        case OursOrAbsent(thing=thing):
            return _foreign(thing, situation)
        case Ours(thing=thing):
            return _absence(thing) if situation.seen.get(thing) is None else _foreign(thing, situation)
        case Absent(thing=thing):
            is_there = situation.seen.get(thing) is not None
            return Breach(why=f"{thing.words()} is there after all", hints=("plan again",)) if is_there else None
        case NotTheSource(names=names):
            untouchable = {name.lower() for name in names}  # AWS knows no difference of case
            touched = sorted(name for name in situation.changes if name.lower() in untouchable)
            why = f"the call would change {', '.join(touched)}, which is the source's"
            return Breach(why=why, is_for_good=True) if touched else None
        case AsPlanned():
            return _difference(guard, situation)
        case Sets():
            return _other_values(guard, situation)
        case OldEnough(thing=thing, rest=rest):
            return _young(thing, rest, situation)
        case Fenced(thing=thing, at=at):
            return _open_fence(thing, situation, is_asked=at is None)
        case Unwritten(thing=thing):
            return _breach_by_writes(thing, situation)
        case NotServing(thing=thing):
            return _serves(thing, situation)
        case PastKeeping():
            return breach_of_keeping(guard, situation.archives, situation.approvals.now)
        case OfRunOrAbsent():
            return _strange(guard, situation)
        case Unchanged():
            return _change_by_others(guard, situation)
        case Outlived():
            return _not_outlived(guard, situation)
        case Renamable(thing=thing):
            seen = situation.seen.get(thing)
            return breach_of_renaming(guard, seen if isinstance(seen, NamesSeen) else None, situation.owner)
        case Recent():
            return _old_verdict(guard, situation)
        case FoundFit():
            return _unfit(situation)
        case Approved(by_another=by_another):
            return disapproval_of(situation.approvals, by_another=by_another)
        case _:
            assert_never(guard)


def _foreign(thing: Thing, situation: Situation) -> Breach | None:
    seen = situation.seen.get(thing)
    if seen is None or (not isinstance(seen, Foreign | NamesSeen) and situation.owner.owns(seen.tags)):
        return None
    if thing in situation.made:
        mark = situation.owner.mark()
        why = f"{thing.words()} does not carry the tag {mark} any more, with which this run created it"
        hint = f"somebody took the tag away, or made another of that name: if it is the run's own, give it the tag {mark} back"
        return Breach(why=why, hints=(hint,))
    return Breach(why=f"{thing.words()} exists and was not created by this run", hints=(UNTOUCHED,))


_MAKES = (
    CopyParameterGroup,
    CreateParameterGroup,
    RestoreToMoment,
    RestoreFromSnapshot,
    CreateInstance,
    CreateEndpoint,
    TakeSnapshot,
    CopySnapshot,
    ExportSnapshot,
)


def makers_in(plan: Plan) -> dict[StepId, Thing]:
    """Each step that creates something, with what it creates. Made once for a run: the stamp is the digest of the whole plan."""
    stamp, region = stamp_of(plan), plan.identity.region
    calls = {step.id: call_of(step.action, stamp, region) for step in plan.steps if isinstance(step.action, _MAKES)}
    return {step: touches_of(call)[0] for step, call in calls.items() if call is not None}


def things_made(makers: Mapping[StepId, Thing], state: RunState) -> frozenset[Thing]:
    """What a run created, by the steps that its journal calls done."""
    return frozenset(thing for step, thing in makers.items() if state.step(step).status == "done")


def _absence(thing: Thing) -> Breach:
    return Breach(why=f"{thing.words()} is gone", hints=("someone may have deleted it",), is_for_good=True)


_WAYS: dict[PlannedField, str] = {
    "resource_id": "it is another one than the plan speaks of: plan again",
    "created": "it is another one than the plan speaks of: plan again",
    "engine_version": "the clone would get that version: plan again",
    "parameter_group": "the clone would run with other settings than planned: give it that parameter group again",
    "writer": "somebody moved it since: plan again",
}
"""What to do where a field is not as planned."""


def _difference(guard: AsPlanned, situation: Situation) -> Breach | None:
    seen = situation.seen.get(guard.thing)
    if seen is None:
        return _absence(guard.thing)
    now = spell(getattr(seen, guard.field))
    if now == guard.value:
        return None
    return Breach(
        why=f"{guard.thing.words()} should have the {guard.noun} {guard.value}, and now it has {now}",
        hints=(_WAYS[guard.field],),
    )


def _other_values(guard: Sets, situation: Situation) -> Breach | None:
    seen = situation.seen.get(guard.thing)
    if seen is None:
        return _absence(guard.thing)
    now = getattr(seen, "parameters", {})
    names = guard.parameters.keys() | (now.keys() if guard.is_all else ())
    wrong = [name for name in sorted(names) if not same_setting(now.get(name), guard.parameters.get(name))]
    if not wrong:
        return None
    words = comma_list([f"{name} is {_value(now, name)} and was {_value(guard.parameters, name)}" for name in wrong])
    if guard.is_all:
        hint = "AWS would copy it as it is now: plan again"
    else:
        values = comma_list([f"{name}={guard.parameters[name]}" for name in wrong])
        hint = f"without it the clone would not be quiet: set {values} in it again"
    return Breach(why=f"{guard.thing.words()} was changed: {words}", hints=(hint,))


def _value(values: Mapping[str, str], name: str) -> str:
    return values.get(name, "not set")


def _open_fence(thing: Thing, situation: Situation, *, is_asked: bool) -> Breach | None:
    if is_asked and situation.seen.get(thing) is None:
        return _absence(thing)
    seen = situation.fences.get(thing)
    if seen is None:
        # Not known is no answer: a run that failed for it would leave both sides closed.
        return Breach(why=f"who can write at {thing.words()} could not be asked", is_for_person=True)
    return Breach(why=f"{thing.words()} is not fenced: {seen.holes}") if seen.holes else None


def _breach_by_writes(thing: Thing, situation: Situation) -> Breach | None:
    if situation.seen.get(thing) is None:
        return _absence(thing)
    words = situation.writes.get(thing)
    if words is None:
        return Breach(why=f"whether anybody has written in {thing.words()} could not be asked", is_for_person=True)
    if words.startswith(UNKNOWN):
        return Breach(why=f"whether anybody has written in {thing.words()} is not known: {words}")
    return Breach(why=f"somebody has written in {thing.words()}: {words}") if words else None


def _serves(thing: Thing, situation: Situation) -> Breach | None:
    """What breaks the guard on a clone that is read as one: traffic was moved to it, so it is production."""
    seen = situation.seen.get(thing)
    if not isinstance(seen, Cluster):
        return _absence(thing)
    if not seen.tags.get(EXPIRES_TAG, "").startswith(PRODUCTION):
        return None
    return Breach(why=f"traffic was moved to {thing.words()}: it is production, and that is never read for an archive")


def _unfit(situation: Situation) -> Breach | None:
    if situation.found in (Standing.FIT, Standing.WAIVED):
        return None
    found = situation.found.value if situation.found else "not judged"
    return Breach(why=f"what the run has judged so far is {found}", hints=("nothing was carried anywhere",))


def _old_verdict(guard: Recent, situation: Situation) -> Breach | None:
    judged = max(guard.judged, situation.judged or guard.judged)
    if situation.approvals.now - judged <= guard.within:
        return None
    why = f"the verdict of {stamp(judged)} is older than {span_in_words(guard.within)} by now"
    return Breach(why=why, hints=("nothing is closed: end this run, take it back, and plan anew",))


def _strange(guard: OfRunOrAbsent, situation: Situation) -> Breach | None:
    """What breaks the guard on a snapshot of another run: it must be that run's, of that cluster, and a manual one."""
    seen = situation.seen.get(guard.thing)
    if seen is None:
        return None
    if isinstance(seen, Snapshot) and (copy_maker(seen), copy_origin(seen)) == (guard.nonce, guard.origin):
        why = contradiction_of(seen)
        return Breach(why=f"{guard.thing.words()} is no copy of ours: {why}", hints=(UNTOUCHED,)) if why else None
    why = f"{guard.thing.words()} is not, or no longer, the copy of {guard.origin} that the run with the nonce {guard.nonce} made"
    return Breach(why=why, hints=("it is left untouched: somebody took its tags away, or made another of that name",))


def _change_by_others(guard: Unchanged, situation: Situation) -> Breach | None:
    """What breaks the guard on a destination: somebody else changed it since, and what they wrote would be lost."""
    seen = situation.seen.get(guard.thing)
    if not isinstance(seen, Pointing):
        return _absence(guard.thing)
    own = situation.owner.version_of(guard.thing.name) if guard.thing.kind == "secret" else None
    before, after = (own if each is None else each for each in (guard.before, guard.after))
    if seen.state is not None and seen.state in (before, after):
        return None
    by = f", by {seen.writer}" if isinstance(seen, ParameterSeen) and seen.writer else ""
    why = f"{guard.thing.words()} was changed since: it is at {seen.state or 'no version'}{by}, and was at {before}"
    return Breach(why=why, hints=("it is left untouched: plan again, with what is there now",))


def _not_outlived(guard: Outlived, situation: Situation) -> Breach | None:
    """What breaks the guard of a removal: a newer copy that is not there, not complete, not ours, or not newer."""
    old = situation.seen.get(guard.thing)
    for thing in guard.newer:
        why = ""
        seen = situation.seen.get(thing)
        if not isinstance(seen, Snapshot):
            why = f"{thing.words()} is gone, which was to stay"
        elif not is_complete(seen):
            why = f"{thing.words()} is {seen.status}, and not complete"
        elif copy_origin(seen) != guard.origin or (why := contradiction_of(seen)):
            why = f"{thing.words()} is no copy of {guard.origin} by Daybreak" + (f": {why}" if why else "")
        elif thing in situation.made and not situation.owner.owns(seen.tags):
            why = f"{thing.words()} is not the one that this run made"
        elif isinstance(old, Snapshot) and thing != guard.thing and not is_newer(seen, old):
            why = f"{thing.words()} holds no later moment"
        elif thing == guard.thing:
            why = f"{thing.words()} is itself to stay"
        else:
            continue
        return Breach(why=f"{why}, so {guard.thing.words()} is kept", hints=("the next run that copies decides anew",))
    return None


def _young(thing: Thing, rest: timedelta, situation: Situation) -> Breach | None:
    age = situation.ages.get(thing)
    if age is None:
        return Breach(why=f"the journal has no reply to the creation of {thing.words()}")
    if age >= rest:
        return None
    return Breach(why=f"{thing.words()} is {span_in_words(age)} old, and has to rest for {span_in_words(rest)}")
