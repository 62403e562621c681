"""Questions to one table: how many rows, and how new the newest is, in one scan.

The law: names reach SQL through ``psycopg.sql`` only, and a table is asked without its children, which are asked themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from psycopg import sql

from daybreak.model.answers import Count, Table
from daybreak.model.value import Span
from daybreak.postgres.session import Session

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
"""The last instant Python knows, shown for everything later, infinity included."""

_SNAPSHOT = sql.SQL("SELECT pg_catalog.pg_export_snapshot()")
_AS_EVERYBODY = sql.SQL("SELECT pg_catalog.set_config('row_security', 'off', false)")
_PLAN_LIMIT = sql.SQL("SELECT pg_catalog.set_config('max_parallel_workers_per_gather', %s, false)")
_COUNT = sql.SQL("SELECT count(*), NULL, false FROM ONLY {table}")
_COUNT_AND_NEWEST = sql.SQL(
    "SELECT n, CASE WHEN isfinite(t) THEN (extract(epoch FROM t) * 1000000)::numeric END, t = 'infinity' "
    "FROM (SELECT count(*) AS n, max({clock})::timestamptz AS t FROM ONLY {table}) AS scan"
)
_NEWEST_UNTIL = sql.SQL(
    "SELECT CASE WHEN isfinite(t) THEN (extract(epoch FROM t) * 1000000)::numeric END "
    "FROM (SELECT max({clock})::timestamptz AS t FROM ONLY {table} WHERE {clock}::timestamptz <= %s) AS scan"
)


@dataclass(frozen=True)
class Scan:
    """One table to be counted: which column tells its age, up to which moment, and whether the server may use many workers."""

    table: Table
    clock: str
    moment: datetime
    is_wide: bool = False

    def widened(self) -> Scan:
        """The same, read by as many of the server's workers as it grants."""
        return replace(self, is_wide=True)


def export_snapshot(session: Session) -> str:
    """A name under which other sessions see what this one sees, for as long as its transaction lasts."""
    return str(session.ask(_SNAPSHOT)[0][0])


def see_every_row(session: Session) -> None:
    """From now on a row-level policy is an error instead of a count that silently leaves rows out."""
    session.ask(_AS_EVERYBODY)


def count(session: Session, scan: Scan) -> Count:
    """The rows of one table and its newest time; a table whose newest is after the moment is read a second time.

    One dominant table is given the server's parallel workers: every other connection is done long before it.
    """
    session.ask(_PLAN_LIMIT, ("4" if scan.is_wide else "0",))
    table = sql.Identifier(scan.table.namespace, scan.table.name)
    clock = sql.Identifier(scan.clock)
    question = _COUNT_AND_NEWEST.format(clock=clock, table=table) if scan.clock else _COUNT.format(table=table)
    [[rows, ticks, is_endless]] = session.ask(question)
    newest = LAST if is_endless else _instant(ticks)
    until = newest
    if newest is not None and newest > scan.moment:
        [[ticks]] = session.ask(_NEWEST_UNTIL.format(clock=clock, table=table), (scan.moment,))
        until = _instant(ticks)
    return Count(
        table=scan.table.oid,
        name=scan.table.full,
        rows=rows,
        clock=scan.clock,
        newest=newest,
        newest_until=until,
        took=Span(0),
    )


def _instant(ticks: Decimal | None) -> datetime | None:
    """Microseconds since 1970 as an instant; PostgreSQL's calendar is wider than Python's, so the ends are clipped."""
    if ticks is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(ticks))
    except OverflowError:
        return LAST if ticks > 0 else FIRST
