"""The ``COPY`` statement of rows in a dump, read for the names of its table and columns. Pure."""

from __future__ import annotations

import re

_QUOTED = r'"(?:[^"]|"")*"'
_PLAIN = r'[^\s."(),;]+'
_COPY = re.compile(
    rf"\ACOPY (?:ONLY )?(?:({_QUOTED}|{_PLAIN})\.)?({_QUOTED}|{_PLAIN})(?: \((.*)\))? FROM stdin;\s*\Z",
    re.DOTALL | re.IGNORECASE,
)
_NAME = re.compile(rf"\s*({_QUOTED}|{_PLAIN})\s*(?:,|\Z)")


def columns_of_copy(statement: str) -> tuple[str, ...] | None:
    """The columns that a table's rows have, in their order; ``None`` where the statement does not say them.

    >>> columns_of_copy('COPY public.t (id, "say ""x"", y") FROM stdin;')
    ('id', 'say "x", y')
    >>> columns_of_copy("") is None
    True
    """
    found = _COPY.match(statement)
    if found is None or found[3] is None:
        return None
    text, place, names = found[3], 0, []
    while place < len(text):
        name = _NAME.match(text, place)
        if name is None:
            return None
        names.append(_bare(name[1]))
        place = name.end()
    return tuple(names)


def table_of_copy(statement: str) -> tuple[str, str] | None:
    """The schema and the name of the table that a statement fills; ``None`` for any other statement, or one without a schema.

    >>> table_of_copy('COPY shop."c d" (id) FROM stdin;')
    ('shop', 'c d')
    """
    found = _COPY.match(statement)
    return (_bare(found[1]), _bare(found[2])) if found and found[1] else None


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
