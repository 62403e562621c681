"""A process of its own that lets a pool's clients go when their time is over, whatever becomes of Daybreak.

It gets its order as one line of JSON on its standard input, and says ``ready`` once it has been at the console. Then it waits: a second
line ends it, since the clients are cared for; silence, or the end of who started it, does not. At the deadline it resumes the pool where it
points then: at the side that is left, which is fenced or open again, or at the new one.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from daybreak.errors import DaybreakError, Unreachable
from daybreak.model.trust import Trust
from daybreak.postgres.address import Address
from daybreak.postgres.login import Login
from daybreak.postgres.pools import CONSOLE, open_console

_BEGINNING = 20.0
"""Seconds until it has been at the console: a Python that imports us starts in that time on a slow machine."""
_TO_END = 2.0
_INSISTING, _PAUSE = 60.0, 0.5
"""Seconds for which it goes on to resume a pool whose console does not answer, and between two tries."""


@dataclass(frozen=True)
class Keeper:
    """A keeper that runs."""

    process: subprocess.Popen[bytes]

    def dismiss(self) -> None:
        """End it without a deed: the clients are let go by somebody else."""
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.write(b"done\n")
                self.process.stdin.flush()
            with suppress(OSError):
                self.process.stdin.close()
        if self.process.stdout is not None:
            self.process.stdout.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_TO_END)
            return
        self.process.kill()
        self.process.wait()


def start_keeper(address: Address, login: Login, database: str, within: timedelta) -> Keeper:
    """Start a keeper that resumes ``database`` after ``within``; raises ``Unreachable`` where it cannot reach the console."""
    order = {
        "host": address.host,
        "port": address.port,
        "trust": address.trust.model_dump(mode="json"),
        "username": login.username,
        "password": login.password,
        "database": database,
        "seconds": within.total_seconds(),
    }
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "daybreak.postgres.pool_keeper"],
        env={},
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a signal to our terminal is none to it
    )
    keeper = Keeper(process)
    assert process.stdin is not None  # noqa: S101 - it was asked for
    assert process.stdout is not None  # noqa: S101 - it was asked for
    said = b""
    with suppress(OSError):
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        if select.select([process.stdout], [], [], _BEGINNING)[0]:
            said = os.read(process.stdout.fileno(), 200)
    if said.strip() != b"ready":
        keeper.dismiss()
        raise Unreachable(
            f"what would let the clients go in time cannot reach {address.server}: {said.decode(errors='replace').strip()}"
        )
    return keeper


def _say(word: str) -> None:
    with suppress(OSError):
        os.write(1, f"{word}\n".encode())


def _keep(order: dict[str, object]) -> None:
    """Wait for the deadline or a word, and resume at the deadline."""
    until = time.monotonic() + float(str(order["seconds"]))
    address = Address(str(order["host"]), int(str(order["port"])), CONSOLE, Trust.model_validate(order["trust"]))
    login, database = Login(str(order["username"]), str(order["password"])), str(order["database"])
    try:
        with open_console(address, login) as console:
            console.state_of(database)
    except DaybreakError as error:
        _say(error.message)
        return
    _say("ready")
    waits: list[int] = [0]
    while (left := until - time.monotonic()) > 0:
        if waits and select.select(waits, [], [], left)[0]:
            if os.read(0, 100):
                return
            waits = []  # whoever started us is gone
        elif not waits:
            time.sleep(left)
    until = time.monotonic() + _INSISTING
    while time.monotonic() < until:
        with suppress(DaybreakError), open_console(address, login) as console:
            console.resume(database)
            return
        time.sleep(_PAUSE)


if __name__ == "__main__":
    _keep(json.loads(os.read(0, 65536)))
