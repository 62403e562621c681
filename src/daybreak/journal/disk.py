"""Durable writes to a disk, and what it means for a person when the disk refuses them."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daybreak.errors import Paused, Refused, Unreachable
from daybreak.files import MOST_KEPT, UnfitFileError, content

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_at(handle: int, offset: int, data: bytes) -> None:
    """Write all of it. A disk that fills up takes the first part and refuses the rest."""
    while data:
        written = os.pwrite(handle, data, offset)
        data, offset = data[written:], offset + written


def write_new(path: Path, data: bytes) -> None:
    """Write a private file that did not exist, durably except for its name."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        write_at(handle, 0, data)
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, data: bytes) -> None:
    """Write a private file that appears whole under a free name, durably; raises ``FileExistsError`` when it is taken."""
    new = path.with_name(f".new-{secrets.token_hex(4)}")
    write_new(new, data)
    try:
        # A link fails where a rename would replace, and shows the file only when it is whole.
        os.link(new, path)
    finally:
        new.unlink()
    sync_folder(path.parent)


def sync_data(handle: int) -> None:
    """Make a file's bytes and length durable, but not its time of change, which costs a second write."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(handle)
    else:  # not every system has it
        os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def bytes_of(path: Path) -> bytes | None:
    """A file's bytes; ``None`` when there is no such file. Raises ``UnfitFileError`` for what is not a file of ours."""
    try:
        return content(path, MOST_KEPT)
    except FileNotFoundError:
        return None


_SHARED = ("nfs", "cifs", "smb", "fuse", "9p", "virtiofs", "ceph", "gluster", "lustre", "gpfs", "afs", "ocfs", "gfs")
"""How the names of file systems begin that several machines may use at once, whose locks one of them may not see."""


def may_be_shared(place: Path) -> bool:
    """Whether other machines may use the disk of ``place`` too; true where the system does not say what disk that is."""
    try:
        device = place.stat().st_dev
        lines = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return True
    wanted = f"{os.major(device)}:{os.minor(device)}"
    kinds = [line.partition(" - ")[2].split(" ")[0] for line in lines if line.split(" ")[2:3] == [wanted]]
    return not kinds or any(kind.startswith(_SHARED) for kind in kinds)


@contextmanager
def reachable(place: Path, *hints: str) -> Iterator[None]:
    """Turn the system's errors about ``place`` into ``Unreachable``, and those about an unfit file into ``Refused``.

    ``hints`` are further remedies.
    """
    try:
        yield
    except UnfitFileError as error:
        raise Refused(
            f'"{error.filename}" {error.strerror}',
            f"look at what it is, and put it aside: stat {error.filename}",
            *hints,
        ) from error
    except OSError as error:
        raise Unreachable(f'"{place}" cannot be used: {_reason(error)}', _hint(error, place), *hints) from error


def pause_of_unwritten(run: str, place: Path, error: OSError) -> Paused:
    """The pause of a run whose event the disk did not take."""
    return Paused(
        f'an event of the run "{run}" could not be written to "{place}": {_reason(error)}',
        _hint(error, place),
        f"then carry it on: daybreak resume {run}",
    )


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _hint(error: OSError, place: Path) -> str:
    if error.errno in _FULL:
        return f'free space where "{place}" is, or raise the limit on it'
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f'make "{place}" writable for you, or use another folder with --state'
    return f'check the disk that "{place}" is on; it must be mounted for writing'
