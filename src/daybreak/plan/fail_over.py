"""Plan a fail-over or a switch-over of a global database: one call, and the waits after which applications can write again.

The law: neither cluster is ever the run's own. The plan names what must be as it was seen, creates nothing, and has nothing that
could be cleaned up; the cluster is validated afterwards by its name, within the bounds for a source.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from daybreak.model.actions import AwaitSql, AwaitWriter, MoveWriter
from daybreak.model.guards import AsPlanned
from daybreak.model.names import clone_stem
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal, RunId
from daybreak.model.requests import FailOverRequest
from daybreak.model.statuses import AVAILABLE
from daybreak.model.targets import Target
from daybreak.model.things import Thing
from daybreak.model.value import stamp
from daybreak.plan import estimates
from daybreak.plan.remarks import words_on_home
from daybreak.plan.sequence import Sequence
from daybreak.plan.terms import Terms

_CONNECTED = "connected"


def fail_over_plan(request: FailOverRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that makes the secondary the writer, or every reason why there is none."""
    what = f'{request.way} of "{target.name}" to {seen.identity.region}'
    reasons = tuple(_objections(request, seen))
    secondary, database = seen.cluster, seen.global_database
    if reasons or secondary is None or database is None:
        hints = (f"daybreak backups {target.name}  # shows the secondary, and how far it has come",)
        return Refusal(what=what, reasons=reasons, hints=hints)
    region = seen.identity.region
    sequence = Sequence(region, (), target.approval)
    as_seen = (
        AsPlanned(thing=_of(region, "global-cluster", request.database), field="writer", value=database.writer or ""),
        AsPlanned(thing=_of(region, "cluster", request.cluster), field="resource_id", value=secondary.resource_id),
    )
    moved = sequence.add(
        "move-writer",
        MoveWriter(database=request.database, member=request.member, gives_up=not request.is_switch),
        "the cluster of this region takes over, with its own endpoint",
        estimates.CALL,
        guards=as_seen,
    )
    written = sequence.add(
        "await-writer",
        AwaitWriter(database=request.database, member=request.member),
        "until AWS has moved it, it takes no writes",
        estimates.FAIL_OVER,
        after=(moved,),
    )
    sequence.add(
        "await-sql",
        AwaitSql(
            clone=request.cluster, database=target.database, login=target.login, resource_id=secondary.resource_id
        ),
        "a status of available is not yet a database that answers",
        estimates.LOOK,
        after=(written,),
    )
    return Plan(
        run=RunId(f"{clone_stem(target.cluster)}-{request.kind}-{terms.created:%Y%m%d%H%M}-{request.suffix}"),
        request=request,
        target=target,
        identity=seen.identity,
        created=terms.created,
        expires=terms.expires,
        zone=terms.zone,
        source=target.cluster,
        clone=request.cluster,
        moment=None if request.is_switch else request.moments.latest,
        objectives=target.objectives,
        estimate=estimates.FAIL_OVER,
        steps=tuple(sequence.steps),
        notes=tuple(_notes(request, seen)),
        keep_until=terms.keep_until,
    )


def validate_command(plan: Plan) -> str:
    """The command that validates the new writer, which is no clone, within the bounds for a source."""
    return f"daybreak validate {plan.clone} --target {shlex.quote(plan.target.name)} --region {plan.identity.region}"


def _of(region: str, kind: str, name: str) -> Thing:
    return Thing(kind=kind, name=name, region=region)  # type: ignore[arg-type]  # checked when it is made


def _objections(request: FailOverRequest, seen: Observation) -> Iterator[str]:
    region, database, secondary = seen.identity.region, seen.global_database, seen.cluster
    if region == request.home:
        yield f"{region} is the region of the source itself"
    if database is None:
        yield f'{region} knows no global database "{request.database}"'
        return
    member = next((each for each in database.members if each.arn == request.member), None)
    if member is None:
        yield f'{request.member} is no member of "{request.database}"'
    elif member.is_writer:
        yield f'"{request.cluster}" is the writer of "{request.database}" already'
    elif request.is_switch and member.sync not in (None, _CONNECTED):
        yield f"AWS calls its replication {member.sync}, and a switch-over waits until all of it has arrived"
    if database.moving_to is not None:
        yield f"AWS is moving the writer to {database.moving_to} already"
    if secondary is None:
        yield f'{region} knows no cluster "{request.cluster}"'
    elif secondary.arn != request.member:
        yield f'"{request.cluster}" in {region} is {secondary.arn}, and no longer the secondary'
    elif secondary.status != AVAILABLE:
        yield f"AWS calls the secondary {secondary.status}"
    elif not seen.instances:
        yield f'"{request.cluster}" has no instance, so nobody could work with it: create one there first'


def _notes(request: FailOverRequest, seen: Observation) -> Iterator[str]:
    """What a person should know before they type the cluster's name."""
    writer = seen.global_database.writer if seen.global_database else None
    yield (
        f'this moves production itself: "{request.cluster}" becomes the writer of "{request.database}" in place of {writer}; '
        "it is no clone, it is in no quarantine, and no clean-up of Daybreak's ever touches either of them"
    )
    held = request.moments
    if request.is_switch:
        yield f"AWS waits until all that was written has arrived, so nothing is lost; it needs {request.home}"
    else:
        surely = f"it surely holds {stamp(held.latest)}" if held.latest else "nobody knows how far it has come"
        yield f"what had not arrived is given up: {surely} ({held.evidence})"
        yield f"{request.home} must not be written to any more: AWS does not stop a region that it cannot reach"
    yield from words_on_home(request.home, request.assessed, is_lost=not request.is_switch)
    yield "applications go on asking the endpoint that they have, until somebody moves them"
