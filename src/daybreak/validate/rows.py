"""The chapter of rows: are all tables there, are their rows there, and how recent are they."""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.assess import data
from daybreak.model.answers import Counts, Silence, Tables
from daybreak.model.findings import Finding
from daybreak.postgres.rows import Scan
from daybreak.validate.counting import count_rows
from daybreak.validate.visit import Visit


def findings(visit: Visit) -> Iterator[Finding]:
    """Each finding about tables and rows; measures the loss on the way."""
    subject, configured = visit.subject, visit.subject.action.tables
    yield data.all_tables(visit.tables, visit.source_tables, configured)
    counts = _counts(visit)
    yield data.row_counts(counts, visit.tables, configured)
    yield data.recent(counts, visit.tables, data.Recency(subject.moment, subject.rpo, configured))
    visit.measured = data.measured(counts, subject.moment)


def _counts(visit: Visit) -> Counts | Silence:
    tables = visit.tables
    if visit.place is None or isinstance(tables, Silence):
        return tables if isinstance(tables, Silence) else Silence(asked="the rows", why="the tables are not known")
    clocks = _configured_clocks(visit, tables)
    scans = [
        Scan(table, data.clock_of(table, clocks.get(table.oid)), visit.subject.moment)
        for table in tables.tables
        if table.is_counted
    ]
    return count_rows(visit.place, scans, visit.subject.patience.counting, visit.progress)


def _configured_clocks(visit: Visit, tables: Tables) -> dict[int, str]:
    """The freshness column of each table that the configuration means, its partitions included."""
    return {
        member.oid: wanted.freshness
        for name, wanted in visit.subject.action.tables.items()
        if wanted.freshness is not None
        for table in data.meant(tables, name)
        for member in data.family(tables, table)
    }
