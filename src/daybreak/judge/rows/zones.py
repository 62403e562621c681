"""Times without a zone, read in the zone that their owner configured.

The law: sessions read every time without a zone as UTC. What was read so is put right here, once, on both sides, so that
readings can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from daybreak.judge.rows.counts import wishes
from daybreak.model.answers import Counts, Tables
from daybreak.model.targets import Expectation

ENDS = frozenset({datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)})
"""The two ends of the calendar, which stand for infinity: they are in no zone."""


def zones_of(tables: Tables, configured: Mapping[str, Expectation]) -> dict[tuple[int, str], str]:
    """The zone of each column that has none of its own, by table and column; only configured ones."""
    wanted = wishes(tables, configured)
    return {
        (table.oid, column): zone
        for table in tables.tables
        for column in table.zoneless
        if table.oid in wanted and (zone := wanted[table.oid].zone) is not None
    }


def as_written(moment: datetime, zone: str | None) -> datetime:
    """What a clock in ``zone`` shows at a moment, read as UTC: the form in which a session reads such a column."""
    return moment if zone is None or moment in ENDS else moment.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)


def as_meant(reading: datetime | None, zone: str | None) -> datetime | None:
    """The instant that a reading means; of two instants with one reading, when clocks were put back, the first."""
    if reading is None or zone is None or reading in ENDS:
        return reading
    return reading.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def counts_as_meant(answer: Counts, zones: Mapping[tuple[int, str], str]) -> Counts:
    """The counts with each time as the instant that it means."""
    counted = tuple(
        count.model_copy(
            update={
                "newest": as_meant(count.newest, zones.get((count.table, count.clock))),
                "newest_until": as_meant(count.newest_until, zones.get((count.table, count.clock))),
            }
        )
        for count in answer.counted
    )
    return answer.model_copy(update={"counted": counted})
