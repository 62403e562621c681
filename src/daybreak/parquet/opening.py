"""The door to pyarrow: it is loaded when the first file is opened, so that nothing else needs it to be there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daybreak.archive.sources import ByteSource
from daybreak.parquet.extra import require

if TYPE_CHECKING:
    from daybreak.parquet.reading import RowFile


def open_rows(source: ByteSource) -> RowFile:
    """Open a Parquet file and read its description.

    Raises ``Refused`` where pyarrow is not there, and ``UnreadableArchive`` where the file is not one that can be read here.
    """
    require()
    from daybreak.parquet.reading import RowFile  # noqa: PLC0415 - see above

    return RowFile(source)
