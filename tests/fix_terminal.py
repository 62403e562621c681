"""A real terminal: a pseudo-terminal that a process has as its own, that can be read, typed at, and torn away."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.fix_cli import Person
from tests.fix_warm import WarmProcess, is_cold

OURS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
"""What rich writes to move, color and erase; nothing else may act on a terminal."""


def _started(
    program: Sequence[str], words: tuple[str, ...], home: Path, environment: dict[str, str], streams: dict[str, Any]
) -> subprocess.Popen[bytes] | WarmProcess:
    """A process whose controlling terminal is its standard input."""
    if not program and not is_cold(environment):
        numbers = [each if isinstance(each, int) else int(each.fileno()) for each in streams.values()]
        return WarmProcess(words, environment, home, (numbers[0], numbers[1], numbers[2]), is_session=True)
    return subprocess.Popen(
        program or [sys.executable, "-m", "daybreak.cli.main", *words],
        cwd=home,
        env=environment,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(streams["stdin"], termios.TIOCSCTTY, 0),  # noqa: PLW1509 - how a terminal becomes its own
        **streams,
    )


class Terminal:
    """A process at a terminal of its own; closing the terminal is what closing a window is."""

    def __init__(
        self, person: Person, *words: str, program: Sequence[str] = (), columns: int = 80, **streams: Any
    ) -> None:
        self._boss, place = pty.openpty()
        fcntl.ioctl(place, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {"TERM": "xterm-256color", **person.surroundings()}
        given = {"stdin": place, "stdout": place, "stderr": place, **streams}
        self.process = _started(program, words, person.home, environment, given)
        os.close(place)
        self.seen = b""

    def until(self, text: str, *, within: float = 90) -> None:
        """Read until the text was written."""
        deadline = time.monotonic() + within
        while text.encode() not in self.seen:
            assert time.monotonic() < deadline, f"no {text!r} in {self.seen[-3000:]!r}"
            assert self._read(1.0), f"it ended without {text!r}: {self.seen[-3000:]!r}"

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._boss, text.encode())

    def vanish(self) -> None:
        """Close the window: the process is hung up, and its writes fail."""
        os.close(self._boss)
        self._boss = -1

    def end(self, *, within: float = 120) -> int:
        """Wait for the end, reading along while there is a window; the exit code."""
        deadline = time.monotonic() + within
        while self._boss >= 0 and self._read(1.0):
            assert time.monotonic() < deadline, self.seen[-3000:]
        code = self.process.wait(timeout=max(1.0, deadline - time.monotonic()))
        if self._boss >= 0:
            self.vanish()
        return code

    def acting(self) -> list[str]:
        """What in all that was written acts on a terminal and is not rich's own."""
        text = OURS.sub(b"", self.seen).decode()
        return [character for character in text if not character.isprintable() and character not in "\r\n"]

    def frames(self) -> list[str]:
        """What stood on the screen's lines, each time one was written."""
        return [OURS.sub(b"", part).decode() for part in re.split(rb"\r\n|\r|\n|\x1b\[2K|\x1b\[1A", self.seen)]

    def _read(self, seconds: float) -> bool:
        """Read what is there within that time; false when everybody has gone."""
        waiting = select.poll()  # not select, which knows no descriptor beyond 1023
        waiting.register(self._boss, select.POLLIN)
        if waiting.poll(seconds * 1000):
            try:
                part = os.read(self._boss, 65536)
            except OSError:
                return False
            self.seen += part
            return bool(part)
        return self.process.poll() is None
