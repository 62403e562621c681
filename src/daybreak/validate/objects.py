"""The chapter of objects: everything in the database besides its rows."""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.model.findings import Finding
from daybreak.validate.visit import Visit


def findings(_visit: Visit) -> Iterator[Finding]:
    """Each finding about the objects of the database."""
    yield from ()
