"""Trust: what a database's server must prove before anything computed from a password leaves, and which authorities vouch.

The law: anything less than a proven name must be asked for explicitly. An endpoint counts as loopback only when AWS
returned it as a loopback address; the address that a name resolves to never counts.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

from daybreak.model.names import printable
from daybreak.model.value import Instant, Value

Tls = Literal["verify-full", "verify-ca", "require"]
"""libpq's words for what a server must prove: its name; only that an authority vouches for it; nothing, but encryption."""

STRICTEST_FIRST: tuple[Tls, ...] = ("verify-full", "verify-ca", "require")

AMAZON = Path(__file__).parents[1] / "roots" / "amazon-rds.pem"
"""Amazon's authorities for RDS, which come with Daybreak; README.md beside the file gives their origin."""

OWN = "amazon"
"""The word for them, where a configuration has to name them."""

SYSTEM = "system"
"""The word for the public roots of this machine: an RDS Proxy's certificate comes from Amazon's public ones."""


OLD_HASH = "its password is kept as an MD5 hash, from before SCRAM: set it anew"
"""The remark about a login that a server does not take by SCRAM."""


class Trust(Value):
    """How a database's server proves its identity."""

    tls: Tls = "verify-full"
    tls_ca: str | None = None
    """A PEM file of authorities, or ``system``; ``None`` is Amazon's, which come with Daybreak."""

    def may_be_plain(self, endpoint: str) -> bool:
        """Whether a server without TLS is accepted: only at a loopback address with no authority configured."""
        return self.tls_ca is None and is_loopback(endpoint)

    def at_least(self, other: Trust) -> Trust:
        """This machine's authorities, and the stricter of the two demands."""
        return self.model_copy(update={"tls": min(self.tls, other.tls, key=STRICTEST_FIRST.index)})


class Authority(Value):
    """One certificate that vouches for servers."""

    name: str
    region: str | None
    """The region whose databases it vouches for, as its own subject says; ``None`` where the subject names no region."""
    begins: Instant
    ends: Instant


class Authorities(Value):
    """All trusted authorities, and where they were read."""

    origin: str
    """Where they come from, in words."""
    file: str = ""
    """Their path on this machine; empty when there is no such file."""
    known: tuple[Authority, ...] = ()
    trouble: str = ""
    """Why they cannot be read; empty when they can."""

    def valid(self, now: Instant) -> tuple[Authority, ...]:
        """The authorities that are valid now: they have begun and not ended."""
        return tuple(each for each in self.known if each.begins <= now <= each.ends)

    def regions(self, now: Instant) -> frozenset[str]:
        """The regions that have a valid authority now."""
        return frozenset(each.region for each in self.valid(now) if each.region)


def is_loopback(endpoint: str) -> bool:
    """Whether an endpoint is written as a loopback address; a name never is, whatever it resolves to.

    >>> is_loopback("127.0.64.6"), is_loopback("::1"), is_loopback("localhost"), is_loopback("embi.cluster-1.us-east-1.rds.amazonaws.com")
    (True, True, False, False)
    """
    try:
        return ipaddress.ip_address(endpoint).is_loopback
    except ValueError:
        return False


def trust_words(trust: Trust, endpoint: str | None = None) -> str:
    """How the server at an endpoint proves its identity, as plan, status and report say it; without an endpoint in general.

    >>> trust_words(Trust())
    "verify-full against Amazon's RDS authorities"
    >>> trust_words(Trust(tls="require"), "db.example.com")
    'require: encrypted, but no server proves its identity'
    >>> trust_words(Trust(), "127.0.64.6")
    'plain on loopback: nothing is encrypted, and no server proves its identity'
    """
    if endpoint is not None and trust.may_be_plain(endpoint):
        return "plain on loopback: nothing is encrypted, and no server proves its identity"
    if trust.tls == "require":
        return "require: encrypted, but no server proves its identity"
    weak = "; the name is not proven" if trust.tls == "verify-ca" else ""
    return f"{trust.tls} against {whose(trust)}{weak}"


def whose(trust: Trust) -> str:
    """Whose word counts, in words; a file by its name, since these words are handed on and its folder is one machine's.

    >>> whose(Trust(tls_ca="/srv/jo/lab/ca.pem"))
    'the authorities in ca.pem'
    """
    if trust.tls_ca is None:
        return "Amazon's RDS authorities"
    return (
        "the public roots of this machine"
        if trust.tls_ca == SYSTEM
        else f"the authorities in {printable(Path(trust.tls_ca).name)}"
    )
