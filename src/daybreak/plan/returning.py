"""Plan a rollback: the traffic goes back to the source that a cutover took it from. Pure.

It is planned from what is seen now, not from what the cutover meant to do. Where a destination names the clone by now, the clone is
fenced first, so that nothing more is written there, and what it holds stays. Then each place is put back in the reverse order, and
the source is opened. Where nobody wrote in the clone, it is a clone again after that, and all that made it production is taken back;
that comes last, since it may take a restart, and nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from daybreak.model.actions import (
    Action,
    AwaitProxy,
    AwaitRecord,
    ChangeRecord,
    ChangeSql,
    MoveSecretStage,
    PausePool,
    RebootInstance,
    SetExpiry,
)
from daybreak.model.cutover import CutoverSeen
from daybreak.model.destinations import DestinationSeen, EndpointSeen, RecordSet, SecretSeen, SideAddresses
from daybreak.model.guards import Guard, Unwritten
from daybreak.model.names import clone_stem
from daybreak.model.observation import Observation
from daybreak.model.plan import Estimate, Plan, Refusal, RunId, StepId
from daybreak.model.requests import RollbackRequest
from daybreak.model.tags import EXPIRES_TAG, LEFT
from daybreak.model.targets import Target
from daybreak.model.world import Cluster
from daybreak.plan import estimates
from daybreak.plan.adding import add_next, fence_of, guard_of_writes, server_order
from daybreak.plan.advancing import objections_to_advancing
from daybreak.plan.cutover import add_pool_steps, advance, close, look_past_mark, plan_of_move, restart
from daybreak.plan.fence import fence_around, objections_to_fence
from daybreak.plan.opening import is_door, open_source, places_lost, plan_without_clone
from daybreak.plan.pointing import POINTS, leads_there, objection_to, orders_of, reason_to_point, sides_of
from daybreak.plan.pools import (
    have_pools_moved,
    is_repointing,
    leave_silent_pools,
    objections_to_pools,
    objections_to_strays,
    pools_lost,
    steps_after_opening,
    steps_to_move,
    steps_to_pause,
    words_on_silent_pools,
)
from daybreak.plan.proofs import arrival_at, begin_probe, notes_on_proofs, read_probe
from daybreak.plan.remembering import restore_times, shorten, times_wanted
from daybreak.plan.renaming import await_endpoint, guard_at, rename_back, under_name, with_own_name
from daybreak.plan.sequence import Sequence
from daybreak.plan.terms import Terms
from daybreak.plan.unfenced import words_on_open, words_on_source

_ASTRAY = ("clone", "nowhere")
"""Where a destination may be that is put back."""


def rollback_plan(request: RollbackRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that takes the cutover ``request.run`` back, or every reason why there is none."""
    run = RunId(f"{clone_stem(target.cluster)}-rollback-{terms.created:%Y%m%d%H%M}-{request.suffix}")
    source, (both, silent) = _source_in(request, seen), leave_silent_pools(request, seen.cutover)
    seen = seen.model_copy(update={"cutover": both})
    if both is not None and both.clone is None:
        return plan_without_clone(request, target, seen, terms, run)
    reasons = tuple(_objections(request, target, seen))
    if reasons or source is None or both is None or both.clone is None:
        hints = (f"daybreak show {request.run}",)
        return Refusal(what=f'the rollback of "{target.name}" to {target.cluster}', reasons=reasons, hints=hints)
    # A run that takes itself back was approved with its cutover, whose plan says so.
    sequence = Sequence(seen.identity.region, (), target.approval if request.unwritten is None else None)
    was_moved, is_probed = has_moved(request, both), False
    destinations, guards = both.destinations, tuple[Guard, ...]()
    if request.mark is not None:
        look_past_mark(sequence, target, source, is_by_address=seen.cluster is None)
    if was_moved and both.clone_access is not None:
        if request.unwritten is None:
            destinations = shorten(sequence, target, destinations)
        is_probed = request.unwritten is None and begin_probe(sequence, target, both, (source, both.clone), "source")
        add_pool_steps(sequence, steps_to_pause(both.pools), ())
        close(sequence, target, both.clone, both.clone_access, "clone")
        guards = _guards_at(request, target, both.clone)
        unseen = source if seen.cluster is None else None
        advance(sequence, target, (both.clone, source), both.databases, guards=guards, unseen=unseen)
    sides, proxies = sides_of(source, both.clone), list[AwaitProxy]()
    if was_moved and both.pools:
        add_pool_steps(sequence, steps_to_move(both.pools, sides.source["writer"], sides.clone["writer"]), guards)
    for number, each in enumerate(reversed(destinations), start=1):
        if each.points_at in _ASTRAY and not isinstance(each.facts, EndpointSeen):
            ways = _ways_back(request, each, source, both.clone)
            _put_back(sequence, [way for way in ways if not isinstance(way, AwaitProxy)], number, guards)
            proxies += [way for way in ways if isinstance(way, AwaitProxy)]
    source, clone = _open_under_name(sequence, request, target, (source, both.clone), guards=guards)
    both = both.model_copy(update={"clone": clone})
    for number, wait in enumerate(proxies, start=1):
        # It looks whether it can log in there, and until the source is open nobody can.
        add_next(sequence, f"await-proxy-{number}", wait, reason_to_point(wait), estimates.LOOK)
    if both.pools:
        add_pool_steps(sequence, steps_after_opening(request, both.pools, sides, was_moved=was_moved), guards)
    if was_moved:
        restart(sequence, target)
    restore_times(
        sequence, (_at_source(each, sides) for each in destinations), times_wanted(request, both.destinations)
    )
    if is_probed:
        read_probe(sequence, target, source)
    back_with = sequence.steps[-1].id if sequence.steps else None
    is_clone_again = not was_moved or request.unwritten is not None
    _mark_clone(sequence, request, target, clone, is_clone_again=is_clone_again, run=run)
    if was_moved and (is_clone_again or request.counted is not None):
        _open_clone(sequence, target, both)
    if was_moved and request.unwritten is None and back_with is not None:
        _see_application(sequence, target, both, (source, clone), after=back_with)
    said = _notes(request, target, both, (source, clone), is_clone_again=is_clone_again)
    notes = (*said, *pools_lost(request, (*both.pools, *silent)), *words_on_silent_pools(silent))
    return plan_of_move(request, target, seen, terms, sequence, run=run, clone=request.clone, notes=notes)


