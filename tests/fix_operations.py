"""The operations that we use, as the table has them."""

from __future__ import annotations

from daybreak.model.plan import AwsCall
from daybreak.plan.operation_rows import ChangeOperation, ReadOperation
from daybreak.plan.operations import OPERATIONS, touches_of

CHANGES = tuple(row.name for row in OPERATIONS.values() if isinstance(row, ChangeOperation) and not row.is_by_hand)
READS = tuple(row.name for row in OPERATIONS.values() if isinstance(row, ReadOperation))


def names_touched(call: AwsCall) -> tuple[str, ...]:
    """The names of what a call makes or changes."""
    return tuple(thing.name for thing in touches_of(call))
