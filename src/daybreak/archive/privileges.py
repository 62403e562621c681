"""The privileges of an archive as values: who may do what with which object. Pure.

The law: no text of an archive is ever run to give privileges. A strict grammar reads the few statements that pg_dump writes, and
what it reads is composed anew; what it cannot read is handed back with its text, for a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from daybreak.archive.contents import ArchiveEntry

TokenKind = Literal["name", "bare", "word", "sign", "end"]

PUBLIC = "PUBLIC"
"""The grantee that means everybody; a role of that name is quoted, and is another one."""

_TOKEN = re.compile(
    r"""\s+ | "(?P<quoted>(?:[^"\0]|"")+)" | (?P<name>[a-z_][a-z0-9_]*) | (?P<word>[A-Z]+) | (?P<number>[0-9]+)
    | (?P<operator>[-+*/<>=~!@#%^&|`?]+) | (?P<sign>[.,;()\[\]])""",
    re.VERBOSE,
)
_PRIVILEGES = frozenset({
    "ALL", "CREATE", "DELETE", "EXECUTE", "INSERT", "MAINTAIN", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE",
    "USAGE",
})  # fmt: skip
_OF_COLUMNS = frozenset({"ALL", "INSERT", "REFERENCES", "SELECT", "UPDATE"})
_KINDS = ("TABLE", "SEQUENCE", "FUNCTION", "PROCEDURE", "SCHEMA", "TYPE", "LARGE OBJECT")
_ROUTINES = frozenset({"FUNCTION", "PROCEDURE", "AGGREGATE"})
_OF_LATER_ONES = ("TABLES", "SEQUENCES", "FUNCTIONS", "TYPES", "SCHEMAS", "LARGE OBJECTS")
_IN_ARGUMENTS = frozenset({"IN", "OUT", "INOUT", "VARIADIC", "ORDER", "BY", "NONE"})
_LONGEST = 1 << 20
"""Characters of an entry's statements that are read."""


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a statement: a name without its quotes, a word of SQL, or a sign.

    A *bare* one was not quoted: among a routine's arguments it may be a word such as ``integer``, and stays as it is.
    """

    kind: TokenKind
    text: str


@dataclass(frozen=True, slots=True)
class Grantee:
    """Who gets or loses a privilege: a role, or everybody."""

    name: str
    is_public: bool = False


@dataclass(frozen=True, slots=True)
class Granted:
    """A privilege, and the columns that it is for; without any it is for the whole object."""

    privilege: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Privileges:
    """One statement: privileges on one object that one grantee gets or loses."""

    gives: bool
    granted: tuple[Granted, ...]
    kind: str
    """The kind of object, in SQL's words: ``TABLE``. For objects that are made later ``TABLES``."""
    object: tuple[Token, ...]
    """What names it, with a routine's arguments; empty for objects that are made later."""
    grantee: Grantee
    with_grant_option: bool = False
    """Whether it may be handed on; of what is taken away, whether only that is."""
    of_role: str | None = None
    """Whose objects that are made later it is about; ``None`` for an object that is there."""
    in_schema: str | None = None


@dataclass(frozen=True, slots=True)
class NotRead:
    """A statement that the grammar does not know."""

    statement: str


class _Unknown(Exception):
    """The statement is none that we know."""


def read_privileges(entry: ArchiveEntry) -> tuple[Privileges | NotRead, ...]:
    """The statements of an ACL or DEFAULT ACL entry, each as values or, where it is none that we know, as its text."""
    text = entry.definition
    tokens = _tokens(text)
    if tokens is None:
        return (NotRead(text.strip()),) if text.strip() else ()
    found: list[Privileges | NotRead] = []
    for start, end, statement in tokens:
        try:
            found.append(_Statement(statement).privileges())
        except _Unknown:
            # Who grants is said before, so what follows cannot be understood alone.
            return (*found, NotRead(text[start:].strip())) if text[start:end].strip() else tuple(found)
    return tuple(found)


def routine_of(text: str, kind: str) -> tuple[Token, ...] | None:
    """What names a routine or an operator in the statement that drops it; ``None`` where it is none that we know.

    >>> found = routine_of("DROP FUNCTION sales.code(a integer);", "FUNCTION")
    >>> [each.text for each in found or ()]
    ['sales', '.', 'code', '(', 'a', 'integer', ')']
    """
    tokens = _tokens(text)
    if tokens is None or len(tokens) != 1:
        return None
    statement = _Statement(tokens[0][2])
    try:
        statement.word("DROP")
        statement.word(kind)
        found = statement.operator() if kind == "OPERATOR" else statement.routine()
        statement.over()
    except _Unknown:
        return None
    return found


def _tokens(text: str) -> list[tuple[int, int, list[Token]]] | None:
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


class _Statement:
    """Reads one statement from its first token to its last."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._at = tokens, 0

    def privileges(self) -> Privileges:
        of_role: str | None = None
        in_schema: str | None = None
        kinds: tuple[str, ...] = _KINDS
        if self.takes("ALTER"):
            self.words("DEFAULT PRIVILEGES FOR ROLE")
            of_role, kinds = self.name(), _OF_LATER_ONES
            if self.takes("IN"):
                self.word("SCHEMA")
                in_schema = self.name()
        gives = self.takes("GRANT")
        if not gives:
            self.word("REVOKE")
        only_option = not gives and self.takes("GRANT")
        if only_option:
            self.words("OPTION FOR")
        granted = tuple(self._read_granted())
        self.word("ON")
        kind = self._kind(kinds)
        named = () if of_role is not None else self._object(kind)
        if any(each.columns for each in granted) and kind != "TABLE":
            raise _Unknown
        self.word("TO" if gives else "FROM")
        grantee = self._grantee()
        handed_on = gives and self.takes("WITH")
        if handed_on:
            self.words("GRANT OPTION")
        self.over()
        return Privileges(gives, granted, kind, named, grantee, only_option or handed_on, of_role, in_schema)

    def _read_granted(self) -> Iterator[Granted]:
        while True:
            token = self._take("word")
            if token.text not in _PRIVILEGES:
                raise _Unknown
            columns: list[str] = []
            if self.takes("("):
                columns.append(self.name())
                while self.takes(","):
                    columns.append(self.name())
                self.sign(")")
                if token.text not in _OF_COLUMNS:
                    raise _Unknown
            yield Granted(token.text, tuple(columns))
            if not self.takes(","):
                return

    def _kind(self, kinds: tuple[str, ...]) -> str:
        first = self._take("word").text
        kind = f"{first} {self._take('word').text}" if first == "LARGE" else first
        if kind not in kinds:
            raise _Unknown
        return kind

    def _object(self, kind: str) -> tuple[Token, ...]:
        match kind:
            case "LARGE OBJECT":
                token = self._take("sign")
                if not (token.text.isascii() and token.text.isdecimal()):
                    raise _Unknown
                return (token,)
            case "SCHEMA":
                return (Token("name", self.name()),)
            case kind if kind in _ROUTINES:
                return self.routine()
            case _:
                return self._read_name()

    def _grantee(self) -> Grantee:
        if self.takes(PUBLIC):
            return Grantee(PUBLIC, is_public=True)
        return Grantee(self.name())

    def _read_name(self) -> tuple[Token, ...]:
        schema = Token("name", self.name())
        self.sign(".")
        return schema, Token("sign", "."), Token("name", self.name())

    def routine(self) -> tuple[Token, ...]:
        """A routine's name with its arguments."""
        return (*self._read_name(), *self._arguments())

    def operator(self) -> tuple[Token, ...]:
        """An operator's name with its operands."""
        schema = Token("name", self.name())
        self.sign(".")
        sign = self._take("sign")
        if not re.fullmatch(r"[-+*/<>=~!@#%^&|`?]+", sign.text) or "--" in sign.text or "/*" in sign.text:
            raise _Unknown
        return schema, Token("sign", "."), sign, *self._arguments()

    def _arguments(self) -> tuple[Token, ...]:
        self.sign("(")
        found = [Token("sign", "(")]
        while not self.takes(")"):
            token = self._peek()
            is_known = (
                token.kind in ("name", "bare")
                or (token.kind == "word" and token.text in _IN_ARGUMENTS)
                or (token.kind == "sign" and token.text in (".", ",", "[", "]", "*"))
            )
            if not is_known:
                raise _Unknown
            found.append(token)
            self._at += 1
        return (*found, Token("sign", ")"))

    # -- tokens -------------------------------------------------------------------------------------------------------

    def _peek(self) -> Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _take(self, kind: TokenKind) -> Token:
        token = self._peek()
        if token.kind != kind:
            raise _Unknown
        self._at += 1
        return token

    def takes(self, text: str) -> bool:
        """Whether a word or a sign comes next, which is then behind us."""
        is_next = self._peek() in (Token("word", text), Token("sign", text))
        self._at += is_next
        return is_next

    def word(self, text: str) -> None:
        """Raise ``_Unknown`` where another thing comes next."""
        if not self.takes(text):
            raise _Unknown

    sign = word

    def words(self, text: str) -> None:
        """The same of several words."""
        for each in text.split():
            self.word(each)

    def name(self) -> str:
        """The name that comes next."""
        token = self._peek()
        if token.kind not in ("name", "bare"):
            raise _Unknown
        self._at += 1
        return token.text

    def over(self) -> None:
        """Raise ``_Unknown`` where more comes."""
        if self._peek() is not _END:
            raise _Unknown
