"""Tables of contents are read as pg_restore reads them, of every version that this machine's PostgreSQL writes."""

from __future__ import annotations

import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from daybreak.archive.blocks import blocks_of, ends_with_a_block, lacks_offsets
from daybreak.archive.contents import Contents, read_contents
from daybreak.archive.damage import BeyondReach, TooLong, UnreadableArchive
from daybreak.archive.sources import CHUNK, HeldBytes, Within
from daybreak.archive.tape import LAST_FILE, content_of, members
from tests.archive.fix_archives import LONG, ODD, Archivist, programs

MAJORS = sorted(programs())
VERSIONS = {12: (1, 14), 13: (1, 14), 14: (1, 14), 15: (1, 14), 16: (1, 15), 17: (1, 16), 18: (1, 16)}
each_major = pytest.mark.parametrize("major", MAJORS)


def contents_of(path: Path) -> Contents:
    """The table of contents of a custom archive, or of a directory."""
    if path.is_dir():
        return read_contents(HeldBytes(str(path), (path / "toc.dat").read_bytes()), "files")
    return read_contents(HeldBytes(str(path), path.read_bytes()), "custom")


def lines_of(contents: Contents) -> list[str]:
    """The entries as ``pg_restore -l`` prints them: it leaves the first four out, and a new line is a blank there."""
    hidden = ("ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE")
    lines = []
    for each in contents.entries:
        if each.kind not in hidden:
            words = (f"{each.id};", each.catalog, each.oid, each.kind, each.schema or "-", each.name, each.owner)
            lines.append(" ".join(words).replace("\n", " "))
    return lines


def listed(listing: str) -> list[str]:
    """The entries of a listing."""
    return [line for line in listing.splitlines() if line and not line.startswith(";")]


@each_major
@pytest.mark.parametrize(
    "options", [("-Fc",), ("-Fc", "-Z0"), ("-Fc", "-Z9"), ("-Fd",), ("-Fc", "-s"), ("-Fc", "-a")], ids=" ".join
)
def test_entries_are_those_of_pg_restore(archivist: Archivist, major: int, options: tuple[str, ...]) -> None:
    """The independent reader is PostgreSQL's own."""
    path = archivist.archive(major, *options)
    contents = contents_of(path)
    assert contents.header.version[:2] == VERSIONS[major]
    assert lines_of(contents) == listed(archivist.listing(major, path))
    assert contents.header.database == "zoo"
    assert contents.header.program.startswith(f"{major}.")
    assert contents.header.compression == ("none" if "-Z0" in options else "gzip")
    assert contents.header.made in archivist.listing(major, path).replace(" UTC", "")


@each_major
def test_odd_names_come_through_whole(archivist: Archivist, major: int) -> None:
    """Quotes, new lines and sixty-three bytes: pg_restore's own list cannot show them."""
    entries = contents_of(archivist.archive(major, "-Fc")).entries
    assert any((each.kind, each.schema, each.name) == ("TABLE DATA", ODD, ODD) for each in entries)
    assert any(each.kind == "TABLE" and each.name == LONG for each in entries)
    table = next(each for each in entries if each.kind == "TABLE" and each.name == "orders")
    assert table.definition.startswith("CREATE TABLE sales.orders (")
    assert table.drop == "DROP TABLE sales.orders;\n"
    assert table.access == "heap"
    assert table.relkind == ("r" if major >= 17 else "")
    data = next(each for each in entries if each.kind == "TABLE DATA" and each.name == "orders")
    assert data.copy.startswith("COPY sales.orders (id, customer, total, code, parts, note) FROM stdin;")


@each_major
def test_a_tar_holds_the_same_table_of_contents(archivist: Archivist, major: int) -> None:
    """Its files are found by their headers, and the last of them is the script."""
    path = archivist.archive(major, "-Ft")
    source = HeldBytes(str(path), path.read_bytes())
    *found, last = members(source, 1000)
    assert last is None, "the tar ends as it should"
    held = [each for each in found if each is not None]
    contents = read_contents(content_of(source, held[0]), "files")
    assert lines_of(contents) == listed(archivist.listing(major, path))
    names = {each.name for each in held}
    # Large objects lie in files of their own.
    assert {each.file for each in contents.entries if each.file and each.kind != "BLOBS"} <= names
    assert held[-1].name == LAST_FILE


