"""What a restore from an export of RDS needs to know beside its receiver: its files, and how they go into the receiver's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from daybreak.errors import Refused
from daybreak.execute.parquet_rows import LoadPlan, ParquetOrder, plan_load
from daybreak.model.exports import StoredObject
from daybreak.model.exports_seen import ExportSeen, FilesSeen, TableOffered
from daybreak.model.names import printable
from daybreak.model.requests import ExportRequest
from daybreak.observe.exported_tables import ExportedTables, pick_files
from daybreak.plan.export import receiver_names
from daybreak.postgres.piecewise import tables_to_expect, target_columns
from daybreak.postgres.session import Session

_MOST_LOOKED_AT = 500
"""Files of one table whose descriptions are read to choose ranges of them; of more files all is fetched."""


def with_files(
    request: ExportRequest,
    seen: ExportSeen,
    exported: ExportedTables,
    ask: Callable[[], AbstractContextManager[Session]],
) -> ExportSeen:
    """What was seen, with the files that are fetched, and what speaks against them.

    ``ask`` opens a session at the receiver, which says how its tables are made; raises ``DaybreakError`` where it does not answer.
    """
    if exported.why_not or seen.receiver is None:
        return seen
    reasons: list[str] = []
    remarks: list[str] = []
    picked: list[tuple[StoredObject, tuple[tuple[int, int], ...] | None]] = []
    names: list[dict[str, str]] = []
    into = receiver_names(request, tuple(each for each, _ in exported.tables))
    with ask() as session:
        expected = tables_to_expect(session)
        lacks = exported.lacks(expected)
        reasons += exported.doubles(expected)
        for (offered, files), place in zip(exported.tables, into, strict=True):
            there = seen.receiver.table(place)
            if there is None or there.kind != "table":
                continue  # the planner says so
            try:
                ranges, words = _look(exported, files, place, request, session)
            except Refused as error:
                reasons += error.reasons or (error.message,)
                continue
            remarks += (f"{printable('.'.join(offered.table))}: {each}" for each in words)
            first = len(picked) + 1
            picked += zip(files, ranges, strict=True)
            names.append({f"data-{first + at:04}": each.key for at, each in enumerate(files)})
    if reasons or len(names) < len(exported.tables) or not picked:
        return seen.model_copy(update={"why_not": (*seen.why_not, *reasons)})
    found = FilesSeen(files=tuple(names), remarks=tuple(remarks), lacks=lacks)
    return seen.model_copy(update={"picking": pick_files(picked), "files": found})


def _look(
    exported: ExportedTables,
    files: tuple[StoredObject, ...],
    place: tuple[str, str],
    request: ExportRequest,
    session: Session,
) -> tuple[list[tuple[tuple[int, int], ...] | None], tuple[str, ...]]:
    """What is fetched of each file, and what is to be said of their columns; raises ``Refused`` where they do not fit the table."""
    is_chosen = bool(request.where) and len(files) <= _MOST_LOOKED_AT
    looked_at = files if is_chosen else files[:1]
    sources = [exported.source(each) for each in looked_at]
    order = ParquetOrder(place, sources, Path(), request.where)  # nothing is loaded, so nothing is rejected
    plan = plan_load(order, target_columns(session, place))
    words = plan.matching.remarks + ((plan.way,) if plan.way else ())
    if not is_chosen:
        return [None] * len(files), words
    return list(_ranges(plan, files)), words


def _ranges(plan: LoadPlan, files: tuple[StoredObject, ...]) -> Iterator[tuple[tuple[int, int], ...]]:
    for stored, wanted, each in zip(files, plan.ranges_wanted(), plan.files, strict=True):
        end = stored.bytes - each.file.description_bytes
        yield (
            *((start, start + length) for start, length in wanted if length),
            (end, stored.bytes),
        )


def tables_offered(exported: ExportedTables) -> tuple[TableOffered, ...]:
    """The tables of which there are files."""
    return tuple(each for each, _ in exported.tables)
