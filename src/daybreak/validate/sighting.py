"""Ask the live source how new the rows of its tables are: now, and as far as they are from before the moment.

The law: the source serves its own users. One session asks, a table at a time, within the time that a source can spare; a large
table without an index that leads with the column is asked about only where the clone's own answer calls for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from daybreak.errors import DaybreakError
from daybreak.judge.rows.zones import as_meant, as_written
from daybreak.model.answers import Silence, SourceTimes, Table, TableTimes, Unread
from daybreak.model.birth import Birth
from daybreak.postgres.crew import Budget
from daybreak.postgres.estimates import leading_columns
from daybreak.postgres.freshness import newest_rows
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import Scan, YoungIds, clock_and_encoding, newest_by_index, see_every_row, snapshot_end
from daybreak.postgres.session import Session, open_session

SMALL = 32 * 1024 * 1024
"""A table up to this size is read through without an index, in bytes."""

MARGIN = timedelta(minutes=1)
"""How long a transaction may have been under way at the moment: its rows have earlier times, and came later all the same."""

MOST_ROWS = 20
"""How many of a table's newest old rows are held against the clone's transactions."""

Fates = Callable[[Iterable[int], int], Mapping[int, bool]]
"""Says of transactions whether they had committed by the moment; leaves out those of which nobody knows."""


@dataclass(frozen=True)
class SourceColumn:
    """A table of the source and its column of times, as the clone knows both."""

    clone: Table
    source: Table
    clock: str
    zone: str | None = None
    is_wanted: bool = False
    """Whether the clone's own answer calls for a witness, or its owner configured the column."""


@dataclass(frozen=True)
class Sight:
    """Up to when the source's rows count as from before the moment, and what the numbers of their transactions mean."""

    moment: datetime
    birth: Birth | None
    """``None`` where the clone is no physical copy of the source: then numbers mean nothing."""
    fates: Fates = field(default=lambda _xids, _following: {}, repr=False)


def see_newest(place: Reach, columns: Sequence[SourceColumn], sight: Sight, budget: Budget) -> SourceTimes | Silence:
    """Ask the source about each column, those first that are wanted; what no time was left for is named."""
    began, asked = monotonic(), f"the newest times at {place.address}"
    seen: list[TableTimes] = []
    unseen: list[Unread] = []
    try:
        with open_session(place.address, place.login, budget.limits) as session:
            see_every_row(session)
            leading = leading_columns(session, tuple(column.source for column in columns))
            todo = [
                column
                for column in columns
                if column.is_wanted or column.source.size <= SMALL or (column.source.oid, column.clock) in leading
            ]
            for column in sorted(todo, key=lambda each: (not each.is_wanted, each.source.size)):
                try:
                    if not session.is_open:
                        raise DaybreakError("the time for the source was up")
                    seen.append(_see(session, column, sight))
                except DaybreakError as error:
                    unseen.append(Unread(table=column.clone.oid, name=column.clone.full, why=error.message))
                    session.rollback()
    except DaybreakError as error:
        return Silence(asked=asked, why=error.message, took=timedelta(seconds=monotonic() - began))
    took = timedelta(seconds=monotonic() - began)
    return SourceTimes(asked=asked, took=took, seen=tuple(seen), unseen=tuple(unseen))


def _see(session: Session, column: SourceColumn, sight: Sight) -> TableTimes:
    """One column, all at one snapshot."""
    limit = as_written(sight.moment, column.zone)
    before = limit - MARGIN
    session.begin()
    following = snapshot_end(session)
    newest = newest_by_index(session, Scan(column.source, column.clock, limit)).newest
    young = None if sight.birth is None else YoungIds(sight.birth.short, following)
    old: list[tuple[datetime, int]] = []
    if young is not None:
        old = newest_rows(session, column.source, column.clock, limit, young=young, most=MOST_ROWS)
    late = newest_rows(session, column.source, column.clock, before, young=young, is_old=False)
    taken, _ = clock_and_encoding(session)
    session.rollback()
    until, is_certain = _in_time(old, sight.fates({xid for _, xid in old}, following) if old else {})
    return TableTimes(
        table=column.clone.oid,
        name=column.clone.full,
        clock=column.clock,
        taken=taken,
        newest=as_meant(newest, column.zone),
        until=as_meant(until, column.zone),
        is_certain=is_certain,
        later=as_meant(late[0][0] if late else None, column.zone),
    )


def _in_time(rows: list[tuple[datetime, int]], fates: Mapping[int, bool]) -> tuple[datetime | None, bool]:
    """The newest row whose transaction may have committed by the moment, and whether it certainly had."""
    for at, xid in rows:
        fate = fates.get(xid)
        if fate is not False:
            return at, bool(fate)
    return None, False
