"""From a reference to a login: the only place where a password is read. It stays in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from daybreak.aws.faults import AwsFault, fault_of
from daybreak.aws.replies import require
from daybreak.aws.wire import CallStage
from daybreak.errors import DaybreakError, Refused
from daybreak.model.plan import AwsCall
from daybreak.plan.operations import aws_call

_STAGE = re.compile(r"[A-Z_]+")
"""How a stage of a secret's version is spelled, as ``AWSPREVIOUS``; everything else after ``#`` is a version's id."""


class LoginDoor(Protocol):
    """The AWS interface that reading a login needs."""

    @property
    def region(self) -> str:
        """The region whose secrets are read, and for which a token is signed."""

    def read(self, call: AwsCall) -> dict[str, Any]:
        """Ask once."""

    def pages(self, call: AwsCall, items: str) -> Iterable[dict[str, Any]]:
        """Ask for every page."""

    def client(self, service: str) -> Any:
        """A client of boto3, to sign a token."""


@dataclass(frozen=True)
class Version:
    """An older version of a secret that may still be read."""

    reference: str
    """The login of that version."""
    made: datetime


@dataclass(frozen=True)
class Secret:
    """A secret's versions, as far as they still exist."""

    changed: datetime | None
    """When the current version was made."""
    older: tuple[Version, ...]
    """Newest first, also those that no stage names any more."""


@dataclass(frozen=True)
class Credentials:
    """A database user and its password, which is never shown."""

    username: str
    password: str = field(repr=False)
    is_token: bool = False
    """Whether it is an IAM token, which RDS takes as a password in clear text."""


def credentials_of(reference: str, aws: LoginDoor, environ: Mapping[str, str], place: tuple[str, int]) -> Credentials:
    """The login behind ``secretsmanager:NAME``, ``ssm:NAME``, ``env:PREFIX`` or ``iam:USER``.

    ``secretsmanager:NAME#VERSION`` (an id, or a stage such as ``AWSPREVIOUS``) and ``ssm:NAME:VERSION`` are older ones.
    ``place`` is the host and port that an IAM token is made for. Raises ``Refused`` when the reference has no login.
    """
    scheme, _, name = reference.partition(":")
    match scheme:
        case "secretsmanager":
            secret, _, version = name.partition("#")
            wanted = {"VersionStage" if _STAGE.fullmatch(version) else "VersionId": version} if version else {}
            call = _call(aws, "secretsmanager", "GetSecretValue", SecretId=secret, **wanted)
            return _parse(_ask(aws, call, reference, "ARN").get("SecretString", ""), reference)
        case "ssm":
            call = _call(aws, "ssm", "GetParameter", Name=name, WithDecryption=True)
            return _parse(_ask(aws, call, reference, "Parameter")["Parameter"].get("Value", ""), reference)
        case "env":
            return _from_environment(name, environ)
        case "iam":
            host, port = place
            return Credentials(name, _token(aws, host, port, name), is_token=True)
        case _:
            raise Refused(
                f'the login "{scheme}:…" is not a reference we know', "use secretsmanager:, ssm:, env: or iam:"
            )


def secret_of(reference: str, aws: LoginDoor) -> Secret | None:
    """The versions of the secret behind a reference; ``None`` for a login of the environment or of IAM, which has none.

    Raises as ``credentials_of`` does.
    """
    scheme, _, name = reference.partition(":")
    name = name.partition("#")[0]
    try:
        match scheme:
            case "secretsmanager":
                # They are deprecated, not gone: a day at least, and mostly until a hundred newer ones are there.
                call = _call(aws, "secretsmanager", "ListSecretVersionIds", SecretId=name, IncludeDeprecated=True)
                found = [
                    (
                        Version(f"{scheme}:{name}#{require(each, 'VersionId')}", require(each, "CreatedDate")),
                        "AWSCURRENT" in each.get("VersionStages", ()),
                    )
                    # In whole seconds: of two of one second the one with a stage is the newer.
                    for each in sorted(aws.pages(call, "Versions"), key=lambda each: bool(each.get("VersionStages")))
                    if "AWSPENDING" not in each.get("VersionStages", ())
                ]
            case "ssm":
                call = _call(aws, "ssm", "GetParameterHistory", Name=name, WithDecryption=False)
                numbered = sorted(aws.pages(call, "Parameters"), key=lambda each: int(require(each, "Version")))
                # A parameter's history ends with the version that is current.
                found = [
                    (
                        Version(f"{scheme}:{name}:{each['Version']}", require(each, "LastModifiedDate")),
                        each is numbered[-1],
                    )
                    for each in numbered
                ]
            case _:
                return None
    except AwsFault as fault:
        raise _unreadable(reference, fault) from fault
    newest_first = sorted(found, key=lambda each: each[0].made)[::-1]
    current = next((version.made for version, is_current in newest_first if is_current), None)
    return Secret(current, tuple(version for version, is_current in newest_first if not is_current))


def _call(aws: LoginDoor, service: str, operation: str, **params: Any) -> AwsCall:
    return aws_call(service, operation, params, aws.region)


def _token(aws: LoginDoor, host: str, port: int, username: str) -> str:
    """Sign a token on this machine; the credentials for that may be missing or expired."""
    client = aws.client("rds")
    try:
        return str(client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=username))
    except Exception as error:
        fault = fault_of(error, stage=CallStage.PREPARING)
        raise _unreadable(f"iam:{username}", fault) if isinstance(fault, AwsFault) else fault from error


def _ask(aws: LoginDoor, call: AwsCall, reference: str, holds: str) -> dict[str, Any]:
    """The answer, which must hold a member of that name: one without it is no answer, and no empty secret either."""
    try:
        body = aws.read(call)
        require(body, holds)
        return body
    except AwsFault as fault:
        raise _unreadable(reference, fault) from fault


def _unreadable(reference: str, fault: AwsFault) -> DaybreakError:
    return fault.as_failure(f'the login "{reference}" cannot be read')


def _parse(text: object, reference: str) -> Credentials:
    try:
        fields = json.loads(str(text))
        return Credentials(str(fields["username"]), str(fields["password"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        # The cause is not chained: it would quote the secret.
        raise Refused(
            f'the secret behind "{reference}" is not a login', 'it must be JSON with "username" and "password"'
        ) from None


def _from_environment(prefix: str, environ: Mapping[str, str]) -> Credentials:
    names = (f"{prefix}_USERNAME", f"{prefix}_PASSWORD")
    missing = [name for name in names if name not in environ]
    if missing:
        raise Refused(
            f'the login "env:{prefix}" needs {" and ".join(missing)}', "export them, or use another kind of login"
        )
    return Credentials(environ[names[0]], environ[names[1]])
