"""Whether an answer is AWS's answer to this very call, whole and with an end. Pure.

The law: an empty list is a fact about the account, so it is taken only from a genuine answer. A page of HTML, another
operation's result or a document without a required member is an unreadable answer, never "nothing there".
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any

from daybreak.aws.faults import AwsFault, unreadable
from daybreak.model.replies import Category, Trouble

MOST_PAGES = 1000
"""Pages of one answer: at a hundred items each, far more than an account may hold."""

_ROOT = re.compile(rb"\s*(?:\xef\xbb\xbf)?(?:<\?xml[^>]*\?>)?\s*<(?:[\w.-]+:)?([\w.-]+)")
_REST_ROOTS = {
    "ListObjectsV2": "ListBucketResult",
    **{
        name: f"{name}Response"
        for name in ("ChangeResourceRecordSets", "GetChange", "GetHostedZone", "ListResourceRecordSets")
    },
}
_FAILED = 300


def own_answer(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Raise ``AwsFault`` unless the raw answer belongs to the operation; one that reports an error passes."""
    if response_dict["status_code"] >= _FAILED:
        return
    name, body = operation_model.name, response_dict["body"]
    protocol = operation_model.service_model.resolved_protocol
    if protocol in ("query", "ec2"):
        _require_root(name, f"{name}Response", body)
    elif protocol == "rest-xml" and name in _REST_ROOTS:
        _require_root(name, _REST_ROOTS[name], body)
    elif protocol == "json" and not _fits(operation_model.output_shape, _parse(body)):
        raise unreadable(f"the answer to {name} is not what such an answer looks like in JSON")


def _require_root(operation: str, wanted: str, body: bytes) -> None:
    found = _ROOT.match(body[:1000])
    if found is None:
        raise unreadable(f"the answer to {operation} is not XML")
    if (root := found[1].decode("ascii", "replace")) != wanted:
        raise unreadable(f"the answer to {operation} is <{root[:50]}>, not <{wanted}>")


_DEEPEST = 500
"""Levels of an answer in JSON; AWS's have a handful. Beyond, Python's own depth ends, and whatever is freed there complains."""

_NO_BRACKET = bytes(set(range(256)).difference(b"[]{}"))


def _parse(body: bytes) -> Any:
    brackets = body.translate(None, delete=_NO_BRACKET)
    # Brackets in texts count too: that many of them, never closed, are no answer of AWS's either.
    if max(accumulate(1 if each in b"[{" else -1 for each in brackets), default=0) > _DEEPEST:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return None


_WRITTEN: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "character": str,
    "blob": str,
    "boolean": bool,
    "integer": int,
    "long": int,
}
"""The JSON forms of AWS's types; numbers with a point and times have more than one."""


def _fits(shape: Any, value: Any) -> bool:
    """Whether a value of an answer in JSON has the type of AWS's model, and all values inside it have theirs."""
    is_so = isinstance(value, _WRITTEN.get(shape.type_name, (str, int, float)))
    if not is_so:
        return False
    if shape.type_name == "list":
        return all(_fits(shape.member, each) for each in value)
    if shape.type_name == "structure":
        members = (
            (value.get(member.serialization.get("name", name)), member) for name, member in shape.members.items()
        )
        return all(_fits(member, held) for held, member in members if held is not None)
    return True


def require(body: Any, name: str) -> Any:
    """A member that every such answer has; raises ``AwsFault`` when this one lacks it."""
    found = body.get(name) if isinstance(body, dict) else None
    if found is None:
        raise unreadable(f'an answer without "{name}"')
    return found


def first(body: Any, name: str) -> Any:
    """The first of a list that must have one; raises ``AwsFault`` when it is empty."""
    found = require(body, name)
    if not isinstance(found, list) or not found:
        raise unreadable(f'an answer with nothing in "{name}"')
    return found[0]


class Markers:
    """Follows the markers of one paged answer, and raises ``AwsFault`` when its pages have no end."""

    def __init__(self, operation: str, most: int = MOST_PAGES) -> None:
        self._operation = operation
        self._most = most
        self._seen: set[str] = set()

    def next(self, marker: Any) -> str:
        """The marker for the request of the next page."""
        if str(marker) in self._seen:
            raise self._endless("a page named the marker of an earlier one")
        if len(self._seen) + 1 >= self._most:
            raise self._endless(f"it has more than {self._most} pages")
        self._seen.add(str(marker))
        return str(marker)

    def _endless(self, why: str) -> AwsFault:
        message = f"the answer to {self._operation} does not end: {why}"
        return AwsFault(Trouble(category=Category.LOST, code="EndlessAnswer", message=message))
