"""From a server's name to its addresses, within a time limit."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta
from queue import Empty, SimpleQueue

from daybreak.errors import Unreachable
from daybreak.model.names import printable


def resolve(host: str, port: int, timeout: timedelta) -> tuple[str, ...]:
    """The addresses of ``host``, each once.

    Raises ``Unreachable`` when the name is not known or no answer comes within ``timeout``. The operating system's resolver
    has a time limit of its own, so it runs in a thread that we leave behind.
    """
    answers: SimpleQueue[tuple[str, ...] | OSError | UnicodeError] = SimpleQueue()

    def look() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(tuple(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError) as trouble:
            answers.put(trouble)

    threading.Thread(target=look, name="daybreak-dns", daemon=True).start()
    try:
        answer = answers.get(timeout=max(timeout.total_seconds(), 0.0))
    except Empty:
        raise Unreachable(f'looking up "{printable(host)}" took too long', "check the name server") from None
    if isinstance(answer, tuple):
        return answer
    raise Unreachable(f'the name "{printable(host)}" has no address: {printable(str(answer))}') from answer
