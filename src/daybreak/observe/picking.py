"""An export of which tables are wanted: what comes of it, which bytes that takes, and which columns its rows have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from daybreak.archive.choosing import ArchiveChoice, choose
from daybreak.archive.column_types import types_in
from daybreak.archive.contents import MOST, Contents
from daybreak.archive.copying import columns_of_copy
from daybreak.archive.creating import list_creations
from daybreak.archive.layout import Pile
from daybreak.archive.picking import pick
from daybreak.archive.tables import choice_shown
from daybreak.archive.tape import TarMember, members
from daybreak.aws.objects import Objects
from daybreak.errors import DaybreakError, Refused
from daybreak.model.creations import Creation
from daybreak.model.exports import ExportFound, ExportPlace
from daybreak.model.exports_seen import ExportSeen, TableOffered
from daybreak.model.names import printable
from daybreak.model.pickings import Picking
from daybreak.observe.export_tables import MOST_BYTES, MOST_MEMBERS, MOST_REQUESTS, TablesWanted, find_pile
from daybreak.observe.exports import Finder
from daybreak.observe.ranges import ReadBudget
from daybreak.postgres.restoring import major_for

_ROWS = "TABLE DATA"
_PARTITION = "TABLE ATTACH"
_MAJOR = re.compile(r"\d+")


def see_export(objects: Objects, place: ExportPlace, wanted: TablesWanted) -> ExportSeen:
    """What of an export is wanted; what speaks against that stands in it.

    Raises ``Refused`` where nothing is at the place, or several things, and ``Unreachable`` where the bucket does not answer.
    """
    finder = Finder(objects, place.bucket, ReadBudget(MOST_REQUESTS, MOST_BYTES), most=MOST)
    pile = find_pile(objects, place)
    examined = finder.look(pile)
    found, contents = examined.found, examined.contents
    if contents is None and found.kind == "sql":
        return _see_script(pile, found, wanted)
    if contents is None:
        return ExportSeen(found=found, why_not=(_why_without_contents(found),))
    seen = ExportSeen(found=found, dumped_by=major_for(contents.header))
    if not wanted:
        return _see_whole(finder, pile, contents, seen)
    try:
        choice = choose(contents, wanted.tables, wanted.schemas)
        picking = _pick(finder, pile, contents, choice, found)
    except Refused as error:
        return seen.model_copy(update={"why_not": error.reasons or (error.message,)})
    return seen.model_copy(
        update={
            "tables": tuple(_with_creations(contents, _tables(contents, choice))),
            "choice": choice_shown(choice, lambda _entry: None),
            "picking": picking,
        }
    )


def _see_script(pile: Pile, found: ExportFound, wanted: TablesWanted) -> ExportSeen:
    """A script, of which all is read: which tables are in it is known only then, so each is named in full."""
    reasons = [
        f'a script does not say which tables are in it before it is read: name "{printable(name)}" with its schema'
        for name in wanted.tables
        if not all(name.partition("."))
    ]
    if wanted.schemas:
        reasons.append("a script does not say which tables a schema has before it is read: name each with --table")
    said = _MAJOR.match(found.program) or _MAJOR.match(found.server)
    tables = (name.partition(".") for name in wanted.tables if all(name.partition(".")))
    return ExportSeen(
        found=found,
        tables=tuple(
            TableOffered(table=(schema, name), creation=Creation(into=(schema, name), is_listed=False))
            for schema, _, name in tables
        ),
        picking=pick(pile, "sql"),
        why_not=tuple(reasons),
        dumped_by=int(said[0]) if said else None,
    )


def _see_whole(finder: Finder, pile: Pile, contents: Contents, seen: ExportSeen) -> ExportSeen:
    """All of it is wanted."""
    try:
        return seen.model_copy(update={"picking": _pick(finder, pile, contents, None, seen.found)})
    except Refused as error:
        return seen.model_copy(update={"why_not": error.reasons or (error.message,)})


def _why_without_contents(found: ExportFound) -> str:
    """Why nothing can be chosen of what has no table of contents."""
    if found.trouble or found.why:
        return f"{found.address} shows no table of contents: {found.trouble or found.why}"
    return f"{found.address} is of the kind {found.kind}, of which no single table is restored here"


def _pick(finder: Finder, pile: Pile, contents: Contents, choice: ArchiveChoice | None, found: ExportFound) -> Picking:
    match found.kind:
        case "custom" | "directory":
            return pick(pile, found.kind, contents, choice)
        case _:
            headers = _members(finder, pile) if choice is not None else None
            return pick(pile, "tar", contents, choice, members=headers)


def _members(finder: Finder, pile: Pile) -> tuple[TarMember, ...] | None:
    """The members of a tar, where their headers could be read to the end."""
    found: list[TarMember] = []
    try:
        for member in members(finder.source(pile.lead), MOST_MEMBERS):
            if member is None:
                return tuple(found)
            found.append(member)
    except DaybreakError:
        return None
    return None


def _with_creations(contents: Contents, tables: Iterable[TableOffered]) -> Iterator[TableOffered]:
    """The same with what would be made of each, where the receiver lacks it."""
    offered = tuple(tables)
    for each, creation in zip(offered, list_creations(contents, (one.table for one in offered)), strict=True):
        yield each.model_copy(update={"creation": creation})


def _tables(contents: Contents, choice: ArchiveChoice) -> Iterator[TableOffered]:
    """The wanted tables, without the partitions whose table comes too: their rows come with it."""
    rows = {(each.schema, each.name): each for each in contents.entries if each.kind == _ROWS}
    partitions = {(each.schema, each.name) for each in choice.belonging if each.kind == _PARTITION}
    for entry in choice.wanted:
        key = (entry.schema, entry.name)
        if key not in partitions:
            of_rows = rows.get(key)
            types = {name: shape.words for name, shape in types_in(entry.definition).items()}
            yield TableOffered(table=key, columns=columns_of_copy(of_rows.copy) if of_rows else None, types=types)
