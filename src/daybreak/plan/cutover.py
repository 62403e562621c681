"""Plan a cutover: the order in which the traffic leaves the source for the clone, so that it can be stopped anywhere. Pure.

First the clone becomes something that nobody cleans up. Then the source is fenced: no role may log in, nobody is left inside, and only
then its high-water mark is read. From there to the moment at which the last destination has changed nobody can write anywhere, so no
write is lost in between; whatever stops the run there leaves the source closed and whole, and a rollback opens it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daybreak.model.actions import (
    AdvanceSequences,
    AwaitApproval,
    AwaitProxy,
    AwaitRecord,
    ChangeSql,
    CountWrites,
    DetachProxy,
    EndSessions,
    RunCommand,
    SetClusterOptions,
    SetExpiry,
    WarmCache,
)
from daybreak.model.cutover import CutoverSeen
from daybreak.model.destinations import (
    DestinationSeen,
    NameSwap,
)
from daybreak.model.fences import AccessSeen
from daybreak.model.guards import Guard, Ours, Recent, Unwritten
from daybreak.model.moment import span_in_words
from daybreak.model.names import clone_stem, printable
from daybreak.model.observation import Observation
from daybreak.model.plan import (
    Estimate,
    Gap,
    Plan,
    Refusal,
    RunId,
    Step,
    StepId,
)
from daybreak.model.requests import CutoverRequest, MoveRequest
from daybreak.model.tags import EXPIRES_TAG, PRODUCTION
from daybreak.model.targets import Target
from daybreak.model.value import Span, stamp
from daybreak.model.world import Cluster
from daybreak.plan import estimates
from daybreak.plan.adding import (
    add_next,
    fence_of,
    guard_of_writes,
    last_address,
    past_order,
    server_order,
    thing_of,
)
from daybreak.plan.fence import fence_around, notes_on_fence
from daybreak.plan.keyed import make_again, rest_for_people
from daybreak.plan.leaving import notes_on_left, places_to_change
from daybreak.plan.lifting import let_jobs_go_on, lift, notes_on_lifting
from daybreak.plan.pointing import orders_of, reason_to_point, sides_of, verb_of
from daybreak.plan.pools import (
    PoolStep,
    steps_to_other_side,
    steps_to_pause,
    steps_to_resume,
)
from daybreak.plan.proofs import arrival_at, begin_probe, notes_on_proofs, read_probe
from daybreak.plan.refusing import (
    NEWS,
    objections_to_cutover,
)
from daybreak.plan.remembering import lengthen, shorten
from daybreak.plan.renaming import notes_on_names, notes_on_owner, swap_of, take_over, takes_name
from daybreak.plan.sequence import Sequence
from daybreak.plan.terms import Terms
from daybreak.plan.unfenced import notes_on_no_fence, skip

WARMING = Span(minutes=2)
"""How long the clone's memory is filled before clients come."""

SENDING_OUT = Span(seconds=60)
"""How long the source's sessions may take to end: a backend that is at work is asked again and again."""


