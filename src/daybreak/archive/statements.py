"""Plain SQL cut into statements, rows and psql's own commands, as psql would read it: in a stream, however long. Pure.

The law: whatever is read here otherwise than psql reads it can only end the load, never open it: psql itself is given the pieces in
a mode in which it carries out no command of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from daybreak.archive.damage import UnreadableArchive, unreadable_at
from daybreak.archive.script_words import words_of

LONGEST = 64 << 20
"""Bytes of one statement."""

PartKind = Literal["statement", "rows", "command", "blank"]

_STOPS = re.compile(rb"['\";\\$()]|--|/\*")
_TAG = re.compile(rb"\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$")
_COMMENT = re.compile(rb"/\*|\*/")
_LEADING = re.compile(rb"(?:\s+|--[^\n]*(?:\n|\Z))*")
_NAME = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$"


@dataclass(frozen=True, slots=True)
class ScriptPart:
    """A part of a script."""

    kind: PartKind
    text: bytes
    place: int
    """Its first byte, counted in what was unpacked."""

    @property
    def code(self) -> bytes:
        """The statement without the blanks and line comments before it."""
        found = _LEADING.match(self.text)
        return self.text[found.end() if found else 0 :]


def cut(chunks: Iterable[bytes], name: str) -> Iterator[ScriptPart]:
    """The pieces of a script, in order; together they are all of it. Raises ``UnreadableArchive`` for a statement without an end."""
    yield from _Cutter(chunks, name).pieces()


def _is_copy_in(code: bytes) -> bool:
    """Whether rows follow a statement: it copies from stdin, whatever else its names and options say."""
    if not re.match(rb"COPY\b", code, re.IGNORECASE):
        return False
    words = list(words_of(code))
    return any(one.is_word("FROM") and other.is_word("STDIN") for one, other in pairwise(words))


class _Cutter:
    """Reads on as it needs to; keeps no more than one statement."""

    def __init__(self, chunks: Iterable[bytes], name: str) -> None:
        self._chunks, self._name = iter(chunks), name
        self._held, self._place, self._is_over = b"", 0, False

    def pieces(self) -> Iterator[ScriptPart]:
        while True:
            end, kind = self._statement_end()
            if end == 0:
                return
            piece = self._take(end, kind)
            yield piece
            if kind == "statement" and _is_copy_in(piece.code):
                yield from self._rows()

    def _statement_end(self) -> tuple[int, PartKind]:
        """Where the statement, the command or the blank that begins here ends; 0 at the end of all."""
        at, depth = 0, 0
        while True:
            found = self._search(_STOPS, at)
            if found is None:
                end = len(self._held)
                is_blank = not ScriptPart("statement", self._held, 0).code
                if end and not is_blank:
                    raise self._fail(end, "a statement has no end")
                return end, "blank"
            sign, start, at = found[0], found.start(), found.end()
            if sign == b"\\":
                if start and (code := ScriptPart("statement", self._held[:start], 0).code.strip()):
                    raise self._fail(start, f"psql's own command stands within a statement ({len(code)} bytes of it)")
                return (start, "blank") if start else (self._after(b"\n", at), "command")
            if sign == b";":
                if depth == 0:
                    return at, "statement"
            elif sign in b"()":
                depth = max(depth + (1 if sign == b"(" else -1), 0)
            else:
                at = self._skip(sign, start, at)

    def _skip(self, sign: bytes, start: int, at: int) -> int:
        """The first byte after a text, a name or a comment that begins at ``start``."""
        match sign:
            case b"'":
                return self._after_text(start, at)
            case b'"':
                return self._after_quote(b'"', at)
            case b"--":
                return self._after(b"\n", at)
            case b"/*":
                return self._after_comment(at)
        self._reach(start + 130)  # a tag is a name
        tag = _TAG.match(self._held, start)
        if tag is None or (start and self._held[start - 1] in _NAME):
            return at
        end = self._find(tag[0], tag.end())
        if end < 0:
            raise self._fail(start, "a text in dollar signs has no end")
        return end + len(tag[0])

    def _after_text(self, start: int, at: int) -> int:
        before, further = self._held[start - 1 : start], self._held[start - 2 : start - 1] if start > 1 else b""
        if before not in (b"E", b"e") or (further and further in _NAME):
            return self._after_quote(b"'", at)
        while True:
            found = self._search(_IN_ESCAPED, at)
            if found is None:
                raise self._fail(start, "a text has no end")
            at = found.end()
            if found[0] == b"'":
                return at

    def _after_quote(self, sign: bytes, at: int) -> int:
        """A doubled sign opens another text right away, which comes to the same."""
        end = self._find(sign, at)
        if end < 0:
            raise self._fail(at, "a text or a name has no end")
        return end + 1

    def _after_comment(self, at: int) -> int:
        depth = 1
        while depth:
            found = self._search(_COMMENT, at)
            if found is None:
                raise self._fail(at, "a comment has no end")
            depth += 1 if found[0] == b"/*" else -1
            at = found.end()
        return at

    def _after(self, sign: bytes, at: int) -> int:
        end = self._find(sign, at)
        return len(self._held) if end < 0 else end + len(sign)

    def _rows(self) -> Iterator[ScriptPart]:
        """What follows a COPY, up to the line that ends it; in pieces as it comes."""
        yield self._take(self._after(b"\n", 0), "blank")
        while True:
            self._reach(3)
            if self._held[:3].rstrip(b"\r\n") == b"\\.":
                yield self._take(self._after(b"\n", 0), "rows")
                return
            end = self._held.find(b"\n\\.")
            if end >= 0:
                yield self._take(end + 1, "rows")
                self._reach(4)
                if self._held[2:3] not in (b"\n", b"\r", b""):
                    yield self._take(self._after(b"\n", 0), "rows")
                continue
            if self._is_over:
                raise self._fail(len(self._held), "rows have no end")
            # Two bytes may be the beginning of the end.
            whole = self._held.rfind(b"\n") + 1
            if whole:
                yield self._take(whole, "rows")
            self._read()

    # -- what is held -------------------------------------------------------------------------------------------------

    def _take(self, end: int, kind: PartKind) -> ScriptPart:
        piece = ScriptPart(kind, self._held[:end], self._place)
        self._held, self._place = self._held[end:], self._place + end
        return piece

    def _read(self) -> bool:
        """Hold one chunk more; whether there was one."""
        if self._is_over:
            return False
        if len(self._held) > LONGEST:
            raise self._fail(0, f"a statement or a row is longer than {LONGEST:,} bytes")
        chunk = next(self._chunks, None)
        self._is_over = chunk is None
        self._held += chunk or b""
        return chunk is not None

    def _reach(self, size: int) -> None:
        while len(self._held) < size and self._read():
            pass

    def _search(self, pattern: re.Pattern[bytes], at: int) -> re.Match[bytes] | None:
        while True:
            found = pattern.search(self._held, at)
            # At the very end a sign may be the first of two.
            if found is not None and (found.end() < len(self._held) or self._is_over):
                return found
            at = found.start() if found is not None else max(at, len(self._held) - 1)
            if not self._read():
                return pattern.search(self._held, at)

    def _find(self, sign: bytes, at: int) -> int:
        while (end := self._held.find(sign, at)) < 0:
            at = max(at, len(self._held) - len(sign) + 1)
            if not self._read():
                return -1
        return end

    def _fail(self, at: int, why: str) -> UnreadableArchive:
        return unreadable_at(self._name, self._place + at, why)


_IN_ESCAPED = re.compile(rb"\\.|'", re.DOTALL)
