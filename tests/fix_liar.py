"""Whatever may stand between us and AWS: it answers in AWS's place, with pages, halves, floods and drips, or passes on.

The law: bytes go over a real socket and through botocore's real parser. What is passed on keeps the client's Host, which its
signature covers: a lab has to admit the liar's address. A request that did not arrive whole is not passed on.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = b"<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><br>Welcome to the hotel</body></html>"
XHTML = b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>Welcome</p></body></html>'
OTHER = (
    b'<DescribeEventsResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><DescribeEventsResult><Events/>'
    b"</DescribeEventsResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DescribeEventsResponse>"
)
MANY = 10 * 1024 * 1024


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """The operation of a query call, or the target of a JSON one."""
        found = parse_qs(self.body.decode("utf-8", "replace")).get("Action")
        return found[0] if found else self.headers.get("X-Amz-Target", "").rpartition(".")[2]


Body = bytes | Callable[[Asked], bytes]


@dataclass(frozen=True)
class Lie:
    """An answer in AWS's place."""

    status: int = 200
    body: Body = b""
    more: int = 0
    """Bytes that are promised and never come."""
    pause: float = 0.0
    """Seconds between two bytes of the body."""
    drips_headers: bool = False
    hangs_up: bool = False
    """Whether nothing is answered at all."""
    is_done_first: bool = False
    """Whether the request is passed on before."""
    spoiled: Callable[[Asked, bytes], bytes] | None = None
    """What is made of the true answer's body, instead of an answer of one's own."""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/xml"})

    def bytes_for(self, asked: Asked) -> bytes:
        """The body for this request."""
        return self.body(asked) if callable(self.body) else self.body


def _root(asked: Asked, inside: bytes) -> bytes:
    name = asked.operation.encode()
    return b"<" + name + b"Response><" + name + b"Result>" + inside + b"</" + name + b"Result></" + name + b"Response>"


LIES: dict[str, Lie] = {
    "empty": Lie(),
    "page": Lie(body=PAGE),
    "well-formed page": Lie(body=XHTML),
    "JSON": Lie(body=b'{"error": null}', headers={"Content-Type": "application/json"}),
    "noise": Lie(body=bytes(range(256)) * 8),
    "another operation's result": Lie(body=OTHER),
    "half": Lie(body=lambda asked: _root(asked, b"<DBCluster>" * 9)[:-40]),
    "cut": Lie(body=lambda asked: _root(asked, b"x" * 200)[:100], more=400),
    "no result": Lie(body=lambda asked: b"<" + asked.operation.encode() + b"Answer/>"),
    "10 MB page": Lie(body=XHTML.replace(b"Welcome", b"W" * MANY)),
    "10 MB of depth": Lie(body=b"<a>" * (MANY // 3)),
    "page of a 403": Lie(status=403, body=PAGE),
    "page of a 404": Lie(status=404, body=XHTML),
    "page of a 502": Lie(status=502, body=PAGE),
    "way to a login": Lie(status=302, body=b"", headers={"Location": "http://portal.example/login"}),
    "drip": Lie(body=lambda asked: _root(asked, b"x" * 10_000), pause=0.02),
    "dripping headers": Lie(drips_headers=True, pause=0.02),
}
"""Every answer that is none, by what it is."""

SLOW = frozenset({"drip", "dripping headers", "10 MB page", "10 MB of depth"})
"""Those that take long to be judged."""


@dataclass
class Liar:
    """The one on the way. ``decide`` says for each request with what it is answered; none passes it on."""

    upstream: str | None = None
    decide: Callable[[Asked], Lie | None] = lambda _asked: None
    is_done_first: bool = False
    """Whether each request is passed on before its answer is put away, whatever the lie."""
    date_shift: float = 0.0
    """Seconds that AWS's clock seems to be ahead of the real one."""
    url: str = ""
    seen: list[Asked] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    liar: Liar

    def answer(self) -> None:
        liar = self.liar
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # its sender was killed: half a request could read as another, smaller one
            self.close_connection = True
            return
        asked = Asked(self.command, self.path, dict(self.headers.items()), body)
        liar.seen.append(asked)
        lie = liar.decide(asked)
        is_passed_on = lie is None or liar.is_done_first or lie.is_done_first or lie.spoiled is not None
        told = self._passed_on(asked) if is_passed_on else None
        with suppress(OSError):  # whoever asked may have hung up
            self._answer(lie, asked, told)

    def _answer(self, lie: Lie | None, asked: Asked, told: tuple[int, dict[str, str], bytes] | None) -> None:
        if lie is None or lie.spoiled is not None:
            assert told is not None
            status, headers, true = told
            self._write(status, headers, true if lie is None or lie.spoiled is None else lie.spoiled(asked, true))
        elif lie.hangs_up:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._lie(lie, lie.bytes_for(asked))

    def _passed_on(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        assert self.liar.upstream, "nowhere to pass this on to"
        line = http.client.HTTPConnection(urlsplit(self.liar.upstream).netloc, timeout=120)
        line.request(asked.method, asked.path, asked.body, asked.headers)
        answer = line.getresponse()
        told = answer.status, dict(answer.getheaders()), answer.read()
        line.close()
        return told

    def _write(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        dropped = {"transfer-encoding", "connection", "content-length", "date"}
        for name, value in headers.items():
            if name.lower() not in dropped:
                self.send_header(name, value)
        self.send_header("Date", formatdate(time.time() + self.liar.date_shift, usegmt=True))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _lie(self, lie: Lie, body: bytes) -> None:
        self.close_connection = True
        if lie.drips_headers:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            return self._drip(b"x" * 10_000, lie.pause)
        self.send_response_only(lie.status)
        for name, value in lie.headers.items():
            self.send_header(name, value)
        self.send_header("Date", formatdate(time.time() + self.liar.date_shift, usegmt=True))
        self.send_header("Content-Length", str(len(body) + lie.more))
        self.end_headers()
        if lie.pause:
            return self._drip(body, lie.pause)
        self.wfile.write(body)
        return None

    def _drip(self, body: bytes, pause: float) -> None:
        for place in range(len(body)):
            self.wfile.write(body[place : place + 1])
            self.wfile.flush()
            time.sleep(pause)

    def log_message(self, *_: object) -> None:
        pass

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815 - the library's names


@contextmanager
def lying(liar: Liar) -> Iterator[Liar]:
    """The liar at work, at ``liar.url``, as long as the block lasts."""
    handler = type("Handler", (_Handler,), {"liar": liar})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    liar.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield liar
    finally:
        server.shutdown()
        server.server_close()
