"""What a Parquet file says of its row groups, read without pyarrow. Pure.

The law: pyarrow ends the whole process where it is asked for the figures of a description that is damaged, so it is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from daybreak.archive.parquet import ThriftScan

_STOP = 0
_NUMBERS = (4, 5, 6)
_LIST, _STRUCT = 9, 12
_FIRST = 4
"""The first place that a page may have: the magic bytes stand before it, and 0 stands for none."""
_END = 8
"""Bytes after the description: its length, and the magic bytes."""


@dataclass(slots=True)
class ChunkDescription:
    """One column of a row group."""

    data: int = -1
    """Where its first page of data stands."""
    dictionary: int = 0
    """Where its dictionary stands; 0 where it has none."""
    packed: int = -1
    """The bytes of all its pages."""
    nulls: int | None = None
    least: bytes | None = None
    most: bytes | None = None

    @property
    def start(self) -> int:
        """Where its first page stands."""
        return min((place for place in (self.data, self.dictionary) if place >= _FIRST), default=-1)


@dataclass(frozen=True, slots=True)
class GroupDescription:
    """A row group."""

    rows: int
    chunks: tuple[ChunkDescription, ...]


def describe_groups(name: str, footer: bytes) -> tuple[GroupDescription, ...]:
    """The row groups of a description with its end; raises ``UnreadableArchive`` where it cannot be read."""
    scan = ThriftScan(name, footer[:-_END])
    found: tuple[GroupDescription, ...] = ()
    for field, kind in _fields(scan):
        if field == 4 and kind == _LIST:
            found = tuple(_group(scan) for _ in _structures(scan))
        else:
            scan.skip(kind)
    return found


def _fields(scan: ThriftScan) -> Iterator[tuple[int, int]]:
    """The fields of a structure, each to be read or passed before the next."""
    field = 0
    while (head := scan.byte()) & 15 != _STOP:
        field = scan.field(head, field)
        yield field, head & 15


def _structures(scan: ThriftScan) -> range:
    count, kind = scan.members()
    if kind != _STRUCT and count:
        raise scan.fail(f"a list of structures has members of kind {kind}")
    return range(count)


def _group(scan: ThriftScan) -> GroupDescription:
    rows = -1
    chunks: tuple[ChunkDescription, ...] = ()
    for field, kind in _fields(scan):
        if field == 1 and kind == _LIST:
            chunks = tuple(_chunk(scan) for _ in _structures(scan))
        elif field == 3 and kind in _NUMBERS:
            rows = scan.number()
        else:
            scan.skip(kind)
    if rows < 0:
        raise scan.fail(f"a row group would have {rows} rows")
    return GroupDescription(rows, chunks)


def _chunk(scan: ThriftScan) -> ChunkDescription:
    found = ChunkDescription()
    for field, kind in _fields(scan):
        if field == 3 and kind == _STRUCT:
            _fill(found, scan)
        elif field in (1, 8, 9):
            raise scan.fail("a column is in another file, or encrypted")
        else:
            scan.skip(kind)
    if found.data < 0 or found.packed < 0:
        raise scan.fail("it does not say where a column stands")
    return found


def _fill(chunk: ChunkDescription, scan: ThriftScan) -> None:
    for field, kind in _fields(scan):
        match field, kind:
            case 7, 6:
                chunk.packed = scan.number()
            case 9, 6:
                chunk.data = scan.number()
            case 11, 6:
                chunk.dictionary = scan.number()
            case 12, 12:
                _fill_figures(chunk, scan)
            case _:
                scan.skip(kind)


def _fill_figures(chunk: ChunkDescription, scan: ThriftScan) -> None:
    # The fields 1 and 2 are an older form, in an order that nobody wrote down.
    for field, kind in _fields(scan):
        match field, kind:
            case 3, 6:
                chunk.nulls = scan.number()
            case 5, 8:
                chunk.most = scan.content()
            case 6, 8:
                chunk.least = scan.content()
            case _:
                scan.skip(kind)
