"""Plan a rollback: the traffic goes back to where a cutover took it from. Pure.

Where a destination was moved, clients may have written to the clone: it is fenced first, so that nothing more is written there, and what
it holds stays. Then each place is put back in the reverse order, and the source is opened last. Where no destination was moved, the
clone is a clone again.
"""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.model.actions import (
    Action,
    AwaitRecord,
    ChangeRecord,
    ChangeSql,
    MoveSecretStage,
    PointParameter,
    PointSecret,
)
from daybreak.model.cutover import CutoverSeen
from daybreak.model.destinations import DestinationSeen, SecretSeen, SideAddresses
from daybreak.model.guards import Fenced
from daybreak.model.names import clone_stem, printable
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal, RunId
from daybreak.model.requests import RollbackRequest
from daybreak.model.targets import Target
from daybreak.plan import estimates
from daybreak.plan.cutover import add_next, close, fence_of, plan_of_move, sides_of
from daybreak.plan.fence import objections_to_fence
from daybreak.plan.pointing import objection_to, orders_of
from daybreak.plan.sequence import Sequence
from daybreak.plan.terms import Terms

_POINTS = PointSecret | MoveSecretStage | PointParameter | ChangeRecord


def rollback_plan(request: RollbackRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that takes the cutover ``request.run`` back, or every reason why there is none."""
    run = RunId(f"{clone_stem(target.cluster)}-rollback-{terms.created:%Y%m%d%H%M}-{request.suffix}")
    source, both = seen.cluster, seen.cutover
    reasons = tuple(_objections(request, target, seen))
    if reasons or source is None or both is None or both.clone is None:
        hints = (f"daybreak show {request.run}",)
        return Refusal(what=f'the rollback of "{target.name}" to {target.cluster}', reasons=reasons, hints=hints)
    sequence = Sequence(seen.identity.region, (), target.approval)
    was_moved = has_moved(request, both)
    if was_moved and both.clone_access is not None:
        close(sequence, target, both.clone, both.clone_access, "clone")
    guards = (fence_of(target, both.clone),) if was_moved else ()
    for number, seen_now in enumerate(reversed(both.destinations), start=1):
        if seen_now.points_at == "clone":
            _put_back(sequence, _ways_back(request, seen_now, sides_of(source, both.clone)), number, guards)
    if not was_moved:
        _be_a_clone_again(sequence, request)
    doors = [each for each in reversed(request.deeds) if isinstance(each.action, ChangeSql)]
    for number, deed in enumerate(doors, start=1):
        for action in deed.back:
            add_next(
                sequence,
                f"open-source-{number}",
                action,
                "it is opened last, when every place names it again",
                estimates.CALL,
            )
    notes = tuple(_notes(request, target, was_moved=was_moved))
    return plan_of_move(request, target, seen, terms, sequence, run=run, clone=request.clone, notes=notes)


def has_moved(request: RollbackRequest, both: CutoverSeen) -> bool:
    """Whether a destination may have named the clone, by the cutover or by anybody's hand, so that clients may have written there."""
    was_ours = any(isinstance(each.action, _POINTS) for each in request.deeds)
    return was_ours or any(each.points_at == "clone" for each in both.destinations)


def _places_lost(request: RollbackRequest, both: CutoverSeen) -> Iterator[str]:
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
            case _:
                continue
        if place not in named:
            kind, name = place
            yield f'the cutover changed the {kind} "{printable(name)}", and no destination that can be read names it: name it again'


def _ways_back(request: RollbackRequest, seen: DestinationSeen, sides: SideAddresses) -> tuple[Action, ...]:
    """What points a destination at the source again.

    Where nobody has changed a secret since, its old version becomes current again; of anything else only the address is replaced, so
    that what was changed since, such as a password, stays.
    """
    stages = [each for deed in request.deeds for each in deed.back if isinstance(each, MoveSecretStage)]
    if isinstance(seen.facts, SecretSeen):
        for back in stages:
            if (back.secret, back.away_from) == (seen.facts.name, seen.facts.state):
                return (back,)
    end = seen.destination.endpoint
    return orders_of(seen, sides.clone[end], sides.source[end])


def _put_back(sequence: Sequence, actions: tuple[Action, ...], number: int, guards: tuple[Fenced, ...]) -> None:
    for action in actions:
        is_wait = isinstance(action, AwaitRecord)
        add_next(
            sequence,
            f"{action.kind.partition('@')[0]}-{number}",
            action,
            "a name server may answer with the clone's address until then"
            if is_wait
            else "applications read the address there",
            estimates.LOOK if is_wait else estimates.CALL,
            guards=() if is_wait else guards,
        )


def _be_a_clone_again(sequence: Sequence, request: RollbackRequest) -> None:
    for number, deed in enumerate(reversed(request.deeds), start=1):
        for action in () if isinstance(deed.action, ChangeSql) else deed.back:
            slug = action.kind.partition("@")[0]
            add_next(sequence, f"{slug}-{number}", action, f"it takes back {deed.step}", estimates.CALL)


def _objections(request: RollbackRequest, target: Target, seen: Observation) -> Iterator[str]:
    both = seen.cutover
    if seen.cluster is None:
        yield f'{seen.identity.region} knows no cluster "{target.cluster}": there is nothing to go back to'
    if not request.deeds:
        yield f"the cutover {request.run} did nothing that could be taken back"
    if both is None:
        return
    if both.clone is None:
        yield f'AWS knows no cluster "{request.clone}"'
    if seen.cluster is not None and both.clone is not None:
        sides = sides_of(seen.cluster, both.clone)
        astray = (each for each in both.destinations if each.points_at != "source")
        yield from filter(None, (objection_to(each, "clone", sides) for each in astray))
    yield from _places_lost(request, both)
    if not has_moved(request, both):
        return
    yield from both.silences
    if both.clone_access is not None:
        yield from objections_to_fence(both.clone_access)
    elif not both.silences:
        yield f'nobody can say who writes to "{request.clone}", so it cannot be fenced: "{target.name}" needs its login'


def _notes(request: RollbackRequest, target: Target, *, was_moved: bool) -> Iterator[str]:
    if was_moved:
        yield f"what was written to {request.clone} since the cutover is left behind there: it stays, closed and protected"
    else:
        yield f"no destination was changed: {request.clone} is a clone again, with its old expiry"
    yield f"{target.cluster} takes writes again when the last step is done"
