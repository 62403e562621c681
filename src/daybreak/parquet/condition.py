"""Which rows are wanted: a condition in a small part of SQL, read without running any of it. Pure.

The law: the server has the last word. It gets the whole condition with each ``COPY … WHERE``, and compares the values in the types
of the table. What is left out here before that is only what it would leave out too: whole numbers, truths and texts that are equal
by their bytes. So numbers, times and names in other collations are compared by PostgreSQL, although the files have them as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from daybreak.errors import Refused
from daybreak.model.names import comma_list, did_you_mean, printable, sql_identifier, sql_text
from daybreak.parquet.columns import Assigned

Constant = bool | int | Decimal | str
"""A value that a condition names."""

Operator = Literal["=", "<>", "<", "<=", ">", ">=", "in", "not in", "between", "not between", "null", "not null"]

MOST_TEXT = 10_000
MOST_VALUES = 1_000
DEEPEST = 50
_LONGEST_NUMBER = 200


@dataclass(frozen=True, slots=True)
class ColumnTest:
    """One question of one column."""

    column: str
    operator: Operator
    values: tuple[Constant, ...] = ()


@dataclass(frozen=True, slots=True)
class AllOf:
    """Conditions that must all hold."""

    parts: tuple[RowCondition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Conditions of which one must hold."""

    parts: tuple[RowCondition, ...]


