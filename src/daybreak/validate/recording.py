"""Record what a database holds at one snapshot: a witness for a later clone.

The law: the source is only read, as sparingly as was asked for. A table that could not be read is named and left out, so
that its absence is no evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from daybreak.errors import Failed, Unproven, Unreachable
from daybreak.judge.rows.counts import wishes
from daybreak.judge.rows.tables import clock_of
from daybreak.model.answers import Counts, Silence, Table, Tables
from daybreak.model.baseline import Baseline, TableBaseline
from daybreak.model.targets import Target
from daybreak.model.value import Value
from daybreak.model.world import Cluster, Identity
from daybreak.postgres.rows import LAST, Scan
from daybreak.validate.counting import count_rows
from daybreak.validate.crew import Budget, CountProgress
from daybreak.validate.estimating import estimate_rows
from daybreak.validate.probes import Reach, list_tables, take_inventory

T = TypeVar("T", bound=Value)

_BUSY_SOURCE = Budget(connections=2)
"""How many connections a source can spare: it serves its users meanwhile."""


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
    budget: Budget = field(default=_BUSY_SOURCE)


def record(place: Reach, sitting: Sitting, progress: Callable[[CountProgress], None]) -> Baseline:
    """Take the baseline of a database. Raises ``Unproven``, ``Unreachable`` or ``Failed`` when nothing can be asked."""
    tables = _require(list_tables(place, sitting.asking))
    scans = _scans(tables, sitting)
    counts, rows = _estimate(place, scans, sitting) if sitting.is_estimated else _count(place, scans, sitting, progress)
    inventory = _require(take_inventory(place, sitting.asking))
    if counts.taken is None:
        raise Failed("the server did not report its time")
    return Baseline(
        target=sitting.target.name,
        taken=sitting.taken,
        stands_for=counts.taken,
        identity=sitting.identity,
        resource_id=sitting.cluster.resource_id,
        database=tables.database,
        server_version=counts.server_version,
        encoding=counts.encoding,
        next_xid=counts.next_xid,
        tables=rows,
        left_out={each.name: each.why for each in counts.unread},
        inventory=inventory,
    )


def _scans(tables: Tables, sitting: Sitting) -> list[Scan]:
    wanted = wishes(tables, sitting.target.tables)
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
    counts = _require(count_rows(place, scans, sitting.budget, progress))
    sizes = {scan.table.oid: scan.table.size for scan in scans}
    rows = tuple(
        TableBaseline(
            name=count.name,
            rows=count.rows,
            clock=count.clock,
            newest=count.newest,
            fingerprint=count.fingerprint,
            size=sizes[count.table],
        )
        for count in sorted(counts.counted, key=lambda count: count.name)
    )
    return counts, rows


def _estimate(place: Reach, scans: list[Scan], sitting: Sitting) -> tuple[Counts, tuple[TableBaseline, ...]]:
    answer = _require(estimate_rows(place, scans, sitting.asking))
    newest = {count.table: count.newest for count in answer.newest.counted}
    by_oid: dict[int, tuple[Table, str]] = {scan.table.oid: (scan.table, scan.clock) for scan in scans}
    rows = tuple(
        TableBaseline(
            name=each.name,
            rows=each.rows,
            is_exact=False,
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
