"""The one long-lived thread that starts PostgreSQL's programs.

The law: the kernel ends a leashed program when the *thread* that forked it ends, not the process. So nothing else in
the lab starts one, and this thread lives as long as the process does.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Literal

from daybreak.errors import Failed
from daybreak.lab.servers.binaries import account, bare_environment

LEASH = Path(__file__).with_name("leash.py")


class Spawner:
    """Starts programs as the servers' account; they end with this process, however it ends."""

    def __init__(
        self, tie: Literal["kernel", "watchdog"] = "kernel" if sys.platform == "linux" else "watchdog"
    ) -> None:
        self._tie = tie
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

    def spawn(self, program: Sequence[str | Path], *, log: Path, parting: signal.Signals) -> subprocess.Popen[bytes]:
        """Start a program that writes to ``log`` and gets ``parting`` when our process dies."""
        with log.open("ab") as file:
            return self._spawn(program, file, parting)

    def run(self, program: Sequence[str | Path]) -> str:
        """Run a program to its end and return its output; raises `Failed` with its last words when it fails."""
        process = self._spawn(program, subprocess.PIPE, signal.SIGKILL)
        said = process.communicate()[0].decode(errors="replace")
        if process.returncode != 0:
            raise Failed(f"'{Path(program[0]).name}' ended with {process.returncode}: {said.strip()[-500:]}")
        return said

    def _spawn(
        self, program: Sequence[str | Path], output: IO[bytes] | int, parting: signal.Signals
    ) -> subprocess.Popen[bytes]:
        who = account()
        drop = (who.uid, who.gid) if who.lent else (-1, -1)
        leash = [sys.executable, "-I", "-S", LEASH, self._tie, os.getpid(), *drop, int(parting)]
        return self._thread.submit(_start, [str(word) for word in (*leash, *program)], output).result()


def _start(leashed: list[str], output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        leashed, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd="/", env=bare_environment()
    )


@functools.cache
def _spawner_of(pid: int) -> Spawner:  # noqa: ARG001 (a forked child has the object, but not its thread)
    return Spawner()


def spawner() -> Spawner:
    """This process's spawner."""
    return _spawner_of(os.getpid())
