"""A bucket with one object, in a process of its own: listed, and read by ranges, over a link of a given width.

Its words are the object's file, its key, and the bytes a second that the link carries (0 is no limit). It prints its port, and
answers as S3 does whatever the AWS client and ours ask of a bucket that they only read.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote
from xml.sax.saxutils import escape

BUCKET = "exports"
MARK = '"00000000000000000000000000000001"'
_CHUNK = 256 << 10


class Link:
    """A line that all connections share."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._free = time.monotonic()
        self._lock = threading.Lock()
        self.requests = 0
        self.bytes = 0

    def carry(self, length: int) -> None:
        """Wait until so many bytes have passed."""
        with self._lock:
            self.bytes += length
            if not self._rate:
                return
            self._free = max(self._free, time.monotonic() - 0.005) + length / self._rate
            pause = self._free - time.monotonic()
        if pause > 0:
            time.sleep(pause)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    link: Link
    file: Path
    key: str

    def do_HEAD(self) -> None:
        self._object(is_asked_for_body=False)

    def do_GET(self) -> None:
        if self.path == "/figures":
            self._reply(200, f"{self.link.requests} {self.link.bytes}".encode(), {})
        elif unquote(self.path.partition("?")[0]).strip("/") == BUCKET:
            self._listing()
        else:
            self._object(is_asked_for_body=True)

    def _listing(self) -> None:
        self.link.requests += 1
        size = self.file.stat().st_size
        one = (
            f"<Contents><Key>{escape(self.key)}</Key><LastModified>2024-01-15T02:00:00.000Z</LastModified>"
            f"<ETag>{escape(MARK)}</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )
        self._reply(
            200,
            f'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>{BUCKET}</Name>'
            f"<KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{one}</ListBucketResult>".encode(),
            {"Content-Type": "application/xml"},
        )

    def _object(self, *, is_asked_for_body: bool) -> None:
        self.link.requests += 1
        size = self.file.stat().st_size
        start, end, status = 0, size, 200
        if found := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, end, status = int(found[1]), min(int(found[2] or size) + 1, size), 206
        headers = {"ETag": MARK, "Last-Modified": formatdate(usegmt=True), "Accept-Ranges": "bytes"}
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        self._head(status, end - start, headers)
        if is_asked_for_body:
            self._send(start, end)

    def _send(self, start: int, end: int) -> None:
        with self.file.open("rb") as file:
            while start < end:
                length = min(_CHUNK, end - start)
                self.link.carry(length)
                self.wfile.flush()
                start += os.sendfile(self.connection.fileno(), file.fileno(), start, length)

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self._head(status, len(body), headers)
        self.wfile.write(body)

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        pass


def main() -> None:
    """Serve until standard input ends."""
    file, key, rate = sys.argv[1:]
    handler = type("Handler", (_Handler,), {"link": Link(float(rate)), "file": Path(file), "key": key})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
