"""Whether a value meets an owner's expectation, such as ``>= 3``, ``= 'ready'`` or ``true``.

The law: what cannot be compared is neither met nor missed. Then the reason is returned instead of an opinion.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from daybreak.model.answers import OwnerAnswer, Silence
from daybreak.model.checks import Asked, owners_check
from daybreak.model.findings import Finding
from daybreak.model.names import printable
from daybreak.model.targets import SqlCheck
from daybreak.model.value import short_stamp

_EXPECTATION = re.compile(r"\s*(?P<sign><=|>=|<>|!=|==|=|<|>)?\s*(?P<value>'(?:[^']|'')*'|.*\S)\s*", re.DOTALL)

_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
}

_TRUTHS = {"true": True, "false": False}


def owners(wanted: SqlCheck, answer: OwnerAnswer | Silence) -> Finding:
    """The finding of the owner's own question; a question without one comparable answer is unknown."""
    check = owners_check(wanted.name)
    if isinstance(answer, Silence):
        return check.silent(wanted.expect, answer)
    found = _value_in_words(answer)
    asked = Asked(answer.asked, answer.took)
    opinion = meets(answer, wanted.expect)
    if isinstance(opinion, str):
        return check.unknown(wanted.expect, opinion, asked, found=found)
    return check.judge(wanted.expect, found, asked, is_fit=opinion)


def _value_in_words(answer: OwnerAnswer) -> str:
    match answer.kind:
        case "null":
            return "null"
        case "instant":  # it was compared to the microsecond
            return printable(short_stamp(answer.value))
        case _:
            return printable(answer.value)


def meets(answer: OwnerAnswer, expect: str) -> bool | str:
    """Whether ``answer`` meets ``expect``; a text says why that cannot be decided.

    >>> from datetime import timedelta
    >>> three = OwnerAnswer(asked="", took=timedelta(0), kind="number", value="3")
    >>> meets(three, ">= 3"), meets(three, "4"), meets(three, "= 'ready'")
    (True, False, 'a number (3) cannot be compared with "ready"')
    """
    parts = _EXPECTATION.fullmatch(expect)
    if parts is None:
        return f'the expectation "{printable(expect)}" says nothing'
    sign, wanted = parts["sign"] or "=", parts["value"]
    if wanted.lower() == "null" or answer.kind == "null":
        return _meets_null(sign, is_wanted=wanted.lower() == "null", is_found=answer.kind == "null")
    if sign == "=" and wanted.lower() == "not null":
        return True
    pair = _pair(answer, _unquote(wanted))
    return pair if isinstance(pair, str) else bool(_SIGNS[sign](*pair))


_IN_WORDS = {"truth": "true or false", "number": "a number", "instant": "a time"}
_SAMPLES = {"truth": "true", "number": "0", "instant": "2000-01-01T00:00:00Z", "text": ""}
"""A value of each kind: what cannot be compared with it can be compared with no other value of that kind."""


def why_never(kind: Literal["truth", "number", "instant", "text", "null"], expect: str) -> str:
    """Why no value of a kind meets ``expect`` or misses it; empty where one can.

    >>> why_never("number", "banana"), why_never("number", ">= 3")
    ('a number cannot be compared with "banana"', '')
    """
    if kind == "null":
        return ""
    sample = OwnerAnswer(asked="", took=timedelta(0), kind=kind, value=_SAMPLES[kind])
    opinion = meets(sample, expect)
    if not isinstance(opinion, str):
        return ""
    return opinion.replace(f"a {kind} ({_value_in_words(sample)})", _IN_WORDS.get(kind, kind))


def _meets_null(sign: str, *, is_wanted: bool, is_found: bool) -> bool | str:
    if sign in ("=", "=="):
        return is_wanted and is_found
    if sign in ("<>", "!=") and is_wanted:
        return not is_found
    # As in SQL: a comparison with null is neither true nor false, and must not pass for either.
    return "null cannot be compared"


def _unquote(wanted: str) -> str:
    if len(wanted) > 1 and wanted[0] == wanted[-1] == "'":
        return wanted[1:-1].replace("''", "'")
    return wanted


def _pair(answer: OwnerAnswer, wanted: str) -> tuple[Any, Any] | str:
    """Both sides as values of the answer's kind; a text says why they cannot be compared."""
    try:
        match answer.kind:
            case "truth":
                return _TRUTHS[answer.value], _TRUTHS[wanted.lower()]
            case "number":
                return _number(answer.value), _number(wanted)
            case "instant":
                return _instant(answer.value), _instant(wanted)
            case _:
                return answer.value, wanted
    except (KeyError, InvalidOperation, ValueError):
        return f'a {answer.kind} ({_value_in_words(answer)}) cannot be compared with "{printable(wanted)}"'


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if number.is_nan():
        # PostgreSQL has NaN greater than everything, Python equal to nothing: no owner means either.
        raise ValueError(text)
    return number


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
