"""What became of tables that a receiver lacked, held against what the archive defines. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from daybreak.model.checks import ARCHIVED_CREATION
from daybreak.model.creations import Creation
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.names import comma_list, printable
from daybreak.model.receiver import TablesMade

_LONGEST = 1_000
"""Signs of a statement that stand in a verdict."""


def finding_on_creation(creations: Sequence[Creation], made: TablesMade) -> Finding:
    """Fit where all was made that the plan did not leave for a person; what it left is no part of that, and is named."""
    names = comma_list([printable(".".join(each.into)) for each in creations], most=3)
    details = tuple(
        Detail(
            name=each.label,
            standing=Standing.LEFT_OUT if each.is_planned else Standing.UNFIT,
            expected="made",
            found=f"not made: {each.why}",
            why=f"{each.why}: {printable(each.statement, _LONGEST)}",
        )
        for each in sorted(made.left, key=lambda found: found.is_planned)
    )
    unplanned = sum(1 for each in made.left if not each.is_planned)
    found = f"{len(made.statements):,} statements carried out, {unplanned} things could not be made as they are"
    finding = ARCHIVED_CREATION.judge(f"{names}, with all that may come", found, is_fit=not unplanned)
    return finding.model_copy(update={"details": details, "is_by_lines": True})
