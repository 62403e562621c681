"""The texts that daybreak.toml is made of: each with its form, and a complaint that says what is allowed and repeats nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from daybreak.config.spans import ALLOWED, PATTERN, parse_span
from daybreak.model.checks import CHECKS, OWN
from daybreak.model.names import is_identifier, printable
from daybreak.model.targets import (
    LOGIN,
    LOGIN_ALLOWED,
)
from daybreak.model.value import Span


def _span(written: Any) -> timedelta:
    if isinstance(written, timedelta):
        return written
    if not isinstance(written, str):
        message = f"write {ALLOWED}"
        raise ValueError(message)  # noqa: TRY004 - pydantic gathers ValueErrors, a TypeError would escape it
    return parse_span(written)


def text_like(pattern: str, allowed: str) -> Any:
    """A validator of text; its complaint says what is allowed and does not repeat what was written."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            message = f"write {allowed}"
            raise ValueError(message)
        return text

    return AfterValidator(check)


def _identifier(text: str) -> str:
    if not is_identifier(text):
        message = (
            "write an identifier that AWS accepts: 1 to 63 letters, digits and single hyphens, starting with a letter"
        )
        raise ValueError(message)
    return text.lower()


def _check_name(text: str) -> str:
    if text not in CHECKS and not (text.startswith(OWN) and len(text) > len(OWN)):
        message = (
            f'"{printable(text)}" is no check: write owner.NAME for one of your own, or one of {", ".join(CHECKS)}'
        )
        raise ValueError(message)
    return text


def _health_url(text: str) -> str:
    if not re.fullmatch(r"https?://(?:\{host\}|[^\s/?#@{}]+)(?::(?:\{port\}|\d{1,5}))?(?:[/?#]\S*)?", text, re.ASCII):
        message = (
            'write a URL without a login, such as "https://app.example.com/health"; {host} and {port} are the clone\'s'
        )
        raise ValueError(message)
    return text


def _url_of_service(text: str) -> str:
    if "{host}" in text or "{port}" in text:
        message = "write the address of the application that serves: {host} and {port} are a clone's, before any traffic moves"
        raise ValueError(message)
    return text


SpanText = Annotated[Span, BeforeValidator(_span), WithJsonSchema({"type": "string", "pattern": PATTERN})]
Identifier = Annotated[str, AfterValidator(_identifier)]
Region = Annotated[str, text_like(r"[a-z]{2,}(?:-[a-z]+)+-\d{1,2}", 'an AWS region such as "us-east-1"')]
LoginText = Annotated[str, text_like(LOGIN, LOGIN_ALLOWED), WithJsonSchema({"type": "string", "pattern": LOGIN})]
GroupId = Annotated[str, text_like(r"sg-[0-9a-f]{8,17}", 'a security group\'s id such as "sg-0123456789abcdef0"')]
TableName = Annotated[str, text_like(r"(?s)[^.]+\.[^.]+", 'a table with its schema, quoted: "public.employees"')]
TargetName = Annotated[str, text_like(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", "a name of letters, digits, - and _")]
Named = Annotated[str, Field(min_length=1)]
CheckName = Annotated[
    str,
    AfterValidator(_check_name),
    WithJsonSchema({"type": "string", "anyOf": [{"enum": list(CHECKS)}, {"pattern": r"^owner\..+"}]}),
]
HealthUrl = Annotated[str, AfterValidator(_health_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
ServingUrl = Annotated[HealthUrl, AfterValidator(_url_of_service)]
"""A page of the application that serves, whichever side that is."""
PemFile = Annotated[str, text_like(r"/[^\0]+", "the absolute path of a PEM file")]
InstanceClass = Annotated[str, text_like(r"db\.[a-z0-9.-]+", 'an instance class such as "db.t4g.medium"')]
KeyName = Annotated[
    str,
    text_like(
        r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(?:key|alias)/\S+|alias/\S+|(?:mrk-)?[0-9a-f-]{8,}",
        "a KMS key by its ARN, its id or its alias (alias/NAME)",
    ),
]
DatabaseName = Annotated[str, Field(min_length=1, max_length=63)]
