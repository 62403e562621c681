"""The tables of an export with their sizes, before anything of them is read. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from daybreak.archive.choosing import ArchiveChoice
from daybreak.archive.contents import ArchiveEntry, Contents
from daybreak.archive.header import readable
from daybreak.archive.snapshot_export import COMPLETE, TableFiles, TableStatus
from daybreak.model.exports import ChoiceShown, EntryShown, ExportedTable

_ROWS = "TABLE DATA"

SizeOf = Callable[[ArchiveEntry], int | None]
"""The bytes of an entry's data; ``None`` where that is not known."""


def number_of_tables(contents: Contents) -> int:
    """How many tables an archive defines, partitions included."""
    return sum(1 for entry in contents.entries if entry.kind == "TABLE")


def tables_of(contents: Contents, size_of: SizeOf) -> tuple[ExportedTable, ...]:
    """The tables of an archive in its order; rows without a definition, as of a dump of data alone, are a table too."""
    rows = {_key(entry): entry for entry in contents.entries if entry.kind == _ROWS}
    found = [_table(entry, rows.pop(_key(entry), None), size_of) for entry in contents.entries if entry.kind == "TABLE"]
    return (*found, *(_table(entry, entry, size_of, "its definition is not in the archive") for entry in rows.values()))


def _key(entry: ArchiveEntry) -> tuple[str, str]:
    return entry.schema, entry.name


def _table(entry: ArchiveEntry, rows: ArchiveEntry | None, size_of: SizeOf, note: str = "") -> ExportedTable:
    if rows is None or not rows.has_data or rows.state == "no data":
        partitioned = "it is partitioned: its rows are in its partitions" if entry.relkind == "p" else ""
        note = partitioned or "no rows of it are in the archive"
        return _row(entry, 0, note)
    return _row(entry, size_of(rows), note)


def _row(entry: ArchiveEntry, size: int | None, note: str) -> ExportedTable:
    return ExportedTable(schema_name=readable(entry.schema), name=readable(entry.name), bytes=size, note=note)


def tables_of_export(
    files: Iterable[TableFiles], statuses: Iterable[TableStatus], rows: Mapping[str, int | None]
) -> Iterator[ExportedTable]:
    """The tables of an RDS export: those that have files, and those that it lists without any."""
    listed = {each.target: each.status for each in statuses}
    for each in files:
        status = listed.pop(each.target, None)
        yield ExportedTable(
            schema_name=each.database,
            name=each.table,
            bytes=sum(file.bytes for file in each.files),
            rows=rows.get(each.target),
            note="" if status in ("", COMPLETE, None) else f"RDS says of it {status}",
        )
    for target, status in listed.items():
        database, _, table = target.partition(".")
        note = "no file of it is there" + ("" if status in ("", COMPLETE) else f", and RDS says of it {status}")
        yield ExportedTable(schema_name=database, name=table, bytes=0, note=note)


def choice_shown(choice: ArchiveChoice, size_of: SizeOf) -> ChoiceShown:
    """A choice as it is shown: what comes, what stays and why, and how many bytes the wanted rows take."""
    sizes = [size_of(entry) for entry in choice.belonging if entry.kind == _ROWS]
    known = [size for size in sizes if size is not None]
    return ChoiceShown(
        wanted=_entries(choice.wanted),
        needed=_entries(choice.needed),
        belonging=_entries(choice.belonging),
        without_rows=_entries(choice.without_rows),
        left_out=tuple(
            EntryShown(kind=readable(each.entry.kind), name=each.entry.full_name, why=each.words)
            for each in choice.left_out
        ),
        unrelated={readable(kind): number for kind, number in choice.unrelated.items()},
        bytes=sum(known) if len(known) == len(sizes) else None,
    )


def _entries(entries: Iterable[ArchiveEntry]) -> tuple[EntryShown, ...]:
    return tuple(EntryShown(kind=readable(entry.kind), name=entry.full_name) for entry in entries)
