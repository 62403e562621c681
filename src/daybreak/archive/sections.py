"""In which order an archive is loaded while it still comes: by sections, and of the rows what is here. Pure.

The law: what is loaded in parts is what pg_restore makes of the whole. What an earlier process loaded is asked of the database, and
an entry for which that cannot be asked is known for it before anybody relies on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from daybreak.archive.contents import ArchiveEntry, Contents, Section

ROWS = "TABLE DATA"
LARGE = "BLOBS"
"""The kinds of the entries that have the rows of a table, and large objects."""
_SMALL_SHARE = 4
"""The smallest tables come first, until they are one in so many of all bytes but the largest one's: there is work at once, and for
as long as that one comes.
"""
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_AGAIN = frozenset({
    "COMMENT", "EXTENDED STATISTICS DATA", "INDEX ATTACH", "MATERIALIZED VIEW DATA", "ROW SECURITY", "STATISTICS DATA",
})  # fmt: skip
"""Kinds of which a second time changes nothing."""
FOUND_BY_NAME = frozenset({
    "CHECK CONSTRAINT", "CONSTRAINT", "FK CONSTRAINT", "INDEX", "MATERIALIZED VIEW", "POLICY", "RULE", "STATISTICS", "TRIGGER",
    "VIEW",
})  # fmt: skip
"""Kinds that the catalogs find by name, and that are whole where they are found."""


def by_section(contents: Contents, kept: Iterable[ArchiveEntry]) -> dict[Section, tuple[ArchiveEntry, ...]]:
    """The kept entries by their section; one that has none, as a comment, is in that of the entry before it, as for pg_restore."""
    wanted = {each.id for each in kept}
    found: dict[Section, list[ArchiveEntry]] = {"pre-data": [], "data": [], "post-data": []}
    now: Section = "pre-data"
    for each in contents.entries:
        now = each.section if each.section != "none" else now
        if each.id in wanted:
            found[now].append(each)
    return {section: tuple(entries) for section, entries in found.items()}


def order_of_arrival(sizes: Sequence[int]) -> tuple[int, ...]:
    """The places of tables of these sizes, in the order in which they are best fetched: some small ones, then the largest first.

    So nothing large is left to load once the last byte is here.

    >>> order_of_arrival([500, 10, 20, 300, 90, 80])
    (1, 2, 5, 0, 3, 4)
    """
    rising = sorted(range(len(sizes)), key=lambda each: sizes[each])
    total, small, number = sum(sizes) - max(sizes, default=0), 0, 0
    for place in rising:
        if (small + sizes[place]) * _SMALL_SHARE > total:
            break
        small, number = small + sizes[place], number + 1
    return (*rising[:number], *reversed(rising[number:]))


def is_all_or_nothing(entry: ArchiveEntry) -> bool:
    """Whether the rows of an entry come by one statement into its own table, so that a table with a row has all of them.

    Not so for rows that were dumped as ``INSERT``, that go to the root of partitions, and for large objects.
    """
    return entry.kind == ROWS and any(
        entry.copy.startswith(f"COPY {schema}.{name} ")
        for schema in _spelt(entry.schema)
        for name in _spelt(entry.name)
    )


def can_go_on(rows: Iterable[ArchiveEntry], rest: Iterable[ArchiveEntry]) -> bool:
    """Whether a load that was killed can go on: of each entry it can be asked whether it is there, or it may be made twice."""
    return all(not each.has_data or is_all_or_nothing(each) for each in rows) and all(
        each.kind in FOUND_BY_NAME or may_be_made_again(each) for each in rest
    )


def may_be_made_again(entry: ArchiveEntry) -> bool:
    """Whether to make an entry a second time changes nothing."""
    return entry.kind in _AGAIN or entry.definition.startswith("CREATE OR REPLACE ")


def _spelt(name: str) -> tuple[str, ...]:
    quoted = '"' + name.replace('"', '""') + '"'
    return (name, quoted) if _PLAIN.fullmatch(name) else (quoted,)
