"""What ``daybreak baseline`` shows a person: what was recorded, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import humanize
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from daybreak.model.baseline import Baseline
from daybreak.model.kept import Kept
from daybreak.model.trust import OLD_HASH
from daybreak.model.value import stamp
from daybreak.report.words import Fitting, plain

Span = tuple[datetime, datetime]
"""The first and the last instant at which a baseline's tables were read."""

NEWEST = 12
"""Of how many baselines a list says whether their tables are of one instant; for that each has to be read."""

LARGEST = 12
"""How many tables the screen names; the JSON has the rest."""


def baseline_view(kept: Kept, baseline: Baseline) -> RenderableType:
    """A baseline that was just kept: its moment, its largest tables, and what it does not cover."""
    table = Table("table", "rows", "newest", "size", box=box.SIMPLE_HEAD)
    largest = sorted(baseline.tables, key=lambda each: (-each.size, each.name))
    for each in largest[:LARGEST]:
        rows = f"{each.rows:,}" if each.is_exact else f"about {each.rows:,}"
        newest = f"{stamp(each.newest)} in {each.clock}" if each.newest else ""
        table.add_row(plain(each.name), rows, plain(newest), humanize.naturalsize(each.size))
    total = sum(each.rows for each in baseline.tables)
    head = f"baseline of {kept.target} as of {stamp(kept.stands_for)}: {total:,} rows in {len(baseline.tables)} tables"
    rest = len(largest) - LARGEST
    first, last = baseline.instants
    apart = f"its tables are not of one instant: they were read between {stamp(first)} and {stamp(last)}"
    several = [each for each in largest if each.taken is not None and not each.is_exact]
    return Group(
        plain(head, "bold"),
        Fitting(table),
        *([plain(f"and {rest} smaller tables")] if rest > 0 else []),
        *([plain(apart, "yellow")] if first != last else []),
        *(plain(f"not exact: {each.name}: {each.note}", "yellow") for each in several),
        *(plain(f"not recorded: {name}: {why}", "yellow") for name, why in baseline.left_out.items()),
        *([plain(f"the login gets in, {OLD_HASH}", "yellow")] if baseline.inventory.proof == "md5" else []),
        plain(f"kept in {kept.place} as {kept.sha256[:12]}"),
    )


def baselines_view(kept: tuple[Kept, ...], span_of: Callable[[Kept], Span | None]) -> RenderableType:
    """The kept baselines, newest first; ``span_of`` reads between which instants the tables of one were read."""
    if not kept:
        return plain("no baseline is kept")
    table = Table("stands for", "digest", "place", "its tables", box=box.SIMPLE_HEAD)
    for number, each in enumerate(reversed(kept)):
        words = _words_for_span(span_of(each)) if number < NEWEST else ""
        table.add_row(stamp(each.stands_for), each.sha256[:12], plain(each.place), words)
    return Fitting(table)


def _words_for_span(span: Span | None) -> str:
    if span is None:
        return "cannot be read"
    first, last = span
    return "of one instant" if first == last else f"read from {stamp(first)} on"
