"""What ``daybreak baseline`` shows a person: what was recorded, and what is kept."""

from __future__ import annotations

import humanize
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from daybreak.model.baseline import Baseline
from daybreak.model.kept import Kept
from daybreak.model.trust import OLD_HASH
from daybreak.model.value import stamp
from daybreak.report.words import Fitting, plain

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
    return Group(
        plain(head, "bold"),
        Fitting(table),
        *([plain(f"and {rest} smaller tables")] if rest > 0 else []),
        *(plain(f"not recorded: {name}: {why}", "yellow") for name, why in baseline.left_out.items()),
        *([plain(f"the login gets in, {OLD_HASH}", "yellow")] if baseline.inventory.proof == "md5" else []),
        plain(f"kept in {kept.place} as {kept.sha256[:12]}"),
    )


def baselines_view(kept: tuple[Kept, ...]) -> RenderableType:
    """The kept baselines, newest first."""
    if not kept:
        return plain("no baseline is kept")
    table = Table("stands for", "digest", "place", box=box.SIMPLE_HEAD)
    for each in reversed(kept):
        table.add_row(stamp(each.stands_for), each.sha256[:12], plain(each.place))
    return Fitting(table)
