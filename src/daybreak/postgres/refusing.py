"""The code with which a server refuses a login, which libpq does not report while it connects.

The law: what counts is the SQLSTATE and the server's function that raised it, never words, which follow the server's language. We speak the start-up protocol for that, prove the login only in the ways that libpq was allowed, and ask nothing.
"""

from __future__ import annotations

import hashlib
import re
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from time import monotonic

from scramp import ScramClient, ScramException

from daybreak.errors import DaybreakError
from daybreak.model.refusal import LoginRefusal
from daybreak.postgres.address import Address
from daybreak.postgres.handshake import speak
from daybreak.postgres.login import AuthMethod, Login

_PROTOCOL = 196_608
"""Version 3.0, which every server still speaks."""

_LONGEST = 65_536
"""Bytes of a message; what is longer is nothing that a server says before a login."""

_MOST_ROUNDS = 1_000_000
"""Rounds of hashing that we do at a server's word; PostgreSQL's default is 4,096."""

_OK, _CLEAR, _MD5, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 3, 5, 10, 11, 12
"""The kinds of authentication message (PostgreSQL, ``protocol.h``)."""


class _NoWord(Exception):
    """The server says nothing that we may answer or can read."""


def ask_refusal(
    place: str, address: Address, login: Login, proofs: Sequence[AuthMethod], left: timedelta
) -> LoginRefusal | None:
    """Log in once more and return the code with which the server refuses; ``None`` where the server gives no code.

    ``proofs`` are the ways in which the login may be proven. Ends within ``left``; raises nothing.
    """
    end = monotonic() + left.total_seconds()
    if left <= timedelta(0):
        return None
    with (
        suppress(OSError, ValueError, DaybreakError, ScramException, _NoWord),
        socket.create_connection((place, address.port), max(left.total_seconds(), 0.001)) as door,
        speak(door, address, timedelta(seconds=max(end - monotonic(), 0.0))) as line,
    ):
        return _Attempt(line, end, login, proofs).refusal(address.database)
    return None


class _Attempt:
    """One login over a line, up to the server's yes or no."""

    def __init__(self, line: socket.socket, end: float, login: Login, proofs: Sequence[AuthMethod]) -> None:
        self._line = line
        self._end = end
        self._username = login.username
        self._password = login.password
        self._proofs = proofs
        self._scram: ScramClient | None = None

    def refusal(self, database: str) -> LoginRefusal | None:
        wishes = (
            "user",
            self._username,
            "database",
            database,
            "application_name",
            "daybreak",
            "client_encoding",
            "UTF8",
        )
        self._send(b"", struct.pack("!I", _PROTOCOL) + b"".join(each.encode() + b"\0" for each in wishes) + b"\0")
        for kind, body in self._messages():
            match kind:
                case b"E":
                    return _refusal(body)
                case b"R":
                    self._prove(body)
                case b"Z":
                    return LoginRefusal(sqlstate="00000")
        return None

    def _messages(self) -> Iterator[tuple[bytes, bytes]]:
        while True:
            kind, length = struct.unpack("!cI", self._read(5))
            if not 4 <= length <= _LONGEST:
                raise _NoWord
            yield kind, self._read(length - 4)

    def _prove(self, body: bytes) -> None:
        (kind,), rest = struct.unpack("!I", body[:4]), body[4:]
        if kind == _CLEAR and "password" in self._proofs:
            self._send(b"p", self._password.encode() + b"\0")
        elif kind == _MD5 and "md5" in self._proofs:
            inner = hashlib.md5(self._password.encode() + self._username.encode(), usedforsecurity=False).hexdigest()
            digest = hashlib.md5(inner.encode() + rest[:4], usedforsecurity=False).hexdigest()
            self._send(b"p", f"md5{digest}".encode() + b"\0")
        elif kind == _SASL and "scram-sha-256" in self._proofs:
            offered = [each for each in rest.decode().split("\0") if each == "SCRAM-SHA-256"]
            # PostgreSQL takes the name of the start-up message and ignores this one.
            self._scram = ScramClient(offered, self._username, self._password)
            first = self._scram.get_client_first().encode()
            self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
        elif kind == _SASL_CONTINUE and self._scram is not None:
            said = rest.decode()
            rounds = re.search(r"(?:^|,)i=(\d{1,9})(?:,|$)", said)
            if rounds is None or int(rounds[1]) > _MOST_ROUNDS:
                raise _NoWord
            self._scram.set_server_first(said)
            self._send(b"p", self._scram.get_client_final().encode())
        elif kind not in (_OK, _SASL_FINAL):
            raise _NoWord

    def _send(self, kind: bytes, body: bytes) -> None:
        self._line.settimeout(max(self._end - monotonic(), 0.001))
        self._line.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def _read(self, length: int) -> bytes:
        read = b""
        while len(read) < length:
            self._line.settimeout(max(self._end - monotonic(), 0.001))
            part = self._line.recv(length - len(read))
            if not part:
                raise _NoWord
            read += part
        return read


def _refusal(body: bytes) -> LoginRefusal | None:
    """The refusal in an ``ErrorResponse``, whose fields are a letter and a text each."""
    fields = {part[:1]: part[1:].decode("ascii", "replace") for part in body.split(b"\0") if part}
    sqlstate = fields.get(b"C", "")
    if not re.fullmatch(r"[0-9A-Z]{5}", sqlstate):
        return None
    return LoginRefusal(sqlstate=sqlstate, routine=re.sub(r"\W", "", fields.get(b"R", ""))[:64])