def _mark_clone(
    sequence: Sequence, request: RollbackRequest, target: Target, clone: Cluster, *, is_clone_again: bool, run: RunId
) -> None:
    """Let the clone be a clone again, or say that the traffic has left it."""
    if is_clone_again:
        _be_a_clone_again(sequence, request, target)
        return
    _leave(sequence, clone, run)
    if request.counted is not None:
        # The tag says by now that it was written: where the closed clone's counters show that nobody did, that is taken back too.
        unwritten = guard_of_writes(target, clone, request.counted)
        _be_a_clone_again(sequence, request, target, (fence_of(target, clone), unwritten))


def _guards_at(request: RollbackRequest, target: Target, clone: Cluster) -> tuple[Guard, ...]:
    """What must hold of the closed clone, under the name that it has by then, before anything is put back."""
    unwritten = request.unwritten
    return (fence_of(target, clone), *(() if unwritten is None else (guard_at(unwritten, clone),)))


def _open_under_name(
    sequence: Sequence,
    request: RollbackRequest,
    target: Target,
    both: tuple[Cluster, Cluster],
    *,
    guards: tuple[Guard, ...],
) -> tuple[Cluster, Cluster]:
    """Give source and clone their own names again, where these have moved, and open the source; both, as they are named then.

    ``guards`` say that the clone is closed; empty where it need not be.
    """
    (source, clone), swap = both, request.swap
    if swap is not None:
        names = {clone.identifier, swap.own}
        by_name = {each: _guards_at(request, target, under_name(clone, each)) if guards else () for each in names}
        source, clone = rename_back(sequence, both, swap, guards=by_name)
        guards = by_name[clone.identifier]
    open_source(sequence, request, target, guards)
    if source.identifier != both[0].identifier:
        await_endpoint(sequence, target, source)
    return source, clone


