"""From a reference to a login: the only place where a password is read. It stays in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daybreak.aws.faults import AwsFault, fault_of
from daybreak.aws.gateway import Aws
from daybreak.aws.replies import require
from daybreak.aws.wire import CallStage
from daybreak.errors import DaybreakError, Refused
from daybreak.model.plan import AwsCall


@dataclass(frozen=True)
class Credentials:
    """A database user and its password, which is never shown."""

    username: str
    password: str = field(repr=False)
    is_token: bool = False
    """Whether it is an IAM token, which RDS takes as a password in clear text."""


def credentials_of(reference: str, aws: Aws, environ: Mapping[str, str], place: tuple[str, int]) -> Credentials:
    """The login behind ``secretsmanager:NAME``, ``ssm:NAME``, ``env:PREFIX`` or ``iam:USER``.

    ``place`` is the host and port that an IAM token is made for. Raises ``Refused`` when the reference has no login.
    """
    scheme, _, name = reference.partition(":")
    match scheme:
        case "secretsmanager":
            call = AwsCall(
                service="secretsmanager", operation="GetSecretValue", params={"SecretId": name}, region=aws.region
            )
            return _parse(_ask(aws, call, reference, "ARN").get("SecretString", ""), reference)
        case "ssm":
            params = {"Name": name, "WithDecryption": True}
            call = AwsCall(service="ssm", operation="GetParameter", params=params, region=aws.region)
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


def _token(aws: Aws, host: str, port: int, username: str) -> str:
    """Sign a token on this machine; the credentials for that may be missing or expired."""
    client = aws.client("rds")
    try:
        return str(client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=username))
    except Exception as error:
        fault = fault_of(error, stage=CallStage.PREPARING)
        raise _unreadable(f"iam:{username}", fault) if isinstance(fault, AwsFault) else fault from error


def _ask(aws: Aws, call: AwsCall, reference: str, holds: str) -> dict[str, Any]:
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
