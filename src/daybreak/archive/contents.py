"""The table of contents of a pg_dump archive: every entry with every field, and where the data of each lies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from daybreak.archive.header import ArchiveForm, Header, Reader, read_header, readable
from daybreak.archive.sources import ByteSource, Cursor

MOST = 256 << 20
"""The longest table of contents that is read, in bytes."""
_LONGEST = 64 << 20
"""Bytes of one definition: a function, a view, the statistics of a table."""
_LEAST = 60
"""Bytes that an entry takes at least: a count that could not fit is a lie."""
_HIGHEST = 2**31 - 1

Section = Literal["none", "pre-data", "data", "post-data"]
_SECTIONS: dict[int, Section] = {1: "none", 2: "pre-data", 3: "data", 4: "post-data"}

OffsetState = Literal["set", "not set", "no data"]
_STATES: dict[int, OffsetState] = {1: "not set", 2: "set", 3: "no data"}

_RELKIND_SINCE = (1, 16)
_ENCODING = re.compile(r"SET client_encoding = '([\w-]+)'")
_CODECS = {
    "LATIN5": "iso8859-9", "LATIN6": "iso8859-10", "LATIN7": "iso8859-13", "LATIN8": "iso8859-14",
    "LATIN9": "iso8859-15", "LATIN10": "iso8859-16", "KOI8R": "koi8-r", "KOI8U": "koi8-u", "EUC_CN": "gb2312",
    "EUC_JP": "euc_jp", "EUC_KR": "euc_kr", "EUC_JIS_2004": "euc_jis_2004", "SJIS": "cp932", "UHC": "cp949",
    "SHIFT_JIS_2004": "shift_jis_2004", "BIG5": "cp950", "GBK": "gbk", "GB18030": "gb18030", "JOHAB": "johab",
    **{f"LATIN{number}": f"iso8859-{number}" for number in range(1, 5)},
    **{f"ISO_8859_{number}": f"iso8859-{number}" for number in range(5, 9)},
    **{f"WIN{number}": f"cp{number}" for number in (866, 874, *range(1250, 1259))},
}  # fmt: skip
"""Python's names for PostgreSQL's encodings, UTF8 apart."""


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One entry of a table of contents."""

    id: int
    kind: str
    """In pg_dump's words: ``TABLE``, ``TABLE DATA``, ``FK CONSTRAINT``."""
    schema: str
    name: str
    """pg_dump's tag: of a constraint or a trigger its table's name and its own."""
    owner: str
    section: Section
    has_data: bool
    """Whether the archive was to have a block or a file of it."""
    catalog: str
    oid: str
    """The object's catalog and number in it, on the server that it was dumped from."""
    definition: str
    drop: str
    copy: str
    """The statements that make it, remove it, and fill it."""
    tablespace: str
    access: str
    """Its access method."""
    relkind: str
    """PostgreSQL's letter for its kind of relation; empty where the archive does not say."""
    with_oids: bool
    needs: tuple[int, ...]
    """The entries that it depends on; some may not be in the archive."""
    offset: int | None = None
    state: OffsetState | None = None
    """Where its data begins in a custom archive, and whether that is known."""
    file: str = ""
    """The file of its data in a directory or a tar."""

    @property
    def label(self) -> str:
        """What people call it."""
        return readable(f"{self.kind} {self.full_name}")

    @property
    def full_name(self) -> str:
        """Its schema and name, not quoted."""
        return readable(f"{self.schema}.{self.name}" if self.schema else self.name)


@dataclass(frozen=True, slots=True)
class Contents:
    """A header, and all entries in the order of the archive."""

    header: Header
    entries: tuple[ArchiveEntry, ...]
    end: int
    """The first byte after the table of contents."""


