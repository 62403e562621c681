"""The faults a test or a person plants in the lab: rules that say which call or which job goes wrong, and how.

The law: each call consults a rule once. A rule spends itself (``skip``, ``times``, ``probability``) under one lock. Without
rules the cost is one attribute read.
"""

from __future__ import annotations

import itertools
import random
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Effect(StrEnum):
    """What a rule does to a call, to a job, or to a whole region."""

    ERROR = "error"
    """Answer ``args.code`` with ``args.status`` and do nothing."""
    DELAY = "delay"
    """Wait ``args.seconds`` of real time, then do it."""
    DROP_BEFORE = "drop_before"
    """Close the connection; nothing is done."""
    DROP_AFTER = "drop_after"
    """Do it, then close the connection: the reply is lost."""
    ERROR_AFTER = "error_after"
    """Do it, then answer an error (500 unless ``args`` says otherwise)."""
    REGION_DOWN = "region_down"
    """The region is lost: its databases are stopped, its buckets are away, and its API does as ``args.api`` says (`Api`)."""
    STUCK = "stuck"
    """A job of the control plane does not finish while the rule stands."""
    FAIL = "fail"
    """A job of the control plane ends in ``args.status`` with an event."""


class Api(StrEnum):
    """What the API of a lost region does."""

    CLOSES = "closes"
    """Each connection is closed without an answer. This is so unless somebody says otherwise."""
    HANGS = "hangs"
    """Nothing comes, until the region is back."""
    ERRORS = "errors"
    """Each call is answered with 500, InternalFailure."""
    EMPTY = "empty"
    """Each list is empty, which no AWS says of a region that is full; all other calls are answered with 500."""


JOB_EFFECTS = frozenset({Effect.STUCK, Effect.FAIL})


class BadRule(ValueError):
    """A rule without meaning; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One planted fault; empty conditions match everything, ``action`` and ``identifier`` are regular expressions."""

    id: str
    effect: Effect
    service: str = "*"
    action: str = ".*"
    region: str = "*"
    identifier: str = ".*"
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    args: Mapping[str, Any] = field(default_factory=dict)

    def speaks_of(self, service: str, action: str, region: str, identifier: str) -> bool:
        """Whether the conditions hold, whatever the rule has spent so far."""
        return (
            self.service in ("*", service)
            and self.region in ("*", region)
            and re.fullmatch(self.action, action) is not None
            and re.fullmatch(self.identifier, identifier) is not None
        )


@dataclass(frozen=True)
class Stuck:
    """The job must not finish now; ask again later."""

    rule: str


@dataclass(frozen=True)
class Fail:
    """The job ends badly: the resource takes ``status`` and ``message`` becomes its event."""

    rule: str
    status: str
    message: str


def rule_of(name: str, document: Mapping[str, Any]) -> Rule:
    """The rule a JSON document describes; refuses unknown keys, effects and broken patterns with `BadRule`."""
    known = {"effect", "service", "action", "region", "identifier", "times", "skip", "probability", "args"}
    if unknown := set(document) - known:
        raise BadRule(f"unknown keys {sorted(unknown)}, known are {sorted(known)}")
    values = {key: value for key, value in document.items() if value is not None}
    try:
        values["effect"] = Effect(values.get("effect", ""))
    except ValueError:
        raise BadRule(f"effect must be one of {', '.join(Effect)}") from None
    for pattern in ("action", "identifier"):
        try:
            re.compile(values.get(pattern, ""))
        except (re.error, TypeError) as error:
            raise BadRule(f"{pattern!r} is not a regular expression: {error}") from None
    for key, kind in (("times", int), ("skip", int), ("probability", (int, float)), ("args", Mapping)):
        if key in values and not isinstance(values[key], kind):
            raise BadRule(f"{key!r} has the wrong type: {values[key]!r}")
    if values["effect"] is Effect.REGION_DOWN and values.get("region", "*") == "*":
        raise BadRule("region_down needs a region")
    if values["effect"] is Effect.REGION_DOWN and values.get("args", {}).get("api", Api.CLOSES) not in list(Api):
        raise BadRule(f"the API of a lost region {', '.join(Api)}")
    return Rule(id=name, **values)


class Faults:
    """The standing rules of one lab, safe to ask from any thread."""

    def __init__(self, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._rules: dict[str, Rule] = {}
        self._left: dict[str, int] = {}
        self._skip: dict[str, int] = {}
        self._ids = itertools.count(1)
        self._random = random.Random(seed)  # noqa: S311 - dice for faults, not for secrets

    def add(self, document: Mapping[str, Any]) -> Rule:
        """Plant the rule the document describes and return it with its id."""
        with self._lock:
            rule = rule_of(f"f{next(self._ids)}", document)
            self._rules[rule.id] = rule
            self._skip[rule.id] = rule.skip
            if rule.times is not None:
                self._left[rule.id] = rule.times
            return rule

    def remove(self, name: str) -> bool:
        """Remove one rule; return false when there is none with that id."""
        with self._lock:
            return self._drop(name)

    def clear(self) -> int:
        """Remove every rule and return their number."""
        with self._lock:
            count = len(self._rules)
            for name in list(self._rules):
                self._drop(name)
            return count

    def rules(self) -> tuple[Rule, ...]:
        """The standing rules, oldest first; a rule that has spent all its times is gone."""
        return tuple(self._rules.values())

    def regions_down(self) -> frozenset[str]:
        """The regions that are away now."""
        return frozenset(rule.region for rule in self._rules.values() if rule.effect is Effect.REGION_DOWN)

    def stands(self, name: str) -> bool:
        """Whether the rule of that id still stands."""
        return name in self._rules

    def match(self, service: str, operation: str, region: str, identifier: str) -> Rule | None:
        """Find the first rule that hits this call and spend it by one; ``None`` when no rule does."""
        if not self._rules:
            return None
        with self._lock:
            for rule in list(self._rules.values()):
                if rule.effect in JOB_EFFECTS:
                    continue
                if rule.effect is Effect.REGION_DOWN:
                    if rule.region == region:
                        return rule
                elif rule.speaks_of(service, operation, region, identifier) and self._spend(rule):
                    return rule
        return None

    def job(self, kind: str, region: str, identifier: str) -> Stuck | Fail | None:
        """What stops a job of this kind, or ``None``; the control plane asks each time the job is about to finish.

        ``kind`` is compared with the rule's ``action``. A `Stuck` holds until its rule is removed (or spent);
        a `Fail` is spent by one.
        """
        if not self._rules:
            return None
        with self._lock:
            for rule in list(self._rules.values()):
                if rule.effect not in JOB_EFFECTS or not rule.speaks_of("rds", kind, region, identifier):
                    continue
                if rule.effect is Effect.STUCK:
                    return Stuck(rule.id)
                if self._spend(rule):
                    status = str(rule.args.get("status", "failed"))
                    return Fail(rule.id, status, str(rule.args.get("message", f"fault rule {rule.id}: {status}")))
        return None

    def _spend(self, rule: Rule) -> bool:
        """Whether the rule hits this time; the caller holds the lock."""
        if rule.probability < 1.0 and self._random.random() >= rule.probability:
            return False
        if self._skip[rule.id] > 0:
            self._skip[rule.id] -= 1
            return False
        if rule.id in self._left:
            self._left[rule.id] -= 1
            if self._left[rule.id] <= 0:
                self._drop(rule.id)
        return True

    def _drop(self, name: str) -> bool:
        self._left.pop(name, None)
        self._skip.pop(name, None)
        return self._rules.pop(name, None) is not None
