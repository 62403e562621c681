"""Plan how tables of an export of RDS come into a living database: its files are fetched, and their rows loaded in one transaction.

The law: rows are data and run no code, so there is no scratch database; the verdict is made of them right before they are committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

import humanize

from daybreak.model.actions import (
    CarryTables,
    ClearScratch,
    FetchExport,
    FilesOfTable,
    RowFiles,
    WantedTable,
)
from daybreak.model.exports_seen import ExportSeen, FilesSeen
from daybreak.model.names import printable
from daybreak.model.pickings import Picking
from daybreak.model.plan import Estimate
from daybreak.model.requests import ExportRequest
from daybreak.plan.sequence import Sequence

_GROWTH = 500
"""How many bytes of rows a byte of Parquet may become. A column that is the same in each row takes nearly none, but a key takes about a
byte, and what is repeated beside it in rows that are read by people is shorter than this."""
_LEAST_ROWS = 256 << 20


def add_steps_for_files(
    sequence: Sequence,
    request: ExportRequest,
    export: ExportSeen,
    wanted: tuple[WantedTable, ...],
    spans: tuple[Estimate, Estimate],
) -> None:
    """Add the steps; ``spans`` say how long the bytes take to be fetched, and to be loaded."""
    receiver, files, picking = request.receiver, export.files, export.picking
    if files is None or picking is None:
        return
    fetched = sequence.add(
        "fetch",
        FetchExport(export=request.export, picking=picking),
        "the files of the wanted tables alone; each is of the version that was planned",
        spans[0],
    )
    tables = zip(export.tables, files.files, strict=True)
    carried = sequence.add(
        "carry",
        CarryTables(
            cluster=receiver.cluster,
            resource_id=receiver.resource_id,
            database=receiver.database,
            login=receiver.login,
            tables=wanted,
            where=request.where,
            files=RowFiles(
                tables=tuple(
                    FilesOfTable(table=each.table, files=names, most=_most(picking, names)) for each, names in tables
                ),
                most_rejects=request.most_rejects,
                lacks=files.lacks,
            ),
        ),
        "all tables or none: a reader never sees a part of it",
        spans[1],
        after=(fetched,),
        when_refused="fail-last",
    )
    sequence.add(
        "clear",
        ClearScratch(),
        "what was fetched is production's data, and belongs on no other disk for longer than it is needed",
        Estimate(low=timedelta(seconds=1), high=timedelta(seconds=30), evidence="a few files"),
        after_settled=(carried,),
    )


def _most(picking: Picking, names: Iterable[str]) -> int:
    """The bytes of rows that may be made of a table's files."""
    return max(_LEAST_ROWS, _GROWTH * sum(each.bytes for each in picking.pieces if each.name in names))


def notes_on_files(request: ExportRequest, export: ExportSeen, files: FilesSeen) -> Iterator[str]:
    """What a person should know of the files before saying yes."""
    if export.picking is not None:
        for table, names in zip(export.tables, files.files, strict=True):
            fetched = sum(each.bytes for each in export.picking.pieces if each.name in names)
            yield (
                f"{printable('.'.join(table.table))}: {humanize.naturalsize(fetched)} of files are fetched, of which at most "
                f"{humanize.naturalsize(_most(export.picking, names))} of rows are made; more takes everything back"
            )
    for each in files.lacks:
        kept = "nobody knows whether anything is missing" if each.kind == "no-files" else "the verdict will not be fit"
        yield f"the export lacks something of {each.table}: {each.why}; {kept}"
    yield from files.remarks
    accepted = f"up to {request.most_rejects:,} rows that" if request.most_rejects else "no row that"
    yield f"{accepted} the server refuses may stay out; one more takes everything back"
