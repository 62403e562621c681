"""What every action has: a place."""

from __future__ import annotations

from daybreak.model.value import Value


class Placed(Value):
    """What acts or waits somewhere."""

    region: str | None = None
    """Where, if not in the plan's own region."""
