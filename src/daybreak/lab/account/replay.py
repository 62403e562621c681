"""moto's memory across a restart: a log of the requests that changed something, replayed with the same dice.

The law: moto sees one request at a time. The number of the logged request and the lab's own seed together seed its random
numbers, so a replay makes the same ids, and a person who knows moto cannot guess them. That one lock also makes S3's
``If-None-Match: *`` atomic, which moto alone does not. The log holds secrets, so the log and the folder of large bodies are
private.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, Protocol

from daybreak.lab.account.keyring import Keyring
from daybreak.lab.http.message import Application, Reply, Request, ask

_READS = re.compile(r"(Describe|Get|List|Head|Lookup|Filter|BatchGet|Query|Search|Select|Simulate|Test)")
_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/")
_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z0-9]+)")
_KEPT_INLINE = 2048
_KEPT_HEADERS = re.compile(r"(content-type|content-encoding|authorization|host|x-amz-(?!date|security-token).*|if-.*)")


class Dice(Protocol):
    """moto's one source of random numbers."""

    def seed(self, value: int, /) -> None:
        """Start a new sequence of numbers."""


class Recorded:
    """A WSGI application that remembers: it logs the changes of ``app`` under ``folder``, and `replay` makes them again."""

    def __init__(self, app: Application, folder: Path, dice: Dice, seed: str = "") -> None:
        self._app = app
        self._folder = folder
        self._dice = dice
        self._seed = seed
        self.keyring = Keyring()
        """The secrets of the keys that moto gave out."""
        self._lock = threading.RLock()
        self._count = 0
        self._seen: set[tuple[str, ...]] = set()
        self._log: IO[str] | None = None
        self.identity_changes = 0
        """How often users, roles or policies changed; what IAM remembers is valid while this stays the same."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a WSGI request, logging it when it changes something."""
        reply = self.ask(_request_of(environ))
        start_response(f"{reply.status} -", list(reply.headers))
        return [reply.body]

    def ask(self, request: Request) -> Reply:
        """Answer one request; requests never overlap."""
        with self._lock:
            first = self._is_first(request)
            if not first and is_read(request):
                return ask(self._app, request)
            self._throw_dice()
            reply = ask(self._app, request)
            self.keyring.hear(request.body, reply)
            auth = request.headers.get("authorization", "")
            if reply.status < 400 or first:
                self._write(request)
                self._count += 1
                self.identity_changes += "/iam/" in auth or "/sts/" in auth
            return reply

    def replay(self) -> int:
        """Carry out the log of an earlier process and return the number of its requests."""
        path = self._folder / "log.jsonl"
        if not path.exists():
            return 0
        with self._lock, path.open() as log:
            for line in log:
                if not line.endswith("\n"):
                    break  # the end of the last process tore this line: that request was never answered
                request = self._read(json.loads(line))
                self._is_first(request)
                self._throw_dice()
                self.keyring.hear(request.body, ask(self._app, request))
                self._count += 1
            os.truncate(path, _whole_lines(path))
            return self._count

    def forget(self) -> None:
        """Empty moto (through its own API) and the log."""
        with self._lock:
            self.close()
            self.keyring.forget()
            self._dice.seed(0)
            ask(self._app, Request("POST", "/moto-api/reset"))
            for path in (self._folder / "bodies").glob("*"):
                path.unlink()
            (self._folder / "log.jsonl").unlink(missing_ok=True)
            self._count = 0
            self._seen.clear()
            self.identity_changes += 1

    def close(self) -> None:
        """Close the log file."""
        with self._lock:
            if self._log:
                self._log.close()
                self._log = None

    def _throw_dice(self) -> None:
        digest = hashlib.sha256(f"{self._seed}:{self._count}".encode()).digest()
        self._dice.seed(int.from_bytes(digest, "big"))

    def _is_first(self, request: Request) -> bool:
        """Whether this is the first use of something in moto that then gets random ids: a region, or one of AWS's own keys."""
        scope = _SCOPE.search(request.headers.get("authorization", ""))
        mark: tuple[str, ...] = scope.groups() if scope else ("", "")
        if b"alias/aws/" in request.body[:4096]:
            mark = (*mark, request.body.decode("latin-1"))
        if mark in self._seen:
            return False
        self._seen.add(mark)
        return True

    def _write(self, request: Request) -> None:
        if self._log is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._folder / "log.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._log = os.fdopen(handle, "a", encoding="utf-8")
        headers = {name: value for name, value in request.headers.items() if _KEPT_HEADERS.fullmatch(name)}
        record: dict[str, Any] = {"m": request.method, "p": request.path, "q": request.query, "h": headers}
        if len(request.body) > _KEPT_INLINE:
            record["f"] = self._keep(request.body)
        else:
            record["b"] = base64.b64encode(request.body).decode()
        self._log.write(json.dumps(record, separators=(",", ":")) + "\n")
        self._log.flush()

    def _keep(self, body: bytes) -> str:
        name = hashlib.sha256(body).hexdigest()
        path = self._folder / "bodies" / name
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            draft = path.with_suffix(".new")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(body)
            draft.replace(path)
        return name

    def _read(self, record: dict[str, Any]) -> Request:
        body = (self._folder / "bodies" / record["f"]).read_bytes() if "f" in record else base64.b64decode(record["b"])
        return Request(record["m"], record["p"], record["q"], record["h"], body)


def is_read(request: Request) -> bool:
    """Whether the request changes nothing, judged by the operation's name (or by GET and HEAD for REST)."""
    target = request.headers.get("x-amz-target")
    if target:
        return _READS.match(target.rpartition(".")[2]) is not None
    if "/operation/" in request.path:  # the CBOR protocol of CloudWatch
        return _READS.match(request.path.rpartition("/")[2]) is not None
    action = _ACTION.search(request.body) if request.method == "POST" else _ACTION.search(request.query.encode())
    if action:
        return _READS.match(action.group(1).decode()) is not None
    return request.method in ("GET", "HEAD", "OPTIONS")


def _whole_lines(path: Path) -> int:
    """The length of the file up to its last line end."""
    content = path.read_bytes()
    return content.rfind(b"\n") + 1


def _request_of(environ: dict[str, Any]) -> Request:
    headers = {key[5:].lower().replace("_", "-"): value for key, value in environ.items() if key.startswith("HTTP_")}
    if "CONTENT_TYPE" in environ:
        headers["content-type"] = environ["CONTENT_TYPE"]
    path = environ["RAW_URI"].partition("?")[0]
    body = environ["wsgi.input"].read()
    return Request(environ["REQUEST_METHOD"], path, environ["QUERY_STRING"], headers, body)


def moto_with_memory(folder: Path, seed: str = "") -> Recorded:
    """Make moto's server application with a memory; a process can have only one."""
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # moto reads this during its import; the images cost a second
    from moto.moto_api._internal import mock_random
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    app = DomainDispatcherApplication(create_backend_app)
    # To find its part for a host, moto lists its own folders: at every request that was a tenth of all a lab does.
    app.get_backend_for_host = functools.lru_cache(1024)(app.get_backend_for_host)  # type: ignore[method-assign]
    return Recorded(app, folder, mock_random, seed)
