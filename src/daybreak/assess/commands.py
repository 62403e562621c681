"""What a program of the owner's may know, and what a person said became of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from daybreak.model.run import RunState

_ALWAYS = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What every program gets, where it is set: the way to other programs, its home, its language."""

_OURS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "PGPASSWORD",
)
"""Variables that hold credentials: no program gets them, whatever its action names. It has its own, under its own profile."""


def environment_for(named: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program: what every one gets and what its action names, but nothing that holds a credential.

    >>> environment_for(["STAGE", "AWS_SECRET_ACCESS_KEY"], {"PATH": "/bin", "STAGE": "prod", "AWS_SECRET_ACCESS_KEY": "s"})
    {'PATH': '/bin', 'STAGE': 'prod'}
    """
    wanted = dict.fromkeys((*_ALWAYS, *named))
    return {name: environ[name] for name in wanted if name in environ and not is_credential(name)}


def is_credential(name: str) -> bool:
    """Whether a variable of that name holds a credential, by AWS's and PostgreSQL's names and those of ``env:`` logins."""
    return name in _OURS or name.endswith(("_PASSWORD", "_USERNAME"))


_BLANK = "***"
_SHORTEST = 4
"""Characters of a value that can be looked for without blanking ordinary words."""

_NAMES = r"[\w.-]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|credential)[\w.-]*"
_SPOKEN = (
    (re.compile(rf"""(?i)({_NAMES}["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&]+)"""), rf"\1{_BLANK}"),
    (re.compile(r"(\w://[^\s:/@]*):[^\s/]+@"), rf"\1:{_BLANK}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {_BLANK}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), _BLANK),
)
"""How a secret is usually spoken of: by a name, in a URL, in a header, as a key of AWS."""


def secrets_in(environ: Mapping[str, str]) -> frozenset[str]:
    """The values of variables whose names say that they are secret."""
    named = re.compile(_NAMES, re.IGNORECASE)
    found = (value for name, value in environ.items() if name in _OURS or named.fullmatch(name))
    return frozenset(value for value in found if len(value) >= _SHORTEST)


def without_secrets(line: str, secrets: Iterable[str] = ()) -> str:
    """What a program said, without what looks like a secret and without the secrets that are known.

    >>> without_secrets("PGPASSWORD=hunter2 psql postgresql://app:hunter2@db/embi")
    'PGPASSWORD=*** psql postgresql://app:***@db/embi'
    """
    for secret in sorted(secrets, key=len, reverse=True):
        line = line.replace(secret, _BLANK)
    for pattern, instead in _SPOKEN:
        line = pattern.sub(instead, line)
    return line


def outcome_said(state: RunState, step: str) -> Literal["done", "again"] | None:
    """What a person said became of a program whose outcome was lost; ``None`` where nobody was asked."""
    said = [each.new for each in state.amendments if each.step == step and each.field == "outcome"]
    return None if not said else "done" if said[-1] == "done" else "again"
