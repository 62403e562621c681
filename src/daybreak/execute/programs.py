"""Programs of the owner's as processes: begun only when the journal knows them, ended with all that they started.

The law: a program does not outlive us without its limit, as far as the system can see to that, and whoever comes later finds what
still runs of it. A launcher waits for our word and becomes the program; where we die before, it never does.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from daybreak.assess.commands import without_secrets
from daybreak.execute.beside import CalledOff, News, Ran, Staged
from daybreak.model.attempts import ProcessMark
from daybreak.model.moment import span_in_words
from daybreak.model.names import printable
from daybreak.postgres.leash import Leash

_SLICE = 0.1
TO_END = 5.0
"""Seconds that a program, or what it left, has to end by itself once it is asked to."""

_TO_END_CALLED_OFF = 3.0
"""The same where the whole run ends and waits for it."""

_DRAIN = 1.0
"""Seconds for the last lines: a child that left the session may keep the pipe open for ever."""

_KEPT = 20
"""How many lines of what it says are kept: the last ones."""

_LONGEST_LINE = 500

_LAUNCHER = """
import json, os, signal, sys
go, answer, parent = map(int, sys.argv[1:])
try:
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: when whoever started us dies, so do we
except (ImportError, OSError, AttributeError):
    pass  # not on every system
if os.getppid() != parent:
    os._exit(125)
with os.fdopen(go, "rb") as file:
    order = file.read()
if not order:
    os._exit(125)
order = json.loads(order)
os.set_inheritable(answer, False)
try:
    os.execvpe(order["command"][0], order["command"], order["environment"])
except OSError as error:
    os.write(answer, str(error.errno).encode())
os._exit(127)
"""


@dataclass(frozen=True)
class Program:
    """What is run, and for how long at most."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    limit: timedelta
    secrets: frozenset[str] = frozenset()
    """Values that nobody may read in what it says."""

    def run(self, hand_over: Callable[[News], None], leash: Leash) -> Ran:
        """Begin it once the journal knows its process, and wait for its end; what still runs of it then is ended too."""
        try:
            started = _Started(self.command[0])
        except OSError as error:  # no room for one more process
            return Ran(code=None, not_started=(error.strerror or str(error)).lower())
        seconds = _TO_END_CALLED_OFF
        try:
            Staged(None, process=mark_of(started.process.pid)).await_record(hand_over, leash)
            if why := started.go(self.command, self.environment):
                return Ran(code=None, not_started=why)
            why = self._wait(started.process, leash)
            seconds = TO_END
        finally:
            left = started.end(seconds)
        said = tuple(without_secrets(line, self.secrets) for line in started.last_lines())
        code = None if why else started.process.returncode
        return Ran(code=code, said=said, why=why, left=() if why else left)

    def _wait(self, process: subprocess.Popen[bytes], leash: Leash) -> str:
        """Wait for its end; why it is to be ended before, or nothing."""
        until = time.monotonic() + self.limit.total_seconds()
        while True:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_SLICE)
                return ""
            if leash.is_called_off.is_set():
                raise CalledOff
            if time.monotonic() >= until:
                return f"it was ended after {span_in_words(self.limit)}, its limit"


class _Started:
    """A launcher that waits for the word, or the program that it became, and the last lines of what it says."""

    def __init__(self, name: str) -> None:
        going, self._go = os.pipe()
        self._answer, answering = os.pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(going), str(answering), str(os.getpid())],
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(going, answering),
            )
        except OSError:
            os.close(self._go)
            os.close(self._answer)
            raise
        finally:
            os.close(going)
            os.close(answering)
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._reader = threading.Thread(target=self._read, name=f"daybreak-program-{name}", daemon=True)
        self._reader.start()

    def go(self, command: tuple[str, ...], environment: Mapping[str, str]) -> str:
        """Let it become the program; why it could not, or nothing."""
        order = json.dumps({"command": command, "environment": dict(environment)}).encode()
        go, self._go = self._go, -1
        with suppress(BrokenPipeError), os.fdopen(go, "wb") as file:
            file.write(order)
        answer = os.read(self._answer, 16)  # nothing comes once it is the program
        return os.strerror(int(answer)).lower() if answer else ""

    def last_lines(self) -> list[str]:
        """The last lines that it wrote."""
        self._reader.join(_DRAIN)
        return list(self._lines)

    def end(self, seconds: float) -> tuple[str, ...]:
        """End what still runs of it; the names of what did. What gets no word never begins."""
        for pipe in (self._go, self._answer):
            if pipe >= 0:
                os.close(pipe)
        mark = mark_of(self.process.pid) if self.process.poll() is None else ProcessMark(pid=self.process.pid, host="")
        left = members_of(mark)
        for kind, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, seconds)):
            until = time.monotonic() + patience
            send(mark, kind)
            while (self.process.poll() is None or members_of(mark)) and time.monotonic() < until:
                time.sleep(_SLICE / 2)
        self.process.wait()
        return tuple(f"{name} ({pid})" for pid, name in left.items())

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - it was asked for
        with self.process.stdout as out:
            while line := out.readline(_LONGEST_LINE):
                self._lines.append(printable(line.decode(errors="replace").rstrip()))


def mark_of(pid: int) -> ProcessMark:
    """What distinguishes a process of this machine from any later one of its number."""
    found = _stat(pid)
    return ProcessMark(pid=pid, host=socket.gethostname(), began=f"{_boot()}:{found[1]}" if found else "")


def is_here(mark: ProcessMark) -> bool:
    """Whether this machine can see a process."""
    return mark.host == socket.gethostname()


def members_of(mark: ProcessMark) -> dict[int, str]:
    """What still runs of a process and of all that it started in its session, by number, with names.

    A number is not given out again while its session has a member: another process of that number ends the search.
    """
    if not Path("/proc/self/stat").exists():
        with suppress(OSError):
            os.killpg(mark.pid, 0)
            return {mark.pid: "its group"}
        return {}
    leader = _stat(mark.pid)
    if mark.began and (not mark.began.startswith(_boot()) or (leader and f"{_boot()}:{leader[1]}" != mark.began)):
        return {}
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (seen := _stat(int(folder.name))) and seen[0] == mark.pid:
            found[int(folder.name)] = seen[2]
    return found


def send(mark: ProcessMark, kind: signal.Signals) -> None:
    """Send a signal to all that still runs of it."""
    for pid in members_of(mark):
        with suppress(ProcessLookupError, PermissionError):
            (os.kill if Path("/proc/self/stat").exists() else os.killpg)(pid, kind)


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _stat(pid: int) -> tuple[int, str, str] | None:
    """A process's session, when it began, and its name; ``None`` where it has ended, or the system does not say."""
    try:
        head, _, rest = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
    except OSError:
        return None
    fields = rest.split()
    return None if fields[0] in "ZX" else (int(fields[3]), fields[19], printable(head.partition("(")[2]))