RowCondition = ColumnTest | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class GroupExtent:
    """What a file says of a column's values in a row group."""

    rows: int
    nulls: int | None = None
    least: Constant | None = None
    most: Constant | None = None


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")+")
      | (?P<number>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?(?![\w.]))
      | (?P<word>[^\W\d][\w$]*)
      | (?P<sign><=|>=|<>|!=|[=<>(),])
    )""",
    re.VERBOSE,
)
_SIGNS: Mapping[str, Operator] = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_RESERVED = frozenset({"and", "or", "not", "in", "is", "null", "between", "true", "false", "like", "ilike", "select"})
_ALLOWED = (
    "it may hold COLUMN = VALUE (also <>, <, <=, >, >=), IN (…), BETWEEN … AND …, IS NULL, NOT before those, AND, OR and "
    "parentheses; a VALUE is a number, a 'text', TRUE or FALSE"
)


def parse_condition(text: str) -> RowCondition:
    """The condition that a person wrote; raises ``Refused`` for anything that is not in this small part of SQL."""
    if len(text) > MOST_TEXT:
        raise Refused(f"the condition is {len(text):,} characters long, and {MOST_TEXT:,} are the most", _ALLOWED)
    if "\0" in text:
        raise Refused("the condition holds a NUL byte", _ALLOWED)
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split())
        self._at = 0
        self._values = 0

    def _split(self) -> Iterator[tuple[str, str, int]]:
        position, end = 0, len(self._text.rstrip())
        while position < end:
            found = _TOKEN.match(self._text, position)
            if found is None:
                raise self._error(position)
            kind = str(found.lastgroup)
            yield kind, found[kind], found.start(kind)
            position = found.end()

    def _error(self, position: int, wanted: str = "") -> Refused:
        rest = self._text[position:].strip()
        what = f'"{printable(rest, 40)}"' if rest else "its end"
        return Refused(f"the condition cannot be read at {what}{wanted}", _ALLOWED)

    def whole(self) -> RowCondition:
        found = self._any(0)
        if self._at < len(self._tokens):
            raise self._error(self._tokens[self._at][2])
        return found

    def _any(self, depth: int) -> RowCondition:
        if depth > DEEPEST:
            raise Refused(f"the condition has more than {DEEPEST} parentheses inside each other", _ALLOWED)
        parts = [self._all(depth)]
        while self._accept("or"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self, depth: int) -> RowCondition:
        parts = [self._one(depth)]
        while self._accept("and"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _one(self, depth: int) -> RowCondition:
        if self._accept("("):
            found = self._any(depth + 1)
            self._expect(")")
            return found
        return self._question(self._column())

    def _column(self) -> str:
        kind, text, position = self._next("the name of a column")
        if kind == "quoted":
            return text[1:-1].replace('""', '"')
        if kind != "word" or text.lower() in _RESERVED:
            raise self._error(position, ": a name of a column is wanted there")
        return text.lower()  # as PostgreSQL reads a name without quotes

    def _question(self, column: str) -> ColumnTest:
        if self._accept("is"):
            is_negated = self._accept("not")
            self._expect("null")
            return ColumnTest(column, "not null" if is_negated else "null")
        is_negated = self._accept("not")
        if self._accept("in"):
            self._expect("(")
            values = [self._value()]
            while self._accept(","):
                values.append(self._value())
            self._expect(")")
            return ColumnTest(column, "not in" if is_negated else "in", tuple(values))
        if self._accept("between"):
            least = self._value()
            self._expect("and")
            return ColumnTest(column, "not between" if is_negated else "between", (least, self._value()))
        kind, text, position = self._next("a comparison")
        if is_negated or kind != "sign" or text not in _SIGNS:
            raise self._error(position, ": a comparison is wanted there")
        return ColumnTest(column, _SIGNS[text], (self._value(),))

    def _value(self) -> Constant:
        self._values += 1
        if self._values > MOST_VALUES:
            raise Refused(f"the condition names more than {MOST_VALUES:,} values", _ALLOWED)
        kind, text, position = self._next("a value")
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number" and len(text) <= _LONGEST_NUMBER:
            return int(text) if text.lstrip("-+").isdigit() else Decimal(text)
        if kind == "word" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise self._error(position, ": a number, a 'text', TRUE or FALSE is wanted there")

    def _next(self, wanted: str) -> tuple[str, str, int]:
        if self._at >= len(self._tokens):
            raise self._error(len(self._text), f": {wanted} is wanted there")
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, word: str) -> bool:
        if self._at < len(self._tokens):
            kind, text, _ = self._tokens[self._at]
            if kind in ("word", "sign") and text.lower() == word:
                self._at += 1
                return True
        return False

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            position = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._text)
            raise self._error(position, f': "{word.upper()}" is wanted there')


def questions_of(wanted: RowCondition) -> Iterator[ColumnTest]:
    """Every question of a condition."""
    if isinstance(wanted, ColumnTest):
        yield wanted
    else:
        for part in wanted.parts:
            yield from questions_of(part)


def check_columns(wanted: RowCondition, loaded: Collection[str], others: Mapping[str, str]) -> None:
    """Raise ``Refused`` where the condition asks for a column that is not loaded; ``others`` says why, by name."""
    missing = sorted({each.column for each in questions_of(wanted)} - set(loaded))
    if missing:
        reasons = tuple(
            f'"{printable(name)}": {others.get(name) or f"there is no such column{did_you_mean(name, loaded)}"}'
            for name in missing
        )
        raise Refused(
            f"the condition asks for {comma_list([printable(name) for name in missing])}, and only loaded columns can be asked",
            f"those are {comma_list([printable(name) for name in loaded], most=30)}",
            reasons=reasons,
        )


def sql_of(wanted: RowCondition) -> str:
    """The condition as SQL of its own making: each name and each text is quoted anew."""
    match wanted:
        case AllOf(parts):
            return "(" + " AND ".join(map(sql_of, parts)) + ")"
        case AnyOf(parts):
            return "(" + " OR ".join(map(sql_of, parts)) + ")"
        case ColumnTest(column, operator, values):
            return f"{sql_identifier(column)} {_tail(operator, tuple(map(_sql_value, values)))}"


def _tail(operator: Operator, values: tuple[str, ...]) -> str:
    match operator:
        case "null" | "not null":
            return f"IS {operator.upper()}"
        case "in" | "not in":
            return f"{operator.upper()} ({', '.join(values)})"
        case "between" | "not between":
            return f"{operator.upper()} {values[0]} AND {values[1]}"
        case _:
            return f"{operator} {values[0]}"


def _sql_value(value: Constant) -> str:
    if isinstance(value, str):
        return sql_text(value)
    return str(value).upper()


def comparable_here(wanted: RowCondition, assigned: Collection[Assigned]) -> RowCondition | None:
    """As much of a condition as is compared here as the server does it; it holds wherever the whole one does.

    ``None`` where nothing of it is.
    """
    by_name = {each.target.name: each for each in assigned}

    def cut(part: RowCondition) -> RowCondition | None:
        match part:
            case ColumnTest(column):
                return part if _is_comparable(part, by_name[column]) else None
            case AllOf(parts):
                kept = tuple(each for each in map(cut, parts) if each is not None)
                return (kept[0] if len(kept) == 1 else AllOf(kept)) if kept else None
            case AnyOf(parts):
                branches = tuple(each for each in map(cut, parts) if each is not None)
                # One branch that is not compared here may want any row.
                return AnyOf(branches) if len(branches) == len(parts) else None

    return cut(wanted)


def _is_comparable(asked: ColumnTest, column: Assigned) -> bool:
    if asked.operator in ("null", "not null"):
        return True
    match column.source.kind:
        case "integer":
            return all(type(value) is int and -(2**63) <= value < 2**63 for value in asked.values)
        case "boolean":
            return asked.operator in ("=", "<>") and all(type(value) is bool for value in asked.values)
        case "text":
            # A domain over text compares as text, and an unknown type may have an equality of its own.
            is_text = column.target.base in ("text", "varchar") and column.target.is_bytewise
            return is_text and asked.operator in ("=", "in") and all(isinstance(value, str) for value in asked.values)
        case _:
            return False


def may_hold(wanted: RowCondition, extents: Mapping[str, GroupExtent]) -> bool:
    """Whether the condition may want a row of a group that has such values; ``wanted`` is what is compared here."""
    match wanted:
        case AllOf(parts):
            return all(may_hold(part, extents) for part in parts)
        case AnyOf(parts):
            return any(may_hold(part, extents) for part in parts)
        case ColumnTest(column, operator, values):
            extent = extents.get(column)
            return extent is None or _may_answer(operator, values, extent)


def _may_answer(operator: Operator, values: tuple[Constant, ...], extent: GroupExtent) -> bool:
    if operator == "null":
        return extent.nulls != 0
    if extent.nulls is not None and extent.nulls >= extent.rows:
        return False  # nothing but nulls, of which nothing else holds
    least, most = extent.least, extent.most
    if operator == "not null" or least is None or most is None or type(least) is not type(values[0]):
        return True
    return _MAY[operator](values, least, most)


_May = Callable[[tuple[Constant, ...], Constant, Constant], bool]
_MAY: Mapping[Operator, _May] = {
    "=": lambda values, least, most: _is_within(values[0], least, most),
    "<>": lambda values, least, most: not (least == most == values[0]),
    "<": lambda values, least, most: _is_less(least, values[0]),
    "<=": lambda values, least, most: not _is_less(values[0], least),
    ">": lambda values, least, most: _is_less(values[0], most),
    ">=": lambda values, least, most: not _is_less(most, values[0]),
    "in": lambda values, least, most: any(_is_within(value, least, most) for value in values),
    "not in": lambda values, least, most: not (least == most and least in values),
    "between": lambda values, least, most: not (_is_less(most, values[0]) or _is_less(values[1], least)),
    "not between": lambda values, least, most: _is_less(least, values[0]) or _is_less(values[1], most),
}


def _is_within(value: Constant, least: Constant, most: Constant) -> bool:
    return not (_is_less(value, least) or _is_less(most, value))


def _is_less(one: Constant, other: Constant) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.encode() < other.encode()  # as the files order texts
    return not isinstance(one, str) and not isinstance(other, str) and one < other
