"""Where bytes come from: anything that has a size and gives a range, and a cursor that goes forward through it.

The law: no more is asked for than what the reader needs next, up to one chunk; what was read is not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from daybreak.archive.damage import TooLong, UnreadableArchive, unreadable_at
from daybreak.model.names import printable

CHUNK = 1 << 20
"""Bytes that a cursor asks for at once: the most that is fetched beyond what was needed."""


class ByteSource(Protocol):
    """Bytes with a size, of which any range can be read."""

    @property
    def name(self) -> str:
        """What an error calls it."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    def read(self, start: int, length: int) -> bytes:
        """Some of the bytes from ``start`` on, at most ``length``; at least one where there is one."""


@dataclass(frozen=True)
class HeldBytes:
    """Bytes in memory."""

    name: str
    content: bytes

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.content)

    def read(self, start: int, length: int) -> bytes:
        """The bytes of a range."""
        return self.content[start : start + length]


@dataclass(frozen=True)
class Within:
    """A part of another source: a member of a tar."""

    whole: ByteSource
    start: int
    size: int
    name: str

    def read(self, start: int, length: int) -> bytes:
        """The bytes of a range of the part; nothing beyond its end."""
        return self.whole.read(self.start + start, max(0, min(length, self.size - start)))


class Cursor:
    """Reads a source forward, a chunk at a time, and never beyond ``most`` bytes of it."""

    def __init__(self, source: ByteSource, start: int = 0, *, most: int, chunk: int = CHUNK) -> None:
        self._source = source
        self._chunk = chunk
        self._limit = start + most
        self._held = b""
        self._at = 0
        self.position = start
        """The byte that comes next."""
        self.whose = ""
        """What follows ``what`` in an error: the entry that is being read."""

    @property
    def left(self) -> int:
        """How many bytes of the source come after the position."""
        return self._source.size - self.position

    def take(self, length: int, what: str) -> bytes:
        """The next bytes, which are ``what``; raises ``UnreadableArchive`` where the source ends, or the limit is reached."""
        end = self._at + length
        if end > len(self._held):
            self._require(length, what)
            self._fetch(length, what)
            end = length
        found = self._held[self._at : end]
        self._at = end
        self.position += length
        return found

    def _require(self, length: int, what: str) -> None:
        if length > self.left:
            raise self.fail(f"it ends within {what}{self.whose}")
        if self.position + length > self._limit:
            message = f"its table of contents is longer than {self._limit:,} bytes, the most that is read here"
            raise TooLong(f'"{printable(self._source.name, 400)}": {message}')

    def _fetch(self, length: int, what: str) -> None:
        parts = [self._held[self._at :]]
        have = len(parts[0])
        while have < length:
            following = self.position + have
            room = min(self._source.size, self._limit) - following
            more = self._source.read(following, min(max(self._chunk, length - have), room))
            if not more:
                raise self.fail(f"it ends within {what}{self.whose}")
            parts.append(more)
            have += len(more)
        self._held, self._at = b"".join(parts), 0

    def fail(self, why: str, *hints: str) -> UnreadableArchive:
        """The error for something wrong at the position."""
        return unreadable_at(self._source.name, self.position, why, *hints)
