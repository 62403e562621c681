"""How far this machine's clock is from AWS's, and what a wrong clock must not be used for. Pure.

The law: a moment counted from our clock ("1 minute ago") is refused when that clock is wrong. ``latest`` and an exact moment
are AWS's own times and are never refused for it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from daybreak.model.moment import span_in_words

WORTH_SAYING = timedelta(seconds=60)
"""A clock that is further off is reported: no time server keeps it."""

TOO_FAR = timedelta(minutes=5)
"""A clock that is further off is not counted from; AWS then refuses signatures (``RequestTimeTooSkewed``)."""

_A_DATE_SAYS_SECONDS = timedelta(seconds=1)


def skew_of(theirs: datetime, *, sent: datetime, arrived: datetime) -> timedelta:
    """How far our clock is ahead of the one that dated an answer; negative when it is behind, zero when it may be right.

    The answer was dated at some time between the sending of its request and its arrival, in whole seconds.

    >>> from datetime import UTC
    >>> noon = datetime(2024, 1, 15, 12, tzinfo=UTC)
    >>> skew_of(noon, sent=noon + timedelta(minutes=10), arrived=noon + timedelta(minutes=11))
    datetime.timedelta(seconds=599)
    """
    if theirs > arrived:
        return arrived - theirs
    return max(sent - theirs - _A_DATE_SAYS_SECONDS, timedelta())


def is_off(skew: timedelta) -> bool:
    """Whether the clock is so far off that people must be warned."""
    return abs(skew) > WORTH_SAYING


def is_useless(skew: timedelta) -> bool:
    """Whether nothing can be counted from the clock."""
    return abs(skew) > TOO_FAR


def skew_in_words(skew: timedelta) -> str:
    """What is wrong with the clock, in words.

    >>> skew_in_words(timedelta(minutes=10)), skew_in_words(timedelta(seconds=-90))
    ("this machine's clock is 10 minutes ahead of AWS's", "this machine's clock is 1 minute 30 seconds behind AWS's")
    """
    side = "ahead of" if skew > timedelta() else "behind"
    return f"this machine's clock is {span_in_words(abs(skew))} {side} AWS's"
