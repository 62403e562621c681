"""Which bytes of an archive are fetched for what is wanted of it, and which of its entries pg_restore makes then. Pure.

The law: pg_restore finds all that it reads for these entries, and nothing else of the archive is paid for, but for gaps that
cost less than a request of their own. A local name is ours or of a shape that pg_dump itself gives, never what an archive or
a key says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from daybreak.archive.blocks import blocks_of, lacks_offsets
from daybreak.archive.choosing import ArchiveChoice
from daybreak.archive.contents import ArchiveEntry, Contents
from daybreak.archive.damage import UnreadableArchive
from daybreak.archive.layout import Pile
from daybreak.archive.tape import CONTENTS_FILE, HEAD, TarMember
from daybreak.errors import Bug, Refused
from daybreak.model.exports import StoredObject
from daybreak.model.names import printable
from daybreak.model.pickings import NAME_IN_DIRECTORY, SINGLE, ObjectPieces, PickedForm, Picking

GAP = 64 << 10
"""Unwanted bytes between two wanted ranges that are fetched too: a request of its own takes longer."""

_LARGE_OBJECTS = "BLOBS"
_LARGE = frozenset({_LARGE_OBJECTS, "BLOB", "BLOB METADATA"})
NEVER = frozenset({
    "ACL", "ACL LANGUAGE", "DATABASE", "DATABASE PROPERTIES", "DEFAULT ACL", "ENCODING", "SEARCHPATH", "STDSTRINGS",
})  # fmt: skip
"""What stands in no list: privileges are given back otherwise, no database is made, and pg_restore heeds the rest unasked."""
_OF_LARGE_OBJECTS = re.compile(r"blob_[0-9]+\.dat(\.[a-z0-9]+)?")
_NAME = re.compile(NAME_IN_DIRECTORY)

_Range = tuple[int, int]


def pick(
    pile: Pile,
    form: PickedForm,
    contents: Contents | None = None,
    choice: ArchiveChoice | None = None,
    *,
    members: Sequence[TarMember] | None = None,
) -> Picking:
    """What to fetch of an export, and what to make of it; without a ``choice`` all of it.

    Of a custom archive these are its table of contents and the blocks of what comes, or all of it where it has no offsets; of a
    directory ``toc.dat`` and the files of what comes; of a tar the headers by which pg_restore finds its way, and the files of
    what comes, or all of it where nobody read the headers of its ``members`` to the end. A script has no parts. Large objects
    come where all comes. Raises ``UnreadableArchive`` where a block or a file is missing, or a file has a name that pg_dump
    gives none, and ``Refused`` where the listing has no mark of the version.
    """
    if form == "sql":
        return Picking(form="sql", pieces=(_whole(pile.lead, SINGLE),))
    if contents is None:
        message = f"nobody read the table of contents of {pile.name}"
        raise Bug(message)
    match form:
        case "custom":
            return _of_custom(contents, pile.lead, choice)
        case "directory":
            return _of_directory(contents, pile, choice)
        case _:
            return _of_tar(contents, pile.lead, choice, members)


def _of_custom(contents: Contents, stored: StoredObject, choice: ArchiveChoice | None) -> Picking:
    entries = _entries_taken(contents, choice)
    if choice is None or lacks_offsets(contents):
        return _result("custom", (_whole(stored, SINGLE),), contents, entries)
    blocks = blocks_of(contents, stored.key, stored.bytes)
    found = (blocks[each.id] for each in entries if each.id in blocks)
    ranges = [(0, contents.end), *((block.start, block.start + block.length) for block in found)]
    return _result("custom", (_some(stored, SINGLE, ranges),), contents, entries)


def _of_directory(contents: Contents, pile: Pile, choice: ArchiveChoice | None) -> Picking:
    entries = _entries_taken(contents, choice)
    there = pile.files()
    wanted = dict.fromkeys((CONTENTS_FILE, *(each.file for each in entries if each.file)))
    missing = [name for name in wanted if name not in there]
    picked = [(there[name].key.removeprefix(pile.name), there[name]) for name in wanted if name in there]
    strange = [name for name in (*(name for name, _ in picked), *missing) if not _NAME.fullmatch(name)]
    if strange or missing:
        reasons = (
            *(f'pg_dump gives no file the name "{printable(name)}"' for name in strange),
            *(f'the file "{printable(name)}" is missing' for name in missing if name not in strange),
        )
        raise UnreadableArchive(
            f'"{printable(pile.name, 400)}" cannot be restored: its table of contents names files that are not there, or strange ones',
            "daybreak exports show EXPORT  # shows what of it can be read",
            reasons=reasons,
        )
    if any(each.kind == _LARGE_OBJECTS for each in entries):
        chosen = {each.key for _, each in picked}
        rest = ((each.key.removeprefix(pile.name), each) for each in pile.objects if each.key not in chosen)
        picked += [(name, each) for name, each in rest if _NAME.fullmatch(name) and _OF_LARGE_OBJECTS.fullmatch(name)]
    return _result("directory", (_whole(stored, name) for name, stored in picked), contents, entries)


def _of_tar(
    contents: Contents, stored: StoredObject, choice: ArchiveChoice | None, members: Sequence[TarMember] | None
) -> Picking:
    entries = _entries_taken(contents, choice)
    if choice is None or members is None:
        return _result("tar", (_whole(stored, SINGLE),), contents, entries)
    wanted = {CONTENTS_FILE, *(each.file for each in entries if each.file)}
    if missing := wanted - {each.name for each in members}:
        raise UnreadableArchive(
            f'"{printable(stored.key, 400)}" cannot be restored: its table of contents names files that it does not have',
            "daybreak exports show EXPORT  # shows what of it can be read",
            reasons=tuple(f'the file "{printable(name)}" is missing' for name in sorted(missing)),
        )
    last = max(number for number, each in enumerate(members) if each.name in wanted)
    ranges = [
        (each.start - HEAD, each.start + (each.size if each.name in wanted else 0)) for each in members[: last + 1]
    ]
    return _result("tar", (_some(stored, SINGLE, ranges),), contents, entries)


def _entries_taken(contents: Contents, choice: ArchiveChoice | None) -> tuple[ArchiveEntry, ...]:
    """What pg_restore is to make, in the archive's order; of what is only needed, no rows."""
    if choice is None:
        return tuple(each for each in contents.entries if each.kind not in NEVER)
    needed = (each.id for each in choice.needed if not each.has_data)
    numbers = {*(each.id for each in (*choice.wanted, *choice.belonging)), *needed}
    return tuple(each for each in contents.entries if each.id in numbers and each.kind not in NEVER | _LARGE)


