"""How large the pages of a file become when they are unpacked, read from their own headers before any of them is. Pure.

The law: what a file says of itself at its end is not believed where memory depends on it. A reader makes room for a page by the
page's own header, so that header is looked at first.
"""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.archive.damage import UnreadableArchive, unreadable_at
from daybreak.archive.parquet import ThriftScan
from daybreak.archive.sources import ByteSource

MOST_PAGES = 200_000
"""Pages of one column chunk that are looked at; RDS's have some hundred."""
_HEAD = 512
_LONGEST_HEAD = 8 << 20
"""A header may hold the least and the most value of its page, which may be long."""
_STOP = 0
_DICTIONARY = 2
"""The kind of a page that holds a dictionary."""
_COUNTERS = (5, 7, 8)
"""The fields that describe a page of its kind; the first field of each is its number of values."""
_INT, _STRUCT = 5, 12


@dataclass(frozen=True, slots=True)
class ChunkLook:
    """The pages of one column in one row group."""

    largest: int = 0
    """The bytes of the largest page, unpacked."""
    dictionary: int = 0
    """The bytes of its dictionary, unpacked; 0 where it has none."""
    densest: float = 0.0
    """The most bytes that a value takes, as the average of its page."""
    repeated: float = 0.0
    """The bytes of a value of the dictionary, on the average."""
    values: int = 0
    """The values of all its pages, nulls among them."""


@dataclass(slots=True)
class _Page:
    kind: int = -1
    unpacked: int = -1
    packed: int = -1
    values: int = 0


def look_at_chunk(source: ByteSource, start: int, length: int) -> ChunkLook:
    """The sizes of the pages that stand there; raises ``UnreadableArchive`` where they are not what they should be."""
    position, end = start, start + length
    if length == 0:
        return ChunkLook()
    if start < 0 or length < 0 or end > source.size:
        raise unreadable_at(source.name, max(start, 0), f"a column would take {length:,} bytes, beyond its end")
    largest, dictionary, densest, repeated, pages, values = 0, 0, 0.0, 0.0, 0, 0
    while position < end:
        pages += 1
        if pages > MOST_PAGES:
            raise unreadable_at(source.name, position, f"a column has more than {MOST_PAGES:,} pages in one row group")
        page, head = _header(source, position, end)
        if page.unpacked < 0 or not 0 <= page.packed <= end - position - head:
            raise unreadable_at(
                source.name, position, f"a page would be {page.packed:,} bytes long, and {page.unpacked:,} unpacked"
            )
        largest = max(largest, page.unpacked)
        if page.kind == _DICTIONARY:
            dictionary = max(dictionary, page.unpacked)
            repeated = page.unpacked / page.values if page.values > 0 else 0.0
        elif page.values > 0:
            densest = max(densest, page.unpacked / page.values)
            values += page.values
        position += head + page.packed
    return ChunkLook(largest, dictionary, densest, repeated, values)


def _header(source: ByteSource, position: int, end: int) -> tuple[_Page, int]:
    length = _HEAD
    while True:
        window = read_exactly(source, position, min(length, end - position))
        scan = ThriftScan(source.name, window, position, "the head of a page")
        try:
            return _page(scan), scan.passed
        except UnreadableArchive:
            if length >= min(end - position, _LONGEST_HEAD):
                raise
            length *= 16


def _page(scan: ThriftScan) -> _Page:
    page, field = _Page(), 0
    while (head := scan.byte()) & 15 != _STOP:
        field = scan.field(head, field)
        kind = head & 15
        if kind == _INT and field in (1, 2, 3):
            value = scan.number()
            match field:
                case 1:
                    page.kind = value
                case 2:
                    page.unpacked = value
                case _:
                    page.packed = value
        elif kind == _STRUCT and field in _COUNTERS:
            page.values = _first_number(scan)
        else:
            scan.skip(kind)
    return page


def _first_number(scan: ThriftScan) -> int:
    """The number in the first field of a structure, which is passed."""
    found, field = 0, 0
    while (head := scan.byte()) & 15 != _STOP:
        field = scan.field(head, field)
        if field == 1 and head & 15 == _INT:
            found = scan.number()
        else:
            scan.skip(head & 15)
    return found


def read_exactly(source: ByteSource, start: int, length: int) -> bytes:
    """The bytes of a range; raises ``UnreadableArchive`` where the source ends within it."""
    parts, have = [], 0
    while have < length:
        part = source.read(start + have, length - have)
        if not part:
            raise unreadable_at(source.name, start + have, f"it ends {length - have:,} bytes too early")
        parts.append(part)
        have += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
