"""The types that a table's definition in a dump gives its columns, as far as they are PostgreSQL's own. Pure.

The law: this only finds sooner what the server's catalogs say later. A line that does not read as pg_dump writes it, and a type that
is not among PostgreSQL's own, says nothing.
"""

from __future__ import annotations

import re

from daybreak.model.column_shapes import ColumnShape, shape_of

_QUOTED = r'"(?:[^"]|"")*"'
_LINE = re.compile(rf"    ({_QUOTED}|[a-z_][a-z0-9_$]*) (.+)")


def types_in(definition: str) -> dict[str, ColumnShape]:
    r"""The columns of a ``CREATE TABLE`` of pg_dump's whose types are PostgreSQL's own, by name.

    >>> text = 'CREATE TABLE s.t (\n    id integer NOT NULL,\n    "a b" numeric(10,2)[] DEFAULT 1,\n    mood s.mood\n);\n'
    >>> {name: (each.type, each.modifier) for name, each in types_in(text).items()}
    {'id': ('pg_catalog.int4', -1), 'a b': ('pg_catalog.numeric[]', 655366)}
    """
    found = {}
    for line in definition.split("\n"):
        if each := _LINE.fullmatch(line):
            name = each[1][1:-1].replace('""', '"') if each[1].startswith('"') else each[1]
            shape = shape_of(name, each[2])
            if shape is not None:
                found[name] = shape
    return found
