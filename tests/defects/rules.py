"""The rules by which a cell of the matrix may answer something else than *unfit* by the check named; never *fit*."""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.model import checks
from daybreak.model.checks import Check
from daybreak.model.findings import Standing


@dataclass(frozen=True)
class Rule:
    """What must be answered to a defect, and by which law."""

    name: str
    standings: tuple[Standing, ...]
    """Any of these answers."""
    by: Check | None = None
    """The check that must give it, where it is not the one that is named for the defect."""


FOUND = Rule("found", (Standing.UNFIT,))
"""The rule of every cell that names no other."""

ONLY_THE_SOURCE_KNOWS = Rule("only the source knows", (Standing.UNKNOWN, Standing.LEFT_OUT))
"""No baseline records which rows were there at the moment, and no source is left to ask."""

DROPPED_OR_LOST = Rule("in the baseline and not here: dropped between the two, or lost", (Standing.UNKNOWN,))
"""An object that is not there shows no time, and no source is left that shows whether it was there at the moment."""

UNKNOWN_SINCE_WHEN = Rule("it differs in the baseline: changed before the moment, or here", (Standing.UNKNOWN,))
"""Only a superuser may see when a role was changed."""

NO_WITNESS_OF_A_TIME = Rule("later than the clone was made, and no witness shows it", (Standing.UNKNOWN,))
"""A table may hold times that are to come, and no source is left that shows whether this one did."""

WRITTEN_IN_THE_CLONE = Rule("rows written in the clone say it", (Standing.UNFIT,), checks.CONTENT)
"""A guessed column of time may go back by a deletion; that rows were written after the restore cannot."""

HIT_AT_THE_SOURCE = Rule("the accident hit the same thing", (Standing.UNKNOWN, Standing.LEFT_OUT))
"""The source has no longer what would show that the clone lacks it."""
