"""Preparation: what would be there on the day of the accident, and whether it could be asked just now."""

from __future__ import annotations

from typing import Literal

from daybreak.model.findings import Standing
from daybreak.model.value import Instant, Value


class Preparation(Value):
    """One thing that somebody will need: something kept in a place, a way to the database, a login."""

    what: Literal["capsule", "baseline", "schema", "sample", "backup", "copy", "SQL", "login", "zone"]
    where: str
    """The place, the region, the endpoint, or the login's reference, with its region where that is another than the target's."""
    standing: Standing
    """Fit where it is there; unfit where the answer is that it is not as promised; left out where it was not asked for; unknown
    where no answer came, or where nothing is there that nobody promised."""
    at: Instant | None = None
    """The moment that the newest stands for; of a capsule, when its content was new."""
    found: str
    """What was found, or why nothing is known."""