def has_moved(request: RollbackRequest, both: CutoverSeen) -> bool:
    """Whether a destination may have named the clone, by the cutover or by anybody's hand, so that clients may have written there."""
    was_ours = any(leads_there(each.action) for each in request.deeds) or have_pools_moved(request, both.pools)
    return was_ours or any(each.points_at == "clone" for each in both.destinations)


def _ways_back(request: RollbackRequest, seen: DestinationSeen, source: Cluster, clone: Cluster) -> tuple[Action, ...]:
    """What points a destination at the source again.

    Where nobody has changed a secret since, its old version becomes current again; of anything else only the address is replaced, so
    that what was changed since, such as a password, stays.
    """
    stages = [each for deed in request.deeds for each in deed.back if isinstance(each, MoveSecretStage)]
    if isinstance(seen.facts, SecretSeen):
        for back in stages:
            if (back.secret, back.away_from) == (seen.facts.name, seen.facts.state):
                return (back,)
    end, sides = seen.destination.endpoint, sides_of(source, clone)
    return orders_of(seen, sides.clone[end], sides.source[end], (clone, source))


def _at_source(seen: DestinationSeen, sides: SideAddresses) -> DestinationSeen:
    """A destination as it is once it is put back."""
    if seen.points_at != "clone" or not isinstance(seen.facts, RecordSet):
        return seen
    end = seen.destination.endpoint
    [after] = [
        each.after for each in orders_of(seen, sides.clone[end], sides.source[end]) if isinstance(each, ChangeRecord)
    ]
    return seen.model_copy(update={"facts": after})


def _put_back(sequence: Sequence, actions: Iterable[Action], number: int, guards: tuple[Guard, ...]) -> None:
    for action in actions:
        is_wait = isinstance(action, AwaitRecord)
        add_next(
            sequence,
            f"{action.kind.partition('@')[0]}-{number}",
            action,
            "a name server may answer with the clone's address until then" if is_wait else reason_to_point(action),
            estimates.LOOK if is_wait else estimates.CALL,
            guards=() if is_wait else guards,
        )


def _is_of_clients(action: Action) -> bool:
    """Whether an action leads or holds clients: what becomes of it is decided by what is seen now."""
    return isinstance(action, POINTS | PausePool) or is_repointing(action)


def _be_a_clone_again(
    sequence: Sequence, request: RollbackRequest, target: Target, guards: tuple[Guard, ...] = ()
) -> None:
    """Take back what made the clone production, in the reverse order: its quarantine is in force before anything in it wakes up.

    With ``guards`` it is done where they hold, and else left, which fails nothing: the traffic is back by then. A server that was
    restarted counts anew, so what was written there is asked before: the clone is closed by then, and stays so.
    """
    lasting = tuple(each for each in guards if not isinstance(each, Unwritten))
    deeds = [
        each for each in reversed(request.deeds) if not (is_door(each, request, target) or _is_of_clients(each.action))
    ]
    for number, deed in enumerate(deeds, start=1):
        for part, action in enumerate(with_own_name(each, request.swap) for each in deed.back):
            slug = f"{action.kind.partition('@')[0]}-{number}" + (f"-{part}" if part else "")
            reason, took = f"it takes back {deed.step}", estimates.of_going_back(action)
            if guards:
                is_first = (number, part) == (1, 0)
                guards = lasting if isinstance(action, RebootInstance) and not is_first else guards
                add_next(sequence, slug, action, reason, took, guards=guards, when_refused="forgo")
                guards = lasting if isinstance(action, RebootInstance) else guards
            else:
                add_next(sequence, slug, action, reason, took)


def _see_application(
    sequence: Sequence, target: Target, both: CutoverSeen, clusters: tuple[Cluster, Cluster], *, after: StepId
) -> None:
    """Wait, when all else is done or left, until the application is well at the source; where it is not, a person is asked.

    ``after`` is the step with which everything is back.
    """
    action = arrival_at(target, both, clusters, "source")
    if action is None:
        return
    wait = Estimate(low=target.cutover.hold, high=target.cutover.budget, evidence="the application decides")
    why, last = "the traffic has gone back when the application works there", sequence.steps[-1].id
    order: dict[str, Any] = {"after": (after,), "after_settled": (last,), "when_refused": "hold"}
    sequence.add("await-application", action, why, wait, **order)


