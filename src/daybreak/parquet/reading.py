"""A Parquet file, read row group by row group from any source of ranges, so that memory stays flat whatever its size.

The law: nothing is unpacked before its size is known from its own head, rows are counted as they are read, and whatever is torn
or lies ends in ``UnreadableArchive`` that names the file. The pages' heads are looked at one by one, so the source should be a file
of this machine: it may be sparse, with ``ranges_wanted`` of it fetched.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from daybreak.archive.damage import BeyondReach, UnreadableArchive, unreadable_at
from daybreak.archive.parquet import TAIL, footer_length, rows_in
from daybreak.archive.sources import ByteSource
from daybreak.errors import DaybreakError
from daybreak.model.names import printable
from daybreak.parquet.columns import NESTED, Assigned, FileColumn, FileKind
from daybreak.parquet.condition import GroupExtent, RowCondition, may_hold, questions_of
from daybreak.parquet.description import describe_groups
from daybreak.parquet.encoding import BLOCK, RowBlock, blocks_of
from daybreak.parquet.masks import mask_of
from daybreak.parquet.pages import look_at_chunk, read_exactly

MOST_UNPACKED = 256 << 20
"""The bytes that the largest pages of all columns of a row group may take together."""
_MOST_ROWS = 1 << 14
_MOST_REPEATED = 16 << 20
"""The bytes that a batch may take, if every row held the longest value of each dictionary."""
_BUFFERS = 4 << 20
"""The bytes that are read ahead for all columns together; of one column not more and not less than so many:"""
_MOST_BUFFER = 256 << 10
_LEAST_BUFFER = 16 << 10
_LONGEST_TEXT = 16 << 20
_MOST_MEMBERS = 4_000_000
"""Limits of what the file's description may hold."""

# It gives back what it no longer needs; the usual one keeps it, for each thread by itself.
pa.set_memory_pool(pa.system_memory_pool())


class _Handle(io.RawIOBase):
    """A source as a file of Python's."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(self._source.size - self._at, 0)
        found = read_exactly(self._source, self._at, left if size is None or size < 0 else min(size, left))
        self._at += len(found)
        return found


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A part of a file whose columns can be read without the others."""

    number: int
    first: int
    """The number of its first row in the file, from 0 on."""
    rows: int
    """Its rows, as the file says."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some rows that were read together."""

    rows: int
    wanted: int
    """How many of them the condition wants, as far as it is compared here."""
    blocks: Iterator[RowBlock]
    """Those, each block made when it is asked for."""


