"""The types that a table's definition in a dump gives its columns, as far as they are PostgreSQL's own. Pure.

The law: this only finds sooner what the server's catalogs say later. A line that does not read as pg_dump writes it, and a type that
is not among PostgreSQL's own, says nothing.
"""

from __future__ import annotations

import re

from daybreak.model.column_shapes import ColumnShape

_QUOTED = r'"(?:[^"]|"")*"'
_LINE = re.compile(rf"    ({_QUOTED}|[a-z_][a-z0-9_$]*) (.+)")
_NAMES = {
    "smallint": "int2", "integer": "int4", "bigint": "int8", "numeric": "numeric", "real": "float4", "double precision": "float8",
    "boolean": "bool", "text": "text", "character varying": "varchar", "character": "bpchar", "uuid": "uuid", "date": "date",
    "timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz", "time without time zone": "time",
    "time with time zone": "timetz", "json": "json", "jsonb": "jsonb", "bytea": "bytea", "money": "money", "inet": "inet", "cidr": "cidr",
}  # fmt: skip
"""What ``format_type`` calls the types that can be told without a catalog, and what they are."""
_TYPE = re.compile(
    r"(smallint|integer|bigint|numeric|real|double precision|boolean|text|character varying|character|uuid|date|timestamp|time"
    r"|jsonb?|bytea|money|inet|cidr)(?:\((\d+)(?:,(-?\d+))?\))?( with(?:out)? time zone)?(\[\])?"
    r"(?= COLLATE | DEFAULT | NOT NULL| GENERATED | CONSTRAINT |,?\Z)"
)


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


def shape_of(name: str, words: str) -> ColumnShape | None:
    """A column by the words of its type, which others may follow; ``None`` for a type that only a catalog knows.

    >>> shape_of("a", "timestamp(3) with time zone NOT NULL,")
    ColumnShape(name='a', type='pg_catalog.timestamptz', modifier=3, parts='', words='timestamp(3) with time zone')
    >>> shape_of("a", "shop.mood") is None
    True
    """
    found = _TYPE.match(words)
    if found is None:
        return None
    base, first, second, zone, array = found.groups(default="")
    kind = _NAMES.get(base + zone)
    if kind is None:
        return None
    return ColumnShape(name, f"pg_catalog.{kind}{array}", _modifier(kind, first, second), "", found[0])


def _modifier(kind: str, first: str, second: str) -> int:
    """``atttypmod``, as PostgreSQL packs it; -1 where there is none."""
    if not first:
        return 4 + 1 if kind == "bpchar" else -1
    if kind == "numeric":
        return (int(first) << 16 | int(second or 0) & 0x7FF) + 4
    return int(first) + (4 if kind in ("varchar", "bpchar") else 0)
