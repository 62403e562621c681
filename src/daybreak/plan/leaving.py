"""Places that no change reaches: named in the plan, left by a person's word alone, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from daybreak.model.actions import AttachProxy, ChangeRecord, PointParameter, PointSecret
from daybreak.model.destinations import (
    DestinationSeen,
    ParameterDestination,
    ProxyDestination,
    RecordDestination,
    SecretDestination,
    label_of,
)
from daybreak.model.names import printable
from daybreak.model.plan import Plan
from daybreak.model.requests import CutoverRequest


def places_to_change(request: CutoverRequest, found: Iterable[DestinationSeen]) -> tuple[DestinationSeen, ...]:
    """The places that are changed: all but those that no change reaches."""
    return tuple(each for each in found if each.lost is None or each.label not in request.leaves)


def objections_to_leaving(request: CutoverRequest, found: tuple[DestinationSeen, ...]) -> Iterator[str]:
    """Every reason why what is left, or is not, keeps the traffic from moving."""
    for each in found:
        if each.lost is not None and each.label not in request.leaves:
            yield f"{each.words()} {each.lost}: to move without it, accept it by name: --leave {each.label}"
    known = {each.label: each for each in found}
    for label in () if request.completes else request.leaves:
        if label not in known:
            yield f'--leave names "{printable(label)}", and there is no such place: {", ".join(known) or "none"}'
        elif known[label].lost is None:
            yield f"{known[label].words()} can be changed, so it is not left: leave --leave {label} out"
    if (
        found
        and all(each.lost is not None and each.label in request.leaves for each in found)
        and not request.completes
    ):
        yield "every place would be left as it is, so no traffic would move: name one that can be changed, such as in the clone's region"


def notes_on_left(request: CutoverRequest, name: str, found: Iterable[DestinationSeen]) -> Iterator[str]:
    """What follows for who reads a place that is left; ``name`` is the source."""
    for each in found:
        if each.lost is None or each.label not in request.leaves:
            continue
        ends = (
            f"reach {name} no more once it is closed"
            if not request.unfenced
            else f"reach {name} as soon as it answers again"
        )
        who = "its clients" if isinstance(each.destination, ProxyDestination) else "those who read it"
        yield f"{each.words()} {each.lost}. It is not changed: {who} {ends}, and never the clone"


def labels_changed(plan: Plan) -> Iterator[str]:
    """The labels of the places that a plan's steps change."""
    for step in plan.steps:
        action, region = step.action, step.action.region or plan.identity.region
        match action:
            case PointSecret(secret=name):
                yield label_of(SecretDestination(name=name), region)
            case PointParameter(parameter=name):
                yield label_of(ParameterDestination(name=name), region)
            case AttachProxy(proxy=name):
                yield label_of(ProxyDestination(name=name), region)
            case ChangeRecord(zone=zone, after=record):
                yield label_of(
                    RecordDestination(zone=zone, name=record.name, set_identifier=record.set_identifier), region
                )
            case _:
                pass
