"""Plan a cutover: the order in which the traffic leaves the source for the clone, so that it can be stopped anywhere. Pure.

First the clone becomes something that nobody cleans up. Then the source is fenced: no role may log in, nobody is left inside, and only
then its high-water mark is read. From there to the moment at which the last destination has changed nobody can write anywhere, so no
write is lost in between; whatever stops the run there leaves the source closed and whole, and a rollback opens it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from daybreak.model.actions import (
    Action,
    AdvanceSequences,
    AwaitRecord,
    ChangeSql,
    EndSessions,
    SetClusterOptions,
    SetExpiry,
    SqlOrder,
)
from daybreak.model.cutover import CutoverSeen
from daybreak.model.destinations import DestinationSeen, SideAddresses
from daybreak.model.fences import AccessSeen
from daybreak.model.findings import Standing
from daybreak.model.guards import Fenced
from daybreak.model.moment import span_in_words
from daybreak.model.names import clone_stem, comma_list, printable, sql_identifier
from daybreak.model.observation import Observation
from daybreak.model.plan import Estimate, Plan, Refusal, RunId, Step
from daybreak.model.requests import CutoverRequest, MoveRequest
from daybreak.model.statuses import AVAILABLE
from daybreak.model.tags import EXPIRES_TAG, PRODUCTION, expiry_in
from daybreak.model.targets import Target
from daybreak.model.things import Thing
from daybreak.model.value import Span, stamp
from daybreak.model.world import Cluster
from daybreak.plan import estimates
from daybreak.plan.fence import loss_of_login, objections_to_fence, return_of_login
from daybreak.plan.pointing import addresses_of, objection_to, orders_of
from daybreak.plan.sequence import Sequence
from daybreak.plan.terms import Terms

NEWS = timedelta(hours=1)
"""How old a verdict may be for traffic to be moved on its word."""

SENDING_OUT = Span(seconds=60)
"""How long the source's sessions may take to end: a backend that is at work is asked again and again."""


