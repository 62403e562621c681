"""A point in time with its zone, and the only place that reads times that people type.

The law: a zone is never guessed. ``14:30`` may be 14:30 UTC or 14:30 in Berlin. The AWS SDK silently takes UTC, the AWS
console shows local time (FACTS 4.4), so both readings are shown and the person chooses.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field
from whenever import Instant as ExactTime
from whenever import (
    InvalidOffsetError,
    OffsetDateTime,
    PlainDateTime,
    RepeatedTime,
    SkippedTime,
    TimeZoneNotFoundError,
    ZonedDateTime,
)

from daybreak.errors import Refused
from daybreak.model.names import printable
from daybreak.model.value import Instant, Value, iso

ALLOWED = 'a time with its zone ("2024-01-15T14:30:00Z", "2024-01-15T15:30:00+01:00", "2024-01-15T15:30[Europe/Berlin]"), "20 minutes ago", or "latest"'
"""What a person may write for a moment, in the words of error messages and help texts."""


class At(Value):
    """An exact moment, in whole seconds: the granularity of an Aurora restore (FACTS 4.4)."""

    kind: Literal["at"] = "at"
    instant: Instant


class Latest(Value):
    """The newest moment that the backup can reach at the time of the call."""

    kind: Literal["latest"] = "latest"


Moment = Annotated[At | Latest, Field(discriminator="kind")]
"""What a person asked for: an exact moment, or the latest one."""

_UNITS = {"second": "seconds", "sec": "seconds", "s": "seconds", "minute": "minutes", "min": "minutes", "m": "minutes"}
_UNITS |= {"hour": "hours", "hr": "hours", "h": "hours", "day": "days", "d": "days", "week": "weeks", "w": "weeks"}
_PART = re.compile(r"(\d+)\s*([a-z]+)")
_AGO = re.compile(r"(?:\d+\s*[a-z]+[\s,]*(?:and\s+)?)+\s*ago")
_SIXTIETH = re.compile(r"(?:^|[Tt ])\d{1,2}:?\d{2}:?60(?!\d|:)")
"""A leap second. A library may read it as the second after it; Aurora has none."""
_ZONED = re.compile(r"(?P<plain>[^\[\]]+)\[(?P<zone>[A-Za-z0-9_+\-/]+)\]")


def is_counted_from_now(text: str) -> bool:
    """Whether a moment is given relative to the reader's clock.

    >>> is_counted_from_now("20 minutes ago"), is_counted_from_now("latest"), is_counted_from_now("2024-01-15T14:30:00Z")
    (True, False, False)
    """
    return text.strip().lower().endswith("ago")


def parse_moment(text: str, *, now: datetime, zone: str) -> At | Latest:
    """The moment that a person meant by ``text``, read at ``now`` on a machine whose local zone is ``zone``.

    Raises ``Refused`` for a text without a zone, with two meanings or with none.

    >>> from datetime import UTC
    >>> noon = datetime(2024, 1, 15, 12, tzinfo=UTC)
    >>> iso(parse_moment("2024-01-15T14:30:00+01:00", now=noon, zone="UTC").instant)
    '2024-01-15T13:30:00Z'
    >>> iso(parse_moment("20 minutes ago", now=noon, zone="UTC").instant)
    '2024-01-15T11:40:00Z'
    """
    words = text.strip()
    if words.lower() == "latest":
        return Latest()
    if is_counted_from_now(words):
        return At(instant=_whole_second(_before(now, words)))
    if _SIXTIETH.search(words):
        raise Refused(
            f'the moment "{printable(words)}" has a second 60, which a database\'s clock does not have',
            'seconds go from 00 to 59: write the second before it (":59") or the minute after it (":00")',
        )
    if match := _ZONED.fullmatch(words):
        return At(instant=_whole_second(_in_zone(match["plain"], match["zone"], words)))
    try:
        return At(instant=_whole_second(OffsetDateTime.parse_iso(words).to_stdlib()))
    except ValueError:
        pass
    try:
        return At(instant=_whole_second(ExactTime.parse_iso(words).to_stdlib()))
    except ValueError:
        raise _unreadable(words, now=now, zone=zone) from None


def _whole_second(instant: datetime) -> datetime:
    # Round down: a restore must stop before the accident, never after it.
    return instant.replace(microsecond=0)


def _before(now: datetime, words: str) -> datetime:
    try:
        return now - _ago(words)
    except (OverflowError, ValueError):  # more days than the calendar has, or more digits than Python reads
        raise Refused(f'the moment "{printable(words)}" is too far away', f"write {ALLOWED}") from None


def _ago(words: str) -> timedelta:
    lowered = words.lower()
    if not _AGO.fullmatch(lowered):
        raise Refused(f'the moment "{printable(words)}" cannot be read', f"write {ALLOWED}")
    spans: dict[str, int] = {}
    for number, unit in _PART.findall(lowered.removesuffix("ago")):
        name = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        if name is None:
            raise Refused(
                f'the unit "{printable(unit)}" in "{printable(words)}" is not known',
                "use seconds, minutes, hours, days or weeks",
            )
        spans[name] = spans.get(name, 0) + int(number)
    return timedelta(**spans)


def _in_zone(plain: str, zone: str, words: str) -> datetime:
    try:
        return OffsetDateTime.parse_iso(plain).to_stdlib() if _agrees(plain, words) else _place(plain, zone)
    except ValueError as trouble:
        raise Refused(f'the moment "{printable(words)}" cannot be read: {trouble}', f"write {ALLOWED}") from None


def _agrees(plain: str, words: str) -> bool:
    """Whether ``plain`` already carries an offset that is true in its zone; raises ``Refused`` for a false one."""
    try:
        OffsetDateTime.parse_iso(plain)
    except ValueError:
        return False
    try:
        ZonedDateTime.parse_iso(words)
    except (InvalidOffsetError, TimeZoneNotFoundError) as trouble:
        raise Refused(f'the moment "{words}" contradicts itself: {trouble}', "drop the offset or the zone") from None
    return True


def _place(plain: str, zone: str) -> datetime:
    try:
        return PlainDateTime.parse_iso(plain).assume_tz(zone, disambiguation="raise").to_stdlib()
    except TimeZoneNotFoundError:
        raise Refused(
            f'the time zone "{zone}" is not known', "use a name such as Europe/Berlin, or an offset"
        ) from None
    except SkippedTime:
        raise Refused(
            f'the time "{plain}" does not exist in {zone}: the clocks were put forward over it',
            "write the time in UTC, with a Z",
        ) from None
    except RepeatedTime:
        both = [
            iso(PlainDateTime.parse_iso(plain).assume_tz(zone, disambiguation=which).to_stdlib())
            for which in ("earlier", "later")
        ]
        raise Refused(
            f'the time "{plain}" happened twice in {zone}: the clocks were put back over it',
            f'write "{both[0]}" for the first, or "{both[1]}" for the second',
        ) from None


def _unreadable(words: str, *, now: datetime, zone: str) -> Refused:
    plain = _plain(words, now)
    if plain is None:
        return Refused(f'the moment "{printable(words)}" cannot be read', f"write {ALLOWED}")
    in_utc = iso(plain.assume_utc().to_stdlib())
    try:
        here = iso(plain.assume_tz(zone, disambiguation="raise").to_stdlib())
    except (SkippedTime, RepeatedTime):
        return Refused(
            f'the moment "{words}" has no time zone, and in {zone} it does not exist or happened twice',
            f'write "{in_utc}" if you mean {plain.time().format_iso()} UTC, else add the offset you mean',
        )
    except ValueError:  # the first or last day of the calendar: another zone puts it outside
        return Refused(f'the moment "{words}" is too far away', f"write {ALLOWED}")
    if here == in_utc:
        return Refused(
            f'the moment "{words}" has no time zone',
            f'write "{in_utc}" if you mean UTC; this machine is in {zone}, which reads it the same',
        )
    return Refused(
        f'the moment "{words}" has no time zone, so it has two readings',
        f'write "{in_utc}" if you mean {plain.time().format_iso()} UTC',
        f'write "{here}" if you mean {plain.time().format_iso()} in {zone}',
    )


def _plain(words: str, now: datetime) -> PlainDateTime | None:
    for candidate in (words, f"{now:%Y-%m-%d}T{words}"):
        try:
            return PlainDateTime.parse_iso(candidate)
        except ValueError:
            continue
    return None


def readings(instant: datetime, *, now: datetime, zone: str) -> tuple[str, str, str]:
    """One moment in three forms, as every plan echoes it: UTC, local time, and how long before ``now``.

    >>> from datetime import UTC
    >>> noon = datetime(2024, 1, 15, 12, tzinfo=UTC)
    >>> readings(datetime(2024, 1, 15, 11, 38, 30, tzinfo=UTC), now=noon, zone="Europe/Berlin")
    ('2024-01-15T11:38:30Z', '2024-01-15T12:38:30+01:00[Europe/Berlin]', '21 minutes 30 seconds before now')
    """
    local = ExactTime(instant).to_tz(zone).format_iso()
    return iso(instant), local, distance(now - instant)


def distance(span: timedelta) -> str:
    """How far a moment lies before now, in words with at most two units."""
    side = "before now" if span >= timedelta(0) else "after now"
    return f"{span_in_words(abs(span))} {side}"


NOTHING_SURE = datetime(1970, 1, 1, tzinfo=UTC)
"""The moment that a clone reaches for certain where nothing vouches for a later one."""


def span_in_words(span: timedelta) -> str:
    """A length of time in words, with at most two units.

    >>> span_in_words(timedelta(minutes=90)), span_in_words(timedelta(milliseconds=500))
    ('1 hour 30 minutes', '500 ms')
    """
    seconds = int(span.total_seconds())
    if timedelta(milliseconds=1) <= span < timedelta(seconds=1):
        return f"{span // timedelta(milliseconds=1)} ms"
    parts = []
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}{'s' if count > 1 else ''}")
    return " ".join(parts[:2]) or "0 seconds"
