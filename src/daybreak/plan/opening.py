"""Open the source again: what a rollback does last, and all that is left to do where the clone is gone. Pure.

The law: a clone that is gone takes no write, so nothing has to be closed. What it gave out and held is gone with it, which is said; and
no place is changed, since nobody knows any more which of its texts named the clone.
"""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.model.actions import AttachProxy, ChangeRecord, ChangeSql, DetachProxy, PointParameter, PointSecret
from daybreak.model.cutover import CutoverSeen
from daybreak.model.destinations import EndpointSeen, SideAddresses
from daybreak.model.guards import Absent, Guard
from daybreak.model.names import printable
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal, RunId
from daybreak.model.requests import CutoverDeed, RollbackRequest
from daybreak.model.targets import Target
from daybreak.model.things import Thing
from daybreak.model.world import Cluster
from daybreak.plan import estimates
from daybreak.plan.adding import add_next
from daybreak.plan.cutover import add_pool_steps, look_past_mark, plan_of_move
from daybreak.plan.pointing import addresses_of, leads_there
from daybreak.plan.pools import is_repointing, objections_to_pools, pools_lost, steps_after_opening
from daybreak.plan.remembering import restore_times, times_wanted
from daybreak.plan.renaming import await_endpoint, is_at_source, rename_source_back
from daybreak.plan.sequence import Sequence
from daybreak.plan.terms import Terms


def is_door(deed: CutoverDeed, request: RollbackRequest, target: Target) -> bool:
    """Whether a step of the cutover closed the source."""
    return isinstance(deed.action, ChangeSql) and is_at_source(deed.action, request.swap, target.cluster)


def open_source(sequence: Sequence, request: RollbackRequest, target: Target, guards: tuple[Guard, ...]) -> None:
    """Add what gives each role its LOGIN back that the cutover took."""
    doors = [each for each in reversed(request.deeds) if is_door(each, request, target)]
    for number, deed in enumerate(doors, start=1):
        for action in deed.back:
            why = "it is opened when every place names it again"
            add_next(sequence, f"open-source-{number}", action, why, estimates.CALL, guards=guards)


def plan_without_clone(
    request: RollbackRequest, target: Target, seen: Observation, terms: Terms, run: RunId
) -> Plan | Refusal:
    """The plan that opens the source of a cutover whose clone is gone, or every reason why there is none."""
    source, both = seen.cluster, seen.cutover or CutoverSeen(clone=None)
    sequence = Sequence(seen.identity.region, (), target.approval if request.unwritten is None else None)
    gone = Absent(thing=Thing(kind="cluster", name=request.clone, region=seen.identity.region))
    if source is not None and request.mark is not None:
        look_past_mark(sequence, target, source)
    is_named_back = source is not None and request.swap is not None and source.identifier != request.swap.name
    if source is not None and request.swap is not None:
        source = rename_source_back(sequence, source, request.swap, (gone,))
    open_source(sequence, request, target, (gone,))
    if source is not None and is_named_back:
        await_endpoint(sequence, target, source)
    if source is not None and both.pools:
        sides = SideAddresses(source=addresses_of(source), clone={})
        add_pool_steps(sequence, steps_after_opening(request, both.pools, sides, was_moved=False), ())
    restore_times(sequence, both.destinations, times_wanted(request, both.destinations))
    reasons = tuple(
        _objections(
            request, target, source, both, is_idle=not any(is_door(each, request, target) for each in request.deeds)
        )
    )
    if reasons:
        hints = (f"daybreak show {request.run}",)
        return Refusal(what=f'the rollback of "{target.name}" to {target.cluster}', reasons=reasons, hints=hints)
    notes = (*_notes(request, target), *pools_lost(request, both.pools))
    return plan_of_move(request, target, seen, terms, sequence, run=run, clone=request.clone, notes=notes)


def _objections(
    request: RollbackRequest, target: Target, source: Cluster | None, both: CutoverSeen, *, is_idle: bool
) -> Iterator[str]:
    if both.clone_now == request.clone:
        yield f'AWS lists "{request.clone}", and did not describe it: go back again'
    elif both.clone_now:
        yield (
            f'AWS knows no cluster "{request.clone}", and "{printable(both.clone_now)}" carries the mark of the same run: it was '
            "renamed, and clients may write there; give it its name back, then go back again"
        )
    if source is None:
        yield f'AWS knows neither "{target.cluster}" nor "{request.clone}": there is nothing to go back to'
        return
    for each in both.destinations:
        if each.points_at != "source" and not (isinstance(each.facts, EndpointSeen) and each.points_at == "nowhere"):
            wanted = addresses_of(source).get(each.destination.endpoint)
            where = f"{wanted.host}:{wanted.port}" if wanted else target.cluster
            yield (
                f'"{request.clone}" is gone, so nobody can say whether {each.words()} named it: let it lead to {where}, then go back '
                "again"
            )
    yield from places_lost(request, both)
    yield from objections_to_pools(both.pools, "source")
    if is_idle:
        yield f'the cutover {request.run} closed nothing at {target.cluster}, and "{request.clone}" is gone: nothing is left to take back'


def places_lost(request: RollbackRequest, both: CutoverSeen) -> Iterator[str]:
    """What the cutover changed and the configuration no longer names: nobody would put it back."""
    named = {(each.facts.kind, each.facts.name) for each in both.destinations if each.facts is not None}
    for deed in request.deeds:
        match deed.action:
            case PointSecret(secret=name):
                place = ("secret", name)
            case PointParameter(parameter=name):
                place = ("parameter", name)
            case ChangeRecord(before=record):
                place = ("record", record.name)
            case DetachProxy(proxy=name) | AttachProxy(proxy=name):
                place = ("proxy", name)
            case _:
                continue
        if place not in named:
            kind, name = place
            yield f'the cutover changed the {kind} "{printable(name)}", and no destination that can be read names it: name it again'


def _notes(request: RollbackRequest, target: Target) -> Iterator[str]:
    yield from (f"{each} has not ended: it is ended first, and nothing more of it is done" for each in request.ends)
    if any(leads_there(each.action) or is_repointing(each.action) for each in request.deeds):
        yield (
            f"{request.clone} is gone, and clients were led there: what they wrote is in its snapshots at most, and {target.cluster} may "
            "give numbers out again that it gave out"
        )
    else:
        yield f"{request.clone} is gone, and the cutover led nobody there: nothing is left behind"
    yield f"{target.cluster} takes writes again at once"
