"""Run as a program: starts a PostgreSQL server, and ends it when its owner is gone, its folder is full or its time is up.

The law: only the standard library, no import of ours: ``python -I -S`` starts it. It first drops root. The pipe to its owner closes
however the owner ends; the server ends with the keeper, however that ends. Why it ended the server stands in the folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
_LOOKS = 0.5
"""Seconds between two looks at the folder."""
_PATIENCE = 20.0
"""Seconds for the server to end as it is asked, before it is ended."""


def main(order: dict[str, Any]) -> None:
    """Keep the server until it ends, or has to."""
    if order["uid"] >= 0:
        os.setgroups([])
        os.setgid(order["gid"])
        os.setuid(order["uid"])
    os.umask(0o077)
    os.setsid()  # a Ctrl-C in the owner's terminal is only for the owner
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    folder, line = Path(order["folder"]), int(order["line"])
    log = os.open(folder / "server.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    server = subprocess.Popen(
        order["command"], cwd="/", env=order["environment"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        preexec_fn=_tie, close_fds=True,  # noqa: PLW1509 - the keeper has no threads
    )  # fmt: skip
    why = _watch(server, line, folder, order)
    if server.poll() is None:
        (folder / "ended").write_text(why)
        # What the owner still wants to know is on disk when the server ends by itself; a full folder takes nothing more.
        server.send_signal(signal.SIGINT if why == "owner" else signal.SIGQUIT)
        _wait(server, _PATIENCE)


def _tie() -> None:
    """The kernel ends the server when the keeper is gone."""
    with contextlib.suppress(OSError, AttributeError):  # not on every system; there the pipe alone is watched
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGQUIT), 0, 0, 0)


def _watch(server: subprocess.Popen[bytes], line: int, folder: Path, order: dict[str, Any]) -> str:
    end = time.monotonic() + order["seconds"]
    while server.poll() is None:
        ready, _, _ = select.select([line], [], [], _LOOKS)
        if ready and not os.read(line, 1):
            return "owner"
        if time.monotonic() >= end:
            return "time"
        if _size(folder) > order["most"] or shutil.disk_usage(folder).free < order["spare"]:
            return "disk"
    return "itself"


def _size(folder: Path) -> int:
    """Bytes on disk, as far as files stay where they are while they are counted."""
    total, waiting = 0, [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                for each in found:
                    facts = each.stat(follow_symlinks=False)
                    total += facts.st_blocks * 512
                    if each.is_dir(follow_symlinks=False):
                        waiting.append(each.path)
        except OSError:
            continue
    return total


def _wait(server: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        server.wait(seconds)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)
        try:
            server.wait(seconds)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
