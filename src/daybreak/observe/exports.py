"""What lies below a place of exports: keys are listed, then each export is asked for its first bytes, the newest first.

The law: what was not looked at is named with the reason, whatever kept us from it: a denial, an archived storage class, or our
own limit. Each limit is a number here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

from pydantic import ValidationError

from daybreak.archive.blocks import lacks_offsets
from daybreak.archive.contents import MOST, Contents, read_contents
from daybreak.archive.damage import BeyondReach, TooLong, UnreadableArchive
from daybreak.archive.header import readable
from daybreak.archive.layout import Pile, piles_of
from daybreak.archive.script import script_head
from daybreak.archive.snapshot_export import (
    MOST as LONGEST_DOCUMENT,
)
from daybreak.archive.snapshot_export import (
    TableStatus,
    export_info,
    files_by_table,
    tables_info,
)
from daybreak.archive.sniffing import Sniffed, sniff
from daybreak.archive.tables import number_of_tables
from daybreak.archive.tape import content_of, members
from daybreak.archive.wholeness import (
    wholeness_of_custom,
    wholeness_of_directory,
    wholeness_of_export,
    wholeness_of_script,
    wholeness_of_tar,
)
from daybreak.aws.objects import Objects
from daybreak.errors import DaybreakError
from daybreak.model.exports import ExportFound, ExportPlace, PlaceListed, StoredObject
from daybreak.model.manifests import Manifest
from daybreak.observe.ranges import ObjectSource, ReadBudget, side_by_side

MOST_KEYS = 200_000
"""Keys of one listing: two hundred requests."""
MOST_EXPORTS = 5_000
"""Exports of one list, the newest; older ones are counted."""
MOST_REQUESTS = 2_000
MOST_BYTES = 128 << 20
"""What one listing may fetch to learn what things are."""
MOST_OF_ONE = 4 << 20
"""Bytes of the longest table of contents that a listing reads; ``show`` reads a longer one."""

_ASLEEP = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes whose objects must be brought back before they can be read."""
_TOO_LONG = "its table of contents is longer than a listing reads; exports show reads it"


@dataclass(frozen=True)
class Examined:
    """What a pile was found to be, and what was read on the way."""

    found: ExportFound
    contents: Contents | None = None
    statuses: tuple[TableStatus, ...] = ()
    """What an RDS export lists of its tables."""


class Finder:
    """Says what piles of objects are, within a budget."""

    def __init__(self, objects: Objects, bucket: str, budget: ReadBudget, *, most: int = MOST_OF_ONE) -> None:
        self._objects = objects
        self._bucket = bucket
        self._most = most
        self.budget = budget

    def source(self, stored: StoredObject) -> ObjectSource:
        """An object as bytes; nothing of it is read yet."""
        return ObjectSource(self._objects, stored, f"s3://{self._bucket}/{stored.key}", self.budget)

    def look(self, pile: Pile) -> Examined:
        """What a pile is; a trouble of its own never hides it."""
        lead = pile.lead
        base = ExportFound(
            address=f"s3://{self._bucket}/{pile.name}",
            kind="not-seen",
            bytes=sum(each.bytes for each in pile.objects),
            objects=len(pile.objects),
            stored=max(each.stored for each in pile.objects),
        )
        if not lead.bytes:
            return Examined(_with(base, kind="unknown", trouble="it is empty"))
        if lead.storage_class in _ASLEEP:
            why = f"it is in the storage class {lead.storage_class}: restore the object first"
            return Examined(_with(base, trouble=why))
        try:
            examined = self._look(pile, base)
            if pile.manifest is not None:
                examined = replace(examined, found=self._with_manifest(examined.found, pile, pile.manifest))
            if pile.is_cut:
                # What was not listed is not missing.
                found = _with(
                    examined.found, whole="unknown", why="the listing ended within it, and it may have more objects"
                )
                return replace(examined, found=found)
            return examined
        except DaybreakError as error:
            return Examined(_with(base, trouble="; ".join((error.message, *error.hints))))

    def _with_manifest(self, found: ExportFound, pile: Pile, stored: StoredObject) -> ExportFound:
        """The export with what is said of it beside it; what cannot be read, or speaks of another file, is a trouble."""
        try:
            manifest = Manifest.model_validate_json(self._document(stored))
        except (ValidationError, DaybreakError) as error:
            why = error.message if isinstance(error, DaybreakError) else "it is none of Daybreak's"
            return _with(found, trouble="; ".join(filter(None, (found.trouble, f"its manifest cannot be read: {why}"))))
        if manifest.bytes != pile.lead.bytes:
            why = f"its manifest speaks of {manifest.bytes:,} bytes, and it has {pile.lead.bytes:,}"
            return _with(found, trouble="; ".join(filter(None, (found.trouble, why))))
        return _with(found, manifest=manifest)

    def _look(self, pile: Pile, base: ExportFound) -> Examined:
        if pile.shape == "snapshot-export":
            return self._snapshot_export(pile, base)
        source = self.source(pile.lead)
        sniffed = sniff(source.prefix())
        if pile.shape == "directory" and sniffed.look == "contents" and not sniffed.packing:
            return self._archive(_with(base, kind="directory"), pile, source)
        if pile.shape == "directory":
            return Examined(_with(base, kind="unknown", trouble="its toc.dat is no table of contents of pg_dump's"))
        if not sniffed.packing and sniffed.look in ("custom", "tar"):
            return self._archive(_with(base, kind=sniffed.look), pile, source)
        return Examined(_pack_found(base, sniffed) if sniffed.packing else _single(base, sniffed, source))

    def _archive(self, base: ExportFound, pile: Pile, source: ObjectSource) -> Examined:
        try:
            contents = self._contents(base, source)
        except TooLong as error:
            return Examined(_with(base, trouble=_TOO_LONG if self._most < MOST else error.message))
        except BeyondReach as error:
            return Examined(_with(base, trouble="; ".join((error.message, *error.hints))))
        except UnreadableArchive as error:
            return Examined(_with(base, whole="torn", why=error.message))
        return Examined(_archive_found(base, contents, pile, source), contents)

    def _contents(self, found: ExportFound, source: ObjectSource) -> Contents:
        if found.kind != "tar":
            return read_contents(source, "custom" if found.kind == "custom" else "files", most=self._most)
        first = next(members(source, 1))
        if first is None:
            raise UnreadableArchive(f'"{source.name}" cannot be read: it is an empty tar')
        return read_contents(content_of(source, first), "files", most=self._most)

    def _snapshot_export(self, pile: Pile, base: ExportFound) -> Examined:
        found = _with(base, kind="snapshot-export", compression="inside Parquet")
        try:
            info = export_info(self.source(pile.lead).name, self._document(pile.lead))
            statuses = tuple(
                status
                for each in pile.tables_info
                for status in tables_info(self.source(each).name, self._document(each))
            )
        except UnreadableArchive as error:
            return Examined(_with(found, trouble=error.message))
        files = files_by_table(pile.name, pile.objects)
        whole, why = wholeness_of_export(info, statuses, files, has_lists=bool(pile.tables_info))
        found = _with(
            found,
            made=info.snapshot_time,
            source=info.source,
            database=", ".join(sorted({each.database for each in files})),
            tables=len({each.target for each in files} | {each.target for each in statuses}) or None,
            is_seekable=True,
            whole=whole,
            why=why,
        )
        return Examined(found, statuses=statuses)

    def _document(self, stored: StoredObject) -> bytes:
        """A whole document of RDS's, which is small."""
        source = self.source(stored)
        if stored.bytes > LONGEST_DOCUMENT:
            raise BeyondReach(f'"{source.name}" has {stored.bytes:,} bytes, and {LONGEST_DOCUMENT:,} are read at most')
        return source.read(0, stored.bytes)


