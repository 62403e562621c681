"""Column shape: what a column's values are, so that two servers' columns can be held against each other."""

from __future__ import annotations

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
