"""A file of this machine as a source of bytes; what was not fetched of it reads as zeros, so a sparse file serves as well."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from daybreak.errors import Unreachable
from daybreak.model.names import printable


@dataclass(frozen=True)
class LocalBytes:
    """An open file."""

    name: str
    size: int
    descriptor: int

    def read(self, start: int, length: int) -> bytes:
        """The bytes of a range, at most ``length``."""
        try:
            return os.pread(self.descriptor, length, start)
        except OSError as error:
            raise _unread(self.name, error) from error


@contextmanager
def open_local(path: Path) -> Iterator[LocalBytes]:
    """Open a file for the length of a block; raises ``Unreachable`` where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _unread(str(path), error) from error
    try:
        yield LocalBytes(str(path), os.fstat(descriptor).st_size, descriptor)
    finally:
        os.close(descriptor)


def _unread(name: str, error: OSError) -> Unreachable:
    return Unreachable(f'"{printable(name, 400)}" cannot be read: {(error.strerror or str(error)).lower()}')