def list_place(
    objects: Objects, place: ExportPlace, *, most_keys: int = MOST_KEYS, budget: ReadBudget | None = None
) -> PlaceListed:
    """What lies below a place, the newest first; raises ``Unreachable`` or ``Refused`` where the bucket cannot be listed."""
    keys = objects.details(place.prefix)
    listed = tuple(islice(keys, most_keys))
    is_cut = len(listed) == most_keys and next(keys, None) is not None
    budget = budget or ReadBudget(MOST_REQUESTS, MOST_BYTES)
    finder = Finder(objects, place.bucket, budget)
    piles = piles_of(listed, is_cut=is_cut)
    found = tuple(side_by_side(lambda pile: finder.look(pile).found, piles[:MOST_EXPORTS]))
    return PlaceListed(
        place=place,
        found=found,
        unlisted=len(piles) - len(found),
        keys=len(listed),
        is_cut=is_cut,
        last_key=listed[-1].key if listed else "",
        requests=budget.requests,
        bytes_read=budget.bytes,
    )


def _with(found: ExportFound, **fields: object) -> ExportFound:
    return found.model_copy(update=fields)


def _single(base: ExportFound, sniffed: Sniffed, source: ObjectSource) -> ExportFound:
    """A single object that is neither packed nor an archive with a table of contents."""
    match sniffed.look:
        case "sql" | "cluster-sql":
            whole, why = wholeness_of_script(source)
            return _with(_of_script(base, sniffed), whole=whole, why=why)
        case "contents":
            return _with(
                base, kind="unknown", trouble="a table of contents of pg_dump's, under a name that is not its own"
            )
        case "parquet":
            return _with(base, kind="parquet", trouble="no export_info document is beside it or above")
        case _:
            return _with(base, kind="unknown")


def _of_script(base: ExportFound, sniffed: Sniffed) -> ExportFound:
    head = script_head(sniffed.content)
    return _with(
        base,
        kind=sniffed.look,
        server=head.server if head else "",
        program=head.program if head else "",
        compression=sniffed.packing or "none",
        is_seekable=False,
    )


_INSIDE = {
    "custom": "a custom archive, packed once more: it can only be read whole",
    "contents": "a table of contents without its files",
    "tar": "a tar of pg_dump's, packed: it can only be read whole",
    "parquet": "a Parquet file, packed as a whole",
    "unknown": "nothing that is known here",
}


def _pack_found(base: ExportFound, sniffed: Sniffed) -> ExportFound:
    """What is packed as a whole: its end cannot be seen without unpacking all of it."""
    if sniffed.look in ("sql", "cluster-sql"):
        return _with(
            _of_script(base, sniffed), why="its end is packed: only reading it whole shows whether all is there"
        )
    trouble = sniffed.why or f"inside is {_INSIDE[sniffed.look]}"
    return _with(base, kind="packed", compression=sniffed.packing, trouble=trouble)


def _archive_found(base: ExportFound, contents: Contents, pile: Pile, source: ObjectSource) -> ExportFound:
    header = contents.header
    match base.kind:
        case "custom":
            whole, why = wholeness_of_custom(contents, source)
            is_seekable = not lacks_offsets(contents)
        case "directory":
            whole, why = wholeness_of_directory(contents, pile)
            is_seekable = True
        case _:
            whole, why = wholeness_of_tar(source)
            is_seekable = True
    return _with(
        base,
        made=header.made,
        database=readable(header.database),
        server=readable(header.server),
        program=readable(header.program),
        compression=contents.header.compression,
        tables=number_of_tables(contents),
        is_seekable=is_seekable,
        whole=whole,
        why=why,
    )
