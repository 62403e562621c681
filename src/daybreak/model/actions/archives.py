"""What is done to make an archive of a clone: dumped on this machine, stored in parts, described; and earlier ones that are past their time."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.actions.placed import Placed
from daybreak.model.exports import ExportPlace
from daybreak.model.value import Instant, Span


class ArchiveOrder(Placed):
    """Something that is done for an archive: with the run's own folder of this machine, or with objects of one bucket."""


class DumpDatabase(ArchiveOrder):
    """Write a database of a clone into a file of this machine, and count the rows of each table in the same snapshot.

    The file is known by its receipt. Where it is missing it is written anew: the newer one is the archive then.
    """

    kind: Literal["dump-database@1"] = "dump-database@1"
    cluster: str
    resource_id: str
    database: str
    login: str
    most: int = Field(gt=0)
    """How many bytes the file may have."""
    limit: Span = Span(hours=6)
    """How long ``pg_dump`` may take."""


class BucketOrder(ArchiveOrder):
    """Something that is done with objects of a bucket; nothing there is ever overwritten."""

    bucket: str
    key: str
    """The archive's; its manifest and its upload are named by it."""

    @property
    def place(self) -> ExportPlace:
        """The archive's bucket and key."""
        return ExportPlace(bucket=self.bucket, prefix=self.key)


class StoreArchive(BucketOrder):
    """Store the file in parts, each with its checksum. What was begun is in the journal before its first part."""

    kind: Literal["store-archive@1"] = "store-archive@1"
    kms_key: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)


class StoreManifest(BucketOrder):
    """Store beside the archive what is in it: without that, an archive is one whose making was interrupted."""

    kind: Literal["store-manifest@1"] = "store-manifest@1"
    kms_key: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    run: str
    """The run that restored the clone."""
    stands_for: Instant | None = None
    verdict: str
    keep_until: Instant | None = None


class ClearDump(ArchiveOrder):
    """Remove the run's folder with the file."""

    kind: Literal["clear-dump@1"] = "clear-dump@1"
    run: str = Field(default="", pattern=r"^(?:[A-Za-z0-9][A-Za-z0-9-]{0,100})?$")
    """Whose folder it is; empty means the run's own. It names a folder, so it has no dot and no slash."""


class EndUpload(BucketOrder):
    """Give up whatever was begun of an archive and not completed; an archive that is there stays."""

    kind: Literal["end-upload@1"] = "end-upload@1"


class RemoveArchive(BucketOrder):
    """Remove an archive that is past its time, and its manifest after it."""

    kind: Literal["remove-archive@1"] = "remove-archive@1"
    target: str
    """The target that its manifest must name."""
    until: Instant
    """Until when it was to be kept, by its own manifest and by what the target keeps today: the later of both."""
    newer: tuple[str, ...] = Field(min_length=1)
    """The keys of the newer archives that stay."""


ArchiveWork = DumpDatabase | StoreArchive | StoreManifest | ClearDump | EndUpload | RemoveArchive
"""What is done for an archive."""
