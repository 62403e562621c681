"""An archive that is made of a clone: of which clone, what was written into it, how it was stored, and what is kept of earlier ones."""

from __future__ import annotations

from pydantic import Field

from daybreak.model.findings import Standing
from daybreak.model.manifests import Manifest, ManifestTable
from daybreak.model.value import Instant, Value


class CloneToDump(Value):
    """The clone of which an archive is made, as its run's journal and AWS show it."""

    run: str
    cluster: str
    resource_id: str
    database: str
    login: str
    """The reference of the login that was let in."""
    major: int
    """The major version of its server."""
    standing: Standing | None = None
    """How it was judged, with the waivers of today; ``None`` where it was not."""
    reasons: tuple[str, ...] = ()
    """The checks by which it is not fit."""
    verdict: str = ""
    """The same in words, with what was waived, for the manifest."""
    stands_for: Instant | None = None
    """The moment of the source that it holds for certain."""


class DatabaseToDump(Value):
    """What the clone's server says of the database."""

    bytes: int
    tables: int


class ArchiveSeen(Value):
    """An archive and the manifest beside it, as a bucket shows both."""

    key: str
    bytes: int | None
    """The archive's size in the bucket; ``None`` where it is not there."""
    manifest: Manifest | None
    """``None`` where there is no manifest that we could read."""

    @property
    def is_whole(self) -> bool:
        """Whether the archive is there, and as long as its manifest says."""
        return self.manifest is not None and self.bytes == self.manifest.bytes


class ArchiveWorld(Value):
    """What a plan of an archive is made of."""

    clone: CloneToDump | None = None
    why_not: tuple[str, ...] = ()
    """Why the run's clone cannot be archived, as it was found out on the way there."""
    database: DatabaseToDump | None = None
    database_silence: str = ""
    """Why the database was not asked."""
    program: int | None = None
    """The major version of the ``pg_dump`` of this machine."""
    program_silence: str = ""
    room: int | None = None
    """Bytes of the disk of the workshop that may be filled."""
    room_silence: str = ""
    bucket_silence: str = ""
    """Why the bucket could not be asked; empty where it was."""
    taken: tuple[str, ...] = ()
    """The keys below the run's own place that are there already."""
    kept: tuple[ArchiveSeen, ...] = ()
    """Those below the target's prefix that have a manifest."""
    unread: tuple[str, ...] = ()
    """What below the prefix could not be read, in words."""


class Dumped(Value):
    """What was written into an archive, of which server, and at which moment by its clock."""

    server: str
    program: str
    taken: Instant
    tables: tuple[ManifestTable, ...]
    bytes: int

    @property
    def rows(self) -> int:
        """The rows of all its tables."""
        return sum(each.rows for each in self.tables)


class ArchiveStored(Value):
    """An archive as it is stored, or is about to be."""

    bytes: int
    sha256: str
    """Of the whole file, in hexadecimal."""
    checksum: str
    """Of all its parts, as the store says it of the object."""
    parts: int
    dumped: Dumped
    of_before: int = Field(default=0, exclude_if=lambda found: not found)
    """How many parts an earlier process had stored."""


class ManifestStored(Value):
    """The manifest beside an archive, as it is stored."""

    address: str
    """The archive's URL."""
    manifest: Manifest


class DumpCleared(Value):
    """The run's folder is gone from this machine."""


class UploadEnded(Value):
    """Nothing that was begun and not completed is left of an archive in its bucket."""

    uploads: int


class ArchiveRemoved(Value):
    """An archive that was past its time is gone, with its manifest."""

    was_there: bool
