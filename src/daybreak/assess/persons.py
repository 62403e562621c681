"""Whom a name at AWS names: two names may be one person's, and some name nobody. Pure.

The law: a session's name that a program drew says nothing of who sits there. Whoever has the same role may be that person; so is
whoever has the same name, in whatever role, with the domain of a mail or without it.
"""

from __future__ import annotations

import re

_DRAWN = (
    r"\d+",
    r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}",
    r"[0-9a-f]{16,}",
    r"i-[0-9a-f]+",
    r"(?:aws|amazon|boto)[a-z0-9_.-]*?(?:session|sdk|cli)(?:[^a-z].*)?",
    r".*(?:\d{10}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
    r"(?:default|assumed?)[-_](?:role|session)[\w-]*|web-identity-token[\w-]*",
    r"(?:session|awscodebuild|githubactions|terraform)(?:[-_].*)?",
)
"""Forms of a session's name that a program or a service of AWS draws where nobody sets one: SDKs, command lines, EC2, ECS, CI."""

NAME_YOURSELF = "set role_session_name in the AWS profile to your own name, or use a login that names a person"
"""What to do about a session that names nobody."""


def name_in(caller: str) -> str | None:
    """The name of a person in an ARN, in lower case; ``None`` where it names nobody.

    >>> name_in("arn:aws:iam::123456789012:user/dba/Ann"), name_in("arn:aws:sts::123456789012:assumed-role/dba/ann")
    ('ann', 'ann')
    >>> name_in("arn:aws:sts::123456789012:assumed-role/dba/botocore-session-1796033310")
    """
    name = _last_of(caller).lower()
    is_session = role_in(caller) is not None
    return None if not name or (is_session and any(re.fullmatch(form, name) for form in _DRAWN)) else name


def role_in(caller: str) -> str | None:
    """The role of a session, with its account; ``None`` where the ARN is of no session of a role.

    >>> role_in("arn:aws:sts::123456789012:assumed-role/dba/ann")
    '123456789012:assumed-role/dba'
    """
    found = re.fullmatch(r"arn:[^:]*:sts::([^:]*:assumed-role/[^/]+)/.*", caller, re.DOTALL)
    return found[1] if found else None


def why_nobody(caller: str) -> str:
    """Why an ARN names no person; empty where it does."""
    if name_in(caller) is not None:
        return ""
    return f'{caller} names nobody: a program drew the name "{_last_of(caller)}" of its session'


def may_be_one(one: str, other: str) -> bool:
    """Whether two ARNs may be one person's: of one name, also as an address of mail, or of one role where either names nobody.

    >>> may_be_one("arn:aws:iam::1:user/ann", "arn:aws:sts::1:assumed-role/dba/ann")
    True
    >>> may_be_one("arn:aws:iam::1:user/ann", "arn:aws:sts::1:assumed-role/AWSReservedSSO_dba_1f/ann@example.com")
    True
    >>> may_be_one("arn:aws:sts::1:assumed-role/dba/bob", "arn:aws:sts::1:assumed-role/dba/ann")
    False
    >>> may_be_one("arn:aws:sts::1:assumed-role/dba/bob", "arn:aws:sts::1:assumed-role/dba/botocore-session-1")
    True
    """
    first, second = name_in(one), name_in(other)
    if first is None or second is None:
        return role_in(one) is not None and role_in(one) == role_in(other)
    return first.partition("@")[0] == second.partition("@")[0]


def _last_of(caller: str) -> str:
    return caller.rpartition("/")[2] if "/" in caller else caller
