"""The terms of a plan; the clock enters a planner only here."""

from __future__ import annotations

from daybreak.model.actions import PARAMETER_GROUP_REST
from daybreak.model.value import Instant, Span, Value


class Terms(Value):
    """When the plan is made, when it expires, how long the clone is kept, and which local time is shown."""

    created: Instant
    expires: Instant
    keep_until: Instant | None
    zone: str
    group_rest: Span = PARAMETER_GROUP_REST
    """How long a new parameter group rests before an instance starts under it."""
