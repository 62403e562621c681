"""Plan the copies of a target's snapshots in another region: make the one that is due, and remove those beyond the number kept.

The law: nothing is removed before as many newer copies as are to stay were seen complete, right before the call; and nothing but
what our own tags name. What earlier runs left is removed first, so that there is never more than one copy too many.
A removal never holds up a copy: late data costs more than a copy too many.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from daybreak.model.actions import AwaitSnapshot, CopySnapshot, DeleteSnapshot, TakeSnapshot
from daybreak.model.copies import MOST_IN_FLIGHT, CopiesSeen
from daybreak.model.guards import AsPlanned, Guard, Ours, Outlived, spell
from daybreak.model.moment import span_in_words
from daybreak.model.names import clone_name, comma_list, printable
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal, RunId, StepId
from daybreak.model.requests import CopyRequest
from daybreak.model.tags import COPY_FOR_TAG, COPY_OF_TAG, ON_COPY, own_tags, tags_left_out
from daybreak.model.targets import CopyPromise, Target
from daybreak.model.things import Thing
from daybreak.model.value import Instant, stamp
from daybreak.model.world import Cluster, Snapshot
from daybreak.plan import estimates
from daybreak.plan.arns import arn_of
from daybreak.plan.calls import tags_for
from daybreak.plan.copies import (
    Copies,
    copies_of,
    is_complete,
    own_snapshots,
    snapshots_left,
)
from daybreak.plan.framing import OF_STEPS, frame, sum_of_steps
from daybreak.plan.kinds import other_kind
from daybreak.plan.marks import copy_maker, home_name
from daybreak.plan.sequence import Sequence
from daybreak.plan.terms import Terms


@dataclass(frozen=True)
class CopyWork:
    """What there is to do for a target's copies in one region, by what was seen of both."""

    target: Target
    cluster: Cluster
    promise: CopyPromise
    seen: Observation
    away: CopiesSeen
    home: str
    now: Instant

    @cached_property
    def copies(self) -> Copies:
        """Our copies there."""
        return copies_of(self.away, self.cluster.resource_id, self.seen.identity.account, self.seen.snapshots)

    @cached_property
    def source(self) -> Snapshot | None:
        """The newest complete snapshot at home; ``None`` where a new one is taken for the copy, or the newest copy is as new."""
        if self.promise.takes_snapshot:
            return None
        found = [
            each
            for each in self.seen.snapshots
            if is_complete(each)
            and each.kind in ("automated", "manual")
            and each.resource_id in (None, self.cluster.resource_id)
            and each.arn.split(":")[4:5] == [self.seen.identity.account]
        ]
        moment, last = self.copies.moment, self.copies.newest
        newest = max(found, key=moment, default=None)
        return newest if newest is not None and (last is None or moment(newest) > last) else None

    @property
    def is_due(self) -> bool:
        """Whether a copy is to be made now, and there is something newer to copy."""
        is_there = self.promise.takes_snapshot or self.source is not None
        return is_there and self.copies.is_due(self.promise.every, self.now)

    @cached_property
    def staying(self) -> tuple[Snapshot, ...]:
        """The newest complete copies that a journal here speaks for, as many as are kept: what is older than all of them goes."""
        return self.copies.of_journals(self.copies.complete)[: self.promise.keep]

    @cached_property
    def beyond(self) -> tuple[Snapshot, ...]:
        """Complete copies beyond the number kept that an earlier run left."""
        return self.copies.older_than(self.staying) if len(self.staying) == self.promise.keep else ()

    @cached_property
    def taken(self) -> tuple[tuple[Snapshot, ...], tuple[tuple[Snapshot, str], ...]]:
        """The snapshots at home that runs of ours took to copy them, and those with our tags that are in doubt."""
        known, account = self.copies.known, self.seen.identity.account
        return own_snapshots(self.seen.snapshots, self.cluster.resource_id, account, self.away, known)

    @cached_property
    def left(self) -> tuple[Snapshot, ...]:
        """Snapshots at home that earlier runs took and did not remove."""
        return snapshots_left(self.taken[0], self.copies)

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Each snapshot of both regions that only seems to be ours, with the reason."""
        doubted = sorted((*self.copies.doubted, *self.taken[1]), key=lambda each: each[0].arn)
        return tuple(f'"{printable(each.identifier)}" stays and counts for nothing: {why}' for each, why in doubted)

    @property
    def is_crowded(self) -> bool:
        """Whether a copy is due, and AWS takes none at the moment."""
        return self.is_due and self.away.in_flight >= MOST_IN_FLIGHT

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do at all."""
        return not (self.is_due or self.copies.in_flight or self.beyond or self.left or self.copies.failed)


