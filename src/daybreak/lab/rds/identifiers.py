"""The names of RDS resources: the form of a new one, and what an ARN or a name in a call points at."""

from __future__ import annotations

import re
from dataclasses import dataclass

from daybreak.lab.protocol.boto import PARTITION
from daybreak.lab.protocol.errors import invalid_value

_IDENTIFIER = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9])*")
_ARN = re.compile(r"arn:(aws[a-z-]*):rds:([a-z0-9-]*):(\d*):([a-z-]+):(.+)")


@dataclass(frozen=True)
class Pointed:
    """What a name or ARN points at; a bare name points into the caller's own region and account."""

    region: str
    account: str
    kind: str
    id: str


def new_identifier(parameter: str, value: str, *, longest: int = 63) -> str:
    """The identifier in lower case; raises AWS's refusal of a bad one."""
    if not _IDENTIFIER.fullmatch(value) or len(value) > longest:
        raise invalid_value(
            f"The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must contain "
            "only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens."
        )
    return value.lower()


def arn_parts(arn: str) -> Pointed:
    """The parts of an RDS ARN."""
    match = _ARN.fullmatch(arn)
    if match is None or match[1] != PARTITION:
        raise invalid_value(f"Invalid resource name: {arn}")
    _, region, account, kind, id = match.groups()
    return Pointed(region, account, kind, id.lower())


def resolve_name(value: str, kind: str, region: str, account: str) -> Pointed:
    """What a parameter that takes a name or an ARN points at."""
    if value.startswith("arn:"):
        found = arn_parts(value)
        if found.kind != kind:
            raise invalid_value(f"Invalid resource name: {value}")
        return found
    return Pointed(region, account, kind, value.lower())
