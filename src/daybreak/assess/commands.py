"""What a program of the owner's may know, and what a person said became of it. Pure."""

from __future__ import annotations

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


def outcome_said(state: RunState, step: str) -> Literal["done", "again"] | None:
    """What a person said became of a program whose outcome was lost; ``None`` where nobody was asked."""
    said = [each.new for each in state.amendments if each.step == step and each.field == "outcome"]
    return None if not said else "done" if said[-1] == "done" else "again"
