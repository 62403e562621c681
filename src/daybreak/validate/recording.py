"""Record what the databases of a cluster hold, each table at one snapshot: a witness for a later clone.

The law: the source is only read, as sparingly as was asked for, and no snapshot on it gets older than the limit. A table that could not be read is named and left out, so
that its absence is no evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from daybreak.errors import DaybreakError, Failed, Unproven, Unreachable
from daybreak.judge.joining import entries_of
from daybreak.judge.rows.counts import wishes
from daybreak.judge.rows.tables import clock_of
from daybreak.model.answers import Count, Counts, LargeObject, Sighting, Silence, Table, Tables
from daybreak.model.baseline import Baseline, DatabaseBaseline, TableBaseline
from daybreak.model.findings import Standing
from daybreak.model.fingerprints import VERSION
from daybreak.model.targets import DatabaseTarget, Expectation, Target
from daybreak.model.value import Value, stamp
from daybreak.model.world import Cluster, Identity
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.crew import CountProgress
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import LAST, Scan
from daybreak.validate.estimating import estimate_rows
from daybreak.validate.large_objects import ask_large_objects
from daybreak.validate.probes import list_tables, take_inventory, take_shared_inventory
from daybreak.validate.turns import count_in_turns

T = TypeVar("T", bound=Value)

MOST_READING = timedelta(minutes=30)
"""How long a baseline may read rows, in all: a table that was not reached is named."""


@dataclass(frozen=True)
class Sitting:
    """Which target's baseline to take, when by our clock, and how thoroughly."""

    target: Target
    cluster: Cluster
    identity: Identity
    taken: datetime
    is_estimated: bool = False
    is_fingerprinted: bool = False
    asking: timedelta = timedelta(seconds=60)
    bounds: ServerBounds = field(default_factory=lambda: ServerBounds(whole=MOST_READING))
    """What the source can spare: it serves its users meanwhile."""


def record(place: Reach, sitting: Sitting, progress: Callable[[CountProgress], None]) -> Baseline:
    """Take the baseline of a cluster, database by database; ``place`` is the one that is entered first.

    A database that cannot be read is named and left out. Raises ``Unproven``, ``Unreachable`` or ``Failed`` when the first
    cannot be asked.
    """
    with place.meter.keep_sessions():
        return _record(place, sitting, progress)


def _record(place: Reach, sitting: Sitting, progress: Callable[[CountProgress], None]) -> Baseline:
    target = sitting.target
    shared = _require(take_shared_inventory(place, sitting.asking))
    first = place.address.database
    found: list[DatabaseBaseline] = []
    left_out: dict[str, str] = {}
    for entry in entries_of(shared, first, target.only, target.left_out):
        if entry.standing is not Standing.FIT:
            left_out[entry.name] = entry.why
            continue
        expected = target.tables if entry.name == first else _of(target, entry.name).tables
        try:
            found.append(
                _record_database(place.within(entry.name), expected, sitting, _name_database(progress, entry.name))
            )
        except DaybreakError as error:
            if entry.name == first:
                raise
            left_out[entry.name] = error.message
    return Baseline(
        target=target.name,
        taken=sitting.taken,
        stands_for=max(each.stands_for for each in found),
        identity=sitting.identity,
        cluster=sitting.cluster.identifier,
        resource_id=sitting.cluster.resource_id,
        databases=tuple(found),
        shared=shared,
        left_out=left_out,
        cost=place.meter.cost,
    )


def _of(target: Target, database: str) -> DatabaseTarget:
    return target.databases.get(database, DatabaseTarget())


def _name_database(progress: Callable[[CountProgress], None], database: str) -> Callable[[CountProgress], None]:
    return lambda step: progress(step.within(database))


