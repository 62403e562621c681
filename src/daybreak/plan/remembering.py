"""For how long resolvers remember a record: shortened before the traffic moves, and as it was once it has moved. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from daybreak.model.actions import AwaitRecord, ChangeRecord
from daybreak.model.cutover import CutoverSeen
from daybreak.model.destinations import DestinationSeen, RecordSet
from daybreak.model.requests import RollbackRequest
from daybreak.model.targets import Target
from daybreak.model.value import Span
from daybreak.model.world import Cluster
from daybreak.plan import estimates
from daybreak.plan.adding import add_next
from daybreak.plan.pointing import sides_of
from daybreak.plan.rewriting import record_rewritten
from daybreak.plan.sequence import Sequence


def shorten(
    sequence: Sequence, target: Target, destinations: tuple[DestinationSeen, ...]
) -> tuple[DestinationSeen, ...]:
    """Let each record be forgotten soon, and wait until every resolver has the short time; the destinations as they are then.

    All are changed first, and then all are waited for: the waits go on side by side.
    """
    changes, found = [], list(destinations)
    for number, each in enumerate(destinations):
        record = each.facts
        if not isinstance(record, RecordSet) or record.ttl is None or record.ttl <= target.cutover.ttl:
            continue
        after = record.model_copy(update={"ttl": target.cutover.ttl})
        found[number] = each.model_copy(update={"facts": after})
        change = _change(each, record, after)
        why = f"resolvers remember it for {record.ttl} seconds, and clients would come late"
        changes.append((add_next(sequence, f"shorten-record-{number + 1}", change, why, estimates.CALL), each, record))
    for changed, each, record in changes:
        wait = AwaitRecord(
            zone=getattr(each.destination, "zone", ""),
            record=record.model_copy(update={"ttl": target.cutover.ttl}),
            region=each.region,
            forget=Span(seconds=record.ttl or 0),
        )
        slug = f"await-{changed.partition('-')[2]}"
        after_all = tuple(dict.fromkeys((changed, sequence.steps[-1].id)))
        why = "who asked right before the change remembers the old time for as long as it said"
        sequence.add(slug, wait, why, estimates.LOOK, after=after_all)
    return tuple(found)


def lengthen(sequence: Sequence, target: Target, source: Cluster, both: CutoverSeen) -> None:
    """Give each record that was shortened its own time again, now that it names the clone."""
    if both.clone is None:
        return
    sides = sides_of(source, both.clone)
    for number, each in enumerate(both.destinations, start=1):
        record, end = each.facts, each.destination.endpoint
        if not isinstance(record, RecordSet) or record.ttl is None or record.ttl <= target.cutover.ttl:
            continue
        there = record_rewritten(record, sides.source[end], sides.clone[end])
        now = there.model_copy(update={"ttl": target.cutover.ttl})
        why = "the traffic has moved, so it is remembered as before"
        add_next(sequence, f"lengthen-record-{number}", _change(each, now, there), why, estimates.CALL)


def restore_times(
    sequence: Sequence, now: Iterable[DestinationSeen], wanted: Mapping[tuple[str, str, str | None], int | None]
) -> None:
    """Give each record the time that it is to have in the end; ``now`` are the destinations as they are by then."""
    for number, each in enumerate(now, start=1):
        record = each.facts
        if isinstance(record, RecordSet) and (ttl := wanted.get(record.place, record.ttl)) != record.ttl:
            after = record.model_copy(update={"ttl": ttl})
            why = "nothing moves any more, so it is remembered as before"
            add_next(sequence, f"lengthen-record-{number}", _change(each, record, after), why, estimates.CALL)


def times_wanted(
    request: RollbackRequest, destinations: Iterable[DestinationSeen]
) -> dict[tuple[str, str, str | None], int | None]:
    """For how long each record is to be remembered: as before the cutover, or as somebody has set it since."""
    found: dict[tuple[str, str, str | None], int | None] = {}
    for each in destinations:
        if not isinstance(each.facts, RecordSet):
            continue
        first, ours = each.facts.ttl, set[int | None]()
        for deed in request.deeds:
            if isinstance(deed.action, ChangeRecord) and deed.action.before.place == each.facts.place:
                first = first if ours else deed.action.before.ttl
                ours = ({deed.action.before.ttl} | ours if not deed.is_done else set()) | {deed.action.after.ttl}
        found[each.facts.place] = first if each.facts.ttl in ours else each.facts.ttl
    return found


def _change(seen: DestinationSeen, before: RecordSet, after: RecordSet) -> ChangeRecord:
    return ChangeRecord(zone=getattr(seen.destination, "zone", ""), before=before, after=after, region=seen.region)
