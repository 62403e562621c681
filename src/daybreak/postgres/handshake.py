"""Whether the server at an endpoint proves who it is, found out before anything is said to it.

The law: a question whether it speaks TLS, and a handshake; no user, no database, nothing of a password. A certificate that
does not hold is a definite no with its reason, never a silence.
"""

from __future__ import annotations

import socket
import ssl
from datetime import timedelta
from time import monotonic

from daybreak.errors import Refused, Unproven, Unreachable
from daybreak.model.names import printable
from daybreak.model.trust import whose
from daybreak.postgres.address import Address
from daybreak.postgres.authorities import context_of, file_of

_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""PostgreSQL's question whether it speaks TLS; the answer is one byte, ``S`` or ``N``."""

# OpenSSL's numbers, which ssl.SSLCertVerificationError carries: X509_V_ERR_* in x509_vfy.h.
_EXPIRED, _NOT_YET, _SELF_SIGNED = 10, 9, 18
_OTHER_AUTHORITY = frozenset({2, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})

_CLOCK = "look at this machine's clock: date --utc"
_CA = 'name its authority: tls_ca = "FILE" in daybreak.toml ("system" for an RDS Proxy), or DAYBREAK_TLS_CA'


def shake_hands(door: socket.socket, address: Address, left: timedelta) -> str:
    """The TLS version in which the server proved itself; empty where it may be plain and is.

    Raises ``Unproven`` when it proves nothing, ``Unreachable`` when it does not answer like PostgreSQL, and whatever the
    socket raises; ends within ``left``.
    """
    end = monotonic() + left.total_seconds()
    is_open_house = address.trust.may_be_plain(address.host)
    if not _offers_tls(door, left):
        if is_open_house:
            return ""
        raise unproven(address, "it offers no TLS")
    if is_open_house and address.trust.tls != "require":
        raise Unproven(
            f"{address} speaks TLS, and nobody is named whose word counts on loopback; no password was sent", _CA
        )
    door.settimeout(max(end - monotonic(), 0.001))
    try:
        with _context(address).wrap_socket(door.dup(), server_hostname=address.host) as spoken:
            return spoken.version() or ""
    except ssl.SSLCertVerificationError as error:
        why, *hints = _told(error, address)
        raise unproven(address, why, *hints) from error


def unproven(address: Address, why: str, *hints: str) -> Unproven:
    """The refusal to say anything to a server."""
    return Unproven(
        f"{address} does not prove that it is {printable(address.host)}: {why}; no password was sent", *hints
    )


def _offers_tls(door: socket.socket, left: timedelta) -> bool:
    door.settimeout(max(left.total_seconds(), 0.001))
    door.sendall(_SSL_REQUEST)
    match door.recv(1):
        case b"N":
            return False
        case b"S":
            return True
        case b"":
            raise Unreachable("the server hung up without a word: PostgreSQL is starting, stopping, or not there")
        case other:
            raise Unreachable(f"what answers is not PostgreSQL: it said {other!r}")


def _context(address: Address) -> ssl.SSLContext:
    if address.trust.tls == "require":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context = context_of(file_of(address.trust))
    except Refused as error:
        raise unproven(address, error.message, *error.hints) from error
    context.check_hostname = address.trust.tls == "verify-full"
    return context


def _told(error: ssl.SSLCertVerificationError, address: Address) -> tuple[str, ...]:
    """What is wrong with a certificate, and what to do."""
    code = error.verify_code
    if code == _EXPIRED:
        return "its certificate has expired", _CLOCK
    if code == _NOT_YET:
        return "its certificate is not valid yet", _CLOCK
    if code in _OTHER_NAME:
        return "its certificate is for another name", "somebody else may answer at that name: look where it leads"
    if code == _SELF_SIGNED:
        return "its certificate is signed by itself", _CA
    if code in _OTHER_AUTHORITY:
        return f"its certificate is not of {whose(address.trust)}", _CA
    return f"its certificate does not hold: {printable(error.verify_message)}", _CA
