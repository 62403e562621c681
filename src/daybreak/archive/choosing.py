"""What comes along with wanted tables, and what stays: decided from the table of contents alone. Pure.

The law: every entry ends up in one place. It comes because it is wanted, because something that comes needs it, or because it
belongs to something that comes; it is left out, by name and with the reason, because it points at what comes and would bring
other tables with it, or is no part of them; or it has nothing to do with what is wanted, and is counted by its kind.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from daybreak.archive.contents import ArchiveEntry, Contents
from daybreak.errors import Refused
from daybreak.model.names import comma_list, did_you_mean, printable, sql_identifier
from daybreak.model.table_names import forms_of, table_words

_TABLES = frozenset({"TABLE", "FOREIGN TABLE"})
_RELATIONS = _TABLES | {"VIEW", "MATERIALIZED VIEW"}
"""What is never brought only because something that belongs to a wanted table needs it."""
_ALWAYS = frozenset({"ENCODING", "STDSTRINGS", "SEARCHPATH"})
"""How the archive itself is to be read."""
_ROWS = frozenset({"TABLE DATA", "STATISTICS DATA"})
"""What comes with a wanted table, and not with one whose definition alone is needed."""
_BELONGING = _ROWS | {
    "ACL", "CHECK CONSTRAINT", "COMMENT", "CONSTRAINT", "DEFAULT", "FK CONSTRAINT", "INDEX", "INDEX ATTACH", "POLICY",
    "ROW SECURITY", "RULE", "SECURITY LABEL", "SEQUENCE", "SEQUENCE OWNED BY", "SEQUENCE SET", "STATISTICS",
    "TABLE ATTACH", "TRIGGER",
}  # fmt: skip
"""What is a part of the object that it depends on."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An entry that points at what comes, and stays."""

    entry: ArchiveEntry
    because: ArchiveEntry
    """What it needs that does not come, or what it points at and is no part of."""
    is_part: bool
    """Whether it would be a part of what comes, such as a foreign key, if what it needs came too."""

    @property
    def words(self) -> str:
        """Why it stays."""
        if self.is_part:
            return f"it needs {self.because.label}, which is not wanted"
        return f"it points at {self.because.label}, and is no part of it"


@dataclass(frozen=True, slots=True)
class ArchiveChoice:
    """What to take of an archive; each row is in the archive's order."""

    wanted: tuple[ArchiveEntry, ...]
    """The tables whose rows come: those named, and the partitions of those."""
    needed: tuple[ArchiveEntry, ...]
    """What they and their parts cannot be made without."""
    belonging: tuple[ArchiveEntry, ...]
    """What is a part of something that comes."""
    left_out: tuple[LeftOut, ...]
    unrelated: Mapping[str, int]
    """How many entries of each kind have nothing to do with what is wanted."""

    @property
    def without_rows(self) -> tuple[ArchiveEntry, ...]:
        """The tables that come as definitions only, because something needs them."""
        return tuple(entry for entry in self.needed if entry.kind in _TABLES)


def choose(contents: Contents, tables: Collection[str] = (), schemas: Collection[str] = ()) -> ArchiveChoice:
    """What comes along with the tables of these names, and all tables of these schemas.

    A table is named with its schema, or without where one table only is called so. Raises ``Refused`` with every name that
    the archive does not have, or has several times.
    """
    graph = EntryGraph(contents.entries)
    wanted = graph.with_partitions(_tables_by_name(contents.entries, tables, schemas))
    always = {each.id for each in contents.entries if each.kind in _ALWAYS}
    needed = (graph.closure(wanted, set()) - wanted) | always
    belonging, missing = parts_of(graph, wanted, needed)
    # What a part needs was added with it, and is itself no part.
    parts = {number for number in belonging if graph.entries[number].kind in _BELONGING}
    needed |= belonging - parts
    left = tuple(_entries_left_out(graph, wanted, needed | parts, missing))
    out = {each.entry.id for each in left} | wanted | needed | parts
    return ArchiveChoice(
        wanted=graph.in_order(wanted),
        needed=graph.in_order(needed),
        belonging=graph.in_order(parts),
        left_out=left,
        unrelated=dict(sorted(Counter(each.kind for each in contents.entries if each.id not in out).items())),
    )


