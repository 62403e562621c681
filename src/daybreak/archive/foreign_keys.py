"""The foreign keys of an archive as values. Pure.

The law is that of privileges: a strict grammar reads what pg_dump writes, and what it cannot read is for a person. A foreign key holds no
expression, so nothing of it can be code.
"""

from __future__ import annotations

from typing import get_args

from daybreak.archive.tokens import TokenReader, UnknownStatement, read_statements
from daybreak.model.creations import KeyAction, KeyToMake

_ACTIONS: dict[str, KeyAction] = {each: each for each in get_args(KeyAction)}


def read_key(text: str) -> KeyToMake | None:
    """The foreign key that a statement adds; ``None`` where it is none that we know.

    >>> found = read_key("ALTER TABLE ONLY a.b ADD CONSTRAINT k FOREIGN KEY (x) REFERENCES a.c(id) ON DELETE CASCADE;")
    >>> found and (found.table, found.columns, found.points_at, found.on_delete)
    (('a', 'b'), ('x',), ('a', 'c'), 'CASCADE')
    """
    tokens = read_statements(text)
    if tokens is None or len(tokens) != 1:
        return None
    try:
        return _read(TokenReader(tokens[0][2]))
    except UnknownStatement:
        return None


def _read(statement: TokenReader) -> KeyToMake:
    statement.words("ALTER TABLE")
    statement.takes("ONLY")
    table = _read_table(statement)
    statement.words("ADD CONSTRAINT")
    name = statement.name()
    statement.words("FOREIGN KEY")
    columns = _read_columns(statement)
    statement.word("REFERENCES")
    points_at, others = _read_table(statement), _read_columns(statement)
    is_full = statement.takes("MATCH")
    if is_full:
        statement.word("FULL")
    found: dict[str, KeyAction] = {}
    emptied: tuple[str, ...] = ()
    while statement.takes("ON"):
        event = "on_update" if statement.takes("UPDATE") else "on_delete"
        if event == "on_delete":
            statement.word("DELETE")
        found[event] = _read_action(statement)
        if event == "on_delete" and statement.is_at("("):
            emptied = _read_columns(statement)
    may_wait = statement.takes("DEFERRABLE")
    waits = may_wait and statement.takes("INITIALLY")
    if waits:
        statement.word("DEFERRED")
    is_unproven = statement.takes("NOT")
    if is_unproven:
        statement.word("VALID")
    statement.over()
    return KeyToMake(
        name=name, table=table, columns=columns, points_at=points_at, others=others, is_full=is_full, emptied=emptied,
        may_wait=may_wait, waits=waits, is_unproven=is_unproven, **found,
    )  # fmt: skip


def _read_table(statement: TokenReader) -> tuple[str, str]:
    schema = statement.name()
    statement.sign(".")
    return schema, statement.name()


def _read_columns(statement: TokenReader) -> tuple[str, ...]:
    statement.sign("(")
    found = [statement.name()]
    while statement.takes(","):
        found.append(statement.name())
    statement.sign(")")
    return tuple(found)


def _read_action(statement: TokenReader) -> KeyAction:
    for words, action in _ACTIONS.items():
        first, _, second = words.partition(" ")
        if statement.is_at(first) and (not second or statement.is_at(second, 1)):
            statement.words(words)
            return action
    raise UnknownStatement
