"""Filters and pages of the describe operations, as RDS words them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.errors import invalid_value
from daybreak.lab.rds.desk import Call

PAGES = ("Filters", "MaxRecords", "Marker")
"""What every operation takes that answers in pages."""

Reader = Callable[[Doc], object]
"""Reads what a filter compares from a document: one value or a list of values."""


def filter_rows(call: Call, rows: Sequence[Doc], known: Mapping[str, Reader]) -> list[Doc]:
    """The rows that every filter of the call lets through; refuses an unknown filter."""
    result = list(rows)
    for each in call.get("Filters", []):
        name, values = each.get("Name", ""), [str(value).lower() for value in each.get("Values", [])]
        if name not in known:
            raise invalid_value(f"Unrecognized filter name: {name}")
        wanted = set(values) | {value.rpartition(":")[2] for value in values if value.startswith("arn:")}
        result = [row for row in result if _texts(known[name](row)) & wanted]
    return result


def page(call: Call, rows: Sequence[Doc], member: str, *, maximum: int = 100) -> Doc:
    """One page of the rows under the member's name, with a Marker when more follow.

    The marker holds the position of the row to go on after, and the lab keeps no cursor, so the marker outlives a restart.
    """
    size = call.get("MaxRecords", maximum)
    if not 20 <= size <= maximum:
        raise invalid_value(f"Invalid value {size} for MaxRecords. Must be between 20 and {maximum}")
    start = _position(call.get("Marker"))
    chosen = list(rows[start : start + size])
    result: Doc = {member: chosen}
    if start + size < len(rows):
        result["Marker"] = base64.urlsafe_b64encode(f"row:{start + size}".encode()).decode()
    return result


def _position(marker: str | None) -> int:
    if not marker:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(marker.encode()).decode().partition(":")
        if word == "row":
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise invalid_value("The marker provided is invalid")  # guess: AWS's own wording is not documented


def _texts(value: Any) -> set[str]:
    values = value if isinstance(value, (list, tuple, set)) else [value]
    return {str(each).lower() for each in values}
