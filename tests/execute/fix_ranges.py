"""Objects as S3 serves them by ranges, of any size and under any key, with a word before each answer."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote_to_bytes

BUCKET = "exports"
MARK = '"0123456789abcdef0123456789abcdef"'
LEAF = bytes(range(256)) * 16


def bytes_at(start: int, end: int) -> bytes:
    """What an object without content of its own has there: each 4,096 bytes begin with their number."""
    first, last = start // 4096, -(-end // 4096)
    whole = b"".join(number.to_bytes(8, "big") + LEAF[8:] for number in range(first, last))
    return whole[start - first * 4096 : end - first * 4096]


@dataclass
class Ranges:
    """What is served, and which ranges were asked for."""

    url: str = ""
    size: int = 0
    """The length of every object that has no content of its own."""
    contents: dict[bytes, bytes] = field(default_factory=dict)
    mark: str = MARK
    answered: Counter[tuple[bytes, int, int]] = field(default_factory=Counter)
    before: Callable[[int], None] = lambda _: None
    """Called with how many answers were given before each of them."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: bytes, start: int, end: int) -> int:
        """Count one more answer; how many there were before."""
        with self.lock:
            number = self.answered.total()
            self.answered[key, start, end] += 1
            return number


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ranges: Ranges

    def do_GET(self) -> None:
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
        assert found
        key = unquote_to_bytes(self.path.removeprefix(f"/{BUCKET}/"))
        own = self.ranges.contents.get(key)
        size = self.ranges.size if own is None else len(own)
        start, end = int(found[1]), min(int(found[2]) + 1, size)
        if self.headers.get("If-Match") not in (None, self.ranges.mark):
            body = b"<Error><Code>PreconditionFailed</Code><Message>other</Message></Error>"
            return self._reply(412, body, {})
        self.ranges.before(self.ranges.take(key, start, end))
        body = bytes_at(start, end) if own is None else own[start:end]
        where = {"Content-Range": f"bytes {start}-{end - 1}/{size}", "ETag": self.ranges.mark}
        return self._reply(206, body, {**where, "Last-Modified": formatdate(usegmt=True)})

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        pass


class _Silent(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no error here."""


@contextmanager
def serve_ranges(ranges: Ranges) -> Iterator[Ranges]:
    """Serve them for the length of the block."""
    handler = type("Handler", (_Handler,), {"ranges": ranges})
    server = _Silent(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ranges.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield ranges
    finally:
        server.shutdown()
        server.server_close()
