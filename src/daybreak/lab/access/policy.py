"""IAM's decision as a pure function: from policy documents and one question to allowed or not.

The law: an explicit Deny wins, no Allow means no, and an operator we do not know never helps the caller (an Allow with
it does not match, a Deny with it does).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Verdict(Enum):
    """What the policies say to one question."""

    ALLOWED = "allowed"
    DENIED = "with an explicit deny in an identity-based policy"
    NOT_ALLOWED = "because no identity-based policy allows the {action} action"


@dataclass(frozen=True)
class Question:
    """May this action be done to this resource, in this context? Context keys are lower case."""

    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def verdict(policies: Iterable[Mapping[str, Any]], question: Question) -> Verdict:
    """The decision of all the policies together."""
    allowed = False
    for statement in (each for policy in policies for each in _many(policy.get("Statement", []))):
        is_deny = statement.get("Effect") == "Deny"
        if not _speaks_of(statement, question, is_deny=is_deny):
            continue
        if is_deny:
            return Verdict.DENIED
        allowed = True
    return Verdict.ALLOWED if allowed else Verdict.NOT_ALLOWED


def _speaks_of(statement: Mapping[str, Any], question: Question, *, is_deny: bool) -> bool:
    action, resource = question.action, question.resource
    if "NotAction" in statement:
        if _any_like(statement["NotAction"], action, fold=True):
            return False
    elif not _any_like(statement.get("Action", []), action, fold=True):
        return False
    if "NotResource" in statement:
        if _any_like(statement["NotResource"], resource):
            return False
    elif not _any_like(statement.get("Resource", []), resource):
        return False
    return all(
        _holds(operator, key, _many(wanted), question.context, unknown=is_deny)
        for operator, block in statement.get("Condition", {}).items()
        for key, wanted in block.items()
    )


_Test = Callable[[str, str], bool]


def _like(pattern: str, value: str) -> bool:
    regex = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(regex, value, re.DOTALL) is not None


_TESTS: dict[str, tuple[_Test, bool]] = {  # operator -> the test of one pair, and whether the answer is turned round
    "StringEquals": (lambda wanted, value: wanted == value, False),
    "StringNotEquals": (lambda wanted, value: wanted == value, True),
    "StringEqualsIgnoreCase": (lambda wanted, value: wanted.lower() == value.lower(), False),
    "StringNotEqualsIgnoreCase": (lambda wanted, value: wanted.lower() == value.lower(), True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "ArnEquals": (_like, False),
    "ArnLike": (_like, False),
    "ArnNotEquals": (_like, True),
    "ArnNotLike": (_like, True),
    "Bool": (lambda wanted, value: wanted.lower() == value.lower(), False),
}


def _holds(
    operator: str, key: str, wanted: Sequence[Any], context: Mapping[str, tuple[str, ...]], *, unknown: bool
) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    values = context.get(key.lower())
    texts = [str(each).lower() if isinstance(each, bool) else str(each) for each in wanted]
    if name == "Null":
        return (values is None) == (texts == ["true"])
    if name not in _TESTS:
        return unknown
    test, is_negated = _TESTS[name]
    if values is None:
        return if_exists or is_negated or quantifier == "ForAllValues"
    hits = [any(test(each, value) for each in texts) != is_negated for value in values]
    return all(hits) if quantifier == "ForAllValues" or is_negated else any(hits)


def _any_like(patterns: Any, value: str, *, fold: bool = False) -> bool:
    if fold:
        return any(_like(str(pattern).lower(), value.lower()) for pattern in _many(patterns))
    return any(_like(str(pattern), value) for pattern in _many(patterns))


def _many(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]
