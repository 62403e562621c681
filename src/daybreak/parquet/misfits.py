"""The rows of which a table would not keep every value exactly, found before they are sent.

The law: only columns that may change a value without a word are looked at, all their values at once, and one by one only those that
are not surely exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from daybreak.model.names import printable
from daybreak.parquet.columns import Assigned
from daybreak.parquet.kept import ExactValues, exact_by

_EXACT = frozenset({"boolean", "binary", "float4", "float8"})
"""The kinds of values that come as what they are, into columns that are as wide."""
_FINE = frozenset({"integer", "date", "timestamp", "timestamptz"})
"""Those that only a modifier can change: a number's scale may be negative, a time's precision coarse."""


def find_misfits(texts: Any, assigned: Sequence[Assigned]) -> dict[int, str]:
    """By the number of a row in the batch: why it does not fit. ``texts`` has the columns' values as they would be sent."""
    found: dict[int, str] = {}
    for index, each in enumerate(assigned):
        exact = _exact_by(each)
        if exact is None:
            continue
        for row in _rows(texts.column(index), exact):
            found.setdefault(row, _why(each))
    return found


def _exact_by(each: Assigned) -> ExactValues | None:
    kind, stored = each.source.kind, each.target.stored
    if kind in _EXACT or (kind in _FINE and stored.modifier == -1):
        return None
    return exact_by(stored)


def _why(each: Assigned) -> str:
    return f'the column "{printable(each.target.name)}" is {each.target.type}, which does not keep this value as it is in the file'


def _rows(column: Any, exact: ExactValues) -> list[int]:
    doubtful = column.is_valid()
    if exact.pattern:
        doubtful = pc.and_(doubtful, pc.invert(pc.match_substring_regex(column, f"^(?:{exact.pattern})$")))
    elif exact.most is not None:
        doubtful = pc.and_(doubtful, pc.greater(pc.utf8_length(column), exact.most))
    places = pc.indices_nonzero(doubtful).to_pylist()
    return [place for place in places if not exact.keeps(_read(column[place]))]


def _read(value: Any) -> str:
    """A value that may be no text at all, as a file may lie."""
    content: pa.Buffer = value.as_buffer()
    return str(content.to_pybytes().decode("utf-8", "surrogateescape"))
