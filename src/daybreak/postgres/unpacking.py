"""A plain script as it was packed, unpacked in a stream of bounded size: a small file can say that it is endless.

The law: what is packed is seen by its first bytes, never by its name, and no more comes out than the bound.
"""

from __future__ import annotations

import bz2
import lzma
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from daybreak.errors import Failed, Refused
from daybreak.model.names import printable
from daybreak.postgres.clients import absolute_path, bare_environment

_CHUNK = 1 << 16
_MOST_AT_ONCE = 1 << 20
"""Bytes that come out of one step: a packed chunk may hold a thousand times its size."""
_XZ_MEMORY = 256 << 20

_BY_PROGRAM = {b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4"}


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


def read_unpacked(path: Path, most: int) -> Iterator[bytes]:
    """The bytes of a script, unpacked where it is packed.

    Raises ``Failed`` where more than ``most`` bytes come out, or where what is packed is torn; ``Refused`` where the program is not
    here that would unpack it.
    """
    total = 0
    for chunk in _chunks(path):
        total += len(chunk)
        if total > most:
            raise Failed(f'"{printable(path.name)}" holds more than {most:,} bytes, which is the most that is loaded')
        yield chunk


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        first = file.read(6)
        file.seek(0)
        if first.startswith(b"\x1f\x8b"):
            yield from _unpack(file, path, lambda: zlib.decompressobj(16 + zlib.MAX_WBITS))
        elif first.startswith(b"BZh"):
            yield from _unpack(file, path, bz2.BZ2Decompressor)
        elif first.startswith(b"\xfd7zXZ\0"):
            yield from _unpack(file, path, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY))
        elif program := _BY_PROGRAM.get(first[:4]):
            yield from _by_program(file, path, program)
        else:
            while chunk := file.read(_CHUNK):
                yield chunk


def _unpack(file: BinaryIO, path: Path, begin: Callable[[], _Unpacker]) -> Iterator[bytes]:
    """Unpack one member after another: a packed file may be several, one behind the other."""
    unpacker, rest = begin(), b""
    try:
        while True:
            chunk = rest or file.read(_CHUNK)
            rest = b""
            if not chunk:
                break
            if unpacker.eof:
                unpacker = begin()
            yield from _steps(unpacker, chunk)
            rest = unpacker.unused_data if unpacker.eof else b""
    except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
        raise Failed(f'"{printable(path.name)}" cannot be unpacked: {printable(str(error))}') from error
    if not unpacker.eof:
        raise Failed(f'"{printable(path.name)}" is torn: it ends within what is packed')


def _steps(unpacker: _Unpacker, chunk: bytes) -> Iterator[bytes]:
    if isinstance(unpacker, (bz2.BZ2Decompressor, lzma.LZMADecompressor)):
        yield unpacker.decompress(chunk, _MOST_AT_ONCE)
        while not (unpacker.eof or unpacker.needs_input):
            yield unpacker.decompress(b"", _MOST_AT_ONCE)
        return
    inflater = unpacker
    while chunk and not inflater.eof:
        yield inflater.decompress(chunk, _MOST_AT_ONCE)  # type: ignore[attr-defined]
        chunk = inflater.unconsumed_tail  # type: ignore[attr-defined]


def _by_program(file: BinaryIO, path: Path, name: str) -> Iterator[bytes]:
    program = shutil.which(name, path=absolute_path())
    if program is None:
        raise Refused(
            f'"{printable(path.name)}" is packed with {name}, and there is no {name} on the PATH', f"install {name}"
        )
    with subprocess.Popen(
        [program, "-dc"], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=bare_environment(), cwd="/"
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            while chunk := process.stdout.read(_CHUNK):
                yield chunk
            if process.wait():
                raise Failed(f'"{printable(path.name)}" is torn: {name} could not unpack it to its end')
        finally:
            with suppress(ProcessLookupError):
                process.kill()