def read_contents(source: ByteSource, wanted: ArchiveForm, *, most: int = MOST) -> Contents:
    """The table of contents of an archive that must have the ``wanted`` form; at most ``most`` bytes of it are read.

    Raises ``UnreadableArchive`` where it is torn, contradicts itself, or is too long.
    """
    cursor = Cursor(source, most=most)
    reader = Reader(cursor)
    header = read_header(reader)
    if header.form != wanted:
        raise cursor.fail(f'it is an archive of the kind "{header.form}", where one of the kind "{wanted}" should be')
    number = reader.number("the number of its entries")
    if not 0 <= number * _LEAST <= cursor.left:
        raise cursor.fail(f"it would have {number:,} entries, and there is no room for them")
    entries = tuple(_entries(reader, header, number))
    return Contents(header, entries, cursor.position)


def _entries(reader: Reader, header: Header, number: int) -> Iterator[ArchiveEntry]:
    seen: set[int] = set()
    for _ in range(number):
        entry = _entry(reader, header)
        if entry.id in seen:
            raise reader.cursor.fail(f"there is a second entry {entry.id}")
        seen.add(entry.id)
        if entry.kind == "ENCODING":
            reader.codec = codec_of(entry.definition)
        yield entry


def codec_of(statement: str) -> str:
    """Python's name for the encoding that a statement sets; UTF-8 where Python has it not.

    >>> codec_of("SET client_encoding = 'LATIN1';"), codec_of("SET client_encoding = 'MULE_INTERNAL';")
    ('iso8859-1', 'utf-8')
    """
    found = _ENCODING.search(statement)
    return _CODECS.get(found[1], "utf-8") if found else "utf-8"


def _entry(reader: Reader, header: Header) -> ArchiveEntry:
    cursor, text = reader.cursor, reader.text
    cursor.whose = ""
    number = reader.number("the number of an entry")
    if not 1 <= number <= _HIGHEST:
        raise cursor.fail(f"an entry would have the number {number}")
    cursor.whose = f" of entry {number}"
    has_data = reader.number("the mark") != 0
    catalog, oid = text("the catalog") or "", text("the object's number") or ""
    name, kind = text("the name") or "", text("the kind") or ""
    section = _SECTIONS.get(reader.number("the section"))
    if section is None or not kind:
        raise cursor.fail(f"entry {number} is in a section that is none" if kind else f"entry {number} has no kind")
    definition, drop = text("the definition", _LONGEST) or "", text("the removal", _LONGEST) or ""
    copy = text("the copy", _LONGEST) or ""
    schema, tablespace = text("the schema") or "", text("the tablespace") or ""
    access = text("the access method") or ""
    relkind = reader.number("the kind of relation") if header.version >= _RELKIND_SINCE else 0
    if not 0 <= relkind < 128:  # an ASCII letter
        raise cursor.fail(f"the relation of entry {number} is of no kind that there is")
    owner, with_oids = text("the owner") or "", text("the mark of old")
    needs = tuple(_needs(reader))
    offset, state, file = _place(reader, header)
    return ArchiveEntry(
        id=number, kind=kind, schema=schema, name=name, owner=owner, section=section, has_data=has_data,
        catalog=catalog, oid=oid, definition=definition, drop=drop, copy=copy, tablespace=tablespace, access=access,
        relkind=chr(relkind) if relkind else "", with_oids=with_oids == "true", needs=needs,
        offset=offset, state=state, file=file,
    )  # fmt: skip


def _needs(reader: Reader) -> Iterator[int]:
    while (said := reader.text("what is needed", 16)) is not None:
        if not (said.isascii() and said.isdecimal()):
            raise reader.cursor.fail(f"what is needed{reader.cursor.whose} is no number")
        yield int(said)


def _place(reader: Reader, header: Header) -> tuple[int | None, OffsetState | None, str]:
    cursor = reader.cursor
    if header.form != "custom":
        file = reader.text("the file") or ""
        if "/" in file or "\\" in file or file in (".", ".."):
            raise cursor.fail(f"the file{cursor.whose} lies outside of the archive")
        return None, None, file
    state = _STATES.get(mark := reader.byte("the place"))
    if state is None:
        raise cursor.fail(f"the place{cursor.whose} is marked {mark}, which means nothing")
    offset = int.from_bytes(cursor.take(header.offset_size, "the place"), "little")
    return (offset if state == "set" else None), state, ""
