"""Pages of a relation's file, changed on disk while no server works on it: what a failing disk or a lost write leaves.

The law: only ``flip`` is a change that the server notices by itself. After any other the page is in order, its checksum
included where it had one, so that only somebody who knows what it held finds it.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from daybreak.errors import Refused

PAGE = 8192
_HEADER = slice(12, 20)
"""Where a page's header says where its content is."""
_CHECKSUM = slice(8, 10)

_PRIME, _WORD = 16777619, 0xFFFFFFFF
_OFFSETS = (
    0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
    0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
    0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
    0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756,
)  # fmt: skip


@dataclass(frozen=True)
class Wound:
    """What happens to a relation's file."""

    kind: Literal["flip", "zero", "copy", "cut", "put"] = "flip"
    """Flip the bounds in a page's header; empty a page; copy one from another file; cut off the last pages; change bytes."""
    block: int = 1
    """The page; the last one where there are fewer. For ``cut`` the number of pages that are cut off."""
    origin: str = ""
    """The relation that the page is copied from; empty for the same one."""
    page: int = 0
    """The number of the page that is copied."""
    old: str = ""
    new: str = ""
    """Bytes as hexadecimal digits, as many as the old ones; each occurrence is changed."""


def wound(path: Path, harm: Wound, origin: Path) -> None:
    """Do it; raises `Refused` where the file is empty or holds nothing of the kind."""
    with path.open("r+b") as file:
        pages = file.seek(0, os.SEEK_END) // PAGE
        if pages == 0:
            raise Refused(f"'{path.name}' is empty")
        block = min(harm.block, pages - 1)
        if harm.kind == "flip":
            page = bytearray(_read(file, block))
            page[_HEADER] = bytes(byte ^ 0xFF for byte in page[_HEADER])
            _write(file, block, bytes(page))
        elif harm.kind == "zero":
            _write(file, block, bytes(PAGE))
        elif harm.kind == "copy":
            with origin.open("rb") as other:
                _write(file, block, page_with_checksum(_read(other, harm.page), block))
        elif harm.kind == "cut":
            file.truncate(max(pages - harm.block, 0) * PAGE)
        else:
            _put(file, pages, bytes.fromhex(harm.old), bytes.fromhex(harm.new))


def _put(file: BinaryIO, pages: int, old: bytes, new: bytes) -> None:
    if len(old) != len(new):
        raise Refused("the new bytes are not as many as the old ones")
    found = {block: page for block in range(pages) if old in (page := _read(file, block))}
    if not old or not found:
        raise Refused("no page holds these bytes")
    for block, page in found.items():
        _write(file, block, page_with_checksum(page.replace(old, new), block))


def page_with_checksum(page: bytes, block: int) -> bytes:
    """The page with the checksum that belongs to its content and its place, where it has one."""
    if page[_CHECKSUM] == b"\0\0":
        return page
    whole = bytearray(page)
    whole[_CHECKSUM] = checksum(page, block).to_bytes(2, "little")
    return bytes(whole)


def checksum(page: bytes, block: int) -> int:
    """PostgreSQL's checksum of a page: thirty-two sums side by side, folded into sixteen bits."""
    whole = bytearray(page)
    whole[_CHECKSUM] = b"\0\0"
    sums = list(_OFFSETS)
    for row in (*struct.iter_unpack("<32I", whole), (0,) * 32, (0,) * 32):
        mixed = [one ^ word for one, word in zip(sums, row, strict=True)]
        sums = [(each * _PRIME & _WORD) ^ (each >> 17) for each in mixed]
    folded = block
    for each in sums:
        folded ^= each
    return folded % 65535 + 1


def _read(file: BinaryIO, block: int) -> bytes:
    file.seek(block * PAGE)
    return file.read(PAGE)


def _write(file: BinaryIO, block: int, page: bytes) -> None:
    file.seek(block * PAGE)
    file.write(page)
