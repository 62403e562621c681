"""Complete a cutover: do what could not be done when the traffic moved. Pure.

The old cluster may be back, with everybody's login still good. It is closed first, so that of the two sides only one takes writes, and
then each place that was left is pointed at the clone, which serves. Nothing of the clone is touched, and nothing goes back by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.model.actions import AwaitProxy, AwaitRecord
from daybreak.model.cutover import CutoverSeen
from daybreak.model.destinations import DestinationSeen
from daybreak.model.guards import Guard, Ours
from daybreak.model.names import clone_stem
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal, RunId
from daybreak.model.requests import CutoverRequest
from daybreak.model.tags import EXPIRES_TAG, PRODUCTION
from daybreak.model.targets import Target
from daybreak.model.world import Cluster
from daybreak.plan import estimates
from daybreak.plan.adding import add_next, fence_of, thing_of
from daybreak.plan.cutover import close, notes_on_address, plan_of_move, restart
from daybreak.plan.fence import objections_to_fence
from daybreak.plan.leaving import objections_to_leaving
from daybreak.plan.pointing import objection_to, orders_of, reason_to_point, sides_of, verb_of
from daybreak.plan.sequence import Sequence
from daybreak.plan.terms import Terms
from daybreak.plan.unfenced import words_on_open, words_on_source


def completion_plan(request: CutoverRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that closes what the cutover ``request.completes`` could not, and changes what it left; or every reason why there is none."""
    run = RunId(f"{clone_stem(target.cluster)}-cutover-{terms.created:%Y%m%d%H%M}-{request.suffix}")
    source, both = seen.cluster or request.source_before, seen.cutover
    reasons = tuple(_objections(request, target, seen))
    if reasons or source is None or both is None or both.clone is None:
        hints = (f"daybreak show {request.completes}",)
        return Refusal(what=f"what the cutover {request.completes} left open", reasons=reasons, hints=hints)
    sequence, fence = Sequence(seen.identity.region, (), target.approval), tuple[Guard, ...]()
    own = Ours(thing=thing_of(both.clone))
    if both.access is not None:
        fence = (fence_of(target, source, is_by_address=both.is_by_address),)
        close(sequence, target, source, both.access, "source", guards=(own,), is_by_address=both.is_by_address)
    _point(sequence, (source, both.clone), _behind(both), (*fence, own))
    if _behind(both):
        restart(sequence, target)
    notes = tuple(_notes(request, target, seen, both, source))
    return plan_of_move(request, target, seen, terms, sequence, run=run, clone=request.run, notes=notes)


def _behind(both: CutoverSeen) -> tuple[DestinationSeen, ...]:
    """The places that name the source still, and that a change reaches now."""
    return tuple(each for each in both.destinations if each.lost is None and each.points_at == "source")


def _point(
    sequence: Sequence,
    clusters: tuple[Cluster, Cluster],
    places: tuple[DestinationSeen, ...],
    guards: tuple[Guard, ...],
) -> None:
    """Let each place name the clone."""
    sides = sides_of(*clusters)
    for number, each in enumerate(places, start=1):
        end = each.destination.endpoint
        for action in orders_of(each, sides.source[end], sides.clone[end], clusters):
            is_wait = isinstance(action, AwaitRecord | AwaitProxy)
            taken = estimates.LOOK if is_wait else estimates.CALL
            slug = f"{verb_of(action)}-{each.destination.kind}-{number}"
            add_next(sequence, slug, action, reason_to_point(action), taken, guards=() if is_wait else guards)


def _objections(request: CutoverRequest, target: Target, seen: Observation) -> Iterator[str]:
    both, source = seen.cutover, seen.cluster or request.source_before
    if target.login is None:
        yield f'"{target.name}" has no login, and a fence is made in SQL: write login in daybreak.toml'
    if both is None:
        return
    if both.clone is None:
        yield f'AWS knows no cluster "{request.run}", to which the traffic went'
    elif not both.clone.tags.get(EXPIRES_TAG, "").startswith(PRODUCTION):
        yield f"no traffic is at {request.run} any more, by its tag {EXPIRES_TAG}={both.clone.tags.get(EXPIRES_TAG, '')}"
    if both.is_source_awake:
        yield f"{words_on_source(request, target, seen)}; so it may serve others: let our login in there"
    if both.access is not None:
        yield from objections_to_fence(both.access)
    yield from objections_to_leaving(request, both.destinations)
    if source is not None and both.clone is not None:
        sides = sides_of(source, both.clone)
        yield from filter(None, (objection_to(each, "source", sides, request.home) for each in _behind(both)))
    is_open = both.access is not None and both.access.is_open
    if not is_open and not _behind(both) and not both.is_source_awake:
        measured = words_on_source(request, target, seen) or f"nobody but our own login can log in to {target.cluster}"
        yield f"nothing is left that can be done now: {measured}, and no place that a change reaches names it"


def _notes(
    request: CutoverRequest, target: Target, seen: Observation, both: CutoverSeen, source: Cluster
) -> Iterator[str]:
    name = target.cluster
    if both.access is not None:
        if both.access.is_open:
            yield (
                f"{name} takes writes beside {request.run} now: {words_on_open(both.access)}; sessions are ended, and nobody logs in "
                "after that"
            )
        yield from notes_on_address(source, both)
        yield f"what was written at {name} since the traffic moved stays there. List it: daybreak delta {request.run} --into clone"
        yield (
            f"the clone's sequences are left alone, since clients are at work on them: a number that {name} gave out since the moment "
            "may be in both, and is a conflict in that list"
        )
        yield f"a rollback of {request.completes} opens {name} again"
    else:
        yield f"{name} is not closed by this either: {words_on_source(request, target, seen)}"
    yield from (f"{each.words()} {each.lost}. It is still not changed" for each in both.destinations if each.lost)
    yield from (f"{each.words()}: {note}" for each in _behind(both) for note in each.notes)
    for each in both.destinations:
        if each.lost is None and each.points_at == "elsewhere":
            yield f"{each.words()} points at neither side, and is left alone"
