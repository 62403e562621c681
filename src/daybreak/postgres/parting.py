"""The end of a session, as the server sees it: its process lives a moment longer than our side of the line."""

from __future__ import annotations

import socket
from contextlib import suppress
from datetime import timedelta
from time import monotonic

_ENDING = timedelta(seconds=1)
"""How long we wait at most for a server's process to end, after we hung up."""


def wait_for_end(line: socket.socket) -> bool:
    """Wait until the server's process has ended, and return whether it has.

    Its kernel closes the line then, and not before (PostgreSQL, ``pqcomm.c``).
    """
    until = monotonic() + _ENDING.total_seconds()
    with line, suppress(OSError):
        while (left := until - monotonic()) > 0:
            line.settimeout(left)
            if not line.recv(4096):
                return True
    return False
