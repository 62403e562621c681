"""The gates of this process, through which clients reach its databases over TLS.

The law: PostgreSQL itself never listens on TCP here. A gate of `daybreak.lab.gates.gatehouse` listens at each endpoint's
address. One program has all gates: in this process every byte would wait for other work of Python.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from daybreak.errors import Failed
from daybreak.lab.servers.binaries import account

PROGRAM = Path(__file__).with_name("gatehouse.py")
PATIENCE = 30.0  # seconds for the program to answer on a busy machine


@dataclass(frozen=True)
class Gate:
    """An endpoint, the socket of the server behind it, and how it proves its name."""

    host: str
    port: int
    server: str
    """Empty where it leads nowhere now, which only one that holds clients may."""
    identity: str
    """The file with the key and the certificate."""
    owner: str
    """The lab's own role, which never gets in here."""
    strict: bool
    """Whether a session must be encrypted, as ``rds.force_ssl`` says."""
    admitted: tuple[str, ...]
    """The ranges of addresses from which new clients get in; where no client of this machine does, nothing listens."""
    holds: float | None = None
    """For how many seconds a client is held while the gate leads nowhere; ``None`` for the gate of a server, which never does."""


class Gates:
    """Opens and closes gates; starts their program with the first gate, and again if it dies."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open: dict[tuple[str, int], Gate] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, gate: Gate) -> None:
        """Open a gate, or change which clients an open one lets in; raises `Failed` when the address is not free."""
        with self._lock:
            self._order({"open": True, **asdict(gate)})
            self._open[gate.host, gate.port] = gate

    def close(self, host: str, port: int, server: str, *, keeps: bool = False) -> None:
        """Stop listening and cut every session there, unless it ``keeps`` them; does nothing where that server has no gate."""
        with self._lock:
            gate = self._open.get((host, port))
            if gate is not None and gate.server == server:
                del self._open[host, port]
                self._order({"open": False, "host": host, "port": port, "keeps": keeps})

    @property
    def pid(self) -> int | None:
        """The program's process; ``None`` when it does not run."""
        with self._lock:
            process = self._process
            return None if process is None or process.poll() is not None else process.pid

    def end(self) -> None:
        """Close everything, for good."""
        with self._lock:
            self._open.clear()
            process, self._process = self._process, None
            if process is not None and process.stdin is not None and process.stdout is not None:
                process.stdin.close()
                process.wait()
                process.stdout.close()

    def _order(self, order: dict[str, Any]) -> None:
        process = self._start_program()
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 (both are pipes)
        try:
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
            waiting = (
                select.poll()
            )  # not select, which takes no descriptor above 1023: a lab with many servers has those
            waiting.register(process.stdout, select.POLLIN)
            answer = process.stdout.readline() if waiting.poll(PATIENCE * 1000) else b""
        except OSError:
            answer = b""
        where = f"{order['host']}:{order['port']}"
        if not answer:
            process.kill()
            raise Failed(f"the gate at '{where}' does not answer")
        if error := json.loads(answer).get("error"):
            raise Failed(f"the gate at '{where}' does not open: {error}")

    def _start_program(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            who = account()
            drop = (who.uid, who.gid) if who.lent else (-1, -1)
            command = [sys.executable, "-I", "-S", str(PROGRAM), *map(str, drop)]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", start_new_session=True, bufsize=0
            )
            threading.Thread(target=self._guard, args=(self._process,), name="gates", daemon=True).start()
        return self._process

    def _guard(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the program's end; if it died unexpectedly, open its gates again."""
        since = time.monotonic()
        process.wait()
        with self._lock:
            if self._process is not process:
                return
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None
            if time.monotonic() - since > 1:  # do not restart a program for ever that dies at once
                for gate in list(self._open.values()):
                    self._order({"open": True, **asdict(gate)})


@functools.cache
def _gates_of(pid: int) -> Gates:  # noqa: ARG001 (a forked child has the object, but not its threads)
    gates = Gates()
    atexit.register(gates.end)
    return gates


def gates() -> Gates:
    """This process's gates."""
    return _gates_of(os.getpid())