def _result(
    form: PickedForm, pieces: Iterable[ObjectPieces], contents: Contents, entries: tuple[ArchiveEntry, ...]
) -> Picking:
    take = tuple(each.id for each in entries)
    comes = set(take)
    left = sum(1 for each in contents.entries if each.kind == _LARGE_OBJECTS and each.id not in comes)
    return Picking(form=form, pieces=tuple(pieces), take=take, large_objects=left)


def _whole(stored: StoredObject, name: str) -> ObjectPieces:
    return _some(stored, name, [(0, stored.bytes)] if stored.bytes else [])


def _some(stored: StoredObject, name: str, ranges: Iterable[_Range]) -> ObjectPieces:
    if not stored.mark:
        raise Refused(f'the store does not say of which version "{printable(stored.key, 400)}" is')
    return ObjectPieces(
        key=stored.key, size=stored.bytes, mark=stored.mark, name=name, ranges=tuple(join_ranges(ranges))
    )


def join_ranges(ranges: Iterable[_Range]) -> Iterator[_Range]:
    """The same ranges in order, with those in one that lie within each other, or closer than a request is worth.

    >>> list(join_ranges([(300_000, 300_010), (0, 10), (5, 20), (65_000, 66_000)]))
    [(0, 66000), (300000, 300010)]
    """
    held: _Range | None = None
    for start, end in sorted(ranges):
        if held is None:
            held = (start, end)
        elif start - held[1] <= GAP:
            held = (held[0], max(held[1], end))
        else:
            yield held
            held = (start, end)
    if held is not None:
        yield held
