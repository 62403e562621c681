"""How a person names a table, and how its name is written so that it can be typed again. Pure.

Names are taken as they are printed, ``schema.table``, and as SQL quotes them, ``"schema"."table"``, which alone says where a dot,
a quote or an equals sign is a part of the name.
"""

from __future__ import annotations

import re

from daybreak.model.names import printable, sql_identifier

_QUOTED = r'"(?:[^"]|"")*"'
_RENAME = re.compile(rf'((?:{_QUOTED}|[^"=])*)=(.*)', re.DOTALL)
_PARTS = re.compile(rf'(?:({_QUOTED}|[^".]*)\.)?({_QUOTED}|[^"]*)', re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def split_rename(words: str) -> tuple[str, str | None]:
    """A table and its new name, as ``NAME=NEW``; ``None`` where no new one is said.

    >>> split_rename("shop.orders=old_orders"), split_rename('"shop"."a=b"'), split_rename('a"b=c')
    (('shop.orders', 'old_orders'), ('"shop"."a=b"', None), ('a"b', 'c'))
    """
    if found := _RENAME.fullmatch(words):
        return found[1], found[2]
    if words.count('"') % 2:  # a quote that is a part of the name
        name, sign, new = words.partition("=")
        return name, new if sign else None
    return words, None


def read_name(words: str) -> tuple[str, str]:
    """The schema, empty where it is not said, and the name.

    >>> read_name("shop.orders"), read_name('"a.b"'), read_name('shop."the ""old"" one"')
    (('shop', 'orders'), ('', 'a.b'), ('shop', 'the "old" one'))
    """
    if found := _PARTS.fullmatch(words):
        return _unquote(found[1] or ""), _unquote(found[2])
    schema, dot, name = words.partition(".")
    return (schema, name) if dot else ("", schema)


def _unquote(words: str) -> str:
    return words[1:-1].replace('""', '"') if len(words) > 1 and words[0] == words[-1] == '"' else words


def forms_of(schema: str, name: str) -> tuple[str, ...]:
    """Every way to name a table, those with its schema first."""
    schemas, names = (schema, sql_identifier(schema)), (name, sql_identifier(name))
    full = [f"{one}.{other}" for one in schemas for other in names]
    return (*dict.fromkeys((*full, printable(f"{schema}.{name}", 1_000))), *names)


def table_words(schema: str, name: str) -> str:
    """A table as it can be typed again: as SQL quotes it where its name is not a plain one.

    >>> table_words("shop", "orders"), table_words("shop", "a.b")
    ('shop.orders', '"shop"."a.b"')
    """
    if _PLAIN.fullmatch(schema) and _PLAIN.fullmatch(name):
        return f"{schema}.{name}"
    return f"{sql_identifier(schema)}.{sql_identifier(name)}"
