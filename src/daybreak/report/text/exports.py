"""What ``daybreak exports`` shows a person: the newest first, what each is, and the tables of one."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daybreak.model.exports import ChoiceShown, EntryShown, ExportFound, ExportShown, ExportsListed, PlaceListed
from daybreak.model.value import stamp
from daybreak.report.exports import (
    WHOLE,
    access_words,
    by_size,
    kind_words,
    limit_words,
    manifest_words,
    moment_words,
    number_words,
    remarks,
    size_words,
    source_words,
    verdict_words,
)
from daybreak.report.words import Entry, Fitting, many, plain

_STYLES = {"ends-well": "green", "torn": "bold red", "unknown": "yellow"}
_WIDE = 12
MOST_ROWS = 200
"""Exports and tables that are listed in the text; JSON has all of them."""
MOST_ENTRIES = 20
"""Entries of a kind that are named one by one in the text; JSON has all of them."""


def exports_view(listed: ExportsListed) -> RenderableType:
    """Each place with its exports, as a table."""
    return Group(
        plain(f"{listed.target}: {listed.origin}", "bold"),
        *(part for each in listed.places for part in _place(each)),
    )


def _place(listed: PlaceListed) -> Iterator[RenderableType]:
    yield plain(f"{listed.place.address}: {verdict_words(listed)}")
    yield from (plain(words, "bold red") for words in limit_words(listed))
    if listed.found:
        yield Text()
        yield _table(listed)
        yield from _others(len(listed.found))
    noted = [(each, tuple(remarks(each))) for each in listed.found[:MOST_ROWS]]
    for found, words_of_it in noted:
        if words_of_it:
            yield Text()
            yield plain(_below(found, listed))
            yield from (Entry("  -", plain(words), 4) for words in words_of_it)
    if listed.requests:
        yield Text()
        yield plain(f"read: {size_words(listed.bytes_read)} in {many(listed.requests, 'request')}", "dim")


def _below(found: ExportFound, listed: PlaceListed) -> str:
    """The name below its place; the place itself where it is one export."""
    name = found.address.removeprefix(listed.place.address)
    return name or found.address


def _table(listed: PlaceListed) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for title in ("stored", "name", "what", "size", "tables", "complete"):
        table.add_column(title, overflow="fold", no_wrap=title in ("stored", "size"))
    for each in listed.found[:MOST_ROWS]:
        table.add_row(
            stamp(each.stored),
            plain(_below(each, listed)),
            plain(kind_words(each)),
            size_words(each.bytes),
            number_words(each.tables),
            Text(WHOLE[each.whole], _STYLES[each.whole]),
        )
    return Fitting(table)


def export_view(shown: ExportShown) -> RenderableType:
    """One export: what it is, then its tables, the largest first, then what would come along."""
    found = shown.export
    lines = [
        ("what", ", ".join(filter(None, (kind_words(found), access_words(found))))),
        ("size", f"{size_words(found.bytes)} in {many(found.objects, 'object')}"),
        ("stored", stamp(found.stored)),
        ("made", moment_words(found)),
        ("of", source_words(found)),
        ("complete", WHOLE[found.whole] + (f": {found.why}" if found.why else "")),
        ("rows", number_words(found.rows)),
        *([("said", manifest_words(found.manifest))] if found.manifest else []),
    ]
    return Group(
        plain(found.address, "bold"),
        *(Entry(f"  {label}", plain(words), _WIDE) for label, words in lines),
        *((Entry("  trouble", plain(found.trouble), _WIDE),) if found.trouble else ()),
        *_tables(shown),
        *(_choice(shown.choice) if shown.choice else ()),
        Text(),
        plain(f"read: {size_words(shown.bytes_read)} in {many(shown.requests, 'request')}", "dim"),
    )


def _tables(shown: ExportShown) -> Iterator[RenderableType]:
    if shown.tables or shown.tables_trouble:
        yield Text()
    if shown.tables:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
        # An archive of pg_dump counts no rows anywhere.
        has_rows = any(each.rows is not None for each in shown.tables)
        for title in ("table", "size in the export", *(("rows",) if has_rows else ()), ""):
            table.add_column(title, overflow="fold")
        for each in by_size(shown)[:MOST_ROWS]:
            name = f"{each.schema_name}.{each.name}" if each.schema_name else each.name
            rows = (number_words(each.rows),) if has_rows else ()
            table.add_row(plain(name), size_words(each.bytes), *rows, plain(each.note))
        yield plain(many(len(shown.tables), "table"))
        yield Fitting(table)
        yield from _others(len(shown.tables))
    if shown.tables_trouble:
        yield plain(f"not known: {shown.tables_trouble}", "yellow")


def _others(number: int) -> Iterator[RenderableType]:
    if number > MOST_ROWS:
        yield plain(f"and {number - MOST_ROWS:,} more: -o json lists all", "bold")


def _choice(choice: ChoiceShown) -> Iterator[RenderableType]:
    yield Text()
    rows = "of a size that is not known" if choice.bytes is None else size_words(choice.bytes)
    yield plain(f"of these tables the rows come: {rows}", "bold")
    yield from _entries(choice.wanted)
    for title, entries in (
        ("needed, and made first", choice.needed),
        ("of those, tables that come without rows", choice.without_rows),
        ("parts of what comes", choice.belonging),
        ("LEFT OUT", choice.left_out),
    ):
        if entries:
            yield Text()
            yield plain(f"{title}: {len(entries):,}", "bold" if title == "LEFT OUT" else "")
            yield from _entries(entries)
    if choice.unrelated:
        words = ", ".join(f"{number:,} {kind}" for kind, number in choice.unrelated.items())
        yield Text()
        yield Entry("", plain(f"nothing to do with them: {words}"), 0)


def _entries(entries: tuple[EntryShown, ...]) -> Iterator[RenderableType]:
    for each in entries[:MOST_ENTRIES]:
        yield Entry("  -", plain(f"{each.kind} {each.name}" + (f": {each.why}" if each.why else "")), 4)
    if len(entries) > MOST_ENTRIES:
        yield Entry("  -", plain(f"and {len(entries) - MOST_ENTRIES:,} more: -o json names all"), 4)
