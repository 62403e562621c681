"""Plain SQL as pg_dump and pg_dumpall write it: how it begins, and how it ends where it is whole."""

from __future__ import annotations

import re
from dataclasses import dataclass

TAIL = 1024
"""How many of the last bytes show whether a script came to its end."""

_BEGINS = re.compile(rb"\A(?:\xef\xbb\xbf)?--\r?\n-- PostgreSQL database (cluster )?dump\r?\n--")
_ENDS = re.compile(rb"^-- PostgreSQL database (cluster )?dump complete\r?$", re.MULTILINE)
_SERVER = re.compile(rb"^-- Dumped from database version ([^\r\n]{1,200})", re.MULTILINE)
_PROGRAM = re.compile(rb"^-- Dumped by pg_dump version ([^\r\n]{1,200})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ScriptHead:
    """What a script says of itself in its first lines."""

    is_of_cluster: bool
    """Whether pg_dumpall made it, of all databases."""
    server: str
    program: str


def script_head(prefix: bytes) -> ScriptHead | None:
    """What the first bytes of a script say; ``None`` for what no pg_dump wrote."""
    begins = _BEGINS.match(prefix)
    if begins is None:
        return None
    server, program = (_first(pattern, prefix) for pattern in (_SERVER, _PROGRAM))
    return ScriptHead(begins[1] is not None, server, program)


def is_end_of_script(tail: bytes) -> bool:
    """Whether the last bytes of a script are those that pg_dump writes when it is done."""
    return _ENDS.search(tail) is not None


def _first(pattern: re.Pattern[bytes], text: bytes) -> str:
    found = pattern.search(text)
    return found[1].decode("utf-8", "backslashreplace").strip() if found else ""
