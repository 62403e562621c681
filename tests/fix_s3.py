"""An S3 of this process for tests, and a way to it that loses requests and replies on order."""

from __future__ import annotations

import http.client
import io
import socket
import threading
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import boto3
import pytest
from botocore.config import Config

Effect = Literal["pass", "lost", "dropped", "500 after", "503", "lied", "unproven", "page"]
"""What happens to a request: nothing, its reply is lost, it is lost itself, it is done and denied, it is turned away, it is
acknowledged and not done, it is done and acknowledged without a checksum, a page of HTML comes back and nothing is done."""

_HOP = {"connection", "transfer-encoding", "content-length", "server", "date"}


@dataclass
class Way:
    """A proxy to S3; each PUT takes the next of ``effects``, each GET of ``read_effects``; they pass when there is none left."""

    url: str
    effects: deque[Effect] = field(default_factory=deque)
    read_effects: deque[Effect] = field(default_factory=deque)
    seen: list[str] = field(default_factory=list)


def s3_client(url: str, *, attempts: int = 1) -> Any:
    """A boto3 client that asks as often as told, and with made-up keys."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        s3={"addressing_style": "path"},
        connect_timeout=5,
        read_timeout=10,
    )
    keys: Any = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client("s3", region_name="us-west-2", endpoint_url=url, config=config, **keys)


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The address of an S3 whose conditional writes are atomic, as Amazon's are."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 (werkzeug's name)
            pass

    moto = DomainDispatcherApplication(create_backend_app)
    one_at_a_time = threading.Lock()  # moto looks, and then writes

    def application(environ: Any, start_response: Any) -> list[bytes]:
        # A client may be stopped within its request: nobody else waits for it.
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        with one_at_a_time:
            return list(moto(environ, start_response))

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def bucket(s3_url: str) -> str:
    """A bucket of this test alone."""
    name = f"daybreak-{uuid.uuid4().hex[:16]}"
    s3_client(s3_url).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return name


@pytest.fixture
def way(s3_url: str) -> Iterator[Way]:
    """A way to the same S3 that goes wrong as ordered."""
    upstream = s3_url.removeprefix("http://")
    state = Way("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.seen.append(f"{self.command} {self.path}")
            planned = {"PUT": state.effects, "GET": state.read_effects}.get(self.command)
            effect: Effect = planned.popleft() if planned else "pass"
            if effect == "lied":
                return self.reply(200, [("ETag", '"d41d8cd98f00b204e9800998ecf8427e"')], b"")
            if effect == "page":
                return self.reply(
                    200, [("Content-Type", "text/html")], b"<html><body>log in to the hotel</body></html>"
                )
            if effect == "503":
                return self.reply(503, [], b"<Error><Code>SlowDown</Code><Message>slow down</Message></Error>")
            if effect != "dropped":
                connection = http.client.HTTPConnection(upstream, timeout=10)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                status, kept, content = answer.status, answer.getheaders(), answer.read()
                connection.close()
                if effect == "unproven":
                    kept = [(name, value) for name, value in kept if not name.lower().startswith("x-amz-checksum")]
                if effect in ("pass", "unproven"):
                    return self.reply(status, kept, content)
                if effect == "500 after":
                    return self.reply(500, [], b"<Error><Code>InternalError</Code><Message>no</Message></Error>")
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return None

        def reply(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
            pass

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815 (the library's names)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()
