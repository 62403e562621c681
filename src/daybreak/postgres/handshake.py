"""Find out whether the server at an endpoint proves its name, before it learns anything from us.

The law: we ask whether it speaks TLS, and shake hands. We send no user, no database and nothing of a password. A certificate
that does not hold is a definite no with its reason, never a silence.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic

from daybreak.errors import Refused, Unproven, Unreachable
from daybreak.model.names import printable
from daybreak.model.trust import whose
from daybreak.postgres.address import Address
from daybreak.postgres.authorities import context_of, file_of

_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""The request of PostgreSQL's protocol for TLS; the server answers with one byte, ``S`` or ``N``."""

# OpenSSL's numbers, which ssl.SSLCertVerificationError carries: X509_V_ERR_* in x509_vfy.h.
_EXPIRED, _NOT_YET, _SELF_SIGNED = 10, 9, 18
_OTHER_AUTHORITY = frozenset({2, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})

_CLOCK = "look at this machine's clock: date --utc"
_CA = 'name its authority: tls_ca = "FILE" in daybreak.toml ("system" for an RDS Proxy), or DAYBREAK_TLS_CA'


def shake_hands(door: socket.socket, address: Address, left: timedelta) -> str:
    """Shake hands with a server and return the TLS version in which it proved its name; empty where it may be plain and is.

    Raises what ``speak`` raises. Ends within ``left``.
    """
    with speak(door, address, left) as line:
        return (line.version() or "") if isinstance(line, ssl.SSLSocket) else ""


@contextmanager
def speak(door: socket.socket, address: Address, left: timedelta) -> Iterator[socket.socket]:
    """A line to a server that proved its name, for the length of a ``with`` block; ``door`` itself where it may be plain and is.

    Raises ``Unproven`` when the server proves nothing, ``Unreachable`` when it does not answer like PostgreSQL, and
    whatever the socket raises. Ends within ``left``.
    """
    end = monotonic() + left.total_seconds()
    is_open_house = address.trust.may_be_plain(address.host)
    if not _offers_tls(door, left):
        if is_open_house:
            yield door
            return
        raise unproven(address, "it offers no TLS")
    if is_open_house and address.trust.tls != "require":
        raise Unproven(f"{address} speaks TLS, and no authority is named for loopback; no password was sent", _CA)
    door.settimeout(max(end - monotonic(), 0.001))
    try:
        spoken = _context(address).wrap_socket(door.dup(), server_hostname=address.host)
    except ssl.SSLCertVerificationError as error:
        why, *hints = _diagnosis(error, address)
        raise unproven(address, why, *hints) from error
    with spoken:
        yield spoken


def unproven(address: Address, why: str, *hints: str) -> Unproven:
    """The error with which we refuse to send anything to a server."""
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


def _diagnosis(error: ssl.SSLCertVerificationError, address: Address) -> tuple[str, ...]:
    """What is wrong with a certificate, followed by what to do about it."""
    code = error.verify_code
    if code == _EXPIRED:
        return "its certificate has expired", _CLOCK
    if code == _NOT_YET:
        return "its certificate is not valid yet", _CLOCK
    if code in _OTHER_NAME:
        return (
            "its certificate is for another name",
            "another server may answer at that name: look where the name leads",
        )
    if code == _SELF_SIGNED:
        return "its certificate is signed by itself", _CA
    if code in _OTHER_AUTHORITY:
        return f"its certificate is not signed by {whose(address.trust)}", _CA
    return f"its certificate does not hold: {printable(error.verify_message)}", _CA
