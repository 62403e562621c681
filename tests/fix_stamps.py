"""What no text for people holds: a time stamp longer than the screens' own, whole second and ``Z``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

LONG_STAMP = re.compile(r"\d\d:\d\d:\d\d\.\d{2,}|\d\d:\d\d:\d\d(?:\.\d+)?\+00(?::?00)?(?![\d:\[])")
"""Fractions of a second, or UTC spelled out; a local time has its zone in brackets."""


def long_stamps(told: Any) -> list[str]:
    """Each text in ``told``, however deep, that has a long stamp."""
    return [text for text in _texts(told) if LONG_STAMP.search(text)]


def _texts(told: Any) -> Iterator[str]:
    if isinstance(told, str):
        yield told
    elif isinstance(told, dict):
        for each in told.values():
            yield from _texts(each)
    elif isinstance(told, list | tuple):
        for each in told:
            yield from _texts(each)
