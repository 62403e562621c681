"""One export, looked into: its tables with their sizes, and what would come along with some of them."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice

from daybreak.archive.blocks import blocks_of, lacks_offsets
from daybreak.archive.choosing import choose
from daybreak.archive.contents import MOST, Contents
from daybreak.archive.damage import UnreadableArchive
from daybreak.archive.layout import Pile, piles_of
from daybreak.archive.parquet import TAIL, footer_length, rows_in
from daybreak.archive.snapshot_export import TableFiles, files_by_table
from daybreak.archive.tables import SizeOf, choice_shown, tables_of, tables_of_export
from daybreak.archive.tape import members
from daybreak.aws.objects import Objects
from daybreak.errors import DaybreakError, Refused
from daybreak.model.exports import ExportPlace, ExportShown, StoredObject
from daybreak.observe.exports import MOST_KEYS, Examined, Finder
from daybreak.observe.ranges import ReadBudget, side_by_side

_MOST_NAMED = 10
MOST_REQUESTS = 4_000
MOST_BYTES = MOST + (64 << 20)
"""What one look into an export may fetch: the longest table of contents, and the ends of many files."""
MOST_MEMBERS = 1_000
"""Files of a tar whose headers are read, each by a request of its own."""
MOST_FILES = 1_000
"""Parquet files whose ends are read, to count their rows."""


@dataclass(frozen=True)
class TablesWanted:
    """The tables that a person asks for; where it names nothing, nobody asks what comes along."""

    tables: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tables or self.schemas)


def show_export(objects: Objects, place: ExportPlace, wanted: TablesWanted) -> ExportShown:
    """What is in the export at a place.

    Raises ``Refused`` where nothing is there, or several things, or a wanted table is not in it, and ``Unreachable`` where the
    bucket does not answer.
    """
    budget = ReadBudget(MOST_REQUESTS, MOST_BYTES)
    finder = Finder(objects, place.bucket, budget, most=MOST)
    pile = find_pile(objects, place)
    examined = finder.look(pile)
    shown = _Inside(finder, pile, examined).show(wanted)
    if pile.is_cut:
        trouble = f"it has more than {MOST_KEYS:,} objects, and only those were counted"
        shown = shown.model_copy(update={"tables_trouble": trouble})
    return shown.model_copy(update={"requests": budget.requests, "bytes_read": budget.bytes})


def find_pile(objects: Objects, place: ExportPlace) -> Pile:
    """The one pile at a place: a key, a folder with or without its slash, or a file that stands for its folder."""
    listed, is_cut = _some(objects, place.prefix)
    names = {place.prefix, f"{place.prefix.rstrip('/')}/"}
    below = [each for each in listed if each.key in names or each.key.startswith(f"{place.prefix.rstrip('/')}/")]
    piles = piles_of(below if place.prefix else listed, is_cut=is_cut)
    exact = [each for each in piles if each.name in names]
    found = exact or piles
    if not found:
        raise Refused(f'there is nothing at "{place.address}"', "daybreak exports list TARGET  # shows what is there")
    if len(found) > 1:
        names_found = tuple(f"s3://{place.bucket}/{each.name}" for each in found[:_MOST_NAMED])
        how_many = f"more than {len(found):,}" if is_cut else f"{len(found):,}"
        shown = f", and these are the first {_MOST_NAMED}" if len(found) > _MOST_NAMED else ""
        raise Refused(
            f'{how_many} exports lie below "{place.address}"{shown}',
            "name one of them",
            f"daybreak exports list TARGET --in {shlex.quote(place.address)}  # lists them all",
            reasons=names_found,
        )
    (pile,) = found
    if pile.shape != "file" and len(pile.name) < len(place.prefix):
        listed, is_cut = _some(objects, pile.name)
        pile = next(each for each in piles_of(listed, is_cut=is_cut) if each.name == pile.name)
    return pile


def _some(objects: Objects, prefix: str) -> tuple[tuple[StoredObject, ...], bool]:
    keys = objects.details(prefix)
    listed = tuple(islice(keys, MOST_KEYS))
    return listed, len(listed) == MOST_KEYS and next(keys, None) is not None


class _Inside:
    def __init__(self, finder: Finder, pile: Pile, examined: Examined) -> None:
        self._finder = finder
        self._pile = pile
        self._examined = examined
        self._troubles: list[str] = []

    def show(self, wanted: TablesWanted) -> ExportShown:
        found = self._examined.found
        contents = self._examined.contents
        if contents is None:
            self._refuse_choice(wanted)
            return self._without_contents()
        size_of = self._sizes(contents)
        choice = choose(contents, wanted.tables, wanted.schemas) if wanted else None
        return ExportShown(
            export=found,
            tables=tables_of(contents, size_of),
            tables_trouble="; ".join(self._troubles),
            choice=choice_shown(choice, size_of) if choice else None,
        )

    def _refuse_choice(self, wanted: TablesWanted) -> None:
        if wanted:
            found = self._examined.found
            why = found.trouble or found.why or f"its kind is {found.kind}"
            raise Refused(
                f'what comes along with a table is known of an archive with a table of contents, and "{found.address}" shows none: {why}',
                "leave --table and --schema out",
            )

    def _sizes(self, contents: Contents) -> SizeOf:
        match self._examined.found.kind:
            case "custom":
                return self._sizes_of_blocks(contents)
            case "directory":
                there = self._pile.files()
                return lambda entry: there[entry.file].bytes if entry.file in there else None
            case _:
                sizes = self._sizes_of_members()
                return lambda entry: sizes.get(entry.file)

    def _sizes_of_blocks(self, contents: Contents) -> SizeOf:
        lead = self._pile.lead
        try:
            blocks = blocks_of(contents, self._finder.source(lead).name, lead.bytes)
        except UnreadableArchive as error:
            self._troubles.append(error.message)
            return lambda _: None
        if lacks_offsets(contents):
            self._troubles.append("it has no offsets, so its sizes are known only where it is read whole")
        return lambda entry: blocks[entry.id].length if entry.id in blocks else None

    def _sizes_of_members(self) -> Mapping[str, int]:
        found: dict[str, int] = {}
        source = self._finder.source(self._pile.lead)
        try:
            source.prefix()
            for member in members(source, MOST_MEMBERS):
                if member is None:
                    return found
                found[member.name] = member.size
        except DaybreakError as error:
            self._troubles.append(error.message)
        else:
            self._troubles.append(f"the sizes of its first {MOST_MEMBERS:,} files were read, and no others")
        return found

    def _without_contents(self) -> ExportShown:
        found = self._examined.found
        match found.kind:
            case "snapshot-export":
                files = files_by_table(self._pile.name, self._pile.objects)
                if not files and not self._examined.statuses:
                    self._troubles.append("its tables: it has no list of them, and no file of one")
                rows = self._rows(files)
                counted = [number for number in rows.values() if number is not None]
                total = sum(counted) if counted and len(counted) == len(rows) else None
                return ExportShown(
                    export=found.model_copy(update={"rows": total}),
                    tables=tuple(tables_of_export(files, self._examined.statuses, rows)),
                    tables_trouble="; ".join(self._troubles),
                )
            case "parquet":
                one = TableFiles("", self._pile.name, self._pile.objects)
                rows = self._rows((one,))
                return ExportShown(
                    export=found.model_copy(update={"rows": rows[one.target]}), tables_trouble="; ".join(self._troubles)
                )
            case "sql" | "cluster-sql":
                why = "a script has no table of contents: its tables are known only where it is read whole"
                return ExportShown(export=found, tables_trouble=why)
            case _:
                return ExportShown(export=found, tables_trouble=found.trouble or found.why)

    def _rows(self, tables: Collection[TableFiles]) -> dict[str, int | None]:
        """The rows of each table, of which every file says how many it has; ``None`` where one does not."""
        files = [file for each in tables for file in each.files if file.bytes]
        if len(files) > MOST_FILES:
            self._troubles.append(
                f"its rows were not counted: it has {len(files):,} files, and {MOST_FILES:,} are read at most"
            )
            return {each.target: None for each in tables}
        counted = dict(zip((file.key for file in files), side_by_side(self._rows_of, files), strict=True))
        rows: dict[str, int | None] = {}
        for each in tables:
            numbers = [counted[file.key] for file in each.files if file.bytes]
            known = [number for number in numbers if isinstance(number, int)]
            self._troubles += sorted({number for number in numbers if isinstance(number, str)})
            rows[each.target] = sum(known) if numbers and len(known) == len(numbers) else None
        return rows

    def _rows_of(self, file: StoredObject) -> int | str:
        """The rows of a file, or why they are not known."""
        source = self._finder.source(file)
        try:
            tail = source.read(max(0, file.bytes - TAIL), TAIL)
            length = footer_length(source.name, tail, file.bytes)
            if length > len(tail):
                tail = source.read(file.bytes - length, length)
            return rows_in(source.name, tail[-length:])
        except DaybreakError as error:
            return error.message
