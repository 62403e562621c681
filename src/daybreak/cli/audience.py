"""The audience: the two streams that people and programs read, held so that losing one ends nothing.

The law: a failure of one of these streams is forgiven here and noted once. The failure of any other file is not seen here,
and stays the failure that it is. Nothing waits in a buffer, so Python has nothing left to write when it exits.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Errors that may be over at the next line; any other loss is final."""

_PATIENCE = 5.0
"""Seconds that a person may leave a line on stderr unread (Ctrl-S), before the run goes on without a reader."""

_HANDFUL = 4096
"""Bytes that a pipe with any room takes without making its writer wait (POSIX: PIPE_BUF is at least 512; Linux: 4096)."""


class _Ear(io.RawIOBase):
    """The lowest floor of one stream: it writes bytes out, or remembers their loss."""

    def __init__(self, number: int, name: str, *, is_closed: bool) -> None:
        self._number = number
        self.name = name
        self.loss: str = ""
        self.encoding = ""
        """The encoding that lacked a character; empty while it had all."""
        self.is_left = False
        """Whether the reader closed the stream itself, as ``| head`` does; nothing is lost then."""
        self.patience: float | None = None if number == 1 else _PATIENCE
        """Seconds to wait for a reader. A result waits as long as there is a reader; progress does not."""
        self._is_gone = is_closed
        self._is_stalled = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: Buffer) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        if size and self._is_gone and not self.is_left:
            self._lose(os.strerror(errno.EBADF))
        while rest and not self._is_gone and self._is_heard():
            try:
                rest = rest[os.write(self._number, rest[:_HANDFUL]) :]
            except BlockingIOError:  # another program made this terminal or pipe non-blocking
                select.select([], [self._number], [])
            except OSError as trouble:
                self._is_gone = trouble.errno not in _PASSING
                self.is_left = trouble.errno == errno.EPIPE
                self._lose(os.strerror(trouble.errno or 0))
                break
        return size

    def spell(self, error: UnicodeError) -> tuple[str, int]:
        r"""The escapes of characters that the encoding lacks, as JSON has them: ``\u00e9``."""
        if not isinstance(error, UnicodeEncodeError):
            raise error
        self.encoding = error.encoding
        wide = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{wide[at : at + 2].hex()}" for at in range(0, len(wide), 2)), error.end

    def _is_heard(self) -> bool:
        """Whether there is room for another line, or soon is."""
        if self.patience is None:
            return True
        with suppress(OSError):
            self._is_stalled = not select.select([], [self._number], [], 0 if self._is_stalled else self.patience)[1]
        if self._is_stalled:
            self._lose("it was not read")
        return not self._is_stalled

    def _lose(self, why: str) -> None:
        self.loss = self.loss or why.lower()


class Audience:
    """The readers of this process, and what they missed."""

    def __init__(self, ears: dict[str, _Ear]) -> None:
        self._ears = ears

    def linger(self) -> None:
        """Wait for every reader from here on: what is left to print is how the command ended."""
        for ear in self._ears.values():
            ear.patience = None

    def part(self) -> None:
        """Note each loss once, where a person can still read it.

        That is stderr; stdout only on a terminal, since a program would take the note for a result.
        """
        for name, other in (("stdout", "stderr"), ("stderr", "stdout")):
            ear, reader = self._ears.get(name), self._ears.get(other)
            if ear is None or reader is None or (other == "stdout" and not reader.isatty()):
                continue
            for note in _notes(ear):
                reader.write(f"note: {note}\n".encode("ascii", "replace"))


def _notes(ear: _Ear) -> Iterator[str]:
    if ear.loss and not ear.is_left:
        yield f"something written to {ear.name} is lost: {ear.loss}"
    if ear.encoding:
        yield f"{ear.name} is encoded as {ear.encoding}: characters that it lacks are spelled out, like \\u00e9"


def attend() -> Audience:
    """Hold the standard streams from here on; a stream that a test or a library put there is left alone."""
    closed = _open_descriptors()
    ears: dict[str, _Ear] = {}
    for number, name in ((1, "stdout"), (2, "stderr")):
        before = getattr(sys, name)
        if before is not getattr(sys, f"__{name}__"):
            continue
        ear = ears[name] = _Ear(number, name, is_closed=number in closed)
        codecs.register_error(f"daybreak.{name}", ear.spell)
        encoding = before.encoding if before is not None else "utf-8"
        stream = io.TextIOWrapper(ear, encoding, f"daybreak.{name}", newline="\n", write_through=True)
        setattr(sys, name, stream)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it is open as long as we are
    return Audience(ears)


def _open_descriptors() -> frozenset[int]:
    """The first three descriptors that were closed; now they are open on nothing.

    Otherwise the next opened file, perhaps a journal, would get the number of the terminal.
    """
    closed = set()
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            closed.add(number)
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - its name says it
    return frozenset(closed)


def stay_when_hung_up() -> None:
    """Go on when the terminal is closed, as after ``nohup``; children get the signal as usual."""
    with suppress(ValueError):  # only the main thread may set signals
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            signal.signal(signal.SIGHUP, _ignore_hang_up)


def leave_when_hung_up() -> None:
    """End when the terminal is closed; for commands that have nothing to lose but their audience."""
    with suppress(ValueError):
        if signal.getsignal(signal.SIGHUP) is _ignore_hang_up:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _ignore_hang_up(_number: int, _frame: FrameType | None) -> None:
    """Ignore that the terminal has gone; a write to it fails and is noted."""
