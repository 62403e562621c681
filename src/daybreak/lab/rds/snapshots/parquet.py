"""Write a table as a Parquet file, as RDS's exports have them: one row group, each column optional, one page, packed with gzip inside.

The description at the end is in Thrift's compact protocol. Only what such a file needs is written.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MAGIC = b"PAR1"
_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12
_OPTIONAL, _UTF8, _GZIP, _PLAIN, _RLE, _DATA_PAGE = 1, 0, 2, 0, 3, 0
_LONG_LIST = 15
_BYTE = 0x80

Value = bool | int | float | bytes | str | None


@dataclass(frozen=True)
class Physical:
    """How Parquet keeps a type."""

    number: int
    is_text: bool = False


BOOLEAN, INT32, INT64, FLOAT, DOUBLE = (Physical(number) for number in (0, 1, 2, 4, 5))
BINARY, TEXT = Physical(6), Physical(6, is_text=True)

_FORMATS = {1: "<i", 2: "<q", 4: "<f", 5: "<d"}


@dataclass(frozen=True)
class Column:
    """A column and its values, of all rows."""

    name: str
    kind: Physical
    values: Sequence[Value]


def parquet_file(columns: Sequence[Column], rows: int) -> bytes:
    """The bytes of the file."""
    content = bytearray(MAGIC)
    chunks = []
    for column in columns:
        start = len(content)
        page = _page(column)
        packed = gzip.compress(page, mtime=0)
        content += _page_header(len(page), len(packed), rows) + packed
        chunks.append((column, start, len(content) - start))
    total = sum(length for _, _, length in chunks)
    group = _struct(
        (1, _LIST, _list(_STRUCT, [_chunk(column, start, length, rows) for column, start, length in chunks])),
        (2, _I64, _number(total)),
        (3, _I64, _number(rows)),
    )
    elements = [
        _struct((4, _BINARY, _binary(b"spark_schema")), (5, _I32, _number(len(columns)))),
        *map(_element, columns),
    ]
    description = _struct(
        (1, _I32, _number(1)),
        (2, _LIST, _list(_STRUCT, elements)),
        (3, _I64, _number(rows)),
        (4, _LIST, _list(_STRUCT, [group])),
    )
    return bytes(content + description + struct.pack("<I", len(description)) + MAGIC)


def _page(column: Column) -> bytes:
    """The levels that say which rows have a value, and the values."""
    levels = _levels([value is not None for value in column.values])
    given = [value for value in column.values if value is not None]
    return struct.pack("<I", len(levels)) + levels + _plain(column.kind, given)


def _levels(is_there: Sequence[bool]) -> bytes:
    """Definition levels of one bit, in one run of groups of eight."""
    groups = -(-len(is_there) // 8)
    return _varint(groups << 1 | 1) + _bits(is_there, groups)


def _bits(flags: Sequence[bool], size: int) -> bytes:
    packed = bytearray(size)
    for at, flag in enumerate(flags):
        packed[at // 8] |= flag << at % 8
    return bytes(packed)


def _plain(kind: Physical, values: Sequence[Value]) -> bytes:
    if kind == BOOLEAN:
        return _bits([bool(value) for value in values], -(-len(values) // 8))
    if kind.number in _FORMATS:
        return b"".join(struct.pack(_FORMATS[kind.number], value) for value in values)
    held = [value.encode() if isinstance(value, str) else value for value in values]
    return b"".join(struct.pack("<I", len(each)) + each for each in held if isinstance(each, bytes))


def _page_header(size: int, packed: int, rows: int) -> bytes:
    data = _struct(
        (1, _I32, _number(rows)), (2, _I32, _number(_PLAIN)), (3, _I32, _number(_RLE)), (4, _I32, _number(_RLE))
    )
    return _struct(
        (1, _I32, _number(_DATA_PAGE)), (2, _I32, _number(size)), (3, _I32, _number(packed)), (5, _STRUCT, data)
    )


def _element(column: Column) -> bytes:
    text = [(6, _I32, _number(_UTF8))] if column.kind.is_text else []
    return _struct(
        (1, _I32, _number(column.kind.number)),
        (3, _I32, _number(_OPTIONAL)),
        (4, _BINARY, _binary(column.name.encode())),
        *text,
    )


def _chunk(column: Column, start: int, length: int, rows: int) -> bytes:
    about = _struct(
        (1, _I32, _number(column.kind.number)),
        (2, _LIST, _list(_I32, [_number(_PLAIN), _number(_RLE)])),
        (3, _LIST, _list(_BINARY, [_binary(column.name.encode())])),
        (4, _I32, _number(_GZIP)),
        (5, _I64, _number(rows)),
        (6, _I64, _number(length)),
        (7, _I64, _number(length)),
        (9, _I64, _number(start)),
    )
    return _struct((2, _I64, _number(start)), (3, _STRUCT, about))


def _struct(*fields: tuple[int, int, bytes]) -> bytes:
    written, before = b"", 0
    for number, kind, content in fields:
        written += bytes([(number - before) << 4 | kind]) + content
        before = number
    return written + b"\0"


def _list(kind: int, items: Sequence[bytes]) -> bytes:
    count = len(items)
    head = bytes([count << 4 | kind]) if count < _LONG_LIST else bytes([_LONG_LIST << 4 | kind]) + _varint(count)
    return head + b"".join(items)


def _binary(content: bytes) -> bytes:
    return _varint(len(content)) + content


def _number(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _varint(value: int) -> bytes:
    written = bytearray()
    while value >= _BYTE:
        written.append(value & (_BYTE - 1) | _BYTE)
        value >>= 7
    written.append(value)
    return bytes(written)


Reader = Callable[[str], Value]

OF_TYPES: dict[str, tuple[Physical, Reader]] = {
    "boolean": (BOOLEAN, lambda text: text == "t"),
    "smallint": (INT32, int),
    "integer": (INT32, int),
    "bigint": (INT64, int),
    "real": (FLOAT, float),
    "double precision": (DOUBLE, float),
    "bytea": (BINARY, lambda text: bytes.fromhex(text.removeprefix("\\x"))),
}
"""The types that keep their own form, and how PostgreSQL's text of them is read; every other arrives as text (FACTS 4.7)."""
