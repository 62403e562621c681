"""Count every table: a few sessions share one snapshot and take the largest table first, a dominant one in parts.

The law: a table that cannot be counted is named with its reason and spoils no other. The whole count ends within its limit
plus two seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from daybreak.errors import DaybreakError, Failed
from daybreak.model.answers import Count, Counts, Silence, Unread
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.crew import CountProgress, Crew, Job, JobTrouble
from daybreak.postgres.fingerprints import columns_to_hash
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import (
    SPLITS_SINCE,
    Chunk,
    Columns,
    Part,
    Scan,
    YoungIds,
    as_count,
    chunks,
    clock_and_encoding,
    export_snapshot,
    file_now,
    files_of,
    next_xid,
    read,
    snapshot_end,
)
from daybreak.postgres.session import Limits, Session, open_session
from daybreak.validate.probes import ask_in_session

__all__ = ["CountProgress", "ask_next_xid", "count_by", "count_rows"]

SMALLEST_CHUNK = 32 * 1024 * 1024
"""A table smaller than this is read in one go, in bytes."""

CHUNKS_EACH = 8
"""The least number of parts in a connection's share of all bytes, so that the others wait little for the slowest."""


def count_rows(
    place: Reach, scans: Sequence[Scan], budget: ServerBounds, progress: Callable[[CountProgress], None]
) -> Counts | Silence:
    """Count the rows of every table of ``scans`` and find its newest time, all as of one instant.

    Calls ``progress`` on the caller's thread after each table, and after each part of a large one.
    """
    asked = f"SELECT count(*) of each table at {place.address}"
    return ask_in_session(
        place, budget.limits(), asked, lambda leader: count_by(leader, place, scans, budget, progress)
    )


def ask_next_xid(place: Reach, limit: timedelta) -> int | None:
    """Ask for the number of the next transaction; ``None`` when one is under way, or nothing answers."""
    try:
        with open_session(
            place.address, place.login, Limits(connect=limit, statement=limit, lock=limit, whole=limit)
        ) as session:
            return next_xid(session)
    except DaybreakError:
        return None


def count_by(
    leader: Session,
    place: Reach,
    scans: Sequence[Scan],
    budget: ServerBounds,
    progress: Callable[[CountProgress], None],
) -> Counts:
    """Do the same in the snapshot of the session ``leader``: begin its transaction and leave it open."""
    columns = columns_to_hash(leader, [scan.table for scan in scans if scan.is_fingerprinted])
    leader.begin()
    # Ask the leader everything now: its connection may be dead when the others are done.
    snapshot, xid = export_snapshot(leader), next_xid(leader)
    taken, letters = clock_and_encoding(leader)
    tally = _Tally(progress, sum(scan.table.size for scan in scans))
    is_dated = any(scan.birth is not None or scan.since is not None for scan in scans)
    end = snapshot_end(leader) if is_dated else 0
    files = files_of(leader, [scan.table for scan in scans])
    jobs = list(_jobs(tally.expect(_parts(scans, columns, budget.connections, leader.major, end)), files))
    crew = Crew(place, budget.limits(), snapshot, jobs, leader=leader)
    crew.work(min(budget.connections, len(jobs)), tally.note)
    seen = {count.table for count in tally.counted} | set(tally.unread)
    untouched = tuple(
        Unread(table=scan.table.oid, name=scan.table.full, why=crew.trouble or "no connection was left")
        for scan in scans
        if scan.table.oid not in seen
    )
    return Counts(
        asked=f"SELECT count(*) of each table at {place.address}",
        took=timedelta(0),
        counted=tuple(tally.counted),
        unread=(*tally.unread.values(), *untouched),
        next_xid=xid,
        taken=taken,
        server_version=leader.server_version,
        encoding=letters,
    )


def _parts(
    scans: Sequence[Scan], columns: dict[int, Columns], connections: int, major: int, end: int
) -> Iterator[list[Chunk]]:
    """Each table whole, or in parts where one connection would still read it when the others are done."""
    total = sum(scan.table.size for scan in scans)
    share = max(total // (max(connections, 1) * CHUNKS_EACH), SMALLEST_CHUNK)
    for scan in scans:
        most = share if major >= SPLITS_SINCE else scan.table.size
        young, later = (
            None if first is None or major < SPLITS_SINCE else YoungIds(first, end)
            for first in (scan.birth, scan.since)
        )
        made = chunks(scan, columns.get(scan.table.oid), max(most, 1), young)
        yield [replace(chunk, later=later) for chunk in made]


def _jobs(parts: Iterator[list[Chunk]], files: Mapping[int, int]) -> Iterator[Job[Part]]:
    for each in parts:
        for chunk in each:
            table = chunk.scan.table
            yield Job(table.oid, table.full, chunk.size, partial(_read_part, chunk=chunk, file=files.get(table.oid)))


def _read_part(session: Session, chunk: Chunk, file: int | None) -> Part:
    """Read a part of a table from the file that the snapshot knows; raises ``Failed`` where it lies in another by now."""
    part, (_, now) = read(session, chunk), file_now(session, chunk.scan.table)
    if file is not None and now != file:
        raise Failed("it was truncated or written anew while it was read")
    return part


@dataclass
class _Tally:
    """Puts the parts of each table together, and reports how far it is."""

    progress: Callable[[CountProgress], None]
    total: int
    done: int = 0
    counted: list[Count] = field(default_factory=list)
    unread: dict[int, Unread] = field(default_factory=dict)
    _open: dict[int, tuple[Scan, int, Part | None, timedelta]] = field(default_factory=dict)

    def expect(self, parts: Iterator[list[Chunk]]) -> Iterator[list[Chunk]]:
        """Pass the parts on, and remember how many each table has."""
        for each in parts:
            scan = each[0].scan
            self._open[scan.table.oid] = (scan, len(each), None, timedelta(0))
            yield each

    def note(self, job: Job[Part], result: Part | JobTrouble, took: timedelta) -> None:
        """Note the result of one part."""
        if isinstance(result, JobTrouble):
            self.unread.setdefault(
                job.key, Unread(table=job.key, name=job.name, why=result.why, is_damaged=result.is_damaged)
            )
        else:
            scan, left, sofar, spent = self._open[job.key]
            join = result if sofar is None else sofar.union(result, scan.ends)
            self._open[job.key] = (scan, left - 1, join, spent + took)
            if left == 1:
                self.counted.append(as_count(scan, join, spent + took))
        self.done += job.size
        self.progress(CountProgress(self.done, self.total, job.name))