def copy_work(request: CopyRequest, target: Target, seen: Observation) -> CopyWork | tuple[str, ...]:
    """What there is to do, or every reason why nothing can be planned."""
    region = seen.identity.region
    promise, cluster, away = target.snapshot_copies.get(region), seen.cluster, seen.copies
    reasons: list[str] = []
    if region == request.home:
        reasons.append(f"{region} is the region of the source itself: a copy there would be lost with it")
    if promise is None:
        where = f"[targets.{target.name}.copy.{region}]"
        reasons.append(
            f"the configuration promises no copies of {target.name} in {region}: write {where} with every, keep and key"
        )
    if cluster is None:
        what = f'no cluster "{target.cluster}" is in {request.home}'
        reasons.append(f"{what}, so there is nothing to copy; the copies that there are stay as they are")
    elif kind := other_kind(cluster):
        reasons.append(f"{target.cluster} {kind.sentence}")
    if promise is None or cluster is None or away is None or reasons:
        return tuple(reasons) or (f"{region} was not looked at",)
    work = CopyWork(target, cluster, promise, seen, away, request.home, seen.seen)
    return tuple(_objections_to_copying(work)) or work


def _objections_to_copying(work: CopyWork) -> Iterable[str]:
    """Why the copy that is due cannot be made; what is in flight is followed all the same."""
    if not work.is_due:
        return
    region, promise, key = work.away.region, work.promise, work.away.key
    if _needs_key(work) and promise.key is None:
        where = f"key in [targets.{work.target.name}.copy.{region}]"
        yield f"the source is encrypted, and AWS wants a key of {region} for the copy: write {where}"
    elif _needs_key(work) and key is None:
        yield f'{region} shows no KMS key "{promise.key}": it is gone, or hidden from us (kms:DescribeKey)'
    elif _needs_key(work) and key is not None and not key.is_enabled:
        yield f"the KMS key {key.arn} is {key.state}, so nothing can be copied under it"


def _words_on_crowd(away: CopiesSeen) -> str:
    return (
        f"{away.in_flight} copies are in flight to {away.region}, and AWS takes {MOST_IN_FLIGHT} at most of an account: "
        "come again when one of them is through"
    )


