"""The rules by which a cell of the matrix may answer something else than *unfit*; never *fit*."""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.model.findings import Standing


@dataclass(frozen=True)
class Rule:
    """What a check must answer to a defect, and by which law."""

    name: str
    standings: tuple[Standing, ...]
    """Any of these answers."""


FOUND = Rule("found", (Standing.UNFIT,))
"""The rule of every cell that names no other."""

ONLY_THE_SOURCE_KNOWS = Rule("only the source knows", (Standing.UNKNOWN, Standing.LEFT_OUT))
"""No baseline records a row that was written or changed since, and no source is left to ask."""

HIT_AT_THE_SOURCE = Rule("the accident hit the same thing", (Standing.UNKNOWN, Standing.LEFT_OUT))
"""The source has no longer what would show that the clone lacks it."""
