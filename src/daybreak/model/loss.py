"""Loss: what a restore does not bring back, from the moment that it reaches to the accident.

The law: the loss is computed from the two ends, never from rows. A quiet table loses nothing by being quiet.
"""

from __future__ import annotations

from datetime import datetime

from daybreak.model.value import Instant, Span, Value


class Loss(Value):
    """What was written between two times and does not come back."""

    span: Span | None
    """``None`` where no loss can be said."""
    words: str
    """What lies between which two times; or why no loss can be said."""
    since: Instant | None = None
    """The moment that the clone reaches."""
    until: Instant | None = None
    """The accident, or what stands for it."""


def loss_between(since: datetime, until: datetime, words: str) -> Loss:
    """The loss from one time to another; zero where the clone reaches past its end."""
    return Loss(span=max(until - since, Span(0)), words=words, since=since, until=until)


def loss_unknown(why: str) -> Loss:
    """No loss: there is no second end to count to."""
    return Loss(span=None, words=why)


TO_ACCIDENT = "from the moment to the accident that was named"
"""What lies between the two ends where a person named the accident."""
