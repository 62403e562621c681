"""Which column takes another one's values exactly, where they come as text. Pure.

The law: what is not known to be exact is not. A cast that the server makes without a word may round, cut or drop: ``numeric(10,2)``
takes ``1.2345``, ``date`` takes a timestamp, ``varchar(4)`` cuts blanks. So only the same type takes a type's values, one that is wider,
and text that reads as the server's own cast would have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from daybreak.model.column_shapes import ColumnShape
from daybreak.model.names import printable

_INTEGERS = ("pg_catalog.int2", "pg_catalog.int4", "pg_catalog.int8")
_TEXTS = ("pg_catalog.text", "pg_catalog.varchar")
_READ_ALIKE = (*_TEXTS, *_INTEGERS, "pg_catalog.numeric", "pg_catalog.uuid")
"""The types whose text by ``COPY`` is the text that a cast makes; of a boolean, or a padded ``char``, it is another."""
_BY_LENGTH = ("pg_catalog.varchar", "pg_catalog.bpchar", "pg_catalog.varbit")
_BY_PRECISION = ("pg_catalog.timestamp", "pg_catalog.timestamptz", "pg_catalog.time", "pg_catalog.timetz")
_FINEST = 6
"""Digits of a second that are kept where none are named."""


def inexact_columns(source: Sequence[ColumnShape], there: Sequence[ColumnShape]) -> Iterator[str]:
    """Name each column of the source whose namesake does not take its values exactly; one that is missing there is no matter of this."""
    found = {each.name: each for each in there}
    for each in source:
        taker = found.get(each.name)
        if taker is not None and not takes(taker, each):
            yield f"{printable(each.name)} is {printable(each.words)} in the export and {printable(taker.words)} there"


def takes(taker: ColumnShape, source: ColumnShape) -> bool:
    """Whether each value of ``source``, written as text, is the same value in ``taker``.

    >>> def of(type_, modifier=-1):
    ...     return ColumnShape("a", f"pg_catalog.{type_}", modifier, "", type_)
    >>> takes(of("int8"), of("int4")), takes(of("int4"), of("int8"))
    (True, False)
    >>> takes(of("varchar", 24), of("varchar", 14)), takes(of("varchar", 14), of("varchar"))
    (True, False)
    """
    if taker.type == source.type and taker.parts == source.parts:
        return taker.modifier in (-1, source.modifier) or _is_wider(source.type.removesuffix("[]"), taker, source)
    if taker.modifier != -1:
        return False
    if source.type in _INTEGERS:
        wider = (*_INTEGERS[_INTEGERS.index(source.type) :], "pg_catalog.numeric")
        return taker.type in (*wider, *_TEXTS)
    return taker.type in _TEXTS and source.type in _READ_ALIKE


def _is_wider(kind: str, taker: ColumnShape, source: ColumnShape) -> bool:
    if kind in _BY_LENGTH:
        return -1 != source.modifier <= taker.modifier
    if kind in _BY_PRECISION:
        return taker.modifier >= (_FINEST if source.modifier == -1 else source.modifier)
    if kind == "pg_catalog.numeric" and source.modifier != -1:
        (digits, scale), (most, places) = _of_numeric(source.modifier), _of_numeric(taker.modifier)
        return places >= scale and most - places >= digits - scale
    return False


def _of_numeric(modifier: int) -> tuple[int, int]:
    """Precision and scale: sixteen bits and eleven, of which the last is a sign since PostgreSQL 15."""
    packed = modifier - 4
    return packed >> 16 & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024
