"""Run as a program: the gates in front of the lab's databases, which speak TLS and forward to a server's own socket.

The law: only the standard library, no import of ours. All imports come before we drop root: the new account may not be able
to read them. A gate knows nothing of SQL: it reads what a client says before the login, refuses what the provider would refuse,
and then carries bytes. It ends when the lab does: with the end of its input.

Each input line is an order (JSON), each output line its answer: ``{}`` when it was carried out, ``{"error": ...}`` when not.
"""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401 (a socket looks for it when a host is named)
import errno
import ipaddress
import json
import os
import selectors
import socket
import ssl
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 60.0  # seconds for all that comes before the login; PostgreSQL's authentication_timeout
FAREWELL = 1.0  # seconds for a client to take what its server said last
LARGEST_GREETING = 10_000  # bytes; PostgreSQL's own limit for what comes before the login
PIECE = 1 << 16
CANCEL, TLS, GSS = 80877102, 80877103, 80877104
"""The requests that a client can make instead of a session."""


class _Refused(Exception):
    """The client gets the reason in PostgreSQL's words."""


class _Gone(Exception):
    """The client left, or does not speak PostgreSQL's protocol."""


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
HERE = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
"""The addresses that this machine's own clients come from."""


@dataclass(eq=False)
class Gate:
    """One endpoint: where it listens, the server's socket behind it, and which clients it lets in."""

    host: str
    port: int
    server: str
    context: ssl.SSLContext
    owner: bytes
    """The lab's own role, which never comes in here."""
    is_strict: bool
    """Whether a session must be encrypted."""
    admitted: tuple[Network, ...]
    """Where clients may come from."""
    holds: float | None = None
    """For how many seconds a client is held while there is no server, as a proxy holds it; ``None`` for a server's own gate."""
    listener: socket.socket | None = None
    """``None`` while no client of this machine may come in: a closed port, as near to AWS's silence as a test can wait for."""
    sessions: set[Session] = field(default_factory=set)


@dataclass(eq=False)
class Session:
    """A client's connection, and its connection to the server."""

    gate: Gate
    near: socket.socket
    far: socket.socket
    thread: threading.Thread | None = None
    server: str = ""
    """The server that it was led to, where its gate holds clients."""

    def run(self) -> None:
        """Let the client in, carry bytes until one side ends, and close both."""
        try:
            self._run()
        except (OSError, _Gone):
            pass  # one of the two sides is gone
        finally:
            self.gate.sessions.discard(self)
            self.far.close()
            self.near.close()

    def _run(self) -> None:
        self.near.settimeout(PATIENCE)
        self.far.settimeout(PATIENCE)
        if self.gate.holds is not None:
            self._run_held(self.gate.holds)
            return
        try:
            self.far.connect(self.gate.server)
        except OSError:  # no server is left: this is as near to a closed port as we can get now
            self.near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise
        try:
            greeting = self._greet()
        except _Refused as refused:
            self.near.sendall(_fatal(str(refused)))
        else:
            self.far.sendall(greeting)
            _carry(self.near, self.far)
        self._part()

    def _run_held(self, longest: float) -> None:
        """As a proxy does: take the client first, and hold it until there is a server, or for too long."""
        try:
            greeting = self._greet()
            until = time.monotonic() + longest
            while not self._is_led():
                if time.monotonic() > until:
                    raise _Refused("Timed-out waiting to acquire database connection")
                time.sleep(0.02)
        except _Refused as refused:
            self.near.sendall(_fatal(str(refused)))
        else:
            self.far.sendall(greeting)
            _carry(self.near, self.far)
        self._part()

    def _is_led(self) -> bool:
        """Try to reach the server that the gate leads to by now."""
        self.server = self.gate.server
        if not self.server:
            return False
        try:
            self.far.connect(self.server)
        except OSError:
            pass
        else:
            if self.server == self.gate.server:  # else the gate led away from it meanwhile, and cut what it knew of
                return True
        self.far.close()
        self.far, self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), ""
        self.far.settimeout(PATIENCE)
        return False

    def _greet(self) -> bytes:
        """Read the packet that begins a session (or asks to cancel a statement), through TLS where the client wants it."""
        packet, code = _packet(self.near)
        while code in (TLS, GSS):
            if isinstance(self.near, ssl.SSLSocket):
                raise _Gone
            self.near.sendall(b"S" if code == TLS else b"N")
            if code == TLS:
                self.near = self.gate.context.wrap_socket(self.near, server_side=True)
            packet, code = _packet(self.near)
        if code != CANCEL:
            self._check(packet)
        return packet

    def _check(self, packet: bytes) -> None:
        """Refuse what the provider's rules of access refuse."""
        said = parameters(packet)
        is_encrypted = isinstance(self.near, ssl.SSLSocket)
        names = {name: said.get(name, [b""])[-1].decode(errors="replace") for name in (b"user", b"database")}
        whom = (
            f'for host "{self.near.getpeername()[0]}", user "{names[b"user"]}", '
            f'database "{names[b"database"] or names[b"user"]}", {"SSL" if is_encrypted else "no"} encryption'
        )
        if self.gate.is_strict and not is_encrypted:
            raise _Refused(f"no pg_hba.conf entry {whom}")
        # Of several names the server takes the last, and an @ at its end may make a name valid in every database.
        if self.gate.owner in {user.rstrip(b"@") for user in said.get(b"user", [])}:
            raise _Refused(f"pg_hba.conf rejects connection {whom}")

    def _part(self) -> None:
        """Let the server know that nothing more comes."""
        self.near.settimeout(0)
        if isinstance(self.near, ssl.SSLSocket):
            with contextlib.suppress(OSError, ValueError):
                self.near.unwrap()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.near, socket.SHUT_WR)

    def cut(self, side: socket.socket) -> None:
        """Shut one side down from outside; the thread of the session notices."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(side, socket.SHUT_RDWR)  # not SSLSocket's own, which forgets that it speaks TLS


def parameters(packet: bytes) -> dict[bytes, list[bytes]]:
    """The parameters in a packet that begins a session, by name; a repeated name has several values."""
    said: dict[bytes, list[bytes]] = {}
    words = packet[8:].split(b"\0")
    for name, value in zip(words[::2], words[1::2], strict=False):
        if not name:
            break
        said.setdefault(name, []).append(value)
    return said


def _packet(client: socket.socket) -> tuple[bytes, int]:
    """Read one packet from before the login; return it with its code."""
    head = _exactly(client, 8)
    size, code = struct.unpack("!Ii", head)
    if not 8 <= size <= LARGEST_GREETING:
        raise _Gone
    return head + _exactly(client, size - 8), code


def _exactly(client: socket.socket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        piece = client.recv(size - len(read))
        if not piece:
            raise _Gone
        read += piece
    return read


def _fatal(message: str) -> bytes:
    """PostgreSQL's refusal of a login: invalid_authorization_specification."""
    fields = {"S": "FATAL", "V": "FATAL", "C": "28000", "M": message}
    body = b"".join(kind.encode() + text.encode() + b"\0" for kind, text in fields.items()) + b"\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body


