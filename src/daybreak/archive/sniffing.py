"""What a file is, by its first bytes; its name is not looked at."""

from __future__ import annotations

import bz2
import lzma
import zlib
from dataclasses import dataclass
from typing import Literal

from daybreak.archive import tape
from daybreak.archive.header import MAGIC
from daybreak.archive.script import script_head

PREFIX = 64 << 10
"""How many first bytes are looked at."""
_UNPACKED = 64 << 10
"""The most bytes that are unpacked of them, whatever they would become."""
_LZMA_MEMORY = 128 << 20

FileLook = Literal["custom", "contents", "tar", "sql", "cluster-sql", "parquet", "packed", "unknown"]
"""A custom archive; a table of contents beside files; a tar that pg_dump wrote; scripts; Parquet; something packed, of which
the content cannot be seen here; anything else."""

Packing = Literal["gzip", "bzip2", "xz", "zstd", "lz4"]

_PACKINGS: tuple[tuple[bytes, Packing], ...] = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
)
_FORM = 10
"""The byte of an archive's header that says its format."""
_PARQUET = b"PAR1"
_ENCRYPTED_PARQUET = b"PARE"


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What a file is, and how it is packed where it is packed as a whole."""

    look: FileLook
    packing: Packing | None = None
    content: bytes = b""
    """The first bytes, unpacked."""
    why: str = ""
    """Why the content of something packed cannot be seen, as a clause."""


def sniff(prefix: bytes) -> Sniffed:
    """What a file is that begins with these bytes, at least the first ``PREFIX`` of it."""
    packing = next((name for magic, name in _PACKINGS if prefix.startswith(magic)), None)
    if packing is None:
        return Sniffed(_look(prefix), content=prefix)
    if packing in ("zstd", "lz4"):
        return Sniffed("packed", packing, why=f"{packing} cannot be unpacked here")
    try:
        content = _unpack(prefix, packing)
    except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError, MemoryError):
        return Sniffed("packed", packing, why=f"it begins as {packing} does, and what follows is damaged")
    return Sniffed(_look(content), packing, content)


def _look(prefix: bytes) -> FileLook:
    if prefix.startswith(MAGIC):
        return {b"\x01": "custom", b"\x03": "contents"}.get(prefix[_FORM : _FORM + 1], "unknown")  # type: ignore[return-value]
    if tape.is_tar(prefix):
        name = prefix[:100].partition(b"\0")[0]
        return "tar" if name == tape.CONTENTS_FILE.encode() else "unknown"
    if prefix.startswith((_PARQUET, _ENCRYPTED_PARQUET)):
        return "parquet"
    head = script_head(prefix)
    if head is not None:
        return "cluster-sql" if head.is_of_cluster else "sql"
    return "unknown"


def _unpack(prefix: bytes, packing: Packing) -> bytes:
    """The beginning of what is packed, never more than a fixed number of bytes."""
    match packing:
        case "gzip":
            return zlib.decompressobj(wbits=31).decompress(prefix, _UNPACKED)
        case "bzip2":
            return bz2.BZ2Decompressor().decompress(prefix, _UNPACKED)
        case _:
            return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY).decompress(prefix, _UNPACKED)
