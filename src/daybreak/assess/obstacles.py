"""What keeps us out of a clone's database, and what to do about it.

The law: a server that answered is not waited for. Only what may pass by itself is, for minutes that are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from daybreak.model.answers import Answer
from daybreak.model.refusal import LoginRefusal
from daybreak.model.world import Cluster

Obstacle = Literal["stranger", "refusal", "full", "network", "settling"]
"""A server that proves nothing, a definite no to the login, no connection left, nothing that answers on the way there, or a
password that AWS has promised and the server does not take yet."""


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
        return KeptOut(answer.trouble, "refusal", (f"{about}; {tried}" if tried else about, *_other_passwords(clone)))
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


def _other_passwords(clone: Cluster) -> tuple[str, ...]:
    """The ways in that are left where no version of the login's secret fits; no password of ours is on a command line."""
    resume = f"daybreak resume {clone.identifier}"  # a run is named for its clone
    return (
        f"where it is the master's, let AWS make a new one for the clone alone: {resume} --manage-password",
        f"where another login has the clone's password of then: {resume} --login REFERENCE",
        "where it is another role's: enter as the clone's master with psql, then \\password ROLE",
    )


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
