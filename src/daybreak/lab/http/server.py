"""A small threaded HTTP/1.1 server on a loopback address, with keep-alive and the right to hang up.

The law: one thread for each connection, and one write for each reply (two would wait 40 ms for an acknowledgement). A lost
reply sends no byte. Every path asks the door first: the body of a rejected request is not even read.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from daybreak.lab.http.door import Door
from daybreak.lab.http.message import LOST, Reply, Request

Answer = Callable[[Request], Reply]
_HOP_BY_HOP = frozenset({"connection", "content-length", "transfer-encoding", "server", "date", "keep-alive"})


class Server:
    """Listens on ``host:port`` (0 picks a free one) and answers with ``answer`` until it is closed."""

    def __init__(self, answer: Answer, *, host: str = "127.0.0.1", port: int = 0) -> None:
        connection = type("Connection", (_Connection,), {"answer_with": staticmethod(answer)})
        self._http = _Listener((host, port), connection)
        self.door = Door((host, "localhost"), self._http.server_address[1])
        connection.door = self.door  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="lab-http", daemon=True)
        self.host = host
        self.port: int = self._http.server_address[1]
        self.url = f"http://{host}:{self.port}"

    def start(self) -> None:
        """Begin to accept connections."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening and hang up on every client."""
        if self._thread.is_alive():
            self._http.shutdown()
        self._http.server_close()
        self._http.hang_up()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that hangs up."""

    def hang_up(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version = "DaybreakLab"
    sys_version = ""
    answer_with: ClassVar[Answer]
    door: ClassVar[Door]

    def log_message(self, *_: Any) -> None:
        """The request log is elsewhere."""

    def _serve(self) -> None:
        rejection = self.door.rejection(self.path, self.headers.items())
        if rejection is not None:
            self.close_connection = True  # we do not read what follows the head
            said = json.dumps({"error": rejection.why}).encode()
            self._send(Reply(rejection.status, (("Content-Type", "application/json"), ("Connection", "close")), said))
            return
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._body()
        # A client that dies while it sends asks for nothing: half a request could look like another, smaller one.
        reply = LOST if body is None else type(self).answer_with(Request(self.command, path, query, headers, body))
        if reply.lost:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(reply)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _serve  # noqa: N815

    def _send(self, reply: Reply) -> None:
        has_body = self.command != "HEAD" and reply.status not in (204, 304)
        length = reply.header("content-length") if self.command == "HEAD" else None
        fields = [
            ("Server", self.server_version),
            ("Date", self.date_time_string()),
            *((name, value) for name, value in reply.headers if name.lower() not in _HOP_BY_HOP),
            ("Content-Length", length or str(len(reply.body))),
        ]
        reason = self.responses.get(reply.status, ("",))[0]
        head = f"HTTP/1.1 {reply.status} {reason}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields)
        self.wfile.write(head.encode("latin-1", "replace") + b"\r\n" + (reply.body if has_body else b""))

    def _body(self) -> bytes | None:
        """The whole body; ``None`` when the client hung up before its end, or gave an impossible length."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        said = self.headers.get("Content-Length") or "0"
        if not (said.isascii() and said.isdigit()):
            return None
        length = int(said)
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def _chunks(self) -> bytes | None:
        parts = []
        while size := int(self.rfile.readline().split(b";")[0] or b"-1", 16):
            parts.append(self.rfile.read(max(size, 0)))
            if len(parts[-1]) != size:
                return None
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)
