"""A lying proxy before the lab: by a seed it loses requests and replies, garbles answers, and lists nothing where there is something.

The law: whatever it lies about, the request either reached the lab whole or not at all; and it lies in bursts of limited
length, as weather does, so that whoever asks again is told the truth in the end.
"""

from __future__ import annotations

import http.client
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs

Lie = Literal[
    "request lost",
    "reply lost",
    "error after",
    "throttled",
    "page after",
    "page before",
    "cut",
    "empty",
    "nothing",
    "late",
]
LIES: tuple[Lie, ...] = (
    *("request lost", "reply lost", "error after", "throttled", "page after", "page before", "cut", "empty", "nothing"),
    "late",
)
"""Lost on the way there or back; done and denied; turned away; a web page after or instead of the work; the answer cut in
half; an answer without a body; a list without its items; an answer that keeps one waiting."""

BURST = 2
"""How many answers in a row may be lies: a third one would be no weather but another climate."""

_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please <b>sign in</b> to the network</body></html>"
)
_ERROR = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error>"
    b"<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
)
_LISTS = {"DescribeDBClusters": b"DBClusters", "DescribeDBInstances": b"DBInstances"}
_HOP = frozenset({"connection", "transfer-encoding", "content-length", "server", "date"})


@dataclass
class Answer:
    """One answer of the lab, or one that is made up."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Liar:
    """The proxy's address, and what it lied about so far."""

    url: str
    told: Counter[str] = field(default_factory=Counter)
    is_honest: bool = False
    """Whether it passes everything on from now on."""


@contextmanager
def lying(upstream: str, seed: int, *, share: float) -> Iterator[Liar]:
    """A proxy before ``upstream`` that lies about that share of all requests, as the seed has it."""
    dice, lock, in_a_row = random.Random(seed), threading.Lock(), [0]
    liar = Liar("")

    def drawn() -> Lie | None:
        with lock:
            is_lie = not liar.is_honest and in_a_row[0] < BURST and dice.random() < share
            in_a_row[0] = in_a_row[0] + 1 if is_lie else 0
            return dice.choice(LIES) if is_lie else None

    class Handler(_Handler):
        host = upstream.removeprefix("http://")

        def lie(self) -> Lie | None:
            lie = drawn()
            if lie is not None:
                with lock:
                    liar.told[lie] += 1
            return lie

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    liar.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield liar
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host = ""

    def lie(self) -> Lie | None:
        """What this answer is to be; None for the truth."""
        raise NotImplementedError

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # its sender was killed: half a request could read as another, smaller one
            self.close_connection = True
            return
        lie = self.lie()
        if lie == "late":
            time.sleep(0.4)
        if lie in ("request lost", "throttled", "page before", "empty"):
            answer = self.instead(lie)
        else:
            answer = self.after(lie, self.forwarded(body), body)
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.reply(answer)

    def instead(self, lie: Lie) -> Answer | None:
        """The answer to what never reached the lab."""
        match lie:
            case "throttled":
                return Answer(400, [("Content-Type", "text/xml")], _ERROR % (b"Throttling", b"Rate exceeded"))
            case "page before":
                return Answer(200, [("Content-Type", "text/html")], _PAGE)
            case "empty":
                return Answer(200, [("Content-Type", "text/xml")], b"")
            case _:
                return None

    def after(self, lie: Lie | None, answer: Answer, asked: bytes) -> Answer | None:
        """What is made of the lab's true answer."""
        match lie:
            case "reply lost":
                return None
            case "error after":
                return Answer(500, [("Content-Type", "text/xml")], _ERROR % (b"InternalFailure", b"An internal error"))
            case "page after":
                return Answer(200, [("Content-Type", "text/html")], _PAGE)
            case "cut":
                return Answer(answer.status, answer.headers, answer.body[: len(answer.body) // 2])
            case "nothing":
                return Answer(answer.status, answer.headers, without_items(answer.body, asked))
            case _:
                return answer

    def forwarded(self, body: bytes) -> Answer:
        """The lab's answer. The client's Host is passed on, because its signature covers it."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in {"connection", "content-length", "expect"}:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def reply(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def handle_one_request(self) -> None:
        """One request; a client that was killed meanwhile is not worth a word."""
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        """The lab has a request log of its own."""

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815 (the library's names)


def without_items(body: bytes, asked: bytes) -> bytes:
    """The answer to a listing of clusters or instances with its list empty; any other answer as it is."""
    operation = parse_qs(asked.decode("latin-1")).get("Action", [""])[0]
    name = _LISTS.get(operation, b"")
    begin, end = body.find(b"<%s>" % name), body.rfind(b"</%s>" % name)
    if not name or not 0 <= begin < end:
        return body
    return body[: begin + len(name) + 2] + body[end:]
