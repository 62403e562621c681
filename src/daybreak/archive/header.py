"""The header of a pg_dump archive, which custom archives, the ``toc.dat`` of a directory and that of a tar begin with alike.

Numbers are a sign and bytes, the smallest first; a text is its length and its bytes, or the length -1 for none. Version 1.14
is written by pg_dump 12 to 15, version 1.15 by 16, version 1.16 by 17 and 18.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from daybreak.archive.damage import BeyondReach, UnreadableArchive
from daybreak.archive.sources import Cursor

MAGIC = b"PGDMP"
OLDEST, NEWEST = (1, 14), (1, 16)
"""The first and the last version of archives that is read here."""

ArchiveForm = Literal["custom", "files"]
"""One file with all data in it, or a table of contents beside files: pg_dump writes the same for a directory and a tar."""
Compression = Literal["none", "gzip", "lz4", "zstd"]

_FORMS: dict[int, ArchiveForm] = {1: "custom", 3: "files"}
_ALGORITHMS: tuple[Compression, ...] = ("none", "gzip", "lz4", "zstd")
_ALGORITHM_SINCE = (1, 15)
"""Before, there was a level of gzip alone."""
_WRITERS = {(1, 12): "9.0 to 10.2", (1, 13): "10.3 to 11"}
_WIDEST = 8
"""Bytes of the widest number that a machine of ours writes."""
_LONGEST_NAME = 65_536
"""Bytes of a name; the longest are those of functions with a hundred arguments."""


@dataclass(frozen=True, slots=True)
class Header:
    """What an archive says of itself before its table of contents."""

    version: tuple[int, int, int]
    form: ArchiveForm
    compression: Compression
    made: str
    """When it was made, by the clock of the machine that made it, as ``2024-01-15 02:00:13``; no zone is kept."""
    database: str
    server: str
    """The version of the server."""
    program: str
    """The version of pg_dump."""
    int_size: int
    offset_size: int


class Reader:
    """Reads the numbers and texts of an archive, as wide as its header says."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.int_size = 4
        self.codec = "utf-8"
        """How texts are written: what the entry ENCODING says, as soon as it is read."""

    def byte(self, what: str) -> int:
        """A number of one byte."""
        return self.cursor.take(1, what)[0]

    def number(self, what: str) -> int:
        """A number with its sign."""
        taken = self.cursor.take(1 + self.int_size, what)
        value = int.from_bytes(taken[1:], "little")
        if taken[0]:
            if taken[0] > 1:
                raise self._fail(what, f"has the sign {taken[0]}, which is neither plus nor minus")
            return -value
        return value

    def text(self, what: str, most: int = _LONGEST_NAME) -> str | None:
        """A text, or ``None`` where there is none; bytes that its encoding has not are kept as half characters."""
        length = self.number(what)
        if length == -1:
            return None
        if not 0 <= length <= most:
            raise self._fail(what, f"would be {length:,} bytes long, and {most:,} is the most")
        taken = self.cursor.take(length, what)
        if b"\0" in taken:
            raise self._fail(what, "has a byte in it that no text of PostgreSQL has")
        try:
            return taken.decode(self.codec, "surrogateescape")
        except UnicodeDecodeError:  # a letter's first byte, and then no second
            return taken.decode("utf-8", "surrogateescape")

    def _fail(self, what: str, why: str) -> UnreadableArchive:
        return self.cursor.fail(f"{what}{self.cursor.whose} {why}")


def readable(text: str) -> str:
    """A text as it may be shown and kept: bytes that its encoding has not are written as escapes."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def read_header(reader: Reader) -> Header:
    """The header; raises ``UnreadableArchive`` for one that is none, or of a version that is not read here."""
    cursor = reader.cursor
    if cursor.take(len(MAGIC), "its first letters") != MAGIC:
        raise cursor.fail("it does not begin as an archive of pg_dump does")
    version = (reader.byte("its version"), reader.byte("its version"), reader.byte("its version"))
    if not OLDEST <= version[:2] <= NEWEST:
        why, hint = _version_words(version)
        raise BeyondReach(cursor.fail(why).message, hint)
    int_size, offset_size = reader.byte("the width of its numbers"), reader.byte("the width of its offsets")
    for width in (int_size, offset_size):
        if not 1 <= width <= _WIDEST:
            raise cursor.fail(f"its numbers would be {width} bytes wide, and {_WIDEST} is the most")
    reader.int_size = int_size
    form = _FORMS.get(number := reader.byte("its format"))
    if form is None:
        raise cursor.fail(f"its format is {number}, and none of pg_dump's has that number")
    compression = _compression(reader, version[:2])
    return Header(
        version=version,
        form=form,
        compression=compression,
        made=_moment(reader),
        database=reader.text("the name of its database") or "",
        server=reader.text("the version of its server") or "",
        program=reader.text("the version of its pg_dump") or "",
        int_size=int_size,
        offset_size=offset_size,
    )


def _version_words(version: tuple[int, int, int]) -> tuple[str, str]:
    said = ".".join(map(str, version[:2]))
    if version[:2] > NEWEST:
        return (
            f"its version is {said}, newer than any that is read here",
            "use the pg_restore of the PostgreSQL of then",
        )
    writer = _WRITERS.get(version[:2], "a PostgreSQL older than that")
    return (
        f"its version is {said}, from pg_dump {writer}, and only those of PostgreSQL 12 and newer are read here",
        "use pg_restore itself, which reads it whole",
    )


def _compression(reader: Reader, version: tuple[int, int]) -> Compression:
    if version < _ALGORITHM_SINCE:
        level = reader.number("its compression")
        if not -1 <= level <= 9:  # the levels of gzip
            raise reader.cursor.fail(f"its compression would be of level {level}, which gzip has not")
        return "gzip" if level else "none"
    number = reader.byte("its compression")
    if number >= len(_ALGORITHMS):
        raise reader.cursor.fail(f"its compression is number {number}, which is not known here")
    return _ALGORITHMS[number]


def _moment(reader: Reader) -> str:
    """The seven numbers of C's broken-down time, as one text; they are a remark of the archive's and prove nothing."""
    second, minute, hour, day, month, year, _ = (reader.number("its time") for _ in range(7))
    is_time = 0 <= second <= 60 and 0 <= minute < 60 and 0 <= hour < 24  # parts of a day
    if not (is_time and 1 <= day <= 31 and 0 <= month < 12 and 0 <= year < 8100):  # and of a year
        raise reader.cursor.fail("its time is none that a calendar has")
    return f"{1900 + year:04}-{month + 1:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
