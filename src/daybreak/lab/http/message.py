"""One HTTP request and one reply as plain values, and how to ask a WSGI application without a socket.

The law: a body is read whole before any code uses it, so no lock is held while a client is slow.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote


class Application(Protocol):
    """A WSGI application."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any], /) -> Iterable[bytes]:
        """Answer one request."""


@dataclass(frozen=True)
class Request:
    """What a client sent; header names are in lower case, ``path`` and ``query`` are still quoted."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What goes back; ``lost`` closes the connection without sending anything."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    lost: bool = False

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name), None)


LOST = Reply(0, lost=True)
"""The reply that never arrives."""


def ask(app: Application, request: Request) -> Reply:
    """Send the request to a WSGI application in this thread and collect its whole reply."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], None]:
        started.append((status, headers))
        return lambda _data: None

    body = app(environ_of(request), start_response)
    try:
        content = b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    status, headers = started[-1]
    return Reply(int(status.split()[0]), tuple(headers), content)


def environ_of(request: Request) -> dict[str, Any]:
    """The WSGI environment of a request."""
    raw = request.path + (f"?{request.query}" if request.query else "")
    host = request.headers.get("host", "localhost")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(request.path, "latin-1"),
        "RAW_URI": raw,
        "REQUEST_URI": raw,
        "QUERY_STRING": request.query,
        "SERVER_NAME": host.partition(":")[0],
        "SERVER_PORT": host.partition(":")[2] or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "HTTP_HOST": host,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = value
        elif key not in ("CONTENT_LENGTH", "HOST", "TRANSFER_ENCODING", "CONNECTION", "EXPECT"):
            environ[f"HTTP_{key}"] = value
    return environ
