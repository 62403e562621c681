"""Whether a column keeps a value that comes as text, or makes another one of it without a word. Pure.

The law: what is not known to be exact is not. A server's input rounds a number to its scale, a time to its precision, drops a zone, a time
of day and the blanks beyond a length, and says nothing of it. What it refuses aloud is left to it, since it says why.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache

from daybreak.model.parquet import StoredType

_FINEST = 6
"""Digits of a second that a server keeps."""
_NAME_BYTES = 63
_HEADER = 4
"""What PostgreSQL adds to a length in a modifier."""


@dataclass(frozen=True)
class ExactValues:
    """What a type keeps. A value that has the pattern, or is short enough, is kept; of any other ``keeps`` decides."""

    keeps: Callable[[str], bool]
    pattern: str = ""
    """A regular expression, as both Python and RE2 read it, of whole values that are surely kept; empty for none."""
    most: int | None = None
    """Values of so many characters are surely kept; ``None`` where length is no matter."""


@cache
def exact_by(stored: StoredType) -> ExactValues | None:
    """What a type keeps; ``None`` where it keeps every value that it takes."""
    if stored.form == "scalar":
        maker = _SCALARS.get(stored.base)
        return maker(stored.modifier) if maker else None
    if not any(exact_by(each) for each in stored.parts):
        return None
    return ExactValues(lambda text: _keeps(stored, text))


def _keeps(stored: StoredType, text: str) -> bool:
    """Whether the whole of a value is kept; one that cannot be read as its form is not known to be."""
    if stored.form == "scalar":
        exact = exact_by(stored)
        return exact is None or exact.keeps(text)
    try:
        members = list(_MEMBERS[stored.form](text))
    except ValueError:
        return False
    if stored.form != "row":
        return all(each is None or _keeps(stored.parts[0], each) for each in members)
    if len(members) != len(stored.parts):
        return not members and len(stored.parts) == 1
    return all(each is None or _keeps(part, each) for part, each in zip(stored.parts, members, strict=True))


def _by_pattern(pattern: str) -> ExactValues:
    whole = re.compile(pattern)
    return ExactValues(lambda text: whole.fullmatch(text.strip()) is not None, pattern)


def _by_length(modifier: int) -> ExactValues | None:
    most = modifier - _HEADER
    if modifier == -1:
        return None
    return ExactValues(
        lambda text: len(text) <= most or len(text.rstrip(" ")) > most, most=most
    )  # more than blanks it refuses


# ── numbers ──


def _numeric(modifier: int) -> ExactValues | None:
    if modifier == -1:
        return None
    scale = ((modifier - _HEADER & 0x7FF) ^ 1024) - 1024  # eleven bits, of which the last is a sign since PostgreSQL 15
    return ExactValues(
        lambda text: _has_scale(text, scale), rf"[+-]?[0-9]*(\.[0-9]{{0,{scale}}}0*)?" if scale >= 0 else "0|NaN"
    )


def _has_scale(text: str, scale: int) -> bool:
    try:
        _, digits, exponent = Decimal(text).as_tuple()
    except InvalidOperation:
        return not re.search("[0-9]", text)  # the server refuses it
    if not isinstance(exponent, int) or exponent >= -scale:
        return True
    beyond = digits[exponent + scale :] if -exponent - scale < len(digits) else digits
    return not any(beyond)


def _float8(_: int) -> ExactValues:
    return ExactValues(lambda text: _is_shortest(text, repr))


def _float4(_: int) -> ExactValues:
    return ExactValues(lambda text: _is_shortest(text, _of_float4))


def _is_shortest(text: str, write: Callable[[float], str]) -> bool:
    """Whether a number is written back as it came; what is too large, or no number, the server refuses."""
    try:
        found, number = Decimal(text), float(text)
        return not found.is_finite() or found == Decimal(write(number))
    except (InvalidOperation, ValueError, OverflowError):
        return not re.search(r"[0-9]\s*\Z", text) or "x" not in text.lower()


def _of_float4(number: float) -> str:
    """The shortest text that is the nearest number of four bytes."""
    [nearest] = struct.unpack("f", struct.pack("f", number))
    texts = (f"{nearest:.{digits}g}" for digits in range(1, 10))
    return next(each for each in texts if struct.unpack("f", struct.pack("f", float(each)))[0] == nearest)


# ── times ──

_DAY = r"[0-9]{4,7}-[0-9]{2}-[0-9]{2}"
_ZONE = r" ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2}(:?[0-9]{2})?)?)"
_NEVER = "-?infinity"


def _clock(modifier: int) -> str:
    digits = _FINEST if modifier == -1 else modifier
    return rf"[0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]{{0,{digits}}}0*)?)?"


def _date(_: int) -> ExactValues:
    return _by_pattern(f"{_DAY}( BC)?|{_NEVER}")


def _timestamp(modifier: int) -> ExactValues:
    return _by_pattern(f"{_DAY}([ T]{_clock(modifier)})?( BC)?|{_NEVER}")


def _timestamptz(modifier: int) -> ExactValues:
    return _by_pattern(f"{_DAY}[ T]{_clock(modifier)}{_ZONE}( BC)?|{_NEVER}")


def _time(modifier: int) -> ExactValues:
    return _by_pattern(_clock(modifier))


def _timetz(modifier: int) -> ExactValues:
    return _by_pattern(_clock(modifier) + _ZONE)


_FIELDS = (
    (1 << 12, ""),
    (1 << 11, "second"),
    (1 << 10, "minute"),
    (1 << 3, "hour"),
    (1 << 1, "day"),
    (1 << 2, "month"),
)
"""The fields of an interval in its modifier, the finest first, each with what is dropped where it is the finest."""
_EVERY_FIELD, _FULL = 0x7FFF, 0xFFFF
_SPAN = re.compile(
    r"(?:[+-]?\d+ years? ?)?(?:[+-]?(?P<month>\d+) mons? ?)?(?:[+-]?(?P<day>\d+) days? ?)?"
    r"(?:[+-]?(?P<hour>\d+):(?P<minute>\d\d):(?P<second>\d\d(?:\.\d+)?))?"
)


def _interval(modifier: int) -> ExactValues:
    digits, fields = (_FINEST, _EVERY_FIELD) if modifier == -1 else (modifier & _FULL, modifier >> 16 & _EVERY_FIELD)
    fraction = rf"[^.]*(\.[0-9]{{0,{_FINEST if digits == _FULL else digits}}}0*S?( ago)?)?"
    if fields == _EVERY_FIELD:
        return _by_pattern(fraction)
    lost = next((name for bit, name in _FIELDS if fields & bit), "")
    names = [name for _, name in _FIELDS if name]
    dropped = names[: names.index(lost) + 1] if lost else []
    return ExactValues(lambda text: _has_none(text, dropped) and re.fullmatch(fraction, text) is not None)


def _has_none(text: str, dropped: list[str]) -> bool:
    found = _SPAN.fullmatch(text.strip())
    return found is not None and not any(float(found[each] or 0) for each in dropped)


# ── others ──


def _name(_: int) -> ExactValues:
    return ExactValues(lambda text: len(text.encode("utf-8", "surrogatepass")) <= _NAME_BYTES, most=_NAME_BYTES // 4)


def _one_byte(_: int) -> ExactValues:
    return ExactValues(
        lambda text: len(text.encode("utf-8", "surrogatepass")) <= 1 or re.fullmatch(r"\\[0-7]{3}", text) is not None
    )


def _money(_: int) -> ExactValues:
    # A point is followed by cents, or by thousands where a comma is.
    return _by_pattern(r"[^.]*(\.[0-9]{0,2}0*[^.0-9]*)?|[^0-9]*[0-9]{1,3}(\.[0-9]{3})*,[0-9]{2}[^0-9]*")


_SCALARS: dict[str, Callable[[int], ExactValues | None]] = {
    "numeric": _numeric, "float4": _float4, "float8": _float8, "money": _money, "varchar": _by_length, "bpchar": _by_length,
    "name": _name, "char": _one_byte, "date": _date, "timestamp": _timestamp, "timestamptz": _timestamptz, "time": _time,
    "timetz": _timetz, "interval": _interval,
}  # fmt: skip
"""The types whose input changes some values without a word, by what their modifier says."""


# ── what values are put together to ──


def _elements(text: str) -> Iterator[str | None]:
    """The elements of an array, whatever its dimensions; ``None`` for a null."""
    start = text.find("{", text.find("=") + 1 if text.startswith("[") else 0)
    if start < 0:
        raise ValueError(text)
    last = ""
    for sign, word, is_quoted in _words(text[start:], "{},"):
        if word is not None:
            yield None if not is_quoted and word.upper() == "NULL" else word
        last = sign
    if last != "}":
        raise ValueError(text)


def _fields(text: str) -> Iterator[str | None]:
    """The columns of a row; ``None`` for a null, which is nothing at all."""
    inner = text.strip()
    if inner[:1] != "(" or inner[-1:] != ")":
        raise ValueError(text)
    if inner == "()":
        return
    for _, word, _ in _words(inner[1:-1] + ",", ","):
        yield word


def _bounds(text: str) -> Iterator[str | None]:
    """The bounds of a range; ``None`` where it has none on that side."""
    inner = text.strip()
    if inner.lower() == "empty":
        return
    if inner[:1] not in ("[", "(") or inner[-1:] not in ("]", ")"):
        raise ValueError(text)
    for _, word, _ in _words(inner[1:-1] + ",", ","):
        yield word


_RANGE = re.compile(r'\s*([\[(](?:"(?:[^"\\]|\\.|"")*"|[^"\])])*[\])])\s*(?:,|\Z)')


def _ranges(text: str) -> Iterator[str | None]:
    """The ranges of a multirange."""
    inner = text.strip()
    if inner[:1] != "{" or inner[-1:] != "}":
        raise ValueError(text)
    inner, at = inner[1:-1], 0
    while at < len(inner):
        found = _RANGE.match(inner, at)
        if found is None:
            raise ValueError(text)
        yield found[1]
        at = found.end()


_MEMBERS: dict[str, Callable[[str], Iterator[str | None]]] = {
    "array": _elements,
    "row": _fields,
    "range": _bounds,
    "ranges": _ranges,
}
_PART = re.compile(r'"((?:[^"\\]|\\.|"")*)"|\\(.)', re.DOTALL)


def _words(text: str, signs: str) -> Iterator[tuple[str, str | None, bool]]:
    """The words between signs, each with the sign that ends it, ``None`` where there is nothing, and whether a part of it is quoted."""
    parts: list[str] = []
    is_quoted, at = False, 0
    while at < len(text):
        sign = text[at]
        if sign in signs:
            word = "".join(parts)
            yield sign, word if word or is_quoted else None, is_quoted
            parts, is_quoted = [], False
        elif sign in '"\\':
            found = _PART.match(text, at)
            if found is None:
                raise ValueError(text)
            parts.append(
                found[2]
                if found[2] is not None
                else re.sub(r'\\(.)|""', lambda one: one[1] or '"', found[1], flags=re.DOTALL)
            )
            is_quoted, at = True, found.end() - 1
        else:
            parts.append(sign)
        at += 1
    if parts or is_quoted:
        raise ValueError(text)
