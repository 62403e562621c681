"""A program of PostgreSQL's in a box: what it reads is hostile, so it gets no more of this machine than its work needs.

The law: it has no environment of ours, no home, a folder of its own, no more memory than its bound, and it writes no file. It
ends with its limit, with the leash, and with us, however we end. A launcher drops root and what else it may do, then becomes it.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import BinaryIO, cast

from daybreak.errors import DaybreakError, Failed, Unreachable
from daybreak.model.moment import span_in_words
from daybreak.model.names import printable
from daybreak.postgres.accounts import account
from daybreak.postgres.clients import bare_environment
from daybreak.postgres.leash import Leash

_SLICE = 0.1
_DRAIN = 1.0
"""Seconds for the last lines, once the program has ended."""
_KEPT = 40
"""How many lines of what it says are kept: the last ones."""
_LONGEST_LINE = 1000
_FILES = 1024

LAUNCHER = """
import ctypes, json, os, resource, signal, struct, sys
order = json.loads(sys.argv[1])
if order["uid"] >= 0:
    os.setgroups([])
    os.setgid(order["gid"])
    os.setuid(order["uid"])
os.umask(0o077)
os.setsid()
try:
    prctl = ctypes.CDLL(None).prctl
    prctl(1, int(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG: when whoever started us dies, so do we
    prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS: no program gives it more than it has
except (OSError, AttributeError):
    pass  # not on every system
for kind, most in order["limits"]:
    resource.setrlimit(kind, (most, most))
if os.getppid() != order["parent"]:
    os._exit(125)
os.chdir(order["folder"])
if sys.platform == "linux":
    # Landlock, from Linux 5.13 on: writes to no file and makes none, and reaches no port but the server's.
    call = ctypes.CDLL(None).syscall
    abi = call(444, None, 0, 1)
    if abi >= 1:
        files = 0b1_1111_1111_0010 | (abi >= 2) << 13 | (abi >= 3) << 14  # all that writes, makes, moves or removes
        ports = 0b11 if abi >= 4 else 0  # to listen, and to connect
        rules = struct.pack("QQ", files, ports)
        walls = call(444, rules, 16 if abi >= 4 else 8, 0)
        if walls >= 0:
            if ports and order["port"]:
                call(445, walls, 2, struct.pack("QQ", 0b10, order["port"]), 0)
            call(446, walls, 0)
            os.close(walls)
os.execve(order["command"][0], order["command"], order["environment"])
"""


@dataclass(frozen=True)
class Box:
    """What a program may have."""

    limit: timedelta
    """How long it may run."""
    memory: int = 2 << 30
    """Bytes of address space."""
    may_fork: bool = False
    """Whether it may start processes, as one with several jobs must."""
    port: int = 0
    """The only port that it may connect to; 0 for none: a socket of this machine has no port. Where the system can hold it to that."""
    secrets: frozenset[str] = frozenset()
    """Values that nobody may read in what it says."""
    keeps: Callable[[str], bool] = field(default=lambda _line: True)
    """Which lines of what it says are kept."""

    def cover(self, line: str) -> str:
        """A line without the secrets."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            line = line.replace(secret, "***")
        return line

    def limits(self) -> list[tuple[int, int]]:
        """The system's bounds. It can write to no file: what it says goes through a pipe."""
        bounds = [
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_NOFILE, min(_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])),
        ]
        if sys.platform == "linux":  # elsewhere the bound counts what every program maps
            bounds.append((resource.RLIMIT_AS, self.memory))
            if not self.may_fork:
                bounds.append((resource.RLIMIT_NPROC, 0))
        return bounds


@dataclass(frozen=True)
class Said:
    """How a program ended, and its last lines, printable and without secrets."""

    code: int
    lines: tuple[str, ...]


def run_boxed(
    command: Sequence[str],
    box: Box,
    leash: Leash,
    *,
    feed: Iterable[bytes] | None = None,
    keeps: Sequence[int] = (),
    take: Callable[[BinaryIO], None] | None = None,
) -> Said:
    """Run a program to its end; ``feed`` goes to its standard input, ``keeps`` are descriptors that it inherits.

    ``take`` reads its standard output to the end, in a thread; without it nobody does.

    Raises ``Failed`` where its limit ended it, ``Unreachable`` where it was called off, and what the feed raises: then it was
    ended before its input was, so that it takes no part for the whole.
    """
    with _own_folder() as folder:
        running = _Boxed(command, box, folder, _Streams(feed, take), keeps)
        try:
            running.wait(leash)
        finally:
            running.end()
        lines = tuple(box.cover(line) for line in running.last_lines())
    return Said(running.process.returncode, lines)


