"""Which column of a file goes to which column of a table, and how it is written there. Pure.

The law: a value is never guessed. What RDS is documented to write (FACTS 4.7) has a way; anything else has a way only where that
is exact, and is an objection where it is not. Text goes through the input function of the column's own type, at the server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from daybreak.model.names import did_you_mean, printable
from daybreak.model.parquet import TargetColumn

FileKind = Literal[
    "integer", "float4", "float8", "boolean", "text", "binary", "decimal", "date", "timestamp", "timestamptz", "other"
]
"""What the values of a file's column are; ``text`` is marked as UTF-8, ``binary`` is not."""


@dataclass(frozen=True, slots=True)
class FileColumn:
    """A column of a file."""

    name: str
    kind: FileKind
    words: str
    """Its type, as the file has it."""


NESTED = "nested"
"""The words for a column that is a part of a value: of a structure, or a list."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """A column of the table, and the column of the files that fills it."""

    target: TargetColumn
    source: FileColumn


@dataclass(frozen=True, slots=True)
class Matching:
    """The columns that are loaded, in the table's order; what is said of the others; and what stands against loading."""

    assigned: tuple[Assigned, ...]
    remarks: tuple[str, ...]
    objections: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that are loaded."""
        return tuple(each.target.name for each in self.assigned)


NATIVE: Mapping[str, FileKind] = {
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "float4": "float4",
    "float8": "float8",
    "bool": "boolean",
    "bytea": "binary",
}
"""The types that RDS writes as what they are. Every other one is documented to arrive as text, and so is any domain."""

_TAKERS: Mapping[FileKind, frozenset[str]] = {
    "integer": frozenset({"int2", "int4", "int8", "numeric"}),
    "float4": frozenset({"float4", "float8"}),
    "float8": frozenset({"float8"}),
    "boolean": frozenset({"bool"}),
    "binary": frozenset({"bytea"}),
    "decimal": frozenset({"numeric"}),
    "date": frozenset({"date"}),
    "timestamp": frozenset({"timestamp"}),
    "timestamptz": frozenset({"timestamptz"}),
    "other": frozenset(),
}
"""The types that take each kind exactly; text goes to all but ``bytea``, whose text could be read in two ways."""

_NEVER_EXPORTED = frozenset({"oid"})


def match_columns(table: Sequence[TargetColumn], file: Sequence[FileColumn]) -> Matching:
    """Bring the columns of a table and of its files together, by their names."""
    objections = [
        f"the files have {number} columns that are called {_quote(name)}"
        for name, number in Counter(each.name for each in file).items()
        if number > 1
    ]
    found = {each.name: each for each in file}
    assigned, remarks = [], []
    for target in table:
        source = found.pop(target.name, None)
        parts = _parts_of(target, found)
        for each in parts:
            del found[each]
        if target.is_generated:
            remarks.append(f"the column {_quote(target.name)} is generated, and the server makes its values")
        elif source is None and parts:
            objections.append(
                f"the column {_quote(target.name)} is in parts in the files ({', '.join(map(_quote, parts))}), "
                "and nothing makes one value of them exactly"
            )
        elif source is None:
            (objections if target.is_needed else remarks).append(_absence(target, found))
        elif _takes(target, source):
            assigned.append(Assigned(target, source))
            remarks += _surprise(target, source)
        else:
            objections.append(_mismatch(target, source))
    remarks += [
        f"the files have a column {_quote(name)}, and the table has no such column: its values are not loaded"
        for name in found
    ]
    if not assigned and not objections:
        objections.append("no column of the files has a place in the table")
    return Matching(tuple(assigned), tuple(remarks), tuple(objections))


def _quote(name: str) -> str:
    return f'"{printable(name)}"'


def _parts_of(target: TargetColumn, files: Mapping[str, FileColumn]) -> list[str]:
    """The columns of the files that a value of this one is taken apart to, as a structure or a list of values."""
    return [name for name, each in files.items() if each.words == NESTED and name.startswith(f"{target.name}.")]


def _absence(target: TargetColumn, others: Iterable[str]) -> str:
    why = " (RDS exports no oid)" if target.base in _NEVER_EXPORTED else ""
    filled = "a row needs a value for it" if target.is_needed else _what_fills(target)
    return f"the files have no column {_quote(target.name)}{why}{did_you_mean(target.name, others)}: {filled}"


def _what_fills(target: TargetColumn) -> str:
    return "each row gets its default" if target.has_default else "it is null in each row"


def _takes(target: TargetColumn, source: FileColumn) -> bool:
    return target.base != "bytea" if source.kind == "text" else target.base in _TAKERS[source.kind]


def _surprise(target: TargetColumn, source: FileColumn) -> list[str]:
    usual = "text" if target.is_domain else NATIVE.get(target.base, "text")
    if source.kind == usual:
        return []
    return [
        f"the column {_quote(target.name)} is {source.words} in the files; RDS is documented to write {target.type} as {usual}"
    ]


def _mismatch(target: TargetColumn, source: FileColumn) -> str:
    return (
        f"the column {_quote(target.name)} is {source.words} in the files and {target.type} in the table, "
        "and nothing makes one of the other exactly"
    )
