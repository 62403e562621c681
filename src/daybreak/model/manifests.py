"""What Daybreak writes beside an archive that it makes: what is in it, of which moment, and for how long it is to be kept."""

from __future__ import annotations

from typing import Literal

from daybreak.model.value import Instant, Value

SUFFIX = ".manifest.json"
"""What the name of a manifest adds to that of its archive."""
MOST = 16 << 20
"""The longest manifest that is read, in bytes."""


class ManifestTable(Value):
    """A table of an archive, with its rows as they were counted in the archive's own snapshot."""

    schema_name: str
    name: str
    rows: int


class Manifest(Value):
    """What was written into an archive, by whoever made it: it is a claim, and no proof."""

    format: Literal[1] = 1
    archive: str
    """The name of the object, without its folder."""
    bytes: int
    sha256: str
    """Of the whole archive, in hexadecimal."""
    target: str
    run: str
    """The run that restored the clone."""
    cluster: str
    """The clone."""
    database: str
    stands_for: Instant | None = None
    """The moment of the source that the clone holds for certain; ``None`` where nothing vouches for one."""
    verdict: str = ""
    """What was judged of the clone; empty where nothing was."""
    taken: Instant
    """When the snapshot was taken that the archive and its counts are of, by the clone's clock."""
    server: str
    program: str
    tables: tuple[ManifestTable, ...]
    keep_until: Instant | None = None
    """Until when it is kept; ``None`` is as long as somebody keeps it."""

    @property
    def rows(self) -> int:
        """The rows of all its tables."""
        return sum(each.rows for each in self.tables)