def cutover_plan(request: CutoverRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that moves the traffic to the clone of ``request.run``, or every reason why there is none."""
    run = RunId(f"{clone_stem(target.cluster)}-cutover-{terms.created:%Y%m%d%H%M}-{request.suffix}")
    source, both = seen.cluster or request.source_before, seen.cutover
    reasons = tuple(objections_to_cutover(request, target, seen))
    if reasons or source is None or both is None or both.clone is None:
        hints = (f"daybreak validate {request.run}",)  # `show` has the restore's own verdict, which may have been fit
        return Refusal(what=f'the cutover of "{target.name}" to {request.run}', reasons=reasons, hints=hints)
    sequence, clone, whole = Sequence(seen.identity.region, (), target.approval), both.clone, both
    both = whole.model_copy(update={"destinations": places_to_change(request, whole.destinations)})
    _keep(sequence, clone, run)
    judged = (guard_of_writes(target, clone, request.verdict.writes),)
    is_restarted = lift(sequence, target, source, both, judged)
    made_again = make_again(sequence, source, both, takes_name=takes_name(target))
    _warm(sequence, target, source, both)
    records = shorten(sequence, target, both.destinations)
    if both.access is None:
        skip(sequence, target, clone, both.sequences, request.skips)
    # A restart may begin the counters anew, so what was judged is asked right before it.
    _count(sequence, target, clone, () if is_restarted else judged)
    own, unwritten = Ours(thing=thing_of(clone)), guard_of_writes(target, clone)
    is_probed = begin_probe(sequence, target, both, (source, clone), "clone")
    add_pool_steps(sequence, steps_to_pause(both.pools), ())
    opens, fence = None, tuple[Guard, ...]()
    if both.access is not None:
        is_by_address = both.is_by_address
        fence = (fence_of(target, source, is_by_address=is_by_address),)
        recent = Recent(judged=request.verdict.at, within=NEWS + _time_of_preparing(sequence.steps))
        guards: tuple[Guard, ...] = (recent, own, unwritten)
        opens = close(sequence, target, source, both.access, "source", guards=guards, is_by_address=is_by_address)
        guards, unseen = (*fence, unwritten), source if is_by_address else None
        advance(sequence, target, (source, clone), both.databases, guards=guards, unseen=unseen)
    swap = swap_of(source, clone, terms.created, request.suffix) if takes_name(target) else None
    after = _lead_clients(sequence, target, both, _Leading((source, clone), swap, records, fence, own, unwritten))
    if swap is not None:
        fence = tuple(fence_of(target, after[0]) for _ in fence)
    add_pool_steps(sequence, steps_to_resume(both.pools, None, by_command=False), fence)
    restart(sequence, target)
    named = both.model_copy(update={"clone": after[1]})
    closes = _await_clients(sequence, target, named, after, fence)
    if is_probed:
        read_probe(sequence, target, after[1])
    let_jobs_go_on(sequence, target, named)
    lengthen(sequence, target, source, both)
    if opens is not None:
        # A count beside the gap would ask a name that is given away meanwhile.
        emptied = None if swap else _step_to_empty(sequence.steps)
        look_past_mark(sequence, target, after[0], emptied, is_by_address=both.is_by_address)
    notes = (
        *_notes(request, target, source, both),
        *(notes_on_no_fence(request, target, seen, run) if request.unfenced else _notes_on_gap(target)),
        *notes_on_left(request, target.cluster, whole.destinations),
        *_notes_on_world(target, both, (source, clone)),
        *_notes_on_naming(target, source, swap),
    )
    made = plan_of_move(request, target, seen, terms, sequence, run=run, clone=request.run, notes=notes)
    made = made.model_copy(update={"keyed": (*made_again, *rest_for_people(source, named))})
    if opens is None:
        return made  # without a fence there is nothing to open again, and the source serves nobody
    budget = target.cutover.budget + (target.cutover.renaming if swap else timedelta(0))
    return made.model_copy(update={"gap": Gap(opens=opens, closes=closes, budget=budget, unwritten=unwritten)})


def plan_of_move(
    request: MoveRequest,
    target: Target,
    seen: Observation,
    terms: Terms,
    sequence: Sequence,
    *,
    run: RunId,
    clone: str,
    notes: tuple[str, ...],
) -> Plan:
    """The plan of a cutover or a rollback with these steps: its source is the target's cluster, whichever way the traffic goes."""
    return Plan(
        run=run,
        request=request,
        target=target,
        identity=seen.identity,
        created=terms.created,
        expires=terms.expires,
        zone=terms.zone,
        source=target.cluster,
        clone=clone,
        objectives=target.objectives,
        estimate=_total(sequence.steps),
        steps=tuple(sequence.steps),
        notes=notes,
    )


def look_past_mark(
    sequence: Sequence, target: Target, source: Cluster, emptied: StepId | None = None, *, is_by_address: bool = False
) -> None:
    """Count what was written at a source since it was closed: what gets past a fence is said with a number, never in silence.

    ``emptied`` is the step that has just closed it: what was written until then is counted beside what follows, so it holds up nobody.
    ``is_by_address`` reaches the source where it was last seen.
    """
    server = server_order(target, source, is_by_address=is_by_address)
    order = CountWrites.model_validate(server | {"is_needed": False})
    last = sequence.steps[-1:]
    more: dict[str, Any] = {"after": tuple(step.id for step in last), "when_refused": "forgo"}
    if emptied is not None:
        why = "it is what later writes are held against, and nobody waits for it"
        beside = sequence.add("count-at-mark", order, why, estimates.CALL, after=(emptied,), when_refused="forgo")
        more["after_settled"] = (beside,)
    why = "whoever got past the fence, such as with our own login's password, wrote past its high-water mark"
    sequence.add("look-past-mark", order, why, estimates.CALL, **more)


def _step_to_empty(steps: list[Step]) -> StepId | None:
    """The step that sends everybody out of the source."""
    return next((step.id for step in steps if isinstance(step.action, EndSessions)), None)


def _time_of_preparing(steps: list[Step]) -> timedelta:
    """How long what comes before the fence may take, once it has begun: the verdict grows so much older by the run's own doing."""
    prepared = [step for step in steps if not isinstance(step.action, AwaitApproval)]
    forgotten = [step.action.forget for step in prepared if isinstance(step.action, AwaitRecord)]
    return sum((step.estimate.high for step in prepared), start=max(forgotten, default=timedelta()))


def _total(steps: list[Step]) -> Estimate:
    """The sum of what the steps take."""
    low = sum((step.estimate.low for step in steps), start=timedelta())
    high = sum((step.estimate.high for step in steps), start=timedelta())
    return Estimate(low=low, high=high, evidence="the sum of its steps")


def add_pool_steps(sequence: Sequence, steps: Iterable[PoolStep], guards: tuple[Guard, ...]) -> None:
    """Append what is ordered of pools."""
    for each in steps:
        asked = guards if each.is_guarded else ()
        add_next(sequence, each.slug, each.action, each.reason, each.estimate, guards=asked, when_refused="pause")


def _keep(sequence: Sequence, clone: Cluster, run: RunId) -> None:
    """Let nothing of ours remove the clone from here on."""
    if not clone.is_protected:
        add_next(
            sequence,
            "protect-clone",
            SetClusterOptions(clone=clone.identifier, is_protected=True),
            "what serves must not be deleted by a slip",
            estimates.OPTIONS,
        )
    add_next(
        sequence,
        "keep-clone",
        SetExpiry(
            clone=clone.identifier,
            arn=clone.arn,
            expires=f"{PRODUCTION}{run}",
            before=clone.tags.get(EXPIRES_TAG, ""),
        ),
        "no clean-up and no abort of ours touches it from here on",
        estimates.CALL,
    )


def close(
    sequence: Sequence,
    target: Target,
    cluster: Cluster,
    access: AccessSeen,
    side: str,
    *,
    guards: tuple[Guard, ...] = (),
    is_by_address: bool = False,
) -> StepId:
    """Fence a side: take LOGIN, or CONNECT where that may not be taken, and send everybody out; the id of the first step.

    ``guards`` are asked before the first of both; ``is_by_address`` reaches it where it was last seen.
    """
    fence, server = fence_around(access), server_order(target, cluster, is_by_address=is_by_address)
    first: StepId | None = None
    if fence is not None:
        order = ChangeSql.model_validate({**server, "change": fence.change, "back": fence.back})
        why = "a read-only default stops nobody; who cannot log in cannot write"
        first = add_next(sequence, f"close-{side}", order, why, estimates.CALL, guards=guards)
    again = fence.again if fence is not None else None
    order_to_end = EndSessions.model_validate({**server, "limit": SENDING_OUT, "again": again})
    why = "who is inside goes on writing until the session ends; the mark is read when nobody is left"
    last = add_next(sequence, f"empty-{side}", order_to_end, why, estimates.CALL, guards=() if first else guards)
    return first or last


def _warm(sequence: Sequence, target: Target, source: Cluster, both: CutoverSeen) -> None:
    """Let the clone have in its memory what the source has there, so that the first minute is not the slowest."""
    for number, database in enumerate(both.warmable if both.clone else (), start=1):
        server = server_order(target, both.clone, database=database) if both.clone else {}
        there = past_order(target, both.clone or source, source, is_by_address=both.is_by_address)
        order = WarmCache.model_validate(server | there | {"limit": WARMING})
        why = "a clone that was just started reads everything from its storage, and clients would wait"
        add_next(
            sequence, f"warm-cache-{number}", order, why, Estimate(low=timedelta(0), high=WARMING, evidence="its limit")
        )


def advance(
    sequence: Sequence,
    target: Target,
    sides: tuple[Cluster, Cluster],
    databases: tuple[str, ...],
    *,
    guards: tuple[Guard, ...],
    unseen: Cluster | None = None,
) -> None:
    """Set the sequences of the side that will take writes past those of the side that is fenced, which comes first in ``sides``.

    The one of both that AWS does not show, ``unseen``, is reached where it was last seen.
    """
    past, side = sides
    for number, database in enumerate(databases, start=1):
        order = AdvanceSequences.model_validate(
            server_order(target, side, database=database, is_by_address=side is unseen)
            | past_order(target, side, past, is_by_address=past is unseen)
        )
        why = f"a number that {past.identifier} gave out stands in mails and payments: it is never given out again"
        add_next(sequence, f"advance-sequences-{number}", order, why, estimates.CALL, guards=guards)


def _count(sequence: Sequence, target: Target, clone: Cluster, guards: tuple[Guard, ...]) -> None:
    """Count what was written in the clone, before anybody is led there."""
    order = CountWrites.model_validate(server_order(target, clone))
    why = "what clients write there later is known by it, and so whether everything may be taken back"
    add_next(sequence, "count-writes", order, why, estimates.CALL, guards=guards)


@dataclass(frozen=True)
class _Leading:
    """How clients are led to the clone."""

    clusters: tuple[Cluster, Cluster]
    """Source and clone."""
    swap: NameSwap | None
    """How these exchange their names; ``None`` where each place gets the clone's address."""
    records: tuple[DestinationSeen, ...]
    fence: tuple[Guard, ...]
    own: Guard
    unwritten: Unwritten


def _lead_clients(sequence: Sequence, target: Target, both: CutoverSeen, how: _Leading) -> tuple[Cluster, Cluster]:
    """Let every place, or the name itself, lead to the clone; source and clone, as they are named then."""
    guards = (*how.fence, how.own)
    is_repointed = _repoint(sequence, how.clusters, both, guards)
    if how.swap is not None:
        return take_over(sequence, target, how.clusters, how.swap, guards=guards, unwritten=how.unwritten)
    _point(sequence, how.clusters, how.records, guards, None if is_repointed else how.unwritten)
    return how.clusters


def _repoint(
    sequence: Sequence, clusters: tuple[Cluster, Cluster], both: CutoverSeen, guards: tuple[Guard, ...]
) -> bool:
    """Lead each pool that learns the address by a command to the clone; whether there is one."""
    sides, pools = sides_of(*clusters), tuple(each for each in both.pools if each.pool.repoint)
    if pools:
        add_pool_steps(sequence, steps_to_other_side(pools, sides.clone["writer"], sides.source["writer"]), guards)
    return bool(pools)


def _point(
    sequence: Sequence,
    clusters: tuple[Cluster, Cluster],
    destinations: tuple[DestinationSeen, ...],
    fence: tuple[Guard, ...],
    unwritten: Unwritten | None,
) -> None:
    """Let every destination name the clone; ``clusters`` are source and clone. Until the first does, nobody has written there.

    ``unwritten`` asks that; without it clients may be there already.
    """
    sides = sides_of(*clusters)
    for number, each in enumerate(destinations, start=1):
        end = each.destination.endpoint
        for action in orders_of(each, sides.source[end], sides.clone[end], clusters):
            is_wait = isinstance(action, AwaitRecord | AwaitProxy)
            guards = fence if unwritten is None else (*fence, unwritten)
            add_next(
                sequence,
                f"{verb_of(action)}-{each.destination.kind}-{number}",
                action,
                reason_to_point(action),
                estimates.LOOK if is_wait else estimates.CALL,
                guards=() if is_wait else guards,
            )
            unwritten = unwritten if isinstance(action, DetachProxy) else None


def restart(sequence: Sequence, target: Target) -> None:
    """Add the owner's own programs: what caches an address looks at its place again."""
    for number, each in enumerate(target.cutover.restarts, start=1):
        order = RunCommand(what=each.what, command=each.command, limit=each.limit, environment=each.environment)
        taken = Estimate(low=timedelta(0), high=each.limit, evidence="its limit in daybreak.toml")
        add_next(sequence, f"restart-client-{number}", order, "it may remember the old address", taken)


def _await_clients(
    sequence: Sequence,
    target: Target,
    both: CutoverSeen,
    clusters: tuple[Cluster, Cluster],
    fence: tuple[Guard, ...],
) -> StepId:
    """Wait until clients work at the clone; the id of the step after which nothing goes back by itself."""
    rules = target.cutover
    action = arrival_at(target, both, clusters, "clone")
    if action is None:
        return sequence.steps[-1].id
    why = "the traffic has moved when clients work there, and not when their addresses were changed"
    wait = Estimate(low=rules.hold, high=rules.hold + rules.budget, evidence="the clients decide")
    more: dict[str, Any] = {"guards": fence, "when_refused": "hold"}
    return add_next(sequence, "await-clients", action, why, wait, **more)


def _notes(request: CutoverRequest, target: Target, source: Cluster, both: CutoverSeen) -> Iterator[str]:
    verdict = request.verdict
    yield f"the clone is {verdict.standing.value} by the verdict of {stamp(verdict.at)}, within {verdict.scope}"
    if target.approval is not None:
        old = span_in_words(NEWS)
        yield f"where that is older than {old} when another person has said yes, it is asked again before anything is changed"
    yield from (f"waived: {each}" for each in verdict.waived)
    yield from verdict.left_behind
    if verdict.left_behind and not request.unfenced:
        yield f"row by row, exactly once the source is fenced: daybreak delta {request.run} --into clone"
    yield from notes_on_fence(both.access, target.cluster) if both.access else ()
    if both.access is not None and both.access.own == source.master_username:
        yield (
            f"our login is the master user of {target.cluster}, {printable(both.access.own)}: whoever else has its password writes at the "
            "closed source, and no fence sees it before; a role that Daybreak alone uses keeps them out"
        )


def _notes_on_naming(target: Target, source: Cluster, swap: NameSwap | None) -> Iterator[str]:
    """What becomes of the names, and who keeps the source by its own."""
    yield from notes_on_names(target, source, swap) if swap else ()
    yield from notes_on_owner(target, source)


def _notes_on_world(target: Target, both: CutoverSeen, clusters: tuple[Cluster, Cluster]) -> Iterator[str]:
    """What stands otherwise than a person would think: the application, the source's address, what acts in the clone, and each place."""
    source, _ = clusters
    yield from notes_on_proofs(target, both, clusters)
    yield from notes_on_address(source, both)
    yield from notes_on_lifting(source, both)
    yield from (f"{each.words()}: {note}" for each in both.destinations for note in each.notes)


def _notes_on_gap(target: Target) -> Iterator[str]:
    """What becomes of the source, and when everything is taken back by itself."""
    rules, within = target.cutover, target.cutover.budget
    within += target.cutover.renaming if takes_name(target) else timedelta(0)
    wanted = {
        "write": f"{rules.share} % of the clients work at the clone, and a write of theirs is there",
        "clients": f"{rules.share} % of the clients work at the clone",
        "nothing": "every place names the clone (clients there are not looked at, as daybreak.toml says)",
    }
    well = " and the application is well, as daybreak.toml asks it" if rules.health or rules.application else ""
    yield (
        f"where not within {span_in_words(within)} of the fence {wanted[rules.wants]}{well}, all of it is taken back by itself, "
        "the clone closed first; once a client has written in the clone, nothing goes back by itself, and a person is asked"
    )
    yield f"{target.cluster} is kept as it is, closed: a rollback opens it, and nothing of ours deletes it"


def notes_on_address(source: Cluster, both: CutoverSeen) -> Iterator[str]:
    """That a source is fenced of which AWS says nothing, and what that means."""
    if both.access is None or not both.is_by_address:
        return
    at = last_address(source)
    why = both.home_silence or f"AWS knows no cluster {source.identifier}"
    yield (
        f"AWS says nothing of {source.identifier} ({why}), and its server answers at {at.host}:{at.port}: it is fenced there, and that "
        "it is still the cluster of that name is vouched for by the server's certificate alone"
    )
