"""What keeps us out of a clone's database, and what to do about it.

The law: a server that answered is not waited for. Only what may pass by itself is, for minutes that are counted.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

from daybreak.model.answers import Answer
from daybreak.model.refusal import LoginRefusal
from daybreak.model.world import Cluster

Obstacle = Literal["stranger", "refusal", "full", "network"]
"""A server that proves nothing, a definite no to the login, no connection left, or nothing that answers on the way there."""


@dataclass(frozen=True)
class KeptOut:
    """Why we are not in, and what a person may do; no ``obstacle`` where it only takes time."""

    seen: str
    obstacle: Obstacle | None = None
    hints: tuple[str, ...] = ()


def why_kept_out(answer: Answer, clone: Cluster, login: str | None, tried: str = "") -> KeptOut:
    """Why an endpoint of an available instance let nobody in.

    ``login`` is its reference in the configuration, ``tried`` what came of the secret's older versions.
    """
    seen = f"reached {answer.reached} at {answer.host}:{answer.port}: {answer.trouble}"
    if answer.is_unproven:
        return KeptOut(answer.trouble, "stranger", answer.hints)
    refusal = answer.refusal
    if refusal is not None and refusal.is_definite:
        about = _about(refusal, login or "the login")
        if not refusal.is_of_password:
            return KeptOut(answer.trouble, "refusal", (about,))
        return KeptOut(
            answer.trouble, "refusal", (f"{about}; {tried}" if tried else about, *_set_password(clone, login))
        )
    if refusal is not None and refusal.sqlstate == "53300":
        sessions = "SELECT usename, application_name, client_addr FROM pg_stat_activity"
        return KeptOut(answer.trouble, "full", (f"nobody but us should be in there: {sessions}",))
    if answer.reached in ("nothing", "dns", "tcp"):
        return KeptOut(seen, "network", _ways(answer, clone))
    return KeptOut(seen)


def _about(refusal: LoginRefusal, login: str) -> str:
    match refusal.sqlstate:
        case "28P01":
            return f"the clone has the passwords of its moment, and {login} has another one by now"
        case "3D000":
            return "that database was not there at the moment: name one that was, as database in daybreak.toml"
        case "42501":
            return f"{login} has no CONNECT on that database: name one that it may enter, as database in daybreak.toml"
        case "55000":
            return "the database took no connections at the moment: ALTER DATABASE ... ALLOW_CONNECTIONS true"
        case "53300":
            return "the limit is the role's or the database's own: ALTER ROLE or ALTER DATABASE ... CONNECTION LIMIT -1"
        case _:
            return f"the role of {login} may not log in from here: look at NOLOGIN, rds_iam and rds.force_ssl"


def _set_password(clone: Cluster, login: str | None) -> tuple[str, ...]:
    """The command that gives the clone's master the password of the secret, which passes no command line."""
    scheme, _, name = (login or "").partition(":")
    if scheme != "secretsmanager":
        return ("give the clone's role the password that the login has: \\password in psql",)
    secret = shlex.quote(name.partition("#")[0])
    read = f"aws secretsmanager get-secret-value --secret-id {secret} --query SecretString --output text"
    write = f"aws rds modify-db-cluster --db-cluster-identifier {clone.identifier} --apply-immediately"
    line = f"{read} | jq '{{MasterUserPassword: .password}}' | {write} --cli-input-json file:///dev/stdin"
    return (f"where it is the master's, give the clone the password that the secret has now: {line}",)


def _ways(answer: Answer, clone: Cluster) -> tuple[str, ...]:
    """What to look at on the way to the server, nearest first."""
    if answer.reached == "nothing":
        return (f"the name must resolve here: dig +short {answer.host}", _FROM_INSIDE)
    groups = " ".join(clone.security_groups)
    rules = f"aws ec2 describe-security-group-rules --filters Name=group-id,Values={groups.replace(' ', ',')}"
    return (
        f"the clone's security groups ({groups or 'unknown'}) must let this machine in at port {answer.port}: {rules}",
        _FROM_INSIDE,
    )


_FROM_INSIDE = "Aurora mostly answers inside its VPC alone: run Daybreak there, or through a VPN"