class RowFile:
    """An open file, of which nothing but its description was read."""

    def __init__(self, source: ByteSource) -> None:
        """Raises ``UnreadableArchive`` where it is no whole Parquet file, or not one that can be read here."""
        self._source = source
        tail = read_exactly(source, max(0, source.size - TAIL), min(source.size, TAIL))
        length = footer_length(source.name, tail, source.size)
        self.description_bytes = length
        """How long the file's description is, at its end."""
        footer = tail[-length:] if length <= len(tail) else read_exactly(source, source.size - length, length)
        self._described = describe_groups(source.name, footer)
        self.groups = tuple(self._groups())
        self.rows = sum(group.rows for group in self.groups)
        """Its rows, as it says itself."""
        if self.rows != (said := rows_in(source.name, footer)):
            why = f"it says that it has {said:,} rows, and its row groups have {self.rows:,}"
            raise unreadable_at(source.name, source.size, why)
        with self._in_our_words("its description"):
            self._metadata = self._open().metadata
            self.columns: tuple[FileColumn, ...] = tuple(_columns(self._metadata.schema))
        if any(len(each.chunks) != len(self.columns) for each in self._described):
            raise unreadable_at(
                source.name, source.size, f"a row group has not the {len(self.columns):,} columns of the file"
            )

    @property
    def name(self) -> str:
        """What errors call it."""
        return self._source.name

    def _open(self, **options: Any) -> Any:
        return pq.ParquetFile(
            pa.PythonFile(_Handle(self._source), mode="r"),
            thrift_string_size_limit=_LONGEST_TEXT,
            thrift_container_size_limit=_MOST_MEMBERS,
            page_checksum_verification=True,
            pre_buffer=False,
            arrow_extensions_enabled=False,
            **options,
        )

    def _groups(self) -> Iterator[RowGroup]:
        first = 0
        for number, group in enumerate(self._described):
            yield RowGroup(number, first, group.rows)
            first += group.rows

    def groups_wanted(self, wanted: RowCondition | None) -> tuple[RowGroup, ...]:
        """Those that may have a row that is wanted; ``wanted`` is what is compared here."""
        if wanted is None:
            return self.groups
        asked = sorted({each.column for each in questions_of(wanted)})
        return tuple(
            group for group in self.groups if may_hold(wanted, {name: self._extent(group, name) for name in asked})
        )

    def ranges_wanted(self, groups: Sequence[RowGroup], names: Sequence[str]) -> tuple[tuple[int, int], ...]:
        """What has to be fetched for these columns of these groups, as places and lengths, beside the file's end."""
        return tuple(self._range(group, self._index(name)) for group in groups for name in names)

    def blocks(self, group: RowGroup, assigned: Sequence[Assigned], wanted: RowCondition | None) -> Iterator[RowBatch]:
        """The rows of a group, batch by batch.

        Raises ``UnreadableArchive`` where the group cannot be read, or has other rows than the file says.
        """
        names = [each.source.name for each in assigned]
        what = f"row group {group.number + 1}"
        rows = self._rows_at_once(group, names)
        if not group.rows:
            return
        read = 0
        with self._in_our_words(what):
            file = self._open(
                metadata=self._metadata, buffer_size=max(_LEAST_BUFFER, min(_MOST_BUFFER, _BUFFERS // len(names)))
            )
            batches = file.iter_batches(rows, row_groups=[group.number], columns=names, use_threads=False)
            while (batch := next(batches, None)) is not None:
                places = pa.arange(group.first + read, group.first + read + batch.num_rows)
                read += batch.num_rows
                found = batch.num_rows
                if wanted is not None:
                    mask = mask_of(wanted, batch)
                    batch, places = batch.filter(mask), places.filter(mask)
                yield RowBatch(found, batch.num_rows, blocks_of(self.name, batch, places, assigned))
        if read != group.rows:
            raise unreadable_at(self.name, 0, f"{what} has {read:,} rows, and its description says {group.rows:,}")

    def _rows_at_once(self, group: RowGroup, names: Sequence[str]) -> int:
        """How many rows of a group are read at once, by the heads of its pages; raises ``BeyondReach`` where even one takes too much memory."""
        looks = {name: look_at_chunk(self._source, *self._range(group, self._index(name))) for name in names}
        for name, look in looks.items():
            if look.values != group.rows:
                why = f"row group {group.number + 1} would have {group.rows:,} rows, and its column {printable(name)} has {look.values:,}"
                raise unreadable_at(self.name, self._range(group, self._index(name))[0], why)
        at_once = sum(look.largest + look.dictionary for look in looks.values())
        if at_once > MOST_UNPACKED:
            raise BeyondReach(
                f'"{printable(self.name, 400)}" cannot be read: the largest pages of row group {group.number + 1} would take '
                f"{at_once:,} bytes unpacked, and {MOST_UNPACKED:,} are the most that are read here"
            )
        density = sum(look.densest + look.repeated for look in looks.values())
        rows = max(1, min(int(BLOCK / density) if density else _MOST_ROWS, _MOST_ROWS))
        # A value of the dictionary may be that of every row.
        longest = sum(
            self._longest(group, name, look.dictionary)
            for name, look in looks.items()
            if look.dictionary * rows > _MOST_REPEATED and self._is_bytes(name)
        )
        return max(1, min(rows, _MOST_REPEATED // longest)) if longest else rows

    def _longest(self, group: RowGroup, name: str, most: int) -> int:
        """The bytes of the longest value of a column's dictionary, which is unpacked for that; ``most`` where it cannot be had alone."""
        with self._in_our_words(f"row group {group.number + 1}"):
            file = self._open(metadata=self._metadata, read_dictionary=[name], buffer_size=_MOST_BUFFER)
            batch = next(file.iter_batches(1, row_groups=[group.number], columns=[name], use_threads=False), None)
            if batch is None or not pa.types.is_dictionary(batch.column(0).type) or not len(batch.column(0).dictionary):
                return most
            return int(pc.max(pc.binary_length(batch.column(0).dictionary)).as_py() or 0)

    def _index(self, name: str) -> int:
        return next(index for index, column in enumerate(self.columns) if column.name == name)

    def _is_bytes(self, name: str) -> bool:
        return bool(self._metadata.schema.column(self._index(name)).physical_type == "BYTE_ARRAY")

    def _range(self, group: RowGroup, index: int) -> tuple[int, int]:
        """Where the pages of a column stand."""
        chunk = self._described[group.number].chunks[index]
        return chunk.start, chunk.packed

    def _extent(self, group: RowGroup, name: str) -> GroupExtent:
        index = self._index(name)
        chunk = self._described[group.number].chunks[index]
        least, most = (_bound(self.columns[index], each) for each in (chunk.least, chunk.most))
        return GroupExtent(group.rows, chunk.nulls, least, most)

    @contextmanager
    def _in_our_words(self, what: str) -> Iterator[None]:
        try:
            yield
        except DaybreakError:
            raise
        except MemoryError as error:
            raise BeyondReach(f'"{printable(self.name, 400)}" cannot be read: {what} needs too much memory') from error
        except (pa.ArrowException, OSError, ValueError, OverflowError, KeyError) as error:
            said = printable(str(error).strip().split("\n")[0], 200) or type(error).__name__
            raise UnreadableArchive(f'"{printable(self.name, 400)}" cannot be read: {what}: {said}') from error


def _bound(column: FileColumn, content: bytes | None) -> int | bool | str | None:
    """A value that stands in the figures of a row group, where its kind is compared here."""
    match column.kind:
        case "integer" if content is not None and len(content) in (4, 8):
            return int.from_bytes(content, "little", signed=True)
        case "boolean" if content in (b"\0", b"\1"):
            return content == b"\1"
        case "text" if content is not None:
            with suppress(UnicodeDecodeError):
                return content.decode()
    return None


def _columns(schema: Any) -> Iterator[FileColumn]:
    for index in range(len(schema)):
        column = schema.column(index)
        logical = json.loads(column.logical_type.to_json())
        words = column.physical_type + ("" if logical["Type"] == "None" else f" ({logical['Type']})")
        is_nested = column.path != column.name or column.max_repetition_level or column.max_definition_level > 1
        kind: FileKind = "other" if is_nested else _kind(column.physical_type, logical)
        yield FileColumn(column.path, kind, NESTED if is_nested else words)


def _kind(physical: str, logical: dict[str, Any]) -> FileKind:
    match physical, logical["Type"]:
        case (("INT32" | "INT64"), "None"):
            return "integer"
        case (("INT32" | "INT64"), "Int") if logical["isSigned"]:
            return "integer"
        case "BOOLEAN", "None":
            return "boolean"
        case "FLOAT", "None":
            return "float4"
        case "DOUBLE", "None":
            return "float8"
        case "BYTE_ARRAY", "String":
            return "text"
        case "BYTE_ARRAY", "None":
            return "binary"
        case _, "Decimal":
            return "decimal"
        case "INT32", "Date":
            return "date"
        case "INT64", "Timestamp" if logical["timeUnit"] != "nanoseconds":
            return "timestamptz" if logical["isAdjustedToUTC"] else "timestamp"
        case _:
            return "other"
