"""Which requests may reach the lab at all: none under another host name, and none from a web page.

The law: the head of a request decides, before its body is read and before anything runs. An address proves nothing: every
account of this machine, and every page in its browsers, reaches the loopback. A page whose own name points here (rebinding)
still says that name in ``Host``; a page that posts across origins says so in ``Origin`` or ``Sec-Fetch-Site``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RELAY = re.compile(r"(127\.0\.0\.1|localhost):[0-9]{1,5}")
_OWN_SITES = frozenset({"none", "same-origin"})
_ONCE = ("host", "origin", "authorization", "content-length", "transfer-encoding", "sec-fetch-site")
"""Headers that must not come twice: two readers could understand two different requests."""


@dataclass(frozen=True)
class Rejection:
    """Why a request is rejected, and with which status."""

    status: int
    why: str


@dataclass(frozen=True)
class Door:
    """The names of a lab, all at one port; ``relays`` holds ``HOST:PORT`` of the proxies that a person made known."""

    names: tuple[str, ...]
    port: int
    relays: set[str] = field(default_factory=set)

    def admit(self, relay: str) -> None:
        """Accept requests for a proxy on this machine; raises `ValueError` for any other host, because a page could have that."""
        if not _RELAY.fullmatch(relay):
            raise ValueError(f"a proxy is at 127.0.0.1:PORT or localhost:PORT, not at {relay!r}")
        self.relays.add(relay)

    def rejection(self, target: str, headers: Sequence[tuple[str, str]]) -> Rejection | None:
        """Why the request with this target and these header lines is rejected; ``None`` when it may come in."""
        lines = [(name.lower(), value.strip()) for name, value in headers]
        said = dict(lines)
        for name in _ONCE:
            if sum(name == each for each, _ in lines) > 1:
                return Rejection(400, f"the request says {name} twice")
        if not target.startswith("/"):
            return Rejection(400, "the request's target must be a path")
        if "host" not in said:
            return Rejection(400, "the request does not say to which host it goes")
        if self.split(said["host"]) is None and said["host"] not in self.relays:
            return Rejection(403, "the lab does not answer to this host")
        if "origin" in said and not self._is_own(said["origin"]):
            return Rejection(403, "the lab does not answer to web pages")
        if said.get("sec-fetch-site", "none").lower() not in _OWN_SITES:
            return Rejection(403, "the lab does not answer to web pages")
        return None

    def split(self, host: str) -> tuple[str, str] | None:
        """The bucket (empty in path style) and the name in a ``Host``; ``None`` when the name is not ours."""
        name, colon, port = host.lower().rpartition(":")
        if not colon:
            name, port = port, "80"
        if port != str(self.port):
            return None
        if name in self.names:
            return "", name
        for own in self.names:
            bucket = name.removesuffix(f".{own}")
            if bucket != name and _BUCKET.fullmatch(bucket):
                return bucket, own
        return None

    def _is_own(self, origin: str) -> bool:
        scheme, _, host = origin.partition("://")
        found = self.split(host)
        return scheme == "http" and found is not None and found[0] == ""
