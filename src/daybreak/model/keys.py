"""Primary keys, by which a row is found again in a copy of its table, whatever file it lies in."""

from __future__ import annotations

from daybreak.model.names import printable
from daybreak.model.value import Value


class KeyColumn(Value):
    """One column of a primary key."""

    number: int
    """Its number in the table: no other column ever gets it, whatever names they take."""
    name: str
    kind: str
    """Its type, as a person reads it; a domain's is the type below."""
    read_as: str | None = None
    """The name of the type in ``pg_catalog``; ``None`` for one whose text may mean another value elsewhere."""


PrimaryKey = tuple[KeyColumn, ...]
"""The columns of a primary key, in its order; empty without one."""


def why_keys_differ(here: PrimaryKey, there: PrimaryKey) -> str:
    """Why a clone's rows cannot be held against its source's by key; empty where they can.

    A column may have another name by now. One that took a column's name is another one, with other values in the same rows.

    >>> one = KeyColumn(number=1, name="id", kind="integer", read_as="int4")
    >>> why_keys_differ((one,), (one.model_copy(update={"name": "old_id"}),))
    ''
    >>> why_keys_differ((one,), (one.model_copy(update={"number": 2}),))
    'its primary key is another one in the source'
    >>> why_keys_differ((), (one,)), why_keys_differ((one,), ())
    ('it has no primary key', 'it has no primary key in the source')
    """
    if not here:
        return "it has no primary key"
    if not there:
        return "it has no primary key in the source"
    if [(each.number, each.kind) for each in here] != [(each.number, each.kind) for each in there]:
        return "its primary key is another one in the source"
    unread = [each.kind for each in here if each.read_as is None]
    return f"its primary key has a column of type {printable(unread[0])}" if unread else ""
