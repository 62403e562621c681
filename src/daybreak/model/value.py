"""The base of every noun: a frozen value with one canonical JSON form and one digest.

The law: two values that mean the same have the same bytes (RFC 8785), so a digest can be printed, approved and compared.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import rfc8785
from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer


class Value(BaseModel):
    """A frozen value. Unknown fields are refused, so a hand-edited file cannot smuggle anything in."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_timedelta="iso8601", defer_build=True)

    def plain(self) -> dict[str, Any]:
        """The value as JSON-ready dictionaries, lists and strings."""
        return self.model_dump(mode="json")

    def canonical(self) -> bytes:
        """The one JSON spelling of this value (RFC 8785)."""
        return canonical(self.plain())

    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hex."""
        return digest(self.plain())


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False)
_LARGEST = 2**53 - 1
"""The largest whole number that RFC 8785 spells."""


def canonical(plain: Any) -> bytes:
    """The RFC 8785 spelling of JSON-ready data.

    Python's own encoder spells alike what has no fraction, no large number and only plain names, several times as fast.
    """
    if _is_plain(plain):
        try:
            return _ENCODER.encode(plain).encode()
        except UnicodeEncodeError:
            pass  # half a character: the other one knows what to raise
    return rfc8785.dumps(plain)


def _is_plain(plain: Any) -> bool:
    """Whether RFC 8785 has no rule of its own for anything in it; it has some for numbers, and for the order of names beyond ASCII."""
    left = [plain]
    while left:
        each = left.pop()
        kind = type(each)
        if kind is str or each is None or kind is bool:
            continue
        if kind is dict:
            if not all(type(name) is str and name.isascii() for name in each):
                return False
            left.extend(each.values())
        elif kind is list or kind is tuple:
            left.extend(each)
        elif kind is not int or not -_LARGEST <= each <= _LARGEST:
            return False
    return True


def digest(plain: Any) -> str:
    """SHA-256 of the RFC 8785 spelling of JSON-ready data, in hex."""
    return hashlib.sha256(canonical(plain)).hexdigest()


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        message = "an instant needs a time zone"
        raise ValueError(message)
    return instant.astimezone(UTC)


def iso(instant: datetime) -> str:
    """An instant as AWS and we print it: UTC, a ``Z``, fractions only when there are any.

    >>> iso(datetime(2024, 1, 15, 15, 30, tzinfo=UTC))
    '2024-01-15T15:30:00Z'
    """
    return _utc(instant).isoformat().replace("+00:00", "Z")


def stamp(instant: datetime) -> str:
    """An instant as people read it in a text: UTC, a ``Z``, and the whole second that it lies in.

    >>> stamp(datetime(2024, 1, 15, 15, 30, 0, 758869, tzinfo=UTC))
    '2024-01-15T15:30:00Z'
    """
    return iso(instant.replace(microsecond=0))


_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::\d\d)?)")


def short_stamp(text: str) -> str:
    """A text that is a time stamp of PostgreSQL's and nothing else, as ``stamp`` writes it; any other as it is.

    >>> short_stamp("2024-01-15T15:30:00.758869+00:00"), short_stamp("infinity")
    ('2024-01-15T15:30:00Z', 'infinity')
    """
    try:
        return stamp(datetime.fromisoformat(text)) if _STAMP.fullmatch(text) else text
    except ValueError:  # a day that is in no calendar of Python's
        return text


Instant = Annotated[datetime, AfterValidator(_utc), PlainSerializer(iso, return_type=str, when_used="json")]
"""An aware point in time, always held in UTC."""

Span = timedelta
"""A length of time; in JSON an ISO 8601 duration such as ``PT40M``."""
