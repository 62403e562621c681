"""Commands of `daybreak`, and labs, run by `tests.warm`: real processes, without the seconds that each would spend on importing."""

from __future__ import annotations

import array
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Literal, Self

PROGRAM = Path(__file__).with_name("warm.py")

Kind = Literal["daybreak", "lab"]
"""What a warm Python has imported."""


MADE_GOOD = frozenset({"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"})
"""What Python heeds while it starts, and a process of the warm Python after that (see `tests.warm.heed`)."""


def is_cold(environment: Mapping[str, str]) -> bool:
    """Whether the environment says something that Python heeds only while it starts."""
    names = environment.keys() - MADE_GOOD
    return any(name.startswith(("PYTHON", "LC_", "LD_")) for name in names) or environment.get("LANG") != "C.UTF-8"


_OPENING = threading.Lock()


@functools.cache
def _door(_pid: int, kind: Kind) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The way to this process's warm Python of that kind, which ends when this process does, and its process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(theirs.fileno()), kind],
        pass_fds=(theirs.fileno(),), env=environment, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    theirs.close()
    return ours, process


class WarmProcess:
    """A process of that kind forked from the warm Python, to be used like a ``subprocess.Popen`` of text."""

    def __init__(
        self,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        folder: Path,
        streams: tuple[int, int, int],
        *,
        kind: Kind = "daybreak",
        is_session: bool = False,
    ) -> None:
        self.args = [kind, *arguments]
        self.returncode: int | None = None
        self.stdin: IO[str] | None = None
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        self._said = ["", ""]
        self._readers: list[threading.Thread] = []
        asked = {
            "kind": kind,
            "is_session": is_session,
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": str(folder),
        }
        heard, told = os.pipe()
        theirs = [self._stream(number, wanted) for number, wanted in enumerate(streams)]
        passed = array.array("i", [*theirs, told])
        with _OPENING:  # of two threads that ask first, one would open a door that nobody closes
            door, _ = _door(os.getpid(), kind)
        door.sendmsg([json.dumps(asked).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
        for number in (*(fd for fd, wanted in zip(theirs, streams, strict=True) if wanted < 0), told):
            os.close(number)
        self._end = os.fdopen(heard, "rb")
        self.pid = int(self._end.readline())

    def _stream(self, number: int, wanted: int) -> int:
        """The child's end of a stream: what was given, nothing, or a pipe of which the other end is ours."""
        name = ("stdin", "stdout", "stderr")[number]
        if wanted == subprocess.DEVNULL:
            return os.open(os.devnull, os.O_RDWR)
        if wanted != subprocess.PIPE:
            return wanted
        read, write = os.pipe()
        ours, theirs = (write, read) if number == 0 else (read, write)
        setattr(self, name, os.fdopen(ours, "w" if number == 0 else "r", encoding="utf-8"))
        return theirs

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; the exit code, or the negative number of the signal that ended it."""
        if self.returncode is None:
            waiting = select.poll()
            waiting.register(self._end, select.POLLIN)
            if not waiting.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self._end.readline())
            self._end.close()
        return self.returncode

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read both streams to their end, and wait; raises ``subprocess.TimeoutExpired`` with what was read."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if not self._readers:
            streams = [
                (place, stream)
                for place, stream in enumerate((self.stdout, self.stderr))
                if stream and not stream.closed
            ]
            self._readers = [threading.Thread(target=self._read, args=each, daemon=True) for each in streams]
            for reader in self._readers:
                reader.start()
        for reader in self._readers:
            reader.join(None if deadline is None else max(0, deadline - time.monotonic()))
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0, *self._said)
        self.wait(None if deadline is None else max(0, deadline - time.monotonic()))
        return self._said[0], self._said[1]

    def _read(self, place: int, stream: IO[str]) -> None:
        with stream:
            while piece := stream.read(65536):
                self._said[place] += piece

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                stream.close()
        self.wait()


Process = subprocess.Popen[str] | WarmProcess
"""A process of `daybreak`, however it was started."""
