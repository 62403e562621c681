"""Run as a program: drops root, ties its life to the lab's process, and becomes a PostgreSQL program.

The law: only the standard library, no import of ours: ``python -I -S`` starts it and it must be quick. It makes the tie
*after* the change of user, which would undo it, and checks last whether the lab is already dead.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Run with ``TIE OWNER_PID UID GID SIGNAL PROGRAM ARGUMENT...``; a uid of -1 means: keep the account."""
    owner, uid, gid, parting = (int(text) for text in arguments[1:5])
    program = arguments[5:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    os.setsid()  # a Ctrl-C in the lab's terminal is only for the lab
    if arguments[0] == "kernel":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, parting, 0, 0, 0)
    else:
        _leave_watchdog(owner, parting)
    if os.getppid() == owner:
        os.execv(program[0], program)  # noqa: S606 (the point of this program)


def _leave_watchdog(owner: int, parting: int) -> None:
    """Start a child that signals us when the owner is gone, for systems whose kernel does not."""
    ward = os.getpid()
    if os.fork() != 0:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    while os.getppid() == ward:
        if not _lives(owner):
            os.kill(ward, parting)
            break
        time.sleep(0.25)
    os._exit(0)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
