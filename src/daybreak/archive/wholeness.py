"""Whether an export is complete, as far as its ends and its own lists show it without reading all of it. Pure.

The law: *ends well* says what was seen and no more, and its words name that. A dump that went through a pipe shows nothing of
the kind, and is *unknown* unless its last bytes are wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from daybreak.archive.blocks import blocks_of, ends_with_a_block, lacks_offsets
from daybreak.archive.contents import Contents
from daybreak.archive.damage import UnreadableArchive
from daybreak.archive.layout import Pile
from daybreak.archive.script import TAIL, is_end_of_script
from daybreak.archive.snapshot_export import COMPLETE, ExportInfo, TableFiles, TableStatus
from daybreak.archive.sources import ByteSource
from daybreak.archive.tape import HEAD
from daybreak.model.exports import Whole
from daybreak.model.names import comma_list, printable

Wholeness = tuple[Whole, str]
"""The word, and what it rests on."""


def wholeness_of_custom(contents: Contents, source: ByteSource) -> Wholeness:
    """Of a custom archive: its offsets, and its last bytes."""
    try:
        blocks_of(contents, source.name, source.size)
    except UnreadableArchive as error:
        return "torn", error.message
    if not ends_with_a_block(contents, source):
        return "torn", "its last bytes are not those that end an archive: the rest is missing"
    if lacks_offsets(contents):
        return (
            "unknown",
            "it went through a pipe, or was never finished: only reading it whole shows whether all is there",
        )
    return "ends-well", "every offset is written, which pg_dump does last, and its last bytes end a block"


def wholeness_of_directory(contents: Contents, pile: Pile) -> Wholeness:
    """Of a directory: the files that its table of contents names, of which the listing has each or not."""
    named = [entry.file for entry in contents.entries if entry.file]
    there = pile.files()
    missing = [f'"{printable(name)}"' for name in named if name not in there]
    if missing:
        return "torn", f"files are missing that its table of contents names: {comma_list(missing)}"
    return "ends-well", f"its table of contents, which pg_dump writes last, names {len(named)} files, and each is there"


def wholeness_of_tar(source: ByteSource) -> Wholeness:
    """Of a tar: the two empty blocks at its end."""
    tail = source.read(max(0, source.size - 2 * HEAD), 2 * HEAD)
    if len(tail) < 2 * HEAD or any(tail):
        return "torn", "it does not end with the two empty blocks that end a tar"
    return "ends-well", "it ends with the two empty blocks that end a tar"


def wholeness_of_script(source: ByteSource) -> Wholeness:
    """Of a script that is not packed: the last line that pg_dump writes."""
    if is_end_of_script(source.read(max(0, source.size - TAIL), TAIL)):
        return "ends-well", "it ends with the line that pg_dump writes last"
    return "torn", "the line is missing that pg_dump writes last"


def wholeness_of_export(
    info: ExportInfo, tables: Iterable[TableStatus], files: Collection[TableFiles], *, has_lists: bool
) -> Wholeness:
    """Of an RDS export: RDS's own words, and whether each table that it lists has files."""
    statuses = tuple(tables)
    if info.status and info.status != COMPLETE:
        return "torn", f"RDS says of it {printable(info.status)}"
    undone = [
        f'"{printable(each.target)}" ({printable(each.status)})'
        for each in statuses
        if each.status not in ("", COMPLETE)
    ]
    if undone:
        return "torn", f"RDS did not export all of it: {comma_list(undone)}"
    there = {each.target for each in files if any(file.bytes for file in each.files)}
    bare = [f'"{printable(each.target)}"' for each in statuses if each.target not in there]
    if bare:
        return (
            "unknown",
            f"these tables have no file with anything in it, which an empty one may have not: {comma_list(bare)}",
        )
    if not info.status or not has_lists:
        lacking = "what became of it" if not info.status else "its tables"
        return "unknown", f"the export does not say {lacking}"
    return "ends-well", "RDS says that it and each of its tables are complete, and each table has files"
