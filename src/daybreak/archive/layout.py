"""Which objects of a bucket belong together: the folder of a pg_dump, the folder of an RDS export, and single files.

What belongs together is seen from the names, since a folder is nothing else in a bucket; what it is, only from the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from daybreak.archive.tape import CONTENTS_FILE
from daybreak.model.exports import StoredObject
from daybreak.model.manifests import SUFFIX as MANIFEST

_INFO = re.compile(r"export_info_[^/]+\.json")
_TABLES_INFO = re.compile(r"export_tables_info_[^/]+\.json")
_SUFFIXES = (".gz", ".lz4", ".zst")
"""What pg_dump adds to the name of a file that it compressed."""


PileShape = Literal["file", "directory", "snapshot-export"]


@dataclass(frozen=True, slots=True)
class Pile:
    """Objects that belong together, and the name of what they are: a key, or a folder with its slash."""

    name: str
    shape: PileShape
    objects: tuple[StoredObject, ...]
    is_cut: bool = False
    """Whether the listing ended within it, so that there may be more objects."""

    @property
    def lead(self) -> StoredObject:
        """The object whose bytes say what the pile is."""
        match self.shape:
            case "file":
                return self.objects[0]
            case "directory":
                return next(each for each in self.objects if each.key == self.name + CONTENTS_FILE)
            case _:
                return next(each for each in self.objects if _INFO.fullmatch(each.key.removeprefix(self.name)))

    @property
    def tables_info(self) -> tuple[StoredObject, ...]:
        """The objects in which an RDS export lists its tables."""
        return tuple(each for each in self.objects if _TABLES_INFO.fullmatch(each.key.removeprefix(self.name)))

    @property
    def manifest(self) -> StoredObject | None:
        """The object that Daybreak wrote beside an archive of its own; ``None`` where there is none."""
        return next((each for each in self.objects if each.key == self.name + MANIFEST), None)

    def files(self) -> dict[str, StoredObject]:
        """The files of a directory by the names that the table of contents has, which has them without what a packer adds."""
        found: dict[str, StoredObject] = {}
        for each in self.objects:
            found.setdefault(name_in_contents(each.key.removeprefix(self.name)), each)
        return found


def name_in_contents(file: str) -> str:
    """The name that the table of contents has of a file of a directory.

    >>> name_in_contents("4711.dat.gz"), name_in_contents("toc.dat")
    ('4711.dat', 'toc.dat')
    """
    return file.removesuffix(next((suffix for suffix in _SUFFIXES if file.endswith(suffix)), ""))


def piles_of(objects: Iterable[StoredObject], *, is_cut: bool = False) -> tuple[Pile, ...]:
    """The piles of a listing, the newest first. A key that ends with a slash is a folder's mark and in no pile.

    ``is_cut`` says that there are more keys after the last one.
    """
    kept = sorted((each for each in objects if not each.key.endswith("/")), key=lambda each: each.key)
    folders: dict[str, PileShape] = {}
    for each in kept:
        folder = each.key[: each.key.rfind("/") + 1]
        base = each.key.removeprefix(folder)
        if _INFO.fullmatch(base):
            folders[folder] = "snapshot-export"
        elif base == CONTENTS_FILE:
            folders.setdefault(folder, "directory")
    gathered: dict[str, list[StoredObject]] = {}
    keys = {each.key for each in kept}
    for each in kept:
        # A manifest belongs to the file that it speaks of, where that is there.
        about = each.key.removesuffix(MANIFEST)
        gathered.setdefault(_home(about if about in keys else each.key, folders), []).append(each)
    last = kept[-1].key if kept and is_cut else ""

    def pile(name: str, held: list[StoredObject]) -> Pile:
        shape = folders.get(name, "file")
        return Pile(name, shape, tuple(held), is_cut=is_cut and shape != "file" and last.startswith(name))

    piles = (pile(name, held) for name, held in gathered.items())
    return tuple(sorted(piles, key=lambda pile: max(each.stored for each in pile.objects), reverse=True))


def _home(key: str, folders: dict[str, PileShape]) -> str:
    """The name of the pile that a key belongs to: the outermost RDS export above it, the pg_dump right above, or itself.

    A dump may lie beside an export's document, and one stray document above many dumps: only what RDS writes belongs to it.
    """
    above = list(_above(key))
    for folder in above:
        if folders.get(folder) == "snapshot-export" and _OF_EXPORT.fullmatch(key.removeprefix(folder)):
            return folder
    nearest = above[-1]
    return nearest if folders.get(nearest) == "directory" and _is_of_directory(key.removeprefix(nearest)) else key


_OF_EXPORT = re.compile(
    rf"{_INFO.pattern}|{_TABLES_INFO.pattern}|(?:.*/)?(?:[^/]+\.parquet|[._][^/]*)|[^/]+/[^/]*\.[^/]*/.+", re.DOTALL
)
"""The keys that RDS writes below an export's folder: its documents, Parquet and what lies beside it, and all else that is under
``database/schema.table/``, since AWS says that names there may change (FACTS 4.7)."""


_OF_DIRECTORY = re.compile(r"(?:toc|\d+|blobs?(?:_\d+)?)\.(?:dat|toc)(?:\.gz|\.lz4|\.zst)?")
"""The names that pg_dump gives the files of a directory; another file beside them is no part of it."""


def _is_of_directory(base: str) -> bool:
    return _OF_DIRECTORY.fullmatch(base) is not None


def _above(key: str) -> Iterator[str]:
    """The folders of a key, the outermost first; the bucket itself is the folder without a name."""
    yield ""
    at = key.find("/")
    while at >= 0:
        yield key[: at + 1]
        at = key.find("/", at + 1)
