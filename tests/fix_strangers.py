"""Strangers: what answers at a database's name and is not the database; each keeps every byte that it was given.

The law: a stranger speaks PostgreSQL's protocol as far as it takes to be handed a password, in a real socket, and in no other
way than a thief would.
"""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Literal

import pytest

from tests.fix_certificates import Certificate

Asks = Literal["scram", "md5", "password", "nothing"]
"""How a stranger wants the login proven."""

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
_SALT = b"\x01\x02\x03\x04"


@dataclass
class Stranger:
    """One that takes connections until it is closed."""

    certificate: Certificate | None = None
    """None offers no TLS."""
    asks: Asks = "scram"
    host: str = "127.0.0.1"
    visits: int = 0
    startups: list[bytes] = field(default_factory=list)
    """What it was told before it asked for anything: user and database."""
    secrets: list[bytes] = field(default_factory=list)
    """Every message that answers the question for a password: the thing that must never come."""
    raw: bytearray = field(default_factory=bytearray)
    """Every byte that came in the clear, or was decrypted."""

    def __post_init__(self) -> None:
        self._door = socket.create_server((self.host, 0))
        self.port = int(self._door.getsockname()[1])
        self._met = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take nobody any more."""
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._attend, args=(caller,), daemon=True).start()

    def _attend(self, caller: socket.socket) -> None:
        self.visits += 1
        caller.settimeout(20)
        with suppress(OSError, EOFError), ExitStack() as lines:
            line = lines.enter_context(caller)
            while True:
                body = self._packet(line)
                [code] = struct.unpack("!I", body[:4])
                if code == _GSS:
                    line.sendall(b"N")
                elif code == _SSL:
                    line = lines.enter_context(self._secured(line))
                elif code != _CANCEL:
                    self.startups.append(body)
                    self._ask(line)
                    return

    def _secured(self, line: socket.socket) -> socket.socket:
        if self.certificate is None:
            line.sendall(b"N")
            return line
        line.sendall(b"S")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate.chain, self.certificate.key)
        return context.wrap_socket(line, server_side=True)

    def _ask(self, line: socket.socket) -> None:
        match self.asks:
            case "nothing":
                self._say(line, b"R", struct.pack("!I", 0))
                self._say(line, b"Z", b"I")
            case "password":
                self._say(line, b"R", struct.pack("!I", 3))
            case "md5":
                self._say(line, b"R", struct.pack("!I", 5) + _SALT)
            case "scram":
                self._say(line, b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0")
        first = self._secret(line)
        if self.asks == "scram":
            nonce = first.split(b"r=", 1)[1] + b"stranger"
            salted = b"r=" + nonce + b",s=" + base64.b64encode(_SALT) + b",i=4096"
            self._say(line, b"R", struct.pack("!I", 11) + salted)
            self._secret(line)

    def _secret(self, line: socket.socket) -> bytes:
        kind = self._read(line, 1)
        body = self._packet(line)
        self.secrets.append(kind + body)
        return body

    def _say(self, line: socket.socket, kind: bytes, body: bytes) -> None:
        line.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def _packet(self, line: socket.socket) -> bytes:
        [length] = struct.unpack("!I", self._read(line, 4))
        return self._read(line, length - 4)

    def _read(self, line: socket.socket, count: int) -> bytes:
        read = b""
        while len(read) < count:
            piece = line.recv(count - len(read))
            if not piece:
                raise EOFError
            read += piece
            self.raw += piece
        return read

    def assert_learned_nothing(self, username: str, password: str) -> None:
        """It was met, and given no password, nothing computed from one, and not even a user's name."""
        assert self.visits > 0, "nobody came, so this shows nothing"
        assert self.secrets == []
        assert self.startups == []
        self.assert_no_password(username, password)

    def assert_no_password(self, username: str, password: str) -> None:
        """Nothing that it was given holds the password, or what MD5 and SCRAM compute from it."""
        inner = hashlib.md5(password.encode() + username.encode()).hexdigest()
        digest = hashlib.md5(inner.encode() + _SALT).hexdigest()
        heard = bytes(self.raw)
        for word in (password, inner, digest, "p="):
            assert word.encode() not in heard


Meet = Callable[..., Stranger]


@pytest.fixture
def meet() -> Iterator[Meet]:
    """Makes strangers that are gone when the test is over."""
    met: list[Stranger] = []

    def one(certificate: Certificate | None = None, asks: Asks = "scram", host: str = "127.0.0.1") -> Stranger:
        met.append(Stranger(certificate, asks, host))
        return met[-1]

    yield one
    for each in met:
        each.close()
