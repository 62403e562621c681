"""A login, and the ways to prove it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Login:
    """A user name and a password; the password is never shown."""

    username: str
    password: str = field(repr=False)
    is_token: bool = False
    """Whether the password is an IAM token, which the server asks for in the clear."""


@dataclass(frozen=True)
class LoginReference:
    """Where a login stands. It is read only where a session is opened: one that is at hand was opened with it a moment ago."""

    words: str
    """As the configuration names it; two that are alike here are one."""
    read: Callable[[], Login] = field(compare=False, repr=False)
    """Reads it; raises as ``credentials_of`` does."""


AuthMethod = Literal["scram-sha-256", "md5", "password"]
"""How we proved the login to the server, in libpq's words; ``password`` is a token in the clear."""