def cutover_plan(request: CutoverRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that moves the traffic to the clone of ``request.run``, or every reason why there is none."""
    run = RunId(f"{clone_stem(target.cluster)}-cutover-{terms.created:%Y%m%d%H%M}-{request.suffix}")
    source, both = seen.cluster, seen.cutover
    reasons = tuple(_objections(request, target, seen))
    if reasons or source is None or both is None or both.clone is None or both.access is None:
        hints = (f"daybreak validate {request.run}", f"daybreak show {request.run}")
        return Refusal(what=f'the cutover of "{target.name}" to {request.run}', reasons=reasons, hints=hints)
    sequence = Sequence(seen.identity.region, (), target.approval)
    _keep(sequence, both.clone, run)
    close(sequence, target, source, both.access, "source")
    _advance(sequence, target, source, both.clone, both.databases)
    _point(sequence, target, source, both.clone, both.destinations)
    notes = tuple(_notes(request, target, both.access))
    return plan_of_move(request, target, seen, terms, sequence, run=run, clone=request.run, notes=notes)


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


def _total(steps: list[Step]) -> Estimate:
    """The sum of what the steps take."""
    low = sum((step.estimate.low for step in steps), start=timedelta())
    high = sum((step.estimate.high for step in steps), start=timedelta())
    return Estimate(low=low, high=high, evidence="the sum of its steps")


def add_next(sequence: Sequence, slug: str, action: Action, reason: str, estimate: Estimate, **more: Any) -> None:
    """Append a step that waits for the one before it: here the order is what keeps every write."""
    after = (sequence.steps[-1].id,) if sequence.steps else ()
    sequence.add(slug, action, reason, estimate, after=after, **more)


def fence_of(target: Target, cluster: Cluster) -> Fenced:
    """The guard that nobody can write at a cluster."""
    region = cluster.arn.split(":")[3]
    thing = Thing(kind="cluster", name=cluster.identifier, region=region)
    return Fenced(thing=thing, database=_database(target, cluster), login=target.login or "")


def _database(target: Target, cluster: Cluster) -> str:
    return target.database or cluster.database or "postgres"


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


def close(sequence: Sequence, target: Target, cluster: Cluster, access: AccessSeen, side: str) -> None:
    """Fence a side: take LOGIN from every role that has it, and send everybody out."""
    names = [role.name for role in access.roles]
    server = SqlOrder(
        cluster=cluster.identifier,
        resource_id=cluster.resource_id,
        database=_database(target, cluster),
        login=target.login or "",
    ).plain()
    if names:
        order = ChangeSql.model_validate({**server, "change": loss_of_login(names), "back": return_of_login(names)})
        add_next(
            sequence,
            f"close-{side}",
            order,
            "a read-only default stops nobody; who cannot log in cannot write",
            estimates.CALL,
        )
    add_next(
        sequence,
        f"empty-{side}",
        EndSessions.model_validate({**server, "limit": SENDING_OUT}),
        "who is inside goes on writing until the session ends; the mark is read when nobody is left",
        estimates.CALL,
    )


def _advance(sequence: Sequence, target: Target, source: Cluster, clone: Cluster, databases: tuple[str, ...]) -> None:
    for number, database in enumerate(databases, start=1):
        add_next(
            sequence,
            f"advance-sequences-{number}",
            AdvanceSequences(
                cluster=clone.identifier,
                database=database,
                login=target.login or "",
                past=source.identifier,
                past_id=source.resource_id,
            ),
            "a number that the source gave out stands in mails and payments: it is never given out again",
            estimates.CALL,
            guards=(fence_of(target, source),),
        )


def sides_of(source: Cluster, clone: Cluster) -> SideAddresses:
    """The addresses of both sides."""
    return SideAddresses(source=addresses_of(source), clone=addresses_of(clone))


def _point(
    sequence: Sequence, target: Target, source: Cluster, clone: Cluster, destinations: tuple[DestinationSeen, ...]
) -> None:
    """Let every destination name the clone, while nobody can write at the source."""
    sides, guards = sides_of(source, clone), (fence_of(target, source),)
    for number, each in enumerate(destinations, start=1):
        end = each.destination.endpoint
        for action in orders_of(each, sides.source[end], sides.clone[end]):
            is_wait = isinstance(action, AwaitRecord)
            add_next(
                sequence,
                f"{'await' if is_wait else 'point'}-{each.destination.kind}-{number}",
                action,
                "a name server may answer with the old address until then"
                if is_wait
                else "applications read the address there",
                estimates.LOOK if is_wait else estimates.CALL,
                guards=() if is_wait else guards,
            )


def _objections(request: CutoverRequest, target: Target, seen: Observation) -> Iterator[str]:
    both = seen.cutover
    if seen.cluster is None:
        yield f'{seen.identity.region} knows no cluster "{target.cluster}": nothing could be fenced'
    elif seen.cluster.status != AVAILABLE:
        yield f'AWS calls "{target.cluster}" {seen.cluster.status}'
    if target.login is None:
        yield f'"{target.name}" has no login, and a fence is made in SQL: write login in daybreak.toml'
    yield from _of_verdict(request, seen)
    if both is None:
        return
    yield from both.silences
    yield from _of_clone(request, both)
    if both.access is not None:
        yield from objections_to_fence(both.access)
    yield from _of_destinations(target, seen.cluster, both)
    for each in both.sequences:
        if not (each.may_read and each.may_set):
            where = f"the sequence {printable(each.name)} in {printable(each.database)}"
            yield f"our login may not {'read' if not each.may_read else 'set'} {where}: {_grant(each.name, both)}"


def _of_destinations(target: Target, source: Cluster | None, both: CutoverSeen) -> Iterator[str]:
    if not target.destinations:
        yield (
            f"nothing says from where applications read the address of {target.name}: name each place in daybreak.toml, as "
            f"[[targets.{target.name}.destinations]] with kind and name"
        )
    if source is not None and both.clone is not None:
        sides = sides_of(source, both.clone)
        yield from filter(None, (objection_to(each, "source", sides) for each in both.destinations))
        ends = {each.destination.endpoint for each in both.destinations}
        yield from (f"AWS shows no endpoint of the clone's {end}" for end in sorted(ends - sides.clone.keys()))


def _grant(name: str, both: CutoverSeen) -> str:
    own = sql_identifier(both.access.own) if both.access else "it"
    schema, _, rest = name.partition(".")
    return f"GRANT USAGE, SELECT, UPDATE ON SEQUENCE {sql_identifier(schema)}.{sql_identifier(rest)} TO {own}"


def _of_clone(request: CutoverRequest, both: CutoverSeen) -> Iterator[str]:
    clone = both.clone
    if clone is None:
        yield f'AWS knows no cluster "{request.run}"'
        return
    if clone.status != AVAILABLE:
        yield f'AWS calls the clone "{request.run}" {clone.status}'
    if clone.tags.get(EXPIRES_TAG, "").startswith(PRODUCTION):
        yield f'traffic was moved to "{request.run}" already: its tag says {EXPIRES_TAG}={clone.tags[EXPIRES_TAG]}'
    elif expiry_in(clone.tags) is None:
        yield f'the tag {EXPIRES_TAG} of "{request.run}" names no time, so nothing could put it back'
    if not any(each.status == AVAILABLE for each in both.instances):
        yield f'no instance of "{request.run}" is available'


def _of_verdict(request: CutoverRequest, seen: Observation) -> Iterator[str]:
    verdict = request.verdict
    if verdict.standing not in (Standing.FIT, Standing.WAIVED):
        yield f"{request.run} is {verdict.standing.value}, by the verdict of {stamp(verdict.at)}"
    elif seen.seen - verdict.at > NEWS:
        yield f"the verdict of {request.run} is of {stamp(verdict.at)}, older than {span_in_words(NEWS)}"


def _notes(request: CutoverRequest, target: Target, access: AccessSeen) -> Iterator[str]:
    yield f"the clone is {request.verdict.standing.value} by the verdict of {stamp(request.verdict.at)}, within {request.verdict.scope}"
    yield from (f"waived: {each}" for each in request.verdict.waived)
    names = [role.name for role in access.roles]
    if names:
        yield f"from the fence on {comma_list([printable(each) for each in names])} cannot log in to {target.cluster}"
    yield f"{target.cluster} is kept as it is, closed: a rollback opens it, and nothing of ours deletes it"
    yield "the clone keeps the parameters of its quarantine: subscriptions and scheduled jobs stay off until somebody lets them go on"