def copy_plan(request: CopyRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that keeps the copies of ``target`` in the region that was looked at, or every reason why there is none."""
    work = copy_work(request, target, seen)
    if isinstance(work, CopyWork) and (why := standstill_words(work)):
        work = (why,)
    if not isinstance(work, CopyWork):
        hint = f"daybreak backups {target.name}  # shows what there is already"
        return Refusal(what=f'copying "{target.name}" to {seen.identity.region}', reasons=work, hints=(hint,))
    name = clone_name(target.cluster, "copy", terms.created, request.suffix)
    steps = _Steps(work, name)
    steps.remove_what_was_left()
    follows = steps.make_copy() if work.is_due else steps.await_copies()
    steps.rotate(follows)
    made = tuple(steps.sequence.steps)
    return frame(
        target,
        seen,
        terms,
        run=RunId(name),
        request=request,
        source=target.cluster,
        clone=name,
        estimate=sum_of_steps(made, steps.copying.evidence if work.is_due or work.copies.in_flight else OF_STEPS),
        steps=made,
        notes=tuple(_notes(work)),
        tags=tags_for(name, None) if work.is_due else {},
    )


def standstill_words(work: CopyWork) -> str:
    """Why nothing is done now, and until when; empty where something is."""
    if work.is_crowded:
        return _words_on_crowd(work.away)
    return _idle_words(work) if work.is_idle else ""


def _idle_words(work: CopyWork) -> str:
    newest, due = work.copies.newest, work.copies.due(work.promise.every)
    if newest is None or due is None:
        return f"no snapshot is in {work.home} to be copied"
    until = f"the newest complete copy in {work.away.region} holds {stamp(newest)}"
    if due <= work.now:
        return f"{until}, and {work.home} has no newer snapshot (takes_snapshot = false)"
    return f"{until}; the next one is due at {stamp(due)} (promised: every {span_in_words(work.promise.every)})"


class _Steps:
    """Makes the steps of one plan."""

    def __init__(self, work: CopyWork, name: str) -> None:
        self._work = work
        self._name = name
        self._taken = home_name(name)
        self._origin = work.cluster.resource_id
        self.sequence = Sequence(work.away.region, (work.target.cluster,))
        self.copying = estimates.copy_estimate(work.seen.past)

    def remove_what_was_left(self) -> None:
        """Remove what earlier runs left: copies beyond the number kept, copies that failed, snapshots at home."""
        work = self._work
        for number, each in enumerate(reversed(work.beyond), start=1):
            reason = f"{_words(work.promise.keep)} newer complete; an earlier run ended before it removed this one"
            self._delete_copy(f"delete-surplus-{number}", each, reason, work.staying)
        for number, each in enumerate(work.copies.failed, start=1):
            why = f"AWS calls it {each.status}: nothing can be restored from it"
            self._delete(f"delete-failed-{number}", each, why, ())
        for number, each in enumerate(work.left, start=1):
            why = (
                "an earlier run took it to copy it, and ended before it removed it; it costs storage and serves nobody"
            )
            self._delete(f"delete-left-{number}", each, why, (), region=work.home)

    def make_copy(self) -> tuple[Thing, StepId]:
        """Copy the newest data; the copy, and the step after which it is complete."""
        work = self._work
        taken, before = self._take() if work.promise.takes_snapshot else (None, ())
        source = work.source
        arn = source.arn if source else arn_of(work.seen.identity, "cluster-snapshot", self._taken, work.home)
        tags = source.tags if source else work.cluster.tags
        asked: Guard = (
            AsPlanned(thing=self._thing(source.identifier, work.home), field="created", value=spell(source.created))
            if source
            else Ours(thing=self._thing(self._taken, work.home))
        )
        action = CopySnapshot(
            source=arn,
            source_region=work.home,
            snapshot=self._name,
            key=work.away.key.arn if work.away.key and _needs_key(work) else None,
            taken=work.copies.moment(source) if source else None,
            tags=own_tags(tags, ON_COPY) | self._marks,
        )
        why = f"AWS copies no backup of Aurora to {work.away.region} by itself; a loss of {work.home} costs all that no copy holds"
        sent = self.sequence.add("copy-snapshot", action, why, estimates.CALL, after=before, guards=(asked,))
        waited = self._await("await-copy", self._name, "only a complete copy can be restored", after=(sent,))
        if taken is not None:
            action_left = DeleteSnapshot(snapshot=self._taken, origin=self._origin, region=work.home)
            why = "it was taken to be copied, and the copy is complete: keeping it costs storage"
            self.sequence.add("delete-snapshot", action_left, why, estimates.CALL, after=(waited,))
        return self._thing(self._name), waited

    def _take(self) -> tuple[StepId, tuple[StepId, ...]]:
        work = self._work
        tags = own_tags(work.cluster.tags, ON_COPY) | self._marks
        action = TakeSnapshot(cluster=work.cluster.identifier, snapshot=self._taken, tags=tags, region=work.home)
        why = "a copy is as old as what it was copied from: the newest automated snapshot may be a day old"
        taken = self.sequence.add("take-snapshot", action, why, estimates.CALL)
        waits = AwaitSnapshot(snapshot=self._taken, origin=self._origin, region=work.home)
        why = "AWS copies only a complete snapshot, and its time is written into a tag of the copy"
        return taken, (self.sequence.add("await-snapshot", waits, why, estimates.SNAPSHOT, after=(taken,)),)

    def await_copies(self) -> tuple[Thing, StepId] | None:
        """Follow the copies that earlier runs began; the newest of them, and the step after which all are complete."""
        last: StepId | None = None
        for number, each in enumerate(reversed(self._work.copies.in_flight), start=1):
            why = "an earlier run began it: another beside it would only wait behind it"
            after = (last,) if last else ()
            last = self._await(f"await-copy-{number}", each.identifier, why, after=after, nonce=copy_maker(each))
        return (self._thing(self._work.copies.in_flight[0].identifier), last) if last else None

    def rotate(self, follows: tuple[Thing, StepId] | None) -> None:
        """Remove what is too many once the copy is there that this run waits for, the oldest first."""
        if follows is None:
            return
        newest, waited = follows
        work = self._work
        # Copies in flight hold later moments than the complete ones: they were begun later.
        coming = [newest] if work.is_due else list(map(self._thing_of, work.copies.of_journals(work.copies.in_flight)))
        stay = work.staying[: max(0, work.promise.keep - len(coming))]
        newer = (*coming, *map(self._thing_of, stay))[: work.promise.keep]
        if len(newer) < work.promise.keep:
            return
        older = [each for each in work.copies.older_than(stay) if each not in work.beyond]
        for number, each in enumerate(reversed(older), start=1):
            reason = f"{_words(work.promise.keep)} newer complete, and so many are to stay"
            self._delete_copy(f"delete-copy-{number}", each, reason, newer, after=(waited,))

    def _await(self, slug: str, name: str, why: str, *, after: tuple[StepId, ...], nonce: str | None = None) -> StepId:
        action = AwaitSnapshot(snapshot=name, origin=self._origin, nonce=nonce)
        return self.sequence.add(slug, action, why, self.copying, after=after)

    def _delete_copy(
        self,
        slug: str,
        copy: Snapshot,
        why: str,
        newer: Iterable[Snapshot | Thing],
        after: tuple[StepId, ...] = (),
    ) -> None:
        there = tuple(self._thing(each.identifier) if isinstance(each, Snapshot) else each for each in newer)
        guard = Outlived(thing=self._thing(copy.identifier), newer=there, origin=self._origin)
        self._delete(slug, copy, f"{why}; it holds {stamp(self._work.copies.moment(copy))}", (guard,), after=after)

    def _delete(
        self,
        slug: str,
        snapshot: Snapshot,
        why: str,
        guards: tuple[Guard, ...],
        *,
        after: tuple[StepId, ...] = (),
        region: str | None = None,
    ) -> None:
        action = DeleteSnapshot(
            snapshot=snapshot.identifier, origin=self._origin, nonce=copy_maker(snapshot), region=region
        )
        # What is only too many never keeps a copy from being made.
        held = {} if after else {"when_refused": "hold"}
        self.sequence.add(slug, action, why, estimates.CALL, after=after, guards=guards, **held)

    @property
    def _marks(self) -> dict[str, str]:
        """The tags by which the copies of this cluster for this region are known again."""
        return {COPY_OF_TAG: self._origin, COPY_FOR_TAG: self._work.away.region}

    def _thing_of(self, copy: Snapshot) -> Thing:
        return self._thing(copy.identifier)

    def _thing(self, name: str, region: str | None = None) -> Thing:
        return Thing(kind="cluster-snapshot", name=name, region=region or self._work.away.region)


def _words(keep: int) -> str:
    return "one copy is" if keep == 1 else f"{keep} copies are"


def _needs_key(work: CopyWork) -> bool:
    return work.source.needs_key if work.source else work.cluster.needs_key


def _notes(work: CopyWork) -> Iterable[str]:
    """What a person should know before saying yes."""
    region, copies = work.away.region, work.copies
    if work.is_due:
        yield "AWS says of no copy how long it takes: each is a whole copy, takes hours where the storage is large, and may wait in a queue"
    if work.is_due and work.promise.key is not None and not _needs_key(work):
        yield f"the source is under no key of KMS, and copying cannot encrypt it: the key {work.promise.key} is not used"
    left_out = tags_left_out(work.cluster.tags, ON_COPY) if work.is_due else []
    if left_out:
        yield f"tags that have no place on the copy: {comma_list(left_out)}"
    yield from work.doubts
    own = (*copies.complete, *copies.in_flight, *copies.failed, *(each for each, _ in copies.doubted))
    others = [each.identifier for each in work.away.snapshots if each not in own]
    if others:
        yield f"it stays, because Daybreak did not copy it of this cluster: {comma_list(sorted(others))}"
    yield f"a deleted snapshot is gone for good; nothing is deleted before {_words(work.promise.keep)} newer and complete in {region}"
