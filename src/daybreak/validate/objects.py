"""The chapter of objects: everything in the database besides its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from daybreak.judge.joining import DatabaseEntry
from daybreak.judge.objects.findings import (
    CloneFacts,
    DatabasesEntered,
    Witnesses,
    object_findings,
    object_findings_of_cluster,
)
from daybreak.judge.objects.findings import constraints as judge_constraints
from daybreak.judge.objects.findings import sequences as judge_sequences
from daybreak.judge.objects.renames import find_renamed, in_our_names
from daybreak.judge.objects.rules import with_ends
from daybreak.model.answers import Counts, KeptRules, ServerSettings, Silence
from daybreak.model.checks import CONSTRAINTS, SEQUENCES, Check
from daybreak.model.findings import Finding
from daybreak.model.inventory import Inventory
from daybreak.model.thoroughness import Depth
from daybreak.validate.probes import ask_settings
from daybreak.validate.visit import Visit

_WORKERS = "max_logical_replication_workers"
_JOBS = "cron.launch_active_jobs"


def findings(visit: Visit) -> Iterator[Finding]:
    """Yield each finding about the objects of one database."""
    clone = _ask_both(visit)
    witnesses = Witnesses() if isinstance(clone, Silence) else _witnesses(visit, clone)
    facts = _circumstances(visit)
    # How far sequences are is known when the tables that no index answers for are counted, and full depth asks each row.
    waiting = _WAITING[visit.subject.action.thoroughness.depth] if isinstance(clone, Inventory) else ()
    visit.of_objects = (witnesses, facts) if waiting else None
    yield from object_findings(clone, witnesses, facts, waiting)


_WAITING: dict[Depth, tuple[Check, ...]] = {
    "quick": (),
    "standard": (SEQUENCES,),
    "full": (SEQUENCES, CONSTRAINTS),
}
"""The boxes that wait for what is read from rows, by depth."""


def constraints(visit: Visit, kept: KeptRules | Silence) -> Iterator[Finding]:
    """Yield the box of constraints, which waited for the rows; nothing where it did not wait."""
    if visit.of_objects is not None and isinstance(visit.inventory, Inventory):
        yield judge_constraints(visit.inventory, *visit.of_objects, kept)


def sequences(visit: Visit, counts: Counts | Silence) -> Iterator[Finding]:
    """Yield the box of sequences, which waited for the count; nothing where it did not wait."""
    if visit.of_objects is not None and isinstance(visit.inventory, Inventory):
        counted = counts.counted if isinstance(counts, Counts) else ()
        yield judge_sequences(with_ends(visit.inventory, counted), *visit.of_objects)


def findings_of_cluster(visit: Visit, entries: Iterable[DatabaseEntry]) -> Iterator[Finding]:
    """Yield each finding about what all databases share; ``entries`` are the databases, and which of them are entered."""
    clone = visit.shared
    witnesses = Witnesses() if isinstance(clone, Silence) else _witnesses_of_cluster(visit, clone)
    action = visit.subject.action
    named = (visit.database, *action.only, *action.databases)
    yield from object_findings_of_cluster(
        clone, witnesses, _circumstances(visit), DatabasesEntered(tuple(entries), named)
    )


def _ask_both(visit: Visit) -> Inventory | Silence:
    """The clone's inventory; the source is asked for its own meanwhile."""
    with ThreadPoolExecutor(max_workers=1) as aside:
        source = aside.submit(lambda: visit.source_inventory)
        clone = visit.inventory
        source.result()
    return clone


def _witnesses(visit: Visit, clone: Inventory) -> Witnesses:
    source = visit.source_inventory
    seen = _in_our_names(visit, source, visit.source_shared) if isinstance(source, Inventory) else None
    return Witnesses(
        baseline=_in_our_names(visit, visit.recorded, visit.recorded_shared) if visit.recorded else None,
        source=seen,
        ends=_ends(visit, clone, seen),
        birth=visit.birth,
        absent=_absent(visit, visit.recorded, source),
    )


def _witnesses_of_cluster(visit: Visit, clone: Inventory) -> Witnesses:
    source, recorded = visit.source_shared, visit.recorded_shared
    seen = _in_our_names(visit, source, source) if isinstance(source, Inventory) else None
    return Witnesses(
        baseline=_in_our_names(visit, recorded, recorded) if recorded else None,
        source=seen,
        ends=_ends(visit, clone, seen),
        birth=visit.birth,
        absent=_absent(visit, recorded, source),
    )


def _absent(visit: Visit, recorded: Inventory | None, source: Inventory | Silence | None) -> tuple[str, ...]:
    baseline, absent = visit.baseline, []
    if recorded is None:
        why = f"the baseline could not be read: {baseline.why}" if isinstance(baseline, Silence) else ""
        absent.append(why or "there is no baseline")
    if not isinstance(source, Inventory):
        why = visit.subject.without_source or "the source is not asked"
        absent.append(why if source is None else f"the source could not be asked: {source.why}")
    return tuple(absent)


def _in_our_names(visit: Visit, theirs: Inventory, shared: Inventory | Silence | None) -> Inventory:
    """A witness with the clone's names of roles and databases, by what all databases share in both."""
    if not isinstance(visit.shared, Inventory) or not isinstance(shared, Inventory):
        return theirs
    return in_our_names(theirs, find_renamed(visit.shared, shared))


def _ends(visit: Visit, clone: Inventory, source: Inventory | None) -> dict[int, bool]:
    """Which of the transactions that wrote the catalogs had committed when the clone began to live, as it knows them."""
    own = frozenset(item.xmin for item in clone.items if item.xmin is not None)
    known = visit.were_committed(own, clone.following)
    if source is None:
        return known
    theirs = frozenset(item.xmin for item in source.items if item.xmin is not None)
    if visit.birth is None:
        # Whatever the source changed may then have come after the moment: nothing is condemned for it alone.
        return dict.fromkeys(theirs - own, False)
    return visit.were_committed(theirs, source.following) | known


def _circumstances(visit: Visit) -> CloneFacts:
    subject = visit.subject
    action = subject.action
    # When a server did not list its catalog in time, do not wait for it again before the first finding.
    place = None if isinstance(_ask_both(visit), Silence) else visit.place
    settings = ask_settings(place, (_WORKERS, _JOBS), subject.patience.asking) if place else None
    origin = action.source_seen
    hosts = (origin.endpoint, origin.reader_endpoint) if origin else ()
    places = (*hosts, *(instance.endpoint for instance in action.instances_seen))
    return CloneFacts(
        moment=subject.moment,
        restored=visit.restored,
        may_subscribe=_may_subscribe(settings),
        may_schedule=_may_schedule(settings),
        is_counted=action.thoroughness.depth != "quick",
        production=frozenset(host.lower() for host in places if host),
        awaited=frozenset(name for name, wanted in action.tables.items() if wanted.min_rows or wanted.freshness),
    )


def _value(settings: ServerSettings, name: str) -> str | None:
    return next((each.value for each in settings.known if each.name == name), None)


def _may_subscribe(settings: ServerSettings | Silence | None) -> bool | None:
    if not isinstance(settings, ServerSettings):
        return None
    value = _value(settings, _WORKERS)
    return None if value is None else value != "0"


def _may_schedule(settings: ServerSettings | Silence | None) -> bool | None:
    """Whether pg_cron launches jobs: not when it is switched off or not loaded."""
    if not isinstance(settings, ServerSettings):
        return None
    value = _value(settings, _JOBS)
    return "cron" in settings.families if value is None else value.lower() not in ("off", "0", "false", "no")
