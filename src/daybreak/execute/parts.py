"""What is picked of an export, cut into parts: one request each, numbered alike whenever the same picking is cut. Pure.

A picking has few ranges and may have a million parts, so parts are reckoned and never kept.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from daybreak.model.pickings import Picking

PART = 4 << 20
"""Bytes of one request, at most; what a fetch was about when its process died is fetched again."""


@dataclass(frozen=True, slots=True)
class FetchPart:
    """The bytes of one request."""

    number: int
    piece: int
    """The place of its object among those that are picked."""
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of one picked object, from the first to the one after the last."""

    piece: int
    start: int
    end: int


class Parts:
    """The parts of one picking."""

    def __init__(self, picking: Picking) -> None:
        self._spans = [Span(place, *each) for place, piece in enumerate(picking.pieces) for each in piece.ranges]
        self._firsts: list[int] = []
        self.number = 0
        """How many there are."""
        for span in self._spans:
            self._firsts.append(self.number)
            self.number += -(-(span.end - span.start) // PART)

    def __iter__(self) -> Iterator[FetchPart]:
        return map(self.part, range(self.number))

    def part(self, number: int) -> FetchPart:
        """The part of a number."""
        place = bisect_right(self._firsts, number) - 1
        span = self._spans[place]
        start = span.start + (number - self._firsts[place]) * PART
        return FetchPart(number, span.piece, start, min(PART, span.end - start))

    def over(self, wanted: Span) -> Iterator[range]:
        """The numbers of the parts that have bytes of a span; what was not picked of it has none."""
        place = max(
            0, bisect_right(self._spans, (wanted.piece, wanted.start), key=lambda each: (each.piece, each.start)) - 1
        )
        for number in range(place, len(self._spans)):
            span = self._spans[number]
            if (span.piece, span.start) >= (wanted.piece, wanted.end):
                return
            start, end = max(span.start, wanted.start), min(span.end, wanted.end)
            if span.piece == wanted.piece and start < end:
                first = self._firsts[number]
                yield range(first + (start - span.start) // PART, first + -(-(end - span.start) // PART))
