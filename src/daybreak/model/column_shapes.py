"""Column shape: what a column's values are, so that two servers' columns can be held against each other."""

from __future__ import annotations

import re
from typing import NamedTuple


class ColumnShape(NamedTuple):
    """A column's type, looked at through domains down to what is stored."""

    name: str
    type: str
    """The type as ``schema.name``; of an array, its elements' type with ``[]``."""
    modifier: int
    """PostgreSQL's ``atttypmod``: a length, a precision, a scale; -1 for none."""
    parts: str
    """Of a composite type, its attributes with their types; empty for any other."""
    words: str
    """As ``format_type`` has it."""


_NAMES = {
    "smallint": "int2", "integer": "int4", "bigint": "int8", "numeric": "numeric", "real": "float4", "double precision": "float8",
    "boolean": "bool", "text": "text", "character varying": "varchar", "character": "bpchar", "uuid": "uuid", "date": "date",
    "timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz", "time without time zone": "time",
    "time with time zone": "timetz", "json": "json", "jsonb": "jsonb", "bytea": "bytea", "money": "money", "inet": "inet", "cidr": "cidr",
}  # fmt: skip
"""What ``format_type`` calls the types that need no catalog to be known, and what they are."""
_TYPE = re.compile(
    r"(smallint|integer|bigint|numeric|real|double precision|boolean|text|character varying|character|uuid|date|timestamp|time"
    r"|jsonb?|bytea|money|inet|cidr)(?:\((\d+)(?:,(-?\d+))?\))?( with(?:out)? time zone)?(\[\])?"
    r"(?= COLLATE | DEFAULT | NOT NULL| GENERATED | CONSTRAINT |,?\Z)"
)


def shape_of(name: str, words: str) -> ColumnShape | None:
    """A column by the words of its type, which others may follow; ``None`` for a type that only a catalog knows.

    >>> shape_of("a", "timestamp(3) with time zone NOT NULL,")
    ColumnShape(name='a', type='pg_catalog.timestamptz', modifier=3, parts='', words='timestamp(3) with time zone')
    >>> shape_of("a", "shop.mood") is None
    True
    """
    found = _TYPE.match(words)
    if found is None:
        return None
    base, first, second, zone, array = found.groups(default="")
    kind = _NAMES.get(base + zone)
    if kind is None:
        return None
    return ColumnShape(name, f"pg_catalog.{kind}{array}", _modifier(kind, first, second), "", found[0])


def _modifier(kind: str, first: str, second: str) -> int:
    """``atttypmod``, as PostgreSQL packs it; -1 where there is none."""
    if not first:
        return 4 + 1 if kind == "bpchar" else -1
    if kind == "numeric":
        return (int(first) << 16 | int(second or 0) & 0x7FF) + 4
    return int(first) + (4 if kind in ("varchar", "bpchar") else 0)