@contextmanager
def _own_folder() -> Iterator[Path]:
    """A folder in which it stands, empty and its own."""
    folder = Path(tempfile.mkdtemp(prefix="daybreak-box-", dir="/tmp" if account().is_lent else None))  # noqa: S108 - its name is new
    try:
        account().give(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class _Streams:
    """What goes in, and who reads what comes out."""

    feed: Iterable[bytes] | None
    take: Callable[[BinaryIO], None] | None


class _Boxed:
    """A program that runs, what it is fed, and the last lines of what it says."""

    def __init__(self, command: Sequence[str], box: Box, folder: Path, streams: _Streams, keeps: Sequence[int]) -> None:
        feed, take = streams.feed, streams.take
        self._box, self._name = box, Path(command[0]).name
        self._until = monotonic() + box.limit.total_seconds()
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._trouble: BaseException | None = None
        who = account()
        order = {
            "uid": who.owner, "gid": who.gid, "limits": box.limits(), "parent": os.getpid(), "folder": str(folder),
            "port": box.port, "command": list(command),
            "environment": bare_environment() | {"PSQLRC": "/dev/null", "TMPDIR": str(folder)},
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", LAUNCHER, json.dumps(order)],
            env={},
            stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
            stdout=subprocess.DEVNULL if take is None else subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=False,
            pass_fds=tuple(keeps),
        )
        self._reader = threading.Thread(target=self._read, name=f"daybreak-boxed-{self._name}", daemon=True)
        self._reader.start()
        self._taker = threading.Thread(target=self._take, args=(take,), name="daybreak-take", daemon=True)
        if take is not None:
            self._taker.start()
        self._feeder = threading.Thread(target=self._feed, args=(feed,), name="daybreak-feed", daemon=True)
        if feed is not None:
            self._feeder.start()

    def wait(self, leash: Leash) -> None:
        """Wait for its end; raises where it is to be ended before."""
        while True:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_SLICE)
                break
            if self._trouble is not None:
                break
            if leash.is_called_off.is_set():
                raise Unreachable(f"{self._name} was called off")
            if monotonic() >= self._until:
                raise Failed(f"{self._name} was ended after {span_in_words(self._box.limit)}, its limit")
        if self._taker.is_alive():
            self._taker.join()  # its output has ended, and is read to the end
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble

    def end(self) -> None:
        """End what still runs of it: its whole session."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        if self._feeder.is_alive():
            self._feeder.join(_DRAIN)
        if self.process.stdin is not None:
            with suppress(OSError):  # what is still held for it has nowhere to go
                self.process.stdin.close()

    def last_lines(self) -> list[str]:
        """The last lines that it wrote."""
        self._reader.join(_DRAIN)
        return list(self._lines)

    def _take(self, take: Callable[[BinaryIO], None]) -> None:
        """Let its output be read; whatever goes wrong with that is raised once it has ended."""
        out = self.process.stdout
        assert out is not None  # noqa: S101 - it was asked for
        try:
            with out:
                take(cast("BinaryIO", out))
        except (DaybreakError, OSError, ValueError, EOFError) as trouble:
            self._trouble = trouble

    def _feed(self, feed: Iterable[bytes]) -> None:
        """Hand the input on. Where it cannot be had to its end, the program must never see an end."""
        into = self.process.stdin
        assert into is not None  # noqa: S101 - it was asked for
        try:
            for chunk in feed:
                into.write(chunk)
            into.close()
        except BrokenPipeError:
            pass  # it ended by itself, and says why
        except (DaybreakError, OSError, ValueError, EOFError) as trouble:
            self._trouble = trouble

    def _read(self) -> None:
        assert self.process.stderr is not None  # noqa: S101 - it was asked for
        with self.process.stderr as out:
            while line := out.readline(_LONGEST_LINE):
                text = printable(line.decode(errors="replace").rstrip(), _LONGEST_LINE)
                if self._box.keeps(text):
                    self._lines.append(text)
