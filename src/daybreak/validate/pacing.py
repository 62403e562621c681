"""Choose what is read in a limited time, from how fast this clone reads.

The law: the rate is measured where the reading will be; where nothing is large enough to measure, all is small.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from time import monotonic

from daybreak.errors import DaybreakError
from daybreak.judge.rows.choosing import Candidate, Choice, Risk, choose
from daybreak.judge.rows.counts import wishes
from daybreak.model.answers import Table, Tables
from daybreak.model.baseline import DatabaseBaseline
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import LAST, PAGE, Chunk, Scan, read, see_every_row
from daybreak.validate.visit import Visit

MEASURED = 64 * 1024 * 1024
"""How many bytes are read to learn how fast the clone reads."""

_LONGEST = timedelta(seconds=10)
_ASSUMED = 50e6
"""Bytes a second where there is no table to measure with."""


def choose_tables(visits: Iterable[Visit]) -> Choice | None:
    """What is left out of the databases, to end in time; ``None`` where there is time for all, and no limit."""
    every = list(visits)
    within = every[0].subject.action.thoroughness.within if every else None
    if within is None:
        return None
    candidates = [candidate for visit in every for candidate in _candidates(visit)]
    rate = measure_rate(every)
    left = every[0].left or timedelta(0)
    return choose(candidates, rate, left, every[0].subject.action.thoroughness.depth, within)


def measure_rate(visits: Iterable[Visit]) -> float:
    """How many bytes a second one session reads of the largest table; an assumption where none can be read."""
    found = [
        (table, visit.place)
        for visit in visits
        if visit.place is not None and isinstance(visit.tables, Tables)
        for table in visit.tables.tables
        if table.is_counted
    ]
    table, place = max(found, key=lambda pair: pair[0].size, default=(None, None))
    if table is None or place is None or table.size < PAGE:
        return _ASSUMED
    size = min(table.size, MEASURED)
    took = _time_to_read(table, place, size)
    return size / took if took else _ASSUMED


def _time_to_read(table: Table, place: Reach, size: int) -> float:
    """Seconds for the first ``size`` bytes of a table; 0 where they could not be read."""
    chunk = Chunk(Scan(table, "", LAST), size, end=-(-size // PAGE))
    try:
        with place.session(ServerBounds(whole=_LONGEST).limits()) as session:
            see_every_row(session)
            session.begin()
            began = monotonic()
            read(session, chunk)
            return monotonic() - began
    except DaybreakError:
        return 0.0


def _candidates(visit: Visit) -> Iterator[Candidate]:
    if not isinstance(visit.tables, Tables):
        return
    expected = wishes(visit.tables, visit.subject.action.tables)
    kept = visit.baseline
    was = {each.name: each.size for each in kept.tables} if isinstance(kept, DatabaseBaseline) else {}
    for table in visit.tables.tables:
        if table.is_counted:
            is_short = table.size < was.get(table.full, 0)
            risk = Risk.EXPECTED if table.oid in expected else Risk.SHORT if is_short else Risk.OTHER
            yield Candidate(visit.database, table.oid, table.full, table.size, risk)
