"""Rows of a file as lines for ``COPY … (FORMAT csv)``: each value as the text that its type's input function reads exactly.

The law: a null is nothing at all, and a text is in quotes, so that an empty one stays one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from daybreak.parquet.columns import Assigned
from daybreak.parquet.misfits import find_misfits

BLOCK = 2 << 20
"""The bytes of the values that are sent to the server at once, about."""
_LONGEST_SHOWN = 64 << 10
"""Bytes of a value that are shown of a row that was rejected."""

_OPTIONS = pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid")


@dataclass(frozen=True)
class RowBlock:
    """Some rows of one file, each value as text."""

    file: str
    batch: Any
    """The columns of texts."""
    places: Any
    """The number of each row in its file, from 0 on."""
    encoded: Any = None
    """The rows as CSV, where they were encoded before they are sent."""
    refused: str = ""
    """Why its one row is not sent; empty where it is."""

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def lines(self) -> memoryview:
        """The rows as CSV."""
        return memoryview(_csv(self.batch) if self.encoded is None else self.encoded)

    def halves(self) -> tuple[RowBlock, RowBlock]:
        """Its first and its second half; it has two rows at least."""
        middle = len(self) // 2
        return self._part(0, middle), self._part(middle, len(self) - middle)

    def _part(self, start: int, length: int) -> RowBlock:
        return RowBlock(self.file, self.batch.slice(start, length), self.places.slice(start, length))

    @property
    def number(self) -> int:
        """The number of its first row in the file, from 1 on."""
        return int(self.places[0].as_py()) + 1

    def values(self) -> dict[str, str | None]:
        """Its first row, by column; of a very long value only the beginning."""
        return {name: _show(self.batch.column(index)[0]) for index, name in enumerate(self.batch.schema.names)}


def _csv(batch: Any) -> Any:
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(batch, sink, _OPTIONS)
    return sink.getvalue()


def _show(value: Any) -> str | None:
    if not value.is_valid:
        return None
    content = value.as_buffer()
    text = content.slice(0, min(content.size, _LONGEST_SHOWN)).to_pybytes().decode("utf-8", "backslashreplace")
    return text if content.size <= _LONGEST_SHOWN else f"{text}… ({content.size:,} bytes)"


def blocks_of(file: str, batch: Any, places: Any, assigned: Sequence[Assigned]) -> Iterator[RowBlock]:
    """The rows of a batch, in blocks whose values are not much longer than ``BLOCK``; a longer row is a block of its own."""
    waiting = [(batch, places)]
    while waiting:
        part, where = waiting.pop()
        rows = part.num_rows
        if rows > 1 and part.nbytes > BLOCK:
            middle = rows // 2
            waiting.append((part.slice(middle), where.slice(middle)))
            waiting.append((part.slice(0, middle), where.slice(0, middle)))
        elif rows:
            columns = [_text(part.column(each.source.name), each) for each in assigned]
            texts = pa.record_batch(columns, names=[each.target.name for each in assigned])
            misfits = find_misfits(texts, assigned)
            for row, why in sorted(misfits.items()):
                yield RowBlock(file, texts.slice(row, 1), where.slice(row, 1), refused=why)
            if misfits:
                kept = pa.array([row not in misfits for row in range(rows)])
                texts, where = texts.filter(kept), where.filter(kept)
            if len(texts):
                yield RowBlock(file, texts, where, _csv(texts))


def _text(column: Any, each: Assigned) -> Any:
    match each.source.kind:
        case "binary":
            return _hex(column.cast(pa.binary()))
        case "float4" if each.target.base == "float8":
            return column.cast(pa.float64()).cast(pa.string())  # as a cast at the server widens it
        case "timestamptz":
            unzoned = column.view(pa.timestamp(column.type.unit)).cast(pa.string())
            return pc.binary_join_element_wise(unzoned, pa.scalar("+00"), pa.scalar(""))
        case _:
            return column.cast(pa.string())


def _hex(column: Any) -> Any:
    r"""Binary values as PostgreSQL's ``\x…``, all at once."""
    rows = len(column)
    if not rows:
        return pa.array([], pa.string())
    _, places, content = column.buffers()
    offsets = pa.Array.from_buffers(pa.int32(), rows + 1, [None, places], offset=column.offset)
    first, last = offsets[0].as_py(), offsets[rows].as_py()
    raw = b"" if content is None else content.slice(first, last - first).to_pybytes()
    digits = pa.py_buffer(raw.hex().encode())
    # A number of Python's would widen them, and the array below takes what it gets.
    doubled = pc.multiply(pc.subtract(offsets, offsets[0]), pa.scalar(2, pa.int32()))
    texts = pa.StringArray.from_buffers(rows, doubled.buffers()[1], digits)
    marked = pc.binary_join_element_wise(pa.scalar("\\x"), texts, pa.scalar(""))
    return pc.if_else(column.is_valid(), marked, pa.scalar(None, pa.string()))
