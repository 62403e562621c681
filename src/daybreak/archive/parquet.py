"""How many rows a Parquet file has: the end of the file says it, in Thrift's compact protocol.

Of the whole description of the file only that number is taken; the rest is passed over, each length held against what is left.
"""

from __future__ import annotations

from daybreak.archive.damage import unreadable_at

TAIL = 16 << 10
"""How many of the last bytes are read first; the description of a table with some hundred columns fits."""
MOST = 8 << 20
"""The longest description that is read, in bytes."""
_MAGIC = b"PAR1"
_END = 8
"""Bytes after the description: its length, and the magic bytes again."""
_DEEPEST = 32
_ROWS = 3
"""The number of the field that counts the rows."""

_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(13)


def footer_length(name: str, tail: bytes, size: int) -> int:
    """The bytes from the beginning of the description to the file's end; raises ``UnreadableArchive`` for no whole Parquet file."""
    if len(tail) < _END or tail[-4:] != _MAGIC:
        raise unreadable_at(name, size, "it does not end as a Parquet file does")
    length = int.from_bytes(tail[-_END:-4], "little")
    if length > min(size - _END - len(_MAGIC), MOST):
        raise unreadable_at(name, size - _END, f"its description would be {length:,} bytes long")
    return length + _END


def rows_in(name: str, footer: bytes) -> int:
    """The number of rows, of a description with its end; raises ``UnreadableArchive`` where it does not hold one."""
    scan = ThriftScan(name, footer[:-_END])
    field = 0
    while (head := scan.byte()) & 15 != _STOP:
        field = scan.field(head, field)
        if field == _ROWS and head & 15 == _I64:
            rows = scan.number()
            if rows < 0:
                raise scan.fail("it would have less than no rows")
            return rows
        scan.skip(head & 15)
    raise scan.fail("it does not say how many rows it has")


class ThriftScan:
    """Goes forward through values in Thrift's compact protocol; for errors, ``start`` is where they stand in their file."""

    def __init__(self, name: str, content: bytes, start: int = 0, what: str = "its description") -> None:
        self._name = name
        self._content = content
        self._start = start
        self._what = what
        self._at = 0

    @property
    def passed(self) -> int:
        """How many bytes it went through."""
        return self._at

    def fail(self, why: str) -> Exception:
        """The error for something wrong at the position."""
        return unreadable_at(self._name, self._start + self._at, f"{self._what} cannot be read: {why}")

    def byte(self) -> int:
        """The next byte."""
        self._pass(1)
        return self._content[self._at - 1]

    def field(self, head: int, before: int) -> int:
        """The number of the field that begins with a byte; ``before`` is that of the field before it."""
        return before + (head >> 4) if head >> 4 else self.number()

    def number(self) -> int:
        """A number with its sign in its last bit."""
        raw = self.length()
        return (raw >> 1) ^ -(raw & 1)

    def length(self) -> int:
        """A number without a sign."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:  # the mark of a number's last byte
                return value
        raise self.fail("a number does not end")

    def _pass(self, length: int) -> None:
        if length > len(self._content) - self._at:
            raise self.fail("it ends too early")
        self._at += length

    def skip(self, kind: int, depth: int = 0, *, is_inside: bool = False) -> None:
        """Pass over a value; a truth stands in its field's head, and ``is_inside`` a list in a byte of its own."""
        if depth > _DEEPEST:
            raise self.fail("it is nested too deep")
        match kind:
            case 1 | 2:
                self._pass(int(is_inside))
            case 3:
                self._pass(1)
            case 4 | 5 | 6:
                self.length()
            case 7:
                self._pass(8)
            case 8:
                self._pass(self.length())
            case 9 | 10:
                self._skip_list(depth)
            case 11:
                self._skip_map(depth)
            case 12:
                while (head := self.byte()) & 15 != _STOP:
                    self.field(head, 0)
                    self.skip(head & 15, depth + 1)
            case _:
                raise self.fail(f"a value is of kind {kind}, which Thrift has not")

    def content(self) -> bytes:
        """Bytes, whose number stands before them."""
        length = self.length()
        self._pass(length)
        return self._content[self._at - length : self._at]

    def members(self) -> tuple[int, int]:
        """How many members a list has, and of what kind they are; the first one follows."""
        head = self.byte()
        count = head >> 4 if head >> 4 != 15 else self.length()  # the mark of a long list
        self._room_for(count)
        return count, head & 15

    def _skip_list(self, depth: int) -> None:
        count, kind = self.members()
        for _ in range(count):
            self.skip(kind, depth + 1, is_inside=True)

    def _skip_map(self, depth: int) -> None:
        count = self.length()
        self._room_for(count)
        kinds = self.byte() if count else 0
        for _ in range(count):
            self.skip(kinds >> 4, depth + 1, is_inside=True)
            self.skip(kinds & 15, depth + 1, is_inside=True)

    def _room_for(self, count: int) -> None:
        if count > len(self._content) - self._at:
            raise self.fail(f"a list would have {count:,} members")
