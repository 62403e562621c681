"""How thoroughly a clone is checked: a part of what a person asks for, and of what a validation asks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.value import Span, Value

Depth = Literal["quick", "standard", "full"]
"""How thoroughly a clone is checked: the catalog only; every row once; the content of every row and every index."""


class Thoroughness(Value):
    """How much a validation reads."""

    depth: Depth = "standard"
    sample: int = Field(default=100, ge=1, le=100)
    """Percent of the tables whose content, foreign keys and indexes are read through."""
    within: Span | None = None
    """How long it may take; what does not fit is chosen beforehand, named and left out. ``None`` is as long as it takes."""
    turn: int = Field(default=0, ge=0)
    """Which part of the sample's round this validation takes. It grows from run to run, so that every table is read in turn."""
