"""Where in a custom archive the data of each entry lies: from its own offset to the next one, the last to the file's end.

An archive that pg_dump wrote into a pipe has no offsets, because it could not go back to write them: it can only be read
whole. Where offsets are written they were written last, so the dump had come to its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from daybreak.archive.contents import ArchiveEntry, Contents
from daybreak.archive.damage import unreadable_at
from daybreak.archive.sources import ByteSource


@dataclass(frozen=True, slots=True)
class Block:
    """The bytes of one entry's data, as they lie in the archive."""

    entry: int
    start: int
    length: int


def lacks_offsets(contents: Contents) -> bool:
    """Whether the place of some data is not written: the archive went through a pipe, or the dump never ended."""
    return any(entry.has_data and entry.state == "not set" for entry in contents.entries)


def blocks_of(contents: Contents, name: str, size: int) -> dict[int, Block]:
    """The blocks by their entries' numbers; empty where offsets are not written, and where there is no data.

    Raises ``UnreadableArchive`` for an offset outside of what comes after the table of contents: the file is shorter than it
    was, or lies.
    """
    if lacks_offsets(contents):
        return {}
    placed = sorted(_offsets(contents.entries))
    ends = [*(start for start, _ in placed), size][1:]
    found = {}
    for (start, number), end in zip(placed, ends, strict=True):
        least = 2 + contents.header.int_size
        if start < contents.end:
            raise unreadable_at(name, start, f"the data of entry {number} would lie within the table of contents")
        if end - start < least:
            raise unreadable_at(
                name,
                start,
                f"the data of entry {number} would begin, and there is no room: the file has {size:,} bytes",
            )
        found[number] = Block(number, start, end - start)
    return found


def _offsets(entries: tuple[ArchiveEntry, ...]) -> Iterator[tuple[int, int]]:
    for entry in entries:
        if entry.offset is not None:
            yield entry.offset, entry.id


def ends_with_a_block(contents: Contents, source: ByteSource) -> bool:
    """Whether the last bytes are those that end the last block. Without data, the table of contents is the end.

    The block of a table ends with a chunk of no length, that of large objects with one and then an object without a number.
    """
    with_data = [each for each in contents.entries if each.has_data and each.state != "no data"]
    if not with_data:
        return source.size == contents.end
    last = max(with_data, key=lambda each: each.offset or 0) if not lacks_offsets(contents) else with_data[-1]
    mark = bytes((1 + contents.header.int_size) * (2 if last.kind == "BLOBS" else 1))
    if source.size < contents.end + len(mark):
        return False
    return source.read(source.size - len(mark), len(mark)) == mark