def _tables_by_name(entries: Iterable[ArchiveEntry], tables: Collection[str], schemas: Collection[str]) -> set[int]:
    by_name: dict[str, list[ArchiveEntry]] = defaultdict(list)
    by_schema: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        if entry.kind in _TABLES:
            by_schema[entry.schema].add(entry.id)
            for name in dict.fromkeys(forms_of(entry.schema, entry.name)):
                by_name[name].append(entry)
        elif entry.kind == "SCHEMA":
            by_schema.setdefault(entry.name, set())
    reasons = []
    found: set[int] = set()
    for name in tables:
        alike = by_name.get(name, [])
        exact = [each for each in alike if name not in (each.name, sql_identifier(each.name))]
        several = exact or alike
        if len(several) == 1:
            found.add(several[0].id)
        elif several:
            names = comma_list(sorted(printable(table_words(each.schema, each.name)) for each in several))
            reasons.append(f'several tables are called "{printable(name)}": {names}')
        else:
            known = {table_words(entry.schema, entry.name) for alike in by_name.values() for entry in alike}
            bare = {entry.name for alike in by_name.values() for entry in alike}
            reasons.append(f'it has no table "{printable(name)}"{did_you_mean(name, known | bare)}')
    for name in schemas:
        if name not in by_schema:
            reasons.append(f'it has no schema "{printable(name)}"{did_you_mean(name, by_schema)}')
        found |= by_schema.get(name, set())
    if reasons:
        raise Refused(
            "the archive does not have what was asked for",
            "leave --table out to list its tables",
            reasons=tuple(reasons),
        )
    return found


class EntryGraph:
    """Who needs whom."""

    def __init__(self, entries: tuple[ArchiveEntry, ...]) -> None:
        self.entries = {each.id: each for each in entries}
        self.needs = {each.id: tuple(n for n in each.needs if n in self.entries and n != each.id) for each in entries}
        self.needed_by: dict[int, list[int]] = defaultdict(list)
        for number, needs in self.needs.items():
            for other in dict.fromkeys(needs):
                self.needed_by[other].append(number)
        self._below = self._partitions()

    def in_order(self, numbers: Collection[int]) -> tuple[ArchiveEntry, ...]:
        """The entries of these numbers as the archive has them."""
        return tuple(entry for number, entry in self.entries.items() if number in numbers)

    def closure(self, roots: Iterable[int], within: Collection[int]) -> set[int]:
        """The roots and all that they need, but for what is ``within`` already."""
        found: set[int] = set()
        waiting = [each for each in roots if each not in within]
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting.extend(each for each in self.needs[number] if each not in within)
        return found

    def _partitions(self) -> dict[int, set[int]]:
        below: dict[int, set[int]] = defaultdict(set)
        for entry in self.entries.values():
            if entry.kind == "TABLE ATTACH":
                child, *above = sorted(
                    (self.entries[each] for each in self.needs[entry.id] if self.entries[each].kind in _TABLES),
                    key=lambda each: (each.schema, each.name) != (entry.schema, entry.name),
                ) or (entry,)
                for parent in above:
                    below[parent.id].add(child.id)
        return below

    def with_partitions(self, roots: set[int]) -> set[int]:
        """The roots, and the partitions of those that have some, at every level: their rows lie there."""
        found: set[int] = set()
        waiting = list(roots)
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting.extend(self._below.get(number, ()))
        return found


def parts_of(
    graph: EntryGraph, wanted: set[int], needed: set[int], roots: set[int] | None = None
) -> tuple[set[int], dict[int, int]]:
    """What belongs to what comes, with all that it needs; and of what cannot come, the relation that it lacks.

    With ``roots`` only what belongs to those, and to what that needs.
    """
    comes = wanted | needed
    found: set[int] = set()
    missing: dict[int, int] = {}
    waiting = sorted(comes if roots is None else roots)
    while waiting:
        for number in graph.needed_by.get(waiting.pop(), ()):
            entry = graph.entries[number]
            if number in comes or number in missing or entry.kind not in _BELONGING:
                continue
            if entry.kind in _ROWS and not wanted.intersection(graph.needs[number]):
                continue
            more = graph.closure((number,), comes)
            lacks = [each for each in more if graph.entries[each].kind in _RELATIONS]
            if lacks:
                missing[number] = min(lacks)
                continue
            comes |= more
            found |= more
            waiting.extend(more)
    return found, missing


def _entries_left_out(
    graph: EntryGraph, wanted: set[int], comes: set[int], missing: Mapping[int, int]
) -> Iterator[LeftOut]:
    """What points at a wanted table or one of its parts, and what points at that, the first before the next."""
    own = _own_parts(graph, wanted, comes)
    seen: set[int] = set()
    waiting = sorted(own)
    while waiting:
        following: list[int] = []
        for number in waiting:
            for other in graph.needed_by.get(number, ()):
                if other in comes or other in wanted or other in seen:
                    continue
                seen.add(other)
                following.append(other)
                is_part = other in missing
                because = graph.entries[missing[other] if is_part else number]
                yield LeftOut(graph.entries[other], because, is_part)
        waiting = sorted(following)


def _own_parts(graph: EntryGraph, wanted: set[int], comes: set[int]) -> set[int]:
    """The wanted tables and what is a part of one of them."""
    own = set(wanted)
    waiting = list(wanted)
    while waiting:
        for number in graph.needed_by.get(waiting.pop(), ()):
            if number in comes and number not in own and graph.entries[number].kind in _BELONGING:
                own.add(number)
                waiting.append(number)
    return own