@each_major
def test_blocks_alone_give_the_rows(archivist: Archivist, major: int, tmp_path: Path) -> None:
    """A sparse file of the table of contents and one table's block is, to pg_restore, the archive."""
    path = archivist.archive(major, "-Fc")
    whole = path.read_bytes()
    contents = contents_of(path)
    blocks = blocks_of(contents, "x", len(whole))
    data = next(each for each in contents.entries if each.kind == "TABLE DATA" and each.name == "orders")
    block = blocks[data.id]
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(len(whole))
        file.write(whole[: contents.end])
        file.seek(block.start)
        file.write(whole[block.start : block.start + block.length])

    def rows(archive: Path) -> list[str]:
        command = [str(archivist.programs[major] / "pg_restore"), "-f", "-", "-a", "-t", "orders", str(archive)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return [line for line in said.splitlines() if not line.startswith(("--", "\\"))]

    assert rows(sparse) == rows(path)
    assert len(rows(path)) > 500
    assert block.length < len(whole) / 2
    ordered = sorted(blocks.values(), key=lambda each: each.start)
    assert ordered[0].start == contents.end
    assert all(one.start + one.length == other.start for one, other in pairwise(ordered))
    assert ordered[-1].start + ordered[-1].length == len(whole)


@each_major
def test_an_archive_from_a_pipe_says_so(archivist: Archivist, major: int) -> None:
    """It has no offsets, and so no blocks; its entries are the same."""
    piped, seekable = archivist.archive(major, "-Fc", is_piped=True), archivist.archive(major, "-Fc")
    contents = contents_of(piped)
    assert lacks_offsets(contents)
    assert blocks_of(contents, "x", piped.stat().st_size) == {}
    assert [each.label for each in contents.entries] == [each.label for each in contents_of(seekable).entries]
    assert not lacks_offsets(contents_of(seekable))
    assert not lacks_offsets(contents_of(archivist.archive(major, "-Fc", "-s")))
    for path in (piped, seekable, archivist.archive(major, "-Fc", "-s")):
        content = path.read_bytes()
        assert ends_with_a_block(contents_of(path), HeldBytes("x", content))
        assert not ends_with_a_block(contents_of(path), HeldBytes("x", content + b"\1"))


def test_texts_are_read_in_the_encoding_of_the_archive(archivist: Archivist) -> None:
    """A database of another encoding than UTF-8 has its names in that."""
    contents = contents_of(archivist.archive(MAJORS[0], "-Fc", "-E", "LATIN1"))
    assert any(each.kind == "TABLE" and each.name == LONG for each in contents.entries)


class Small:
    """A source that gives a few bytes at a time, and counts what it gave."""

    def __init__(self, content: bytes, most: int) -> None:
        self._held = HeldBytes("small", content)
        self._most = most
        self.given = 0
        self.name, self.size = "small", len(content)

    def read(self, start: int, length: int) -> bytes:
        """Less than was asked for."""
        found = self._held.read(start, min(length, self._most))
        self.given += len(found)
        return found


def test_no_more_is_read_than_the_table_of_contents_and_one_chunk(archivist: Archivist) -> None:
    """However the bytes come."""
    path = archivist.archive(MAJORS[0], "-Fc")
    long = path.read_bytes() + bytes(3 * CHUNK)
    wanted = contents_of(path)
    for most in (1, 7, 1 << 30):
        source = Small(long, most)
        contents = read_contents(source, "custom")
        assert contents.entries == wanted.entries
        assert source.given <= contents.end + CHUNK
        assert source.given >= contents.end


def test_what_cannot_be_read_here_says_why(archivist: Archivist) -> None:
    """Older, newer, another form, longer than wanted, or nothing of the kind."""
    content = archivist.archive(MAJORS[0], "-Fc").read_bytes()

    def trouble(changed: bytes, kind: type[UnreadableArchive] = UnreadableArchive, **more: int) -> str:
        with pytest.raises(kind) as caught:
            read_contents(HeldBytes("a.dump", changed), "custom", **more)
        assert type(caught.value) is kind
        return caught.value.message

    assert trouble(b"hello") == '"a.dump" cannot be read: at byte 5, it does not begin as an archive of pg_dump does'
    assert trouble(b"") == '"a.dump" cannot be read: at byte 0, it ends within its first letters'
    assert "its version is 1.13, from pg_dump 10.3 to 11" in trouble(b"PGDMP\1\15\0" + content[8:], BeyondReach)
    assert "its version is 1.17, newer than any" in trouble(b"PGDMP\1\21\0" + content[8:], BeyondReach)
    assert "its table of contents is longer than 1,000 bytes" in trouble(content, TooLong, most=1000)
    with pytest.raises(
        UnreadableArchive, match='an archive of the kind "custom", where one of the kind "files" should be'
    ):
        read_contents(HeldBytes("a.dump", content), "files")
    assert Within(HeldBytes("x", b"abcdef"), 2, 3, "y").read(1, 100) == b"de"


@pytest.mark.parametrize(("number", "name"), [(0, "none"), (1, "gzip"), (2, "lz4"), (3, "zstd")])
def test_the_algorithm_is_the_headers(archivist: Archivist, number: int, name: str) -> None:
    """No pg_dump of this machine may be built with lz4 and zstd; the table of contents is the same with each."""
    content = bytearray(archivist.archive(MAJORS[-1], "-Fc").read_bytes())
    content[11] = number
    assert read_contents(HeldBytes("x", bytes(content)), "custom").header.compression == name
    content[11] = 4
    with pytest.raises(UnreadableArchive, match="its compression is number 4"):
        read_contents(HeldBytes("x", bytes(content)), "custom")
