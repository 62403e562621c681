"""What a table of contents lists for a table that a living database lacks: what is made of it there, and what is left for a person. Pure.

The law is that of choosing: every entry ends up in one place. Code is left, with its statement; so is what belongs to other tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from daybreak.archive.choosing import EntryGraph, parts_of
from daybreak.archive.contents import ArchiveEntry, Contents
from daybreak.archive.foreign_keys import read_key
from daybreak.model.creations import Creation, KeyToMake, ThingListed

_MADE = frozenset({
    "CHECK CONSTRAINT", "COLLATION", "CONSTRAINT", "DEFAULT", "DOMAIN", "INDEX", "ROW SECURITY", "SCHEMA", "SEQUENCE", "TABLE", "TYPE",
})  # fmt: skip
_SILENT = frozenset({
    "ACL", "COMMENT", "ENCODING", "EXTENSION", "INDEX ATTACH", "SEARCHPATH", "SEQUENCE OWNED BY", "SEQUENCE SET", "STATISTICS DATA",
    "STDSTRINGS", "TABLE ATTACH", "TABLE DATA",
})  # fmt: skip
"""What is a part of something else that is listed, or must be there already."""
_COMMENT_LEFT = re.compile(r"COMMENT ON (?!TABLE |COLUMN |INDEX |CONSTRAINT (?!.* ON DOMAIN ))", re.DOTALL)
_KEY = "FK CONSTRAINT"
_CODE = "it is code of the archive's, and that runs nowhere but in the scratch database"
_WHY = {
    "STATISTICS": "it only helps the server to plan",
    "SECURITY LABEL": "its provider may not be there",
    "PUBLICATION TABLE": "what is sent elsewhere is for you to say",
}


def list_creations(contents: Contents, tables: Iterable[tuple[str, str]]) -> Iterator[Creation]:
    """What would be made of each of these tables under its own name, in their order."""
    graph = EntryGraph(contents.entries)
    by_name = {(each.schema, each.name): each.id for each in contents.entries if each.kind == "TABLE"}
    for table in tables:
        yield _creation(graph, table, by_name.get(table))


def _creation(graph: EntryGraph, table: tuple[str, str], number: int | None) -> Creation:
    if number is None:
        return Creation(into=table)
    wanted = graph.with_partitions({number})
    needed = graph.closure(wanted, set()) - wanted
    parts, missing = parts_of(graph, wanted, needed, wanted)
    own = {(graph.entries[each].schema, graph.entries[each].name) for each in wanted}
    comes = wanted | needed | parts
    things: list[ThingListed] = []
    keys: list[KeyToMake] = []
    for entry in graph.in_order(comes | set(missing)):
        key = read_key(entry.definition) if entry.kind == _KEY else None
        if key is not None and key.table in own:
            keys.append(key)
        elif entry.kind == "TABLE ATTACH" and entry.id in missing:
            things.append(_thing_of(entry, "it comes as a table of its own"))
        elif entry.kind not in _SILENT:
            things.append(_thing_of(entry, _why_not(entry, is_wanted=entry.id in wanted)))
    things += (
        _thing_of(entry, "it points at the table, and is no part of it")
        for entry in graph.in_order(
            {other for each in wanted | parts for other in graph.needed_by.get(each, ())} - comes - set(missing)
        )
        if entry.kind not in _SILENT
    )
    things += (
        _thing_of(entry, "of comments, those on tables, columns, constraints and indexes come")
        for entry in graph.in_order(comes | {other for each in needed for other in graph.needed_by.get(each, ())})
        if entry.kind == "COMMENT" and _COMMENT_LEFT.match(entry.definition)
    )
    return Creation(into=table, things=tuple(things), keys=tuple(keys))


def _why_not(entry: ArchiveEntry, *, is_wanted: bool) -> str:
    if entry.kind == "TABLE" and not is_wanted:
        return "the table inherits from it, and comes as one of its own: its statement to inherit stands in the report"
    if entry.kind == _KEY:
        return "it is none that we understand"
    return "" if entry.kind in _MADE else _WHY.get(entry.kind, _CODE)


def _thing_of(entry: ArchiveEntry, why_not: str) -> ThingListed:
    return ThingListed(label=entry.label, statement=entry.definition.strip(), why_not=why_not)
