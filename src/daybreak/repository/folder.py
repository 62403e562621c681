"""A folder of this machine that behaves like a bucket: private files, stored once and never replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from daybreak.files import hold_to_ours
from daybreak.journal.disk import bytes_of, reachable, sync_folder, write_whole


class FolderShelf:
    """Objects as files below ``root``. A key is a path with slashes that its caller made, never one that a person typed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store a whole, durable file where there is none. Return whether this call stored it."""
        path = self._root / key
        with reachable(path.parent):
            hold_to_ours(self._root)
            self._make(path.parent)
            try:
                write_whole(path, body)
            except FileExistsError:
                return False
        return True

    def get(self, key: str) -> bytes | None:
        """A file's bytes; ``None`` when there is no such file."""
        path = self._root / key
        with reachable(path):
            hold_to_ours(self._root)
            return bytes_of(path)

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys of the folder that ``prefix`` names with a slash at its end, in order."""
        folder = self._root / prefix
        with reachable(folder):
            hold_to_ours(self._root)
            try:
                names = sorted(path.name for path in folder.iterdir() if path.is_file())
            except FileNotFoundError:
                return
        yield from (f"{prefix}{name}" for name in names)

    def folders(self, prefix: str) -> Iterator[str]:
        """What stands between ``prefix`` and the next slash, each once, in order."""
        with reachable(self._root / prefix):
            hold_to_ours(self._root)
            try:
                names = sorted(path.name for path in (self._root / prefix).iterdir() if path.is_dir())
            except FileNotFoundError:
                return
        yield from names

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Every file below the folder that ``prefix`` names, with its bytes, in order."""
        yield from ((key, size) for key in self.keys(prefix) if (size := self._size(key)) is not None)
        for name in self.folders(prefix):
            yield from self.sizes(f"{prefix}{name}/")

    def _size(self, key: str) -> int | None:
        with reachable(self._root / key):
            try:
                return (self._root / key).lstat().st_size
            except FileNotFoundError:  # somebody else removed it meanwhile
                return None

    def remove(self, key: str) -> None:
        """Remove a file, and its folder where nothing else is in it; one that is gone already is no error."""
        path = self._root / key
        with reachable(path):
            hold_to_ours(self._root)
            path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()

    def _make(self, folder: Path) -> None:
        """Make the folders down to this one, each private, with durable names."""
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(mode=0o700, exist_ok=True)
            sync_folder(each.parent)
