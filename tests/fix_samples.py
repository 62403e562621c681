"""Samples of a small company, for tests."""

from __future__ import annotations

from datetime import datetime, timedelta

from daybreak.model.samples import CatalogRow, DatabaseSample, Sample, SequenceRow, ServerSample, TableRow
from tests.fix_capsules import NOON
from tests.fix_worlds import identity

MILLISECOND = timedelta(milliseconds=1)


def table(oid: int, *, inserted: int = 10, name: str = "", file: int = 0) -> TableRow:
    """One table."""
    return TableRow(oid, "public", name or f"t{oid}", file or oid, 700, inserted, 0, 0, 8192)


def sample(
    after: timedelta = timedelta(), *, tables: tuple[TableRow, ...] = (), resource_id: str = "cluster-1"
) -> Sample:
    """A whole sample of some time after noon."""
    at: datetime = NOON + after
    xid = 1000 + int(after.total_seconds())
    return Sample(
        target="embi",
        taken=at,
        stands_for=at,
        identity=identity(),
        cluster="embi-aurora-cluster",
        resource_id=resource_id,
        server=ServerSample(
            asked=at - MILLISECOND,
            taken=at,
            xmin=xid,
            xmax=xid,
            in_flight=(),
            started=NOON - timedelta(days=1),
            version="16.3",
        ),
        databases=(
            DatabaseSample(
                database="embi",
                oid=16384,
                asked=at,
                taken=at + MILLISECOND,
                next_xid=xid,
                tables=tables or (table(20_000), table(20_001)),
                catalogs=(CatalogRow(1259, "pg_class", 5, 6, 7),),
                sequences=(SequenceRow(20_002, "public", "s", 7),),
            ),
        ),
    )
