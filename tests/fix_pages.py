"""A web server of one test: it says what it is told to say, and counts who came."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.fix_certificates import Certificate


class Pages:
    """A server on this machine, and every path that was asked for."""

    def __init__(self, certificate: Certificate | None = None) -> None:
        self.status, self.body, self.headers = 200, b"ok", {}  # type: tuple[int, bytes, dict[str, str]]
        self.drip = 0.0
        """Seconds between two bytes of the answer."""
        self.asked: list[str] = []
        self.sent: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._scheme = "http" if certificate is None else "https"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.chain, certificate.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                pages.asked.append(self.path)
                pages.sent.append(dict(self.headers))
                self.send_response(pages.status)
                for name, value in pages.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    if not pages.drip:
                        self.wfile.write(pages.body)
                    for byte in pages.body if pages.drip else b"":
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        time.sleep(pages.drip)
                except OSError:
                    return

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                return

        return Handler


@pytest.fixture
def pages() -> Iterator[Pages]:
    """A web server for one test."""
    server = Pages()
    yield server
    server.close()
