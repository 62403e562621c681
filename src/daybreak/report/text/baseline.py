"""What ``daybreak baseline`` shows a person: what was recorded, and what is kept."""

from __future__ import annotations

from collections.abc import Callable

import humanize
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from daybreak.model.baseline import Baseline
from daybreak.model.kept import Kept
from daybreak.model.names import comma_list, printable
from daybreak.model.trust import OLD_HASH
from daybreak.model.value import stamp
from daybreak.report.costs import cost_words
from daybreak.report.words import Fitting, many, plain

NEWEST = 12
"""Of how many baselines a list says their region, and whether their tables are of one instant: each has to be read for that."""

LARGEST = 12
"""How many tables the screen names; the JSON has the rest."""


def baseline_view(kept: Kept, baseline: Baseline) -> RenderableType:
    """A baseline that was just kept: its moment, its largest tables, and what it does not cover."""
    every = [(each, _in(baseline, each.database), each.tables) for each in baseline.databases]
    tables = [(where, table) for _, where, listed in every for table in listed]
    table = Table("table", "rows", "newest", "size", box=box.SIMPLE_HEAD)
    largest = sorted(tables, key=lambda pair: (-pair[1].size, pair[0], pair[1].name))
    for where, each in largest[:LARGEST]:
        rows = f"{each.rows:,}" if each.is_exact else f"about {each.rows:,}"
        newest = f"{stamp(each.newest)} in {each.clock}" if each.newest else ""
        table.add_row(plain(where + each.name), rows, plain(newest), humanize.naturalsize(each.size))
    total = sum(each.rows for _, each in tables)
    names = comma_list([printable(each.database) for each in baseline.databases])
    of = f"{many(len(baseline.databases), 'database')} ({names}), {many(len(tables), 'table')}"
    head = f"baseline of {kept.target} as of {stamp(kept.stands_for)}: {total:,} rows in {of}"
    rest = len(largest) - LARGEST
    first, last = baseline.instants
    apart = f"its tables are not of one instant: they were read between {stamp(first)} and {stamp(last)}"
    several = [(where, each) for where, each in largest if each.taken is not None and not each.is_exact]
    unread = [(printable(name), why) for name, why in baseline.left_out.items()]
    unread += [(where + name, why) for one, where, _ in every for name, why in one.left_out.items()]
    inventories = [(where, one.inventory) for one, where, _ in every]
    inventories += [("", baseline.shared)] if baseline.shared else []
    unread += [(f"{where}each {lack.kind}", lack.why) for where, listed in inventories for lack in listed.unlisted]
    is_old = any(listed.proof == "md5" for _, listed in inventories)
    return Group(
        plain(head, "bold"),
        Fitting(table),
        *([plain(f"and {rest} smaller tables")] if rest > 0 else []),
        *([plain(apart, "yellow")] if any(len(set(each.instants)) > 1 for each in baseline.databases) else []),
        *(plain(f"not exact: {where}{each.name}: {each.note}", "yellow") for where, each in several),
        *(plain(f"not recorded: {name}: {why}", "yellow") for name, why in unread),
        *([plain(f"the login gets in, {OLD_HASH}", "yellow")] if is_old else []),
        *([plain(f"reading took: {cost_words(baseline.cost)}", "dim")] if baseline.cost else []),
        plain(f"kept in {kept.place} as {kept.sha256[:12]}"),
    )


def _in(baseline: Baseline, database: str) -> str:
    """What stands before a name, where there are several databases."""
    return f"{printable(database)}: " if len(baseline.databases) > 1 else ""


def baselines_view(kept: tuple[Kept, ...], read: Callable[[Kept], Baseline | str]) -> RenderableType:
    """The kept baselines, newest first; ``read`` gives one, for its region and its instants, or why it cannot be read.

    One that is kept and cannot be read is no witness, so each reason stands below the table in whole.
    """
    if not kept:
        return plain("no baseline is kept")
    table = Table("stands for", "region", "digest", "place", "its tables", box=box.SIMPLE_HEAD)
    unread = []
    for number, each in enumerate(reversed(kept)):
        found = read(each) if number < NEWEST else None
        if isinstance(found, str):
            unread.append(f"{each.sha256[:12]} cannot be read: {found}")
        region = found.identity.region if isinstance(found, Baseline) else ""
        words = _words_for_instants(found)
        table.add_row(stamp(each.stands_for), plain(region), each.sha256[:12], plain(each.place), words)
    return Group(Fitting(table), *(plain(why, "yellow") for why in unread))


def _words_for_instants(found: Baseline | str | None) -> str:
    if not isinstance(found, Baseline):
        return "cannot be read" if found else ""
    first, last = found.instants
    return "of one instant" if first == last else f"read from {stamp(first)} on"
