"""The process of a lab: start it, wait for a signal or a shutdown, stop it.

The law: it ends everything that it started, however it ends; for `kill -9` the spawner does so (see `daybreak.lab.servers.node`).
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from daybreak.errors import DaybreakError
from daybreak.lab import admin
from daybreak.lab.company.scenario import build
from daybreak.lab.lab import Lab


def run(
    folder: Path,
    *,
    speed: float,
    port: int,
    empty: bool,
    while_pid: int | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Run a lab in this process until it gets the order to stop.

    A lab for the process ``while_pid`` ends when that process is gone, and removes its folder.
    """
    is_orphan = False
    lab = Lab(folder, build, admin.answer, speed=speed, port=port)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: lab.stopping.set())
    try:
        lab.start(empty=empty)
        on_ready()
        while not lab.stopping.wait(1.0 if while_pid else None):
            if while_pid and not _lives(while_pid):
                lab.stopping.set()
                is_orphan = True
    finally:
        lab.stop()
        if is_orphan:
            shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run a lab for ``python -m daybreak.lab.daemon FOLDER``, which ``lab up --detach`` starts."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--speed", type=float, default=600.0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--empty", action="store_true")
    parser.add_argument("--while-pid", type=int, default=None, help="stop when this process is gone")
    options = parser.parse_args(arguments)
    try:
        run(options.folder, speed=options.speed, port=options.port, empty=options.empty, while_pid=options.while_pid)
    except DaybreakError as error:
        print(f"{error}", *error.hints, sep="\n", file=sys.stderr)  # noqa: T201
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
