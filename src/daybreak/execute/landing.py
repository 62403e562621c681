"""The folder of this machine that bytes are fetched into, and the record in it of the parts that are there.

The law: a part stands in the record once its bytes are on the disk and not before, and a file that is missing or of another
size takes its parts out of the record before it is made again. Only regular files are touched that we made, in a folder that is
ours alone, under names of ours or of pg_dump's.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path

from daybreak.errors import Refused, Unreachable
from daybreak.files import MOST_KEPT, account_of, hold_to_ours
from daybreak.model.names import printable

RECORD = "fetched"
"""The name of the record; no file of an archive can have it."""

_LONGEST_NUMBER = 16
"""Digits of a line, which has fewer."""
_OPENING = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


class Landing:
    """A folder of ours, held by this process alone for as long as it is open."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        with self.explain_errors():
            folder.mkdir(mode=0o700, exist_ok=True)
        hold_to_ours(folder)
        with self.explain_errors():
            self._handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if stat.S_IMODE(os.fstat(self._handle).st_mode) & 0o077:
                raise Refused(f'"{folder}" is not used: others can look into it', f"close it: chmod 700 {folder}")
            with self.explain_errors():
                self._record = os.open(
                    RECORD, os.O_RDWR | os.O_CREAT | os.O_APPEND | _OPENING, 0o600, dir_fd=self._handle
                )
        except BaseException:
            os.close(self._handle)
            raise
        self._lock = threading.Lock()
        self._is_open = True
        try:
            self._check(RECORD, os.fstat(self._record))
            self._hold()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let it go; what a thread would record after this is not recorded."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                os.close(self._record)
                os.close(self._handle)

    def share(self) -> int:
        """A descriptor of the folder for one thread, which outlives ``close`` and is closed by that thread."""
        with self.explain_errors():
            return os.dup(self._handle)

    @contextmanager
    def explain_errors(self) -> Iterator[None]:
        """Say of the system's own errors what they mean for a person."""
        try:
            yield
        except OSError as error:
            raise self._for_people(error) from error

    @property
    def room(self) -> int:
        """The bytes that its file system still has for us."""
        found = os.fstatvfs(self._handle)
        return found.f_bavail * found.f_frsize

    def recall(self, what: str) -> Iterator[int] | None:
        """The numbers of the parts of ``what`` that the record has, ``None`` where it is new.

        What follows the last line that was written whole is cut off, or it would run together with the next. Raises ``Refused``
        where something else was fetched here.
        """
        with self.explain_errors(), os.fdopen(os.dup(self._record), "rb") as file:
            file.seek(0)
            lines = file.read(MOST_KEPT).split(b"\n")[:-1]
        if lines and lines[0] != what.encode():
            raise Refused(
                f'"{self.path}" holds what was fetched for another plan',
                "name another folder, or remove it if nobody needs it any more",
            )
        numbers = list(takewhile(lambda line: line.isdigit() and len(line) < _LONGEST_NUMBER, lines[1:]))
        with self.explain_errors():
            os.ftruncate(self._record, sum(len(line) + 1 for line in (*lines[:1], *numbers)))
        return map(int, numbers) if lines else None

    def write_record(self, what: str, numbers: Iterable[int]) -> None:
        """Let the record have these parts of ``what`` and no others; a crash on the way only loses some of them."""
        with self.explain_errors():
            if os.fstat(self._record).st_size:
                os.ftruncate(self._record, len(what) + 1)
            else:
                _write_all(self._record, f"{what}\n".encode())
            os.fsync(self._record)
            _write_all(self._record, "".join(f"{number}\n" for number in numbers).encode())
            os.fsync(self._record)
            os.fsync(self._handle)

    def is_whole(self, name: str, size: int, *, may_be_there: bool) -> bool:
        """Whether a file is there with its size; raises ``Refused`` for what is none of ours."""
        try:
            found = os.stat(name, dir_fd=self._handle, follow_symlinks=False)
        except FileNotFoundError:
            return False
        self._check(name, found)
        if not may_be_there:
            raise Refused(
                f'"{self.path / name}" is there already, and it was not fetched here',
                "name another folder, or move the file away",
            )
        return found.st_size == size

    def make(self, name: str, size: int) -> None:
        """Make a file of a size that is a hole, or give one of ours its size."""
        with self.explain_errors():
            flags = os.O_WRONLY | _OPENING
            with suppress(FileExistsError):
                os.close(os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._handle))
            handle = os.open(name, flags, dir_fd=self._handle)
            try:
                self._check(name, os.fstat(handle))
                os.ftruncate(handle, size)
            finally:
                os.close(handle)

    def seal(self) -> None:
        """Make the names of all files durable."""
        with self.explain_errors():
            os.fsync(self._handle)

    def write(self, folder: int, name: str, start: int, content: bytes) -> None:
        """Write bytes at their place, and wait until the disk has them; ``folder`` is from ``share``."""
        with self.explain_errors():
            handle = os.open(name, os.O_WRONLY | _OPENING, dir_fd=folder)
            try:
                self._check(name, os.fstat(handle))
                left = memoryview(content)
                while left:
                    done = os.pwrite(handle, left, start)
                    left, start = left[done:], start + done
                os.fdatasync(handle)
            finally:
                os.close(handle)

    def record(self, number: int) -> bool:
        """Write durably that a part is there; ``False`` where the folder was closed meanwhile."""
        with self._lock:
            if self._is_open:
                with self.explain_errors():
                    _write_all(self._record, f"{number}\n".encode())
                    os.fdatasync(self._record)
            return self._is_open

    def _hold(self) -> None:
        try:
            fcntl.flock(self._record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise self._for_people(error) from error
            raise Refused(
                f'another process is fetching into "{self.path}"', "wait for it, or end it, then resume"
            ) from error

    def _check(self, name: str, found: os.stat_result) -> None:
        """Refuse what is no regular file of ours alone: a link of another name would let somebody else see or change it."""
        why = ""
        if not stat.S_ISREG(found.st_mode):
            why = "is a link" if stat.S_ISLNK(found.st_mode) else "is no file"
        elif found.st_uid != os.geteuid():
            why = f"belongs to {account_of(found.st_uid)}"
        elif found.st_nlink != 1:
            why = "has a second name"
        if why:
            raise Refused(f'"{self.path / name}" is not used: it {why}', "look who made it, and move it away")

    def _for_people(self, error: OSError) -> Refused | Unreachable:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
            return Refused(
                f'"{self.path}" is no folder of ours, or has a link or a folder in it where a file should be',
                "look who made it, and name another folder",
            )
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Unreachable(f'there is no room left for "{self.path}"', "make room, then resume")
        if error.errno == errno.EFBIG:
            return Refused(
                f'the file system of "{self.path}" takes no file that long', "name a folder on another file system"
            )
        why = printable((error.strerror or str(error)).lower())
        return Unreachable(f'"{self.path}" cannot be written: {why}', "mend that, then resume")


def _write_all(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]
