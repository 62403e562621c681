"""The ``COPY`` statement of an archive's rows, read for the names of its columns. Pure."""

from __future__ import annotations

import re

_COLUMNS = re.compile(
    r'\ACOPY (?:ONLY )?(?:"(?:[^"]|"")*"|[^\s."(]+)(?:\.(?:"(?:[^"]|"")*"|[^\s."(]+))? \((.*)\) FROM stdin;\s*\Z',
    re.DOTALL,
)
_NAME = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^\s,"()]+))\s*(?:,|\Z)')


def columns_of_copy(statement: str) -> tuple[str, ...] | None:
    """The columns that a table's rows have, in their order; ``None`` where the statement does not say them.

    >>> columns_of_copy('COPY public.t (id, "say ""x"", y") FROM stdin;')
    ('id', 'say "x", y')
    >>> columns_of_copy("") is None
    True
    """
    found = _COLUMNS.match(statement)
    if found is None:
        return None
    text, place, names = found[1], 0, []
    while place < len(text):
        name = _NAME.match(text, place)
        if name is None:
            return None
        names.append(name[2] if name[1] is None else name[1].replace('""', '"'))
        place = name.end()
    return tuple(names)
