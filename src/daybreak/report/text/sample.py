"""What ``daybreak sample`` shows a person: one line for each sample, and what is kept, hour by hour."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import humanize
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from daybreak.model.names import printable
from daybreak.model.samples import KeptSample, Sample
from daybreak.model.value import stamp
from daybreak.report.words import Fitting, many, plain

HOURS = 24
"""How many hours a list shows one by one, the newest; what is older stands in one line."""


def sample_line(kept: KeptSample, sample: Sample, notes: tuple[str, ...] = ()) -> RenderableType:
    """A sample that was just kept, and below it what it does not say."""
    server = sample.server
    flying = "unknown" if server.in_flight is None else f"{len(server.in_flight) + server.more_in_flight:,}"
    tables = many(sum(len(each.tables) for each in sample.databases), "table")
    of = f"{many(len(sample.databases), 'database')}, {tables}"
    words = f"{stamp(sample.stands_for)}: transaction {server.xmax:,}, {flying} in flight, {of}"
    took = f"{sample.took.total_seconds() * 1000:,.0f} ms, {humanize.naturalsize(kept.size)}"
    beyond = [(what, why) for what, why in server.beyond.items()]
    beyond += [(f"{one.database}: {what}", why) for one in sample.databases for what, why in one.beyond.items()]
    return Group(
        plain(f"{words} ({took}), kept in {kept.place}"),
        *(plain(f"not seen: {printable(what)}: {why}", "yellow") for what, why in sample.gaps),
        *(plain(f"not to be seen there: {printable(what)}: {why}", "dim") for what, why in beyond),
        *(plain(f"note: {note}", "yellow") for note in notes),
    )


def samples_view(kept: tuple[KeptSample, ...], read: Callable[[KeptSample], Sample | str]) -> RenderableType:
    """The kept samples by the hour, newest first. ``read`` gives one, or why it cannot be read; the newest is tried."""
    if not kept:
        return plain("no sample is kept")
    hours = [(hour, list(group)) for hour, group in groupby(kept, key=lambda each: each.hour)]
    table = Table("hour", "samples", "bytes", "first", "last", "place", box=box.SIMPLE_HEAD)
    for hour, group in reversed(hours[-HOURS:]):
        size = humanize.naturalsize(sum(each.size for each in group))
        first, last = stamp(group[0].stands_for), stamp(group[-1].stands_for)
        table.add_row(stamp(hour), f"{len(group):,}", size, first, last, plain(group[-1].place))
    older = [each for _, group in hours[:-HOURS] for each in group]
    size = humanize.naturalsize(sum(each.size for each in kept))
    newest = read(kept[-1])
    return Group(
        Fitting(table),
        *(
            [plain(f"and {many(len(older), 'sample')} from before, since {stamp(older[0].stands_for)}")]
            if older
            else []
        ),
        plain(f"{many(len(kept), 'sample')} in all, {size}"),
        *([plain(f"the newest cannot be read: {newest}", "yellow")] if isinstance(newest, str) else []),
    )
