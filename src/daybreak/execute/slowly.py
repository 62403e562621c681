"""Slow work that holds nobody up: it yields the seconds after which it goes on, and other steps are taken meanwhile.

A hand never sleeps. A step that AWS puts off, or that has to be looked at again, waits by itself: the data is judged beside it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

Slowly = Generator[float, None, T]
"""Work that comes to a ``T``; each yield is how many seconds it waits before it goes on."""
