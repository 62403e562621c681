"""Thinning: which kept samples are too many. Pure.

The law: the newest hour is never touched. A sample that says only a difference goes before the whole one that it is read with, so
that what is left can be read whenever the removing stops.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from daybreak.model.samples import KeptSample, SampleLimits


def surplus(kept: Iterable[KeptSample], limits: SampleLimits) -> tuple[KeptSample, ...]:
    """What to remove of one target's samples in one place, in this order; counted from the newest, by its server's clock.

    First what is older than any may be, then all but the first whole one of each hour that is no longer kept in full. While it
    is still too much, the oldest hour that is kept in full gives its others, and where there is none the oldest hour goes.
    """
    hours = [_in_order(group) for _, group in groupby(sorted(kept, key=_age), key=lambda each: each.hour)]
    if not hours:
        return ()
    newest = max(each.stands_for for each in hours[-1])
    removed: list[KeptSample] = []
    rest: list[list[KeptSample]] = []
    for hour in hours[:-1]:
        first = _number_left(hour, newest, limits)
        removed += hour[: len(hour) - first]
        rest.append(hour[len(hour) - first :])
    rest.append(hours[-1])
    number, size = sum(map(len, rest)), sum(each.size for hour in rest for each in hour)
    for keeps in (1, 0):
        for place, hour in enumerate(rest[:-1]):
            if number <= limits.most and size <= limits.bytes:
                break
            going = hour[: max(len(hour) - keeps, 0)]
            rest[place] = hour[len(going) :]
            removed += going
            number, size = number - len(going), size - sum(each.size for each in going)
    return tuple(removed)


def _age(each: KeptSample) -> tuple[datetime, str]:
    return each.stands_for, each.sha256


def _in_order(hour: Iterable[KeptSample]) -> list[KeptSample]:
    """An hour in the order in which it is removed: differences, whole ones, and the first whole one at the end."""
    return sorted(hour, key=lambda each: (each.is_whole, -each.stands_for.timestamp(), each.sha256))


def _number_left(hour: list[KeptSample], newest: datetime, limits: SampleLimits) -> int:
    """How many of an hour's samples stay, from its end."""
    last = max(each.stands_for for each in hour)
    if newest - last > limits.keep:
        return 0
    if newest - last <= limits.fine:
        return len(hour)
    return 1 if hour[-1].is_whole else 0
