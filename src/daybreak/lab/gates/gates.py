"""The gates of this process: where its databases can be reached, each of them over TLS.

The law: PostgreSQL itself never listens on TCP here. What stands at an endpoint's address is a gate of `daybreak.lab.gates.gatehouse`,
one program for all of them: in this process every byte would wait for whatever else Python does.
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
    """An endpoint, the socket of the server behind it, and how it proves who it is."""

    host: str
    port: int
    server: str
    identity: str
    """A file with the key and the certificate."""
    owner: str
    """The role that is never let in here: the lab's own."""
    strict: bool
    """Whether a session has to be encrypted, as ``rds.force_ssl`` says."""


class Gates:
    """Opens and closes gates; the program behind is started with the first, and again should it ever die."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open: dict[tuple[str, int], Gate] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, gate: Gate) -> None:
        """Listen, or change who is let in at a gate that is open; `Failed` when the address cannot be had."""
        with self._lock:
            self._order({"open": True, **asdict(gate)})
            self._open[gate.host, gate.port] = gate

    def close(self, host: str, port: int, server: str) -> None:
        """Stop listening and cut every session there; does nothing where no gate of that server is."""
        with self._lock:
            gate = self._open.get((host, port))
            if gate is not None and gate.server == server:
                del self._open[host, port]
                self._order({"open": False, "host": host, "port": port})

    @property
    def pid(self) -> int | None:
        """The program's process; None when none runs."""
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
            waiting = select.poll()  # not select, which knows no descriptor beyond 1023: a lab of many servers has them
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
        """Wait for the program's end, and open again what was open when nobody wanted it to end."""
        since = time.monotonic()
        process.wait()
        with self._lock:
            if self._process is not process:
                return
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None
            if time.monotonic() - since > 1:  # one that cannot live at all is not started for ever
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
