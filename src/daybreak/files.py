"""Files and folders that somebody else may have put there: read so that nothing hangs, trusted only where they are ours.

The law: only a regular file is read, without waiting for anybody, and no more of it than there may be; a folder in which
others can write is no place for evidence.
"""

from __future__ import annotations

import errno
import getpass
import os
import stat
from pathlib import Path

from daybreak.errors import Refused

MOST_KEPT = 256 * 2**20
"""Bytes of a journal, a plan or a kept document; the largest that was ever made is a hundredth of it."""

MOST_WRITTEN = 2**20
"""Bytes of a file that a person writes."""

_OPENING = os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_KINDS = (
    (stat.S_ISDIR, errno.EISDIR, "is a folder, not a file"),
    (stat.S_ISFIFO, errno.EINVAL, "is a named pipe, not a file"),
    (stat.S_ISSOCK, errno.EINVAL, "is a socket, not a file"),
    (stat.S_ISCHR, errno.EINVAL, "is a device, not a file"),
    (stat.S_ISBLK, errno.EINVAL, "is a device, not a file"),
)


class UnfitFileError(OSError):
    """What is there is no file that may be read: another kind of thing, a link, or too large; ``strerror`` says which."""


def open_file(path: Path, flags: int, mode: int = 0o600, *, follows: bool = False) -> int:
    """A descriptor of a regular file; never waits for whoever is at the other end of what is none.

    Raises ``UnfitFileError`` for what is no regular file, and for a link unless it ``follows``; else ``OSError``.
    """
    try:
        handle = os.open(path, flags | _OPENING | (0 if follows else getattr(os, "O_NOFOLLOW", 0)), mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnfitFileError(errno.ELOOP, "is a link, not a file", str(path)) from error
        if error.errno == errno.EISDIR:
            raise UnfitFileError(errno.EISDIR, "is a folder, not a file", str(path)) from error
        if error.errno in (errno.ENXIO, errno.ENODEV):  # a named pipe that nobody reads, a socket, a device
            raise UnfitFileError(error.errno, "is no file that can be read or written", str(path)) from error
        raise
    kind = os.fstat(handle).st_mode
    for is_it, number, words in _KINDS:
        if is_it(kind):
            os.close(handle)
            raise UnfitFileError(number, words, str(path))
    return handle


def content(path: Path, most: int, *, follows: bool = False) -> bytes:
    """A regular file's bytes, ``most`` of them at most; raises ``UnfitFileError`` and ``OSError``."""
    handle = open_file(path, os.O_RDONLY, follows=follows)
    with os.fdopen(handle, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise UnfitFileError(errno.EFBIG, f"holds more than {most // 2**20} MiB", str(path))
    return data


def hold_to_ours(folder: Path, how: str = "with --state") -> None:
    """Refuse a folder that somebody else owns or can write in, or that is reached by somebody else's link.

    A folder that is not there yet is nobody's. ``how`` is the way in which another one is named. Raises ``Refused``, and ``OSError`` where it may not be looked at.
    """
    if not hasattr(os, "geteuid"):  # not a POSIX system
        return
    here = folder.absolute()
    for place in (*reversed(here.parents), here):
        try:
            seen = place.lstat()
        except FileNotFoundError:
            return
        if stat.S_ISLNK(seen.st_mode) and seen.st_uid not in (os.geteuid(), 0):
            raise _not_ours(here, f'"{place}" is a link that {account_of(seen.st_uid)} made', how)
    seen = here.stat()
    if not stat.S_ISDIR(seen.st_mode):
        raise _not_ours(here, "it is no folder", how)
    if seen.st_uid != os.geteuid():
        raise _not_ours(here, f"it belongs to {account_of(seen.st_uid)}", how)
    if seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Refused(
            f'"{here}" is not used: others can write in it',
            f"look at what is in it, then close it: chmod go-w {here}",
            f"or name another folder {how}",
        )


def _not_ours(folder: Path, why: str, how: str) -> Refused:
    return Refused(f'"{folder}" is not used: {why}', f"name a folder of your own {how}, such as one below it")


def account_of_process() -> str:
    """The name of the account that this process works as. The environment is not asked: anybody can write a name into it."""
    return account_of(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


def account_of(number: int) -> str:
    """The name of an account of this machine; its number where it has none, as in a container.

    >>> account_of(4294967290)
    'user 4294967290'
    """
    try:
        import pwd  # noqa: PLC0415 - not every system has it

        return pwd.getpwuid(number).pw_name
    except (ImportError, KeyError):
        return f"user {number}"
