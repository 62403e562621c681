"""The tar that pg_dump writes: ``toc.dat`` first, then a file for each table's data, then ``restore.sql``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from daybreak.archive.damage import unreadable_at
from daybreak.archive.sources import ByteSource, Within

HEAD = 512
"""Bytes of a member's header; a member's content is filled up to a multiple of it."""
CONTENTS_FILE = "toc.dat"
LAST_FILE = "restore.sql"

_MAGIC = slice(257, 262)
_CHECKSUM = slice(148, 156)
_SIZE = slice(124, 136)
_BASE_256 = 0x80
"""The mark of a size that is too large for octal digits."""


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file in a tar: its name, where its content begins, and how long that is."""

    name: str
    start: int
    size: int


def is_tar(prefix: bytes) -> bool:
    """Whether bytes begin as a tar does."""
    return len(prefix) >= HEAD and prefix[_MAGIC] == b"ustar" and _sum(prefix[:HEAD]) == _octal(prefix[_CHECKSUM])


def members(source: ByteSource, most: int) -> Iterator[TarMember | None]:
    """The members in their order, each by one read of its header; a last ``None`` where the tar ends as it should.

    After ``most`` of them it stops, without the ``None``. Raises ``UnreadableArchive`` for what is no header, and for a
    content that would end after the file.
    """
    at = 0
    for _ in range(most):
        head = _exactly(source, at)
        if not any(head):
            yield None
            return
        size = _octal(head[_SIZE])
        if head[_MAGIC] != b"ustar" or size is None or _sum(head) != _octal(head[_CHECKSUM]):
            raise unreadable_at(source.name, at, "there should be the header of a file in a tar")
        start = at + HEAD
        if start + size > source.size:
            raise unreadable_at(
                source.name, at, f"a file of {size:,} bytes would begin, and the tar ends before its end"
            )
        name = head[:100].partition(b"\0")[0].decode("utf-8", "backslashreplace")
        yield TarMember(name, start, size)
        at = start + -(-size // HEAD) * HEAD


def content_of(source: ByteSource, member: TarMember) -> Within:
    """A member as a source of its own."""
    return Within(source, member.start, member.size, f"{source.name}: {member.name}")


def _exactly(source: ByteSource, at: int) -> bytes:
    head = b""
    while len(head) < HEAD:
        more = source.read(at + len(head), HEAD - len(head)) if at + len(head) < source.size else b""
        if not more:
            raise unreadable_at(source.name, at, "the tar ends, before the two empty blocks that end one")
        head += more
    return head


def _octal(field: bytes) -> int | None:
    """A number as a tar writes it: octal digits, or a marked row of bytes where it is large."""
    if field[0] == _BASE_256:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    try:
        return int(digits, 8) if digits.isdigit() else None
    except ValueError:  # an 8 or a 9
        return None


def _sum(head: bytes) -> int:
    """The sum of a header's bytes, its own field taken for blanks."""
    return sum(head) - sum(head[_CHECKSUM]) + 8 * ord(" ")
