"""Why a cutover is refused: every reason at once, each with what helps. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from daybreak.model.cutover import CutoverSeen
from daybreak.model.findings import Standing
from daybreak.model.moment import span_in_words
from daybreak.model.names import comma_list, printable, sql_identifier
from daybreak.model.observation import Observation
from daybreak.model.requests import CutoverRequest
from daybreak.model.statuses import AVAILABLE
from daybreak.model.tags import (
    EXPIRES_TAG,
    LEFT,
    PRODUCTION,
    expiry_in,
)
from daybreak.model.targets import Target
from daybreak.model.value import stamp
from daybreak.model.world import Cluster
from daybreak.plan.advancing import objections_to_advancing
from daybreak.plan.fence import objections_to_fence
from daybreak.plan.leaving import objections_to_leaving
from daybreak.plan.lifting import objections_to_lifting
from daybreak.plan.pointing import objection_to, sides_of
from daybreak.plan.pools import objections_to_pools
from daybreak.plan.proofs import objections_to_proofs
from daybreak.plan.renaming import objections_to_taking
from daybreak.plan.unfenced import objections_to_source

NEWS = timedelta(hours=1)
"""How old a verdict may be for traffic to be moved on its word."""


def objections_to_cutover(request: CutoverRequest, target: Target, seen: Observation) -> Iterator[str]:
    """Every reason why the traffic is not moved."""
    both = seen.cutover
    yield from objections_to_source(request, target, seen)
    if target.login is None:
        yield f'"{target.name}" has no login, and a fence is made in SQL: write login in daybreak.toml'
    yield from _of_verdict(request, seen)
    if both is None:
        return
    yield from both.silences
    yield from _of_clone(request, both)
    if both.access is not None:
        yield from objections_to_fence(both.access)
    if both.clone_access is not None:
        # It is fenced where the traffic is taken back, by itself or by a person: then is too late to find that it cannot be.
        yield from (f"in the clone: {each}" for each in objections_to_fence(both.clone_access, is_quarantined=True))
    yield from _of_logins(both)
    yield from objections_to_lifting(both)
    yield from _of_destinations(request, target, seen.cluster or request.source_before, both)
    yield from objections_to_taking(request, target, seen.cluster, both)
    yield from objections_to_pools(both.pools, "source")
    yield from objections_to_proofs(both)
    if both.access is not None:
        yield from objections_to_advancing(both)


def _of_logins(both: CutoverSeen) -> Iterator[str]:
    """Whoever may log in at the source must be able to in the clone: one of a moment within a fence has no logins at all."""
    if both.access is None or both.clone_access is None:
        return
    names = [role.name for role in both.access.roles if role.name in both.clone_access.closed]
    if names:
        orders = "; ".join(f"ALTER ROLE {sql_identifier(name)} LOGIN" for name in names)
        yield (
            f"in the clone {comma_list([printable(name) for name in names])} may not log in, and at the source they may: its moment lies "
            f"in a fence, or they got LOGIN since; give it back in the clone: {orders}"
        )
    clones = {role.name: role for role in both.clone_access.roles if not role.may_alter}
    for role in (each for each in both.access.roles if each.name in clones):
        # Whom a fence keeps out by CONNECT: of a role that loses LOGIN instead, nobody takes CONNECT.
        lost = [name for name in role.enters if name in both.databases and name not in clones[role.name].enters]
        if lost:
            given = "; ".join(
                f"GRANT CONNECT ON DATABASE {sql_identifier(name)} TO {sql_identifier(role.name)}" for name in lost
            )
            yield (
                f"in the clone {printable(role.name)} may not connect to {comma_list([printable(name) for name in lost])}, and at the source "
                f"it may: give it back in the clone: {given}"
            )


def _of_destinations(
    request: CutoverRequest, target: Target, source: Cluster | None, both: CutoverSeen
) -> Iterator[str]:
    yield from objections_to_leaving(request, both.destinations)
    if not target.destinations and not any(each.repoint for each in target.pools):
        yield (
            f"nothing says from where applications read the address of {target.name}: name each place in daybreak.toml, as "
            f"[[targets.{target.name}.destinations]] with kind and name"
        )
    if source is not None and both.clone is not None:
        sides = sides_of(source, both.clone)
        changed = (each for each in both.destinations if each.lost is None)
        yield from filter(None, (objection_to(each, "source", sides, request.home) for each in changed))
        ends = {each.destination.endpoint for each in both.destinations} | ({"writer"} if both.pools else set())
        yield from (f"AWS shows no endpoint of the clone's {end}" for end in sorted(ends - sides.clone.keys()))


def _of_clone(request: CutoverRequest, both: CutoverSeen) -> Iterator[str]:
    clone = both.clone
    if clone is None:
        yield f'AWS knows no cluster "{request.run}"'
        return
    if clone.status != AVAILABLE:
        yield f'AWS calls the clone "{request.run}" {clone.status}'
    if clone.tags.get(EXPIRES_TAG, "").startswith(PRODUCTION):
        yield f'traffic was moved to "{request.run}" already: its tag says {EXPIRES_TAG}={clone.tags[EXPIRES_TAG]}'
    elif clone.tags.get(EXPIRES_TAG, "").startswith(LEFT):
        yield f'"{request.run}" was left by a rollback, and holds writes that the source has not: restore anew'
    elif expiry_in(clone.tags) is None:
        yield f'the tag {EXPIRES_TAG} of "{request.run}" names no time, so nothing could put it back'
    if not any(each.status == AVAILABLE for each in both.instances):
        yield f'no instance of "{request.run}" is available'


def _of_verdict(request: CutoverRequest, seen: Observation) -> Iterator[str]:
    """The clone's verdict must be good, new, and of what the clone still holds."""
    verdict = request.verdict
    if verdict.standing not in (Standing.FIT, Standing.WAIVED):
        yield f"{request.run} is {verdict.words()}"
    elif seen.seen - verdict.at > NEWS:
        yield f"the verdict of {request.run} is of {stamp(verdict.at)}, older than {span_in_words(NEWS)}"
    if verdict.writes is None:
        yield (
            f"what had been written in {request.run} at its verdict was not counted, so nobody can say whether it is still what was "
            "judged: our login must get into every database of the clone"
        )
    for name, why in verdict.writes.uncounted.items() if verdict.writes else ():
        yield f"what is written in {printable(name)} of {request.run} may not be counted, since {why}: reset it there"
