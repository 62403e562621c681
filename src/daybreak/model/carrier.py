"""Carrier: what a store can say of whether a process carries a run out."""

from __future__ import annotations

from daybreak.model.value import Instant, Value


class Carrier(Value):
    """Whether a process carries a run, as far as its store lets anybody know from here."""

    is_there: bool | None
    """``None`` where that cannot be known: silence is not a no."""
    heard: Instant | None = None
    """The newest sign of life, by the store's clock; ``None`` where the store keeps none beside the events."""
    why: str = ""
    """Why it cannot be known, as the end of a sentence; empty where it is known."""
