"""Commands of `daybreak` run by `tests.warm`: real processes, without the second that each would spend on importing."""

from __future__ import annotations

import array
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

PROGRAM = Path(__file__).with_name("warm.py")


def is_cold(environment: Mapping[str, str]) -> bool:
    """Whether the environment says something that Python heeds only while it starts."""
    return (
        any(name.startswith(("PYTHON", "LC_", "LD_")) for name in environment) or environment.get("LANG") != "C.UTF-8"
    )


@functools.cache
def _door(_pid: int) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The way to this process's warm Python, which ends when this process does, and its process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(theirs.fileno())],
        pass_fds=(theirs.fileno(),), env=environment, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    theirs.close()
    return ours, process


def run_warm(
    arguments: tuple[str, ...], environment: Mapping[str, str], folder: Path, *, within: float
) -> tuple[int, str, str]:
    """Run `daybreak` to its end: exit code, stdout and stderr; raises ``subprocess.TimeoutExpired`` after killing it."""
    asked = {"arguments": list(arguments), "environment": dict(environment), "folder": str(folder)}
    pipes = [os.pipe() for _ in range(3)]
    with Path(os.devnull).open("rb") as nothing:
        theirs = array.array("i", [nothing.fileno(), *(write for _, write in pipes)])
        _door(os.getpid())[0].sendmsg([json.dumps(asked).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, theirs)])
    for _, write in pipes:
        os.close(write)
    heard = [b"", b"", b""]
    readers = [threading.Thread(target=_read, args=(read, heard, place)) for place, (read, _) in enumerate(pipes)]
    for reader in readers:
        reader.start()
    readers[2].join(within)  # how it ended is said last
    if readers[2].is_alive():
        os.kill(int(heard[2].split()[0]), signal.SIGKILL)
        raise subprocess.TimeoutExpired(["daybreak", *arguments], within, heard[0], heard[1])
    for reader in readers[:2]:
        reader.join(within)
    out, err, ended = heard
    return int(ended.split()[1]), out.decode(), err.decode()


def _read(fd: int, heard: list[bytes], place: int) -> None:
    with os.fdopen(fd, "rb", buffering=0) as pipe:
        while piece := pipe.read(65536):
            heard[place] += piece