def _record_database(
    place: Reach, expected: Mapping[str, Expectation], sitting: Sitting, progress: Callable[[CountProgress], None]
) -> DatabaseBaseline:
    tables = _require(list_tables(place, sitting.asking))
    scans = _scans(tables, expected, sitting)
    # Before the rows, whose last instant is the baseline's: nothing later may be in it.
    large, without = _large_objects(place, sitting)
    counts, rows = _estimate(place, scans, sitting) if sitting.is_estimated else _count(place, scans, sitting, progress)
    inventory = _require(take_inventory(place, sitting.asking))
    if counts.taken is None:
        raise Failed("the server did not report its time")
    return DatabaseBaseline(
        target=sitting.target.name,
        database=tables.database,
        stands_for=counts.taken,
        server_version=counts.server_version,
        encoding=counts.encoding,
        next_xid=counts.next_xid,
        following=tables.following,
        fingerprint_version=VERSION if sitting.is_fingerprinted else None,
        tables=rows,
        left_out={each.name: each.why for each in counts.unread} | without,
        large_objects=large,
        inventory=inventory,
    )


def _large_objects(place: Reach, sitting: Sitting) -> tuple[tuple[LargeObject, ...], dict[str, str]]:
    """The content of large objects, and what was not read of them, with the reason."""
    if not sitting.is_fingerprinted or sitting.is_estimated:
        return (), {}
    answer = ask_large_objects(place, sitting.bounds)
    if isinstance(answer, Silence):
        return (), {"large objects": answer.why}
    without = {each.name: each.why for each in answer.unread}
    if answer.left_out:
        without[f"{answer.left_out:,} large objects"] = answer.why
    return answer.read, without


def _scans(tables: Tables, expected: Mapping[str, Expectation], sitting: Sitting) -> list[Scan]:
    wanted = wishes(tables, expected)
    return [
        Scan(
            table,
            clock_of(table, wanted[table.oid].freshness if table.oid in wanted else None),
            # Report the newest time as it is: no moment is judged here.
            LAST,
            sitting.is_fingerprinted,
        )
        for table in tables.tables
        if table.is_counted
    ]


def _count(
    place: Reach, scans: list[Scan], sitting: Sitting, progress: Callable[[CountProgress], None]
) -> tuple[Counts, tuple[TableBaseline, ...]]:
    counts = _require(count_in_turns(place, scans, sitting.bounds, progress))
    sizes = {scan.table.oid: scan.table.size for scan in scans}
    rows = (_table(count, sizes[count.table]) for count in sorted(counts.counted, key=lambda count: count.name))
    return counts, tuple(rows)


def _table(count: Count, size: int) -> TableBaseline:
    seen = count.seen or Sighting(oid=None, file=0, next_xid=None, instants=())
    number = len(seen.instants)
    return TableBaseline(
        name=count.name,
        oid=seen.oid,
        file=seen.file,
        taken=max(seen.instants, default=None),
        next_xid=seen.next_xid,
        rows=count.rows,
        is_exact=number < 2,
        note=f"read at {number} instants, from {stamp(seen.instants[0])} on" if number > 1 else "",
        clock=count.clock,
        newest=count.newest,
        fingerprint=count.fingerprint,
        size=size,
    )


def _estimate(place: Reach, scans: list[Scan], sitting: Sitting) -> tuple[Counts, tuple[TableBaseline, ...]]:
    answer = _require(estimate_rows(place, scans, sitting.asking))
    newest = {count.table: count.newest for count in answer.newest.counted}
    by_oid: dict[int, tuple[Table, str]] = {scan.table.oid: (scan.table, scan.clock) for scan in scans}
    rows = tuple(
        TableBaseline(
            name=each.name,
            oid=each.table,
            file=by_oid[each.table][0].file,
            rows=each.rows,
            is_exact=False,
            note="the planner's estimate",
            clock=by_oid[each.table][1] if newest.get(each.table) else "",
            newest=newest.get(each.table),
            size=by_oid[each.table][0].size,
        )
        for each in sorted(answer.tables, key=lambda each: each.name)
        if each.rows is not None
    )
    return answer.newest, rows


def _require(answer: T | Silence) -> T:
    if isinstance(answer, Silence):
        if answer.is_unproven:
            raise Unproven(f"no baseline was taken: {answer.why}", *answer.hints)
        raise Unreachable(f"no baseline was taken: {answer.why}")
    return answer
