"""Lengths of time as people write them in a file: ``5m``, ``4h``, ``30d``, ``1h30m``. Both ways."""

from __future__ import annotations

import re
from datetime import timedelta

ALLOWED = 'a span such as "5m", "4h", "30d" or "1h30m" (units y, w, d, h, m, s, ms, the largest first)'
"""What may be written, in the words of complaints."""

PATTERN = r"^(?=\d)(?:(\d{1,6})y)?(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,6})s)?(?:(\d{1,6})ms)?$"
"""The same as a pattern, for the JSON Schema."""

_UNITS = tuple(timedelta(**{unit: 1}) for unit in ("weeks", "days", "hours", "minutes", "seconds", "milliseconds"))
YEAR = timedelta(days=366)
"""What a year counts: with the leap day, so that nothing is kept too short."""


def parse_span(text: str) -> timedelta:
    """The length of time that ``text`` gives; raises ``ValueError`` saying what may be written.

    >>> parse_span("1h30m")
    datetime.timedelta(seconds=5400)
    >>> parse_span("7y").days
    2562
    """
    match = re.fullmatch(PATTERN, text, re.ASCII)
    counts = match.groups() if match else ()
    units = zip((YEAR, *_UNITS), counts, strict=bool(match))
    span = sum((unit * int(count or 0) for unit, count in units), start=timedelta())
    if not span:
        message = f"write {ALLOWED}, longer than nothing"
        raise ValueError(message)
    return span


def span_text(span: timedelta) -> str:
    """``span`` as the file writes it, the inverse of ``parse_span``.

    >>> span_text(timedelta(minutes=90)), span_text(timedelta(days=30))
    ('1h30m', '30d')
    """
    rest = round(span / timedelta(milliseconds=1))
    parts = []
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
