"""A torn or lying archive ends in one error that names the place: no other exception, no wait, no memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybreak.archive.blocks import blocks_of, ends_with_a_block
from daybreak.archive.choosing import choose
from daybreak.archive.contents import Contents, read_contents
from daybreak.archive.damage import UnreadableArchive
from daybreak.archive.parquet import footer_length, rows_in
from daybreak.archive.snapshot_export import export_info, tables_info
from daybreak.archive.sniffing import sniff
from daybreak.archive.sources import HeldBytes
from daybreak.archive.tape import members
from daybreak.errors import Refused
from tests.archive.fix_archives import Archivist, programs
from tests.archive.fix_parquet import parquet

MAJORS = sorted(programs())


def read(content: bytes) -> Contents | None:
    """What bytes hold as an archive; ``None`` where they are refused. Whatever else is raised fails the test."""
    contents: list[Contents] = []

    def look() -> None:
        contents.append(read_contents(HeldBytes("x", content), "custom"))
        blocks_of(contents[0], "x", len(content))
        ends_with_a_block(contents[0], HeldBytes("x", content))

    return None if trouble_of(look) else contents[0]


def trouble_of(look: Callable[[], object]) -> str:
    """What is wrong with what is looked at, which names the byte; empty where nothing is."""
    with suppress_refusal() as trouble:
        look()
    assert all("at byte" in each for each in trouble)
    return "".join(trouble)


@contextmanager
def suppress_refusal() -> Iterator[list[str]]:
    """Keep the words of the one error that a reader may raise."""
    words: list[str] = []
    try:
        yield words
    except UnreadableArchive as error:
        words.append(error.message)


@pytest.mark.parametrize("major", MAJORS)
def test_every_truncation_is_seen(archivist: Archivist, major: int) -> None:
    """At each byte of the table of contents; after it, by the offsets, or by the last block that does not end."""
    content = archivist.archive(major, "-Fc").read_bytes()
    whole = read(content)
    assert whole is not None
    steps = [*range(300), *range(300, whole.end, 101)]
    assert [at for at in steps if read(content[:at]) is not None] == []
    for cut in range(1, 40):
        left = read(content[:-cut])
        assert left is None or not ends_with_a_block(left, HeldBytes("x", content[:-cut]))


@pytest.mark.parametrize("major", MAJORS)
def test_every_flipped_bit_of_the_frame_is_an_error_or_a_value(archivist: Archivist, major: int) -> None:
    """What cannot be told from a true archive gives a value; nothing gives another exception."""
    content = archivist.archive(major, "-Fc").read_bytes()
    whole = read(content)
    assert whole is not None
    refused = 0
    for at in [*range(200), *range(200, whole.end, 89)]:
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        found = read(bytes(changed))
        refused += found is None
        if found is not None and at % 10 == 0:
            choose(found, [each.full_name for each in found.entries if each.kind == "TABLE"][:1])
    assert refused > 50


@given(st.data())
def test_any_bytes_are_an_error_or_a_value(archivist: Archivist, data: st.DataObject) -> None:
    """Bytes are exchanged, put in, taken out."""
    content = archivist.archive(MAJORS[-1], "-Fc").read_bytes()
    at = data.draw(st.integers(0, len(content)))
    gone = data.draw(st.integers(0, 20))
    put = data.draw(st.binary(max_size=20))
    found = read(content[:at] + put + content[at + gone :])
    if found is not None:
        with suppress(Refused):
            choose(found, ["sales.orders"])


def test_lies_about_lengths_reserve_nothing(archivist: Archivist) -> None:
    """A count of two thousand million entries, and a text of as many bytes, are held against what is there."""
    content = archivist.archive(MAJORS[0], "-Fc").read_bytes()
    whole = read(content)
    assert whole is not None
    number = len(whole.entries)
    at = content.index(b"\0" + number.to_bytes(4, "little"), 100)
    tracemalloc.start()
    for lie in (b"\0\xff\xff\xff\x7f", b"\1\xff\xff\xff\x7f"):
        changed = content[:at] + lie + content[at + 5 :]
        with pytest.raises(
            UnreadableArchive, match=r"at byte \d+, it would have -?[\d,]+ entries, and there is no room"
        ):
            read_contents(HeldBytes("x", changed), "custom")
    for length, why in ((0x7FFFFFFF, "would be 2,147,483,647 bytes long"), (0xF000, "it ends within")):
        changed = content[:12] + b"\0" * 35 + b"\0" + length.to_bytes(4, "little")
        changed = content[: content.index(b"\3\0\0\0zoo") - 1] + b"\0" + length.to_bytes(4, "little") + b"zoo"
        with pytest.raises(UnreadableArchive, match=why):
            read_contents(HeldBytes("x", changed), "custom")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_place_outside_of_the_archive_is_refused(archivist: Archivist) -> None:
    """A table of contents that names a file of somebody else's, and one whose data would lie in it or behind it."""
    toc = (archivist.archive(MAJORS[0], "-Fd") / "toc.dat").read_bytes()
    at = toc.index(b".dat\0") - 4
    for name in (b"../..dat", b"/etc.dat", b"a\\b..dat"):
        with pytest.raises(UnreadableArchive, match=r"the file of entry [0-9]+ lies outside of the archive"):
            read_contents(HeldBytes("x", toc[:at] + name + toc[at + 8 :]), "files")
    content = archivist.archive(MAJORS[0], "-Fc").read_bytes()
    whole = read(content)
    assert whole is not None
    first = min(each.offset for each in whole.entries if each.offset is not None)
    for wrong, why in ((10, "would lie within the table of contents"), (len(content) - 3, "there is no room")):
        changed = content.replace(b"\2" + first.to_bytes(8, "little"), b"\2" + wrong.to_bytes(8, "little"))
        with pytest.raises(UnreadableArchive, match=why):
            blocks_of(read_contents(HeldBytes("x", changed), "custom"), "x", len(changed))


