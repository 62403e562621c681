"""The tokens of the few statements of pg_dump that are read as values. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

TokenKind = Literal["name", "bare", "word", "sign", "end"]

_TOKEN = re.compile(
    r"""\s+ | "(?P<quoted>(?:[^"\0]|"")+)" | (?P<name>[a-z_][a-z0-9_]*) | (?P<word>[A-Z]+) | (?P<number>[0-9]+)
    | (?P<operator>[-+*/<>=~!@#%^&|`?]+) | (?P<sign>[.,;()\[\]])""",
    re.VERBOSE,
)
_LONGEST = 1 << 20
"""Characters of an entry's statements that are read."""


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a statement: a name without its quotes, a word of SQL, or a sign.

    A *bare* one was not quoted: among a routine's arguments it may be a word such as ``integer``, and stays as it is.
    """

    kind: TokenKind
    text: str


class UnknownStatement(Exception):
    """The statement is none that we know."""


def read_statements(text: str) -> list[tuple[int, int, list[Token]]] | None:
    """The statements of a text, each from where to where, and its tokens; ``None`` where a sign is none of ours."""
    if len(text) > _LONGEST:
        return None
    found: list[tuple[int, int, list[Token]]] = []
    at, start, statement = 0, 0, list[Token]()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        at = match.end()
        if match["sign"] == ";":
            found.append((start, at, statement))
            start, statement = at, []
        elif token := _token(match):
            statement.append(token)
    if statement:  # pg_dump ends each
        return None
    return found


def _token(match: re.Match[str]) -> Token | None:
    if match["quoted"] is not None:
        return Token("name", match["quoted"].replace('""', '"'))
    if match["name"] is not None:
        return Token("bare", match["name"])
    if match["word"] is not None:
        return Token("word", match["word"])
    sign = match["number"] or match["operator"] or match["sign"]
    return Token("sign", sign) if sign else None


_END = Token("end", "")


class TokenReader:
    """Reads one statement from its first token to its last."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._at = tokens, 0

    def peek(self) -> Token:
        """What comes next; at the end a token of its own."""
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def take(self, kind: TokenKind) -> Token:
        """What comes next, which is then behind us; raises ``UnknownStatement`` where it is of another kind."""
        token = self.peek()
        if token.kind != kind:
            raise UnknownStatement
        self._at += 1
        return token

    def skip(self) -> None:
        """Leave what comes next behind us."""
        self._at += 1

    def is_at(self, text: str, ahead: int = 0) -> bool:
        """Whether a word or a sign comes next, or so many tokens further."""
        place = self._at + ahead
        return place < len(self._tokens) and self._tokens[place] in (Token("word", text), Token("sign", text))

    def takes(self, text: str) -> bool:
        """Whether a word or a sign comes next, which is then behind us."""
        is_next = self.peek() in (Token("word", text), Token("sign", text))
        self._at += is_next
        return is_next

    def word(self, text: str) -> None:
        """Raise ``UnknownStatement`` where another thing comes next."""
        if not self.takes(text):
            raise UnknownStatement

    sign = word

    def words(self, text: str) -> None:
        """The same of several words."""
        for each in text.split():
            self.word(each)

    def name(self) -> str:
        """The name that comes next."""
        token = self.peek()
        if token.kind not in ("name", "bare"):
            raise UnknownStatement
        self._at += 1
        return token.text

    def over(self) -> None:
        """Raise ``UnknownStatement`` where more comes."""
        if self.peek() is not _END:
            raise UnknownStatement