def _leave(sequence: Sequence, clone: Cluster, run: RunId) -> None:
    """Say in the clone's tag that the traffic has left it: what clients wrote there is nowhere else."""
    before = clone.tags.get(EXPIRES_TAG, "")
    order = SetExpiry(clone=clone.identifier, arn=clone.arn, expires=f"{LEFT}{run}", before=before)
    why = "it holds what clients wrote there, so nothing of ours removes it but by its name, after a final snapshot"
    add_next(sequence, "leave-clone", order, why, estimates.CALL)


def _open_clone(sequence: Sequence, target: Target, both: CutoverSeen) -> None:
    """Give the clone's roles what the fence took, as a clone has it."""
    fence = fence_around(both.clone_access) if both.clone_access is not None else None
    if both.clone is None or fence is None:
        return
    order = server_order(target, both.clone) | {"change": fence.back}
    why = "nobody is led there any more, and a person may look at it as before"
    # Where it goes with steps that may be left, it is left with them.
    kind = sequence.steps[-1].when_refused
    add_next(sequence, "open-clone", ChangeSql.model_validate(order), why, estimates.CALL, when_refused=kind)


def _objections(request: RollbackRequest, target: Target, seen: Observation) -> Iterator[str]:
    both = seen.cutover
    source = _source_in(request, seen)
    if source is None:
        yield f"there is nothing to go back to: {words_on_source(request, target, seen)}"
    if not request.deeds:
        how = f": end it with daybreak abort {request.run}" if request.run in request.ends else ""
        yield f"the cutover {request.run} did nothing that could be taken back{how}"
    if both is None:
        return
    if source is not None and both.clone is not None:
        sides = sides_of(source, both.clone)
        astray = (each for each in both.destinations if each.points_at not in ("source", "nowhere"))
        yield from filter(None, (objection_to(each, "clone", sides) for each in astray))
        yield from objections_to_strays(request, both.pools, sides.clone["writer"].host)
    yield from places_lost(request, both)
    for each in objections_to_pools(both.pools, None):
        yield f"{each}. Let it answer, or take it out of [[targets.{request.target}.pools]] where it is gone for good"
    if not has_moved(request, both):
        return
    yield from both.silences
    if source is not None:
        yield from filter(None, (both.source_silence,))
    if request.is_unfenced and both.access is not None and both.access.is_open:
        yield (
            f"{target.cluster} takes writes, since nobody closed it, and its sequences would be set under whoever writes there "
            f"({words_on_open(both.access)}): close it first: daybreak cutover {request.run}"
        )
    yield from objections_to_advancing(both)
    if both.clone_access is not None:
        yield from objections_to_fence(both.clone_access)
    elif not both.silences:
        yield f'nobody can say who writes to "{request.clone}", so it cannot be fenced: "{target.name}" needs its login'


def _source_in(request: RollbackRequest, seen: Observation) -> Cluster | None:
    """The source as AWS shows it, or as it was known where its server answers all the same; ``None`` where it cannot be reached."""
    both = seen.cutover
    is_heard = both is not None and both.is_by_address and both.access is not None
    return seen.cluster or (request.source_before if is_heard else None)


def _notes(
    request: RollbackRequest,
    target: Target,
    both: CutoverSeen,
    clusters: tuple[Cluster, Cluster],
    *,
    is_clone_again: bool,
) -> Iterator[str]:
    yield from (f"{each} has not ended: it is ended first, and nothing more of it is done" for each in request.ends)
    if not is_clone_again:
        yield f"what was written to {request.clone} since the cutover is left behind there: it stays, closed and protected"
        if request.counted is not None:
            yield (
                f"where its counters show, once it is closed, that nobody has written in {request.clone}, it is a clone again; where "
                "nobody knows, it counts as written"
            )
    elif request.unwritten is not None:
        yield f"nobody may have written in {request.clone}: that is asked once it is closed, and else nothing more is put back"
    if is_clone_again:
        yield f"{request.clone} is a clone again after that, with its old expiry"
    yield f"{target.cluster} takes writes again as soon as every place names it"
    if request.unwritten is not None and (target.cutover.health or target.cutover.application):
        yield "whether the application is well again after that is not asked: nothing waits for it"
    elif has_moved(request, both):
        yield from notes_on_proofs(target, both, clusters)
