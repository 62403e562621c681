"""The privileges of an archive as values: who may do what with which object. Pure.

The law: no text of an archive is ever run to give privileges. A strict grammar reads the few statements that pg_dump writes, and
what it reads is composed anew; what it cannot read is handed back with its text, for a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from daybreak.archive.contents import ArchiveEntry
from daybreak.archive.tokens import Token, TokenReader, UnknownStatement, read_statements

PUBLIC = "PUBLIC"
"""The grantee that means everybody; a role of that name is quoted, and is another one."""

_PRIVILEGES = frozenset({
    "ALL", "CREATE", "DELETE", "EXECUTE", "INSERT", "MAINTAIN", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE",
    "USAGE",
})  # fmt: skip
_OF_COLUMNS = frozenset({"ALL", "INSERT", "REFERENCES", "SELECT", "UPDATE"})
_KINDS = ("TABLE", "SEQUENCE", "FUNCTION", "PROCEDURE", "SCHEMA", "TYPE", "LARGE OBJECT")
_ROUTINES = frozenset({"FUNCTION", "PROCEDURE", "AGGREGATE"})
_OF_LATER_ONES = ("TABLES", "SEQUENCES", "FUNCTIONS", "TYPES", "SCHEMAS", "LARGE OBJECTS")
_IN_ARGUMENTS = frozenset({"IN", "OUT", "INOUT", "VARIADIC", "ORDER", "BY", "NONE"})


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


def read_privileges(entry: ArchiveEntry) -> tuple[Privileges | NotRead, ...]:
    """The statements of an ACL or DEFAULT ACL entry, each as values or, where it is none that we know, as its text."""
    text = entry.definition
    tokens = read_statements(text)
    if tokens is None:
        return (NotRead(text.strip()),) if text.strip() else ()
    found: list[Privileges | NotRead] = []
    for start, end, statement in tokens:
        try:
            found.append(_Statement(statement).privileges())
        except UnknownStatement:
            # Who grants is said before, so what follows cannot be understood alone.
            return (*found, NotRead(text[start:].strip())) if text[start:end].strip() else tuple(found)
    return tuple(found)


def routine_of(text: str, kind: str) -> tuple[Token, ...] | None:
    """What names a routine or an operator in the statement that drops it; ``None`` where it is none that we know.

    >>> found = routine_of("DROP FUNCTION sales.code(a integer);", "FUNCTION")
    >>> [each.text for each in found or ()]
    ['sales', '.', 'code', '(', 'a', 'integer', ')']
    """
    tokens = read_statements(text)
    if tokens is None or len(tokens) != 1:
        return None
    statement = _Statement(tokens[0][2])
    try:
        statement.word("DROP")
        statement.word(kind)
        found = statement.operator() if kind == "OPERATOR" else statement.routine()
        statement.over()
    except UnknownStatement:
        return None
    return found


class _Statement(TokenReader):
    """Reads one statement from its first token to its last."""

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
            raise UnknownStatement
        self.word("TO" if gives else "FROM")
        grantee = self._grantee()
        handed_on = gives and self.takes("WITH")
        if handed_on:
            self.words("GRANT OPTION")
        self.over()
        return Privileges(gives, granted, kind, named, grantee, only_option or handed_on, of_role, in_schema)

    def _read_granted(self) -> Iterator[Granted]:
        while True:
            token = self.take("word")
            if token.text not in _PRIVILEGES:
                raise UnknownStatement
            columns: list[str] = []
            if self.takes("("):
                columns.append(self.name())
                while self.takes(","):
                    columns.append(self.name())
                self.sign(")")
                if token.text not in _OF_COLUMNS:
                    raise UnknownStatement
            yield Granted(token.text, tuple(columns))
            if not self.takes(","):
                return

    def _kind(self, kinds: tuple[str, ...]) -> str:
        first = self.take("word").text
        kind = f"{first} {self.take('word').text}" if first == "LARGE" else first
        if kind not in kinds:
            raise UnknownStatement
        return kind

    def _object(self, kind: str) -> tuple[Token, ...]:
        match kind:
            case "LARGE OBJECT":
                token = self.take("sign")
                if not (token.text.isascii() and token.text.isdecimal()):
                    raise UnknownStatement
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
        sign = self.take("sign")
        if not re.fullmatch(r"[-+*/<>=~!@#%^&|`?]+", sign.text) or "--" in sign.text or "/*" in sign.text:
            raise UnknownStatement
        return schema, Token("sign", "."), sign, *self._arguments()

    def _arguments(self) -> tuple[Token, ...]:
        self.sign("(")
        found = [Token("sign", "(")]
        while not self.takes(")"):
            token = self.peek()
            is_known = (
                token.kind in ("name", "bare")
                or (token.kind == "word" and token.text in _IN_ARGUMENTS)
                or (token.kind == "sign" and token.text in (".", ",", "[", "]", "*"))
            )
            if not is_known:
                raise UnknownStatement
            found.append(token)
            self.skip()
        return (*found, Token("sign", ")"))
