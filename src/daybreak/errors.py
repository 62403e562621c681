"""Every failure Daybreak can name, drawn as a tree; the exit code stands beside each branch.

::

    DaybreakError
    ├── Refused      we will not; nothing was changed               exit 2
    │   └── Unproven a server does not prove who it is              exit 2
    ├── Failed       the world said no, and we know what remains    exit 1
    ├── Uncertain    we asked and do not know whether it happened   exit 4
    ├── Unreachable  could not look or touch; try again later       exit 75
    │   └── Paused   a run that waits for something; resume it      exit 75
    │       └── Stopped  no process carries the run; resume it      exit 75
    ├── Interrupted  somebody pressed Ctrl-C; the run can go on     exit 130
    └── Bug          an invariant of ours is broken                 exit 70

*Unfit* (exit 3) and *late* (exit 5) are verdicts about a finished run, not exceptions; their codes are in the same table.

The law: a message is lower case, has no full stop and quotes the thing it speaks of; each hint is something to do.
Errors hold only text, survive pickle, and never hold a secret.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The number that the process leaves with the shell; the one table of exit codes."""

    DONE = 0
    FAILED = 1
    REFUSED = 2
    UNFIT = 3
    UNCERTAIN = 4
    LATE = 5
    BUG = 70
    UNREACHABLE = 75
    INTERRUPTED = 130


MEANING: dict[ExitCode, str] = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed, and what remains is known and named",
    ExitCode.REFUSED: "refused, nothing was changed (bad usage, preflight, window, stale plan)",
    ExitCode.UNFIT: "unfit: the restore finished, validation failed",
    ExitCode.UNCERTAIN: "uncertain: the outcome of a call is unknown, look first",
    ExitCode.LATE: "late: finished and fit, an objective was missed",
    ExitCode.BUG: "a bug in Daybreak",
    ExitCode.UNREACHABLE: "unreachable or paused: resume later",
    ExitCode.INTERRUPTED: "interrupted: the run can be resumed",
}
"""The sentence for each exit code, as help texts and the reference print it."""


class DaybreakError(Exception):
    """A failure that has a name, an exit code, and hints on what to do next."""

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message, *hints)
        self.message = message
        self.hints = hints

    def __str__(self) -> str:
        return self.message


class Refused(DaybreakError):
    """We will not do it, and nothing was changed; ``reasons`` holds every reason, not only the first."""

    exit_code = ExitCode.REFUSED

    def __init__(self, message: str, *hints: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message, *hints)
        self.reasons = reasons

    def __reduce__(self) -> tuple[object, ...]:
        return (_refusal, (type(self), self.message, self.hints, self.reasons))


def _refusal(kind: type[Refused], message: str, hints: tuple[str, ...], reasons: tuple[str, ...]) -> Refused:
    return kind(message, *hints, reasons=reasons)


class Unproven(Refused):
    """A server did not prove who it is, or asks for a password in a way that gives it away: none of it was sent."""


class Failed(DaybreakError):
    """The world said no; what was made so far is known and named in the message or the journal."""

    exit_code = ExitCode.FAILED


class Uncertain(DaybreakError):
    """We asked for a change and do not know whether it happened: observe before anything else."""

    exit_code = ExitCode.UNCERTAIN


class Unreachable(DaybreakError):
    """We could not look or touch (network, credentials, throttling, a full disk): try again later."""

    exit_code = ExitCode.UNREACHABLE


class Paused(Unreachable):
    """A run stopped at a safe place and waits for something outside; ``resume`` goes on from there."""


class Stopped(Paused):
    """A run that no process carries out, although its journal does not say that it paused: its process was killed."""


class Interrupted(DaybreakError):
    """Somebody pressed Ctrl-C; everything is in the journal and the run can be resumed."""

    exit_code = ExitCode.INTERRUPTED


class Bug(DaybreakError):
    """An invariant of ours is broken; nothing more is done."""

    exit_code = ExitCode.BUG
