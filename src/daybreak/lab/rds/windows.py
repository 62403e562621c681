"""The daily backup window and the weekly maintenance window: their forms, whether they meet, and those that AWS chooses.

The law: a window is text in the documents, as AWS shows it, and only this module reads it. Each is at least half an hour long,
in UTC, and the two of one cluster never meet [M].
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
WEEK = 7 * DAY
LEAST = 30
"""The least minutes of a window."""

_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
_DAILY = re.compile(f"{_TIME}-{_TIME}")
_WEEKLY = re.compile(f"({'|'.join(DAYS)}):{_TIME}-({'|'.join(DAYS)}):{_TIME}", re.IGNORECASE)

USUAL_BACKUP = 180
"""The minute of the day at which the eight hours begin in which the lab places backup windows; each region of AWS has its own."""
USUAL_MAINTENANCE = "sun:04:00-sun:04:30"


def is_daily(window: str) -> bool:
    """Whether it is a backup window: ``hh24:mi-hh24:mi``, at least half an hour; it may pass midnight."""
    return (found := _daily(window)) is not None and found[1] >= LEAST


def is_weekly(window: str) -> bool:
    """Whether it is a maintenance window: ``ddd:hh24:mi-ddd:hh24:mi``, at least half an hour; it may pass Sunday's midnight."""
    return (found := _weekly(window)) is not None and found[1] >= LEAST


def meet(daily: str, weekly: str) -> bool:
    """Whether a backup window and a maintenance window, both of the right form, have a minute in common."""
    backup, maintenance = _daily(daily), _weekly(weekly)
    if backup is None or maintenance is None:
        return False
    return any(
        (begin - maintenance[0]) % WEEK < maintenance[1] or (maintenance[0] - begin) % WEEK < backup[1]
        for begin in (backup[0] + DAY * day for day in range(7))
    )


def usual_daily(name: str, weekly: str | None) -> str:
    """The backup window that AWS chooses for a cluster that asks for none; it depends on the name, and avoids ``weekly``."""
    first = sum(name.encode()) % 16
    slots = (USUAL_BACKUP + LEAST * ((first + later) % 16) for later in range(16))
    windows = [f"{_clock(begin)}-{_clock(begin + LEAST)}" for begin in slots]
    return next((each for each in windows if weekly is None or not meet(each, weekly)), windows[0])


def usual_weekly(daily: str) -> str:
    """The maintenance window that AWS chooses for a cluster that asks for none; it avoids ``daily``."""
    return next((each for each in _weeklies() if not meet(daily, each)), USUAL_MAINTENANCE)


def last_start(daily: str, now: datetime) -> datetime:
    """When a daily window like ``07:00-07:30`` (UTC) opened last."""
    found = _daily(daily)
    begin = found[0] if found else USUAL_BACKUP  # a lab of an older release kept windows of any form
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    today = midnight + timedelta(minutes=begin)
    return today if today <= now else today - timedelta(days=1)


def _weeklies() -> Iterator[str]:
    for hour in range(4, 24):
        yield f"sun:{hour:02}:00-sun:{hour:02}:{LEAST}"


def _daily(window: str) -> tuple[int, int] | None:
    """The minute of the day when it begins, and its length in minutes."""
    match = _DAILY.fullmatch(window)
    if match is None:
        return None
    begin, end = (int(match[at]) * 60 + int(match[at + 1]) for at in (1, 3))
    return begin, (end - begin) % DAY


def _weekly(window: str) -> tuple[int, int] | None:
    """The minute of the week when it begins, and its length in minutes."""
    match = _WEEKLY.fullmatch(window)
    if match is None:
        return None
    begin, end = (DAYS.index(match[at].lower()) * DAY + int(match[at + 1]) * 60 + int(match[at + 2]) for at in (1, 4))
    return begin, (end - begin) % WEEK


def _clock(minutes: int) -> str:
    hour, minute = divmod(minutes % DAY, 60)
    return f"{hour:02}:{minute:02}"
