"""Run as a program: a Python that has imported Daybreak (or the lab) already, and forks a process for each command it is asked for.

What a test sees is a process like any other, with its own environment, folder, streams, signals and end; only the second of
importing is spent once instead of hundreds of times. The law: one thread, so that a fork copies all there is.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import functools
import gc
import io
import json
import os
import runpy
import signal
import socket
import sys
import termios
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import botocore.session

FEW_SEARCHES = (50_000, 20, 100)
"""How rarely Python looks for garbage, so that tests do not spend an eighth of their time on that."""

LONGEST = 1 << 20
"""Bytes of a request."""

ASKED = ("cloudwatch", "ec2", "kms", "rds", "s3", "secretsmanager", "ssm", "sts")
"""The services of AWS that Daybreak asks."""

MOTOS = (
    "applicationautoscaling",
    "cloudwatch",
    "ec2",
    "events",
    "iam",
    "kms",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
)
"""The services of moto that a lab wakes while it fills its account."""

PROGRAMS: dict[str, Callable[[], object]] = {}
"""What this Python has imported: a program for each kind."""


def warm_up(kind: str) -> None:
    """Import and read what the processes would."""
    if kind == "lab":
        warm_lab()
    else:
        warm_daybreak()
    gc.set_threshold(*FEW_SEARCHES)
    gc.collect()
    gc.freeze()  # else each process would write to every page that it shares, only to see that nothing there is garbage


def warm_lab() -> None:
    """Import moto as the lab does, and what the lab wakes of it; a lab spends half of its start on that."""
    from daybreak.lab import daemon
    from daybreak.lab.account.replay import moto_with_memory
    from daybreak.lab.protocol.boto import make_client, service_model

    moto_with_memory(Path(os.devnull))
    for service in MOTOS:
        for part in ("models", "urls"):
            import_module(f"moto.{service}.{part}")
    for service in (*ASKED, "application-autoscaling", "iam"):
        make_client(service, "us-east-1", "nobody")
    service_model("rds")
    PROGRAMS["lab"] = daemon.main


def warm_daybreak() -> None:
    """Import what the verbs import when they run."""
    from daybreak.cli.verbs import VERBS

    for module, _ in VERBS.values():
        import_module(module.partition(":")[0])
    for name in (
        "app",
        "app.custody",
        "app.validating",
        "app.reporting",
        "app.proving",
        "cli.main",
        "cli.rendering",
        "cli.following",
    ):
        import_module(f"daybreak.{name}")
    from daybreak.cli.main import main

    PROGRAMS["daybreak"] = main
    read_descriptions()


def read_descriptions() -> None:
    """Read what botocore knows of the services that Daybreak asks: each process would spend half of its time on that."""
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    session = botocore.session.Session()
    for service in ASKED:
        session.create_client(service, "us-east-1", aws_access_key_id="nobody", aws_secret_access_key="nobody")


def serve(door: socket.socket) -> None:
    """Fork for each request until nobody asks any more: a warden that waits, and the process that it waits for."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # wardens are nobody's concern
    while True:
        fds = array.array("i")
        data, ancillary, _, _ = door.recvmsg(LONGEST, socket.CMSG_LEN(4 * fds.itemsize))
        if not data:
            return
        for _, _, piece in ancillary:
            fds.frombytes(piece[: len(piece) - len(piece) % fds.itemsize])
        if os.fork() == 0:
            door.close()
            ward(json.loads(data), list(fds))
        for fd in fds:
            os.close(fd)


def ward(asked: dict[str, Any], fds: list[int]) -> NoReturn:
    """Start the process, say its number, wait for it, and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, told = fds
    pid = os.fork()
    if pid == 0:
        os.close(told)
        become(asked, streams)
    for fd in streams:
        os.close(fd)
    with contextlib.suppress(BrokenPipeError):  # whoever asked may have ended before it
        os.write(told, f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def become(asked: dict[str, Any], streams: list[int]) -> NoReturn:
    """Be the process that was asked for."""
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
    if asked["is_session"]:
        os.setsid()
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())  # what Python decides when it starts
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    os.chdir(asked["folder"])
    heed()
    sys.argv = [asked["kind"], *asked["arguments"]]
    code: object = 1
    try:
        code = PROGRAMS[asked["kind"]]()
    except SystemExit as ended:
        code = ended.code
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def heed() -> None:
    """Do what Python would have done with this environment while it started: a place for modules, and the module of that place
    by which another machine says its name.
    """
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    for place in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        sys.path.insert(0, place)
        if (Path(place) / "sitecustomize.py").is_file():
            runpy.run_path(str(Path(place) / "sitecustomize.py"))


if __name__ == "__main__":
    warm_up(sys.argv[2])
    serve(socket.socket(fileno=int(sys.argv[1])))