class _Way:
    """Bytes on their way from one side to the other; it reads more only after it has passed on what it has."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self._source = source
        self._sink = sink
        self.rest = memoryview(b"")
        self.is_open = True

    def move(self) -> bool:
        """Read something, or pass something on, without waiting; return whether it did."""
        try:
            if self.rest:
                self.rest = self.rest[self._sink.send(self.rest) :]
                return True
            if not self.is_open:
                return False
            piece = self._source.recv(PIECE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        self.rest = memoryview(piece)
        self.is_open = bool(piece)
        return self.is_open


def _carry(near: socket.socket, far: socket.socket) -> None:
    """Carry bytes both ways until the server has sent its last."""
    near.settimeout(0)
    far.settimeout(0)
    up, down = _Way(near, far), _Way(far, near)
    is_told = False
    with selectors.DefaultSelector() as selector:
        while True:
            while up.move() | down.move():
                pass
            if not down.is_open and not down.rest:
                return
            if not up.is_open and not is_told:
                far.shutdown(socket.SHUT_WR)
                is_told = True
            for side, sends, takes in ((near, down, up), (far, up, down)):
                reading = selectors.EVENT_READ if takes.is_open and not takes.rest else 0
                _watch(selector, side, reading | (selectors.EVENT_WRITE if sends.rest else 0))
            selector.select()


def _watch(selector: selectors.BaseSelector, side: socket.socket, events: int) -> None:
    """Watch a side for these events; without any, stop watching it, or its end would be reported for ever."""
    known = selector.get_map().get(side.fileno())
    if known is None:
        if events:
            selector.register(side, events)
    elif not events:
        selector.unregister(side)
    elif known.events != events:
        selector.modify(side, events)


class Gatehouse:
    """All gates of one lab: opens and closes them on order, and lets clients in."""

    def __init__(self) -> None:
        self._gates: dict[str, Gate] = {}
        self._selector = selectors.DefaultSelector()

    def work(self) -> None:
        """Carry out orders until the input ends, and then wait for the last sessions."""
        orders = b""
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._let_in(key.data)
                    continue
                read = os.read(sys.stdin.fileno(), PIECE)
                if not read:
                    self._end()
                    return
                *whole, orders = (orders + read).split(b"\n")
                for order in whole:
                    answer = self._carry_out(json.loads(order))
                    os.write(sys.stdout.fileno(), json.dumps(answer).encode() + b"\n")

    def _carry_out(self, order: dict[str, Any]) -> dict[str, str]:
        where = f"{order['host']}:{order['port']}"
        try:
            if not order["open"]:
                self._close(where, keeps=order["keeps"])
            else:
                self._open(where, order)
        except OSError as error:
            return {"error": f"could not listen: {os.strerror(error.errno) if error.errno else error}"}
        return {}

    def _open(self, where: str, order: dict[str, Any]) -> None:
        gate = self._gates.get(where)
        if gate is None:
            gate = self._new_gate(order)
        elif gate.server != order["server"] and gate.holds is not None:
            self._lead(gate, order["server"])
        elif gate.server != order["server"]:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        gate.is_strict, gate.holds = order["strict"], order["holds"]
        gate.admitted = tuple(ipaddress.ip_network(each) for each in order["admitted"])
        is_wanted = any(here.version == each.version and here.overlaps(each) for here in HERE for each in gate.admitted)
        if is_wanted and gate.listener is None:
            gate.listener = socket.create_server((gate.host, gate.port), backlog=1024)
            gate.listener.settimeout(0)
            self._selector.register(gate.listener, selectors.EVENT_READ, gate)
        elif not is_wanted:
            self._stop_listening(gate)
        self._gates[where] = gate

    def _lead(self, gate: Gate, server: str) -> None:
        """Lead a gate elsewhere: whoever was led to the server before is cut off, and whoever is held goes to the new one."""
        before, gate.server = gate.server, server
        led = [session for session in gate.sessions if before and session.server == before]
        for session in led:
            session.cut(session.far)
        _wait(led, time.monotonic() + FAREWELL)
        for session in led:
            session.cut(session.near)

    def _stop_listening(self, gate: Gate) -> None:
        """Let nobody else in; those who are in stay, as a security group does not cut what it once let through."""
        if gate.listener is not None:
            self._selector.unregister(gate.listener)
            gate.listener.close()
            gate.listener = None

    def _new_gate(self, order: dict[str, Any]) -> Gate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # As PostgreSQL does: an unread session ticket would turn the end of a connection into a reset.
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0
        context.set_alpn_protocols(["postgresql"])
        context.load_cert_chain(order["identity"])
        place = (order["host"], order["port"], order["server"])
        return Gate(*place, context, order["owner"].encode(), order["strict"], (), order["holds"])

    def _close(self, where: str, *, keeps: bool = False) -> None:
        gate = self._gates.pop(where, None)
        if gate is None:
            return
        self._stop_listening(gate)
        if keeps:  # the sessions end with their server, or when they want to
            return
        sessions = list(gate.sessions)
        for session in sessions:
            session.cut(session.far)  # what the server sent before still arrives
        until = time.monotonic() + FAREWELL
        _wait(sessions, until)
        for session in sessions:
            session.cut(session.near)
        _wait(sessions, until + FAREWELL)

    def _end(self) -> None:
        """End with the lab: let no new client in, and let the servers, which end too, send their last bytes."""
        for gate in self._gates.values():
            if gate.listener is not None:
                gate.listener.close()
        _wait([session for gate in self._gates.values() for session in list(gate.sessions)], time.monotonic() + 5)

    def _let_in(self, gate: Gate) -> None:
        if gate.listener is None:
            return
        try:
            near, peer = gate.listener.accept()
        except OSError:  # the client left before we looked, or there is no free descriptor now and there will be one
            time.sleep(0.01)
            return
        address = ipaddress.ip_address(peer[0])
        if not any(address in network for network in gate.admitted):
            near.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )  # as near as we get to a closed port
            near.close()
            return
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        session = Session(gate, near, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        session.thread = threading.Thread(target=session.run, daemon=True)
        gate.sessions.add(session)
        session.thread.start()


def _wait(sessions: list[Session], until: float) -> None:
    for session in sessions:
        if session.thread is not None:
            session.thread.join(max(0.0, until - time.monotonic()))


def main(arguments: list[str]) -> None:
    """Run with ``UID GID`` as arguments; a uid of -1 means: keep the account."""
    uid, gid = (int(text) for text in arguments)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    threading.stack_size(1 << 18)
    Gatehouse().work()


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # do not wait for the threads of clients that stay connected
