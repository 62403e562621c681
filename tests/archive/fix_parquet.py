"""A Parquet file without columns of data: its description is whole, in the order that the format's own writers use."""

from __future__ import annotations


def _number(value: int) -> bytes:
    value = value << 1
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _text(value: bytes) -> bytes:
    return bytes([len(value)]) + value


def parquet(rows: int, columns: tuple[str, ...] = ("id", "name")) -> bytes:
    """A file that says that it has so many rows."""
    root = b"\x48" + _text(b"schema") + b"\x15" + _number(len(columns)) + b"\0"  # 4: name, 5: number of children
    schema = root + b"".join(
        b"\x15" + _number(2) + b"\x25" + _number(0) + b"\x18" + _text(each.encode()) + b"\0" for each in columns
    )
    described = b"\x15" + _number(1)  # 1: version
    described += b"\x19" + bytes([(len(columns) + 1) << 4 | 12]) + schema  # 2: the schema
    described += b"\x16" + _number(rows)  # 3: rows
    described += b"\x19\x0c"  # 4: no row groups
    described += b"\x28" + _text(b"a writer") + b"\0"  # 6: who made it
    return b"PAR1" + described + len(described).to_bytes(4, "little") + b"PAR1"
