"""Rows that are carried into a database: long, part by part, with a place to go on from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.actions.sql import SqlOrder
from daybreak.model.value import Span


class LoadRows(SqlOrder):
    """Load a file's rows into a table of the run's own clone, each row once, however often it is interrupted.

    The file is in the text format of ``COPY``, where a row is a line. Each part is a transaction, whose number is in the journal
    before its commit with the place that it reaches: so a resume knows whether the part is there.
    """

    kind: Literal["load-rows@1"] = "load-rows@1"
    table: tuple[str, str]
    """Its schema and its name."""
    columns: tuple[str, ...]
    """In the file's order."""
    file: str
    sha256: str
    """The file's digest at planning: another file is not loaded."""
    size: int
    """The file's bytes."""
    part: int = Field(default=4 * 2**20, gt=0)
    """About how many bytes are loaded in one transaction."""
    limit: Span = Span(minutes=5)
    """How long one part may take."""
