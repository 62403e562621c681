"""Creations: tables of an export that a living database lacks, and what is made there of them."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

from daybreak.model.value import Value

KeyAction = Literal["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"]
"""What becomes of a row that points at one that is changed or deleted, in SQL's words."""


class KeyToMake(Value):
    """A foreign key of a table that is made."""

    name: str
    table: tuple[str, str]
    """Its schema and name in the receiver."""
    columns: tuple[str, ...]
    points_at: tuple[str, str]
    """The table in the receiver."""
    others: tuple[str, ...]
    """The columns there."""
    is_full: bool = False
    """Whether a row has nulls in all of the columns, or in none."""
    on_update: KeyAction = "NO ACTION"
    on_delete: KeyAction = "NO ACTION"
    emptied: tuple[str, ...] = ()
    """The columns that a delete sets; without any it is all."""
    may_wait: bool = False
    waits: bool = False
    """Whether it may be held at the transaction's end only, and whether it is by itself."""
    is_unproven: bool = False
    """Whether it was never held to the rows that were there before it."""

    def words(self) -> str:
        """The key for a person to read."""
        return (
            f"FOREIGN KEY ({', '.join(self.columns)}) REFERENCES {'.'.join(self.points_at)} ({', '.join(self.others)})"
        )


class ThingListed(Value):
    """A thing that the archive's table of contents lists for a table."""

    label: str
    """Its kind and name in pg_dump's words."""
    statement: str
    """The archive's own words for it, for a person to read: they are run nowhere but in the scratch database."""
    why_not: str = ""
    """Why it is not made; empty where it is."""


class Creation(Value):
    """What is made of a table that the receiver lacks."""

    into: tuple[str, str]
    """Its schema and its name there."""
    things: tuple[ThingListed, ...] = ()
    """All that the table of contents lists for it; a script has no such table."""
    is_listed: bool = True
    """Whether the export has a table of contents: then nothing is made that does not stand in it."""
    keys: tuple[KeyToMake, ...] = ()
    """The foreign keys that are made, once all rows are there."""


_LONGEST_NAME = 63


def short_name(name: str) -> str:
    """A name that the server does not cut: a long one ends in a digest of all of it.

    >>> short_name("orders_id_seq"), len(short_name("o" * 80))
    ('orders_id_seq', 63)
    """
    raw = name.encode()
    if len(raw) <= _LONGEST_NAME:
        return name
    mark = sha256(raw).hexdigest()[:8]
    return raw[: _LONGEST_NAME - len(mark) - 1].decode(errors="ignore") + "_" + mark


def name_of_part(name: tuple[str, str], table: tuple[str, str], into: tuple[str, str]) -> tuple[str, str]:
    """The name of something that belongs to a table, where the table has another one: an index cannot be there twice.

    >>> name_of_part(("shop", "orders_pkey"), ("shop", "orders"), ("shop", "orders_then"))
    ('shop', 'orders_then_pkey')
    """
    if table == into:
        return name
    old, new = table[1], into[1]
    return into[0], short_name(new + name[1][len(old) :] if name[1].startswith(old) else f"{new}_{name[1]}")
