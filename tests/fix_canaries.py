"""Secrets that are planted to be looked for, every form in which one could leak, and who sees what on the machine meanwhile."""

from __future__ import annotations

import base64
import html
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

SIGNATURE = b"X-Amz-Signature="
"""What only an IAM token (or another URL that was signed) holds; its value nobody knows beforehand."""


def forms_of(secret: str) -> frozenset[bytes]:
    """A secret as it stands in text, JSON, SQL, HTML, a URL, a Python literal, a shell line, and in base64 at any offset."""
    texts = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        secret.replace("'", "''"),
        secret.replace("'", "'\"'\"'"),
        html.escape(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        quote(secret),
    }
    forms = {text.encode() for text in texts}
    for data in (secret.encode(), json.dumps(secret).encode()[1:-1]):
        for offset in range(3):
            whole = base64.b64encode(b"\0" * offset + data)
            # The letters at both ends are of the neighbors too.
            inner = whole[-(-offset * 8 // 6) : len(whole) - 4]
            forms |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(form for form in forms if len(form) >= 8)


@dataclass(frozen=True)
class Canaries:
    """The planted secrets by what they are, and where to look for them."""

    secrets: Mapping[str, str]
    places: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, content: str | bytes) -> None:
        """One more place to look in."""
        self.places[name] = self.places.get(name, b"") + (content if isinstance(content, bytes) else content.encode())

    def add_folder(self, folder: Path, *, but: frozenset[str]) -> None:
        """Every file below a folder, but those of these names."""
        for path in folder.rglob("*"):
            if path.is_file() and path.name not in but:
                self.add(str(path.relative_to(folder)), path.read_bytes())

    def hits(self) -> list[str]:
        """Each secret that stands somewhere, and where."""
        found = [
            f"{what} in {place}"
            for what, secret in self.secrets.items()
            for place, content in self.places.items()
            if any(form in content for form in forms_of(secret))
        ]
        return found + [f"an IAM token in {place}" for place, content in self.places.items() if SIGNATURE in content]


@dataclass
class Watched:
    """What anybody on this machine saw of some processes and everything they started."""

    pids: list[int] = field(default_factory=list)
    command_lines: set[bytes] = field(default_factory=set)
    environments: set[bytes] = field(default_factory=set)
    """Those of what the processes started; their own is where the secrets come from."""

    def look(self) -> None:
        """Look once."""
        for pid in self.pids:
            self._see(Path("/proc") / str(pid), is_child=False)

    def _see(self, process: Path, *, is_child: bool) -> None:
        try:
            self.command_lines.add((process / "cmdline").read_bytes())
            if is_child:
                self.environments.add((process / "environ").read_bytes())
            children = [
                child for task in (process / "task").iterdir() for child in (task / "children").read_text().split()
            ]
        except (FileNotFoundError, ProcessLookupError):
            return
        for child in children:
            self._see(Path("/proc") / child, is_child=True)


@contextmanager
def watching() -> Iterator[Watched]:
    """Somebody who looks at all processes again and again, as long as the block lasts."""
    watched, is_over = Watched(), threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            watched.look()
            time.sleep(0.02)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield watched
    finally:
        is_over.set()
        thread.join()