@given(st.binary(max_size=3000))
def test_a_tar_of_anything_ends(content: bytes) -> None:
    """Headers are held against their sums, sizes against the file."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("toc.dat"))
    for each in (content, made.getvalue()[:512] + content):
        trouble_of(lambda content=each: list(members(HeldBytes("x", content), 100)))  # type: ignore[misc]


@given(st.binary(max_size=300), st.integers(0, 200), st.integers(0, 255))
def test_a_parquet_of_anything_is_an_error_or_a_number(content: bytes, at: int, value: int) -> None:
    """Also one whose description was changed by a byte."""
    whole = parquet(12)
    changed = bytearray(whole)
    changed[at % len(whole)] = value
    for each in (content, content + b"PAR1", bytes(changed), whole[:at]):
        trouble_of(lambda content=each: rows_in("x", content[-footer_length("x", content, len(content)) :]))  # type: ignore[misc]


def test_lengths_beyond_the_file_are_refused() -> None:
    """Of a description in a Parquet file, and of a file in a tar."""
    whole = parquet(12)
    lie = whole[:-8] + len(whole).to_bytes(4, "little") + whole[-4:]
    with pytest.raises(UnreadableArchive, match=r"its description would be [0-9]+ bytes long"):
        footer_length("x", lie, len(lie))
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        info = tarfile.TarInfo("toc.dat")
        info.size = 100_000
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    with pytest.raises(UnreadableArchive, match="a file of 100,000 bytes would begin, and the tar ends before its end"):
        list(members(HeldBytes("x", made.getvalue()[:5000]), 10))


@given(st.binary(max_size=200))
def test_documents_of_anything_are_an_error_or_a_value(content: bytes) -> None:
    """RDS writes JSON; anybody can write anything."""
    deep = b'{"perTableStatus":' + b"[" * 5000
    for each in (content, deep, b"[]", b"{}", b'{"exportTaskIdentifier": 3, "perTableStatus": {}}'):
        for parse in (export_info, tables_info):
            with pytest.raises(UnreadableArchive):
                parse("x", each)


@given(st.binary(max_size=500))
def test_anything_can_be_sniffed(content: bytes) -> None:
    """With each beginning that means something before it."""
    for begin in (
        b"",
        b"PGDMP",
        b"\x1f\x8b\x08",
        b"BZh9",
        b"\xfd7zXZ\x00",
        b"\x28\xb5\x2f\xfd",
        b"\x04\x22\x4d\x18",
        b"PAR1",
    ):
        sniff(begin + content)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_unpacked_no_further_than_its_beginning(pack: object) -> None:
    """A few bytes that would become fifty million."""
    assert callable(pack)
    bomb = pack(bytes(50_000_000))
    tracemalloc.start()
    found = sniff(bomb[: 64 << 10])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.look == "unknown"
    assert len(found.content) <= 64 << 10
    assert peak < 20_000_000  # xz wants its dictionary whole
