"""A PNG's size, and the one line of text that we put into it: what it was drawn from."""

from __future__ import annotations

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = len(_SIGNATURE) + 4 + 4 + 13 + 4
"""Where the first chunk ends, which every PNG begins with."""
_KEYWORD = b"Drawn from"


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height in pixels; `ValueError` where it is no PNG."""
    if not png.startswith(_SIGNATURE):
        raise ValueError("no PNG")
    width, height = struct.unpack_from(">II", png, len(_SIGNATURE) + 8)
    return width, height


def labelled(png: bytes, label: str) -> bytes:
    """The same picture with that text in it, which no viewer shows."""
    body = b"tEXt" + _KEYWORD + b"\0" + label.encode("latin-1")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_HEADER] + chunk + png[_HEADER:]


def label_of(png: bytes) -> str:
    """The text that `labelled` put in; empty where there is none."""
    mark = b"tEXt" + _KEYWORD + b"\0"
    start = png.find(mark)
    if start < 0:
        return ""
    (length,) = struct.unpack_from(">I", png, start - 4)
    return png[start + len(mark) : start + 4 + length].decode("latin-1")
