"""Ask the live source how new the rows of its tables are: now, and as far as they are from before the moment.

The law: the source serves its own users. One session asks, a table at a time, within the time that a source can spare; a large
table without an index that leads with the column is asked about only where the clone's own answer calls for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from daybreak.errors import DaybreakError
from daybreak.judge.rows.zones import as_meant, as_written
from daybreak.model.answers import Silence, SourceTimes, Table, TableTimes, Unread
from daybreak.model.birth import Birth
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.estimates import leading_columns, locks_of
from daybreak.postgres.freshness import Newest, newest_rows
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import Scan, YoungIds, clock_and_encoding, newest_by_indexes, see_every_row, snapshot_end
from daybreak.postgres.session import Session
from daybreak.postgres.shares import MOST_AT_ONCE, ask_in_shares
from daybreak.postgres.yielding import give_way

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


def see_newest(
    place: Reach, columns: Sequence[SourceColumn], sight: Sight, budget: ServerBounds
) -> SourceTimes | Silence:
    """Ask the source about each column, those first that are wanted; what no time was left for is named."""
    began, asked = monotonic(), f"the newest times at {place.address}"
    seen: list[TableTimes] = []
    unseen: list[Unread] = []
    try:
        with place.session(budget.limits()) as session:
            see_every_row(session)
            leading = leading_columns(session, tuple(column.source for column in columns))
            todo = [
                column
                for column in columns
                if column.is_wanted or column.source.size <= SMALL or (column.source.oid, column.clock) in leading
            ]
            todo.sort(key=lambda each: (not each.is_wanted, each.source.size))
            locks = locks_of(session, tuple(column.source for column in todo))
            # A table that has to be read through keeps no other's locks meanwhile.
            by_index = [column.source.size <= SMALL or (column.source.oid, column.clock) in leading for column in todo]
            costs = [
                locks[column.source.oid] if is_quick else MOST_AT_ONCE
                for column, is_quick in zip(todo, by_index, strict=True)
            ]

            def ask(some: Sequence[SourceColumn]) -> None:
                try:
                    seen.extend(_see(session, some, sight))
                finally:
                    session.rollback()
                session.look_around()

            def give_up(column: SourceColumn, error: DaybreakError) -> None:
                unseen.append(Unread(table=column.clone.oid, name=column.clone.full, why=error.message))

            with give_way(place, lambda: [session]), suppress(DaybreakError):
                # What was seen before the session was lost is right.
                ask_in_shares(session, todo, costs, ask, give_up)
            known = {each.table for each in seen} | {each.table for each in unseen}
            unseen += [
                Unread(table=column.clone.oid, name=column.clone.full, why="the time for the source was up")
                for column in todo
                if column.clone.oid not in known
            ]
    except DaybreakError as error:
        return Silence(asked=asked, why=error.message, took=timedelta(seconds=monotonic() - began))
    took = timedelta(seconds=monotonic() - began)
    return SourceTimes(asked=asked, took=took, seen=tuple(seen), unseen=tuple(unseen))


def _see(session: Session, columns: Sequence[SourceColumn], sight: Sight) -> list[TableTimes]:
    """Some columns, all at one snapshot; the clone is asked once about all transactions in them."""
    limits = [as_written(sight.moment, column.zone) for column in columns]
    session.begin()
    following = snapshot_end(session)
    scans = [Scan(column.source, column.clock, limit) for column, limit in zip(columns, limits, strict=True)]
    newest = newest_by_indexes(session, scans)
    young = None if sight.birth is None else YoungIds(sight.birth.short, following)
    old: list[list[tuple[datetime, int]]] = [[] for _ in columns]
    if young is not None:
        asked = [Newest(scan.table, scan.clock, scan.moment, young, most=MOST_ROWS) for scan in scans]
        old = newest_rows(session, asked)
    late = newest_rows(
        session, [Newest(scan.table, scan.clock, scan.moment - MARGIN, young, is_old=False) for scan in scans]
    )
    taken, _ = clock_and_encoding(session)
    session.rollback()
    xids = {xid for rows in old for _, xid in rows}
    fates = sight.fates(xids, following) if xids else {}
    return [
        _times(column, taken, newest[number].newest, _in_time(old[number], fates), late[number])
        for number, column in enumerate(columns)
    ]


def _times(
    column: SourceColumn,
    taken: datetime,
    newest: datetime | None,
    until: tuple[datetime | None, bool],
    late: Sequence[tuple[datetime, int]],
) -> TableTimes:
    return TableTimes(
        table=column.clone.oid,
        name=column.clone.full,
        clock=column.clock,
        taken=taken,
        newest=as_meant(newest, column.zone),
        until=as_meant(until[0], column.zone),
        is_certain=until[1],
        later=as_meant(late[0][0] if late else None, column.zone),
    )


def _in_time(rows: list[tuple[datetime, int]], fates: Mapping[int, bool]) -> tuple[datetime | None, bool]:
    """The newest row whose transaction may have committed by the moment, and whether it certainly had."""
    for at, xid in rows:
        fate = fates.get(xid)
        if fate is not False:
            return at, bool(fate)
    return None, False
