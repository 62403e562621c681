"""Look at rows through the catalog only: estimates, and the newest time where an index knows it.

The law: no table is scanned; a table whose index cannot be asked is named with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from time import monotonic

from daybreak.errors import DaybreakError
from daybreak.model.answers import Count, Counts, Estimates, Silence, Unread
from daybreak.model.value import Span
from daybreak.postgres.bounds import time_to_list
from daybreak.postgres.estimates import estimates, leading_columns, locks_of
from daybreak.postgres.faults import is_damage
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import Scan, as_count, clock_and_encoding, newest_by_indexes, see_every_row
from daybreak.postgres.session import Limits, Session
from daybreak.postgres.shares import ask_in_shares


def estimate_rows(place: Reach, scans: Sequence[Scan], limit: timedelta) -> Estimates | Silence:
    """Look up what the catalog says about every table of ``scans``, without a scan."""
    began, asked = monotonic(), f"pg_class.reltuples at {place.address}"
    limits = Limits(
        connect=min(limit, timedelta(seconds=10)), statement=limit, lock=min(limit, timedelta(seconds=5)), whole=limit
    )
    try:
        with place.session(limits) as session:
            session.take_time(time_to_list(len(scans), limit, place.meter.bounds))
            answer = _estimate(session, scans, asked)
    except DaybreakError as error:
        return Silence(asked=asked, why=error.message, took=timedelta(seconds=monotonic() - began))
    return answer.model_copy(update={"took": timedelta(seconds=monotonic() - began)})


def _estimate(session: Session, scans: Sequence[Scan], asked: str) -> Estimates:
    tables = tuple(scan.table for scan in scans)
    guessed = estimates(session, tables)
    leading = leading_columns(session, tables)
    see_every_row(session)
    taken, letters = clock_and_encoding(session)
    counted: list[Count] = []
    unread: list[Unread] = []
    asked_of = [scan for scan in scans if (scan.table.oid, scan.clock) in leading]
    locks = locks_of(session, tuple(scan.table for scan in asked_of))

    def ask(some: Sequence[Scan]) -> None:
        found = newest_by_indexes(session, some)
        counted.extend(as_count(scan, part, Span(0)) for scan, part in zip(some, found, strict=True))
        session.look_around()

    def give_up(scan: Scan, error: DaybreakError) -> None:
        why = Unread(table=scan.table.oid, name=scan.table.full, why=error.message, is_damaged=is_damage(error))
        unread.append(why)

    with suppress(DaybreakError):
        # What was found before the session was lost is right.
        ask_in_shares(session, asked_of, [locks[scan.table.oid] for scan in asked_of], ask, give_up)
    lost = {scan.table.oid for scan in asked_of} - {each.table for each in counted} - {each.table for each in unread}
    unread += [
        Unread(table=scan.table.oid, name=scan.table.full, why="the session was lost, or the time was up")
        for scan in asked_of
        if scan.table.oid in lost
    ]
    newest = Counts(
        taken=taken,
        server_version=session.server_version,
        encoding=letters,
        asked=f"the newest time by an index, at {session.address}",
        took=Span(0),
        counted=tuple(counted),
        unread=tuple(unread),
    )
    return Estimates(asked=asked, took=Span(0), tables=guessed, newest=newest)
