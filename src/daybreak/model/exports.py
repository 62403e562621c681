"""What lies in a bucket of exports: pg_dump's archives, scripts, and RDS's exports of snapshots."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Field

from daybreak.errors import Refused
from daybreak.model.manifests import Manifest
from daybreak.model.names import printable
from daybreak.model.value import Instant, Span, Value

BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
"""What AWS accepts as the name of a bucket."""

ROLE = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}"
"""How AWS writes the ARN of a role."""

ExportKind = Literal[
    "custom", "directory", "tar", "sql", "cluster-sql", "snapshot-export", "parquet", "packed", "unknown", "not-seen"
]
"""What an export was found to be, by its bytes; ``packed`` is something whose content cannot be seen here, ``not-seen`` one
that was not looked at, or could not be read."""

Whole = Literal["ends-well", "torn", "unknown"]
"""Whether an export is complete, as far as its ends and its own lists show."""


class ExportPlace(Value):
    """A bucket, and the beginning of the keys below which exports lie."""

    bucket: str
    prefix: str = ""

    @property
    def address(self) -> str:
        """Its URL."""
        return f"s3://{self.bucket}/{self.prefix}"


class ExportMaking(Value):
    """With what a target's exports are made."""

    role: str | None = None
    """The ARN of the role as which RDS writes them."""
    key: str | None = None
    """The KMS key under which they are written."""
    keep: Span | None = None
    """How long archives of pg_dump are kept; of RDS's exports Daybreak deletes none."""


def place_at(address: str) -> ExportPlace:
    """The place that a URL names; raises ``Refused`` for what is no ``s3://BUCKET/KEY``.

    >>> place_at("s3://embi-exports/2024-01-15/").prefix
    '2024-01-15/'
    """
    found = re.fullmatch(rf"s3://({BUCKET})(?:/(.*))?", address, re.DOTALL)
    if found is None:
        raise Refused(
            f'"{printable(address, 400)}" names no place in a bucket',
            'write "s3://BUCKET/KEY"',
            "daybreak exports list TARGET  # prints that of each export",
        )
    return ExportPlace(bucket=found[1], prefix=found[2] or "")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a bucket, as its listing shows it; a listing has two hundred thousand, so each is small."""

    key: str
    bytes: int
    stored: datetime
    storage_class: str = "STANDARD"
    mark: str = ""
    """The ETag of its version."""


class ExportFound(Value):
    """One export: a single object, or a folder of them."""

    address: str
    """Its URL; that of a folder ends with a slash."""
    kind: ExportKind
    bytes: int
    objects: int
    stored: Instant
    """When its newest object was stored, by the bucket's clock."""
    made: str = ""
    """When it says that it was made: pg_dump writes the clock of its machine, and no zone."""
    database: str = ""
    source: str = ""
    """The ARN of what RDS exported."""
    server: str = ""
    program: str = ""
    compression: str = ""
    """How its data is compressed inside, or how it is packed as a whole."""
    tables: int | None = None
    rows: int | None = None
    is_seekable: bool | None = None
    """Whether one table can be read of it without the rest; ``None`` where that was not found out."""
    whole: Whole = "unknown"
    why: str = ""
    """What the word on its completeness rests on."""
    trouble: str = ""
    """Why it was not seen, or not all of it."""
    manifest: Manifest | None = Field(default=None, exclude_if=lambda found: found is None)
    """What the manifest beside it says; nothing of it was held against the archive but its size."""


class ExportedTable(Value):
    """A table of an export, or one partition."""

    schema_name: str = ""
    name: str
    bytes: int | None = None
    """Its size in the export, compressed as it is there; ``None`` where that is not known without reading all."""
    rows: int | None = None
    note: str = ""


class PlaceListed(Value):
    """What was found below one place."""

    place: ExportPlace
    found: tuple[ExportFound, ...] = ()
    """The newest first."""
    unlisted: int = 0
    """How many older ones are not in the list, because it has a limit."""
    keys: int = 0
    is_cut: bool = False
    """Whether the listing ended at the limit of keys, with more behind it."""
    last_key: str = ""
    requests: int = 0
    bytes_read: int = 0
    trouble: str = ""
    """Why the place could not be listed."""


class ExportsListed(Value):
    """What ``daybreak exports list`` found of a target."""

    target: str
    origin: str
    """Why these places were looked at."""
    places: tuple[PlaceListed, ...]


class EntryShown(Value):
    """An entry of an archive's table of contents, and why it stays where it does."""

    kind: str
    name: str
    why: str = ""


class ChoiceShown(Value):
    """What would come along with the tables that were asked for, and what would not."""

    wanted: tuple[EntryShown, ...]
    needed: tuple[EntryShown, ...]
    belonging: tuple[EntryShown, ...]
    without_rows: tuple[EntryShown, ...]
    left_out: tuple[EntryShown, ...]
    unrelated: dict[str, int] = Field(default_factory=dict)
    bytes: int | None = None
    """The size of the blocks or files that hold the wanted rows; ``None`` where that is not known."""


class ExportShown(Value):
    """What ``daybreak exports show`` found in an export."""

    export: ExportFound
    tables: tuple[ExportedTable, ...] = ()
    tables_trouble: str = ""
    """Why its tables, or something of them, are not known."""
    choice: ChoiceShown | None = None
    requests: int = 0
    bytes_read: int = 0
