"""Lengths of time as people write them in a file: ``5m``, ``4h``, ``30d``, ``1h30m``; both ways."""

from __future__ import annotations

import re
from datetime import timedelta

ALLOWED = 'a span such as "5m", "4h", "30d" or "1h30m" (units w, d, h, m, s, the largest first)'
"""What may be written, as complaints say it."""

PATTERN = r"^(?=\d)(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$"
"""The same for machines, as the JSON Schema says it."""

_UNITS = ("weeks", "days", "hours", "minutes", "seconds")


def parse_span(text: str) -> timedelta:
    """The length of time that ``text`` writes; raises ``ValueError`` saying what may be written.

    >>> parse_span("1h30m")
    datetime.timedelta(seconds=5400)
    """
    match = re.fullmatch(PATTERN, text, re.ASCII)
    span = (
        timedelta(**{unit: int(count or 0) for unit, count in zip(_UNITS, match.groups(), strict=True)})
        if match
        else None
    )
    if not span:
        message = f"write {ALLOWED}, longer than nothing"
        raise ValueError(message)
    return span


def span_text(span: timedelta) -> str:
    """``span`` as the file writes it, in whole seconds; the inverse of ``parse_span``.

    >>> span_text(timedelta(minutes=90)), span_text(timedelta(days=30))
    ('1h30m', '30d')
    """
    seconds = int(span.total_seconds())
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
