"""Look at rows through the catalog only: estimates, and the newest time where an index knows it.

The law: no table is scanned; a table whose index cannot be asked is named with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from time import monotonic

from daybreak.errors import DaybreakError
from daybreak.model.answers import Count, Counts, Estimates, Silence, Unread
from daybreak.model.value import Span
from daybreak.postgres.estimates import estimates, leading_columns
from daybreak.postgres.faults import is_damage
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import Scan, as_count, clock_and_encoding, newest_by_index, see_every_row
from daybreak.postgres.session import Limits, Session, open_session


def estimate_rows(place: Reach, scans: Sequence[Scan], limit: timedelta) -> Estimates | Silence:
    """Look up what the catalog says about every table of ``scans``, without a scan."""
    began, asked = monotonic(), f"pg_class.reltuples at {place.address}"
    limits = Limits(
        connect=min(limit, timedelta(seconds=10)), statement=limit, lock=min(limit, timedelta(seconds=5)), whole=limit
    )
    try:
        with open_session(place.address, place.login, limits) as session:
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
    for scan in scans:
        if (scan.table.oid, scan.clock) not in leading:
            continue
        try:
            counted.append(as_count(scan, newest_by_index(session, scan), Span(0)))
        except DaybreakError as error:
            unread.append(
                Unread(table=scan.table.oid, name=scan.table.full, why=error.message, is_damaged=is_damage(error))
            )
            if not session.is_open:
                break
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
